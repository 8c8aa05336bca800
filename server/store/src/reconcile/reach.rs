//! What the internet reaches through others, along the edges of all sources of a tenant together.

use crate::door::TenantTx;
use crate::error::StoreError;
use plumbline_core::id::{ResourceId, SourceId};
use plumbline_core::stack::{DEPTH, PASSAGES, Way, pairs};
use std::collections::BTreeMap;
use uuid::Uuid;

/// Resources that became reachable or are so no more, by source: (account, kind, id).
pub type Reached = BTreeMap<SourceId, Vec<(String, String, ResourceId)>>;

/// Follows the passages from everything that is on the internet by itself, and notes what is reached through what. Returns
/// the resources of which that changed: their findings weigh something else. The caller holds [`super::lock`].
///
/// # Errors
/// When the database does not answer.
pub async fn reach(tx: &mut TenantTx) -> Result<Reached, StoreError> {
    sqlx::query(
        "create temporary table reach on commit drop as
         select resource_id, uid, kind, null::uuid as through, 0 as depth
         from resources where tenant_id = $1 and exposure = 'internet' and retired_at is null and kind = any($2)",
    )
    .bind(tx.tenant().0)
    .bind(entrances())
    .execute(tx.conn())
    .await?;
    sqlx::query("alter table reach add primary key (resource_id)").execute(tx.conn()).await?;
    for depth in 0..DEPTH {
        if step(tx, depth).await? == 0 {
            break;
        }
    }
    let changed = write(tx).await?;
    sqlx::query("drop table reach").execute(tx.conn()).await?;
    let mut by_source = Reached::new();
    for (source, account, kind, id) in changed {
        by_source.entry(SourceId(source)).or_default().push((account, kind, ResourceId(id)));
    }
    Ok(by_source)
}

/// Kinds from which a passage leads on.
fn entrances() -> Vec<&'static str> {
    let mut kinds: Vec<&str> = PASSAGES.iter().filter(|p| p.way == Way::Along).map(|p| p.from).collect();
    kinds.extend(["aws.ec2.instance", "kubernetes.gateway"]);
    kinds.sort_unstable();
    kinds.dedup();
    kinds
}

/// Goes one edge further from what was reached last; of several ways to the same resource the first one is kept.
async fn step(tx: &mut TenantTx, depth: i32) -> Result<u64, StoreError> {
    let (along, along_by) = pairs(PASSAGES, Way::Along);
    let (against, against_by) = pairs(PASSAGES, Way::Against);
    let (same, same_by) = pairs(PASSAGES, Way::Same);
    let done = sqlx::query(
        "insert into reach
         select distinct on (n.resource_id) n.resource_id, n.uid, n.kind, n.through, $2 + 1
         from (
             select t.resource_id, t.uid, t.kind, r.resource_id as through
             from reach r
             join unnest($3::text[], $4::text[]) as p (kind, relation) on p.kind = r.kind
             join edges e on e.tenant_id = $1 and e.from_id = r.resource_id and e.relation = p.relation
             join resources t on t.tenant_id = $1 and t.uid = e.to_uid and t.retired_at is null
             where r.depth = $2
             union all
             select f.resource_id, f.uid, f.kind, r.resource_id
             from reach r
             join edges e on e.tenant_id = $1 and e.to_uid = r.uid
             join resources f on f.tenant_id = $1 and f.resource_id = e.from_id and f.retired_at is null
             join unnest($5::text[], $6::text[]) as p (kind, relation) on p.kind = f.kind and p.relation = e.relation
             where r.depth = $2
             union all
             select f.resource_id, f.uid, f.kind, r.resource_id
             from reach r
             join edges o on o.tenant_id = $1 and o.from_id = r.resource_id
             join edges e on e.tenant_id = $1 and e.to_uid = o.to_uid and e.relation = o.relation
             join resources f on f.tenant_id = $1 and f.resource_id = e.from_id and f.retired_at is null
             join unnest($7::text[], $8::text[]) as p (kind, relation) on p.kind = f.kind and p.relation = e.relation
             where r.depth = $2 and o.relation = any($8)
         ) n
         order by n.resource_id, n.through
         on conflict (resource_id) do nothing",
    )
    .bind(tx.tenant().0)
    .bind(depth)
    .bind(along)
    .bind(along_by)
    .bind(against)
    .bind(against_by)
    .bind(same)
    .bind(same_by)
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected())
}

async fn write(tx: &mut TenantTx) -> Result<Vec<(Uuid, String, String, Uuid)>, StoreError> {
    let changed = sqlx::query_as(
        "with now as (
             select r.resource_id, x.through from resources r left join reach x on x.resource_id = r.resource_id
             where r.tenant_id = $1 and r.reached_through is not null
             union
             select resource_id, through from reach where depth > 0
         ), written as (
             update resources r set reached_through = n.through from now n
             where r.tenant_id = $1 and r.resource_id = n.resource_id and r.reached_through is distinct from n.through
             returning r.source_id, r.account, r.kind, r.resource_id, n.through, r.retired_at
         )
         select w.source_id, w.account, w.kind, w.resource_id from written w
         join resources o on o.tenant_id = $1 and o.resource_id = w.resource_id
         where w.retired_at is null and (o.reached_through is null) <> (w.through is null)",
    )
    .bind(tx.tenant().0)
    .fetch_all(tx.conn())
    .await?;
    Ok(changed)
}
