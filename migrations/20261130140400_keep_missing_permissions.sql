-- Which permissions keep a check from deciding, as twenty of its unknown verdicts say: looked up when these change rather than
-- whenever somebody looks at the posture. Whatever changes unknown verdicts of a check looks anew in the same statement.
create table missing_permissions (
    tenant_id uuid not null,
    check_id text not null,
    permission text not null,
    primary key (tenant_id, check_id, permission)
);
call protect_tenant_table('missing_permissions', 'select, insert, delete');

create function keep_missing_permissions() returns trigger
    language plpgsql
    -- Twenty are read from the index, whatever is known yet of how many there are.
    set enable_seqscan = off
as $$
declare
    moved text := case tg_op
        when 'INSERT' then 'select tenant_id, check_id from added where verdict = ''unknown'''
        when 'DELETE' then 'select tenant_id, check_id from gone where verdict = ''unknown'''
        else 'select tenant_id, check_id from added where verdict = ''unknown''
              union all select tenant_id, check_id from gone where verdict = ''unknown'''
    end;
begin
    execute format(
        'with concerned as materialized (select distinct tenant_id, check_id from (%s) moved),
         seen as materialized (
             select distinct c.tenant_id, c.check_id, m.one ->> ''permission'' as permission
             from concerned c
             cross join lateral (
                 select missing from verdicts v
                 where v.tenant_id = c.tenant_id and v.check_id = c.check_id and v.verdict = ''unknown''
                 order by v.resource_id limit 20
             ) v
             cross join lateral jsonb_array_elements(
                 case jsonb_typeof(v.missing) when ''array'' then v.missing else ''[]''::jsonb end) m (one)
             where m.one ->> ''permission'' <> ''''
         ), cured as (
             delete from missing_permissions p using concerned c
             where p.tenant_id = c.tenant_id and p.check_id = c.check_id and not exists (
                 select from seen s
                 where s.tenant_id = p.tenant_id and s.check_id = p.check_id and s.permission = p.permission)
         )
         insert into missing_permissions (tenant_id, check_id, permission)
         select tenant_id, check_id, permission from seen on conflict do nothing',
        moved
    );
    return null;
end
$$;

create trigger permissions_missed_anew after insert on verdicts
    referencing new table as added for each statement execute function keep_missing_permissions();
create trigger permissions_missed_again after update on verdicts
    referencing old table as gone new table as added for each statement execute function keep_missing_permissions();
create trigger permissions_missed_no_more after delete on verdicts
    referencing old table as gone for each statement execute function keep_missing_permissions();

-- The owner does not see tenants' rows while row-level security binds it too.
alter table verdicts no force row level security;
alter table check_states no force row level security;
alter table missing_permissions no force row level security;
insert into missing_permissions (tenant_id, check_id, permission)
select distinct c.tenant_id, c.check_id, m.one ->> 'permission'
from (select distinct tenant_id, check_id from check_states where unknown > 0) c
cross join lateral (
    select missing from verdicts v where v.tenant_id = c.tenant_id and v.check_id = c.check_id and v.verdict = 'unknown'
    order by v.resource_id limit 20
) v
cross join lateral jsonb_array_elements(case jsonb_typeof(v.missing) when 'array' then v.missing else '[]'::jsonb end) m (one)
where m.one ->> 'permission' <> '';
alter table missing_permissions force row level security;
alter table check_states force row level security;
alter table verdicts force row level security;
