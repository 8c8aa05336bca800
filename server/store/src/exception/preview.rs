//! What an exception would cover, before anybody asks for it.

use super::condition::{conditions, covers, of_layer, way, ways};
use crate::door::TenantTx;
use crate::error::StoreError;
use crate::finding::{self, FindingRow};
use plumbline_core::exception::{Condition, Scope};
use plumbline_core::score::{Losses, Weighing, score};
use sqlx::types::Json;
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

const COUNTED: [&str; 8] = ways!(
    [
        "select check_id, count(*), sum(loss)::bigint, count(*) filter (where grave) from (
             select f.check_id, f.loss, f.severity = 'critical' or f.likelihood = 'exploited' as grave from ",
        conditions!(),
        " e "
    ],
    [" where f.state = 'open' and ", covers!(), " limit $3) x group by check_id"]
);

const RISKIEST: [&str; 8] = ways!(
    ["select finding_id from (select f.finding_id, f.risk from ", conditions!(), " e "],
    [" where f.state = 'open' and ", covers!(), " limit $3) few order by risk desc, finding_id limit 10"]
);

/// Says what an exception of this scope would do.
///
/// # Errors
/// When the database does not answer.
pub async fn preview(tx: &mut TenantTx, scope: &Scope, weighing: &Weighing) -> Result<Preview, StoreError> {
    let condition = Condition::of(scope, |layer| of_layer(weighing, layer));
    let (counted, riskiest) = (way(COUNTED, &condition), way(RISKIEST, &condition));
    let given = Json([condition]);
    let parts: Vec<(String, i64, i64, i64)> =
        sqlx::query_as(counted).bind(tx.tenant().0).bind(&given).bind(MOST + 1).fetch_all(tx.conn()).await?;
    let riskiest: Vec<Uuid> =
        sqlx::query_scalar(riskiest).bind(tx.tenant().0).bind(&given).bind(MOST + 1).fetch_all(tx.conn()).await?;
    let riskiest = finding::these(tx, &riskiest).await?;
    let sums: Vec<(String, i64, i64)> = sqlx::query_as(
        "select check_id, sum(net_loss)::bigint, sum(loss)::bigint from check_states where tenant_id = $1 group by check_id",
    )
    .bind(tx.tenant().0)
    .fetch_all(tx.conn())
    .await?;
    let mut losses: Losses = sums.iter().map(|(check, net, _)| (check.clone(), *net)).collect();
    let before = score(&weighing.whole, &losses).0;
    for (check, _, loss, _) in &parts {
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
