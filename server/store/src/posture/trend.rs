//! The trend: how the posture, or a part of it, stood at evenly spaced instants.

use crate::door::TenantTx;
use crate::error::StoreError;
use chrono::{DateTime, Utc};

/// One point of the trend.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct TrendPoint {
    pub at: DateTime<Utc>,
    pub score: f64,
    pub gross_score: f64,
    /// Neither is kept of every part.
    pub coverage: Option<f64>,
    pub open_findings: Option<i64>,
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

/// How one part stood at `steps` evenly spaced instants; those at which nothing was kept of it are left out.
///
/// # Errors
/// When the database does not answer.
pub async fn part_trend(
    tx: &mut TenantTx,
    part: &str,
    from: DateTime<Utc>,
    to: DateTime<Utc>,
    steps: i32,
) -> Result<Vec<TrendPoint>, StoreError> {
    let rows = sqlx::query_as(
        "select at, score, coalesce(gross, score) as gross_score, coverage, open_findings
         from (
             select i.at, (case jsonb_typeof(p.part) when 'number' then p.part #>> '{}' else p.part ->> 'score' end)::float8 as score,
                 (p.part ->> 'gross')::float8 as gross,
                 (p.part ->> 'coverage')::float8 as coverage, (p.part ->> 'open')::bigint as open_findings
             from generate_series(0, $5) step
             cross join lateral (select $3::timestamptz + ($4::timestamptz - $3::timestamptz) * step / $5 as at) i
             cross join lateral (
                 select parts -> $2 as part from postures
                 where tenant_id = $1 and at <= i.at order by at desc limit 1
             ) p
             where jsonb_typeof(p.part) in ('number', 'object')
         ) points
         where score is not null
         order by at",
    )
    .bind(tx.tenant().0)
    .bind(part)
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
