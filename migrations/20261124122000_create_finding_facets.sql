-- How many findings carry a value, alone and beside one value of another facet: what a list shows beside its filters, read
-- in a few hundred rows however many findings there are. `finding_counts` stays the source: whatever changes it moves
-- these sums in the same statement.
create table finding_facets (
    tenant_id uuid not null,
    -- The facet and value that narrow; both empty for all findings.
    by_facet text not null,
    by_value text not null,
    state text not null,
    -- `check`, `source`, `account`, `region`, `exposure`, `criticality`.
    facet text not null,
    value text not null,
    findings bigint not null,
    primary key (tenant_id, by_facet, by_value, state, facet, value)
);
call protect_tenant_table('finding_facets', 'select, insert, update, delete');

create function keep_finding_facets() returns trigger
    language plpgsql
    set work_mem = '64MB'
as $$
declare
    moved text := case tg_op
        when 'INSERT' then 'select *, findings as n from added'
        when 'DELETE' then 'select *, -findings as n from gone'
        else 'select *, findings as n from added union all select *, -findings as n from gone'
    end;
begin
    execute format(
        'with sums as (
             select tenant_id, state, check_id as k, source_id::text as s, account as a, region as r, exposure as e,
                 criticality as c, sum(n) as n
             from (%s) moved
             group by tenant_id, state, grouping sets (
                 (k), (s), (a), (r), (e), (c), (k, s), (k, a), (k, r), (k, e), (k, c), (s, a), (s, r), (s, e), (s, c), (a, r),
                 (a, e), (a, c), (r, e), (r, c), (e, c))
             having sum(n) <> 0
         ), named as (
             select tenant_id, state, n, array_remove(array[k, s, a, r, e, c], null) as v,
                 array_remove(array[
                     case when k is not null then ''check'' end, case when s is not null then ''source'' end,
                     case when a is not null then ''account'' end, case when r is not null then ''region'' end,
                     case when e is not null then ''exposure'' end, case when c is not null then ''criticality'' end
                 ], null) as f
             from sums
         )
         insert into finding_facets (tenant_id, by_facet, by_value, state, facet, value, findings)
         select tenant_id, '''', '''', state, f[1], v[1], n from named where cardinality(f) = 1
         union all
         select tenant_id, f[1], v[1], state, f[2], v[2], n from named where cardinality(f) = 2
         union all
         select tenant_id, f[2], v[2], state, f[1], v[1], n from named where cardinality(f) = 2
         on conflict (tenant_id, by_facet, by_value, state, facet, value)
         do update set findings = finding_facets.findings + excluded.findings',
        moved
    );
    return null;
end
$$;

create trigger findings_counted_anew after insert on finding_counts
    referencing new table as added for each statement execute function keep_finding_facets();
create trigger findings_counted_again after update on finding_counts
    referencing old table as gone new table as added for each statement execute function keep_finding_facets();
create trigger findings_counted_no_more after delete on finding_counts
    referencing old table as gone for each statement execute function keep_finding_facets();
