//! Runs: beginning, progress and end; and what a page shows of them.

use crate::door::TenantTx;
use crate::error::StoreError;
use chrono::{DateTime, Utc};
use plumbline_core::id::{RunId, SourceId};
use sqlx::types::Json;

/// How far a run is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Progress {
    pub scopes_planned: i32,
    pub scopes_complete: i32,
    pub scopes_denied: i32,
    pub scopes_failed: i32,
    pub resources_seen: i32,
    pub resources_changed: i32,
    pub resources_retired: i32,
    pub api_calls: i64,
    pub notes: Vec<String>,
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunEnd {
    /// Every scope was read completely.
    Complete,
    /// Some scopes were not.
    Partial,
    /// None was.
    Failed,
    Cancelled,
}

impl RunEnd {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Partial => "partial",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }
}

/// Begins a run. A run of the same source that still says that it is running belongs to a worker that is gone.
///
/// # Errors
/// When the database does not answer.
pub async fn begin(tx: &mut TenantTx, source: SourceId, run: RunId, now: DateTime<Utc>) -> Result<(), StoreError> {
    let tenant = tx.tenant().0;
    sqlx::query(
        "with gone as (
             update runs set state = 'failed', finished_at = $3, error = 'The worker stopped before the run was done.'
             where tenant_id = $1 and source_id = $2 and state = 'running'
             returning run_id
         )
         delete from staged_resources where tenant_id = $1 and run_id in (select run_id from gone)",
    )
    .bind(tenant)
    .bind(source.0)
    .bind(now)
    .execute(tx.conn())
    .await?;
    sqlx::query(
        "insert into runs (tenant_id, run_id, source_id, state, started_at) values ($1, $2, $3, 'running', $4)",
    )
    .bind(tenant)
    .bind(run.0)
    .bind(source.0)
    .bind(now)
    .execute(tx.conn())
    .await?;
    sqlx::query("update sources set last_run_id = $3 where tenant_id = $1 and source_id = $2")
        .bind(tenant)
        .bind(source.0)
        .bind(run.0)
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Writes how far the run is. Returns whether somebody asked to cancel it.
///
/// # Errors
/// When the database does not answer.
pub async fn progress(tx: &mut TenantTx, run: RunId, progress: &Progress) -> Result<bool, StoreError> {
    let row: Option<(bool,)> = sqlx::query_as(
        "update runs set scopes_planned = $3, scopes_complete = $4, scopes_denied = $5, scopes_failed = $6,
             resources_seen = $7, resources_changed = $8, resources_retired = $9, api_calls = $10, notes = $11
         where tenant_id = $1 and run_id = $2 and state = 'running'
         returning cancel_requested",
    )
    .bind(tx.tenant().0)
    .bind(run.0)
    .bind(progress.scopes_planned)
    .bind(progress.scopes_complete)
    .bind(progress.scopes_denied)
    .bind(progress.scopes_failed)
    .bind(progress.resources_seen)
    .bind(progress.resources_changed)
    .bind(progress.resources_retired)
    .bind(progress.api_calls)
    .bind(Json(&progress.notes))
    .fetch_optional(tx.conn())
    .await?;
    Ok(row.is_none_or(|(cancel,)| cancel))
}

/// Ends a run. `error` is for people, and only for a run of which nothing could be read.
///
/// # Errors
/// When the database does not answer.
pub async fn end(
    tx: &mut TenantTx,
    run: RunId,
    how: RunEnd,
    error: Option<&str>,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let tenant = tx.tenant().0;
    sqlx::query("update runs set state = $3, error = $4, finished_at = $5 where tenant_id = $1 and run_id = $2")
        .bind(tenant)
        .bind(run.0)
        .bind(how.as_str())
        .bind(error)
        .bind(now)
        .execute(tx.conn())
        .await?;
    sqlx::query("delete from staged_resources where tenant_id = $1 and run_id = $2")
        .bind(tenant)
        .bind(run.0)
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Forgets the runs of a source that came before its last `keep`. What they found is in the findings' history.
///
/// # Errors
/// When the database does not answer.
pub async fn forget(tx: &mut TenantTx, source: SourceId, keep: i64) -> Result<(), StoreError> {
    sqlx::query(
        "delete from runs where tenant_id = $1 and source_id = $2 and run_id < (
             select run_id from runs where tenant_id = $1 and source_id = $2 order by run_id desc offset $3 limit 1)",
    )
    .bind(tx.tenant().0)
    .bind(source.0)
    .bind(keep - 1)
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// A source as a worker sees it.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Target {
    pub provider: String,
    pub poll_seconds: i32,
    pub paused: bool,
    pub removed: bool,
    /// The content that its resources were last evaluated with.
    pub evaluated_version: Option<String>,
}

/// The source that a job names.
///
/// # Errors
/// [`StoreError::NotFound`] when there is none of that id.
pub async fn target(tx: &mut TenantTx, source: SourceId) -> Result<Target, StoreError> {
    sqlx::query_as(
        "select provider, poll_seconds, paused, removed_at is not null as removed, evaluated_version
         from sources where tenant_id = $1 and source_id = $2",
    )
    .bind(tx.tenant().0)
    .bind(source.0)
    .fetch_optional(tx.conn())
    .await?
    .ok_or(StoreError::NotFound)
}

/// Notes the content that all of a source's resources have been evaluated with.
///
/// # Errors
/// When the database does not answer.
pub async fn evaluated(tx: &mut TenantTx, source: SourceId, version: &str) -> Result<(), StoreError> {
    sqlx::query(
        "update sources set evaluated_version = $3
         where tenant_id = $1 and source_id = $2 and evaluated_version is distinct from $3",
    )
    .bind(tx.tenant().0)
    .bind(source.0)
    .bind(version)
    .execute(tx.conn())
    .await?;
    Ok(())
}
