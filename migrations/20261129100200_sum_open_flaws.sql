-- The flaws that are open, each once with what a list of them shows and is sorted by, so that none is counted over findings
-- while a page is asked for. Written in the transaction that moves findings, by their subjects; subjects that are no flaws,
-- such as secrets, are not in it.
create table open_flaws (
    tenant_id uuid not null,
    flaw_id text not null,
    -- Open findings that tell of it, and the greatest risk of them.
    findings bigint not null,
    risk smallint not null,
    -- Whether a package's flaw was known to be exploited when this was written, and the forecast, null without one.
    exploited boolean not null,
    probability real,
    -- Exploited ones first, then by risk, then by forecast: one number, so that a page begins after another.
    place bigint not null generated always as (
        (exploited::int::bigint * 1000 + risk) * 2000000 + coalesce(1 + round(probability::numeric * 1000000)::bigint, 0)
    ) stored,
    primary key (tenant_id, flaw_id)
);
create index open_flaws_by_place on open_flaws (tenant_id, place desc, flaw_id);

-- From what is there. The owner does not see tenants' rows while row-level security binds it too.
alter table findings no force row level security;
alter table package_flaws no force row level security;
insert into open_flaws (tenant_id, flaw_id, findings, risk, exploited, probability)
select o.tenant_id, o.subject, o.findings, o.risk, p.exploited,
    (select max(c.probability) from forecasts c where c.flaw_id = any(p.cves))
from (
    select tenant_id, subject, count(*) as findings, max(risk) as risk from findings
    where subject <> '' and state = 'open' group by tenant_id, subject
) o
cross join lateral (
    select bool_or(f.exploited) as exploited, array_agg(distinct name) filter (where name is not null) as cves,
        count(*) as packages
    from package_flaws f left join lateral unnest(f.cves) name on true
    where f.tenant_id = o.tenant_id and f.flaw_id = o.subject
) p
where p.packages > 0;
alter table findings force row level security;
alter table package_flaws force row level security;

call protect_tenant_table('open_flaws', 'select, insert, update, delete');
