-- Filters of the list of findings that somebody keeps under a name.
create table views (
    tenant_id uuid not null references tenants,
    view_id uuid not null,
    -- Who keeps it, and alone may change it.
    person_id uuid not null,
    name text not null check (char_length(name) between 1 and 80),
    -- The filter as it is typed.
    filter text not null check (char_length(filter) <= 1000),
    sort text not null,
    -- Whether the tenant's other members see it.
    shared boolean not null default false,
    created_at timestamptz not null,
    primary key (tenant_id, view_id)
);
create unique index views_name on views (tenant_id, person_id, name);
create index views_shared on views (tenant_id, name) where shared;
call protect_tenant_table('views', 'select, insert, update, delete');

-- The view that the list opens with, a person.
create table default_views (
    tenant_id uuid not null,
    person_id uuid not null,
    view_id uuid not null,
    primary key (tenant_id, person_id),
    foreign key (tenant_id, view_id) references views on delete cascade
);
create index default_views_of_view on default_views (tenant_id, view_id);
call protect_tenant_table('default_views', 'select, insert, update, delete');
