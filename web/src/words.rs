//! Numbers, instants and words of the domain, as people read them.

use chrono::{DateTime, TimeDelta, Utc};
use plumbline_core::kind::Kinds;
use plumbline_core::layer::Layer;
use plumbline_policy::Catalogue;

/// How long ago something was, in its largest unit: "3 minutes ago".
#[must_use]
pub(crate) fn ago(now: DateTime<Utc>, then: DateTime<Utc>) -> String {
    let past = now - then;
    if past < TimeDelta::seconds(45) {
        return "just now".to_owned();
    }
    format!("{} ago", span(past))
}

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
    counted(count, unit)
}

/// A number with its noun: "1 finding", "12 findings".
#[must_use]
pub(crate) fn counted(count: i64, noun: &str) -> String {
    let plural = match (count, noun) {
        (1, _) => noun.to_owned(),
        (_, noun) if noun.ends_with("fix") => format!("{noun}es"),
        (_, noun) if noun.ends_with('y') => format!("{}ies", &noun[..noun.len() - 1]),
        (_, noun) => format!("{noun}s"),
    };
    format!("{} {plural}", grouped(count))
}

/// A whole number with its thousands set apart: "12,345".
#[must_use]
pub(crate) fn grouped(number: i64) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3 + 1);
    if number < 0 {
        out.push('−');
    }
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
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

/// An instant as tables and titles show it.
#[must_use]
pub(crate) fn instant(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%d %H:%M UTC").to_string()
}

/// A day.
#[must_use]
pub(crate) fn day(at: DateTime<Utc>) -> String {
    at.format("%-d %b %Y").to_string()
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
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        assert_eq!(counted(1, "finding"), "1 finding");
        assert_eq!(counted(2, "fix"), "2 fixes");
        assert_eq!(counted(0, "policy"), "0 policies");
        assert_eq!(grouped(1_234_567), "1,234,567");
        assert_eq!(grouped(-100), "−100");
    }

    #[test]
    fn a_small_change_is_told_from_none() {
        assert_eq!(points(0.0), "±0");
        assert_eq!(points(-0.0004), "−0.0004");
        assert_eq!(points(2.14), "+2.1");
    }

    #[test]
    fn a_length_of_time_is_in_its_largest_unit() {
        assert_eq!(span(TimeDelta::seconds(59)), "59 seconds");
        assert_eq!(span(TimeDelta::hours(30)), "30 hours");
        assert_eq!(span(TimeDelta::days(3)), "3 days");
    }
}
