-- Who works on what, by when, and what they say to each other.

create table teams (
    tenant_id uuid not null,
    team_id uuid not null,
    name text not null check (char_length(name) between 1 and 80),
    created_at timestamptz not null,
    primary key (tenant_id, team_id)
);
create unique index teams_name on teams (tenant_id, lower(name));
call protect_tenant_table('teams', 'select, insert, update, delete');

create table team_members (
    tenant_id uuid not null,
    team_id uuid not null,
    person_id uuid not null,
    primary key (tenant_id, team_id, person_id),
    foreign key (tenant_id, team_id) references teams on delete cascade,
    foreign key (tenant_id, person_id) references members on delete cascade
);
create index team_members_of_person on team_members (tenant_id, person_id);
call protect_tenant_table('team_members', 'select, insert, delete');

-- Whose findings are, as a text in the manner of CODEOWNERS; see the core's `triage::owners`.
create table ownership (
    tenant_id uuid not null primary key,
    rules text not null check (octet_length(rules) <= 65536),
    changed_at timestamptz not null
);
call protect_tenant_table('ownership', 'select, insert, update');

-- Days by severity and exposure; a tenant without a row has the core's defaults. Null: no due date.
create table sla_policies (
    tenant_id uuid not null,
    severity text not null,
    exposure text not null,
    days integer check (days between 1 and 3650),
    primary key (tenant_id, severity, exposure)
);
call protect_tenant_table('sla_policies', 'select, insert, update');

-- The end of the day (UTC) on which something is due.
create function due_after(since timestamptz, days integer) returns timestamptz
    language sql stable parallel safe
    return date_trunc('day', since, 'UTC') + make_interval(hours => 24 * (days + 1));

-- A due date that a person set is not moved by the policy.
alter table findings add column due_by_hand boolean not null default false;
-- Since when its days count, where that is later than its opening: it came to weigh more when those were over.
alter table findings add column due_from timestamptz;

-- Claims that the next run of their source proves or refutes. No index names the stage, and a page keeps some room, so that
-- moving a hundred thousand findings from one stage to another touches no index where it can.
create index findings_claimed on findings (tenant_id, source_id, claimed_at) where claimed_at is not null;
alter table findings set (fillfactor = 90);
create index findings_due on findings (tenant_id, due_at, finding_id) where state = 'open';
create index findings_of_assignee on findings (tenant_id, assignee_id, state, risk desc, finding_id)
    where assignee_id is not null;
create index findings_of_team on findings (tenant_id, team_id, state, risk desc, finding_id) where team_id is not null;

-- Open findings by when they are due, whose and how bad: breaches are a sum over a few rows. Due dates are ends of days, so
-- that these sums are exact at any instant. Whatever changes findings moves them in the same statement.
create table due_counts (
    tenant_id uuid not null,
    due_at timestamptz not null,
    -- All zeros for findings of no team.
    team_id uuid not null,
    severity text not null,
    findings bigint not null,
    primary key (tenant_id, due_at, team_id, severity)
);
call protect_tenant_table('due_counts', 'select, insert, update, delete');

create function keep_due_counts() returns trigger
    language plpgsql
as $$
declare
    moved text := case tg_op
        when 'INSERT' then 'select tenant_id, due_at, team_id, severity, state, 1 as n from added'
        else 'select tenant_id, due_at, team_id, severity, state, 1 as n from added
              union all select tenant_id, due_at, team_id, severity, state, -1 from gone'
    end;
begin
    execute format(
        'insert into due_counts (tenant_id, due_at, team_id, severity, findings)
         select tenant_id, due_at, coalesce(team_id, ''00000000-0000-0000-0000-000000000000''), severity, sum(n)
         from (%s) moved
         where state = ''open'' and due_at is not null
         group by 1, 2, 3, 4
         having sum(n) <> 0
         on conflict (tenant_id, due_at, team_id, severity)
         do update set findings = due_counts.findings + excluded.findings',
        moved
    );
    return null;
end
$$;

create trigger due_counted_anew after insert on findings
    referencing new table as added for each statement execute function keep_due_counts();
create trigger due_counted_again after update on findings
    referencing old table as gone new table as added for each statement execute function keep_due_counts();

-- What people say on a finding. Removed, the words are no longer shown; the row stays.
create table finding_comments (
    tenant_id uuid not null,
    finding_id uuid not null,
    comment_no bigint generated always as identity,
    at timestamptz not null,
    person_id uuid not null,
    -- The name at the time, which outlives the membership.
    author text not null,
    body text not null check (char_length(body) between 1 and 4000),
    mentioned uuid[] not null,
    removed_at timestamptz,
    primary key (tenant_id, finding_id, comment_no)
);
call protect_tenant_table('finding_comments', 'select, insert');
grant update (removed_at) on finding_comments to plumbline_app;

-- What was done to many findings at once, and how each was before, for as long as it can be undone.
create table bulk_actions (
    tenant_id uuid not null,
    bulk_id uuid not null,
    person_id uuid not null,
    actor text not null,
    at timestamptz not null,
    action text not null check (action in ('start', 'stop', 'claim', 'assign', 'due')),
    -- The filter as the list's address has it; empty where findings were picked one by one.
    q text not null,
    -- What was set, in words.
    detail text not null,
    findings bigint not null,
    undone_at timestamptz,
    restored bigint,
    primary key (tenant_id, bulk_id)
);
call protect_tenant_table('bulk_actions', 'select, insert, update');

create table bulk_items (
    tenant_id uuid not null,
    bulk_id uuid not null,
    finding_id uuid not null,
    stage text not null,
    claimed_at timestamptz,
    assignee_id uuid,
    team_id uuid,
    owned_by_hand boolean not null,
    due_at timestamptz,
    due_by_hand boolean not null,
    primary key (tenant_id, bulk_id, finding_id),
    foreign key (tenant_id, bulk_id) references bulk_actions on delete cascade
);
call protect_tenant_table('bulk_items', 'select, insert, delete');

alter table finding_events drop constraint finding_events_event_check;
alter table finding_events add constraint finding_events_event_check check (event in (
    'opened', 'resolved', 'reopened', 'weighed', 'accepted', 'acceptance_ended',
    'started', 'stopped', 'claimed', 'refuted', 'false_positive', 'assigned', 'due_changed', 'undone',
    'exception_asked', 'exception_refused'));

-- What is open gets its due date by the first job that each tenant's worker does.
alter table tenants no force row level security;
alter table jobs no force row level security;
insert into jobs (tenant_id, job_id, task, same_as, state, run_at, created_at)
select tenant_id, gen_random_uuid(), '{"task": "apply_due"}', 'apply-due', 'queued', now(), now() from tenants;
alter table jobs force row level security;
alter table tenants force row level security;
