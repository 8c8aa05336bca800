-- One large tenant and many small ones, from two tables that the program fills: bench_tenants (tenant_id, slug, resources,
-- accounts) and bench_checks (check_no, check_id, severity, points, weight, kind, reader, fix_key, fix_per). What is
-- counted is counted from the rows themselves, so that every page adds up.
-- Nothing is random: numbers are hashed, so that two runs make the same estate.

create temporary table bench_kinds as
select kind, reader, (row_number() over (order by kind) - 1)::int as kind_no from (select distinct kind, reader from bench_checks) k;

insert into tenants (tenant_id, name, slug, created_at)
select tenant_id, initcap(replace(slug, '-', ' ')), slug, now() - interval '120 days' from bench_tenants;

create temporary table bench_sources as
select tenant_id, source_no, md5(tenant_id || '/source/' || source_no)::uuid as source_id
from bench_tenants, generate_series(0, 2) source_no where source_no = 0 or accounts > 2;

insert into sources (tenant_id, source_id, provider, name, settings, poll_seconds, evaluated_version, last_run_id, created_at)
select tenant_id, source_id, 'aws', 'Organization ' || source_no,
    '{"access": {"by": "access_key"}, "home_region": "us-east-1", "regions": []}', 900, 'bench',
    md5(source_id || '/run')::uuid, now() - interval '120 days'
from bench_sources;

insert into runs (tenant_id, run_id, source_id, state, started_at, finished_at, scopes_planned, scopes_complete)
select tenant_id, md5(source_id || '/run')::uuid, source_id, 'complete', now() - interval '20 minutes',
    now() - interval '10 minutes', 900, 900
from bench_sources;

-- What is drawn by lot about each resource; an account's tags decide how critical it is.
create temporary table bench_drawn as
select t.tenant_id, i as resource_no, t.accounts, md5(t.tenant_id || '/resource/' || i)::uuid as resource_id,
    (abs(hashint8extended(i, 1)) % (select count(*) from bench_kinds))::int as kind_no,
    (abs(hashint8extended(i, 2)) % t.accounts)::int as account_no,
    (abs(hashint8extended(i, 3)) % 100)::int as region_lot, (abs(hashint8extended(i, 4)) % 100)::int as exposure_lot
from bench_tenants t, generate_series(1, t.resources) i;

create temporary table bench_made as
select d.tenant_id, d.resource_no, d.resource_id, s.source_id, k.kind, k.reader,
    'arn:aws:' || k.kind || ':' || (100000000000 + account_no) || ':bench-' || resource_no as uid,
    split_part(k.kind, '.', 3) || '-' || to_hex(abs(hashint8extended(resource_no, 5)) % 16777216) || '-' || resource_no as name,
    (100000000000 + account_no)::text as account,
    case when region_lot < 40 then 'eu-west-1' when region_lot < 70 then 'us-east-1' when region_lot < 80 then 'eu-central-1'
        when region_lot < 87 then 'us-west-2' when region_lot < 92 then 'ap-southeast-2' when region_lot < 96 then 'eu-north-1'
        when region_lot < 98 then 'ap-south-1' else 'sa-east-1' end as region,
    case when exposure_lot < 5 then 'internet' when exposure_lot < 75 then 'private' else 'none' end as exposure,
    case when account_no % 4 = 0 then 'high' when account_no % 4 = 1 then 'low' else 'normal' end as criticality
from bench_drawn d
join bench_kinds k using (kind_no)
join bench_sources s on s.tenant_id = d.tenant_id and s.source_no = case when d.accounts > 2 then d.account_no % 3 else 0 end;
create index bench_made_kind on bench_made (kind);
analyze bench_made;

insert into resources (tenant_id, resource_id, source_id, kind, uid, name, account, region, scope_region, reader, attributes,
    unread, tags, digest, exposure, criticality, first_seen, changed_at)
select tenant_id, resource_id, source_id, kind, uid, name, account, region, region, reader,
    jsonb_build_object('Arn', uid, 'Name', name, 'OwnerId', account, 'Description', 'Made for measuring, one of many like it',
        'VpcId', 'vpc-' || substr(md5(account || region), 1, 17), 'CreationDate', '2024-03-01T12:00:00Z', 'Encrypted', resource_no % 2 = 0,
        'Rules', jsonb_build_array(jsonb_build_object('IpProtocol', 'tcp', 'FromPort', resource_no % 65536, 'CidrIpv4', '10.0.0.0/8'),
            jsonb_build_object('IpProtocol', 'tcp', 'FromPort', 443, 'CidrIpv4', '0.0.0.0/0')), 'Note', repeat('measured ', 30)),
    '{}', jsonb_build_object('team', 'team-' || resource_no % 40) ||
        case when resource_no % 200 = 7 then '{"tier": "rare"}'::jsonb else '{}' end, decode(md5(uid), 'hex'), exposure, criticality,
    now() - interval '100 days', now() - (resource_no % 100) * interval '1 day'
from bench_made order by tenant_id, resource_id;

insert into edges (tenant_id, from_id, relation, to_uid)
select tenant_id, resource_id, 'uses', 'arn:aws:shared:' || account || ':' || region from bench_made order by tenant_id, resource_id;

-- Each team has the resources of one tag.
insert into teams (tenant_id, team_id, name, created_at)
select tenant_id, md5(tenant_id || '/team/' || i)::uuid, 'team-' || i, now() - interval '120 days' from bench_tenants, generate_series(0, 39) i;

insert into scopes (tenant_id, source_id, account, region, reader, outcome, last_run_id, tried_at, complete_at)
select distinct tenant_id, source_id, account, region, reader, 'complete', md5(source_id || '/run')::uuid,
    now() - interval '10 minutes', now() - interval '10 minutes'
from bench_made;

-- Each check of each resource: of a hundred, some fail (the check decides how many), ten are resolved, four are unknown.
create temporary table bench_judged as
select m.tenant_id, m.resource_id, m.resource_no, m.source_id, m.account, m.region, m.exposure, m.criticality, c.check_id, c.check_no, lot,
    case when lot < rate then 'fail' when lot < 92 then 'pass' when lot < 96 then 'unknown' else 'not_applicable' end as verdict,
    case when lot < rate and lot % 16 = 5 then 'accepted' when lot < rate then 'open' when lot < rate + 10 then 'resolved' end as state
from bench_made m
join (select *, 20 + check_no * 37 % 45 as rate from bench_checks) c using (kind)
cross join lateral (select (abs(hashint8extended(m.resource_no, c.check_no + 100)) % 100)::int as lot) l;

-- What they miss is looked up when their index is there.
alter table verdicts disable trigger permissions_missed_anew;
insert into verdicts (tenant_id, resource_id, check_id, verdict, since, missing)
select tenant_id, resource_id, check_id, verdict, now() - interval '30 days',
    case when verdict = 'unknown' then jsonb_build_array(jsonb_build_object('what', 'Policy', 'detail', 'Access was denied.',
        'permission', (array['s3:GetBucketPolicy', 'iam:GetRolePolicy', 'ec2:DescribeFlowLogs'])[1 + check_no % 3])) end
from bench_judged order by tenant_id, resource_id, check_id;

alter table verdicts enable trigger permissions_missed_anew;

create temporary table bench_found as
select j.tenant_id, md5(j.resource_id || j.check_id)::uuid as finding_id, j.source_id, j.resource_id, j.check_id, j.state,
    c.severity, j.account, j.region, j.exposure, j.criticality,
    (c.points * case j.exposure when 'internet' then 20 when 'private' then 10 else 7 end
        * case j.criticality when 'high' then 15 when 'normal' then 10 else 5 end)::bigint as loss,
    md5(j.source_id || c.fix_key || x.target)::uuid as fix_id, c.fix_key, x.target, j.lot,
    md5(j.tenant_id || '/team/' || j.resource_no % 40)::uuid as team_id
from bench_judged j
join bench_checks c using (check_id)
cross join lateral (select case c.fix_per when 'account' then j.account when 'region' then j.account || '/' || j.region
    else j.resource_id::text end as target) x
where j.state is not null;

insert into findings (tenant_id, finding_id, source_id, resource_id, check_id, state, stage, severity, account, region, exposure,
    criticality, likelihood, loss, risk, fix_id, team_id, due_at, observed, message, first_seen, opened_at, resolved_at)
select tenant_id, finding_id, source_id, resource_id, check_id, state,
    case when state = 'open' and lot = 7 then 'in_progress' when state = 'open' and lot = 9 then 'awaiting_proof' else state end,
    severity, account, region, exposure, criticality, case when lot = 3 then 'likely' when lot = 4 then 'exploited' else 'possible' end,
    loss, greatest(sqrt(loss * 10000 / 7500 * case when lot in (3, 4) then 2 else 1 end)::int, 1), fix_id, team_id,
    case when state = 'open' then now() + (lot * 3 - 30) * interval '1 day' end,
    jsonb_build_object('Rules', jsonb_build_array(jsonb_build_object('FromPort', lot * 100, 'CidrIpv4', '0.0.0.0/0')), 'Encrypted', false),
    'It allows ' || lot || ' more than it should.', now() - interval '90 days', now() - (lot % 90) * interval '1 day',
    case when state = 'resolved' then now() - interval '1 day' end
from bench_found order by tenant_id, finding_id;

insert into finding_events (tenant_id, finding_id, at, event, check_id, loss_delta, net_delta)
select tenant_id, finding_id, now() - interval '90 days', 'opened', check_id, loss, loss from bench_found
order by tenant_id, finding_id;

insert into finding_counts (tenant_id, check_id, state, source_id, account, region, exposure, criticality, findings, loss)
select tenant_id, check_id, state, source_id, account, region, exposure, criticality, count(*), sum(loss)
from bench_found group by 1, 2, 3, 4, 5, 6, 7, 8;

insert into check_states (tenant_id, check_id, source_id, loss, net_loss, passed, failed, unknown, not_applicable)
select tenant_id, check_id, source_id, coalesce(loss, 0), coalesce(net_loss, 0), passed, failed, unknown, not_applicable
from (
    select tenant_id, check_id, source_id, count(*) filter (where verdict = 'pass') as passed,
        count(*) filter (where verdict = 'fail') as failed, count(*) filter (where verdict = 'unknown') as unknown,
        count(*) filter (where verdict = 'not_applicable') as not_applicable
    from bench_judged group by 1, 2, 3
) v left join (
    select tenant_id, check_id, source_id, sum(loss) filter (where state <> 'resolved') as loss,
        sum(loss) filter (where state = 'open') as net_loss
    from finding_counts group by 1, 2, 3
) f using (tenant_id, check_id, source_id);

insert into resource_counts (tenant_id, source_id, kind, account, region, resources)
select tenant_id, source_id, kind, account, region, count(*) from bench_made group by 1, 2, 3, 4, 5;

insert into fix_checks (tenant_id, fix_id, check_id, findings, loss)
select tenant_id, fix_id, check_id, count(*), sum(loss) from bench_found where state = 'open' group by 1, 2, 3;

insert into fixes (tenant_id, fix_id, source_id, fix_key, target, account, region, open_findings, resources, loss, risk, gain)
select tenant_id, fix_id, min(source_id::text)::uuid, min(fix_key), min(target), min(account), min(region), count(*),
    count(distinct resource_id), sum(loss), sum(greatest(sqrt(loss * 10000 / 7500)::int, 1)), 0
from bench_found where state = 'open' group by 1, 2;

with totals as (
    select tenant_id, check_id, sum(net_loss)::float8 as loss from check_states group by 1, 2
), gains as (
    select c.tenant_id, c.fix_id,
        sum(w.weight * (1 / (1 + greatest(t.loss - c.loss, 0) / 1000) - 1 / (1 + t.loss / 1000))) * 100
            / (select sum(weight) from bench_checks) as gain
    from fix_checks c join totals t using (tenant_id, check_id) join bench_checks w using (check_id)
    group by 1, 2
)
update fixes f set gain = gain_kept(g.gain) from gains g where f.tenant_id = g.tenant_id and f.fix_id = g.fix_id;

insert into group_keys (tenant_id, tag_key, place) select tenant_id, 'team', 1 from bench_tenants;

insert into group_losses (tenant_id, tag_key, tag_value, check_id, loss, net_loss, open_findings)
select f.tenant_id, 'team', 'team-' || m.resource_no % 40, f.check_id, sum(f.loss),
    coalesce(sum(f.loss) filter (where f.state = 'open'), 0), count(*) filter (where f.state = 'open')
from bench_found f join bench_made m on m.tenant_id = f.tenant_id and m.resource_id = f.resource_id
where f.state <> 'resolved' group by 1, 3, 4;

insert into postures (tenant_id, at, catalogue_version, score, gross_score, coverage, open_findings, parts)
select t.tenant_id, now() - day * interval '1 day', 'bench', 40 + day % 9, 38 + day % 9, 0.93, coalesce(o.findings, 0),
    '{"layer:cloud": 43.5, "framework:cis_aws_5.0": 51.2, "framework:cis_aws_7.0": 48.9}'
from bench_tenants t
left join (select tenant_id, sum(findings) as findings from finding_counts where state = 'open' group by 1) o using (tenant_id)
cross join lateral generate_series(0, case when t.accounts > 2 then 90 else 10 end) day;

insert into score_ledger (tenant_id, at, cause, delta, gross_delta, findings, detail)
select tenant_id, at, cause, case cause when 'fixed' then 1.5 else -0.5 end, case cause when 'fixed' then 1.5 else -0.5 end, 12,
    (select jsonb_build_array(jsonb_build_object('check_id', min(check_id), 'findings', 12, 'loss_delta', 100)) from bench_checks)
from postures, unnest(array['fixed', 'new_failure']) cause where catalogue_version = 'bench';
