//! How much one open finding weighs: severity × exposure × criticality, whole numbers throughout, so that sums of
//! losses are exact in any order.

use crate::verdict::Severity;
use serde::{Deserialize, Serialize};

/// How reachable a resource is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Exposure {
    /// Nothing outside the account reaches it.
    None,
    /// Reachable within a network, or not known better.
    Private,
    /// Reachable by anyone.
    Internet,
}

impl Exposure {
    pub const ALL: [Self; 3] = [Self::Internet, Self::Private, Self::None];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Private => "private",
            Self::Internet => "internet",
        }
    }

    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|e| e.as_str() == word)
    }

    /// Tenths: a resource on the internet weighs twice one in a private network.
    #[must_use]
    pub fn tenths(self) -> i64 {
        match self {
            Self::None => 7,
            Self::Private => 10,
            Self::Internet => 20,
        }
    }
}

/// How much the business depends on a resource; from its tags.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Criticality {
    /// Development, test, sandbox.
    Low,
    Normal,
    /// Production.
    High,
}

impl Criticality {
    pub const ALL: [Self; 3] = [Self::High, Self::Normal, Self::Low];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Normal => "normal",
            Self::High => "high",
        }
    }

    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|c| c.as_str() == word)
    }

    #[must_use]
    pub fn tenths(self) -> i64 {
        match self {
            Self::Low => 5,
            Self::Normal => 10,
            Self::High => 15,
        }
    }

    /// Reads the usual environment tags; without one the criticality is normal.
    pub fn from_tags<'a>(tags: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        const KEYS: [&str; 4] = ["environment", "env", "stage", "criticality"];
        let mut found = Self::Normal;
        for (key, value) in tags {
            if !KEYS.contains(&key.to_ascii_lowercase().as_str()) {
                continue;
            }
            match value.to_ascii_lowercase().as_str() {
                "production" | "prod" | "prd" | "live" | "high" | "critical" => return Self::High,
                "development" | "dev" | "test" | "testing" | "sandbox" | "qa" | "low" => found = Self::Low,
                _ => {}
            }
        }
        found
    }
}

/// Points of a severity, before the factors.
#[must_use]
pub fn severity_points(severity: Severity) -> i64 {
    match severity {
        Severity::Low => 1,
        Severity::Medium => 4,
        Severity::High => 10,
        Severity::Critical => 25,
    }
}

/// The factors of one finding's risk, each kept so that it can be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Risk {
    pub severity: Severity,
    pub exposure: Exposure,
    pub criticality: Criticality,
}

impl Risk {
    /// Hundredths of a severity point: severity × exposure × criticality. 3.5 (low, unexposed, development) to 7,500…
    #[must_use]
    pub fn loss(self) -> i64 {
        severity_points(self.severity) * self.exposure.tenths() * self.criticality.tenths()
    }

    /// The number shown to people, 0 to 100; the order is that of the loss.
    #[must_use]
    pub fn shown(self) -> i64 {
        let most = severity_points(Severity::Critical) * Exposure::Internet.tenths() * Criticality::High.tenths();
        (self.loss() * 100 / most).max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn production_wins_over_any_other_tag() {
        let tags = [("env", "dev"), ("Environment", "Production")];
        assert_eq!(Criticality::from_tags(tags), Criticality::High);
    }

    #[test]
    fn the_worst_case_is_one_hundred() {
        let worst = Risk { severity: Severity::Critical, exposure: Exposure::Internet, criticality: Criticality::High };
        assert_eq!(worst.shown(), 100);
    }
}
