//! The stack around one resource: how the internet comes to it, what it leads on to, and what whoever has it has next.

use crate::door::TenantTx;
use crate::error::StoreError;
use plumbline_core::id::ResourceId;
use plumbline_core::stack::{DEPTH, NEXT, PASSAGES, Passage, WORKLOADS, Way, pairs};
use std::collections::{HashMap, HashSet};
use uuid::Uuid;

/// Resources that are shown on one side of a resource.
const MOST: usize = 100;
/// How far the stack is followed from the resource that is looked at.
const STEPS: usize = 5;

/// A resource of the stack.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Level {
    pub resource_id: Uuid,
    pub kind: String,
    pub uid: String,
    pub name: String,
    /// By itself or through others: `internet`, `private`, `none`.
    pub exposure: String,
    /// Open findings by severity: critical, high, medium, low.
    #[sqlx(skip)]
    pub open: [i64; 4],
}

/// One edge further, and what is there.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Hop {
    pub from_id: Uuid,
    #[sqlx(flatten)]
    pub level: Level,
    /// Edges between it and the resource that is looked at.
    #[sqlx(skip)]
    pub depth: usize,
}

/// What stands above, below and beside a resource.
#[derive(Debug, Clone, Default)]
pub struct Stack {
    /// From the internet down to the resource that is looked at, which is the last.
    pub path: Vec<Level>,
    /// What it leads on to, in the order of depth.
    pub below: Vec<Hop>,
    /// What whoever has it, or something on its path, has next.
    pub next: Vec<Hop>,
    /// Whether more would be shown if there were room.
    pub cut: bool,
}

/// The stack around a resource.
///
/// # Errors
/// [`StoreError::NotFound`] when this tenant has none of that id.
pub async fn around(tx: &mut TenantTx, resource: ResourceId) -> Result<Stack, StoreError> {
    let path = path(tx, resource).await?;
    let Some(this) = path.last() else { return Err(StoreError::NotFound) };
    let (below, cut_below) = walk(tx, &[this.resource_id], PASSAGES).await?;
    let (next, cut_next) = walk(tx, &[this.resource_id], NEXT).await?;
    let mut stack = Stack { path, below, next, cut: cut_below || cut_next };
    count(tx, &mut stack).await?;
    Ok(stack)
}

/// How many workloads hang on a resource by an edge of theirs: those that run an image, on a node, as an account, with a secret.
///
/// # Errors
/// When the database does not answer.
pub async fn workloads_of(tx: &mut TenantTx, uid: &str) -> Result<i64, StoreError> {
    let count = sqlx::query_scalar(
        "select count(distinct w.resource_id) from edges e
         join resources w on w.tenant_id = $1 and w.resource_id = e.from_id and w.retired_at is null and w.kind = any($3)
         where e.tenant_id = $1 and e.to_uid = $2",
    )
    .bind(tx.tenant().0)
    .bind(uid)
    .bind(WORKLOADS)
    .fetch_one(tx.conn())
    .await?;
    Ok(count)
}

/// What the resource is reached through, outermost first, and the resource itself.
async fn path(tx: &mut TenantTx, resource: ResourceId) -> Result<Vec<Level>, StoreError> {
    let rows = sqlx::query_as(
        "with recursive up as (
             select resource_id, reached_through, 0 as depth from resources where tenant_id = $1 and resource_id = $2
             union all
             select r.resource_id, r.reached_through, u.depth + 1
             from up u join resources r on r.tenant_id = $1 and r.resource_id = u.reached_through
             where u.depth < $3
         )
         select r.resource_id, r.kind, r.uid, r.name, exposure_with_reach(r.exposure, r.reached_through) as exposure
         from up u join resources r on r.tenant_id = $1 and r.resource_id = u.resource_id
         order by u.depth desc",
    )
    .bind(tx.tenant().0)
    .bind(resource.0)
    .bind(DEPTH)
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}

/// Follows passages from these resources, each resource once. Tells too whether something was left out.
async fn walk(tx: &mut TenantTx, from: &[Uuid], passages: &[Passage]) -> Result<(Vec<Hop>, bool), StoreError> {
    let mut seen: HashSet<Uuid> = from.iter().copied().collect();
    let (mut all, mut front): (Vec<Hop>, Vec<Uuid>) = (Vec::new(), from.to_vec());
    for depth in 1..=STEPS {
        let mut found = hops(tx, &front, passages).await?;
        found.retain(|hop| seen.insert(hop.level.resource_id));
        if found.is_empty() {
            return Ok((all, false));
        }
        let room = MOST - all.len();
        let cut = found.len() > room;
        found.truncate(room);
        front = found.iter().map(|hop| hop.level.resource_id).collect();
        all.extend(found.into_iter().map(|hop| Hop { depth, ..hop }));
        if cut {
            return Ok((all, true));
        }
    }
    Ok((all, false))
}

/// What is one passage away from these.
async fn hops(tx: &mut TenantTx, from: &[Uuid], passages: &[Passage]) -> Result<Vec<Hop>, StoreError> {
    let (along, along_by) = pairs(passages, Way::Along);
    let (against, against_by) = pairs(passages, Way::Against);
    let (same, same_by) = pairs(passages, Way::Same);
    let rows = sqlx::query_as(
        "with here as (select resource_id, uid, kind from resources where tenant_id = $1 and resource_id = any($2)),
         hop as (
             select h.resource_id as from_id, t.resource_id
             from here h
             join unnest($3::text[], $4::text[]) as p (kind, relation) on p.kind = h.kind
             join edges e on e.tenant_id = $1 and e.from_id = h.resource_id and e.relation = p.relation
             join resources t on t.tenant_id = $1 and t.uid = e.to_uid and t.retired_at is null
             union
             select h.resource_id, f.resource_id
             from here h
             join edges e on e.tenant_id = $1 and e.to_uid = h.uid
             join resources f on f.tenant_id = $1 and f.resource_id = e.from_id and f.retired_at is null
             join unnest($5::text[], $6::text[]) as p (kind, relation) on p.kind = f.kind and p.relation = e.relation
             union
             select h.resource_id, f.resource_id
             from here h
             join edges o on o.tenant_id = $1 and o.from_id = h.resource_id and o.relation = any($8)
             join edges e on e.tenant_id = $1 and e.to_uid = o.to_uid and e.relation = o.relation
             join resources f on f.tenant_id = $1 and f.resource_id = e.from_id and f.retired_at is null
             join unnest($7::text[], $8::text[]) as p (kind, relation) on p.kind = f.kind and p.relation = e.relation
         )
         select h.from_id, r.resource_id, r.kind, r.uid, r.name,
             exposure_with_reach(r.exposure, r.reached_through) as exposure
         from hop h join resources r on r.tenant_id = $1 and r.resource_id = h.resource_id
         order by r.kind, r.name, r.resource_id limit $9",
    )
    .bind(tx.tenant().0)
    .bind(from)
    .bind(along)
    .bind(along_by)
    .bind(against)
    .bind(against_by)
    .bind(same)
    .bind(same_by)
    .bind(i64::try_from(2 * MOST).unwrap_or(i64::MAX))
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}

/// Open findings of everything that is shown, which is bounded.
async fn count(tx: &mut TenantTx, stack: &mut Stack) -> Result<(), StoreError> {
    let hops = stack.below.iter().chain(&stack.next).map(|hop| &hop.level);
    let ids: Vec<Uuid> = stack.path.iter().chain(hops).map(|level| level.resource_id).collect();
    let rows: Vec<(Uuid, i64, i64, i64, i64)> = sqlx::query_as(
        "select resource_id, count(*) filter (where severity = 'critical'), count(*) filter (where severity = 'high'),
             count(*) filter (where severity = 'medium'), count(*) filter (where severity = 'low')
         from findings where tenant_id = $1 and resource_id = any($2) and state = 'open' group by resource_id",
    )
    .bind(tx.tenant().0)
    .bind(&ids)
    .fetch_all(tx.conn())
    .await?;
    let open: HashMap<Uuid, [i64; 4]> = rows.into_iter().map(|(id, c, h, m, l)| (id, [c, h, m, l])).collect();
    let hops = stack.below.iter_mut().chain(&mut stack.next).map(|hop| &mut hop.level);
    for level in stack.path.iter_mut().chain(hops) {
        level.open = open.get(&level.resource_id).copied().unwrap_or_default();
    }
    Ok(())
}
