//! Why a finding ranks where it does: each factor of its risk in words, with the number by which it multiplies.

use crate::words;
use plumbline_core::risk::{Blast, Criticality, Cvss, Exposure, Guard, Guards, Likelihood, Risk, impact_tenths};
use plumbline_core::verdict::Severity;
use plumbline_store::finding::FindingDetail;
use plumbline_store::path::Around;
use uuid::Uuid;

/// One factor, as one line.
pub(super) struct Factor {
    pub(super) name: &'static str,
    pub(super) value: String,
    /// How it enters the product.
    pub(super) number: String,
    pub(super) words: &'static str,
    /// Through which resource it comes about: where the path is drawn, and what the resource is called.
    pub(super) through: Option<(String, String)>,
}

/// All factors, and what they come to. Empty where a level is none that this version knows.
pub(super) fn factors(found: &FindingDetail, around: &Around) -> Vec<Factor> {
    let Some(risk) = risk(found, around) else { return Vec::new() };
    let mut factors = vec![
        impact(risk),
        Factor {
            name: "Likelihood",
            value: words::capital(risk.likelihood.as_str()),
            number: times(risk.likelihood.tenths()),
            words: risk.likelihood.words(),
            through: None,
        },
        exposure(risk, found, around),
        Factor {
            name: "Blast radius",
            value: words::capital(risk.blast.as_str()),
            number: times(risk.blast.tenths()),
            words: risk.blast.words(),
            through: through(found.resource_id, around.blast_through, around.blast_name.as_deref()),
        },
        criticality(risk),
    ];
    factors.extend(risk.guards.iter().map(guard));
    factors.push(Factor {
        name: "Loss",
        value: "From the score".to_owned(),
        number: points(risk.loss()),
        words: "Severity, exposure and criticality alone, so that a score can be explained by them",
        through: None,
    });
    factors.push(Factor {
        name: "Risk",
        value: format!("{} of 100", found.risk),
        number: format!("= {}", found.risk),
        words: "The square root of the product, in hundredths of that of the worst there can be",
        through: None,
    });
    factors
}

fn risk(found: &FindingDetail, around: &Around) -> Option<Risk> {
    let cvss = found.observed.get("flaw").and_then(|_| found.observed.get("cvss")?.as_f64()).and_then(Cvss::of);
    Some(Risk {
        severity: Severity::parse(&found.severity)?,
        cvss,
        likelihood: Likelihood::parse(&around.likelihood)?,
        exposure: Exposure::parse(&found.exposure)?,
        blast: Blast::parse(&around.blast)?,
        criticality: Criticality::parse(&found.criticality)?,
        guards: Guards::parse(around.guards.iter().map(String::as_str)),
    })
}

fn impact(risk: Risk) -> Factor {
    let score = risk.cvss.map(|Cvss(tenths)| format!(", CVSS {}.{}", tenths / 10, tenths % 10)).unwrap_or_default();
    let tenths = impact_tenths(risk.severity, risk.cvss);
    Factor {
        name: "Severity",
        value: format!("{}{score}", words::capital(risk.severity.as_str())),
        number: format!("{}.{}", tenths / 10, tenths % 10),
        words: match risk.cvss {
            Some(_) => "How bad this flaw is by itself: its score within its severity",
            None => "How bad this failure is by itself",
        },
        through: None,
    }
}

fn exposure(risk: Risk, found: &FindingDetail, around: &Around) -> Factor {
    Factor {
        name: "Exposure",
        value: words::capital(risk.exposure.as_str()),
        number: times(risk.exposure.tenths()),
        words: match risk.exposure {
            Exposure::Internet => "Anyone on the internet can reach the resource",
            Exposure::Private => "Reachable within a network, or not known better",
            Exposure::None => "Nothing outside the account reaches the resource",
        },
        through: through(found.resource_id, around.reached_through, around.reached_name.as_deref()),
    }
}

fn criticality(risk: Risk) -> Factor {
    Factor {
        name: "Criticality",
        value: words::capital(risk.criticality.as_str()),
        number: times(risk.criticality.tenths()),
        words: match risk.criticality {
            Criticality::High => "Its tags or your rules say production",
            Criticality::Normal => "Nothing says how much depends on it",
            Criticality::Low => "Its tags or your rules say development, test or sandbox",
        },
        through: None,
    }
}

fn guard(guard: Guard) -> Factor {
    Factor {
        name: "In the way",
        value: match guard {
            Guard::NotRunning => "Not running",
            Guard::Isolated => "Isolated",
            Guard::NonRoot => "Not root",
            Guard::ReadOnly => "Read-only",
        }
        .to_owned(),
        number: times(guard.tenths()),
        words: guard.words(),
        through: None,
    }
}

/// The stack of the resource, which draws what lies between.
fn through(resource: Uuid, through: Option<Uuid>, name: Option<&str>) -> Option<(String, String)> {
    through?;
    Some((format!("/resources/{resource}/stack"), name.unwrap_or("another resource").to_owned()))
}

/// A factor in tenths.
fn times(tenths: i64) -> String {
    format!("× {}.{}", tenths / 10, tenths % 10)
}

/// A loss in hundredths of a severity point.
fn points(loss: i64) -> String {
    format!("{}.{:02}", loss / 100, loss % 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn factors_are_written_as_they_multiply() {
        assert_eq!(times(7), "× 0.7");
        assert_eq!(points(7500), "75.00");
    }
}
