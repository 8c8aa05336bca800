-- What the fix queue shows of a fix and is sorted by, kept with it.

-- The sum of the risks of the open findings that it closes; whose they are for the most part, and when the first is due.
alter table fixes add column risk bigint not null default 0;
alter table fixes add column team_id uuid;
alter table fixes add column assignee_id uuid;
alter table fixes add column due_at timestamptz;
-- Whether its key makes it one that stands before others, and how light it is; both as `core::fix` says.
alter table fixes add column upstream boolean not null default false;
alter table fixes add column ease double precision not null default 1;
-- The recommended order: `core::fix::rank`, which says why. Kept by the database, so that whoever writes the gain or the paths
-- need not know of it.
alter table fixes add column rank double precision not null generated always as (
    200 * width_bucket(paths_cut, array[1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024])
    + gain * ease * case when upstream or resources > 1 then 1.5 else 1 end) stored;

-- One index a sort.
create index fixes_recommended on fixes (tenant_id, rank desc, fix_id) where open_findings > 0;
create index fixes_by_risk on fixes (tenant_id, risk desc, fix_id) where open_findings > 0;
create index fixes_by_paths on fixes (tenant_id, paths_cut desc, fix_id) where open_findings > 0;
create index fixes_by_due on fixes (tenant_id, coalesce(due_at, 'infinity'::timestamptz), fix_id) where open_findings > 0;

-- The risks of what is open already. Weights by key come with the next version of the content, which weighs all fixes anew.
alter table fixes no force row level security;
alter table findings no force row level security;
update fixes x set risk = n.risk
from (
    select tenant_id, fix_id, sum(risk)::bigint as risk from findings where state = 'open' group by tenant_id, fix_id
) n
where x.tenant_id = n.tenant_id and x.fix_id = n.fix_id;
alter table findings force row level security;
alter table fixes force row level security;
