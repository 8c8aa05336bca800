//! The posture: the score as it was after each reconcile, and the sums that explain it.

mod trend;

pub use trend::{TrendPoint, began, part_trend, trend};

use crate::door::TenantTx;
use crate::error::StoreError;
use crate::page::{Page, PageRequest};
use crate::reconcile::Reason;
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
    /// `whole`, `layer:…`, `framework:…`, `source:…`, `group:…` → how it stands; of older postures its score alone.
    pub parts: Json<BTreeMap<String, Value>>,
}

impl Posture {
    /// The unrounded score of one part.
    #[must_use]
    pub fn part(&self, name: &str) -> Option<f64> {
        let value = self.parts.0.get(name)?;
        value.as_f64().or_else(|| value.get("score").and_then(Value::as_f64))
    }

    /// How one part stands.
    #[must_use]
    pub fn standing(&self, name: &str) -> Option<PartStanding> {
        let of = |word: &str| self.parts.0.get(name).and_then(|value| value.get(word)).and_then(Value::as_f64);
        let score = self.part(name)?;
        let open = self.parts.0.get(name).and_then(|value| value.get("open")).and_then(Value::as_i64);
        Some(PartStanding { score, gross: of("gross"), coverage: of("coverage"), bound: of("bound"), open })
    }

    /// The score if everything that is unknown failed; none for postures from before this was kept.
    #[must_use]
    pub fn bound(&self) -> Option<f64> {
        self.standing("whole")?.bound
    }
}

/// How a part of the posture stands. Scores are unrounded.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PartStanding {
    pub score: f64,
    /// With accepted risk counted.
    pub gross: Option<f64>,
    /// 0 to 1; none where there is nothing to decide.
    pub coverage: Option<f64>,
    /// If everything that is unknown failed.
    pub bound: Option<f64>,
    /// Open findings; kept of groups alone.
    pub open: Option<i64>,
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

/// The posture as it stood at an instant; none before the first reconcile.
///
/// # Errors
/// When the database does not answer.
pub async fn at(tx: &mut TenantTx, instant: DateTime<Utc>) -> Result<Option<Posture>, StoreError> {
    let row = sqlx::query_as(
        "select at, score, gross_score, coverage, open_findings, parts from postures
         where tenant_id = $1 and at <= $2 order by at desc limit 1",
    )
    .bind(tx.tenant().0)
    .bind(instant)
    .fetch_optional(tx.conn())
    .await?;
    Ok(row)
}

/// One reason why the score changed.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct LedgerEntry {
    pub at: DateTime<Utc>,
    pub cause: String,
    pub delta: f64,
    pub gross_delta: f64,
    pub findings: i64,
    /// A [`Reason`]; of older entries the checks that moved most.
    pub detail: Value,
}

impl LedgerEntry {
    /// What stands behind it.
    #[must_use]
    pub fn reason(&self) -> Reason {
        if self.detail.is_array() {
            let checks = serde_json::from_value(self.detail.clone()).unwrap_or_default();
            return Reason { checks, ..Reason::default() };
        }
        serde_json::from_value(self.detail.clone()).unwrap_or_default()
    }
}

/// The latest reasons why the score changed, newest first.
///
/// # Errors
/// When the database does not answer.
pub async fn changes(tx: &mut TenantTx, limit: i64) -> Result<Vec<LedgerEntry>, StoreError> {
    let page = PageRequest { after: None, size: limit };
    Ok(ledger(tx, None, &page).await?.items)
}

/// A page of the reasons why the score changed, newest first; of one cause when one is given.
///
/// # Errors
/// When the database does not answer.
pub async fn ledger(
    tx: &mut TenantTx,
    cause: Option<&str>,
    page: &PageRequest,
) -> Result<Page<LedgerEntry>, StoreError> {
    let (at, after) = page
        .after
        .as_deref()
        .and_then(|text| text.split_once('~'))
        .and_then(|(at, cause)| Some((Some(at.parse::<DateTime<Utc>>().ok()?), cause.to_owned())))
        .unwrap_or_default();
    let rows = sqlx::query_as(
        "select at, cause, delta, gross_delta, findings, detail from score_ledger
         where tenant_id = $1 and at <= coalesce($2::timestamptz, 'infinity')
           and (at < coalesce($2::timestamptz, 'infinity') or cause > $3)
           and ($4::text is null or cause = $4)
         order by at desc, cause limit $5",
    )
    .bind(tx.tenant().0)
    .bind(at)
    .bind(after)
    .bind(cause)
    .bind(page.size + 1)
    .fetch_all(tx.conn())
    .await?;
    Ok(Page::cut(rows, page.size, |row: &LedgerEntry| format!("{}~{}", row.at.to_rfc3339(), row.cause)))
}

/// One entry of the ledger.
///
/// # Errors
/// [`StoreError::NotFound`] when this tenant has none of that instant and cause.
pub async fn change(tx: &mut TenantTx, at: DateTime<Utc>, cause: &str) -> Result<LedgerEntry, StoreError> {
    let row = sqlx::query_as(
        "select at, cause, delta, gross_delta, findings, detail from score_ledger
         where tenant_id = $1 and at = $2 and cause = $3",
    )
    .bind(tx.tenant().0)
    .bind(at)
    .bind(cause)
    .fetch_optional(tx.conn())
    .await?;
    row.ok_or(StoreError::NotFound)
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

/// The permissions that keep the named checks from deciding, with how many of their unknown verdicts each would cure. Of
/// each check twenty unknown verdicts are known to lack what they lack; its count goes to each permission among them.
///
/// # Errors
/// When the database does not answer.
pub async fn missing_permissions(tx: &mut TenantTx, checks: &[String]) -> Result<Vec<MissingPermission>, StoreError> {
    let rows = sqlx::query_as(
        "with hidden as (
             select check_id, sum(unknown) as unknown from check_states
             where tenant_id = $1 and check_id = any($2) group by check_id
         )
         select p.permission, count(*) as checks, sum(h.unknown)::bigint as verdicts
         from hidden h join missing_permissions p on p.tenant_id = $1 and p.check_id = h.check_id
         group by p.permission order by verdicts desc, p.permission limit 8",
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
