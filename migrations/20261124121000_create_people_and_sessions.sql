-- Who signs in, where they are members, and what they did.
--
-- A person is found before any tenant is chosen, through the identity door. Tenants' tables carry a second policy for
-- that door where sign-in needs it, with the least rights that it takes.

create table people (
    person_id uuid primary key,
    email text not null check (char_length(email) between 3 and 254),
    name text not null check (char_length(name) between 1 and 120),
    -- argon2id in PHC form; null for a person who signs in only through a tenant's provider.
    password_hash text,
    -- Vouched for by this tenant's provider alone, and so never a person anywhere else. Null: signs in with a password.
    only_in uuid references tenants,
    -- Every tenant ever joined: finds memberships without an index that a tenant does not lead. `members` decides.
    joined uuid[] not null default '{}',
    created_at timestamptz not null
);
create unique index people_email on people (lower(email)) where only_in is null;
create unique index people_email_in_tenant on people (only_in, lower(email)) where only_in is not null;
alter table people enable row level security;
alter table people force row level security;
create policy everyone on people to plumbline_identity using (true) with check (true);
grant select, insert, update (password_hash, joined) on people to plumbline_identity;

-- Lasting sessions of signed-in people. The key in the cookie is hashed before it is stored, so that a copy of this
-- table signs nobody in.
create table sessions (
    key_hash bytea primary key check (octet_length(key_hash) = 32),
    person_id uuid not null references people on delete cascade,
    state jsonb not null,
    signed_in_at timestamptz not null,
    seen_at timestamptz not null,
    -- The end, however busy it is.
    expires_at timestamptz not null
);
create index sessions_of_person on sessions (person_id, seen_at desc);
create index sessions_expired on sessions (expires_at);
grant select, insert, update (state, seen_at), delete on sessions to plumbline_identity;

create table members (
    tenant_id uuid not null references tenants,
    person_id uuid not null references people,
    role text not null check (role in ('owner', 'ciso', 'analyst', 'auditor')),
    joined_at timestamptz not null,
    primary key (tenant_id, person_id)
);
call protect_tenant_table('members', 'select, update, delete');
create policy before_tenant_read on members for select to plumbline_identity using (true);
create policy before_tenant_join on members for insert to plumbline_identity with check (true);
grant select, insert on members to plumbline_identity;

-- A tenant sees its members, by name and address and nothing else of them.
create policy fellow_members on people for select to plumbline_app
    using (exists (select from members where members.person_id = people.person_id and members.tenant_id = current_tenant()));
grant select (person_id, email, name, only_in) on people to plumbline_app;

-- Invitations that wait; an accepted or withdrawn one is gone and remembered in the audit log.
create table invitations (
    tenant_id uuid not null references tenants,
    -- Lower case.
    email text not null check (char_length(email) between 3 and 254),
    role text not null check (role in ('owner', 'ciso', 'analyst', 'auditor')),
    token_hash bytea not null check (octet_length(token_hash) = 32),
    invited_by uuid not null,
    created_at timestamptz not null,
    expires_at timestamptz not null,
    primary key (tenant_id, email)
);
create unique index invitations_by_token on invitations (tenant_id, token_hash);
call protect_tenant_table('invitations', 'select, insert, update, delete');
create policy before_tenant_read on invitations for select to plumbline_identity using (true);
create policy before_tenant_accept on invitations for delete to plumbline_identity using (true);
grant select, delete on invitations to plumbline_identity;

-- The tenant's own OpenID Connect provider.
create table sign_in_providers (
    tenant_id uuid not null references tenants,
    issuer text not null check (char_length(issuer) between 8 and 400),
    client_id text not null check (char_length(client_id) between 1 and 400),
    -- AES-256-GCM, bound to the tenant; see the store's `seal`.
    sealed_secret bytea not null,
    secret_key_id text not null,
    changed_at timestamptz not null,
    primary key (tenant_id)
);
call protect_tenant_table('sign_in_providers', 'select, insert, update, delete');
create policy before_tenant_read on sign_in_providers for select to plumbline_identity using (true);
grant select on sign_in_providers to plumbline_identity;

-- Whom the tenant's provider knows under which subject. Ends with the membership, and with the provider.
create table federated_identities (
    tenant_id uuid not null,
    issuer text not null,
    subject text not null,
    person_id uuid not null,
    linked_at timestamptz not null,
    primary key (tenant_id, issuer, subject),
    foreign key (tenant_id, person_id) references members on delete cascade
);
create index federated_identities_of_person on federated_identities (tenant_id, person_id);
call protect_tenant_table('federated_identities', 'select, delete');
create policy before_tenant_read on federated_identities for select to plumbline_identity using (true);
create policy before_tenant_link on federated_identities for insert to plumbline_identity with check (true);
grant select, insert on federated_identities to plumbline_identity;

-- The one-time link with which the first owner comes in.
create table setup_links (
    token_hash bytea primary key check (octet_length(token_hash) = 32),
    created_at timestamptz not null,
    expires_at timestamptz not null,
    used_at timestamptz
);
grant select, insert, update (used_at) on setup_links to plumbline_identity;

-- Who did what; added to in the transaction that does it, never changed, never removed. The id is ordered by time.
create table audit_log (
    tenant_id uuid not null references tenants,
    audit_id uuid not null,
    at timestamptz not null,
    -- Null when the product itself did it.
    person_id uuid,
    -- The name at the time, which outlives the membership.
    actor text not null,
    -- `<noun>.<what happened>`.
    action text not null,
    object text not null,
    detail jsonb not null,
    primary key (tenant_id, audit_id)
);
create index audit_log_of_person on audit_log (tenant_id, person_id, audit_id desc);
create index audit_log_of_action on audit_log (tenant_id, action, audit_id desc);
call protect_tenant_table('audit_log', 'select, insert');
create policy before_tenant_append on audit_log for insert to plumbline_identity with check (true);
grant insert on audit_log to plumbline_identity;
