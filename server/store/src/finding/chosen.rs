//! The findings that a person acts on at once: those that a list shows, or those that were ticked.

use super::list::{FindingFilter, some, words};
use crate::door::TenantTx;
use crate::error::StoreError;
use plumbline_core::id::FindingId;

/// The most that one action concerns; who wants to move more narrows the list.
pub const MOST_CHOSEN: i64 = 200_000;

/// Makes `chosen` of the findings that a filter leaves, as the list shows them. Returns whether there are more than
/// [`MOST_CHOSEN`], of which no more are chosen.
///
/// # Errors
/// When the database does not answer.
pub async fn matching(tx: &mut TenantTx, filter: &FindingFilter) -> Result<bool, StoreError> {
    let states = if filter.states.is_empty() { &super::FindingState::ALL[..] } else { &filter.states };
    let search = filter.search.as_ref();
    let done = sqlx::query(
        "create temporary table chosen on commit drop as
         select f.finding_id from findings f
         where f.tenant_id = $1 and f.state = any($2)
           and ($3::text[] is null or f.check_id = any($3))
           and ($4::text[] is null or f.account = any($4))
           and ($5::text[] is null or f.region = any($5))
           and ($6::text[] is null or f.exposure = any($6))
           and ($7::text[] is null or f.criticality = any($7))
           and ($8::uuid[] is null or f.source_id = any($8))
           and ($9::text[] is null or f.severity = any($9))
           and ($10::text[] is null or f.check_id = any($10) or f.resource_id = any($11))
         limit $12",
    )
    .bind(tx.tenant().0)
    .bind(states.iter().map(|state| state.as_str()).collect::<Vec<_>>())
    .bind(filter.checks.as_deref())
    .bind(some(&filter.accounts))
    .bind(some(&filter.regions))
    .bind(words(&filter.exposures, |exposure| exposure.as_str()))
    .bind(words(&filter.criticalities, |criticality| criticality.as_str()))
    .bind(some(&filter.sources))
    .bind(words(&filter.severities, |severity| severity.as_str()))
    .bind(search.map(|search| search.checks.clone()))
    .bind(search.map(|search| search.resources.clone()))
    .bind(MOST_CHOSEN + 1)
    .execute(tx.conn())
    .await?;
    sqlx::query("analyze chosen").execute(tx.conn()).await?;
    Ok(i64::try_from(done.rows_affected()).unwrap_or(i64::MAX) > MOST_CHOSEN)
}

/// Makes `chosen` of these findings. Returns how many of them are there.
///
/// # Errors
/// When the database does not answer.
pub async fn ticked(tx: &mut TenantTx, findings: &[FindingId]) -> Result<u64, StoreError> {
    let done = sqlx::query(
        "create temporary table chosen on commit drop as
         select finding_id from findings where tenant_id = $1 and finding_id = any($2)",
    )
    .bind(tx.tenant().0)
    .bind(findings.iter().map(|finding| finding.0).collect::<Vec<_>>())
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected())
}
