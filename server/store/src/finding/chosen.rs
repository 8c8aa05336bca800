//! The findings that a person acts on at once: those that a list shows, or those that were ticked.

use super::filter::{FindingFilter, narrowed};
use super::list::parts;
use super::way::Ways;
use crate::door::TenantTx;
use crate::error::StoreError;
use plumbline_core::id::FindingId;
use sqlx::{Postgres, QueryBuilder};

/// The most that one action concerns; who wants to move more narrows the list.
pub const MOST_CHOSEN: i64 = 200_000;

/// Makes `chosen` of the findings that a filter leaves, as the list shows them. Returns whether there are more than
/// [`MOST_CHOSEN`], of which no more are chosen.
///
/// # Errors
/// When the database does not answer.
pub async fn matching(tx: &mut TenantTx, filter: &FindingFilter) -> Result<bool, StoreError> {
    sqlx::query("create temporary table chosen (finding_id uuid primary key) on commit drop")
        .execute(tx.conn())
        .await?;
    let mut more = false;
    for part in parts(filter) {
        let ways = Ways::of(tx, &part).await?;
        let mut sql = QueryBuilder::new("insert into chosen select finding_id from (");
        ways.least.way.all(&ways.filter, &mut sql);
        sql.push(") found limit ").push_bind(MOST_CHOSEN + 1).push(" on conflict do nothing");
        let done = sql.build().persistent(false).execute(tx.conn()).await?;
        more |= i64::try_from(done.rows_affected()).unwrap_or(i64::MAX) > MOST_CHOSEN;
    }
    sqlx::query("analyze chosen").execute(tx.conn()).await?;
    Ok(more)
}

/// By more findings than these a tenant's are read as they lie rather than by an index.
const SCATTERED: i64 = 100_000;

/// Writes the query of the findings that a filter without a search leaves, as rows of these columns of `f`.
pub(crate) async fn rows(
    tx: &mut TenantTx,
    filter: &FindingFilter,
    columns: &'static str,
    sql: &mut QueryBuilder<Postgres>,
) -> Result<(), StoreError> {
    let least = Ways::of(tx, filter).await?.least;
    if least.findings <= SCATTERED {
        least.way.rows(filter, columns, sql);
    } else {
        sql.push(format_args!("select {columns} from findings f where f.tenant_id = current_tenant()"));
        narrowed(filter, sql);
    }
    Ok(())
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
