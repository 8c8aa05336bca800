-- Work to be done, leased by workers: a lease that runs out is taken by another.
create table jobs (
    tenant_id uuid not null,
    job_id uuid not null,
    -- What to do, with what it needs to know: never a secret.
    task jsonb not null,
    -- Equal for jobs of which one is enough.
    same_as text not null,
    state text not null check (state in ('queued', 'leased', 'done', 'failed')),
    run_at timestamptz not null,
    attempts integer not null default 0,
    leased_by uuid,
    leased_until timestamptz,
    created_at timestamptz not null,
    finished_at timestamptz,
    error text,
    primary key (tenant_id, job_id)
);
create unique index jobs_one_waiting on jobs (tenant_id, same_as) where state = 'queued';
create index jobs_waiting on jobs (tenant_id, run_at) where state = 'queued';
create index jobs_leased on jobs (tenant_id, leased_until) where state = 'leased';
call protect_tenant_table('jobs', 'select, insert, update');
create policy every_tenant on jobs to plumbline_queue using (true) with check (true);
grant select, update, delete on jobs to plumbline_queue;
