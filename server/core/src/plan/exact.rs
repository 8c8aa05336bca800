//! The smallest set, by trying: deeper and deeper, cut off by the bound.

use super::bound::Bound;
use super::{NODES, Problem, Removal, SMALL, missing, take};
use crate::score::Control;

/// What the search came to.
pub(super) struct Found {
    /// A smaller set than the known one.
    pub(super) fixes: Option<Vec<usize>>,
    /// How many fixes it takes at least.
    pub(super) at_least: usize,
}

/// Looks for a set that is smaller than a known one; `at_least` is proven already.
pub(super) fn search(problem: &Problem, at_least: usize, known: &[usize]) -> Found {
    let candidates = candidates(problem, known.len());
    if candidates.len() > SMALL {
        return Found { fixes: None, at_least };
    }
    let mut search = Search { problem, candidates, nodes: NODES, chosen: Vec::new(), left_out: Vec::new() };
    for size in at_least..known.len() {
        match search.deeper(&problem.controls, 0, size) {
            Some(true) => return Found { fixes: Some(search.chosen), at_least: size },
            Some(false) => {}
            None => return Found { fixes: None, at_least: size },
        }
    }
    Found { fixes: None, at_least: known.len() }
}

/// A fix that may be part of the smallest set.
struct Candidate {
    fix: usize,
    /// The fixes that take at least as much everywhere: where it is chosen, they are.
    above: Vec<usize>,
}

/// Fixes that take something, worthiest first; without those of which `room` others take at least as much.
fn candidates(problem: &Problem, room: usize) -> Vec<Candidate> {
    let fixes = &problem.fixes;
    let worths = Bound::of(&problem.controls, fixes).worths(fixes.len());
    let mut order: Vec<usize> = (0..fixes.len()).filter(|fix| worths[*fix] > 0.0).collect();
    order.sort_by(|a, b| worths[*b].total_cmp(&worths[*a]).then(a.cmp(b)));
    let mut candidates: Vec<Candidate> = Vec::new();
    for fix in order {
        // What takes no less everywhere is worth no less, so it stands before; what is left out has `room` before it.
        let above: Vec<usize> =
            candidates.iter().map(|other| other.fix).filter(|other| covers(&fixes[*other], &fixes[fix])).collect();
        if above.len() < room {
            candidates.push(Candidate { fix, above });
        }
        if candidates.len() > SMALL {
            break;
        }
    }
    candidates
}

/// Whether one takes at least as much as the other everywhere.
fn covers(one: &Removal, other: &Removal) -> bool {
    let of = |control: usize| one.of.iter().find(|(at, _)| *at == control).map_or(0, |(_, loss)| *loss);
    other.of.iter().all(|(control, loss)| of(*control) >= *loss)
}

struct Search<'a> {
    problem: &'a Problem,
    candidates: Vec<Candidate>,
    nodes: usize,
    chosen: Vec<usize>,
    left_out: Vec<usize>,
}

impl Search<'_> {
    /// Whether as many more of the candidates from a place on reach the target; none when it was given up.
    fn deeper(&mut self, controls: &[Control], from: usize, more: usize) -> Option<bool> {
        if self.nodes == 0 {
            return None;
        }
        self.nodes -= 1;
        if more == 0 {
            let chosen = &self.chosen;
            return Some(self.problem.reaches(self.problem.score_with(chosen)));
        }
        if from + more > self.candidates.len() || !self.may_reach(controls, from, more) {
            return Some(false);
        }
        let Candidate { fix, above } = &self.candidates[from];
        let fix = *fix;
        if !above.iter().any(|other| self.left_out.contains(other)) {
            let mut with = controls.to_vec();
            take(&mut with, &self.problem.fixes[fix]);
            self.chosen.push(fix);
            if self.deeper(&with, from + 1, more - 1)? {
                return Some(true);
            }
            self.chosen.pop();
        }
        self.left_out.push(fix);
        let found = self.deeper(controls, from + 1, more)?;
        self.left_out.pop();
        Some(found)
    }

    fn may_reach(&self, controls: &[Control], from: usize, more: usize) -> bool {
        let left: Vec<Removal> =
            self.candidates[from..].iter().map(|one| self.problem.fixes[one.fix].clone()).collect();
        Bound::of(controls, &left).gain(more) >= missing(controls, self.problem.target)
    }
}
