//! Whole numbers of any size: a version's digits are not bounded by any ecosystem that orders them as numbers.

use std::cmp::Ordering;

/// A whole number. Small ones, which is nearly all, need no memory of their own.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Number {
    Small(u64),
    /// More than a `u64` holds: so always greater than a small one.
    Large(Digits),
}

/// Decimal digits without leading zeros.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Digits(Box<str>);

impl Ord for Digits {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.len().cmp(&other.0.len()).then_with(|| self.0.cmp(&other.0))
    }
}

impl PartialOrd for Digits {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Number {
    pub(super) const ZERO: Self = Self::Small(0);

    /// The value of a run of ASCII digits; none at all is zero.
    pub(super) fn of(digits: &str) -> Self {
        let significant = digits.trim_start_matches('0');
        if significant.is_empty() {
            return Self::ZERO;
        }
        significant.parse().map_or_else(|_| Self::Large(Digits(significant.into())), Self::Small)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_ordered_by_value_whatever_their_length() {
        let ascending =
            ["", "1", "0009", "10", "18446744073709551615", "18446744073709551616", "100000000000000000000"];

        let numbers: Vec<Number> = ascending.into_iter().map(Number::of).collect();

        assert!(numbers.is_sorted_by(|a, b| a < b), "{numbers:?}");
        assert_eq!(Number::of("0000000000000000000000018446744073709551616"), Number::of("18446744073709551616"));
    }
}
