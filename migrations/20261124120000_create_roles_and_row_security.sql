-- Who may touch the database, and how a table becomes a tenant's.
--
-- The owner (whoever runs migrations) owns everything and serves no request. The application has three roles, none of
-- which can bypass row-level security; each door in the store enters with `set local role` for one transaction:
--   plumbline_app       one tenant's data: sees only rows of the tenant that the transaction named
--   plumbline_identity  people, sessions and memberships, before a tenant is chosen
--   plumbline_queue     the queue of jobs of all tenants, and nothing else
-- Roles belong to the whole cluster; another database of it may be creating them at this moment.
do $$
declare
    role_name text;
begin
    foreach role_name in array array['plumbline_app', 'plumbline_identity', 'plumbline_queue'] loop
        begin
            if not exists (select from pg_roles where rolname = role_name) then
                execute format('create role %I nologin nosuperuser nobypassrls nocreatedb nocreaterole noinherit', role_name);
            end if;
        exception
            when duplicate_object or unique_violation then null;
        end;
    end loop;
    begin
        if not pg_has_role('plumbline_app', 'plumbline_identity', 'member') then
            grant plumbline_identity to plumbline_app;
        end if;
        if not pg_has_role('plumbline_app', 'plumbline_queue', 'member') then
            grant plumbline_queue to plumbline_app;
        end if;
    exception
        when unique_violation then null;
        when internal_error then null; -- "tuple concurrently updated": another migration just granted the same
    end;
end
$$;

-- The tenant that the transaction named; null, and so equal to nothing, when none was.
create function current_tenant() returns uuid
    language sql stable parallel safe
    return nullif(current_setting('plumbline.tenant', true), '')::uuid;

-- Makes a table a tenant's: row-level security that binds its owner too and denies when no tenant is set.
create procedure protect_tenant_table(target regclass, privileges text)
    language plpgsql
as $$
begin
    execute format('alter table %s enable row level security', target);
    execute format('alter table %s force row level security', target);
    execute format(
        'create policy one_tenant on %s to plumbline_app using (tenant_id = current_tenant()) with check (tenant_id = current_tenant())',
        target
    );
    execute format('grant %s on %s to plumbline_app', privileges, target);
end
$$;

grant usage on schema public to plumbline_app, plumbline_identity, plumbline_queue;

create table tenants (
    tenant_id uuid primary key,
    name text not null check (char_length(name) between 1 and 120),
    slug text not null,
    created_at timestamptz not null
);
alter table tenants enable row level security;
alter table tenants force row level security;
create policy one_tenant on tenants to plumbline_app using (tenant_id = current_tenant()) with check (tenant_id = current_tenant());
create policy every_tenant on tenants to plumbline_identity using (true) with check (true);
create unique index tenants_slug on tenants (slug);
grant select, update on tenants to plumbline_app;
grant select, insert, update on tenants to plumbline_identity;
