-- What a tenant connected, what was polled, and what was seen.

create table sources (
    tenant_id uuid not null references tenants,
    source_id uuid not null,
    provider text not null,
    name text not null check (char_length(name) between 1 and 120),
    -- Public settings; the collector's own shape.
    settings jsonb not null,
    -- AES-256-GCM, bound to tenant and source; see the store's `seal`.
    sealed_secret bytea,
    secret_key_id text,
    poll_seconds integer not null check (poll_seconds >= 30),
    paused boolean not null default false,
    -- The catalogue version that its resources were last evaluated with.
    evaluated_version text,
    last_run_id uuid,
    -- What the last connection test said: null while one is under way.
    probe jsonb,
    probed_at timestamptz,
    created_at timestamptz not null,
    removed_at timestamptz,
    primary key (tenant_id, source_id)
);
create unique index sources_name on sources (tenant_id, name) where removed_at is null;
call protect_tenant_table('sources', 'select, insert, update');

create table runs (
    tenant_id uuid not null,
    run_id uuid not null,
    source_id uuid not null,
    state text not null check (state in ('running', 'complete', 'partial', 'failed', 'cancelled')),
    started_at timestamptz not null,
    finished_at timestamptz,
    scopes_planned integer not null default 0,
    scopes_complete integer not null default 0,
    scopes_denied integer not null default 0,
    scopes_failed integer not null default 0,
    resources_seen integer not null default 0,
    resources_changed integer not null default 0,
    resources_retired integer not null default 0,
    api_calls bigint not null default 0,
    cancel_requested boolean not null default false,
    notes jsonb not null default '[]',
    -- Why the run as a whole could not be done; for people.
    error text,
    primary key (tenant_id, run_id),
    foreign key (tenant_id, source_id) references sources
);
create index runs_of_source on runs (tenant_id, source_id, run_id desc);
create index runs_running on runs (tenant_id, source_id) where state = 'running';
call protect_tenant_table('runs', 'select, insert, update, delete');

-- The scopes of a run that did not end complete, for as long as the run is kept. Complete ones are counted on the run.
create table run_scopes (
    tenant_id uuid not null,
    run_id uuid not null,
    account text not null,
    region text not null,
    reader text not null,
    outcome text not null check (outcome in ('complete', 'denied', 'failed')),
    permission text,
    detail text,
    primary key (tenant_id, run_id, account, region, reader),
    foreign key (tenant_id, run_id) references runs on delete cascade
);
call protect_tenant_table('run_scopes', 'select, insert, delete');

-- How well each scope of a source is seen now.
create table scopes (
    tenant_id uuid not null,
    source_id uuid not null,
    account text not null,
    region text not null,
    reader text not null,
    outcome text not null check (outcome in ('complete', 'denied', 'failed')),
    permission text,
    detail text,
    last_run_id uuid not null,
    tried_at timestamptz not null,
    -- Null when it was never read completely.
    complete_at timestamptz,
    primary key (tenant_id, source_id, account, region, reader),
    foreign key (tenant_id, source_id) references sources
);
call protect_tenant_table('scopes', 'select, insert, update');

create table resources (
    tenant_id uuid not null,
    resource_id uuid not null,
    source_id uuid not null,
    kind text not null,
    uid text not null,
    name text not null,
    account text not null,
    -- Where it lives; the scope that lists it may be global.
    region text not null,
    scope_region text not null,
    reader text not null,
    attributes jsonb not null,
    -- Attribute → why it could not be read.
    unread jsonb not null,
    tags jsonb not null,
    -- Of all that a collector says of it: equal digest, nothing to write.
    digest bytea not null,
    exposure text not null,
    criticality text not null,
    first_seen timestamptz not null,
    changed_at timestamptz not null,
    -- Seen to be gone by a complete scope.
    retired_at timestamptz,
    primary key (tenant_id, resource_id)
);
create index resources_of_scope on resources (tenant_id, source_id, account, scope_region, reader) where retired_at is null;
create index resources_of_kind on resources (tenant_id, source_id, kind, account, resource_id) where retired_at is null;
create index resources_by_uid on resources (tenant_id, uid);
create index resources_by_kind on resources (tenant_id, kind, resource_id) where retired_at is null;
create index resources_of_account on resources (tenant_id, account, resource_id) where retired_at is null;
create index resources_by_name on resources (tenant_id, lower(name) text_pattern_ops);
call protect_tenant_table('resources', 'select, insert, update');

create table edges (
    tenant_id uuid not null,
    from_id uuid not null,
    relation text not null,
    to_uid text not null,
    primary key (tenant_id, from_id, relation, to_uid)
);
create index edges_inbound on edges (tenant_id, to_uid, relation, from_id);
call protect_tenant_table('edges', 'select, insert, delete');

-- How many resources of each kind there are; kept with the resources.
create table resource_counts (
    tenant_id uuid not null,
    source_id uuid not null,
    kind text not null,
    account text not null,
    region text not null,
    resources bigint not null,
    primary key (tenant_id, source_id, kind, account, region)
);
call protect_tenant_table('resource_counts', 'select, insert, update, delete');

-- What a run saw changed, until it is merged. Unlogged: a run that did not live to be merged is done again.
create unlogged table staged_resources (
    tenant_id uuid not null,
    run_id uuid not null,
    resource_id uuid not null,
    kind text not null,
    uid text not null,
    name text not null,
    account text not null,
    region text not null,
    scope_region text not null,
    reader text not null,
    attributes jsonb not null,
    unread jsonb not null,
    tags jsonb not null,
    edges jsonb not null,
    digest bytea not null,
    exposure text not null,
    criticality text not null,
    primary key (tenant_id, run_id, resource_id)
);
call protect_tenant_table('staged_resources', 'select, insert, update, delete');
