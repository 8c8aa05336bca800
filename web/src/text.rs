//! Numbers and times as people read them.

use chrono::{DateTime, Utc};
use std::time::Duration;

/// "24 Nov 2026, 15:04 UTC".
#[must_use]
pub fn when(at: DateTime<Utc>) -> String {
    at.format("%-d %b %Y, %H:%M UTC").to_string()
}

/// "24 Nov 2026".
#[must_use]
pub fn day(at: DateTime<Utc>) -> String {
    at.format("%-d %b %Y").to_string()
}

/// For `<time datetime>`: "2026-11-24T15:04:05Z".
#[must_use]
pub fn machine(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// "just now", "5 minutes ago", "3 days ago"; the date once it is over a month.
#[must_use]
pub fn ago(at: DateTime<Utc>, now: DateTime<Utc>) -> String {
    let seconds = (now - at).num_seconds();
    let (count, unit) = match seconds {
        ..60 => return "just now".to_owned(),
        60..3_600 => (seconds / 60, "minute"),
        3_600..86_400 => (seconds / 3_600, "hour"),
        86_400..2_678_400 => (seconds / 86_400, "day"),
        _ => return day(at),
    };
    format!("{} ago", plural(count, unit))
}

/// "1 day", "2 days".
#[must_use]
pub fn plural(count: i64, unit: &str) -> String {
    if count == 1 { format!("1 {unit}") } else { format!("{} {unit}s", number(count)) }
}

/// "12,345".
#[must_use]
pub fn number(number: i64) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut grouped = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    if number < 0 { format!("−{grouped}") } else { grouped }
}

/// A wait, rounded up: "20 seconds", "3 minutes".
#[must_use]
pub fn span(wait: Duration) -> String {
    let seconds = i64::try_from(wait.as_secs()).unwrap_or(i64::MAX - 1) + 1;
    if seconds <= 90 { plural(seconds, "second") } else { plural((seconds + 59) / 60, "minute") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::TimeDelta;

    #[test]
    fn numbers_are_grouped_by_thousands() {
        assert_eq!([0, 999, 1000, -1_234_567].map(number), ["0", "999", "1,000", "−1,234,567"]);
    }

    #[test]
    fn the_recent_past_is_told_in_its_largest_unit() {
        let now = DateTime::UNIX_EPOCH + TimeDelta::days(400);
        let told = [5, 60, 7_200, 86_400 * 3].map(|seconds| ago(now - TimeDelta::seconds(seconds), now));
        assert_eq!(told, ["just now", "1 minute ago", "2 hours ago", "3 days ago"]);
        assert_eq!(ago(DateTime::UNIX_EPOCH, now), "1 Jan 1970");
    }
}
