//! The risk of a failure: what its check says, what its flaw is known for, and what stands around its resource.

use plumbline_core::path::Opens;
use plumbline_core::risk::{Cvss, Likelihood, Risk};
use plumbline_policy::Check;
use plumbline_store::subject::StoredResource;
use serde_json::Value;

/// The risk of a failure of `check` on a resource. `subject` is what the failure tells of, where there is one.
pub(crate) fn weigh(check: &Check, row: &StoredResource, subject: &str, observed: &Value) -> Risk {
    let likelihood = match flaw(subject, observed) {
        Some(flaw) => of_flaw(flaw),
        None => check.opens.map_or(Likelihood::Possible, Opens::likelihood),
    };
    let cvss = flaw(subject, observed).and_then(|flaw| flaw.get("cvss")?.as_f64()).and_then(Cvss::of);
    Risk {
        cvss,
        likelihood,
        blast: row.blast(),
        guards: row.guards(),
        ..Risk::of(check.severity, row.exposure(), row.criticality())
    }
}

/// What is observed, where it is a flaw.
fn flaw<'a>(subject: &str, observed: &'a Value) -> Option<&'a Value> {
    let named = observed.get("flaw")?.as_str()?;
    (!named.is_empty() && named == subject).then_some(observed)
}

fn of_flaw(flaw: &Value) -> Likelihood {
    let exploited = flaw.get("exploited").and_then(Value::as_bool) == Some(true);
    Likelihood::of_flaw(exploited, flaw.get("epss").and_then(Value::as_f64))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_flaw_is_weighed_by_what_is_known_of_it_and_nothing_else_is() {
        let observed = json!({ "flaw": "CVE-2026-0001", "exploited": false, "epss": 0.4, "cvss": 9.8 });
        assert_eq!(flaw("CVE-2026-0001", &observed).map(of_flaw), Some(Likelihood::Likely));
        assert!(flaw("", &json!({ "flaw": "" })).is_none());
        assert!(flaw("usr/bin/su", &observed).is_none());
        assert_eq!(of_flaw(&json!({ "exploited": true })), Likelihood::Exploited);
    }
}
