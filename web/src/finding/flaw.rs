//! A finding that is a flaw of an image: the packages that bring it, and what makes it pressing.

use crate::flaw::{Package, href};
use crate::flaws::percent;
use serde_json::Value;

/// Packages that are shown.
const MOST: usize = 200;

/// What the page shows of the flaw.
pub(super) struct FlawPart {
    pub(super) href: String,
    pub(super) packages: Vec<Package>,
    /// How many packages are not shown.
    pub(super) hidden: usize,
    /// Why it is pressing, or not: a name and a sentence each.
    pub(super) reasons: Vec<(&'static str, String)>,
}

impl FlawPart {
    /// None for a finding whose subject is no flaw.
    pub(super) fn of(subject: &str, observed: &Value) -> Option<Self> {
        observed.get("flaw")?.as_str().filter(|flaw| !flaw.is_empty() && *flaw == subject)?;
        let packages = observed.get("packages").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        Some(Self {
            href: href(subject),
            packages: packages.iter().take(MOST).map(package).collect(),
            hidden: packages.len().saturating_sub(MOST),
            reasons: reasons(observed),
        })
    }
}

fn package(observed: &Value) -> Package {
    let text = |name: &str| observed.get(name).and_then(Value::as_str).map(str::to_owned);
    let layer = observed.get("layer").and_then(Value::as_i64).and_then(|layer| i32::try_from(layer).ok());
    Package {
        name: text("name").unwrap_or_default(),
        version: text("version").unwrap_or_default(),
        fixed_in: text("fixed_in"),
        layer: layer.unwrap_or(0).saturating_add(1),
        path: text("path").unwrap_or_default(),
    }
}

fn reasons(observed: &Value) -> Vec<(&'static str, String)> {
    let is = |name: &str| observed.get(name).and_then(Value::as_bool);
    let mut reasons = Vec::new();
    reasons.push(match (is("exploited"), is("ransomware")) {
        (Some(true), Some(true)) => ("Exploited", "Attackers use it, ransomware among them.".to_owned()),
        (Some(true), _) => ("Exploited", "Attackers use it: it is listed as exploited.".to_owned()),
        _ => ("Exploited", "It is not listed as exploited.".to_owned()),
    });
    reasons.push(match observed.get("epss").and_then(Value::as_f64) {
        #[expect(clippy::cast_possible_truncation, reason = "a probability is shown with one decimal")]
        Some(chance) => ("EPSS", format!("{} likely to be used within thirty days.", percent(chance as f32))),
        None => ("EPSS", "There is no forecast of it.".to_owned()),
    });
    reasons.push(match (observed.get("cvss").and_then(Value::as_f64), is("rated")) {
        (Some(score), _) => ("CVSS", format!("{score:.1} of 10.")),
        (None, Some(false)) => ("CVSS", "No advisory rates it; its severity is assumed.".to_owned()),
        (None, _) => ("CVSS", "Its advisories give a severity and no score.".to_owned()),
    });
    if let Some(base) = observed.get("from_base").and_then(Value::as_str) {
        reasons.push(("Base", format!("It came with the base image {base}.")));
    }
    reasons
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_flaw_says_which_packages_bring_it_and_why_it_presses() {
        let observed = json!({
            "flaw": "CVE-2026-0001", "cvss": 9.8, "rated": true, "exploited": true, "ransomware": false, "epss": 0.97,
            "from_base": "registry.example.com/base/debian:12",
            "packages": [{ "type": "deb", "name": "openssl", "version": "3.0.1", "fixed_in": null, "path": "p", "layer": 0 }],
        });
        let part = FlawPart::of("CVE-2026-0001", &observed).expect("a flaw");
        assert_eq!((part.packages[0].name.as_str(), part.packages[0].layer), ("openssl", 1));
        assert!(part.packages[0].fixed_in.is_none());
        let told: Vec<&str> = part.reasons.iter().map(|(_, words)| words.as_str()).collect();
        assert_eq!(
            told,
            [
                "Attackers use it: it is listed as exploited.",
                "97.0 % likely to be used within thirty days.",
                "9.8 of 10.",
                "It came with the base image registry.example.com/base/debian:12.",
            ]
        );
    }

    #[test]
    fn what_is_no_flaw_has_no_such_part() {
        assert!(FlawPart::of("", &json!({ "flaw": "" })).is_none());
        assert!(FlawPart::of("usr/bin/su", &json!({ "path": "usr/bin/su" })).is_none());
    }
}
