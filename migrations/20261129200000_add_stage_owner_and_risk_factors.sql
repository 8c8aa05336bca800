-- What triage and ranking say of a finding beside what is counted of it.

-- Where its work stands. `state` stays what the sums count by: open, reopened, in_progress and awaiting_proof are its
-- `open`, accepted and false_positive its `accepted`.
alter table findings add column stage text not null default 'open' check (
    stage in ('open', 'reopened', 'in_progress', 'awaiting_proof', 'accepted', 'false_positive', 'resolved'));
-- When somebody said that it is fixed; the next run that reads its scope proves or refutes it.
alter table findings add column claimed_at timestamptz;
-- Whose it is: a member, a team or both; and whether a person said so, which no rule overrides.
alter table findings add column assignee_id uuid;
alter table findings add column team_id uuid;
alter table findings add column owned_by_hand boolean not null default false;
-- By when it is to be fixed; null where no policy says so.
alter table findings add column due_at timestamptz;
-- Factors of its risk; see the table of weights in the code (`core::risk`).
alter table findings add column likelihood text not null default 'possible';
alter table findings add column blast text not null default 'none';
alter table findings add column guards text[] not null default '{}';

-- What whoever takes the resource over has next, the worst of it, and through what; what stands in the way.
alter table resources add column blast text not null default 'none';
alter table resources add column blast_through uuid;
alter table resources add column guards text[] not null default '{}';

-- How many attack paths the fix cuts.
alter table fixes add column paths_cut integer not null default 0;

alter table finding_events drop constraint finding_events_event_check;
alter table finding_events add constraint finding_events_event_check check (event in (
    'opened', 'resolved', 'reopened', 'weighed', 'accepted', 'acceptance_ended',
    'started', 'stopped', 'claimed', 'refuted', 'false_positive', 'assigned', 'exception_asked', 'exception_refused'));

-- The owner does not see tenants' rows while row-level security binds it too.
alter table findings no force row level security;
update findings set stage = case state when 'open' then case when times_reopened > 0 then 'reopened' else 'open' end
    else state end where state <> 'open' or times_reopened > 0;
alter table findings force row level security;
