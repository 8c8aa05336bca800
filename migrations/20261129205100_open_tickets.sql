-- Trackers of a tenant, and the tickets that were opened in them: one for each fix.

create table trackers (
    tenant_id uuid not null,
    tracker_id uuid not null,
    kind text not null check (kind in ('github', 'gitlab', 'jira', 'webhook')),
    name text not null check (char_length(name) between 1 and 120),
    base_url text not null check (char_length(base_url) between 8 and 400),
    -- `owner/repository`, the path or id of a project, its key; empty for a webhook.
    project text not null check (char_length(project) <= 200),
    settings jsonb not null,
    -- AES-256-GCM, bound to tenant and tracker; gone once the tracker is removed.
    sealed_secret bytea,
    secret_key_id text,
    created_at timestamptz not null,
    removed_at timestamptz,
    -- The last connection test: when, and what was wrong; null where nothing was.
    tested_at timestamptz,
    test_error text,
    -- Up to when the tracker was asked for what changed there; and what was wrong the last time.
    polled_until timestamptz,
    poll_error text,
    primary key (tenant_id, tracker_id)
);
create unique index trackers_name on trackers (tenant_id, lower(name)) where removed_at is null;
call protect_tenant_table('trackers', 'select, insert, update');

create table tickets (
    tenant_id uuid not null,
    ticket_id uuid not null,
    fix_id uuid not null,
    tracker_id uuid not null,
    state text not null check (state in ('asked', 'open', 'done', 'failed')),
    asked_by uuid,
    created_at timestamptz not null,
    -- When a request to make it was about to be sent: whether it came through is found out before another is.
    sent_at timestamptz,
    -- Its name there, and where people see it.
    external_key text,
    url text,
    their_state text,
    -- When it was seen to be closed there, which claims that the fix is done.
    closed_there_at timestamptz,
    synced_at timestamptz,
    -- What was last written there, and when.
    text_digest text,
    text_at timestamptz,
    tries integer not null default 0,
    error text,
    primary key (tenant_id, ticket_id)
);
create unique index tickets_of_fix on tickets (tenant_id, fix_id, tracker_id);
create index tickets_of_tracker on tickets (tenant_id, tracker_id, state);
call protect_tenant_table('tickets', 'select, insert, update');
