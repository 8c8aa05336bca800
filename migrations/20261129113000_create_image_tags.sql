-- Which digest a tag of a repository led to, and when. A row is one stretch of time.
create table image_tags (
    tenant_id uuid not null,
    -- The repository as a resource.
    repository_id uuid not null,
    tag text not null,
    -- Of an image, or of an index of images.
    digest text not null,
    -- The run that first saw it lead there.
    first_seen timestamptz not null,
    -- The run that saw that it no longer does; null while it does.
    left_at timestamptz,
    -- moved: it led elsewhere. removed: the repository has it no more. unseen: it is there, and where it leads was not read.
    how text check (how in ('moved', 'removed', 'unseen')),
    primary key (tenant_id, repository_id, tag, first_seen),
    check ((left_at is null) = (how is null))
);
create unique index image_tags_now on image_tags (tenant_id, repository_id, tag) where left_at is null;
create index image_tags_by_age on image_tags (tenant_id, repository_id, first_seen desc, tag);
create index image_tags_of_digest on image_tags (tenant_id, repository_id, digest, first_seen desc);
call protect_tenant_table('image_tags', 'select, insert, update');
