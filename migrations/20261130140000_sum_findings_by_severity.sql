-- How many findings have a severity, alone and beside one value of another facet. Lists are narrowed by it more than by
-- anything else, and it stands for so many checks that adding up their sums takes longer than the page. A finding's check
-- decides its severity, so that the two need no sums beside each other. Whatever changes findings moves them in the same
-- statement; what leaves all of these as they were costs one grouping and writes nothing.
create function keep_severity_facets() returns trigger
    language plpgsql
    set work_mem = '64MB'
as $$
declare
    moved text := case tg_op
        when 'INSERT' then 'select *, 1 as n from added'
        when 'DELETE' then 'select *, -1 as n from gone'
        else 'select *, 1 as n from added union all select *, -1 as n from gone'
    end;
begin
    execute format(
        'with moved as (
             select tenant_id, state, severity as v, source_id::text as s, account as a, region as r, exposure as e,
                 criticality as c, sum(n) as n
             from (%s) moved group by 1, 2, 3, 4, 5, 6, 7, 8 having sum(n) <> 0
         ), sums as (
             select tenant_id, state, v, coalesce(s, a, r, e, c) as value, sum(n) as n,
                 case when s is not null then ''source'' when a is not null then ''account'' when r is not null then ''region''
                     when e is not null then ''exposure'' when c is not null then ''criticality'' end as facet
             from moved
             group by tenant_id, state, v, grouping sets ((), (s), (a), (r), (e), (c))
             having sum(n) <> 0
         )
         insert into finding_facets (tenant_id, by_facet, by_value, state, facet, value, findings)
         select tenant_id, '''', '''', state, ''severity'', v, n from sums where facet is null
         union all
         select tenant_id, ''severity'', v, state, facet, value, n from sums where facet is not null
         union all
         select tenant_id, facet, value, state, ''severity'', v, n from sums where facet is not null
         on conflict (tenant_id, by_facet, by_value, state, facet, value)
         do update set findings = finding_facets.findings + excluded.findings',
        moved
    );
    return null;
end
$$;

create trigger severities_counted_anew after insert on findings
    referencing new table as added for each statement execute function keep_severity_facets();
create trigger severities_counted_again after update on findings
    referencing old table as gone new table as added for each statement execute function keep_severity_facets();
create trigger severities_counted_no_more after delete on findings
    referencing old table as gone for each statement execute function keep_severity_facets();

-- The owner does not see tenants' rows while row-level security binds it too.
alter table findings no force row level security;
alter table finding_facets no force row level security;
insert into finding_facets (tenant_id, by_facet, by_value, state, facet, value, findings)
with sums as (
    select tenant_id, state, severity as v, coalesce(source_id::text, account, region, exposure, criticality) as value,
        count(*) as n,
        case when source_id is not null then 'source' when account is not null then 'account' when region is not null then 'region'
            when exposure is not null then 'exposure' when criticality is not null then 'criticality' end as facet
    from findings
    group by tenant_id, state, severity,
        grouping sets ((), (source_id), (account), (region), (exposure), (criticality))
)
select tenant_id, '', '', state, 'severity', v, n from sums where facet is null
union all
select tenant_id, 'severity', v, state, facet, value, n from sums where facet is not null
union all
select tenant_id, facet, value, state, 'severity', v, n from sums where facet is not null;
alter table finding_facets force row level security;
alter table findings force row level security;

-- Plans of the lists depend on how these sums are spread.
analyze finding_facets;
