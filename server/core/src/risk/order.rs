//! What makes one fix come before another.

use crate::verdict::Effort;

/// What a path counts beside a finding of the same risk. It is made of findings, which count by themselves already.
pub const PATHS: f64 = 0.5;
/// What a point of the score counts.
pub const GAIN: f64 = 5.0;
/// What is mended upstream is not made wrong again by what comes of it.
pub const UPSTREAM: f64 = 1.25;

/// How light work is. Little, for what is urgent is begun first even when it takes days.
#[must_use]
pub fn ease(effort: Effort) -> f64 {
    match effort {
        Effort::Minutes => 1.0,
        Effort::Hours => 0.9,
        Effort::Days => 0.8,
    }
}

/// The effort of what is so light, or nearly so.
#[must_use]
pub fn effort(light: f64) -> Effort {
    let apart = |effort: &Effort| (ease(*effort) - light).abs();
    Effort::ALL.into_iter().min_by(|one, other| apart(one).total_cmp(&apart(other))).unwrap_or(Effort::Days)
}

/// What the risks of several findings come to together: the fourth root of the sum of their fourth powers. The worst one
/// decides, and of findings that are alike it takes sixteen to count as twice one. Never less for one more, or for a riskier one.
///
/// A sum would have a thousand flaws that nobody uses stand before the one by which somebody comes in.
#[must_use]
pub fn joint(risks: impl IntoIterator<Item = i16>) -> f64 {
    // Whole numbers below 2^53, here and below, so that no order of adding makes a difference.
    risks.into_iter().map(|risk| f64::from(i32::from(risk).pow(4))).sum::<f64>().sqrt().sqrt()
}

/// What the risks of several paths come to together, of those that take a step: one that takes none is the finding itself,
/// which counts already. It is the square root of the sum of their squares, for each leads all the way
/// to something. Four that are alike count as twice one, so that what cuts many comes first by that.
#[must_use]
pub fn joint_of_paths(risks: impl IntoIterator<Item = i16>) -> f64 {
    risks.into_iter().map(|risk| f64::from(i32::from(risk).pow(2))).sum::<f64>().sqrt()
}
