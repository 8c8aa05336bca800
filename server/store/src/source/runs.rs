//! What pages show of a source's runs, and the wish to cancel one.

use crate::door::TenantTx;
use crate::error::StoreError;
use crate::page::{Page, PageRequest};
use chrono::{DateTime, Utc};
use plumbline_core::id::{RunId, SourceId};
use sqlx::types::Json;
use uuid::Uuid;

/// One run.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct RunRow {
    pub run_id: Uuid,
    pub source_id: Uuid,
    pub source_name: String,
    pub state: String,
    pub started_at: DateTime<Utc>,
    pub finished_at: Option<DateTime<Utc>>,
    pub scopes_planned: i32,
    pub scopes_complete: i32,
    pub scopes_denied: i32,
    pub scopes_failed: i32,
    pub resources_seen: i32,
    pub resources_changed: i32,
    pub resources_retired: i32,
    pub api_calls: i64,
    pub cancel_requested: bool,
    pub notes: Json<Vec<String>>,
    pub error: Option<String>,
}

macro_rules! run_rows {
    ($where:literal) => {
        concat!(
            "select r.run_id, r.source_id, s.name as source_name, r.state, r.started_at, r.finished_at, r.scopes_planned,
                 r.scopes_complete, r.scopes_denied, r.scopes_failed, r.resources_seen, r.resources_changed,
                 r.resources_retired, r.api_calls, r.cancel_requested, r.notes, r.error
             from runs r join sources s on s.tenant_id = r.tenant_id and s.source_id = r.source_id
             where r.tenant_id = $1 and ",
            $where
        )
    };
}

/// A page of a source's runs, newest first.
///
/// # Errors
/// When the database does not answer.
pub async fn runs(tx: &mut TenantTx, source: SourceId, page: &PageRequest) -> Result<Page<RunRow>, StoreError> {
    let before: Uuid = page.after.as_deref().and_then(|text| text.parse().ok()).unwrap_or(Uuid::max());
    let rows = sqlx::query_as(run_rows!("r.source_id = $2 and r.run_id < $3 order by r.run_id desc limit $4"))
        .bind(tx.tenant().0)
        .bind(source.0)
        .bind(before)
        .bind(page.size + 1)
        .fetch_all(tx.conn())
        .await?;
    Ok(Page::cut(rows, page.size, |row: &RunRow| row.run_id.to_string()))
}

/// One run of a source.
///
/// # Errors
/// [`StoreError::NotFound`] when this source has none of that id.
pub async fn run(tx: &mut TenantTx, source: SourceId, run: RunId) -> Result<RunRow, StoreError> {
    sqlx::query_as(run_rows!("r.source_id = $2 and r.run_id = $3"))
        .bind(tx.tenant().0)
        .bind(source.0)
        .bind(run.0)
        .fetch_optional(tx.conn())
        .await?
        .ok_or(StoreError::NotFound)
}

/// The runs that are under way; at most twenty.
///
/// # Errors
/// When the database does not answer.
pub async fn running(tx: &mut TenantTx) -> Result<Vec<RunRow>, StoreError> {
    let rows = sqlx::query_as(run_rows!("r.state = 'running' order by r.run_id limit 20"))
        .bind(tx.tenant().0)
        .fetch_all(tx.conn())
        .await?;
    Ok(rows)
}

/// When the last run ended that read anything; none before the first.
///
/// # Errors
/// When the database does not answer.
pub async fn read_at(tx: &mut TenantTx) -> Result<Option<DateTime<Utc>>, StoreError> {
    let at = sqlx::query_scalar(
        "select max(finished_at) from runs where tenant_id = $1 and state in ('complete', 'partial')",
    )
    .bind(tx.tenant().0)
    .fetch_one(tx.conn())
    .await?;
    Ok(at)
}

/// Asks the worker to stop a run. False when it is over already.
///
/// # Errors
/// When the database does not answer.
pub async fn request_cancel(tx: &mut TenantTx, source: SourceId, run: RunId) -> Result<bool, StoreError> {
    let done = sqlx::query(
        "update runs set cancel_requested = true
         where tenant_id = $1 and source_id = $2 and run_id = $3 and state = 'running'",
    )
    .bind(tx.tenant().0)
    .bind(source.0)
    .bind(run.0)
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}
