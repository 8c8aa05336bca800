use super::*;
use crate::score::{ControlWeight, Losses, score};
use proptest::prelude::*;

/// Controls whose whole loss is that of the fixes and of what none of them takes.
fn problem(most: usize) -> impl Strategy<Value = Problem> {
    let fix = prop::collection::btree_map(0usize..6, 1i64..6000, 1..4);
    let fixes = prop::collection::vec(fix, 1..most);
    let rest = prop::collection::vec((1u8..=10, prop::sample::select(vec![0i64, 0, 0, 35, 4000])), 6);
    (fixes, rest, 0.0f64..=100.0).prop_map(|(fixes, rest, target)| {
        let mut controls: Vec<Control> =
            rest.iter().map(|(weight, loss)| Control { weight: f64::from(*weight), loss: *loss }).collect();
        for (control, loss) in fixes.iter().flatten() {
            controls[*control].loss += loss;
        }
        let fixes = fixes.into_iter().map(|of| Removal { of: of.into_iter().collect() }).collect();
        Problem { controls, fixes, target }
    })
}

/// The size of the smallest set, by trying all.
fn smallest(problem: &Problem) -> Option<usize> {
    let sets = 0u32..1 << problem.fixes.len();
    let members = |set: u32| (0..problem.fixes.len()).filter(|at| set & (1 << at) != 0).collect::<Vec<_>>();
    sets.map(members).filter(|set| problem.reaches(problem.score_with(set))).map(|set| set.len()).min()
}

proptest! {
    #[test]
    fn the_smallest_set_is_found_and_no_bound_is_above_it(problem in problem(9)) {
        match (problem.solve(), smallest(&problem)) {
            (Outcome::Reached(plan), Some(smallest)) => {
                prop_assert!(problem.reaches(plan.score));
                prop_assert_eq!(plan.fixes.len(), smallest);
                prop_assert!(plan.is_smallest());
                prop_assert!(smallest <= problem.greedy().len());
                prop_assert!(Bound::of(&problem.controls, &problem.fixes).at_least(problem.target) <= smallest);
            }
            (Outcome::OutOfReach { highest }, None) => prop_assert!(highest.0 < problem.target),
            (outcome, smallest) => prop_assert!(false, "{outcome:?} {smallest:?}"),
        }
    }

    #[test]
    fn the_score_of_a_plan_is_that_of_the_findings_that_are_left(problem in problem(40)) {
        if let Outcome::Reached(plan) = problem.solve() {
            let weights: Vec<ControlWeight> = problem.controls.iter().enumerate()
                .map(|(at, control)| ControlWeight { weight: control.weight, checks: vec![at.to_string()] })
                .collect();
            let left = |at: usize| problem.controls[at].loss - plan.fixes.iter()
                .flat_map(|fix| problem.fixes[*fix].of.iter())
                .filter(|(control, _)| *control == at)
                .map(|(_, loss)| loss)
                .sum::<i64>();
            let losses: Losses = (0..problem.controls.len()).map(|at| (at.to_string(), left(at))).collect();
            prop_assert_eq!(score(&weights, &losses).0.to_bits(), plan.score.0.to_bits());
            prop_assert!(plan.at_least <= plan.fixes.len());
        }
    }

    #[test]
    fn no_set_gains_more_than_its_bound(problem in problem(14), picks in prop::collection::vec(any::<prop::sample::Index>(), 1..8)) {
        let mut set: Vec<usize> = picks.iter().map(|pick| pick.index(problem.fixes.len())).collect();
        set.sort_unstable();
        set.dedup();
        let value = |controls: &[Control]| controls.iter().map(|c| c.weight * c.health()).sum::<f64>();
        let mut after = problem.controls.clone();
        for fix in &set {
            take(&mut after, &problem.fixes[*fix]);
        }
        let bound = Bound::of(&problem.controls, &problem.fixes);
        prop_assert!(value(&after) - value(&problem.controls) <= bound.gain(set.len()) + 1e-9);
        prop_assert!(bound.gain(set.len()) <= bound.gain(set.len() + 1) + 1e-9);
    }
}

fn of(losses: &[(usize, i64)]) -> Removal {
    Removal { of: losses.to_vec() }
}

/// Health is convex: two halves of one control are worth more together than the best of another twice over.
#[test]
fn the_exact_search_finds_what_greed_does_not() {
    let control = |weight: f64, loss: i64| Control { weight, loss };
    let small = (1..=5).map(|_| control(3.0, 900));
    let problem = Problem {
        controls: std::iter::once(control(10.0, 8000)).chain(small).collect(),
        fixes: (1..=5).map(|at| of(&[(at, 900)])).chain([of(&[(0, 4000)]), of(&[(0, 4000)])]).collect(),
        target: 62.0,
    };
    assert_eq!(problem.greedy().len(), 5);
    let Outcome::Reached(plan) = problem.solve() else { panic!("within reach") };
    assert_eq!((plan.fixes, plan.at_least), (vec![5, 6], 2));
}

#[test]
fn a_target_that_is_reached_already_takes_nothing() {
    let problem = Problem { controls: vec![Control { weight: 1.0, loss: 0 }], fixes: Vec::new(), target: 100.0 };
    assert_eq!(problem.solve(), Outcome::Reached(Plan { fixes: Vec::new(), score: Score(100.0), at_least: 0 }));
}

#[test]
fn two_thousand_fixes_are_planned_and_the_gap_is_known() {
    let controls: Vec<Control> = (0..400).map(|at| Control { weight: f64::from(1 + at % 10), loss: 5 * 900 }).collect();
    let fixes = (0..2000).map(|at| of(&[(at % 400, 900)])).collect();
    let problem = Problem { controls, fixes, target: 60.0 };
    let Outcome::Reached(plan) = problem.solve() else { panic!("within reach") };
    assert!(problem.reaches(plan.score));
    assert!(plan.at_least > 620 && plan.at_least <= plan.fixes.len(), "{} of {}", plan.at_least, plan.fixes.len());
}
