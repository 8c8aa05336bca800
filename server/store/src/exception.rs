//! Accepted risks: a reason, an approver and an end.

use crate::door::TenantTx;
use crate::error::StoreError;
use crate::job::{self, Task};
use chrono::{DateTime, Utc};
use plumbline_core::id::{ExceptionId, FindingId, Mint, PersonId};
use uuid::Uuid;

/// An accepted risk.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Exception {
    pub exception_id: Uuid,
    pub finding_id: Uuid,
    pub reason: String,
    /// None when the person has left.
    pub approved_by: Option<String>,
    pub created_at: DateTime<Utc>,
    pub expires_at: DateTime<Utc>,
    pub ended_at: Option<DateTime<Utc>>,
}

/// All exceptions that a finding ever had, newest first.
///
/// # Errors
/// When the database does not answer.
pub async fn of_finding(tx: &mut TenantTx, finding: FindingId) -> Result<Vec<Exception>, StoreError> {
    let rows = sqlx::query_as(
        "select e.exception_id, e.finding_id, e.reason, p.name as approved_by, e.created_at, e.expires_at, e.ended_at
         from exceptions e left join people p on p.person_id = e.approved_by
         where e.tenant_id = $1 and e.finding_id = $2 order by e.created_at desc limit 20",
    )
    .bind(tx.tenant().0)
    .bind(finding.0)
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}

/// Writes that a finding's risk is accepted until `expires_at`. The finding itself and all sums are moved by the
/// reconcile, in the same transaction.
///
/// # Errors
/// [`StoreError::Conflict`] when it is accepted already, or the reason is too short or too long, or the end is past.
pub async fn open(
    tx: &mut TenantTx,
    finding: FindingId,
    reason: &str,
    by: PersonId,
    expires_at: DateTime<Utc>,
    mint: &Mint,
) -> Result<ExceptionId, StoreError> {
    let id = ExceptionId::mint(mint);
    sqlx::query(
        "insert into exceptions
             (tenant_id, exception_id, finding_id, reason, requested_by, approved_by, created_at, expires_at)
         values ($1, $2, $3, $4, $5, $5, $6, $7)",
    )
    .bind(tx.tenant().0)
    .bind(id.0)
    .bind(finding.0)
    .bind(reason)
    .bind(by.0)
    .bind(mint.now())
    .bind(expires_at)
    .execute(tx.conn())
    .await
    .map_err(in_words)?;
    job::enqueue(tx, &Task::EndExceptions, expires_at, mint).await?;
    Ok(id)
}

fn in_words(error: sqlx::Error) -> StoreError {
    let words = match error.as_database_error().and_then(sqlx::error::DatabaseError::constraint) {
        Some("exceptions_in_force") => "This risk is accepted already.",
        Some("exceptions_reason_check") => "The reason takes 10 to 2,000 characters.",
        Some("exceptions_check") => "The acceptance must end in the future.",
        _ => return StoreError::Database(error),
    };
    StoreError::Conflict(words.to_owned())
}

/// Ends the acceptance of a finding's risk that is in force.
///
/// # Errors
/// [`StoreError::NotFound`] when none is.
pub async fn end(tx: &mut TenantTx, finding: FindingId, now: DateTime<Utc>) -> Result<(), StoreError> {
    let done = sqlx::query(
        "update exceptions set ended_at = $3 where tenant_id = $1 and finding_id = $2 and ended_at is null",
    )
    .bind(tx.tenant().0)
    .bind(finding.0)
    .bind(now)
    .execute(tx.conn())
    .await?;
    if done.rows_affected() == 0 { Err(StoreError::NotFound) } else { Ok(()) }
}
