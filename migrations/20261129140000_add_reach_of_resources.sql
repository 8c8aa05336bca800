-- What the internet reaches through others: the last of them, as from a workload to the image that it runs. Null where it
-- is not reached, or is on the internet by itself (its own `exposure`).
alter table resources add column reached_through uuid;
create index resources_reached on resources (tenant_id, resource_id) where reached_through is not null;
create index resources_on_internet on resources (tenant_id, kind, resource_id) where exposure = 'internet' and retired_at is null;

-- What counts: how exposed a resource is, by itself or through others.
create function exposure_with_reach(exposure text, reached_through uuid) returns text
    language sql immutable parallel safe
    return case when reached_through is null then exposure else 'internet' end;
