//! What people state of controls that no check can decide.

use crate::door::TenantTx;
use crate::error::StoreError;
use chrono::{DateTime, Utc};
use plumbline_core::id::PersonId;

/// One statement about a control.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Attestation {
    pub framework_id: String,
    pub control_id: String,
    pub attested_at: DateTime<Utc>,
    pub holds: bool,
    pub statement: String,
    /// None when the person has left.
    pub person: Option<String>,
    pub expires_at: DateTime<Utc>,
    pub withdrawn_at: Option<DateTime<Utc>>,
}

impl Attestation {
    /// Whether it counts at an instant.
    #[must_use]
    pub fn in_force(&self, now: DateTime<Utc>) -> bool {
        self.withdrawn_at.is_none() && self.expires_at > now
    }
}

/// A statement to be given.
#[derive(Debug, Clone)]
pub struct Statement<'a> {
    pub framework: &'a str,
    pub control: &'a str,
    pub holds: bool,
    pub text: &'a str,
    pub expires_at: DateTime<Utc>,
}

/// The latest statement about each control of a framework; of every framework when none is named.
///
/// # Errors
/// When the database does not answer.
pub async fn latest(tx: &mut TenantTx, framework: Option<&str>) -> Result<Vec<Attestation>, StoreError> {
    let rows = sqlx::query_as(
        "select distinct on (a.framework_id, a.control_id) a.framework_id, a.control_id, a.attested_at, a.holds, a.statement,
             p.name as person, a.expires_at, a.withdrawn_at
         from attestations a left join people p on p.person_id = a.person_id
         where a.tenant_id = $1 and ($2::text is null or a.framework_id = $2)
         order by a.framework_id, a.control_id, a.attested_at desc",
    )
    .bind(tx.tenant().0)
    .bind(framework)
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}

/// All statements about one control, newest first; at most fifty.
///
/// # Errors
/// When the database does not answer.
pub async fn history(tx: &mut TenantTx, framework: &str, control: &str) -> Result<Vec<Attestation>, StoreError> {
    let rows = sqlx::query_as(
        "select a.framework_id, a.control_id, a.attested_at, a.holds, a.statement, p.name as person, a.expires_at, a.withdrawn_at
         from attestations a left join people p on p.person_id = a.person_id
         where a.tenant_id = $1 and a.framework_id = $2 and a.control_id = $3
         order by a.attested_at desc limit 50",
    )
    .bind(tx.tenant().0)
    .bind(framework)
    .bind(control)
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}

/// Gives a statement. It stands in the place of the one before, which stays in the history.
///
/// # Errors
/// [`StoreError::Conflict`] when the text is too short or too long, or the same control was attested this very instant.
pub async fn give(
    tx: &mut TenantTx,
    statement: &Statement<'_>,
    by: PersonId,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query(
        "insert into attestations
             (tenant_id, framework_id, control_id, attested_at, holds, statement, person_id, expires_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(tx.tenant().0)
    .bind(statement.framework)
    .bind(statement.control)
    .bind(now)
    .bind(statement.holds)
    .bind(statement.text)
    .bind(by.0)
    .bind(statement.expires_at)
    .execute(tx.conn())
    .await
    .map_err(|error| match error.as_database_error().and_then(sqlx::error::DatabaseError::constraint) {
        Some("attestations_statement_check") => {
            StoreError::Conflict("The statement takes 10 to 4,000 characters.".to_owned())
        }
        Some("attestations_pkey") => StoreError::Conflict("This control was attested a moment ago.".to_owned()),
        _ => StoreError::Database(error),
    })?;
    Ok(())
}

/// Withdraws the statement in force.
///
/// # Errors
/// [`StoreError::NotFound`] when none is.
pub async fn withdraw(tx: &mut TenantTx, framework: &str, control: &str, now: DateTime<Utc>) -> Result<(), StoreError> {
    let done = sqlx::query(
        "update attestations set withdrawn_at = $4
         where tenant_id = $1 and framework_id = $2 and control_id = $3 and withdrawn_at is null and expires_at > $4",
    )
    .bind(tx.tenant().0)
    .bind(framework)
    .bind(control)
    .bind(now)
    .execute(tx.conn())
    .await?;
    if done.rows_affected() == 0 { Err(StoreError::NotFound) } else { Ok(()) }
}
