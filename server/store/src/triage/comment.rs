//! What people say on a finding.

use crate::door::TenantTx;
use crate::error::StoreError;
use chrono::{DateTime, Utc};
use plumbline_core::id::{FindingId, PersonId};
use uuid::Uuid;

/// A comment. Its words are gone once it is removed.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Comment {
    pub comment_no: i64,
    pub at: DateTime<Utc>,
    pub person_id: Uuid,
    pub author: String,
    pub body: Option<String>,
}

/// The latest two hundred comments on a finding, oldest first.
///
/// # Errors
/// When the database does not answer.
pub async fn comments(tx: &mut TenantTx, finding: FindingId) -> Result<Vec<Comment>, StoreError> {
    let mut rows: Vec<Comment> = sqlx::query_as(
        "select comment_no, at, person_id, author, case when removed_at is null then body end as body
         from finding_comments where tenant_id = $1 and finding_id = $2 order by comment_no desc limit 200",
    )
    .bind(tx.tenant().0)
    .bind(finding.0)
    .fetch_all(tx.conn())
    .await?;
    rows.reverse();
    Ok(rows)
}

/// Adds a comment.
///
/// # Errors
/// When the database does not answer.
pub async fn comment(
    tx: &mut TenantTx,
    finding: FindingId,
    by: (PersonId, &str),
    body: &str,
    mentioned: &[PersonId],
    at: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query(
        "insert into finding_comments (tenant_id, finding_id, at, person_id, author, body, mentioned)
         values ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(tx.tenant().0)
    .bind(finding.0)
    .bind(at)
    .bind(by.0.0)
    .bind(by.1)
    .bind(body)
    .bind(mentioned.iter().map(|person| person.0).collect::<Vec<_>>())
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Removes a comment of one's own: its words are no longer shown.
///
/// # Errors
/// [`StoreError::NotFound`] when this person wrote none of that number here.
pub async fn remove_comment(
    tx: &mut TenantTx,
    finding: FindingId,
    comment: i64,
    by: PersonId,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let done = sqlx::query(
        "update finding_comments set removed_at = $5
         where tenant_id = $1 and finding_id = $2 and comment_no = $3 and person_id = $4 and removed_at is null",
    )
    .bind(tx.tenant().0)
    .bind(finding.0)
    .bind(comment)
    .bind(by.0)
    .bind(now)
    .execute(tx.conn())
    .await?;
    if done.rows_affected() == 0 { Err(StoreError::NotFound) } else { Ok(()) }
}
