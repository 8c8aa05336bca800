-- The recommended order goes by risk: that of what a fix closes and that of the attack paths that it cuts, each taken together
-- as `core::risk::order` says. How many paths it cuts no longer stands before everything else.

-- Constants as defaults, so that nothing is rewritten yet.
alter table fixes add column joint_risk double precision not null default 0;
alter table fixes add column joint_path_risk double precision not null default 0;

-- A gain as `fixes.gain` keeps it: below half of the least that is shown (0.0001 points) the power of two below it, so that it is
-- not written anew whenever another finding of its check moves.
create function gain_kept(gain double precision) returns double precision language sql immutable parallel safe
return case when gain >= 0.00005 then gain when gain > 0 then power(2::double precision, floor(ln(gain) / ln(2::double precision))) else 0 end;

-- One pass over the open findings and one over the paths; fixes that close nothing stay as they are.
alter table fixes no force row level security;
alter table findings no force row level security;
alter table path_cuts no force row level security;
alter table attack_paths no force row level security;
update fixes x set joint_risk = n.risk, joint_path_risk = coalesce(n.path_risk, 0), gain = gain_kept(x.gain),
    -- The weights of before, which the next version of the content would otherwise write anew one by one.
    ease = case x.ease when 0.8 then 0.9 when 0.5 then 0.8 else x.ease end
from (
    select f.tenant_id, f.fix_id, f.risk, p.risk as path_risk
    from (
        select tenant_id, fix_id, sqrt(sqrt(sum(risk::float8 * risk * risk * risk))) as risk
        from findings where state = 'open' group by tenant_id, fix_id
    ) f
    left join (
        select c.tenant_id, c.fix_id, coalesce(sqrt(sum(a.risk::float8 * a.risk) filter (where a.length > 0)), 0) as risk
        from path_cuts c join attack_paths a on a.tenant_id = c.tenant_id and a.path_id = c.path_id
        group by c.tenant_id, c.fix_id
    ) p on p.tenant_id = f.tenant_id and p.fix_id = f.fix_id
) n
where x.tenant_id = n.tenant_id and x.fix_id = n.fix_id;
alter table attack_paths force row level security;
alter table path_cuts force row level security;
alter table findings force row level security;
alter table fixes force row level security;

-- Dropping the column drops its index. The new one, being kept in the row, rewrites the table, and its indexes with it: once,
-- and without the versions that the update left behind.
alter table fixes drop column rank, add column rank double precision not null generated always as (
    (joint_risk + 0.5 * joint_path_risk + 5 * gain) * ease * case when upstream or resources > 1 then 1.25 else 1 end) stored;
create index fixes_recommended on fixes (tenant_id, rank desc, fix_id) where open_findings > 0;
