//! The posture: the score as it was after each reconcile, and the sums that explain it.

use crate::door::TenantTx;
use crate::error::StoreError;
use chrono::{DateTime, Utc};
use serde_json::Value;
use sqlx::types::Json;
use std::collections::BTreeMap;

/// The posture after one reconcile.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Posture {
    pub at: DateTime<Utc>,
    /// Unrounded; net of accepted risk, and gross.
    pub score: f64,
    pub gross_score: f64,
    /// 0 to 1.
    pub coverage: f64,
    pub open_findings: i64,
    /// `layer:…` or `framework:…` → its score.
    pub parts: Json<BTreeMap<String, Value>>,
}

impl Posture {
    /// The unrounded score of one part.
    #[must_use]
    pub fn part(&self, name: &str) -> Option<f64> {
        let value = self.parts.0.get(name)?;
        value.as_f64().or_else(|| value.get("score").and_then(Value::as_f64))
    }
}

/// The posture now; none before the first reconcile.
///
/// # Errors
/// When the database does not answer.
pub async fn latest(tx: &mut TenantTx) -> Result<Option<Posture>, StoreError> {
    let row = sqlx::query_as(
        "select at, score, gross_score, coverage, open_findings, parts from postures
         where tenant_id = $1 order by at desc limit 1",
    )
    .bind(tx.tenant().0)
    .fetch_optional(tx.conn())
    .await?;
    Ok(row)
}

/// One point of the trend.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct TrendPoint {
    pub at: DateTime<Utc>,
    pub score: f64,
    pub gross_score: f64,
    pub coverage: f64,
    pub open_findings: i64,
}

/// The posture as it stood at `steps` evenly spaced instants from `from` to `to`; instants before the first are left out.
///
/// # Errors
/// When the database does not answer.
pub async fn trend(
    tx: &mut TenantTx,
    from: DateTime<Utc>,
    to: DateTime<Utc>,
    steps: i32,
) -> Result<Vec<TrendPoint>, StoreError> {
    let rows = sqlx::query_as(
        "select i.at, p.score, p.gross_score, p.coverage, p.open_findings
         from generate_series(0, $4) step
         cross join lateral (select $2::timestamptz + ($3::timestamptz - $2::timestamptz) * step / $4 as at) i
         cross join lateral (
             select score, gross_score, coverage, open_findings from postures
             where tenant_id = $1 and at <= i.at order by at desc limit 1
         ) p
         order by i.at",
    )
    .bind(tx.tenant().0)
    .bind(from)
    .bind(to)
    .bind(steps)
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}

/// When the first posture was.
///
/// # Errors
/// When the database does not answer.
pub async fn began(tx: &mut TenantTx) -> Result<Option<DateTime<Utc>>, StoreError> {
    let row: Option<(DateTime<Utc>,)> =
        sqlx::query_as("select at from postures where tenant_id = $1 order by at limit 1")
            .bind(tx.tenant().0)
            .fetch_optional(tx.conn())
            .await?;
    Ok(row.map(|(at,)| at))
}

/// One reason why the score changed.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct LedgerEntry {
    pub at: DateTime<Utc>,
    pub cause: String,
    pub delta: f64,
    pub gross_delta: f64,
    pub findings: i64,
    /// The checks that moved most.
    pub detail: Value,
}

/// The latest reasons why the score changed, newest first.
///
/// # Errors
/// When the database does not answer.
pub async fn changes(tx: &mut TenantTx, limit: i64) -> Result<Vec<LedgerEntry>, StoreError> {
    let rows = sqlx::query_as(
        "select at, cause, delta, gross_delta, findings, detail from score_ledger
         where tenant_id = $1 order by at desc, cause limit $2",
    )
    .bind(tx.tenant().0)
    .bind(limit)
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}

/// How one check stands, over all sources.
#[derive(Debug, Clone, Default, sqlx::FromRow)]
pub struct CheckState {
    pub check_id: String,
    pub loss: i64,
    pub net_loss: i64,
    pub passed: i64,
    pub failed: i64,
    pub unknown: i64,
    pub not_applicable: i64,
    pub blind_scopes: i64,
}

/// How each check stands that has judged anything, or would have.
///
/// # Errors
/// When the database does not answer.
pub async fn check_states(tx: &mut TenantTx) -> Result<BTreeMap<String, CheckState>, StoreError> {
    let rows: Vec<CheckState> = sqlx::query_as(
        "select check_id, sum(loss)::bigint as loss, sum(net_loss)::bigint as net_loss, sum(passed)::bigint as passed,
             sum(failed)::bigint as failed, sum(unknown)::bigint as unknown,
             sum(not_applicable)::bigint as not_applicable, sum(blind_scopes)::bigint as blind_scopes
         from check_states where tenant_id = $1 group by check_id",
    )
    .bind(tx.tenant().0)
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().map(|row| (row.check_id.clone(), row)).collect())
}

/// A permission that a source lacks, and what it hides.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct MissingPermission {
    pub permission: String,
    pub checks: i64,
    pub verdicts: i64,
}

/// The permissions that keep the named checks from deciding, with how many of their unknown verdicts each would cure. It
/// looks at twenty unknown verdicts of each check, and gives each check's count to the permissions seen among them.
///
/// # Errors
/// When the database does not answer.
pub async fn missing_permissions(tx: &mut TenantTx, checks: &[String]) -> Result<Vec<MissingPermission>, StoreError> {
    let rows = sqlx::query_as(
        "with seen as (
             select distinct e.check_id, m.one ->> 'permission' as permission
             from unnest($2::text[]) e (check_id)
             cross join lateral (
                 select missing from verdicts v
                 where v.tenant_id = $1 and v.check_id = e.check_id and v.verdict = 'unknown'
                 order by v.resource_id limit 20
             ) v
             cross join lateral jsonb_array_elements(
                 case jsonb_typeof(v.missing) when 'array' then v.missing else '[]'::jsonb end) m (one)
         ), hidden as (
             select check_id, sum(unknown) as unknown from check_states
             where tenant_id = $1 and check_id = any($2) group by check_id
         )
         select permission, count(*) as checks, sum(unknown)::bigint as verdicts
         from seen join hidden using (check_id)
         where permission <> ''
         group by permission order by verdicts desc, permission limit 8",
    )
    .bind(tx.tenant().0)
    .bind(checks)
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}

/// A permission whose lack keeps whole scopes from being read.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct DeniedScopes {
    pub permission: String,
    pub scopes: i64,
}

/// The permissions that hide whole scopes now, the most scopes first; at most eight.
///
/// # Errors
/// When the database does not answer.
pub async fn denied_scopes(tx: &mut TenantTx) -> Result<Vec<DeniedScopes>, StoreError> {
    let rows = sqlx::query_as(
        "select c.permission, count(*) as scopes
         from scopes c join sources s on s.tenant_id = c.tenant_id and s.source_id = c.source_id
         where c.tenant_id = $1 and c.outcome = 'denied' and c.permission <> '' and s.removed_at is null
         group by c.permission order by scopes desc, c.permission limit 8",
    )
    .bind(tx.tenant().0)
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}
