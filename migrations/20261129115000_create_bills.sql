-- Bills of materials that people hand in: of images that no registry of the tenant's has, and of applications.
create table bills (
    tenant_id uuid not null,
    bill_id uuid not null,
    -- Of provider `sbom`; each of its runs reads all of them.
    source_id uuid not null,
    kind text not null check (kind in ('image', 'application')),
    -- `registry/repository` of an image, the name of an application.
    name text not null check (char_length(name) between 1 and 255),
    -- The digest of an image, the version of an application where it has one.
    version text not null check (char_length(version) <= 255),
    -- `CycloneDX` or `SPDX`; and when the document says that it was made.
    format text not null,
    made text not null,
    -- Under which the memory has what it lists.
    software text not null,
    distribution jsonb,
    components bigint not null,
    -- Entries that cannot be followed, and the first of them by name.
    left_out bigint not null,
    examples jsonb not null,
    uploaded_at timestamptz not null,
    uploaded_by uuid not null,
    -- Taken away: the next run sees that it is gone.
    removed_at timestamptz,
    primary key (tenant_id, bill_id),
    foreign key (tenant_id, source_id) references sources
);
create unique index bills_of_what on bills (tenant_id, source_id, kind, name, version);
create index bills_by_age on bills (tenant_id, source_id, uploaded_at desc, bill_id);
call protect_tenant_table('bills', 'select, insert, update');

-- Applications are found by what is installed in them, too.
drop index resources_of_software;
create index resources_with_software on resources (tenant_id, software, resource_id)
    where retired_at is null and software is not null;
