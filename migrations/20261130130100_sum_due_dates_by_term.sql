-- What other terms would make of due dates is a sum too: open findings by the term that they fall under and the day from which
-- it counts. What has no due date is kept as well, due at infinity, since other terms may give it one.
alter table due_counts add column exposure text not null default '';
-- The day (UTC) from which the days of the term count; minus infinity for a due date that a person set, which no term moves.
alter table due_counts add column since date not null default '-infinity';
alter table due_counts drop constraint due_counts_pkey;

create or replace function keep_due_counts() returns trigger
    language plpgsql
as $$
declare
    columns text := 'tenant_id, due_at, team_id, severity, exposure, due_by_hand, due_from, opened_at, state';
    moved text := format('select %s, 1 as n from added', columns);
begin
    if tg_op <> 'INSERT' then
        moved := format('%s union all select %s, -1 from gone', moved, columns);
    end if;
    execute format(
        'insert into due_counts (tenant_id, due_at, team_id, severity, exposure, since, findings)
         select tenant_id, coalesce(due_at, ''infinity''), coalesce(team_id, ''00000000-0000-0000-0000-000000000000''),
             severity, exposure,
             case when due_by_hand then ''-infinity'' else (coalesce(due_from, opened_at) at time zone ''UTC'')::date end,
             sum(n)
         from (%s) moved
         where state = ''open''
         group by 1, 2, 3, 4, 5, 6
         having sum(n) <> 0
         on conflict (tenant_id, due_at, team_id, severity, exposure, since)
         do update set findings = due_counts.findings + excluded.findings',
        moved
    );
    return null;
end
$$;

alter table findings no force row level security;
alter table due_counts no force row level security;
delete from due_counts;
insert into due_counts (tenant_id, due_at, team_id, severity, exposure, since, findings)
select tenant_id, coalesce(due_at, 'infinity'), coalesce(team_id, '00000000-0000-0000-0000-000000000000'), severity, exposure,
    case when due_by_hand then '-infinity' else (coalesce(due_from, opened_at) at time zone 'UTC')::date end, count(*)
from findings where state = 'open' group by 1, 2, 3, 4, 5, 6;
alter table due_counts force row level security;
alter table findings force row level security;

alter table due_counts add primary key (tenant_id, due_at, team_id, severity, exposure, since);
alter table due_counts alter column exposure drop default;
alter table due_counts alter column since drop default;
