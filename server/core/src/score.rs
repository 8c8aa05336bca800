//! The posture score, and what a change to it is worth.
//!
//! Per control c: loss L = Σ over its open failures of severity × criticality × exposure, health h = 1/(1 + L/k),
//! score = floor(100 · ΣW·h / ΣW). W and k come from the catalogue version and from nothing else, so a passing resource
//! changes nothing, any new failure lowers the unrounded score, and 100 means that nothing is open.

use crate::filter::Terms;
use crate::fix::FixNature;
use crate::path::Openings;
use crate::risk::{Criticality, Exposure, severity_points};
use crate::verdict::Severity;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The loss at which a control's health is one half: one high finding in a private network of normal criticality.
/// In the unit of [`crate::risk::Risk::loss`].
pub const HALF_LOSS: f64 = 1000.0;

/// The weight W of a control, by how bad its failure is.
#[must_use]
pub fn weight(severity: Severity) -> f64 {
    match severity {
        Severity::Low => 1.0,
        Severity::Medium => 3.0,
        Severity::High => 6.0,
        Severity::Critical => 10.0,
    }
}

/// One control's part in a score.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Control {
    pub weight: f64,
    /// Sum of the losses of its open findings; never negative.
    pub loss: i64,
}

impl Control {
    #[must_use]
    pub fn health(self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "losses stay far below 2^52")]
        let loss = self.loss.max(0) as f64;
        1.0 / (1.0 + loss / HALF_LOSS)
    }
}

/// A score before rounding, 0 to 100.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Score(pub f64);

impl Score {
    /// The score over `controls`; 100 when there are none.
    pub fn of(controls: impl IntoIterator<Item = Control>) -> Self {
        let (mut weights, mut healthy, mut open) = (0.0, 0.0, false);
        for control in controls {
            weights += control.weight;
            healthy += control.weight * control.health();
            open |= control.loss > 0;
        }
        if !open || weights == 0.0 {
            return Self(100.0);
        }
        Self(100.0 * healthy / weights)
    }

    /// The whole number shown: rounded down, so that 100 means no open loss at all.
    #[must_use]
    pub fn shown(self) -> i32 {
        #[expect(clippy::cast_possible_truncation, reason = "a score lies between 0 and 100")]
        let whole = self.0.floor() as i32;
        whole
    }
}

/// One control as the catalogue weighs it: satisfied by all of its checks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ControlWeight {
    pub weight: f64,
    pub checks: Vec<String>,
}

/// What one version of the catalogue weighs; everything a score depends on beside the losses.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Weighing {
    pub version: String,
    /// The controls of the tenant's score: each check is one.
    pub whole: Vec<ControlWeight>,
    /// Scores of parts, by name: `layer:cloud`, `framework:cis_aws_5.0`.
    pub parts: BTreeMap<String, Vec<ControlWeight>>,
    /// The version of the weights that findings and fixes are ranked by ([`crate::risk::WEIGHTS_VERSION`]). No score depends on
    /// it; it is kept so that the ledger can say that it changed.
    #[serde(default = "first_ranking")]
    pub ranking: u32,
    /// What fixes are like, by their key; no score depends on it, so it is not kept with the version.
    #[serde(default, skip_serializing)]
    pub fixes: BTreeMap<String, FixNature>,
    /// What its checks open to an attacker; it weighs nothing in a score and is not kept with it.
    #[serde(skip)]
    pub openings: Openings,
    /// What filters may say of its checks; kept with it as little.
    #[serde(skip)]
    pub terms: Arc<Terms>,
}

impl Weighing {
    /// The checks of the tenant's score, each with its weight.
    pub fn checks(&self) -> impl Iterator<Item = (&str, f64)> {
        self.whole.iter().flat_map(|control| control.checks.iter().map(|check| (check.as_str(), control.weight)))
    }
}

/// That of weighings from before it was kept.
fn first_ranking() -> u32 {
    1
}

/// The sum of the losses of each check's open findings.
pub type Losses = BTreeMap<String, i64>;

/// The score over controls, given the losses of checks.
#[must_use]
pub fn score(controls: &[ControlWeight], losses: &Losses) -> Score {
    Score::of(controls.iter().map(|control| Control {
        weight: control.weight,
        loss: control.checks.iter().filter_map(|check| losses.get(check)).sum(),
    }))
}

/// What an unknown verdict of a check of this weight costs if it turns out to be a failure: as much as one on a resource in a
/// private network, of normal criticality.
#[must_use]
pub fn loss_of_unknown(check_weight: f64) -> i64 {
    let severity = Severity::ALL.into_iter().find(|severity| weight(*severity) <= check_weight);
    severity.map_or(0, severity_points) * Exposure::Private.tenths() * Criticality::Normal.tenths()
}

/// The pessimistic bound of a score: what it is if everything that is unknown fails. `undecided` is what the unknown verdicts of
/// each check cost then, [`loss_of_unknown`] each, a scope that was not read counted as one.
#[must_use]
pub fn bound(controls: &[ControlWeight], losses: &Losses, undecided: &Losses) -> Score {
    let of =
        |check: &String| losses.get(check).copied().unwrap_or(0) + undecided.get(check).copied().unwrap_or(0).max(0);
    Score::of(
        controls.iter().map(|control| Control { weight: control.weight, loss: control.checks.iter().map(of).sum() }),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn controls() -> impl Strategy<Value = Vec<Control>> {
        let one = (1u8..=10, 0i64..10_000_000).prop_map(|(weight, loss)| Control { weight: f64::from(weight), loss });
        prop::collection::vec(one, 1..40)
    }

    proptest! {
        #[test]
        fn any_new_failure_lowers_the_unrounded_score(mut all in controls(), which in any::<prop::sample::Index>(), more in 35i64..100_000) {
            let before = Score::of(all.clone());
            let chosen = which.index(all.len());
            all[chosen].loss += more;
            prop_assert!(Score::of(all) < before);
        }

        #[test]
        fn one_hundred_is_shown_only_when_nothing_is_open(all in controls()) {
            let open = all.iter().any(|control| control.loss > 0);
            prop_assert_eq!(Score::of(all).shown() == 100, !open);
        }

        #[test]
        fn the_bound_is_no_higher_than_the_score_and_the_same_when_nothing_is_unknown(
            all in prop::collection::vec((1u8..=10, 0i64..100_000, 0i64..50), 1..30),
        ) {
            let controls: Vec<ControlWeight> = all.iter().enumerate()
                .map(|(at, (weight, ..))| ControlWeight { weight: f64::from(*weight), checks: vec![at.to_string()] })
                .collect();
            let losses: Losses = all.iter().enumerate().map(|(at, (_, loss, _))| (at.to_string(), *loss)).collect();
            let undecided: Losses = all.iter().enumerate()
                .map(|(at, (weight, _, unknown))| (at.to_string(), unknown * loss_of_unknown(f64::from(*weight))))
                .collect();
            let (score, bound_of_all) = (score(&controls, &losses), bound(&controls, &losses, &undecided));
            prop_assert!(bound_of_all <= score);
            prop_assert_eq!(bound_of_all == score, undecided.values().all(|loss| *loss == 0));
            prop_assert_eq!(bound(&controls, &losses, &Losses::new()), score);
        }

        #[test]
        fn the_order_of_controls_does_not_matter_to_what_is_shown(all in controls()) {
            let mut turned = all.clone();
            turned.reverse();
            let (one, other) = (Score::of(all).0, Score::of(turned).0);
            prop_assert!((one - other).abs() < 1e-9);
        }
    }
}
