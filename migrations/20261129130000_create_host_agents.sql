-- The agents of container hosts: one for each source of that kind. An agent comes by itself, with a credential of its
-- own, and what it reports is what the host's next run reads.
create table host_agents (
    tenant_id uuid not null,
    source_id uuid not null,
    -- A one-time token enrols an agent; both it and the agent's credential are kept as a SHA-256 alone.
    token_hash bytea check (octet_length(token_hash) = 32),
    token_expires_at timestamptz,
    credential_hash bytea check (octet_length(credential_hash) = 32),
    enrolled_at timestamptz,
    -- The newest report as it came: gzip of JSON, not yet read. By the agent's clock and by ours.
    made_at timestamptz,
    received_at timestamptz,
    report bytea check (octet_length(report) <= 8388608),
    primary key (tenant_id, source_id),
    foreign key (tenant_id, source_id) references sources
);
-- It is packed already.
alter table host_agents alter column report set storage external;
call protect_tenant_table('host_agents', 'select, insert, update, delete');
