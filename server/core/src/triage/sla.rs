//! By when a finding is to be fixed: days by severity and exposure, each to the end of its day in UTC.

use crate::risk::Exposure;
use crate::verdict::Severity;

/// The most days that a policy may give.
pub const MOST_DAYS: i32 = 3650;

/// One line of a policy. Without days there is no due date.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Term {
    pub severity: Severity,
    pub exposure: Exposure,
    pub days: Option<i32>,
}

/// The days for every severity and exposure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    terms: Vec<Term>,
}

impl Default for Policy {
    /// What holds until a tenant says otherwise.
    fn default() -> Self {
        Self::of(|severity, exposure| Some(default_days(severity, exposure)))
    }
}

impl Policy {
    /// Asks for every combination, worst first.
    #[must_use]
    pub fn of(mut days: impl FnMut(Severity, Exposure) -> Option<i32>) -> Self {
        let mut terms = Vec::new();
        for severity in Severity::ALL {
            for exposure in Exposure::ALL {
                terms.push(Term { severity, exposure, days: days(severity, exposure) });
            }
        }
        Self { terms }
    }

    /// All terms, worst first.
    #[must_use]
    pub fn terms(&self) -> &[Term] {
        &self.terms
    }

    #[must_use]
    pub fn days(&self, severity: Severity, exposure: Exposure) -> Option<i32> {
        self.terms.iter().find(|term| term.severity == severity && term.exposure == exposure).and_then(|term| term.days)
    }
}

fn default_days(severity: Severity, exposure: Exposure) -> i32 {
    match (severity, exposure) {
        (Severity::Critical, Exposure::Internet) => 3,
        (Severity::Critical, Exposure::Private) => 7,
        (Severity::Critical, Exposure::None) | (Severity::High, Exposure::Internet) => 14,
        (Severity::High, Exposure::Private) | (Severity::Medium, Exposure::Internet) => 30,
        (Severity::High, Exposure::None) => 60,
        (Severity::Medium, Exposure::Private) | (Severity::Low, Exposure::Internet) => 90,
        (Severity::Medium, Exposure::None) => 120,
        (Severity::Low, Exposure::Private | Exposure::None) => 180,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn worse_and_more_exposed_is_never_due_later() {
        let policy = Policy::default();
        for severity in Severity::ALL.windows(2) {
            for exposure in Exposure::ALL.windows(2) {
                let days = |s: usize, e: usize| policy.days(severity[s], exposure[e]);
                assert!(days(0, 0) <= days(1, 0) && days(0, 0) <= days(0, 1));
            }
        }
        assert_eq!(policy.days(Severity::Critical, Exposure::Internet), Some(3));
        assert_eq!(policy.days(Severity::Low, Exposure::None), Some(180));
    }
}
