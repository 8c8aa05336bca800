//! The OSV schema as it is written, read leniently.
//!
//! Databases add fields, leave out others and write null where the schema says list. None of that rejects a record; only
//! what is needed to judge a version is insisted upon.

use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::fmt;

/// A record (<https://ossf.github.io/osv-schema/>).
#[derive(Debug, serde::Deserialize)]
pub(super) struct Record {
    pub(super) id: String,
    pub(super) modified: Option<String>,
    pub(super) published: Option<String>,
    pub(super) withdrawn: Option<String>,
    pub(super) aliases: Option<Vec<String>>,
    pub(super) upstream: Option<Vec<String>>,
    pub(super) related: Option<Vec<String>>,
    pub(super) summary: Option<String>,
    pub(super) details: Option<String>,
    pub(super) severity: Option<Vec<Severity>>,
    pub(super) affected: Option<Vec<Affected>>,
    pub(super) references: Option<Vec<Reference>>,
    pub(super) database_specific: Option<Words>,
}

#[derive(Debug, serde::Deserialize)]
pub(super) struct Severity {
    #[serde(rename = "type", default)]
    pub(super) kind: Text,
    #[serde(default)]
    pub(super) score: Text,
}

#[derive(Debug, serde::Deserialize)]
pub(super) struct Reference {
    #[serde(default)]
    pub(super) url: Text,
}

#[derive(Debug, serde::Deserialize)]
pub(super) struct Affected {
    pub(super) package: Option<Package>,
    pub(super) severity: Option<Vec<Severity>>,
    pub(super) ranges: Option<Vec<Range>>,
    pub(super) versions: Option<Vec<String>>,
    pub(super) ecosystem_specific: Option<Words>,
    pub(super) database_specific: Option<Words>,
}

#[derive(Debug, serde::Deserialize)]
pub(super) struct Package {
    pub(super) ecosystem: String,
    pub(super) name: String,
}

#[derive(Debug, serde::Deserialize)]
pub(super) struct Range {
    #[serde(rename = "type", default)]
    pub(super) kind: Text,
    pub(super) events: Option<Vec<Event>>,
}

impl Range {
    pub(super) fn is_of_commits(&self) -> bool {
        self.kind.0.as_deref() == Some("GIT")
    }
}

/// One of the four; a record that writes several into one object means each of them.
#[derive(Debug, serde::Deserialize)]
pub(super) struct Event {
    pub(super) introduced: Option<String>,
    pub(super) fixed: Option<String>,
    pub(super) last_affected: Option<String>,
    pub(super) limit: Option<String>,
}

/// The words that are looked for in the fields which each database fills as it likes.
#[derive(Debug, Default, serde::Deserialize)]
pub(super) struct Words {
    /// GitHub's `MODERATE`, and others alike.
    #[serde(default)]
    pub(super) severity: Text,
    /// Debian's.
    #[serde(default)]
    pub(super) urgency: Text,
    /// Ubuntu's.
    #[serde(default)]
    pub(super) ubuntu_priority: Text,
    /// RustSec's vector.
    #[serde(default)]
    pub(super) cvss: Text,
    /// RustSec's `unmaintained`, `unsound`, `notice`: no flaw in the usual sense.
    #[serde(default)]
    pub(super) informational: Text,
}

/// A text where there is one; anything else that stands in its place is passed over.
#[derive(Debug, Default, Clone)]
pub(super) struct Text(pub(super) Option<String>);

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(AnyText)
    }
}

struct AnyText;

impl<'de> Visitor<'de> for AnyText {
    type Value = Text;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("anything")
    }

    fn visit_str<E>(self, text: &str) -> Result<Text, E> {
        Ok(Text(Some(text.to_owned())))
    }

    fn visit_string<E>(self, text: String) -> Result<Text, E> {
        Ok(Text(Some(text)))
    }

    fn visit_bool<E>(self, _: bool) -> Result<Text, E> {
        Ok(Text(None))
    }

    fn visit_i64<E>(self, _: i64) -> Result<Text, E> {
        Ok(Text(None))
    }

    fn visit_u64<E>(self, _: u64) -> Result<Text, E> {
        Ok(Text(None))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Text, E> {
        Ok(Text(Some(number.to_string())))
    }

    fn visit_unit<E>(self) -> Result<Text, E> {
        Ok(Text(None))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Text, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Text(None))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Text, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Text(None))
    }
}
