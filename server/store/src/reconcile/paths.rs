//! Attack paths, found anew over the whole graph and kept where they differ from those that were.
//!
//! Bounded throughout: so many footholds are followed so far, the shortest way to each target counts, and the riskiest
//! paths are kept. `path_sums` says how many there were.

use super::walk::walk;
use crate::door::TenantTx;
use crate::error::StoreError;
use crate::path::MOST_PATHS;
use chrono::{DateTime, Utc};
use plumbline_core::path::{LONGEST, Openings, risk_table};
use plumbline_core::stack::{DEPTH, OUT, SECRETS};

/// Findings of one step that its path names; how many there are is kept beside them.
const NAMED: i64 = 5;
/// Findings of one step that lead to the path from their own page.
const LINKED: i64 = 20;

/// Finds all attack paths, and writes what changed: paths, which findings they hang on, and which fixes cut them. The caller
/// holds [`super::lock`].
///
/// # Errors
/// When the database does not answer.
pub async fn find_paths(tx: &mut TenantTx, openings: &Openings, at: DateTime<Utc>) -> Result<(), StoreError> {
    // Compiling these statements takes longer than running them, and their tables are small.
    sqlx::query("set local jit = off").execute(tx.conn()).await?;
    sqlx::query("set local work_mem = '64MB'").execute(tx.conn()).await?;
    let footholds = walk(tx, openings).await?;
    let paths = pick(tx).await?;
    chain(tx).await?;
    enable(tx).await?;
    draw(tx).await?;
    write(tx, footholds, paths, at).await?;
    sqlx::query("drop table taking, foothold, walk, mark, goal, picked, chain, need, enabling, drawn")
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// What is worth having among what is come to, each target for the worst that it is, ranked; the riskiest are kept. Returns
/// how many there were.
async fn pick(tx: &mut TenantTx) -> Result<i64, StoreError> {
    sqlx::query(
        "create temporary table goal on commit drop as
         with sought as (
             select w.foothold_id, w.resource_id as target_id, case m.opens when 'credentials' then 'secrets' else m.opens end as goal,
                 w.depth
             from walk w
             join (select distinct resource_id, opens from mark where opens in ('admin', 'credentials', 'data')) m
                 on m.resource_id = w.resource_id
             union
             select foothold_id, resource_id, 'secrets', depth from walk where depth > 0 and kind = any($2)
             union
             select w.foothold_id, w.resource_id, 'machine', w.depth from walk w
             join edges e on e.tenant_id = $1 and e.to_uid = w.uid and e.relation = 'node'
             join resources c on c.tenant_id = $1 and c.resource_id = e.from_id and c.retired_at is null
                 and c.kind = 'kubernetes.control_plane_component'
             where w.kind = 'kubernetes.node'
         )
         select distinct on (s.foothold_id, s.target_id) s.foothold_id, s.target_id, s.goal, s.depth,
             least(s.depth, $3) as steps, h.likelihood, h.opens,
             case when 'high' in (h.criticality, t.criticality) then 'high'
                  when 'normal' in (h.criticality, t.criticality) then 'normal' else 'low' end as criticality
         from sought s
         join foothold h on h.resource_id = s.foothold_id
         join resources t on t.tenant_id = $1 and t.resource_id = s.target_id
         order by s.foothold_id, s.target_id, array_position(array['admin', 'data', 'machine', 'secrets'], s.goal)",
    )
    .bind(tx.tenant().0)
    .bind(SECRETS)
    .bind(LONGEST)
    .execute(tx.conn())
    .await?;
    sqlx::query("analyze goal").execute(tx.conn()).await?;
    let table = risk_table();
    sqlx::query(
        "create temporary table picked on commit drop as
         select md5(g.foothold_id::text || g.target_id::text || g.goal)::uuid as path_id, g.foothold_id, g.target_id, g.goal,
             g.likelihood, g.opens, g.depth, r.risk, count(*) over () as paths
         from goal g
         join unnest($1::text[], $2::text[], $3::text[], $4::int[], $5::smallint[])
             as r (likelihood, goal, criticality, steps, risk)
             on r.likelihood = g.likelihood and r.goal = g.goal and r.criticality = g.criticality and r.steps = g.steps
         order by r.risk desc, 1 limit $6",
    )
    .bind(table.likelihoods)
    .bind(table.goals)
    .bind(table.criticalities)
    .bind(table.steps)
    .bind(table.risks)
    .bind(MOST_PATHS)
    .execute(tx.conn())
    .await?;
    let paths: Option<i64> = sqlx::query_scalar("select paths from picked limit 1").fetch_optional(tx.conn()).await?;
    Ok(paths.unwrap_or(0))
}

/// The steps of each path, and what each of them needs: which kind of finding, on which resource.
async fn chain(tx: &mut TenantTx) -> Result<(), StoreError> {
    sqlx::query("analyze picked").execute(tx.conn()).await?;
    sqlx::query(
        "create temporary table chain on commit drop as
         with recursive back as (
             select p.path_id, p.foothold_id, w.resource_id, w.via_id, w.relation, w.depth
             from picked p join walk w on w.foothold_id = p.foothold_id and w.resource_id = p.target_id
             union all
             select b.path_id, b.foothold_id, w.resource_id, w.via_id, w.relation, w.depth
             from back b join walk w on w.foothold_id = b.foothold_id and w.resource_id = b.via_id
         )
         select path_id, resource_id, via_id, relation, depth from back",
    )
    .execute(tx.conn())
    .await?;
    sqlx::query(
        "create temporary table need on commit drop as
         select path_id, foothold_id as place, opens from picked
         union
         select path_id, via_id, 'escape' from chain where relation = any($1)
         union
         select p.path_id, p.target_id, case p.goal when 'secrets' then 'credentials' else p.goal end
         from picked p join walk w on w.foothold_id = p.foothold_id and w.resource_id = p.target_id
         where p.goal in ('admin', 'data') or (p.goal = 'secrets' and w.kind <> all($2))",
    )
    .bind(OUT)
    .bind(SECRETS)
    .execute(tx.conn())
    .await?;
    sqlx::query("analyze chain").execute(tx.conn()).await?;
    sqlx::query("analyze need").execute(tx.conn()).await?;
    Ok(())
}

/// The open findings that a step needs one of; those of an image are its workload's.
async fn enable(tx: &mut TenantTx) -> Result<(), StoreError> {
    sqlx::query(
        "create temporary table enabling on commit drop as
         select *, row_number() over (partition by place, opens order by risk desc, finding_id) as place_no,
             count(*) over (partition by place, opens) as findings
         from (
             select n.place, n.opens, m.finding_id, m.fix_id, m.risk
             from (select distinct place, opens from need where opens <> 'takeover') n
             join mark m on m.resource_id = n.place and m.opens = n.opens
             union
             select n.place, n.opens, t.finding_id, t.fix_id, t.risk
             from (select distinct place, opens from need where opens = 'takeover') n
             join taking t on t.resource_id = n.place and t.opens = 'takeover'
             union
             select n.place, n.opens, t.finding_id, t.fix_id, t.risk
             from (select distinct place, opens from need where opens = 'takeover') n
             join edges e on e.tenant_id = $1 and e.from_id = n.place and e.relation = 'image'
             join resources i on i.tenant_id = $1 and i.uid = e.to_uid and i.kind = 'image'
             join taking t on t.resource_id = i.resource_id and t.opens = 'takeover'
         ) found",
    )
    .bind(tx.tenant().0)
    .execute(tx.conn())
    .await?;
    sqlx::query("analyze enabling").execute(tx.conn()).await?;
    Ok(())
}

/// Each path as it is shown, from what is on the internet by itself.
async fn draw(tx: &mut TenantTx) -> Result<(), StoreError> {
    sqlx::query(
        "create temporary table drawn on commit drop as
         with recursive up as (
             select h.resource_id as foothold_id, h.resource_id, r.reached_through, 0 as height
             from (select distinct foothold_id as resource_id from picked) h
             join resources r on r.tenant_id = $1 and r.resource_id = h.resource_id
             union all
             select u.foothold_id, r.resource_id, r.reached_through, u.height + 1
             from up u join resources r on r.tenant_id = $1 and r.resource_id = u.reached_through
             where u.height < $2
         ), entrance as (
             select distinct on (foothold_id) foothold_id, resource_id from up order by foothold_id, height desc
         ), needed as (
             select e.place, jsonb_agg(jsonb_build_object('opens', e.opens, 'findings', e.named, 'count', e.findings)
                 order by e.opens) as needs, n.path_id
             from (select place, opens, findings, jsonb_agg(finding_id order by place_no) filter (where place_no <= $3) as named
                   from enabling group by place, opens, findings) e
             join need n on n.place = e.place and n.opens = e.opens
             group by e.place, n.path_id
         ), line as (
             select p.path_id, -u.height as depth, u.resource_id, 'reach' as relation
             from picked p join up u on u.foothold_id = p.foothold_id where u.height > 0
             union all
             select path_id, depth, resource_id, relation from chain
         )
         select p.path_id, e.resource_id as entrance_id, p.foothold_id, p.target_id, p.goal, p.likelihood, p.risk, p.depth,
             jsonb_agg(jsonb_build_object('resource', l.resource_id, 'relation', l.relation,
                 'needs', coalesce(n.needs, '[]')) order by l.depth) as steps
         from picked p
         join entrance e on e.foothold_id = p.foothold_id
         join line l on l.path_id = p.path_id
         left join needed n on n.path_id = p.path_id and n.place = l.resource_id and l.depth >= 0
         group by p.path_id, e.resource_id, p.foothold_id, p.target_id, p.goal, p.likelihood, p.risk, p.depth",
    )
    .bind(tx.tenant().0)
    .bind(DEPTH)
    .bind(NAMED)
    .execute(tx.conn())
    .await?;
    Ok(())
}

const GONE: &str = "delete from attack_paths a where a.tenant_id = $1
     and not exists (select from drawn d where d.path_id = a.path_id)";

const PATHS: &str = "insert into attack_paths (tenant_id, path_id, entrance_id, foothold_id, target_id, goal, likelihood, risk,
         length, steps, first_seen)
     select $1, path_id, entrance_id, foothold_id, target_id, goal, likelihood, risk, depth, steps, $2 from drawn
     on conflict (tenant_id, path_id) do update set
         entrance_id = excluded.entrance_id, likelihood = excluded.likelihood, risk = excluded.risk,
         length = excluded.length, steps = excluded.steps
     where (attack_paths.entrance_id, attack_paths.likelihood, attack_paths.risk, attack_paths.length, attack_paths.steps)
         is distinct from (excluded.entrance_id, excluded.likelihood, excluded.risk, excluded.length, excluded.steps)";

const LINKS: &str = "with now as (
         select distinct e.finding_id, n.path_id from need n
         join enabling e on e.place = n.place and e.opens = n.opens and e.place_no <= $2
     ), gone as (
         delete from path_findings f where f.tenant_id = $1
           and not exists (select from now n where n.finding_id = f.finding_id and n.path_id = f.path_id)
     )
     insert into path_findings select $1, finding_id, path_id from now order by finding_id, path_id on conflict do nothing";

const CUTS: &str = "with sole as (
         select place, opens, (array_agg(fix_id))[1] as fix_id from enabling
         group by place, opens having count(distinct fix_id) = 1
     ), now as (
         select distinct s.fix_id, n.path_id from need n join sole s on s.place = n.place and s.opens = n.opens
     ), gone as (
         delete from path_cuts c where c.tenant_id = $1
           and not exists (select from now n where n.fix_id = c.fix_id and n.path_id = c.path_id)
     )
     insert into path_cuts select $1, fix_id, path_id from now order by fix_id, path_id on conflict do nothing";

const FIXES: &str = "with cuts as (
         select c.fix_id, count(*)::int as paths, coalesce(sqrt(sum(a.risk::float8 * a.risk) filter (where a.length > 0)), 0) as risk
         from path_cuts c join attack_paths a on a.tenant_id = $1 and a.path_id = c.path_id
         where c.tenant_id = $1 group by c.fix_id
     ), now as (
         select fix_id, paths, risk from cuts
         union all
         select f.fix_id, 0, 0 from fixes f where f.tenant_id = $1 and f.paths_cut > 0
           and not exists (select from cuts c where c.fix_id = f.fix_id)
     )
     update fixes f set paths_cut = n.paths, joint_path_risk = n.risk from now n
     where f.tenant_id = $1 and f.fix_id = n.fix_id and (f.paths_cut <> n.paths or f.joint_path_risk <> n.risk)";

const SUMS: &str = "insert into path_sums (tenant_id, footholds, paths) values ($1, $2, $3)
     on conflict (tenant_id) do update set footholds = excluded.footholds, paths = excluded.paths
     where path_sums.footholds <> excluded.footholds or path_sums.paths <> excluded.paths";

async fn write(tx: &mut TenantTx, footholds: i64, paths: i64, at: DateTime<Utc>) -> Result<(), StoreError> {
    let tenant = tx.tenant().0;
    sqlx::query("analyze drawn").execute(tx.conn()).await?;
    sqlx::query(GONE).bind(tenant).execute(tx.conn()).await?;
    sqlx::query(PATHS).bind(tenant).bind(at).execute(tx.conn()).await?;
    sqlx::query(LINKS).bind(tenant).bind(LINKED).execute(tx.conn()).await?;
    sqlx::query(CUTS).bind(tenant).execute(tx.conn()).await?;
    sqlx::query(FIXES).bind(tenant).execute(tx.conn()).await?;
    sqlx::query(SUMS).bind(tenant).bind(footholds).bind(paths).execute(tx.conn()).await?;
    Ok(())
}
