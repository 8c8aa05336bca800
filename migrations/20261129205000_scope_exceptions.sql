-- Exceptions are asked for by one person and approved by another, and cover more than one finding.

drop index exceptions_in_force;
alter table exceptions alter column finding_id drop not null;
alter table exceptions alter column approved_by drop not null;
alter table exceptions add column state text not null default 'asked'
    check (state in ('asked', 'in_force', 'refused', 'withdrawn', 'ended'));
alter table exceptions add column kind text not null default 'accepted_risk'
    check (kind in ('accepted_risk', 'false_positive'));
-- What it covers: {"finding": id}, {"resource": id}, {"fix": id} or {"filter": {…}}; see `core::exception`.
alter table exceptions add column scope jsonb not null default '{}';
-- When it was approved, refused or withdrawn, and what was said to it.
alter table exceptions add column decided_at timestamptz;
alter table exceptions add column decision text not null default '' check (char_length(decision) <= 2000);
alter table exceptions add column ended_how text check (ended_how in ('expired', 'by_hand', 'resolved'));
alter table exceptions add column ended_by uuid;
-- The one that it takes the place of.
alter table exceptions add column renews uuid;
-- Whether its asker approved it, which only a tenant with a single approver allows.
alter table exceptions add column two_eyes boolean not null default false;
-- What it covers now; kept by a trigger of `exception_findings`.
alter table exceptions add column covers bigint not null default 0;
alter table exceptions add column covers_loss bigint not null default 0;
alter table exceptions add column covers_grave bigint not null default 0;
alter table exceptions add constraint exceptions_end_check check (expires_at <= created_at + interval '366 days');

alter table exceptions no force row level security;
update exceptions set state = case when ended_at is null then 'in_force' else 'ended' end, decided_at = created_at,
    scope = jsonb_build_object('finding', finding_id);
alter table exceptions force row level security;

create unique index exceptions_asked_once on exceptions (tenant_id, finding_id) where state = 'asked';
create index exceptions_of_finding on exceptions (tenant_id, finding_id, created_at desc);
create index exceptions_of_state on exceptions (tenant_id, state, created_at desc, exception_id desc);
create index exceptions_by_time on exceptions (tenant_id, created_at desc, exception_id desc);

-- Which findings an exception covers, and covered.
create table exception_findings (
    tenant_id uuid not null,
    exception_id uuid not null,
    finding_id uuid not null,
    since timestamptz not null,
    until timestamptz,
    -- What the finding takes from its check while it is covered; and whether it is critical or exploited.
    loss bigint not null,
    grave boolean not null,
    primary key (tenant_id, exception_id, finding_id, since)
);
alter table findings no force row level security;
alter table exceptions no force row level security;
insert into exception_findings (tenant_id, exception_id, finding_id, since, loss, grave)
select e.tenant_id, e.exception_id, e.finding_id, e.created_at, f.loss, f.severity = 'critical' or f.likelihood = 'exploited'
from exceptions e join findings f on f.tenant_id = e.tenant_id and f.finding_id = e.finding_id
where e.state = 'in_force' and f.state = 'accepted';
update exceptions e set covers = 1, covers_loss = x.loss, covers_grave = x.grave::int
from exception_findings x where x.tenant_id = e.tenant_id and x.exception_id = e.exception_id;
alter table findings force row level security;
alter table exceptions force row level security;
create index exception_findings_of_finding on exception_findings (tenant_id, finding_id) where until is null;
create index exception_findings_now on exception_findings (tenant_id, exception_id, finding_id) where until is null;
call protect_tenant_table('exception_findings', 'select, insert, update');

create function keep_exception_sums() returns trigger
    language plpgsql
as $$
declare
    moved text := case tg_op
        when 'INSERT' then 'select *, 1 as n from added where until is null'
        else 'select *, 1 as n from added where until is null union all select *, -1 from gone where until is null'
    end;
begin
    execute format(
        'update exceptions e set covers = e.covers + s.n, covers_loss = e.covers_loss + s.loss,
             covers_grave = e.covers_grave + s.grave
         from (
             select tenant_id, exception_id, sum(n) as n, sum(n * loss) as loss, sum(n * grave::int) as grave
             from (%s) moved group by tenant_id, exception_id
         ) s
         where e.tenant_id = s.tenant_id and e.exception_id = s.exception_id',
        moved
    );
    return null;
end
$$;

create trigger exceptions_cover_more after insert on exception_findings
    referencing new table as added for each statement execute function keep_exception_sums();
create trigger exceptions_cover_otherwise after update on exception_findings
    referencing old table as gone new table as added for each statement execute function keep_exception_sums();

-- What was handed in with a request.
create table exception_attachments (
    tenant_id uuid not null,
    exception_id uuid not null,
    name text not null,
    media_type text not null check (media_type in ('application/pdf', 'image/png', 'image/jpeg', 'text/plain')),
    content bytea not null check (octet_length(content) between 1 and 1048576),
    primary key (tenant_id, exception_id)
);
call protect_tenant_table('exception_attachments', 'select, insert');

-- How a tenant approves. Without a row, by four eyes.
create table exception_policies (
    tenant_id uuid not null,
    four_eyes boolean not null,
    changed_by uuid not null,
    changed_at timestamptz not null,
    primary key (tenant_id)
);
call protect_tenant_table('exception_policies', 'select, insert, update');
