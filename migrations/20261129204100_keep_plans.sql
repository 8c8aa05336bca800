-- Sets of fixes that somebody means to do by a day, to bring a score to a target.
create table plans (
    tenant_id uuid not null,
    plan_id uuid not null,
    name text not null constraint plans_name_check check (char_length(name) between 1 and 120),
    -- What the score is of: `whole`, or a part as in `postures.parts`.
    part text not null,
    target smallint not null check (target between 1 and 100),
    due date not null,
    -- Unrounded, when it was made; and what it comes to.
    score_then double precision not null,
    score_planned double precision not null,
    -- No set of fewer fixes could do it then.
    at_least integer not null,
    made_by uuid not null,
    made_at timestamptz not null,
    primary key (tenant_id, plan_id)
);
create index plans_by_time on plans (tenant_id, made_at desc, plan_id);
call protect_tenant_table('plans', 'select, insert, update, delete');

create table plan_fixes (
    tenant_id uuid not null,
    plan_id uuid not null,
    fix_id uuid not null,
    -- In the order in which they gain most.
    place integer not null,
    primary key (tenant_id, plan_id, fix_id)
);
call protect_tenant_table('plan_fixes', 'select, insert, update, delete');
