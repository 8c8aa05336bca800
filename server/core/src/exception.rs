//! Exceptions: what leaves the net score for a time, and stays in the gross one.

use crate::glob;
use crate::id::{ExceptionId, FindingId, FixId, ResourceId, SourceId};
use crate::layer::Layer;
use crate::verdict::Severity;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The longest that an exception may last.
pub const MOST_DAYS: i64 = 365;
/// The shortest and the longest reason, in characters.
pub const REASON: std::ops::RangeInclusive<usize> = 10..=2000;
/// The most checks that one filter names.
const MOST_CHECKS: usize = 50;
/// The longest word of a filter.
const LONGEST: usize = 200;

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
    Filter(Box<Filter>),
}

/// Everything that is named must fit; at least one thing is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Filter {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub checks: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub layer: Option<Layer>,
    /// The worst severity that is covered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub severity_at_most: Option<Severity>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<SourceId>,
    /// The kind of resource.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// Key and value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tag: Option<(String, String)>,
    /// A pattern of resources' names; see [`glob`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Which of several failures of a check, such as a CVE.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
}

impl Filter {
    /// Checks what can be checked without knowing the tenant.
    ///
    /// # Errors
    /// With a sentence for who typed it.
    pub fn check(&self) -> Result<(), &'static str> {
        if *self == Self::default() {
            return Err("Name at least one thing that the findings have in common.");
        }
        if self.checks.len() > MOST_CHECKS {
            return Err("Name at most 50 checks.");
        }
        let tag = self.tag.iter().flat_map(|(key, value)| [key, value]);
        let words = [&self.account, &self.region, &self.kind, &self.name, &self.subject];
        if words.into_iter().flatten().chain(tag).chain(&self.checks).any(|word| word.chars().count() > LONGEST) {
            return Err("Something that is named is longer than 200 characters.");
        }
        Ok(())
    }

    /// What it names, one line each, in words.
    #[must_use]
    pub fn lines(&self) -> Vec<(&'static str, String)> {
        let mut lines: Vec<(&'static str, String)> = self.checks.iter().map(|check| ("Check", check.clone())).collect();
        let mut add = |name, value: Option<String>| lines.extend(value.map(|value| (name, value)));
        add("Layer", self.layer.map(|layer| layer.as_str().to_owned()));
        add("Severity at most", self.severity_at_most.map(|severity| severity.as_str().to_owned()));
        add("Account", self.account.clone());
        add("Region", self.region.clone());
        add("Source", self.source.map(|source| source.to_string()));
        add("Kind", self.kind.clone());
        add("Tag", self.tag.as_ref().map(|(key, value)| format!("{key}={value}")));
        add("Name", self.name.clone());
        add("Subject", self.subject.clone());
        lines
    }
}

/// A scope as the store's one condition compares it with findings: what is not there narrows nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Condition {
    pub exception_id: Option<Uuid>,
    pub as_kind: Option<&'static str>,
    pub finding_id: Option<Uuid>,
    pub resource_id: Option<Uuid>,
    pub fix_id: Option<Uuid>,
    pub checks: Option<Vec<String>>,
    pub severities: Option<Vec<&'static str>>,
    pub account: Option<String>,
    pub region: Option<String>,
    pub source_id: Option<Uuid>,
    pub resource_kind: Option<String>,
    pub tag_key: Option<String>,
    pub tag_value: Option<String>,
    /// A regular expression.
    pub name: Option<String>,
    pub subject: Option<String>,
}

impl Condition {
    /// The condition of a scope. `of_layer` knows the checks of a layer.
    pub fn of(scope: &Scope, of_layer: impl Fn(Layer) -> Vec<String>) -> Self {
        match scope {
            Scope::Finding(id) => Self { finding_id: Some(id.0), ..Self::default() },
            Scope::Resource(id) => Self { resource_id: Some(id.0), ..Self::default() },
            Scope::Fix(id) => Self { fix_id: Some(id.0), ..Self::default() },
            Scope::Filter(filter) => Self::of_filter(filter, of_layer),
        }
    }

    fn of_filter(filter: &Filter, of_layer: impl Fn(Layer) -> Vec<String>) -> Self {
        let named = (!filter.checks.is_empty()).then(|| filter.checks.clone());
        let checks = match (named, filter.layer.map(of_layer)) {
            (Some(named), Some(layer)) => Some(named.into_iter().filter(|check| layer.contains(check)).collect()),
            (named, layer) => named.or(layer),
        };
        let at_most = |most: Severity| Severity::ALL.into_iter().filter(move |one| *one <= most).map(Severity::as_str);
        let (tag_key, tag_value) = filter.tag.clone().unzip();
        Self {
            checks,
            severities: filter.severity_at_most.map(|most| at_most(most).collect()),
            account: filter.account.clone(),
            region: filter.region.clone(),
            source_id: filter.source.map(|source| source.0),
            resource_kind: filter.kind.clone(),
            tag_key,
            tag_value,
            name: filter.name.as_deref().map(glob::regex),
            subject: filter.subject.clone(),
            ..Self::default()
        }
    }

    /// The same, of an exception.
    #[must_use]
    pub fn named(self, exception: ExceptionId, kind: ExceptionKind) -> Self {
        Self { exception_id: Some(exception.0), as_kind: Some(kind.as_str()), ..self }
    }

    /// Whether it depends on what may change of a resource without its findings changing.
    #[must_use]
    pub fn looks_at_resource(&self) -> bool {
        self.tag_key.is_some() || self.name.is_some()
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
        let filter = Filter { layer: Some(Layer::Cloud), tag: Some(("env".into(), "dev".into())), ..Filter::default() };
        let text = serde_json::to_string(&Scope::Filter(Box::new(filter.clone()))).unwrap();
        assert_eq!(text, r#"{"filter":{"layer":"cloud","tag":["env","dev"]}}"#);
        assert_eq!(serde_json::from_str::<Scope>(&text).unwrap(), Scope::Filter(Box::new(filter)));
    }

    #[test]
    fn an_empty_filter_covers_nothing_at_all() {
        assert!(Filter::default().check().is_err());
        assert!(Filter { region: Some("r".repeat(201)), ..Filter::default() }.check().is_err());
        assert!(Filter { region: Some("eu-west-1".into()), ..Filter::default() }.check().is_ok());
    }

    #[test]
    fn checks_and_layer_together_leave_what_is_in_both() {
        let filter = Filter {
            checks: vec!["a".into(), "b".into()],
            layer: Some(Layer::Cloud),
            severity_at_most: Some(Severity::Medium),
            ..Filter::default()
        };
        let condition = Condition::of(&Scope::Filter(Box::new(filter)), |_| vec!["b".into(), "c".into()]);
        assert_eq!(condition.checks, Some(vec!["b".to_owned()]));
        assert_eq!(condition.severities, Some(vec!["medium", "low"]));
    }

    #[test]
    fn an_attachment_is_known_by_its_beginning() {
        assert_eq!(media_type(b"%PDF-1.7"), Some("application/pdf"));
        assert_eq!(media_type(b"a plain word"), Some("text/plain"));
        assert_eq!(media_type(b"MZ\0\x01"), None);
        assert_eq!(media_type(b""), None);
    }
}
