//! How the parts of a posture stand: each layer, framework and source by itself, as `postures.parts` keeps it.

use super::groups::MOST;
use crate::door::TenantTx;
use crate::error::StoreError;
use plumbline_core::score::{ControlWeight, Losses, Weighing, bound, loss_of_unknown, score};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

/// What is known of checks: losses, and how much of them could be decided.
#[derive(Debug, Default)]
pub(super) struct Standing {
    pub(super) net: Losses,
    pub(super) gross: Losses,
    /// What the unknown verdicts would cost if they were failures.
    undecided: Losses,
    /// Verdicts that could be decided, and all that should be.
    decided: BTreeMap<String, (i64, i64)>,
}

#[derive(sqlx::FromRow)]
struct Row {
    source_id: Uuid,
    check_id: String,
    loss: i64,
    net_loss: i64,
    decided: i64,
    unknown: i64,
}

impl Standing {
    fn add(&mut self, row: &Row, weight: f64) {
        let add = |losses: &mut Losses, loss: i64| *losses.entry(row.check_id.clone()).or_default() += loss;
        add(&mut self.net, row.net_loss);
        add(&mut self.gross, row.loss);
        add(&mut self.undecided, row.unknown * loss_of_unknown(weight));
        let (decided, all) = self.decided.entry(row.check_id.clone()).or_default();
        *decided += row.decided;
        *all += row.decided + row.unknown;
    }

    /// How controls stand by it.
    fn of(&self, controls: &[ControlWeight]) -> Value {
        let checks: BTreeSet<&String> = controls.iter().flat_map(|control| control.checks.iter()).collect();
        let counts = checks.into_iter().filter_map(|check| self.decided.get(check));
        let (decided, all) = counts.fold((0, 0), |sum, count| (sum.0 + count.0, sum.1 + count.1));
        json!({
            "score": score(controls, &self.net).0,
            "gross": score(controls, &self.gross).0,
            "bound": bound(controls, &self.net, &self.undecided).0,
            "coverage": share(decided, all),
        })
    }
}

/// None of nothing.
fn share(part: i64, of: i64) -> Option<f64> {
    #[expect(clippy::cast_precision_loss, reason = "verdicts stay far below 2^52")]
    let share = part as f64 / of as f64;
    (of > 0).then_some(share)
}

/// How everything stands, and each part of it.
pub(super) async fn parts(
    tx: &mut TenantTx,
    weighing: &Weighing,
) -> Result<(Standing, Map<String, Value>), StoreError> {
    let rows: Vec<Row> = sqlx::query_as(
        "select source_id, check_id, loss, net_loss, passed + failed as decided, unknown + blind_scopes as unknown
         from check_states where tenant_id = $1",
    )
    .bind(tx.tenant().0)
    .fetch_all(tx.conn())
    .await?;
    let weights: BTreeMap<&str, f64> =
        weighing.whole.iter().flat_map(|c| c.checks.iter().map(|check| (check.as_str(), c.weight))).collect();
    let (mut whole, mut by_source) = (Standing::default(), BTreeMap::<Uuid, Standing>::new());
    for row in &rows {
        let weight = weights.get(row.check_id.as_str()).copied().unwrap_or(0.0);
        whole.add(row, weight);
        by_source.entry(row.source_id).or_default().add(row, weight);
    }
    let mut parts = Map::from_iter([("whole".to_owned(), whole.of(&weighing.whole))]);
    parts.extend(weighing.parts.iter().map(|(name, controls)| (name.clone(), whole.of(controls))));
    parts.extend(groups(tx, weighing).await?);
    parts.extend(by_source.iter().map(|(source, own)| (format!("source:{source}"), own.of(&weighing.whole))));
    Ok((whole, parts))
}

/// The biggest groups by tag. Verdicts are not counted by group, so that coverage and bound are not known of them.
async fn groups(tx: &mut TenantTx, weighing: &Weighing) -> Result<Vec<(String, Value)>, StoreError> {
    let rows: Vec<(String, String, String, i64, i64, i64)> = sqlx::query_as(
        "with biggest as (
             select tag_key, tag_value from group_sums where tenant_id = $1
             order by open_findings desc, loss desc, tag_key, tag_value limit $2
         )
         select g.tag_key, g.tag_value, g.check_id, g.loss, g.net_loss, g.open_findings
         from biggest b join group_losses g on g.tenant_id = $1 and g.tag_key = b.tag_key and g.tag_value = b.tag_value
         order by g.tag_key, g.tag_value",
    )
    .bind(tx.tenant().0)
    .bind(MOST)
    .fetch_all(tx.conn())
    .await?;
    let of = |rows: &[(String, String, String, i64, i64, i64)]| {
        let (key, value, ..) = rows.first()?;
        let gross: Losses = rows.iter().map(|row| (row.2.clone(), row.3)).collect();
        let net: Losses = rows.iter().map(|row| (row.2.clone(), row.4)).collect();
        let open: i64 = rows.iter().map(|row| row.5).sum();
        let standing = json!({
            "score": score(&weighing.whole, &net).0, "gross": score(&weighing.whole, &gross).0, "open": open,
        });
        Some((format!("group:{key}={value}"), standing))
    };
    Ok(rows.chunk_by(|a, b| (&a.0, &a.1) == (&b.0, &b.1)).filter_map(of).collect())
}
