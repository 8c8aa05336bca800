-- What people and paths add to an estate: whose findings are, exceptions, plans, what is kept and told. $1 is the tenant, $2 a
-- member of it. Every statement does nothing where it was done.
update findings f set assignee_id = $2 from (
    select finding_id from findings where tenant_id = $1 and state = 'open' order by finding_id limit 20000
) x where f.tenant_id = $1 and f.finding_id = x.finding_id and f.assignee_id is null;

insert into views (tenant_id, view_id, person_id, name, filter, sort, shared, created_at)
select $1, md5($1::text || '/view/' || i)::uuid, $2, 'View ' || i, 'team:team-' || i || ' severity>=high', 'risk', i % 2 = 0, now()
from generate_series(1, 20) i on conflict do nothing;

insert into inbox (tenant_id, person_id, at, kind, subject, link)
select $1, $2, now() - i * interval '1 hour', (array['assigned', 'mentioned', 'proven', 'due'])[1 + i % 4], i || ' findings', '/findings'
from generate_series(1, 2000) i where not exists (select from inbox where tenant_id = $1 and person_id = $2);

insert into bulk_actions (tenant_id, bulk_id, person_id, actor, at, action, q, detail, findings)
select $1, md5($1::text || '/bulk/' || i)::uuid, $2, 'Bench', now() - i * interval '1 day', 'start', 'q=severity:high', '', 100
from generate_series(1, 200) i on conflict do nothing;

insert into audit_log (tenant_id, audit_id, at, person_id, actor, action, object, detail)
select $1, md5($1::text || '/audit/' || i)::uuid, now() - i * interval '1 hour', $2, 'Bench', 'finding.assigned', 'Finding ' || i, '{}'
from generate_series(1, 20000) i on conflict do nothing;

insert into plans (tenant_id, plan_id, name, part, target, due, score_then, score_planned, at_least, made_by, made_at)
select $1, md5($1::text || '/plan/' || i)::uuid, 'Plan ' || i, 'whole', 70, current_date + 30, 40, 71, 50, $2, now() - i * interval '1 day'
from generate_series(1, 20) i on conflict do nothing;

insert into plan_fixes (tenant_id, plan_id, fix_id, place)
select $1, md5($1::text || '/plan/' || i)::uuid, fix_id, place
from generate_series(1, 20) i cross join (
    select fix_id, row_number() over (order by gain desc, fix_id) as place from fixes
    where tenant_id = $1 and open_findings > 0 order by gain desc, fix_id limit 200
) f where $2::uuid is not null on conflict do nothing;

insert into exceptions (tenant_id, exception_id, finding_id, reason, requested_by, approved_by, created_at, expires_at, state, scope, decided_at)
select $1, md5($1::text || '/exception/' || finding_id)::uuid, finding_id, 'It is behind a proxy that asks for a key.', $2, $2,
    now() - (n % 200 + 1) * interval '1 day', now() + (n % 100 + 1) * interval '1 day', 'in_force',
    jsonb_build_object('finding', finding_id), now() - (n % 200 + 1) * interval '1 day'
from (
    select finding_id, row_number() over (order by finding_id) as n from findings
    where tenant_id = $1 and state = 'accepted' order by finding_id limit 5000
) f on conflict do nothing;

insert into exception_findings (tenant_id, exception_id, finding_id, since, loss, grave)
select $1, e.exception_id, e.finding_id, e.created_at, f.loss, f.severity = 'critical'
from exceptions e join findings f on f.tenant_id = $1 and f.finding_id = e.finding_id
where e.tenant_id = $1 and $2::uuid is not null
    and not exists (select from exception_findings x where x.tenant_id = $1 and x.exception_id = e.exception_id);

insert into finding_comments (tenant_id, finding_id, at, person_id, author, body, mentioned)
select $1, finding_id, now() - i * interval '1 hour', $2, 'Bench', 'It is seen to.', '{}'
from (select finding_id from findings where tenant_id = $1 and finding_id > md5('bench')::uuid order by finding_id limit 100) f
cross join generate_series(1, 20) i where not exists (select from finding_comments where tenant_id = $1);

-- Paths lead from the riskiest findings on the internet to the resources of others.
create temporary table if not exists bench_paths (path_id uuid, finding_id uuid, fix_id uuid, entrance uuid, target uuid, n bigint);
insert into bench_paths
select md5($1::text || '/path/' || f.finding_id)::uuid, f.finding_id, f.fix_id, f.resource_id, lead(f.resource_id, 1, f.resource_id) over w,
    row_number() over w
from (
    select finding_id, fix_id, resource_id from findings where tenant_id = $1 and state = 'open' and severity = 'critical' and exposure = 'internet'
    order by risk desc, finding_id limit 5000
) f where $2::uuid is not null window w as (order by finding_id);

insert into attack_paths (tenant_id, path_id, entrance_id, foothold_id, target_id, goal, likelihood, risk, length, steps, first_seen)
select $1, path_id, entrance, entrance, target, 'data', 'likely', 20 + n % 80, 2,
    jsonb_build_array(
        jsonb_build_object('resource', entrance, 'relation', 'uses',
            'needs', jsonb_build_array(jsonb_build_object('opens', 'takeover', 'findings', jsonb_build_array(finding_id), 'count', 1))),
        jsonb_build_object('resource', target, 'relation', 'uses', 'needs', '[]'::jsonb)), now()
from bench_paths where $2::uuid is not null on conflict do nothing;

insert into path_findings (tenant_id, finding_id, path_id)
select $1, finding_id, path_id from bench_paths where $2::uuid is not null on conflict do nothing;

insert into path_cuts (tenant_id, fix_id, path_id)
select $1, fix_id, path_id from bench_paths where $2::uuid is not null on conflict do nothing;

insert into path_sums (tenant_id, footholds, paths)
select $1, count(*), count(*) from bench_paths where $2::uuid is not null on conflict do nothing;

update fixes f set paths_cut = c.paths from (select fix_id, count(*) as paths from path_cuts where tenant_id = $1 group by 1) c
where f.tenant_id = $1 and f.fix_id = c.fix_id and f.paths_cut <> c.paths and $2::uuid is not null
