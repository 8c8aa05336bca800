-- Groups: what resources of one value of a tag cost, for the tag keys that the tenant named.
create table group_keys (
    tenant_id uuid not null,
    tag_key text not null check (char_length(tag_key) between 1 and 128),
    -- 1 to 5, in the order in which they were named.
    place smallint not null check (place between 1 and 5),
    primary key (tenant_id, tag_key)
);
create unique index group_keys_in_order on group_keys (tenant_id, place);
call protect_tenant_table('group_keys', 'select, insert, update, delete');

-- The losses of each check in each group, kept with every finding that moves and every resource whose tags change.
create table group_losses (
    tenant_id uuid not null,
    tag_key text not null,
    tag_value text not null,
    check_id text not null,
    -- Of findings that are not resolved; and of those that are not accepted either.
    loss bigint not null,
    net_loss bigint not null,
    open_findings bigint not null,
    primary key (tenant_id, tag_key, tag_value, check_id)
);
create index group_losses_of_nothing on group_losses (tenant_id) where loss = 0 and net_loss = 0 and open_findings = 0;
call protect_tenant_table('group_losses', 'select, insert, update, delete');
