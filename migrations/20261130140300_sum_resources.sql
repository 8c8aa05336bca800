-- How many resources carry a value, alone and beside one value of another facet, as `finding_facets` keeps it of findings: what
-- the inventory shows beside its filters. `resource_counts` stays the source: whatever changes it moves these sums in the same
-- statement.
create table resource_facets (
    tenant_id uuid not null,
    -- The facet and value that narrow; both empty for all resources.
    by_facet text not null,
    by_value text not null,
    -- `kind`, `account`, `region`; alone also `source`.
    facet text not null,
    value text not null,
    resources bigint not null,
    primary key (tenant_id, by_facet, by_value, facet, value)
);
call protect_tenant_table('resource_facets', 'select, insert, update, delete');

create function keep_resource_facets() returns trigger
    language plpgsql
as $$
declare
    moved text := case tg_op
        when 'INSERT' then 'select *, resources as n from added'
        when 'DELETE' then 'select *, -resources as n from gone'
        else 'select *, resources as n from added union all select *, -resources as n from gone'
    end;
begin
    execute format(
        'with sums as (
             select tenant_id, source_id::text as s, kind as k, account as a, region as r, sum(n) as n
             from (%s) moved
             group by tenant_id, grouping sets ((source_id), (kind), (account), (region), (kind, account), (kind, region), (account, region))
             having sum(n) <> 0
         ), named as (
             select tenant_id, n, array_remove(array[s, k, a, r], null) as v, array_remove(array[
                     case when s is not null then ''source'' end, case when k is not null then ''kind'' end,
                     case when a is not null then ''account'' end, case when r is not null then ''region'' end
                 ], null) as f
             from sums
         )
         insert into resource_facets (tenant_id, by_facet, by_value, facet, value, resources)
         select tenant_id, '''', '''', f[1], v[1], n from named where cardinality(f) = 1
         union all
         select tenant_id, f[1], v[1], f[2], v[2], n from named where cardinality(f) = 2
         union all
         select tenant_id, f[2], v[2], f[1], v[1], n from named where cardinality(f) = 2
         on conflict (tenant_id, by_facet, by_value, facet, value)
         do update set resources = resource_facets.resources + excluded.resources',
        moved
    );
    return null;
end
$$;

create trigger resources_counted_anew after insert on resource_counts
    referencing new table as added for each statement execute function keep_resource_facets();
create trigger resources_counted_again after update on resource_counts
    referencing old table as gone new table as added for each statement execute function keep_resource_facets();
create trigger resources_counted_no_more after delete on resource_counts
    referencing old table as gone for each statement execute function keep_resource_facets();

-- The owner does not see tenants' rows while row-level security binds it too.
alter table resource_counts no force row level security;
alter table resource_facets no force row level security;
with sums as (
    select tenant_id, source_id::text as s, kind as k, account as a, region as r, sum(resources) as n
    from resource_counts
    group by tenant_id, grouping sets ((source_id), (kind), (account), (region), (kind, account), (kind, region), (account, region))
), named as (
    select tenant_id, n, array_remove(array[s, k, a, r], null) as v, array_remove(array[
            case when s is not null then 'source' end, case when k is not null then 'kind' end,
            case when a is not null then 'account' end, case when r is not null then 'region' end
        ], null) as f
    from sums
)
insert into resource_facets (tenant_id, by_facet, by_value, facet, value, resources)
select tenant_id, '', '', f[1], v[1], n from named where cardinality(f) = 1
union all
select tenant_id, f[1], v[1], f[2], v[2], n from named where cardinality(f) = 2
union all
select tenant_id, f[2], v[2], f[1], v[1], n from named where cardinality(f) = 2;
alter table resource_facets force row level security;
alter table resource_counts force row level security;
