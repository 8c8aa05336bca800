-- "Are we affected?" is asked for flaws that no package of the tenant has, too.
create index advisories_by_flaw on advisories using gin ((notice -> 'flaws') jsonb_path_ops);

-- What could not be judged is told of beside every answer of "not affected".
create index packages_unjudged on packages (tenant_id, package_id) where unjudged is not null;

-- What an image is built on begins with the same layer.
create index images_by_first_layer on resources (tenant_id, (attributes -> 'Layers' -> 0 ->> 'digest'))
    where retired_at is null and kind = 'image';
