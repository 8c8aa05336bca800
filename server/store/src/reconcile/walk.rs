//! Where somebody on the internet gets a foothold, and where one gets from there: temporary tables that
//! [`super::find_paths`] makes its paths of.
//!
//! `taking` has the open findings by which a resource on the internet is taken over, `foothold` what is taken over by them,
//! `walk` how everything that follows is come to from each foothold, and `mark` what open findings open on the way.

use crate::door::TenantTx;
use crate::error::StoreError;
use crate::path::MOST_FOOTHOLDS;
use plumbline_core::path::{Openings, Opens, TAKEOVER_CVSS};
use plumbline_core::stack::{NEXT, OUT, Passage, RUNS, STEPS, WORKLOADS, Way, pairs};

/// Places that are come to from all footholds together, at which following them ends.
const PLACES: i64 = 500_000;

/// Makes the tables, to be dropped by the caller. Returns how many footholds there are.
pub(super) async fn walk(tx: &mut TenantTx, openings: &Openings) -> Result<i64, StoreError> {
    take(tx, openings).await?;
    let footholds = footholds(tx).await?;
    sqlx::query(
        "create temporary table walk on commit drop as
         select resource_id as foothold_id, resource_id, uid, kind, null::uuid as via_id, ''::text as relation, 0 as depth
         from foothold",
    )
    .execute(tx.conn())
    .await?;
    sqlx::query("alter table walk add primary key (foothold_id, resource_id)").execute(tx.conn()).await?;
    let escapes = openings.of(Opens::Escape);
    let mut places = footholds.min(MOST_FOOTHOLDS);
    for depth in 0..STEPS {
        sqlx::query("analyze walk").execute(tx.conn()).await?;
        let found = step(tx, depth, &escapes, PLACES - places).await?;
        places += found;
        if found == 0 || places >= PLACES {
            break;
        }
    }
    mark(tx, openings).await?;
    Ok(footholds)
}

/// Open findings by which somebody on the internet takes a resource over, or has its data.
async fn take(tx: &mut TenantTx, openings: &Openings) -> Result<(), StoreError> {
    sqlx::query(
        "create temporary table taking on commit drop as
         select f.resource_id, f.finding_id, f.fix_id, f.risk, f.likelihood, 'takeover'::text as opens
         from findings f
         where f.tenant_id = $1 and f.state = 'open' and f.exposure = 'internet' and f.likelihood in ('exploited', 'likely')
           and (f.likelihood = 'exploited' or (f.observed ->> 'cvss')::numeric * 10 >= $4)
         union all
         select f.resource_id, f.finding_id, f.fix_id, f.risk, f.likelihood, 'takeover'
         from findings f
         where f.tenant_id = $1 and f.check_id = any($2) and f.state = 'open' and f.exposure = 'internet'
           and f.likelihood not in ('exploited', 'likely')
         union all
         select f.resource_id, f.finding_id, f.fix_id, f.risk, f.likelihood, 'data'
         from findings f
         where f.tenant_id = $1 and f.check_id = any($3) and f.state = 'open' and f.exposure = 'internet'",
    )
    .bind(tx.tenant().0)
    .bind(openings.of(Opens::Takeover))
    .bind(openings.of(Opens::Data))
    .bind(TAKEOVER_CVSS)
    .execute(tx.conn())
    .await?;
    sqlx::query("analyze taking").execute(tx.conn()).await?;
    Ok(())
}

/// What is taken over: the resource itself, or each workload on the internet that runs it, where it is an image. What only
/// gives its data away leads nowhere else.
async fn footholds(tx: &mut TenantTx) -> Result<i64, StoreError> {
    sqlx::query(
        "create temporary table foothold on commit drop as
         select *, count(*) over () as footholds from (
             select t.resource_id, r.uid, r.kind, r.criticality,
                 case when bool_or(t.opens = 'takeover') then 'takeover' else 'data' end as opens, max(t.risk) as risk,
                 (array['exploited', 'likely', 'open', 'possible', 'unlikely'])[
                     min(array_position(array['exploited', 'likely', 'open', 'possible', 'unlikely'], t.likelihood))]
                     as likelihood
             from (
                 select resource_id, risk, likelihood, opens from taking
                 union all
                 select w.resource_id, t.risk, t.likelihood, t.opens from taking t
                 join resources i on i.tenant_id = $1 and i.resource_id = t.resource_id and i.kind = 'image'
                 join edges e on e.tenant_id = $1 and e.to_uid = i.uid and e.relation = 'image'
                 join resources w on w.tenant_id = $1 and w.resource_id = e.from_id and w.kind = any($2)
                     and exposure_with_reach(w.exposure, w.reached_through) = 'internet'
                 where t.opens = 'takeover'
             ) t
             join resources r on r.tenant_id = $1 and r.resource_id = t.resource_id and r.retired_at is null
                 and r.kind <> 'image'
             group by t.resource_id, r.uid, r.kind, r.criticality
         ) f order by risk desc, resource_id limit $3",
    )
    .bind(tx.tenant().0)
    .bind(WORKLOADS)
    .bind(MOST_FOOTHOLDS)
    .execute(tx.conn())
    .await?;
    sqlx::query("alter table foothold add primary key (resource_id)").execute(tx.conn()).await?;
    sqlx::query("analyze foothold").execute(tx.conn()).await?;
    let footholds: Option<i64> =
        sqlx::query_scalar("select footholds from foothold limit 1").fetch_optional(tx.conn()).await?;
    Ok(footholds.unwrap_or(0))
}

/// One step further; of several ways to the same place the shortest is kept.
async fn step(tx: &mut TenantTx, depth: i32, escapes: &[String], room: i64) -> Result<i64, StoreError> {
    let forward: Vec<Passage> = NEXT.iter().chain(RUNS).copied().collect();
    let (along, along_by) = pairs(&forward, Way::Along);
    let (against, against_by) = pairs(&forward, Way::Against);
    let (same, same_by) = pairs(&forward, Way::Same);
    let done = sqlx::query(
        "insert into walk
         select foothold_id, resource_id, uid, kind, via_id, relation, $2 + 1 from (
         select distinct on (n.foothold_id, n.resource_id) n.*
         from (
             select w.foothold_id, t.resource_id, t.uid, t.kind, w.resource_id as via_id, e.relation
             from walk w
             join unnest($3::text[], $4::text[]) as p (kind, relation) on p.kind = w.kind
             join edges e on e.tenant_id = $1 and e.from_id = w.resource_id and e.relation = p.relation
             join resources t on t.tenant_id = $1 and t.uid = e.to_uid and t.retired_at is null
             where w.depth = $2 and (e.relation <> all($9) or exists (
                 select from findings f where f.tenant_id = $1 and f.resource_id = w.resource_id and f.state = 'open'
                   and f.check_id = any($10)))
             union all
             select w.foothold_id, f.resource_id, f.uid, f.kind, w.resource_id, e.relation
             from walk w
             join edges e on e.tenant_id = $1 and e.to_uid = w.uid
             join resources f on f.tenant_id = $1 and f.resource_id = e.from_id and f.retired_at is null
             join unnest($5::text[], $6::text[]) as p (kind, relation) on p.kind = f.kind and p.relation = e.relation
             where w.depth = $2
             union all
             select w.foothold_id, f.resource_id, f.uid, f.kind, w.resource_id, e.relation
             from walk w
             join edges o on o.tenant_id = $1 and o.from_id = w.resource_id and o.relation = any($8)
             join edges e on e.tenant_id = $1 and e.to_uid = o.to_uid and e.relation = o.relation
                 and e.from_id <> w.resource_id
             join resources f on f.tenant_id = $1 and f.resource_id = e.from_id and f.retired_at is null
             join unnest($7::text[], $8::text[]) as p (kind, relation) on p.kind = f.kind and p.relation = e.relation
             where w.depth = $2
         ) n
         join foothold h on h.resource_id = n.foothold_id and h.opens = 'takeover'
         where not exists (select from walk k where k.foothold_id = n.foothold_id and k.resource_id = n.resource_id)
         order by n.foothold_id, n.resource_id, n.via_id, n.relation
         ) n order by foothold_id, resource_id limit $11",
    )
    .bind(tx.tenant().0)
    .bind(depth)
    .bind(along)
    .bind(along_by)
    .bind(against)
    .bind(against_by)
    .bind(same)
    .bind(same_by)
    .bind(OUT)
    .bind(escapes)
    .bind(room.max(0))
    .execute(tx.conn())
    .await?;
    Ok(i64::try_from(done.rows_affected()).unwrap_or(i64::MAX))
}

/// What open findings open on the way.
async fn mark(tx: &mut TenantTx, openings: &Openings) -> Result<(), StoreError> {
    let (checks, opens) = openings.lists();
    sqlx::query(
        "create temporary table mark on commit drop as
         select f.resource_id, o.opens, f.finding_id, f.fix_id, f.risk
         from (select distinct resource_id from walk) w
         join findings f on f.tenant_id = $1 and f.resource_id = w.resource_id and f.state = 'open'
         join unnest($2::text[], $3::text[]) as o (check_id, opens) on o.check_id = f.check_id
         where o.opens <> 'entrance'",
    )
    .bind(tx.tenant().0)
    .bind(checks)
    .bind(opens)
    .execute(tx.conn())
    .await?;
    sqlx::query("analyze mark").execute(tx.conn()).await?;
    Ok(())
}
