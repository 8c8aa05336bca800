//! Accepted risk: a finding leaves the net score for a time, stays in the gross one, and comes back.

use super::ledger::posture;
use super::settle::{instant, settle_moved};
use crate::door::TenantTx;
use crate::error::StoreError;
use chrono::{DateTime, Utc};
use plumbline_core::id::{FindingId, PersonId};
use plumbline_core::score::Weighing;

/// Moves findings into or out of acceptance, with all that is counted from them. Findings that are not open (or not
/// accepted) are left as they are. Returns how many moved. The caller holds [`super::lock`].
///
/// # Errors
/// When the database does not answer.
pub async fn apply_acceptance(
    tx: &mut TenantTx,
    findings: &[FindingId],
    accepted: bool,
    person: Option<PersonId>,
    weighing: &Weighing,
    now: DateTime<Utc>,
) -> Result<u64, StoreError> {
    let at = instant(tx, now).await?;
    let (from, to) = if accepted { ("open", "accepted") } else { ("accepted", "open") };
    let moved = sqlx::query(
        "create temporary table moved on commit drop as
         select finding_id, check_id, resource_id, source_id, state as was, $3::text as \"is\", loss as was_loss, loss,
             exposure as was_exposure, exposure, criticality as was_criticality, criticality,
             account as was_account, account, region as was_region, region, fix_id as was_fix, fix_id,
             null::text as fix_key, null::text as fix_target, severity, risk, observed, message, subject,
             'exception'::text as cause
         from findings where tenant_id = $1 and finding_id = any($2) and state = $4",
    )
    .bind(tx.tenant().0)
    .bind(findings.iter().map(|id| id.0).collect::<Vec<_>>())
    .bind(to)
    .bind(from)
    .execute(tx.conn())
    .await?
    .rows_affected();
    settle_moved(tx, None, person.map(|person| person.0), weighing, at).await?;
    if moved > 0 {
        posture(tx, None, weighing, at).await?;
    }
    sqlx::query("drop table moved").execute(tx.conn()).await?;
    Ok(moved)
}

/// Ends the exceptions whose time is over, and brings their findings back. Returns how many came back.
///
/// # Errors
/// When the database does not answer.
pub async fn end_expired(tx: &mut TenantTx, weighing: &Weighing, now: DateTime<Utc>) -> Result<u64, StoreError> {
    super::lock(tx).await?;
    let ended: Vec<(uuid::Uuid,)> = sqlx::query_as(
        "update exceptions set ended_at = $2 where tenant_id = $1 and ended_at is null and expires_at <= $2
         returning finding_id",
    )
    .bind(tx.tenant().0)
    .bind(now)
    .fetch_all(tx.conn())
    .await?;
    if ended.is_empty() {
        return Ok(0);
    }
    let findings: Vec<FindingId> = ended.into_iter().map(|(id,)| FindingId(id)).collect();
    apply_acceptance(tx, &findings, false, None, weighing, now).await
}

/// When the next exception's time is over.
///
/// # Errors
/// When the database does not answer.
pub async fn next_expiry(tx: &mut TenantTx) -> Result<Option<DateTime<Utc>>, StoreError> {
    let next = sqlx::query_scalar("select min(expires_at) from exceptions where tenant_id = $1 and ended_at is null")
        .bind(tx.tenant().0)
        .fetch_one(tx.conn())
        .await?;
    Ok(next)
}
