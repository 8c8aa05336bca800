-- Row-level security lets no index answer a condition with `->>` or `lower()` in it, for the function might tell what it
-- saw; a column is only compared.
alter table resources add column software text generated always as (attributes ->> 'Software') stored;
create index resources_of_software on resources (tenant_id, software, resource_id)
    where retired_at is null and kind = 'image' and software is not null;
drop index resources_by_software;

-- What an image is built on begins with the same layer.
alter table resources add column first_layer text generated always as (attributes -> 'Layers' -> 0 ->> 'digest') stored;
create index resources_of_first_layer on resources (tenant_id, first_layer, resource_id)
    where retired_at is null and kind = 'image' and first_layer is not null;
drop index images_by_first_layer;

alter table packages add column sought_name text not null generated always as (lower(name)) stored;
create index packages_by_sought_name on packages (tenant_id, sought_name text_pattern_ops, package_id);
drop index packages_by_name;
