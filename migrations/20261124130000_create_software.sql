-- What is installed in images and on hosts, and what is known of it.

-- What collectors read once and never have to read again; see `plumbline_core::collect::Memory`.
create table memories (
    tenant_id uuid not null,
    key text not null,
    content bytea not null,
    kept_at timestamptz not null,
    primary key (tenant_id, key)
);
-- It is compressed before it comes.
alter table memories alter column content set storage external;
call protect_tenant_table('memories', 'select, insert, delete');

-- One of several things that a check finds wrong with one resource, such as a flaw of an image; empty where it finds one.
alter table findings add column subject text not null default '';
create index findings_of_subject on findings (tenant_id, subject, state, risk desc, finding_id) where subject <> '';
