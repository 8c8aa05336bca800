//! The smallest set of fixes that brings a score to a target.
//!
//! Health is convex in loss: of two fixes of one control the second gains more than the first, so gains do not add up, and
//! taking the greatest gain first is not always best. What is reckoned here:
//!
//! - **Greedy.** The fix that gains most, anew after each step; then what turns out not to be needed is taken out again.
//! - **Bound.** What n fixes gain at most. They take no more from a control than the n greatest removals of it, T; and as health
//!   is convex, a part x of T gains at most x/T of what T does. So each fix is worth at most Σ removal/T · gain(T), and n
//!   fixes no more than the n worthiest. The least n whose bound reaches the target is how many fixes it takes at least.
//! - **Exact.** Where few fixes are left, all sets between the bound and the greedy one are tried, smallest first, and cut off by
//!   the bound. A fix of which another one takes at least as much everywhere is only tried beside that one; one of which as
//!   many others do so as there is room for is not tried at all.

use crate::score::{Control, Score};

mod bound;
mod exact;

use bound::Bound;

/// Up to how many fixes all sets are tried.
pub const SMALL: usize = 24;
/// How many sets are looked at before the search is given up.
pub const NODES: usize = 200_000;

/// What a fix takes from the controls of the scope.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Removal {
    /// By control: its place, and how much of its loss; each control once, in order.
    pub of: Vec<(usize, i64)>,
}

/// What is to be planned.
#[derive(Debug, Clone)]
pub struct Problem {
    pub controls: Vec<Control>,
    pub fixes: Vec<Removal>,
    /// 0 to 100; it is reached when the score as shown is no less.
    pub target: f64,
}

/// A set of fixes that reaches the target.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// Their places, in the order in which they gain most.
    pub fixes: Vec<usize>,
    pub score: Score,
    /// No set of fewer than this can do it.
    pub at_least: usize,
}

impl Plan {
    /// Whether no smaller set can do it.
    #[must_use]
    pub fn is_smallest(&self) -> bool {
        self.at_least >= self.fixes.len()
    }
}

/// What planning came to.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    Reached(Plan),
    /// All fixes together do not do it.
    OutOfReach {
        /// The score with all of them done.
        highest: Score,
    },
}

impl Problem {
    /// The score once these fixes are done.
    #[must_use]
    pub fn score_with(&self, fixes: &[usize]) -> Score {
        let mut controls = self.controls.clone();
        for fix in fixes {
            take(&mut controls, &self.fixes[*fix]);
        }
        Score::of(controls)
    }

    /// Whether a score is as high as what is wanted.
    #[must_use]
    pub fn reaches(&self, score: Score) -> bool {
        score.0 >= self.target
    }

    /// Finds a set of fixes that is as small as can be found.
    #[must_use]
    pub fn solve(&self) -> Outcome {
        let all: Vec<usize> = (0..self.fixes.len()).collect();
        let highest = self.score_with(&all);
        if !self.reaches(highest) {
            return Outcome::OutOfReach { highest };
        }
        let mut fixes = self.greedy();
        let mut at_least = Bound::of(&self.controls, &self.fixes).at_least(self.target).min(fixes.len());
        if at_least < fixes.len() {
            let found = exact::search(self, at_least, &fixes);
            at_least = found.at_least;
            fixes = found.fixes.unwrap_or(fixes);
        }
        let fixes = self.in_order(fixes);
        Outcome::Reached(Plan { score: self.score_with(&fixes), fixes, at_least })
    }

    /// The greatest gain first, until the target is reached; without those that are not needed in the end.
    fn greedy(&self) -> Vec<usize> {
        let mut controls = self.controls.clone();
        let mut left: Vec<usize> = (0..self.fixes.len()).collect();
        let mut chosen = Vec::new();
        while !self.reaches(Score::of(controls.iter().copied())) {
            let Some(best) = self.best(&controls, &left) else { break };
            take(&mut controls, &self.fixes[best]);
            left.retain(|fix| *fix != best);
            chosen.push(best);
        }
        for fix in chosen.clone() {
            let without: Vec<usize> = chosen.iter().copied().filter(|other| *other != fix).collect();
            if self.reaches(self.score_with(&without)) {
                chosen = without;
            }
        }
        chosen
    }

    /// Of these fixes the one that gains most now; the first of several.
    fn best(&self, controls: &[Control], left: &[usize]) -> Option<usize> {
        let gains = left.iter().map(|fix| (*fix, gain(controls, &self.fixes[*fix])));
        gains
            .fold(None, |best: Option<(usize, f64)>, one| match best {
                Some(best) if best.1 >= one.1 => Some(best),
                _ => Some(one),
            })
            .map(|(fix, _)| fix)
    }

    /// The same fixes, the greatest gain first.
    fn in_order(&self, mut fixes: Vec<usize>) -> Vec<usize> {
        fixes.sort_unstable();
        let mut controls = self.controls.clone();
        let mut ordered = Vec::with_capacity(fixes.len());
        while let Some(best) = self.best(&controls, &fixes) {
            take(&mut controls, &self.fixes[best]);
            fixes.retain(|fix| *fix != best);
            ordered.push(best);
        }
        ordered
    }
}

fn take(controls: &mut [Control], removal: &Removal) {
    for (control, loss) in &removal.of {
        controls[*control].loss -= loss;
    }
}

/// What a fix adds to ΣW·h.
fn gain(controls: &[Control], removal: &Removal) -> f64 {
    removal.of.iter().map(|(control, loss)| gain_of(controls[*control], *loss)).sum()
}

/// What taking a loss from a control adds to its part of ΣW·h.
fn gain_of(control: Control, loss: i64) -> f64 {
    let less = Control { loss: control.loss - loss, ..control };
    control.weight * (less.health() - control.health())
}

/// What is still to be added to ΣW·h for a score to reach the target; leaves room for rounding, so that a bound built on
/// it stays one.
fn missing(controls: &[Control], target: f64) -> f64 {
    let weights: f64 = controls.iter().map(|control| control.weight).sum();
    let now: f64 = controls.iter().map(|control| control.weight * control.health()).sum();
    let wanted = target / 100.0 * weights;
    wanted - now - weights * 1e-12
}

#[cfg(test)]
mod tests;
