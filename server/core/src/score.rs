//! The posture score, and what a change to it is worth.
//!
//! Per control c: loss L = Σ over its open failures of severity × criticality × exposure, health h = 1/(1 + L/k),
//! score = floor(100 · ΣW·h / ΣW). W and k come from the catalogue version and from nothing else, so a passing resource
//! changes nothing, any new failure lowers the unrounded score, and 100 means that nothing is open.

use crate::verdict::Severity;
use serde::{Deserialize, Serialize};

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
