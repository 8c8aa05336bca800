//! What a number of fixes gains at most.

use super::{Removal, gain_of, missing};
use crate::score::Control;

/// The removals of each control, greatest first, so that the sum of the first n is at hand.
pub(super) struct Bound<'a> {
    controls: &'a [Control],
    fixes: &'a [Removal],
    /// By control: the sums of its one, two, three … greatest removals.
    most: Vec<Vec<i64>>,
}

impl<'a> Bound<'a> {
    pub(super) fn of(controls: &'a [Control], fixes: &'a [Removal]) -> Self {
        let mut most: Vec<Vec<i64>> = vec![Vec::new(); controls.len()];
        for (control, loss) in fixes.iter().flat_map(|fix| fix.of.iter()) {
            most[*control].push(*loss);
        }
        for removals in &mut most {
            removals.sort_unstable_by_key(|loss| std::cmp::Reverse(*loss));
            let mut sum = 0;
            for loss in removals {
                sum += *loss;
                *loss = sum;
            }
        }
        Self { controls, fixes, most }
    }

    /// What any set of n of the fixes adds to ΣW·h at most.
    pub(super) fn gain(&self, n: usize) -> f64 {
        let mut worths = self.worths(n);
        worths.sort_unstable_by(|a, b| b.total_cmp(a));
        worths.iter().take(n).sum()
    }

    /// What each fix is worth at most in a set of n.
    pub(super) fn worths(&self, n: usize) -> Vec<f64> {
        let slopes: Vec<f64> =
            self.most.iter().zip(self.controls).map(|(most, control)| slope(most, *control, n)).collect();
        let worth =
            |fix: &Removal| -> f64 { fix.of.iter().map(|(control, loss)| slopes[*control] * real(*loss)).sum() };
        self.fixes.iter().map(worth).collect()
    }

    /// How many of the fixes it takes at least to reach a target.
    pub(super) fn at_least(&self, target: f64) -> usize {
        let wanted = missing(self.controls, target);
        if wanted <= 0.0 {
            return 0;
        }
        // More fixes never gain less, so the first number that may do is found by halving.
        let (mut too_few, mut enough) = (0, self.fixes.len());
        while enough - too_few > 1 {
            let half = usize::midpoint(too_few, enough);
            if self.gain(half) >= wanted { enough = half } else { too_few = half }
        }
        enough
    }
}

/// What one unit of loss of a control is worth at most where n fixes take from it.
fn slope(most: &[i64], control: Control, n: usize) -> f64 {
    let taken = most.get(n.min(most.len()).wrapping_sub(1)).copied().unwrap_or(0);
    if taken <= 0 { 0.0 } else { gain_of(control, taken) / real(taken) }
}

pub(super) fn real(loss: i64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "losses stay far below 2^52")]
    let real = loss as f64;
    real
}
