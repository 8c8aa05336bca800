-- Groups by tag know what could be decided of their resources, what each fix takes of them, and why their score moved.

-- Verdicts on the resources of a group: pass or fail, and unknown. What was not read at all has no tags, and is in no group.
alter table group_losses add column decided bigint not null default 0;
alter table group_losses add column unknown bigint not null default 0;
-- What is empty is forgotten by what moved, and no longer looked for.
drop index group_losses_of_nothing;

-- What a fix takes from a check within a group; of open findings, as `fix_checks` is for the tenant.
create table group_fixes (
    tenant_id uuid not null,
    tag_key text not null,
    tag_value text not null,
    fix_id uuid not null,
    check_id text not null,
    loss bigint not null,
    open_findings bigint not null,
    primary key (tenant_id, tag_key, tag_value, fix_id, check_id)
);
call protect_tenant_table('group_fixes', 'select, insert, update, delete');

-- Why the score of a group moved; as `score_ledger` is for the tenant, with one cause more: tags changed.
create table group_ledger (
    tenant_id uuid not null,
    tag_key text not null,
    tag_value text not null,
    at timestamptz not null,
    cause text not null,
    delta double precision not null,
    gross_delta double precision not null,
    findings bigint not null,
    primary key (tenant_id, tag_key, tag_value, at, cause)
);
call protect_tenant_table('group_ledger', 'select, insert');

-- The groups that there are already are reckoned anew.
alter table group_keys no force row level security;
alter table jobs no force row level security;
update group_keys set reckoned_to = '00000000-0000-0000-0000-000000000000';
insert into jobs (tenant_id, job_id, task, same_as, state, run_at, created_at)
select k.tenant_id, gen_random_uuid(), '{"task": "regroup"}', 'regroup', 'queued', now(), now()
from (select distinct tenant_id from group_keys) k
on conflict do nothing;
alter table group_keys force row level security;
alter table jobs force row level security;
