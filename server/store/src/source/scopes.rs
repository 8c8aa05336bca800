//! What of a source is seen and what is not.

use crate::door::TenantTx;
use crate::error::StoreError;
use chrono::{DateTime, Utc};
use plumbline_core::id::{RunId, SourceId};

/// Scopes that are not seen for one and the same reason.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct BlindSpot {
    pub reader: String,
    pub outcome: String,
    pub permission: Option<String>,
    pub detail: Option<String>,
    pub scopes: i64,
    /// Some of the places, as `account/region`.
    pub places: Vec<String>,
    /// When the oldest of them was last read completely; none when never.
    pub complete_at: Option<DateTime<Utc>>,
}

/// What of a source is not seen now, the most scopes first; at most a hundred reasons.
///
/// # Errors
/// When the database does not answer.
pub async fn blind_spots(tx: &mut TenantTx, source: SourceId) -> Result<Vec<BlindSpot>, StoreError> {
    let rows = sqlx::query_as(
        "select reader, outcome, permission, max(detail) as detail, count(*) as scopes,
             (array_agg(account || '/' || region order by account, region))[1:6] as places,
             case when bool_or(complete_at is null) then null else min(complete_at) end as complete_at
         from scopes where tenant_id = $1 and source_id = $2 and outcome <> 'complete'
         group by reader, outcome, permission order by count(*) desc, reader limit 100",
    )
    .bind(tx.tenant().0)
    .bind(source.0)
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}

/// A scope of one run that did not end complete.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct RunScope {
    pub account: String,
    pub region: String,
    pub reader: String,
    pub outcome: String,
    pub permission: Option<String>,
    pub detail: Option<String>,
}

/// The scopes of a run that did not end complete, by service; at most two thousand.
///
/// # Errors
/// When the database does not answer.
pub async fn run_scopes(tx: &mut TenantTx, run: RunId) -> Result<Vec<RunScope>, StoreError> {
    let rows = sqlx::query_as(
        "select account, region, reader, outcome, permission, detail from run_scopes
         where tenant_id = $1 and run_id = $2 and outcome <> 'complete'
         order by reader, account, region limit 2000",
    )
    .bind(tx.tenant().0)
    .bind(run.0)
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}
