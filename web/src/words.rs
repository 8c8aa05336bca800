//! Words of the domain, as people read them.

use crate::text;
use chrono::TimeDelta;
use plumbline_core::kind::Kinds;
use plumbline_core::layer::Layer;
use plumbline_policy::Catalogue;
use std::borrow::Cow;
use url::form_urlencoded;

/// A length of time in its largest unit.
#[must_use]
pub(crate) fn span(length: TimeDelta) -> String {
    let seconds = length.num_seconds().max(0);
    let (count, unit) = match seconds {
        0..60 => (seconds, "second"),
        60..3600 => (seconds / 60, "minute"),
        3600..172_800 => (seconds / 3600, "hour"),
        172_800..5_184_000 => (seconds / 86_400, "day"),
        _ => (seconds / 2_592_000, "month"),
    };
    text::plural(count, unit)
}

/// A change of the score with its sign; small ones keep enough digits to be told from nothing.
#[must_use]
pub(crate) fn points(delta: f64) -> String {
    let sign = if delta < 0.0 { "−" } else { "+" };
    let size = delta.abs();
    match size {
        _ if size < 0.000_05 => "±0".to_owned(),
        _ if size < 0.005 => format!("{sign}{size:.4}"),
        _ if size < 0.1 => format!("{sign}{size:.2}"),
        _ => format!("{sign}{size:.1}"),
    }
}

/// What a kind of resource is called; the word itself when the catalogue does not know it.
#[must_use]
pub(crate) fn kind(word: &str) -> &str {
    Kinds::builtin().get(word).map_or(word, |kind| kind.title.as_str())
}

/// What a check is called; its id when the catalogue no longer has it.
#[must_use]
pub(crate) fn check<'a>(catalogue: &'a Catalogue, id: &'a str) -> &'a str {
    catalogue.check(id).map_or(id, |check| check.title.as_str())
}

/// A layer in one word, as labels show it.
#[must_use]
pub(crate) fn layer(layer: Layer) -> &'static str {
    match layer {
        Layer::Images => "Images",
        Layer::Hosts => "Hosts",
        Layer::Activity => "Activity",
        Layer::Orchestration => "Orchestration",
        Layer::Cloud => "Cloud",
        Layer::Delivery => "Delivery",
    }
}

/// A provider's word, as people write it.
#[must_use]
pub(crate) fn provider(word: &str) -> &str {
    match word {
        "aws" => "AWS",
        "azure" => "Azure",
        "kubernetes" => "Kubernetes",
        "registry" => "Registry",
        "docker" => "Docker engine",
        "host" => "Container host",
        "sbom" => "Bills of materials",
        other => other,
    }
}

/// Which of several things a finding tells of, as a line of a list shows it: of a hash its beginning.
#[must_use]
pub(crate) fn subject(subject: &str) -> String {
    let is_hash = subject.len() >= 32 && subject.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_hash { subject.chars().take(12).chain(['…']).collect() } else { subject.to_owned() }
}

/// A word that begins a line.
#[must_use]
pub(crate) fn capital(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// What an address says after its question mark: trimmed, and without what is empty or no text of ours.
pub(crate) fn query(address: &str) -> impl Iterator<Item = (Cow<'_, str>, String)> {
    let text = address.split_once('?').map_or("", |(_, query)| query);
    form_urlencoded::parse(text.as_bytes())
        .map(|(key, value)| (key, value.trim().to_owned()))
        .filter(|(_, value)| !value.is_empty() && value.len() <= 1000 && !value.contains('\0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_change_is_told_from_none() {
        assert_eq!(points(0.0), "±0");
        assert_eq!(points(-0.0004), "−0.0004");
        assert_eq!(points(2.14), "+2.1");
    }

    #[test]
    fn a_hash_is_told_by_its_beginning() {
        assert_eq!(subject(&"ab".repeat(32)), "abababababab…");
        assert_eq!(subject("CVE-2026-0001"), "CVE-2026-0001");
    }

    #[test]
    fn a_length_of_time_is_in_its_largest_unit() {
        assert_eq!(span(TimeDelta::seconds(59)), "59 seconds");
        assert_eq!(span(TimeDelta::hours(30)), "30 hours");
        assert_eq!(span(TimeDelta::days(3)), "3 days");
    }
}
