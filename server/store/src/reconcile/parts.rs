//! How the parts of a posture stand: each layer, framework, source and group by itself, as `postures.parts` keeps it.

use crate::door::TenantTx;
use crate::error::StoreError;
use plumbline_core::score::{ControlWeight, Losses, Weighing, bound, loss_of_unknown, score};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Groups that a posture tells of at most: those with the most open findings.
const MOST: i64 = 200;

/// What is known of checks: losses, and how much of them could be decided.
#[derive(Debug, Default)]
pub(super) struct Standing {
    pub(super) net: Losses,
    pub(super) gross: Losses,
    /// What the unknown verdicts would cost if they were failures.
    undecided: Losses,
    /// Verdicts that could be decided, and all that should be.
    decided: BTreeMap<String, (i64, i64)>,
    open: i64,
}

/// One check of a source or of a group.
#[derive(sqlx::FromRow)]
struct Row {
    /// The source, or the group's key; and nothing, or its value.
    key: String,
    value: String,
    check_id: String,
    loss: i64,
    net_loss: i64,
    open_findings: i64,
    decided: i64,
    unknown: i64,
}

/// The weights of checks as controls of the whole.
type Weights<'a> = BTreeMap<&'a str, f64>;

impl Standing {
    fn add(&mut self, row: &Row, weights: &Weights<'_>) {
        let weight = weights.get(row.check_id.as_str()).copied().unwrap_or(0.0);
        let add = |losses: &mut Losses, loss: i64| *losses.entry(row.check_id.clone()).or_default() += loss;
        add(&mut self.net, row.net_loss);
        add(&mut self.gross, row.loss);
        add(&mut self.undecided, row.unknown * loss_of_unknown(weight));
        let (decided, all) = self.decided.entry(row.check_id.clone()).or_default();
        *decided += row.decided;
        *all += row.decided + row.unknown;
        self.open += row.open_findings;
    }

    /// How controls stand by it.
    fn of(&self, controls: &[ControlWeight]) -> Map<String, Value> {
        let checks: BTreeSet<&String> = controls.iter().flat_map(|control| control.checks.iter()).collect();
        let counts = checks.into_iter().filter_map(|check| self.decided.get(check));
        let (decided, all) = counts.fold((0, 0), |sum, count| (sum.0 + count.0, sum.1 + count.1));
        Map::from_iter([
            ("score".to_owned(), json!(score(controls, &self.net).0)),
            ("gross".to_owned(), json!(score(controls, &self.gross).0)),
            ("bound".to_owned(), json!(bound(controls, &self.net, &self.undecided).0)),
            ("coverage".to_owned(), json!(share(decided, all))),
        ])
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
        "select source_id::text as key, '' as value, check_id, loss, net_loss, 0::bigint as open_findings,
             passed + failed as decided, unknown + blind_scopes as unknown
         from check_states where tenant_id = $1",
    )
    .bind(tx.tenant().0)
    .fetch_all(tx.conn())
    .await?;
    let weights = weighing.checks().collect();
    let (mut whole, mut by_source) = (Standing::default(), BTreeMap::<&str, Standing>::new());
    for row in &rows {
        whole.add(row, &weights);
        by_source.entry(&row.key).or_default().add(row, &weights);
    }
    let part = |name: String, standing: &Standing, controls: &[ControlWeight]| (name, standing.of(controls).into());
    let mut parts = Map::from_iter([part("whole".to_owned(), &whole, &weighing.whole)]);
    parts.extend(weighing.parts.iter().map(|(name, controls)| part(name.clone(), &whole, controls)));
    for group in groups(tx, weighing).await? {
        let mut standing = group.standing.of(&weighing.whole);
        standing.insert("open".to_owned(), json!(group.standing.open));
        parts.insert(group.name(), standing.into());
    }
    parts.extend(by_source.iter().map(|(source, own)| part(format!("source:{source}"), own, &weighing.whole)));
    Ok((whole, parts))
}

/// One group by tag. What was not read at all has no tags, so that only verdicts on resources that were seen count.
pub(super) struct Group {
    pub(super) key: String,
    pub(super) value: String,
    standing: Standing,
}

impl Group {
    /// As the parts of a posture name it.
    pub(super) fn name(&self) -> String {
        format!("group:{}={}", self.key, self.value)
    }

    /// Net and gross, unrounded.
    pub(super) fn scores(&self, weighing: &Weighing) -> (f64, f64) {
        (score(&weighing.whole, &self.standing.net).0, score(&weighing.whole, &self.standing.gross).0)
    }
}

/// The biggest groups by tag.
pub(super) async fn groups(tx: &mut TenantTx, weighing: &Weighing) -> Result<Vec<Group>, StoreError> {
    let rows: Vec<Row> = sqlx::query_as(
        "with biggest as (
             select tag_key, tag_value from group_sums join group_keys k using (tenant_id, tag_key)
             where tenant_id = $1 and k.reckoned_to = 'ffffffff-ffff-ffff-ffff-ffffffffffff'
             order by open_findings desc, loss desc, tag_key, tag_value limit $2
         )
         select g.tag_key as key, g.tag_value as value, g.check_id, g.loss, g.net_loss, g.open_findings, g.decided, g.unknown
         from biggest b join group_losses g on g.tenant_id = $1 and g.tag_key = b.tag_key and g.tag_value = b.tag_value
         order by g.tag_key, g.tag_value",
    )
    .bind(tx.tenant().0)
    .bind(MOST)
    .fetch_all(tx.conn())
    .await?;
    let weights = weighing.checks().collect();
    let of = |rows: &[Row]| {
        let first = rows.first()?;
        let mut group = Group { key: first.key.clone(), value: first.value.clone(), standing: Standing::default() };
        rows.iter().for_each(|row| group.standing.add(row, &weights));
        Some(group)
    };
    Ok(rows.chunk_by(|a, b| (&a.key, &a.value) == (&b.key, &b.value)).filter_map(of).collect())
}
