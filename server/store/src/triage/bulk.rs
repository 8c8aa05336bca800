//! What was done to many findings at once, and how to undo it.

use super::change::{Change, write_events};
use crate::door::TenantTx;
use crate::error::StoreError;
use crate::reconcile::own_changed_fixes;
use chrono::{DateTime, TimeDelta, Utc};
use plumbline_core::id::PersonId;
use serde_json::json;
use uuid::Uuid;

/// For how long a bulk action can be undone.
pub const UNDO: TimeDelta = TimeDelta::hours(1);

/// A bulk action to be remembered.
#[derive(Debug, Clone)]
pub struct Bulk<'a> {
    pub id: Uuid,
    pub by: PersonId,
    pub actor: &'a str,
    pub change: &'a Change,
    /// The filter as the list's address has it; empty where findings were picked one by one.
    pub q: &'a str,
    /// What was set, in words.
    pub detail: &'a str,
}

/// A bulk action of the past.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct BulkRow {
    pub bulk_id: Uuid,
    pub person_id: Uuid,
    pub actor: String,
    pub at: DateTime<Utc>,
    pub action: String,
    pub q: String,
    pub detail: String,
    pub findings: i64,
    pub undone_at: Option<DateTime<Utc>>,
    /// How many got back what they had.
    pub restored: Option<i64>,
}

/// Makes a change to the findings in `chosen` as one bulk action that can be undone. How earlier ones were that can no
/// longer be undone is forgotten. The caller holds [`crate::reconcile::lock`].
///
/// # Errors
/// When the database does not answer.
pub async fn record(tx: &mut TenantTx, bulk: &Bulk<'_>, at: DateTime<Utc>) -> Result<super::Changed, StoreError> {
    sqlx::query(
        "delete from bulk_items i using bulk_actions b
         where b.tenant_id = $1 and b.at < $2 and i.tenant_id = $1 and i.bulk_id = b.bulk_id",
    )
    .bind(tx.tenant().0)
    .bind(at - UNDO)
    .execute(tx.conn())
    .await?;
    sqlx::query(
        "insert into bulk_actions (tenant_id, bulk_id, person_id, actor, at, action, q, detail, findings)
         values ($1, $2, $3, $4, $5, $6, $7, $8, 0)",
    )
    .bind(tx.tenant().0)
    .bind(bulk.id)
    .bind(bulk.by.0)
    .bind(bulk.actor)
    .bind(at)
    .bind(bulk.change.action())
    .bind(bulk.q)
    .bind(bulk.detail)
    .execute(tx.conn())
    .await?;
    let changed = super::apply(tx, bulk.change, Some(bulk.id), bulk.by, "", at).await?;
    sqlx::query("update bulk_actions set findings = $3 where tenant_id = $1 and bulk_id = $2")
        .bind(tx.tenant().0)
        .bind(bulk.id)
        .bind(changed.changed)
        .execute(tx.conn())
        .await?;
    Ok(changed)
}

/// The latest hundred bulk actions, newest first.
///
/// # Errors
/// When the database does not answer.
pub async fn bulks(tx: &mut TenantTx) -> Result<Vec<BulkRow>, StoreError> {
    let rows = sqlx::query_as(
        "select bulk_id, person_id, actor, at, action, q, detail, findings, undone_at, restored
         from bulk_actions where tenant_id = $1 order by bulk_id desc limit 100",
    )
    .bind(tx.tenant().0)
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}

/// Gives the findings of a bulk action back what they had, those that nobody changed since. Returns how many. The caller
/// holds [`crate::reconcile::lock`].
///
/// # Errors
/// [`StoreError::NotFound`] when there is none of that id; [`StoreError::Conflict`] when it was undone, or its hour is over.
pub async fn undo(tx: &mut TenantTx, bulk: Uuid, by: PersonId, now: DateTime<Utc>) -> Result<i64, StoreError> {
    let found: Option<(DateTime<Utc>, Option<DateTime<Utc>>, String)> = sqlx::query_as(
        "select at, undone_at, action from bulk_actions where tenant_id = $1 and bulk_id = $2 for update",
    )
    .bind(tx.tenant().0)
    .bind(bulk)
    .fetch_optional(tx.conn())
    .await?;
    let (at, undone, action) = found.ok_or(StoreError::NotFound)?;
    if undone.is_some() {
        return Err(StoreError::Conflict("It was undone already.".to_owned()));
    }
    if now - at > UNDO {
        return Err(StoreError::Conflict("It can be undone for one hour, which is over.".to_owned()));
    }
    // The last that a person or a run did to it is this action.
    let restored = sqlx::query(
        "create temporary table changing on commit drop as
         select i.*, f.check_id from bulk_items i
         join findings f on f.tenant_id = $1 and f.finding_id = i.finding_id
         join lateral (
             select e.detail from finding_events e where e.tenant_id = $1 and e.finding_id = i.finding_id
                 and e.event not in ('weighed', 'exception_asked', 'exception_refused')
             order by e.event_no desc limit 1
         ) last on last.detail->>'bulk' = $2::uuid::text
         where i.tenant_id = $1 and i.bulk_id = $2 and f.state = 'open'",
    )
    .bind(tx.tenant().0)
    .bind(bulk)
    .execute(tx.conn())
    .await?
    .rows_affected();
    give_back(tx, &action).await?;
    write_events(tx, "undone", by, &json!({}), now).await?;
    own_changed_fixes(tx).await?;
    sqlx::query("drop table changing").execute(tx.conn()).await?;
    let restored = i64::try_from(restored).unwrap_or(i64::MAX);
    sqlx::query("update bulk_actions set undone_at = $3, restored = $4 where tenant_id = $1 and bulk_id = $2")
        .bind(tx.tenant().0)
        .bind(bulk)
        .bind(now)
        .bind(restored)
        .execute(tx.conn())
        .await?;
    sqlx::query("delete from bulk_items where tenant_id = $1 and bulk_id = $2")
        .bind(tx.tenant().0)
        .bind(bulk)
        .execute(tx.conn())
        .await?;
    Ok(restored)
}

/// Gives the findings in `changing` back what the action changed of them, and nothing that rules or terms changed since. Who
/// left meanwhile, and a team that was removed, own nothing any more.
async fn give_back(tx: &mut TenantTx, action: &str) -> Result<(), StoreError> {
    let sql = match action {
        "assign" => {
            "update findings f set assignee_id = o.assignee_id, team_id = o.team_id,
                 owned_by_hand = c.owned_by_hand and (o.assignee_id is not null or o.team_id is not null)
             from changing c cross join lateral (
                 select (select m.person_id from members m where m.tenant_id = $1 and m.person_id = c.assignee_id) as assignee_id,
                     (select t.team_id from teams t where t.tenant_id = $1 and t.team_id = c.team_id) as team_id
             ) o
             where f.tenant_id = $1 and f.finding_id = c.finding_id"
        }
        "due" => {
            "update findings f set due_at = c.due_at, due_by_hand = c.due_by_hand
             from changing c where f.tenant_id = $1 and f.finding_id = c.finding_id"
        }
        _ => {
            "update findings f set stage = c.stage, claimed_at = c.claimed_at
             from changing c where f.tenant_id = $1 and f.finding_id = c.finding_id"
        }
    };
    sqlx::query(sql).bind(tx.tenant().0).execute(tx.conn()).await?;
    Ok(())
}
