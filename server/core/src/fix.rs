//! In which order fixes are recommended: what would somebody who knows begin with this morning?
//!
//! One number a fix, of three parts that add up and two that multiply. The risks that it closes, taken together by
//! [`joint`]; the risks of the attack paths that it cuts, taken together by [`joint_of_paths`], for half; and its gain. Then how
//! light the work is, and whether it stands upstream (a base image before the images built on it, a setting of an account before its
//! resources, anything that one action mends for several resources). The weights are in [`crate::risk::order`].
//!
//! [`joint`]: crate::risk::order::joint
//! [`joint_of_paths`]: crate::risk::order::joint_of_paths

use crate::risk::order::{self, GAIN, PATHS, UPSTREAM};
use crate::verdict::Effort;
use serde::{Deserialize, Serialize};

/// What the content says of all fixes of one key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct FixNature {
    /// Whether it is applied to what others are made of or ruled by.
    pub upstream: bool,
    pub effort: Effort,
}

impl FixNature {
    /// See [`order::ease`].
    #[must_use]
    pub fn ease(self) -> f64 {
        order::ease(self.effort)
    }
}

/// What the place of a fix follows from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Place {
    /// The risks of the open findings that it closes, together.
    pub risk: f64,
    /// The risks of the attack paths of a step or more that it cuts, together.
    pub paths: f64,
    /// Points of the unrounded score.
    pub gain: f64,
    pub upstream: bool,
    /// How many resources it mends.
    pub resources: i64,
    pub ease: f64,
}

impl Place {
    /// The greater, the sooner. The database keeps the same formula in a column (`fixes.rank`).
    #[must_use]
    pub fn rank(self) -> f64 {
        (self.risk + PATHS * self.paths + GAIN * self.gain) * self.ease * self.upstream_factor()
    }

    /// What standing upstream multiplies by.
    #[must_use]
    pub fn upstream_factor(self) -> f64 {
        if self.upstream || self.resources > 1 { UPSTREAM } else { 1.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::risk::order::{joint, joint_of_paths};
    use proptest::prelude::*;

    fn efforts() -> impl Strategy<Value = Effort> {
        prop::sample::select(vec![Effort::Minutes, Effort::Hours, Effort::Days])
    }

    fn risks() -> impl Strategy<Value = Vec<i16>> {
        prop::collection::vec(1i16..=100, 0..40)
    }

    fn places() -> impl Strategy<Value = Place> {
        (risks(), risks(), 0.0f64..100.0, any::<bool>(), 1i64..9, efforts()).prop_map(
            |(risk, paths, gain, upstream, resources, effort)| Place {
                risk: joint(risk),
                paths: joint_of_paths(paths),
                gain,
                upstream,
                resources,
                ease: order::ease(effort),
            },
        )
    }

    #[test]
    fn the_effort_of_an_ease_is_the_one_that_has_it() {
        assert!(Effort::ALL.into_iter().all(|effort| order::effort(order::ease(effort)) == effort));
    }

    proptest! {
        #[test]
        fn nothing_that_is_better_done_ranks_lower(
            here in places(), risk in 0.0f64..500.0, paths in 0.0f64..500.0, gain in 0.0f64..100.0, more in 0i64..9,
        ) {
            let better = [
                Place { risk: here.risk + risk, ..here },
                Place { paths: here.paths + paths, ..here },
                Place { gain: here.gain + gain, ..here },
                Place { upstream: true, ..here },
                Place { resources: here.resources + more, ..here },
                Place { ease: order::ease(Effort::Minutes), ..here },
            ];
            for one in better {
                prop_assert!(one.rank() >= here.rank(), "{one:?} {here:?}");
            }
        }

        #[test]
        fn one_more_or_a_riskier_one_never_counts_less(risks in risks(), one in 1i16..=100, other in 1i16..=100) {
            let with = |risk: i16| risks.iter().copied().chain([risk]);
            let reversed = [one].into_iter().chain(risks.iter().rev().copied());
            prop_assert!(joint(with(one)) > joint(risks.iter().copied()));
            prop_assert!(joint(with(one.max(other))) >= joint(with(one.min(other))));
            prop_assert_eq!(joint(with(one)).to_bits(), joint(reversed.clone()).to_bits());
            prop_assert!(joint_of_paths(with(one)) > joint_of_paths(risks.iter().copied()));
            prop_assert!(joint_of_paths(with(one.max(other))) >= joint_of_paths(with(one.min(other))));
            prop_assert_eq!(joint_of_paths(with(one)).to_bits(), joint_of_paths(reversed).to_bits());
        }

        #[test]
        fn sixteen_findings_and_four_paths_count_as_twice_one(risk in 1i16..=100, times in 0u32..3) {
            let alike = |of: usize| std::iter::repeat_n(risk, of.pow(times));
            let twice = f64::from(risk) * 2f64.powi(times.cast_signed());
            prop_assert!((joint(alike(16)) - twice).abs() < 1e-9);
            prop_assert!((joint_of_paths(alike(4)) - twice).abs() < 1e-9);
        }
    }

    #[test]
    fn three_hundred_lesser_risks_do_not_outweigh_the_one_that_is_used() {
        assert!(joint([55]) > joint([12; 300]));
        assert!(joint([55, 55]) > joint([55]));
    }
}
