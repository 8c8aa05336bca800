-- What a tenant says of its images beside what registries do: where they may come from, and which files must not be in them.

-- Where images may come from; a tenant without a row did not say.
create table image_rules (
    tenant_id uuid not null primary key,
    -- Patterns for `registry/repository`; see the core's `allowed`.
    sources text[] not null,
    changed_at timestamptz not null
);
call protect_tenant_table('image_rules', 'select, insert, update');

-- Lists of known bad files that the operator brought in; the same for all tenants.
create table hash_lists (
    list text primary key,
    origin text not null,
    imported_at timestamptz not null,
    entries bigint not null,
    unreadable bigint not null
);
create table bad_hashes (
    list text not null references hash_lists on delete cascade,
    sha256 bytea not null check (length(sha256) = 32),
    -- Its first eight bytes as a number: what `image_files` is compared by.
    prefix bigint not null,
    name text not null,
    primary key (list, sha256)
);
create index bad_hashes_by_prefix on bad_hashes (prefix);
grant select on hash_lists, bad_hashes to plumbline_app;
grant select, insert, update, delete on hash_lists, bad_hashes to plumbline_feeds;

-- A tenant's own.
create table own_bad_hashes (
    tenant_id uuid not null,
    sha256 bytea not null check (length(sha256) = 32),
    prefix bigint not null,
    name text not null,
    added_at timestamptz not null,
    primary key (tenant_id, sha256)
);
create index own_bad_hashes_by_prefix on own_bad_hashes (tenant_id, prefix);
create index own_bad_hashes_by_age on own_bad_hashes (tenant_id, added_at desc, sha256);
call protect_tenant_table('own_bad_hashes', 'select, insert, update, delete');

-- The files of an image that hold code, as the first eight bytes of their hashes: enough to find which images to look
-- into, at a tenth of the room. Whole hashes and paths are in the memory under the same key.
create table image_files (
    tenant_id uuid not null,
    software text not null,
    prefixes bigint[] not null,
    -- Files beyond those that are kept of a layer: what they are is not known.
    dropped bigint not null,
    primary key (tenant_id, software)
);
-- Hashes do not compress.
alter table image_files alter column prefixes set storage external;
call protect_tenant_table('image_files', 'select, insert');

-- Known bad files of images.
create table bad_files (
    tenant_id uuid not null,
    software text not null,
    sha256 bytea not null,
    prefix bigint not null,
    path text not null,
    layer integer not null,
    primary key (tenant_id, software, sha256, path)
);
call protect_tenant_table('bad_files', 'select, insert, delete');

-- By which rules a tenant's images are judged; when those differ from the ones that hold, all are judged anew.
create table image_judgements (
    tenant_id uuid not null primary key,
    sources text[] not null,
    -- Whether there was any list of bad files.
    listed boolean not null
);
call protect_tenant_table('image_judgements', 'select, insert, update');

-- Lists that change wake the judging of each tenant that has images.
create policy feeds_wake_judging on jobs for insert to plumbline_feeds with check (same_as = 'judge-images');

alter table score_ledger drop constraint score_ledger_cause_check;
alter table score_ledger add constraint score_ledger_cause_check check (
    cause in ('fixed', 'new_failure', 'new_resource', 'new_vulnerability', 'exception', 'disconnected', 'rules', 'ours'));
