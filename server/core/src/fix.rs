//! In which order fixes are recommended.
//!
//! One number a fix. First what cuts attack paths, by how many, in classes of doubling: one, two, four, eight and so on.
//! Within a class the gain decides, times 1.5 for what stands upstream (a base image before the images built on it, a setting of an
//! account before its resources, anything that one action mends for several resources), times how light the work is.

use crate::verdict::Effort;
use serde::{Deserialize, Serialize};

/// What lies between two classes of paths; more than any gain comes to, which is at most 100 · 1.5.
pub const CLASS: f64 = 200.0;
/// What standing upstream is worth.
pub const UPSTREAM: f64 = 1.5;

/// What the content says of all fixes of one key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct FixNature {
    /// Whether it is applied to what others are made of or ruled by.
    pub upstream: bool,
    pub effort: Effort,
}

impl FixNature {
    /// How light the work is: what takes days is worth half of what takes minutes and gains the same.
    #[must_use]
    pub fn ease(self) -> f64 {
        match self.effort {
            Effort::Minutes => 1.0,
            Effort::Hours => 0.8,
            Effort::Days => 0.5,
        }
    }
}

/// The place of a fix in the recommended order; the greater, the sooner. `resources` is how many it mends. The database
/// keeps the same formula in a column (`fixes.rank`).
#[must_use]
pub fn rank(nature: FixNature, paths_cut: u32, gain: f64, resources: i64) -> f64 {
    let class = (u32::BITS - paths_cut.leading_zeros()).min(11);
    let upstream = if nature.upstream || resources > 1 { UPSTREAM } else { 1.0 };
    CLASS * f64::from(class) + gain * nature.ease() * upstream
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn natures() -> impl Strategy<Value = FixNature> {
        (any::<bool>(), prop::sample::select(vec![Effort::Minutes, Effort::Hours, Effort::Days]))
            .prop_map(|(upstream, effort)| FixNature { upstream, effort })
    }

    proptest! {
        #[test]
        fn more_gain_never_ranks_lower_at_equal_rest(
            nature in natures(), paths in 0u32..5000, gain in 0.0f64..100.0, more in 0.0f64..100.0, resources in 1i64..9,
        ) {
            let gains = (gain, (gain + more).min(100.0));
            prop_assert!(rank(nature, paths, gains.0, resources) <= rank(nature, paths, gains.1, resources));
        }

        #[test]
        fn neither_do_more_paths_nor_standing_upstream_nor_less_work(
            nature in natures(), paths in 0u32..5000, more in 0u32..5000, gain in 0.0f64..100.0,
        ) {
            let here = rank(nature, paths, gain, 1);
            prop_assert!(here <= rank(nature, paths + more, gain, 1));
            let upstream = FixNature { upstream: true, ..nature };
            let light = FixNature { effort: Effort::Minutes, ..nature };
            prop_assert!(here <= rank(upstream, paths, gain, 1));
            prop_assert!(here <= rank(light, paths, gain, 1));
            prop_assert!(here <= rank(nature, paths, gain, 2));
        }

        #[test]
        fn twice_the_paths_come_before_any_gain(one in natures(), other in natures(), paths in 1u32..500, gain in 0.0f64..=100.0) {
            prop_assert!(rank(one, paths * 2, 0.0, 1) > rank(other, paths, gain, 9));
        }
    }
}
