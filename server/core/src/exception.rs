//! Exceptions: what leaves the net score for a time, and stays in the gross one.

use crate::filter::{self, Asks, Field};
use crate::id::{FindingId, FixId, ResourceId};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The longest that an exception may last.
pub const MOST_DAYS: i64 = 365;
/// The shortest and the longest reason, in characters.
pub const REASON: std::ops::RangeInclusive<usize> = 10..=2000;

/// Why a finding need not be fixed now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExceptionKind {
    /// It is so, and the risk is taken.
    AcceptedRisk,
    /// It is not so, or does not matter here. Stays in the gross score like the other, so that nothing is gamed by it.
    FalsePositive,
}

impl ExceptionKind {
    pub const ALL: [Self; 2] = [Self::AcceptedRisk, Self::FalsePositive];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AcceptedRisk => "accepted_risk",
            Self::FalsePositive => "false_positive",
        }
    }

    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::AcceptedRisk => "Accepted risk",
            Self::FalsePositive => "False positive",
        }
    }

    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }
}

/// Where an exception stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ExceptionState {
    Asked,
    InForce,
    Refused,
    Withdrawn,
    Ended,
}

impl ExceptionState {
    pub const ALL: [Self; 5] = [Self::Asked, Self::InForce, Self::Refused, Self::Withdrawn, Self::Ended];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Asked => "asked",
            Self::InForce => "in_force",
            Self::Refused => "refused",
            Self::Withdrawn => "withdrawn",
            Self::Ended => "ended",
        }
    }

    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::Asked => "Waiting for approval",
            Self::InForce => "In force",
            Self::Refused => "Refused",
            Self::Withdrawn => "Withdrawn",
            Self::Ended => "Ended",
        }
    }

    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == word)
    }
}

/// What an exception covers: now, and whatever opens later while it is in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    Finding(FindingId),
    Resource(ResourceId),
    Fix(FixId),
    /// What this line of the list's words leaves, of those that [`filter::lasting`] takes. A line that is not understood any
    /// more covers nothing.
    Filter(String),
}

impl Scope {
    /// The ids by which it names something: a finding, a resource, a fix, or sources.
    #[must_use]
    pub fn ids(&self) -> Vec<Uuid> {
        match self {
            Self::Finding(id) => vec![id.0],
            Self::Resource(id) => vec![id.0],
            Self::Fix(id) => vec![id.0],
            Self::Filter(line) => {
                let words = filter::parse(line).map(|filter| filter.words).unwrap_or_default();
                let values = words.iter().filter_map(|word| match &word.asks {
                    Asks::Value(Field::Source, _, values) => Some(values),
                    _ => None,
                });
                values.flatten().filter_map(|value| value.parse().ok()).collect()
            }
        }
    }
}

/// The media type of an attachment by its first bytes; none when it is none that is taken.
#[must_use]
pub fn media_type(content: &[u8]) -> Option<&'static str> {
    match content {
        [b'%', b'P', b'D', b'F', b'-', ..] => Some("application/pdf"),
        [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => Some("image/png"),
        [0xff, 0xd8, 0xff, ..] => Some("image/jpeg"),
        text if !text.is_empty() && !text.contains(&0) && std::str::from_utf8(text).is_ok() => Some("text/plain"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_is_kept_as_it_was_written() {
        let id = Uuid::from_u128(7);
        let scope = Scope::Filter(format!("key:cloud source:{id},\"prod registry\""));
        let text = serde_json::to_string(&scope).unwrap();
        assert_eq!(text, format!(r#"{{"filter":"key:cloud source:{id},\"prod registry\""}}"#));
        assert_eq!(serde_json::from_str::<Scope>(&text).unwrap(), scope);
        assert_eq!((scope.ids(), Scope::Filter("severty:high".to_owned()).ids()), (vec![id], Vec::new()));
    }

    #[test]
    fn an_attachment_is_known_by_its_beginning() {
        assert_eq!(media_type(b"%PDF-1.7"), Some("application/pdf"));
        assert_eq!(media_type(b"a plain word"), Some("text/plain"));
        assert_eq!(media_type(b"MZ\0\x01"), None);
        assert_eq!(media_type(b""), None);
    }
}
