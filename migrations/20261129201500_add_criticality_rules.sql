-- What a tenant says of how much depends on what; the first that means a resource decides.
create table criticality_rules (
    tenant_id uuid not null,
    position integer not null,
    criticality text not null check (criticality in ('high', 'normal', 'low')),
    -- Each may be a pattern; null means any.
    account text,
    namespace text,
    kind text,
    tag_key text,
    tag_value text,
    name text,
    primary key (tenant_id, position)
);
call protect_tenant_table('criticality_rules', 'select, insert, delete');
