-- What a resource is marked with, in a form that an index answers: row-level security lets no index look into JSON.
create table resource_labels (
    tenant_id uuid not null,
    -- `tag:` and the tag's key, or `namespace`.
    label text not null,
    -- Its first 500 characters.
    value text not null,
    resource_id uuid not null,
    primary key (tenant_id, label, value, resource_id)
);
create index resource_labels_of_resource on resource_labels (tenant_id, resource_id);
call protect_tenant_table('resource_labels', 'select, insert, delete');

create function labels_of(tags jsonb, attributes jsonb) returns table (label text, value text)
    language sql immutable parallel safe
as $$
    select 'tag:' || left(t.key, 500), left(t.value, 500)
    from jsonb_each_text(case jsonb_typeof(tags) when 'object' then tags else '{}' end) t
    union
    select 'namespace', left(attributes #>> '{metadata,namespace}', 500)
    where attributes #>> '{metadata,namespace}' is not null
$$;

create function label_new_resources() returns trigger language plpgsql as $$
begin
    insert into resource_labels (tenant_id, label, value, resource_id)
    select r.tenant_id, l.label, l.value, r.resource_id
    from added r cross join lateral labels_of(r.tags, r.attributes) l
    on conflict do nothing;
    return null;
end
$$;

create function label_changed_resource() returns trigger language plpgsql as $$
begin
    delete from resource_labels where tenant_id = new.tenant_id and resource_id = new.resource_id;
    insert into resource_labels (tenant_id, label, value, resource_id)
    select new.tenant_id, l.label, l.value, new.resource_id from labels_of(new.tags, new.attributes) l;
    return null;
end
$$;

create trigger resources_labelled after insert on resources
    referencing new table as added for each statement execute function label_new_resources();
-- Tags change seldom: only a resource whose tags did is touched.
create trigger resources_labelled_anew after update of tags, attributes on resources for each row
    when (old.tags is distinct from new.tags
        or old.attributes #>> '{metadata,namespace}' is distinct from new.attributes #>> '{metadata,namespace}')
    execute function label_changed_resource();

-- The owner does not see tenants' rows while row-level security binds it too.
alter table resources no force row level security;
alter table resource_labels no force row level security;
insert into resource_labels (tenant_id, label, value, resource_id)
select r.tenant_id, l.label, l.value, r.resource_id from resources r cross join lateral labels_of(r.tags, r.attributes) l;
alter table resources force row level security;
alter table resource_labels force row level security;
