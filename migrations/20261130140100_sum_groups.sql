-- What each group comes to over all checks, so that the groups with the most open findings are read in their order, however
-- many values a tag has. `group_losses` stays the source: whatever changes it moves these sums in the same statement.
create table group_sums (
    tenant_id uuid not null,
    tag_key text not null,
    tag_value text not null,
    -- Checks that have anything in it.
    checks bigint not null,
    open_findings bigint not null,
    loss bigint not null,
    primary key (tenant_id, tag_key, tag_value)
);
create index group_sums_ranked on group_sums (tenant_id, open_findings desc, loss desc, tag_key, tag_value);
call protect_tenant_table('group_sums', 'select, insert, update, delete');

create function keep_group_sums() returns trigger
    language plpgsql
as $$
declare
    moved text := case tg_op
        when 'INSERT' then 'select *, 1 as n from added'
        when 'DELETE' then 'select *, -1 as n from gone'
        else 'select *, 1 as n from added union all select *, -1 as n from gone'
    end;
begin
    execute format(
        'with sums as (
             select tenant_id, tag_key, tag_value, sum(n) as checks, sum(n * open_findings) as open_findings, sum(n * loss) as loss
             from (%s) moved group by tenant_id, tag_key, tag_value
         )
         insert into group_sums (tenant_id, tag_key, tag_value, checks, open_findings, loss)
         select * from sums where (checks, open_findings, loss) <> (0, 0, 0)
         on conflict (tenant_id, tag_key, tag_value) do update set checks = group_sums.checks + excluded.checks,
             open_findings = group_sums.open_findings + excluded.open_findings, loss = group_sums.loss + excluded.loss',
        moved
    );
    if tg_op = 'DELETE' then
        delete from group_sums s using (select distinct tenant_id, tag_key, tag_value from gone) g
        where s.tenant_id = g.tenant_id and s.tag_key = g.tag_key and s.tag_value = g.tag_value and s.checks = 0;
    end if;
    return null;
end
$$;

create trigger groups_summed_anew after insert on group_losses
    referencing new table as added for each statement execute function keep_group_sums();
create trigger groups_summed_again after update on group_losses
    referencing old table as gone new table as added for each statement execute function keep_group_sums();
create trigger groups_summed_no_more after delete on group_losses
    referencing old table as gone for each statement execute function keep_group_sums();

-- The owner does not see tenants' rows while row-level security binds it too.
alter table group_losses no force row level security;
alter table group_sums no force row level security;
insert into group_sums (tenant_id, tag_key, tag_value, checks, open_findings, loss)
select tenant_id, tag_key, tag_value, count(*), sum(open_findings), sum(loss) from group_losses group by 1, 2, 3;
alter table group_sums force row level security;
alter table group_losses force row level security;
