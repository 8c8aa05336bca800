-- A host is found by what is installed on it, as an image is.
create index resources_of_host_software on resources (tenant_id, software, resource_id)
    where retired_at is null and kind = 'host.machine' and software is not null;
