-- What was decided, what is open, and what it costs.

-- The current verdict of each check on each resource.
create table verdicts (
    tenant_id uuid not null,
    resource_id uuid not null,
    check_id text not null,
    verdict text not null check (verdict in ('pass', 'fail', 'unknown', 'not_applicable')),
    since timestamptz not null,
    -- For unknown: what is missing, with the permission. Null otherwise.
    missing jsonb,
    message text not null default '',
    primary key (tenant_id, resource_id, check_id)
);
create index verdicts_of_check on verdicts (tenant_id, check_id, verdict, resource_id);
call protect_tenant_table('verdicts', 'select, insert, update, delete');

create table findings (
    tenant_id uuid not null,
    finding_id uuid not null,
    source_id uuid not null,
    resource_id uuid not null,
    check_id text not null,
    state text not null check (state in ('open', 'accepted', 'resolved')),
    severity text not null,
    account text not null,
    region text not null,
    exposure text not null,
    criticality text not null,
    -- What it takes from its check while it is not resolved; whole hundredths of a severity point.
    loss bigint not null,
    -- 1 to 100, as shown and as ordered by.
    risk smallint not null,
    fix_id uuid not null,
    observed jsonb not null,
    message text not null,
    first_seen timestamptz not null,
    opened_at timestamptz not null,
    resolved_at timestamptz,
    times_reopened integer not null default 0,
    primary key (tenant_id, finding_id)
);
create index findings_ranked on findings (tenant_id, state, risk desc, finding_id);
create index findings_of_check on findings (tenant_id, check_id, state, risk desc, finding_id);
create index findings_of_account on findings (tenant_id, account, state, risk desc, finding_id);
create index findings_of_resource on findings (tenant_id, resource_id);
create index findings_of_fix on findings (tenant_id, fix_id, state, risk desc, finding_id);
call protect_tenant_table('findings', 'select, insert, update');

-- All that ever happened to findings; never changed, never removed. The posture of any instant is the sum of the deltas
-- up to it.
create table finding_events (
    tenant_id uuid not null,
    finding_id uuid not null,
    event_no bigint generated always as identity,
    at timestamptz not null,
    event text not null check (event in ('opened', 'resolved', 'reopened', 'weighed', 'accepted', 'acceptance_ended')),
    check_id text not null,
    -- Change of the gross and of the net loss of the check.
    loss_delta bigint not null,
    net_delta bigint not null,
    run_id uuid,
    person_id uuid,
    detail jsonb not null default '{}',
    primary key (tenant_id, finding_id, event_no)
);
create index finding_events_by_time on finding_events (tenant_id, at);
call protect_tenant_table('finding_events', 'select, insert');

-- Findings counted by everything a list can be narrowed by; every facet is a sum over it.
create table finding_counts (
    tenant_id uuid not null,
    check_id text not null,
    state text not null,
    source_id uuid not null,
    account text not null,
    region text not null,
    exposure text not null,
    criticality text not null,
    findings bigint not null,
    loss bigint not null,
    primary key (tenant_id, check_id, state, source_id, account, region, exposure, criticality)
);
call protect_tenant_table('finding_counts', 'select, insert, update, delete');

-- Each check's part of the score, a source.
create table check_states (
    tenant_id uuid not null,
    check_id text not null,
    source_id uuid not null,
    -- Sum of the losses of findings that are not resolved; and of those that are not accepted either.
    loss bigint not null default 0,
    net_loss bigint not null default 0,
    passed bigint not null default 0,
    failed bigint not null default 0,
    unknown bigint not null default 0,
    not_applicable bigint not null default 0,
    -- Scopes that would list what the check judges and were not read.
    blind_scopes bigint not null default 0,
    primary key (tenant_id, check_id, source_id)
);
call protect_tenant_table('check_states', 'select, insert, update, delete');

create table fixes (
    tenant_id uuid not null,
    fix_id uuid not null,
    source_id uuid not null,
    fix_key text not null,
    -- The account, `account/region` or resource it is applied to.
    target text not null,
    account text not null,
    region text not null,
    open_findings bigint not null,
    resources bigint not null,
    loss bigint not null,
    -- Points of the unrounded score: with the fix applied, less now.
    gain double precision not null,
    primary key (tenant_id, fix_id)
);
create index fixes_ranked on fixes (tenant_id, gain desc, fix_id) where open_findings > 0;
call protect_tenant_table('fixes', 'select, insert, update, delete');

-- What a fix closes, by check.
create table fix_checks (
    tenant_id uuid not null,
    fix_id uuid not null,
    check_id text not null,
    findings bigint not null,
    loss bigint not null,
    primary key (tenant_id, fix_id, check_id)
);
create index fix_checks_of_check on fix_checks (tenant_id, check_id);
call protect_tenant_table('fix_checks', 'select, insert, update, delete');

-- The posture after each reconcile that changed it, as it was shown.
create table postures (
    tenant_id uuid not null,
    at timestamptz not null,
    run_id uuid,
    catalogue_version text not null,
    -- Unrounded; net of accepted risk, and gross.
    score double precision not null,
    gross_score double precision not null,
    -- Verdicts that could be decided, of all that should be; 0 to 1.
    coverage double precision not null,
    open_findings bigint not null,
    -- Layer, framework or source → its own score.
    parts jsonb not null,
    primary key (tenant_id, at)
);
call protect_tenant_table('postures', 'select, insert');

-- Why the score changed; the deltas of one instant add up to the change of the posture.
create table score_ledger (
    tenant_id uuid not null,
    at timestamptz not null,
    cause text not null check (cause in ('fixed', 'new_failure', 'new_resource', 'new_vulnerability', 'exception', 'disconnected', 'ours')),
    delta double precision not null,
    gross_delta double precision not null,
    findings bigint not null,
    -- The checks that moved most: [{check_id, findings, loss_delta}].
    detail jsonb not null,
    run_id uuid,
    primary key (tenant_id, at, cause)
);
call protect_tenant_table('score_ledger', 'select, insert');

create table exceptions (
    tenant_id uuid not null,
    exception_id uuid not null,
    finding_id uuid not null,
    reason text not null check (char_length(reason) between 10 and 2000),
    requested_by uuid not null,
    approved_by uuid not null,
    created_at timestamptz not null,
    expires_at timestamptz not null,
    ended_at timestamptz,
    primary key (tenant_id, exception_id),
    check (expires_at > created_at)
);
create unique index exceptions_in_force on exceptions (tenant_id, finding_id) where ended_at is null;
create index exceptions_expiring on exceptions (tenant_id, expires_at) where ended_at is null;
call protect_tenant_table('exceptions', 'select, insert, update');

-- What a person states of a control that no check can decide.
create table attestations (
    tenant_id uuid not null,
    framework_id text not null,
    control_id text not null,
    attested_at timestamptz not null,
    holds boolean not null,
    statement text not null check (char_length(statement) between 10 and 4000),
    person_id uuid not null,
    expires_at timestamptz not null,
    withdrawn_at timestamptz,
    primary key (tenant_id, framework_id, control_id, attested_at)
);
call protect_tenant_table('attestations', 'select, insert, update');

-- What each version of the content weighs, so that old postures can be recomputed. The same for all tenants.
create table catalogue_versions (
    version text primary key,
    first_used timestamptz not null,
    -- Check → weight.
    weights jsonb not null
);
grant select, insert on catalogue_versions to plumbline_app;
