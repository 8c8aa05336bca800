-- Row-level security lets no index answer a condition with `lower()` in it, for the function might tell what it saw; a
-- column that is in lower case already is only compared.
alter table resources add column sought_name text not null generated always as (lower(name)) stored;
create index resources_by_sought_name on resources (tenant_id, sought_name text_pattern_ops, resource_id);
drop index resources_by_name;
