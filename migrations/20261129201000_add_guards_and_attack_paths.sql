-- Guards that a resource's own attributes tell of; `guards` has these and what others tell.
alter table resources add column own_guards text[] not null default '{}';
alter table staged_resources add column own_guards text[] not null default '{}';
create index resources_with_blast on resources (tenant_id, resource_id) where blast <> 'none';

-- Flaws by which somebody on the internet may take a resource over.
create index findings_of_takeover on findings (tenant_id, resource_id, finding_id)
    where state = 'open' and exposure = 'internet' and likelihood in ('exploited', 'likely');

-- How somebody on the internet comes to what is worth having, the best way for each foothold and target.
create table attack_paths (
    tenant_id uuid not null,
    -- Derived from foothold, target and goal.
    path_id uuid not null,
    -- What is on the internet by itself, through which the foothold is reached; the foothold where it is that.
    entrance_id uuid not null,
    -- What can be taken over from the internet.
    foothold_id uuid not null,
    target_id uuid not null,
    goal text not null check (goal in ('admin', 'data', 'machine', 'secrets')),
    likelihood text not null,
    -- 1 to 100, as shown and as ordered by.
    risk smallint not null,
    -- Steps from the foothold to the target.
    length integer not null,
    -- From the entrance to the target: [{resource, relation, needs: [{opens, findings, count}]}].
    steps jsonb not null,
    first_seen timestamptz not null,
    primary key (tenant_id, path_id)
);
create index attack_paths_ranked on attack_paths (tenant_id, risk desc, path_id);
call protect_tenant_table('attack_paths', 'select, insert, update, delete');

-- The findings without which a path would not be there as it is.
create table path_findings (
    tenant_id uuid not null,
    finding_id uuid not null,
    path_id uuid not null,
    primary key (tenant_id, finding_id, path_id)
);
call protect_tenant_table('path_findings', 'select, insert, delete');

-- A fix cuts a path when one of its steps needs findings that are all of that fix.
create table path_cuts (
    tenant_id uuid not null,
    fix_id uuid not null,
    path_id uuid not null,
    primary key (tenant_id, fix_id, path_id)
);
create index path_cuts_of_path on path_cuts (tenant_id, path_id, fix_id);
call protect_tenant_table('path_cuts', 'select, insert, delete');

-- Fixes that cut none any more are found among these.
create index fixes_that_cut on fixes (tenant_id, fix_id) where paths_cut > 0;

-- How many footholds and paths were found, of which the riskiest are kept.
create table path_sums (
    tenant_id uuid not null primary key,
    footholds bigint not null,
    paths bigint not null
);
call protect_tenant_table('path_sums', 'select, insert, update');
