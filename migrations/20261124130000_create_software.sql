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

-- An image is found by what is installed in it, and what it is built on by the layer that both begin with. Row-level
-- security lets no index answer a condition with `->>` or `lower()` in it, for the function might tell what it saw; a
-- column is only compared.
alter table resources add column software text generated always as (attributes ->> 'Software') stored;
alter table resources add column first_layer text generated always as (attributes -> 'Layers' -> 0 ->> 'digest') stored;
create index resources_of_software on resources (tenant_id, software, resource_id)
    where retired_at is null and kind = 'image' and software is not null;
create index resources_of_first_layer on resources (tenant_id, first_layer, resource_id)
    where retired_at is null and kind = 'image' and first_layer is not null;

-- Every package that is installed anywhere of the tenant's, once. What it is installed in is in `installations`.
create table packages (
    tenant_id uuid not null,
    package_id uuid not null,
    -- A package URL's type.
    type text not null,
    name text not null,
    version text not null,
    architecture text not null default '',
    source_name text not null default '',
    source_version text not null default '',
    licence text not null default '',
    -- The distribution's release where the type belongs to one: `debian-12`. Empty otherwise.
    distribution text not null default '',
    purl text not null,
    -- Whether its flaws are those of the advisories up to `matchings.change_no`.
    judged boolean not null default false,
    -- Why it could not be judged: its version cannot be read, no advisories cover its distribution.
    unjudged text,
    sought_name text not null generated always as (lower(name)) stored,
    primary key (tenant_id, package_id)
);
create index packages_by_sought_name on packages (tenant_id, sought_name text_pattern_ops, package_id);
create index packages_to_judge on packages (tenant_id, package_id) where not judged;
-- What could not be judged is told of beside every answer of "not affected".
create index packages_unjudged on packages (tenant_id, package_id) where unjudged is not null;
call protect_tenant_table('packages', 'select, insert, update, delete');

-- Under which names advisories tell of a package, and the version that they are held against.
create table package_keys (
    tenant_id uuid not null,
    ecosystem text not null,
    name text not null,
    package_id uuid not null,
    version text not null,
    primary key (tenant_id, ecosystem, name, package_id)
);
create index package_keys_of_package on package_keys (tenant_id, package_id);
call protect_tenant_table('package_keys', 'select, insert, delete');

-- Which packages the software of an image consists of. `software` is the memory's key of the whole.
create table installations (
    tenant_id uuid not null,
    software text not null,
    package_id uuid not null,
    -- The file that lists it, and the layer that brought it, lowest first from 0.
    path text not null,
    layer integer not null,
    primary key (tenant_id, software, package_id, path)
);
create index installations_of_package on installations (tenant_id, package_id, software);
call protect_tenant_table('installations', 'select, insert, delete');

-- What is known to be wrong with a package.
create table package_flaws (
    tenant_id uuid not null,
    package_id uuid not null,
    -- A CVE where there is one.
    flaw_id text not null,
    aliases text[] not null,
    advisories text[] not null,
    severity text not null,
    -- False when no advisory rates it, and the severity is our guess.
    rated boolean not null,
    cvss real,
    vector text,
    fixed_in text,
    -- Whether it was known to be exploited when its package was judged: when that changes, the package is judged anew.
    exploited boolean not null default false,
    primary key (tenant_id, package_id, flaw_id)
);
create index package_flaws_of_flaw on package_flaws (tenant_id, flaw_id, package_id);
call protect_tenant_table('package_flaws', 'select, insert, delete');

-- The other names of the tenant's flaws, by which people ask for them.
create table flaw_aliases (
    tenant_id uuid not null,
    alias text not null,
    flaw_id text not null,
    primary key (tenant_id, alias, flaw_id)
);
call protect_tenant_table('flaw_aliases', 'select, insert');

-- Up to which change of the advisories a tenant's packages are judged.
create table matchings (
    tenant_id uuid not null primary key,
    change_no bigint not null
);
call protect_tenant_table('matchings', 'select, insert, update');

-- Advisories are the same for all tenants: anybody may read them, and only the door for feeds may change them.
do $$
begin
    begin
        if not exists (select from pg_roles where rolname = 'plumbline_feeds') then
            create role plumbline_feeds nologin nosuperuser nobypassrls nocreatedb nocreaterole noinherit;
        end if;
    exception
        when duplicate_object or unique_violation then null;
    end;
    begin
        if not pg_has_role('plumbline_app', 'plumbline_feeds', 'member') then
            grant plumbline_feeds to plumbline_app;
        end if;
    exception
        when unique_violation then null;
        when internal_error then null; -- "tuple concurrently updated": another migration just granted the same
    end;
end
$$;
grant usage on schema public to plumbline_feeds;

-- Where advisories come from, and how old each is.
create table feeds (
    feed text primary key,
    -- A zip, a folder or a file that was imported, or the address it is fetched from.
    origin text not null,
    -- The date that the feed states of itself.
    dated text not null default '',
    refreshed_at timestamptz not null,
    entries bigint not null,
    -- Entries that could not be read, and the first few of them.
    unreadable bigint not null default 0,
    named jsonb not null default '[]'
);

create table advisories (
    advisory_id text primary key,
    feed text not null,
    -- What matching needs: ids, rating, whether it is withdrawn.
    notice jsonb not null,
    summary text not null,
    published text not null,
    modified text not null,
    -- Addresses of further reading, a list.
    reference_urls jsonb not null
);
create index advisories_of_feed on advisories (feed);
-- "Are we affected?" is asked for flaws that no package of the tenant has, too.
create index advisories_by_flaw on advisories using gin ((notice -> 'flaws') jsonb_path_ops);

create sequence advisory_changes;
grant usage on sequence advisory_changes to plumbline_feeds;

-- Which packages an advisory tells of. A package that it tells of no more stays, with null, so that the change is seen.
create table advisory_packages (
    ecosystem text not null,
    name text not null,
    advisory_id text not null,
    affected jsonb,
    change_no bigint not null,
    primary key (ecosystem, name, advisory_id)
);
create index advisory_packages_of_advisory on advisory_packages (advisory_id);
create index advisory_packages_changed on advisory_packages (change_no);

create table exploited_flaws (
    flaw_id text primary key,
    name text not null,
    added text not null,
    due text not null,
    ransomware boolean not null
);

create table forecasts (
    flaw_id text primary key,
    probability real not null,
    percentile real not null
);

grant select on feeds, advisories, advisory_packages, exploited_flaws, forecasts to plumbline_app;
grant select, insert, update, delete on feeds, advisories, advisory_packages, exploited_flaws, forecasts to plumbline_feeds;
-- Whom to wake when advisories changed.
create policy feeds_see_matchings on matchings for select to plumbline_feeds using (true);
grant select on matchings to plumbline_feeds;
create policy feeds_wake on jobs for insert to plumbline_feeds with check (same_as = 'match');
grant insert on jobs to plumbline_feeds;
