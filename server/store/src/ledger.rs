//! Posture of the past, recomputed from history.

use crate::door::TenantTx;
use crate::error::StoreError;
use chrono::{DateTime, Utc};
use plumbline_core::score::{Losses, Weighing, score};
use sqlx::types::Json;

/// A score recomputed from the events up to an instant.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PastScore {
    pub score: f64,
    pub gross_score: f64,
}

/// The score as of an instant: the sum of all changes up to it, weighed as the content did that was in force then. None
/// before the first posture.
///
/// # Errors
/// When the database does not answer.
pub async fn score_at(tx: &mut TenantTx, instant: DateTime<Utc>) -> Result<Option<PastScore>, StoreError> {
    let weighing: Option<(Json<Weighing>,)> = sqlx::query_as(
        "select v.weights from postures p join catalogue_versions v on v.version = p.catalogue_version
         where p.tenant_id = $1 and p.at <= $2 order by p.at desc limit 1",
    )
    .bind(tx.tenant().0)
    .bind(instant)
    .fetch_optional(tx.conn())
    .await?;
    let Some((Json(weighing),)) = weighing else { return Ok(None) };
    let rows: Vec<(String, i64, i64)> = sqlx::query_as(
        "select check_id, sum(net_delta)::bigint, sum(loss_delta)::bigint from finding_events
         where tenant_id = $1 and at <= $2 group by check_id",
    )
    .bind(tx.tenant().0)
    .bind(instant)
    .fetch_all(tx.conn())
    .await?;
    let net: Losses = rows.iter().map(|(check, net, _)| (check.clone(), *net)).collect();
    let gross: Losses = rows.iter().map(|(check, _, gross)| (check.clone(), *gross)).collect();
    Ok(Some(PastScore { score: score(&weighing.whole, &net).0, gross_score: score(&weighing.whole, &gross).0 }))
}
