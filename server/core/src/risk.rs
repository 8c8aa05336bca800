//! How much one open finding weighs, in two numbers.
//!
//! The *loss* is what it takes from the score: severity × exposure × criticality, so that a score can be explained by three
//! factors and its sums are exact in any order. The *risk* is what findings are ranked by: all factors, those of the loss
//! and [`Likelihood`], [`Blast`] and [`Guards`] beside them. Whole numbers throughout. This file, `risk/context.rs` and
//! `risk/order.rs`, by which fixes are ordered, are the table of weights; `docs/RISK.md` prints it.

mod context;
pub mod order;

pub use context::{Blast, Guard, Guards, Likelihood};

use crate::verdict::Severity;
use serde::{Deserialize, Serialize};

/// The version of the weights of the risk and of the order of fixes. It is part of the content's version: whoever changes a weight raises it, and
/// everything is weighed anew at the next run of each source.
pub const WEIGHTS_VERSION: u32 = 2;

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

/// Tenths of a severity point for the risk: of a flaw that has a CVSS score, by where that lies within its severity. The
/// ranges of two severities do not meet, so that a score never outweighs a severity.
#[must_use]
pub fn impact_tenths(severity: Severity, cvss: Option<Cvss>) -> i64 {
    // Scores in tenths and points in tenths, each from the least to the most of the severity.
    let (scores, points) = match severity {
        Severity::Low => ((0, 39), (5, 20)),
        Severity::Medium => ((40, 69), (30, 60)),
        Severity::High => ((70, 89), (80, 150)),
        Severity::Critical => ((90, 100), (200, 300)),
    };
    let Some(Cvss(score)) = cvss else { return severity_points(severity) * 10 };
    let above = i64::from(score).clamp(scores.0, scores.1) - scores.0;
    points.0 + above * (points.1 - points.0) / (scores.1 - scores.0)
}

/// A CVSS base score in tenths, 0 to 100.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Cvss(pub u8);

impl Cvss {
    /// Reads a score with one decimal; none where it is no score.
    #[must_use]
    pub fn of(score: f64) -> Option<Self> {
        let tenths = (score * 10.0).round();
        if !(0.0..=100.0).contains(&tenths) {
            return None;
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it lies between 0 and 100")]
        let tenths = tenths as u8;
        Some(Self(tenths))
    }
}

/// The factors of one finding's risk, each kept so that it can be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Risk {
    pub severity: Severity,
    /// Of a flaw that has one.
    pub cvss: Option<Cvss>,
    pub likelihood: Likelihood,
    pub exposure: Exposure,
    pub blast: Blast,
    pub criticality: Criticality,
    pub guards: Guards,
}

/// The greatest product of all factors: a CVSS of 10.0 that is exploited, on the internet, in production, with an
/// administrator behind it and nothing in the way.
const MOST: i64 = 300 * 25 * 20 * 20 * 15;

impl Risk {
    /// A risk of which nothing more is known: possible, with nothing behind it and nothing in the way.
    #[must_use]
    pub fn of(severity: Severity, exposure: Exposure, criticality: Criticality) -> Self {
        Self {
            severity,
            cvss: None,
            likelihood: Likelihood::Possible,
            exposure,
            blast: Blast::None,
            criticality,
            guards: Guards::NONE,
        }
    }

    /// Hundredths of a severity point: severity × exposure × criticality. From 35 (low, unexposed, development: 0.35
    /// points) to 7,500.
    #[must_use]
    pub fn loss(self) -> i64 {
        severity_points(self.severity) * self.exposure.tenths() * self.criticality.tenths()
    }

    /// The number that is shown to people and ranked by, 1 to 100: the square root of the product of all factors, in
    /// hundredths of that of the worst case. The root keeps the order and tells the many small ones apart.
    #[must_use]
    pub fn shown(self) -> i16 {
        let product = impact_tenths(self.severity, self.cvss)
            * self.likelihood.tenths()
            * self.exposure.tenths()
            * self.blast.tenths()
            * self.criticality.tenths();
        let share = i128::from(product) * i128::from(self.guards.ten_thousandths()) / i128::from(MOST);
        i16::try_from(share.isqrt()).unwrap_or(100).clamp(1, 100)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn risks() -> impl Strategy<Value = Risk> {
        let places = (0usize..4, 0usize..5, 0usize..3, 0usize..4, 0usize..3);
        (places, proptest::option::of(0u8..=100), 0usize..16).prop_map(|((s, l, e, b, c), cvss, guards)| Risk {
            severity: Severity::ALL[s],
            cvss: cvss.map(Cvss),
            likelihood: Likelihood::ALL[l],
            exposure: Exposure::ALL[e],
            blast: Blast::ALL[b],
            criticality: Criticality::ALL[c],
            guards: Guard::ALL
                .into_iter()
                .enumerate()
                .filter(|(at, _)| guards & (1 << at) != 0)
                .map(|(_, g)| g)
                .collect(),
        })
    }

    proptest! {
        #[test]
        fn a_risk_lies_between_one_and_one_hundred(risk in risks()) {
            prop_assert!((1..=100).contains(&risk.shown()));
        }

        #[test]
        fn a_worse_factor_never_makes_a_risk_less(risk in risks(), other in risks()) {
            let worse = Risk {
                severity: risk.severity.max(other.severity),
                cvss: None,
                likelihood: risk.likelihood.max(other.likelihood),
                exposure: risk.exposure.max(other.exposure),
                blast: risk.blast.max(other.blast),
                criticality: risk.criticality.max(other.criticality),
                guards: risk.guards.both(other.guards),
            };
            let bare = Risk { cvss: None, ..risk };
            prop_assert!(worse.shown() >= bare.shown());
            prop_assert!(worse.loss() >= risk.loss());
        }

        #[test]
        fn a_greater_score_within_a_severity_never_makes_a_risk_less(risk in risks(), one in 0u8..=100, other in 0u8..=100) {
            let of = |score: u8| Risk { cvss: Some(Cvss(score)), ..risk }.shown();
            prop_assert!(of(one.max(other)) >= of(one.min(other)));
        }

        #[test]
        fn no_score_outweighs_a_severity(one in 0u8..=100, other in 0u8..=100) {
            for (worse, lesser) in Severity::ALL.into_iter().zip(Severity::ALL.into_iter().skip(1)) {
                prop_assert!(impact_tenths(worse, Some(Cvss(one))) > impact_tenths(lesser, Some(Cvss(other))));
            }
        }

        #[test]
        fn a_guard_never_makes_a_risk_more(risk in risks(), other in risks()) {
            let both: Guards = risk.guards.iter().chain(other.guards.iter()).collect();
            let guarded = Risk { guards: both, ..risk };
            prop_assert!(guarded.shown() <= risk.shown());
        }
    }

    #[test]
    fn production_wins_over_any_other_tag() {
        let tags = [("env", "dev"), ("Environment", "Production")];
        assert_eq!(Criticality::from_tags(tags), Criticality::High);
    }

    #[test]
    fn the_worst_case_is_one_hundred() {
        let bare = Risk::of(Severity::Critical, Exposure::Internet, Criticality::High);
        let worst = Risk { cvss: Some(Cvss(100)), likelihood: Likelihood::Exploited, blast: Blast::Admin, ..bare };
        assert_eq!(worst.shown(), 100);
        assert_eq!((bare.shown(), bare.loss()), (40, 7500));
    }

    #[test]
    fn a_score_is_read_with_one_decimal() {
        assert_eq!(Cvss::of(9.8), Some(Cvss(98)));
        assert_eq!((Cvss::of(-1.0), Cvss::of(f64::NAN), Cvss::of(11.0)), (None, None, None));
    }
}
