//! An advisory, read from a record in the OSV format.

use super::ecosystem;
use super::rating::Urgency;
use super::wire;
use crate::component::Type;
use serde::{Deserialize, Serialize};

/// The largest record that is read, in bytes; kernel advisories come near one MiB.
pub const LIMIT: usize = 4 << 20;
/// References beyond these are left out: they are for people to open.
const REFERENCES: usize = 50;
/// Characters of a summary.
const SUMMARY: usize = 300;
/// Characters of an id.
const ID: usize = 200;

/// Why a file could not be read, on one line, for people. What it tells of is then unknown.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unreadable(pub String);

impl Unreadable {
    pub(super) fn new(why: impl Into<String>) -> Self {
        Self(why.into())
    }
}

/// What one database says of one flaw, or of several that one update fixes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Advisory {
    /// As its database numbers it: `GHSA-…`, `DSA-…`, `CVE-…`.
    pub id: String,
    /// The same flaw in other databases.
    #[serde(default)]
    pub aliases: Vec<String>,
    /// The flaws, one or many, that a distribution's advisory passes on.
    #[serde(default)]
    pub upstream: Vec<String>,
    #[serde(default)]
    pub related: Vec<String>,
    /// Times are RFC 3339, in UTC.
    pub published: Option<String>,
    pub modified: Option<String>,
    /// When it was taken back; such an advisory counts for nothing.
    pub withdrawn: Option<String>,
    /// One line; the beginning of the details where a database writes no summary. May be empty.
    pub summary: String,
    #[serde(default)]
    pub severity: Vec<Measure>,
    /// The database's own word, as `MODERATE`.
    pub word: Option<String>,
    #[serde(default)]
    pub affected: Vec<Affected>,
    /// Addresses, at most fifty.
    #[serde(default)]
    pub references: Vec<String>,
}

/// A severity by some method.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Measure {
    /// `CVSS_V2`, `CVSS_V3`, `CVSS_V4`, `Ubuntu`, …
    pub kind: String,
    /// A vector or a word, as the method has it.
    pub score: String,
}

/// A package of an ecosystem, and which of its versions are affected.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Affected {
    /// Whole, with the release where there is one: `Debian:12`, `npm`.
    pub ecosystem: String,
    /// None for an ecosystem whose packages we do not list.
    pub kind: Option<Type>,
    /// In the form in which a component bears it.
    pub name: String,
    /// Alternatives: a version within any of them is affected. Ranges of commits are left out.
    #[serde(default)]
    pub ranges: Vec<Range>,
    /// Whether ranges of commits were left out.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub commits: bool,
    /// Versions that are affected, letter for letter.
    #[serde(default)]
    pub versions: Vec<String>,
    /// Where it differs between packages.
    #[serde(default)]
    pub severity: Vec<Measure>,
    pub word: Option<String>,
    /// How pressing the distribution finds it.
    pub urgency: Option<Urgency>,
    /// Set for a notice that tells of no flaw: `unmaintained`, `unsound`.
    pub informational: Option<String>,
}

/// A timeline of versions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Range {
    pub kind: RangeKind,
    pub events: Vec<Event>,
}

/// How a range's versions are ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RangeKind {
    /// As Semantic Versioning orders them.
    Semver,
    /// As the ecosystem orders them.
    Ecosystem,
    /// In a way that is newer than this code: a version can not be judged by it.
    Other,
}

/// A version at which something changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// Affected from this version on; `0` is before all versions.
    Introduced(String),
    /// Not affected from this version on.
    Fixed(String),
    /// Not affected after this version.
    LastAffected(String),
    /// The range says nothing from this version on; `*` is no limit.
    Limit(String),
}

impl Advisory {
    /// Reads a record. Unknown fields, ecosystems and kinds of ranges are no reason to reject it.
    ///
    /// # Errors
    /// When it is larger than [`LIMIT`], is no JSON object of this schema, or has no usable id.
    pub fn read(json: &[u8]) -> Result<Self, Unreadable> {
        if json.len() > LIMIT {
            return Err(Unreadable::new(format!("larger than {LIMIT} bytes")));
        }
        let text = std::str::from_utf8(json).map_err(|_| Unreadable::new("not UTF-8"))?;
        if text.contains("\\u0000") {
            return Err(Unreadable::new("contains a NUL character"));
        }
        let record: wire::Record = serde_json::from_str(text).map_err(|error| Unreadable::new(error.to_string()))?;
        if record.id.is_empty() || record.id.len() > ID || record.id.chars().any(char::is_control) {
            return Err(Unreadable::new("no usable id"));
        }
        Ok(Self::from(record))
    }

    /// Whether it was taken back.
    #[must_use]
    pub fn is_withdrawn(&self) -> bool {
        self.withdrawn.is_some()
    }
}

impl From<wire::Record> for Advisory {
    fn from(record: wire::Record) -> Self {
        let words = record.database_specific.unwrap_or_default();
        let references = record.references.unwrap_or_default();
        Self {
            summary: summary(record.summary, record.details),
            id: record.id,
            aliases: record.aliases.unwrap_or_default(),
            upstream: record.upstream.unwrap_or_default(),
            related: record.related.unwrap_or_default(),
            published: record.published,
            modified: record.modified,
            withdrawn: record.withdrawn,
            severity: measures(record.severity, None),
            word: words.severity.0,
            affected: record.affected.unwrap_or_default().into_iter().filter_map(affected).collect(),
            references: references.into_iter().filter_map(|one| one.url.0).take(REFERENCES).collect(),
        }
    }
}

/// What is affected; nothing where no package is named, which says something of a repository's commits only.
fn affected(one: wire::Affected) -> Option<Affected> {
    let package = one.package?;
    let database = one.database_specific.unwrap_or_default();
    let ecosystem = one.ecosystem_specific.unwrap_or_default();
    let urgency = [&ecosystem.urgency, &database.urgency, &ecosystem.ubuntu_priority, &database.ubuntu_priority]
        .into_iter()
        .find_map(|word| Urgency::parse(word.0.as_deref()?));
    let kind = ecosystem::kind(&package.ecosystem);
    let ranges = one.ranges.unwrap_or_default();
    Some(Affected {
        commits: ranges.iter().any(wire::Range::is_of_commits),
        ranges: ranges.into_iter().filter_map(range).collect(),
        kind,
        name: match kind {
            Some(kind) => ecosystem::canonical(kind, &package.name).into_owned(),
            None => package.name,
        },
        ecosystem: package.ecosystem,
        versions: one.versions.unwrap_or_default(),
        severity: measures(one.severity, database.cvss.0),
        word: database.severity.0.or(ecosystem.severity.0),
        urgency,
        informational: database.informational.0,
    })
}

/// A range; none for commits, which no installed package can be compared with.
fn range(one: wire::Range) -> Option<Range> {
    if one.is_of_commits() {
        return None;
    }
    let kind = match one.kind.0.as_deref() {
        Some("SEMVER") => RangeKind::Semver,
        Some("ECOSYSTEM") => RangeKind::Ecosystem,
        _ => RangeKind::Other,
    };
    Some(Range { kind, events: one.events.unwrap_or_default().into_iter().flat_map(events).collect() })
}

fn events(one: wire::Event) -> impl Iterator<Item = Event> {
    [
        one.introduced.map(Event::Introduced),
        one.fixed.map(Event::Fixed),
        one.last_affected.map(Event::LastAffected),
        one.limit.map(Event::Limit),
    ]
    .into_iter()
    .flatten()
}

fn measures(listed: Option<Vec<wire::Severity>>, vector: Option<String>) -> Vec<Measure> {
    let listed = listed.unwrap_or_default().into_iter();
    let mut all: Vec<Measure> =
        listed.filter_map(|one| Some(Measure { kind: one.kind.0.unwrap_or_default(), score: one.score.0? })).collect();
    if all.is_empty() {
        all.extend(vector.map(|score| Measure { kind: String::new(), score }));
    }
    all
}

fn summary(summary: Option<String>, details: Option<String>) -> String {
    let text = summary.filter(|text| !text.trim().is_empty()).or(details).unwrap_or_default();
    let line = text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
    line.chars().take(SUMMARY).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_record_is_read_whole() {
        let advisory = Advisory::read(
            br#"{"schema_version":"1.7.0","id":"GHSA-aaaa-bbbb-cccc","modified":"2031-02-03T04:05:06Z",
            "published":"2031-01-01T00:00:00Z","aliases":["CVE-2031-1000"],"summary":" One line \n","details":"More",
            "severity":[{"type":"CVSS_V3","score":"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}],
            "affected":[{"package":{"ecosystem":"PyPI","name":"Some_Package","purl":"pkg:pypi/some-package"},
              "ranges":[{"type":"ECOSYSTEM","events":[{"introduced":"1.0"},{"fixed":"1.4"}]},
                {"type":"GIT","repo":"https://example.org/x","events":[{"introduced":"0"}]}],
              "versions":["1.0","1.1"],"database_specific":{"source":"https://example.org"}}],
            "references":[{"type":"WEB","url":"https://example.org/1"}],
            "database_specific":{"severity":"CRITICAL","cwe_ids":["CWE-79"],"github_reviewed":true}}"#,
        )
        .unwrap();

        assert_eq!((advisory.id.as_str(), advisory.summary.as_str()), ("GHSA-aaaa-bbbb-cccc", "One line"));
        assert_eq!((advisory.word.as_deref(), advisory.is_withdrawn()), (Some("CRITICAL"), false));
        let affected = &advisory.affected[0];
        assert_eq!((affected.kind, affected.name.as_str()), (Some(Type::Pypi), "some-package"));
        assert_eq!((affected.ranges.len(), affected.commits), (1, true), "a range of commits is left out");
        assert_eq!(affected.ranges[0].events[1], Event::Fixed("1.4".to_owned()));
    }

    #[test]
    fn what_is_unknown_or_null_does_not_reject_a_record() {
        let advisory = Advisory::read(
            br#"{"id":"X-1","aliases":null,"new_field":{"deep":[1]},"severity":[{"type":"NEW","score":7}],
            "affected":[{"package":{"ecosystem":"Brand New:1","name":"x"},"ranges":[{"type":"LUNAR","events":[{}]}],
              "versions":null,"database_specific":{"severity":["odd"]}},
              {"ranges":[{"type":"GIT","events":null}]}],"references":null}"#,
        )
        .unwrap();

        assert_eq!(advisory.affected.len(), 1, "what names no package is about commits");
        assert_eq!(advisory.affected[0].kind, None);
        assert_eq!(advisory.affected[0].ranges[0].kind, RangeKind::Other);
    }

    #[test]
    fn the_words_of_distributions_are_kept() {
        let advisory = Advisory::read(
            br#"{"id":"DEBIAN-CVE-2031-1","upstream":["CVE-2031-1"],"details":"First.\nSecond.","affected":[
            {"package":{"ecosystem":"Debian:12","name":"lib"},"ecosystem_specific":{"urgency":"unimportant"}},
            {"package":{"ecosystem":"Ubuntu:24.04:LTS","name":"lib"},"ecosystem_specific":{"ubuntu_priority":"high"}},
            {"package":{"ecosystem":"crates.io","name":"c"},"database_specific":
              {"cvss":"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:H","informational":"unsound"}}]}"#,
        )
        .unwrap();

        let urgencies: Vec<_> = advisory.affected.iter().map(|one| one.urgency).collect();
        assert_eq!(urgencies, [Some(Urgency::Unimportant), Some(Urgency::High), None]);
        assert_eq!(advisory.affected[2].severity.len(), 1);
        assert_eq!(advisory.affected[2].informational.as_deref(), Some("unsound"));
        assert_eq!(advisory.summary, "First.");
    }

    #[test]
    fn a_record_without_an_id_or_with_too_much_is_unreadable() {
        for bad in [&b"{}"[..], b"[]", b"{\"id\":\"\"}", b"{\"id\":\"a\\u0000\"}", b"\xff", b"", b"{\"id\":7}"] {
            assert!(Advisory::read(bad).is_err(), "{}", String::from_utf8_lossy(bad));
        }
        let huge = format!("{{\"id\":\"X-1\",\"details\":\"{}\"}}", "x".repeat(LIMIT));
        assert!(Advisory::read(huge.as_bytes()).is_err());
    }

    #[test]
    fn what_is_nested_without_end_is_passed_over_or_refused() {
        let nested =
            |field: &str| format!("{{\"id\":\"X-1\",\"{field}\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000));
        assert!(Advisory::read(nested("unknown").as_bytes()).is_ok());
        assert!(Advisory::read(nested("aliases").as_bytes()).is_err());
        let word =
            format!(r#"{{"id":"X-1","database_specific":{{"severity":{}{}}}}}"#, "[".repeat(9_000), "]".repeat(9_000));
        assert_eq!(Advisory::read(word.as_bytes()).unwrap().word, None);
    }

    /// JSON that is often nearly a record.
    fn near_record() -> impl Strategy<Value = serde_json::Value> {
        let word = prop::sample::select(vec![
            "id",
            "aliases",
            "affected",
            "package",
            "ecosystem",
            "name",
            "ranges",
            "type",
            "events",
            "introduced",
            "fixed",
            "versions",
            "severity",
            "score",
            "SEMVER",
            "ECOSYSTEM",
            "npm",
            "Debian:12",
            "0",
            "1.0",
            "CVE-2031-1",
        ]);
        let leaf = prop_oneof![
            Just(serde_json::Value::Null),
            any::<i32>().prop_map(serde_json::Value::from),
            word.clone().prop_map(serde_json::Value::from),
            ".{0,8}".prop_map(serde_json::Value::from),
        ];
        leaf.prop_recursive(6, 64, 6, move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(serde_json::Value::from),
                prop::collection::vec((word.clone(), inner), 0..6)
                    .prop_map(|pairs| pairs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()),
            ]
        })
    }

    proptest! {
        #[test]
        fn arbitrary_json_never_panics(mut value in near_record(), version in ".{0,12}") {
            if let Some(record) = value.as_object_mut() {
                record.insert("id".to_owned(), "X-1".into());
            }
            if let Ok(advisory) = Advisory::read(value.to_string().as_bytes()) {
                for affected in &advisory.affected {
                    let _ = affected.judge(&version);
                }
                let _ = crate::advisory::Notice::of(&advisory);
            }
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = Advisory::read(&bytes);
        }
    }
}
