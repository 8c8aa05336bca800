-- What the large tenant has to be attacked by: 5,000 workloads on the internet that run 500 images, of which every fifth has an
-- exploited flaw; 1,000 accounts with 200 cloud roles, of which every tenth administers; every twentieth workload can be left
-- for its machine. $1 is the tenant, $2 the check of an administering role, $3 that of a container that can be left.
insert into resources (tenant_id, resource_id, source_id, kind, uid, name, account, region, scope_region, reader, attributes, unread,
    tags, digest, exposure, criticality, first_seen, changed_at)
select $1, md5($1::text || uid)::uuid, s.source_id, kind, uid, uid, 'bench-cluster', 'bench', 'bench', 'bench', '{}', '{}', '{}',
    decode(md5(uid), 'hex'), exposure, 'normal', now(), now()
from (
    select 'kubernetes.workload' as kind, 'bench/workload/' || i as uid, 'internet' as exposure from generate_series(1, 5000) i
    union all select 'image', 'bench/image/' || i, 'private' from generate_series(1, 500) i
    union all select 'kubernetes.service_account', 'bench/account/' || i, 'none' from generate_series(1, 1000) i
    union all select 'kubernetes.node', 'bench/node/' || i, 'private' from generate_series(1, 100) i
    union all select 'aws.iam.role', 'bench/role/' || i, 'none' from generate_series(1, 200) i
) made, (select source_id from sources where tenant_id = $1 order by source_id limit 1) s
where $2::text is not null and $3::text is not null
on conflict do nothing;

insert into edges (tenant_id, from_id, relation, to_uid)
select $1, md5($1::text || 'bench/workload/' || i)::uuid, relation, uid
from generate_series(1, 5000) i cross join lateral (values
    ('image', 'bench/image/' || 1 + i % 500), ('service_account', 'bench/account/' || 1 + i % 1000), ('node', 'bench/node/' || 1 + i % 100)
) e (relation, uid)
where $2::text is not null and $3::text is not null
union all
select $1, md5($1::text || 'bench/account/' || i)::uuid, 'cloud_role', 'bench/role/' || 1 + i % 200 from generate_series(1, 1000) i
on conflict do nothing;

insert into findings (tenant_id, finding_id, source_id, resource_id, check_id, state, severity, account, region, exposure, criticality,
    likelihood, loss, risk, fix_id, observed, message, subject, first_seen, opened_at)
select $1, md5($1::text || f.uid || f.check_id)::uuid, r.source_id, r.resource_id, f.check_id, 'open', severity, r.account, r.region, exposed,
    'normal', likelihood, 1000, 50, md5($1::text || 'fix' || f.uid || f.check_id)::uuid, '{}', '', subject, now(), now()
from (
    select 'bench/image/' || i as uid, 'image_no_exploited_flaws' as check_id, 'critical' as severity, 'internet' as exposed,
        'exploited' as likelihood, 'CVE-2031-' || i as subject from generate_series(1, 500, 5) i
    union all
    select 'bench/role/' || i, $2, 'high', 'none', 'possible', '' from generate_series(1, 200, 10) i
    union all
    select 'bench/workload/' || i, $3, 'high', 'internet', 'possible', '' from generate_series(1, 5000, 20) i
) f join resources r on r.tenant_id = $1 and r.uid = f.uid
on conflict do nothing;
