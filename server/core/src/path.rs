//! Attack paths: how somebody on the internet comes, a step at a time, to what is worth having.
//!
//! A path goes from the internet inwards to a foothold, a resource of which somebody can take possession, and from there
//! along what whoever has it has next ([`crate::stack::NEXT`]) to a goal. Each step is there only where it holds: where an
//! edge was seen, and where it takes a failure, that failure is open.

use crate::risk::{Criticality, Likelihood};
use serde::{Deserialize, Serialize};

/// What a failing check opens to whoever comes by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Opens {
    /// Whoever reaches the resource can run code in it.
    Takeover,
    /// It makes the resource, or what is behind it, reachable from the internet.
    Entrance,
    /// From the container to the machine that it runs on.
    Escape,
    /// Whoever is in the resource has credentials.
    Credentials,
    /// Whoever has the identity administers the cluster or the account.
    Admin,
    /// Whoever reaches the resource has its data.
    Data,
}

impl Opens {
    pub const ALL: [Self; 6] =
        [Self::Takeover, Self::Entrance, Self::Escape, Self::Credentials, Self::Admin, Self::Data];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Takeover => "takeover",
            Self::Entrance => "entrance",
            Self::Escape => "escape",
            Self::Credentials => "credentials",
            Self::Admin => "admin",
            Self::Data => "data",
        }
    }

    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.as_str() == word)
    }

    /// How likely a failure is to be used that opens this: the ways in need nothing more than to be reached, all others
    /// need somebody who is in already.
    #[must_use]
    pub fn likelihood(self) -> Likelihood {
        match self {
            Self::Takeover | Self::Entrance | Self::Data => Likelihood::Open,
            Self::Escape | Self::Credentials | Self::Admin => Likelihood::Possible,
        }
    }

    /// What it does, as the step of a path says it.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Takeover => "can be taken over",
            Self::Entrance => "lets the internet in",
            Self::Escape => "leads out to the machine",
            Self::Credentials => "holds credentials",
            Self::Admin => "administers everything",
            Self::Data => "gives its data to whoever asks",
        }
    }
}

/// The checks that open something, by what they open.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Openings(Vec<(String, Opens)>);

impl Openings {
    #[must_use]
    pub fn new(checks: impl IntoIterator<Item = (String, Opens)>) -> Self {
        Self(checks.into_iter().collect())
    }

    /// The ids of the checks that open one thing.
    #[must_use]
    pub fn of(&self, opens: Opens) -> Vec<String> {
        self.0.iter().filter(|(_, one)| *one == opens).map(|(check, _)| check.clone()).collect()
    }

    /// All of them as two lists: the checks, and what each opens.
    #[must_use]
    pub fn lists(&self) -> (Vec<String>, Vec<&'static str>) {
        self.0.iter().map(|(check, opens)| (check.clone(), opens.as_str())).unzip()
    }
}

/// From which CVSS score on a flaw that is likely to be used is taken to give its resource away, in tenths. One that is
/// exploited always does.
pub const TAKEOVER_CVSS: i32 = 70;

/// What a path leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Goal {
    /// Secrets or credentials.
    Secrets,
    /// A machine of the control plane.
    Machine,
    /// Data that is meant for others.
    Data,
    /// An identity that administers the cluster or the account.
    Admin,
}

impl Goal {
    /// Worst first.
    pub const ALL: [Self; 4] = [Self::Admin, Self::Data, Self::Machine, Self::Secrets];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Secrets => "secrets",
            Self::Machine => "machine",
            Self::Data => "data",
            Self::Admin => "admin",
        }
    }

    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.as_str() == word)
    }

    /// What somebody has at the end, in words.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Secrets => "secrets or credentials",
            Self::Machine => "a machine of the control plane",
            Self::Data => "data",
            Self::Admin => "an administrator",
        }
    }

    fn tenths(self) -> i64 {
        match self {
            Self::Secrets => 12,
            Self::Machine => 16,
            Self::Data | Self::Admin => 20,
        }
    }
}

/// The longest path that is told apart by its length; a longer one ranks like it.
pub const LONGEST: i32 = 8;

/// The risk of a path, 1 to 100: by how likely its foothold is to be taken, what it leads to, how critical the more critical
/// one of its two ends is, and how many steps lie between them. Each step takes a tenth, for each may fail or be noticed.
#[must_use]
pub fn path_risk(likelihood: Likelihood, goal: Goal, criticality: Criticality, steps: i32) -> i16 {
    let most = i128::from(Likelihood::Exploited.tenths() * Goal::Admin.tenths() * Criticality::High.tenths());
    let product = i128::from(likelihood.tenths() * goal.tenths() * criticality.tenths());
    let mut share = product * 10_000 / most;
    for _ in 0..steps.clamp(0, LONGEST) {
        share = share * 9 / 10;
    }
    i16::try_from(share.isqrt()).unwrap_or(100).clamp(1, 100)
}

/// All risks of paths as columns, so that the database ranks by the same table: likelihood, goal, criticality, steps, risk.
#[must_use]
pub fn risk_table() -> RiskTable {
    let mut table = RiskTable::default();
    for likelihood in Likelihood::ALL {
        for goal in Goal::ALL {
            for criticality in Criticality::ALL {
                for steps in 0..=LONGEST {
                    table.likelihoods.push(likelihood.as_str());
                    table.goals.push(goal.as_str());
                    table.criticalities.push(criticality.as_str());
                    table.steps.push(steps);
                    table.risks.push(path_risk(likelihood, goal, criticality, steps));
                }
            }
        }
    }
    table
}

/// See [`risk_table`]; all columns have the same length.
#[derive(Debug, Clone, Default)]
pub struct RiskTable {
    pub likelihoods: Vec<&'static str>,
    pub goals: Vec<&'static str>,
    pub criticalities: Vec<&'static str>,
    pub steps: Vec<i32>,
    pub risks: Vec<i16>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn more_steps_are_never_riskier(l in 0usize..5, g in 0usize..4, c in 0usize..3, one in 0i32..20, other in 0i32..20) {
            let of = |steps| path_risk(Likelihood::ALL[l], Goal::ALL[g], Criticality::ALL[c], steps);
            prop_assert!(of(one.max(other)) <= of(one.min(other)));
            prop_assert!((1..=100).contains(&of(one)));
        }

        #[test]
        fn a_worse_end_is_never_less_risky(
            l in (0usize..5, 0usize..5), g in (0usize..4, 0usize..4), c in (0usize..3, 0usize..3), steps in 0i32..10,
        ) {
            let (likely, goals, criticalities) = (Likelihood::ALL, Goal::ALL, Criticality::ALL);
            let worse = path_risk(
                likely[l.0].max(likely[l.1]), goals[g.0].max(goals[g.1]), criticalities[c.0].max(criticalities[c.1]), steps,
            );
            prop_assert!(worse >= path_risk(likely[l.0], goals[g.0], criticalities[c.0], steps));
        }
    }

    #[test]
    fn what_is_exploited_and_ends_at_an_administrator_in_production_comes_first() {
        assert_eq!(path_risk(Likelihood::Exploited, Goal::Admin, Criticality::High, 0), 100);
        let of = |likelihood, goal, criticality| path_risk(likelihood, goal, criticality, 3);
        let normal = of(Likelihood::Likely, Goal::Secrets, Criticality::Normal);
        assert!(of(Likelihood::Exploited, Goal::Secrets, Criticality::Normal) > normal);
        assert!(of(Likelihood::Likely, Goal::Data, Criticality::Normal) > normal);
        assert!(of(Likelihood::Likely, Goal::Secrets, Criticality::Low) < normal);
    }

    #[test]
    fn every_word_is_read_back() {
        assert!(Opens::ALL.into_iter().all(|one| Opens::parse(one.as_str()) == Some(one)));
        assert!(Goal::ALL.into_iter().all(|one| Goal::parse(one.as_str()) == Some(one)));
    }
}
