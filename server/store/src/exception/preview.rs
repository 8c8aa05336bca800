//! What an exception would cover, before anybody asks for it.

use super::scope::covered_rows;
use crate::door::TenantTx;
use crate::error::StoreError;
use crate::finding::{self, FindingRow, FindingState};
use plumbline_core::exception::Scope;
use plumbline_core::score::{Losses, Weighing, score};
use sqlx::QueryBuilder;
use uuid::Uuid;

/// More are not counted.
pub const MOST: i64 = 100_000;

/// What an exception would do now.
#[derive(Debug, Clone)]
pub struct Preview {
    /// Open findings that it would cover; at most [`MOST`] and one.
    pub findings: i64,
    /// Of these, critical or exploited ones.
    pub grave: i64,
    /// What they lose, and what all findings that are not resolved lose.
    pub loss: i64,
    pub gross_loss: i64,
    /// The net score before and after, unrounded.
    pub before: f64,
    pub after: f64,
    /// The riskiest ten of those that were counted.
    pub riskiest: Vec<FindingRow>,
}

/// Of one check: how many findings, their loss, how many grave ones, and the riskiest.
type Part = (String, i64, i64, i64, Vec<Uuid>, Vec<i16>);

/// Says what an exception of this scope would do.
///
/// # Errors
/// When the database does not answer.
pub async fn preview(tx: &mut TenantTx, scope: &Scope, weighing: &Weighing) -> Result<Preview, StoreError> {
    let columns =
        "f.finding_id, f.check_id, f.loss, f.risk, f.severity = 'critical' or f.likelihood = 'exploited' as grave";
    let mut sql = QueryBuilder::new(
        "select check_id, count(*), sum(loss)::bigint, count(*) filter (where grave),
             (array_agg(finding_id order by risk desc, finding_id))[:10], (array_agg(risk order by risk desc, finding_id))[:10]
         from (select * from (",
    );
    covered_rows(tx, &weighing.terms, scope, &[FindingState::Open], columns, &mut sql).await?;
    sql.push(") found limit ").push_bind(MOST + 1).push(") few group by check_id");
    let parts: Vec<Part> = sql.build_query_as().persistent(false).fetch_all(tx.conn()).await?;
    let mut riskiest: Vec<(i16, Uuid)> =
        parts.iter().flat_map(|part| part.5.iter().copied().zip(part.4.iter().copied())).collect();
    riskiest.sort_by_key(|(risk, id)| (std::cmp::Reverse(*risk), *id));
    let riskiest: Vec<Uuid> = riskiest.into_iter().take(10).map(|(_, id)| id).collect();
    let riskiest = finding::these(tx, &riskiest).await?;
    let sums: Vec<(String, i64, i64)> = sqlx::query_as(
        "select check_id, sum(net_loss)::bigint, sum(loss)::bigint from check_states where tenant_id = $1 group by check_id",
    )
    .bind(tx.tenant().0)
    .fetch_all(tx.conn())
    .await?;
    let mut losses: Losses = sums.iter().map(|(check, net, _)| (check.clone(), *net)).collect();
    let before = score(&weighing.whole, &losses).0;
    for (check, _, loss, ..) in &parts {
        *losses.entry(check.clone()).or_default() -= loss;
    }
    Ok(Preview {
        findings: parts.iter().map(|part| part.1).sum(),
        grave: parts.iter().map(|part| part.3).sum(),
        loss: parts.iter().map(|part| part.2).sum(),
        gross_loss: sums.iter().map(|(.., gross)| gross).sum(),
        before,
        after: score(&weighing.whole, &losses).0,
        riskiest,
    })
}
