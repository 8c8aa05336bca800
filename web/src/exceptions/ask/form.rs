//! The form of an exception, as it is typed.

use chrono::TimeDelta;
use plumbline_core::exception::{ExceptionKind, Filter, MOST_DAYS, REASON, Scope, media_type};
use plumbline_core::id::{ExceptionId, FindingId, FixId, ResourceId, SourceId};
use plumbline_core::layer::Layer;
use plumbline_core::verdict::Severity;
use plumbline_store::exception::{Attachment, Exception};
use serde::Deserialize;
use uuid::Uuid;

/// The most bytes of an attachment: 1 MiB.
const MOST_BYTES: usize = 1 << 20;

/// What was typed.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct AskForm {
    /// `preview` or `ask`.
    pub(super) step: String,
    pub(super) as_kind: String,
    pub(super) reason: String,
    pub(super) days: String,
    /// The one thing that is covered, when it is one.
    pub(super) finding: String,
    pub(super) resource: String,
    pub(super) fix: String,
    /// Ids of checks, separated by white space or commas.
    pub(super) checks: String,
    pub(super) layer: String,
    pub(super) severity: String,
    pub(super) account: String,
    pub(super) region: String,
    pub(super) source: String,
    pub(super) resource_kind: String,
    /// `key=value`.
    pub(super) tag: String,
    pub(super) pattern: String,
    pub(super) subject: String,
    pub(super) renew: String,
}

/// What is wrong: each sentence stands beside its field.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct AskErrors {
    /// What stands beside no field.
    pub(super) top: Option<String>,
    pub(super) scope: Option<&'static str>,
    pub(super) reason: Option<&'static str>,
    pub(super) days: Option<&'static str>,
    pub(super) kind: Option<&'static str>,
    pub(super) file: Option<&'static str>,
}

/// What was asked for, sound.
pub(super) struct Asked {
    pub(super) kind: ExceptionKind,
    pub(super) scope: Scope,
    pub(super) reason: String,
    pub(super) length: TimeDelta,
    pub(super) attachment: Option<Attachment>,
    pub(super) renews: Option<ExceptionId>,
}

fn named(text: &str) -> Option<String> {
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

/// Reads a word of a list; what is typed and is none of it is wrong.
fn one_of<T>(text: &str, parse: impl Fn(&str) -> Option<T>, wrong: &'static str) -> Result<Option<T>, &'static str> {
    named(text).map(|word| parse(&word).ok_or(wrong)).transpose()
}

fn id(text: &str) -> Result<Option<Uuid>, &'static str> {
    one_of(text, |word| word.parse().ok(), "What is named is not there.")
}

impl AskForm {
    /// Fills the form from an address.
    pub(super) fn of_address(address: &str) -> Self {
        let query = address.split_once('?').map_or("", |(_, query)| query);
        let typed = actix_web::web::Query::<Self>::from_query(query);
        let form = typed.map(actix_web::web::Query::into_inner).unwrap_or_default();
        let days = if form.days.is_empty() { "90".to_owned() } else { form.days.clone() };
        Self { days, ..form }
    }

    /// The exception that is asked for anew.
    pub(super) fn renewed(&self) -> Option<ExceptionId> {
        self.renew.parse().ok()
    }

    /// The form of one that is asked for anew.
    pub(super) fn renewing(row: &Exception) -> Self {
        let mut form = Self {
            renew: row.exception_id.to_string(),
            as_kind: row.kind.clone(),
            reason: row.reason.clone(),
            days: "90".to_owned(),
            ..Self::default()
        };
        match &row.scope.0 {
            Scope::Finding(id) => form.finding = id.to_string(),
            Scope::Resource(id) => form.resource = id.to_string(),
            Scope::Fix(id) => form.fix = id.to_string(),
            Scope::Filter(filter) => form.fill(filter),
        }
        form
    }

    fn fill(&mut self, filter: &Filter) {
        self.checks = filter.checks.join("\n");
        self.layer = filter.layer.map_or_else(String::new, |layer| layer.as_str().to_owned());
        self.severity = filter.severity_at_most.map_or_else(String::new, |severity| severity.as_str().to_owned());
        self.account = filter.account.clone().unwrap_or_default();
        self.region = filter.region.clone().unwrap_or_default();
        self.source = filter.source.map_or_else(String::new, |source| source.to_string());
        self.resource_kind = filter.kind.clone().unwrap_or_default();
        self.tag = filter.tag.as_ref().map_or_else(String::new, |(key, value)| format!("{key}={value}"));
        self.pattern = filter.name.clone().unwrap_or_default();
        self.subject = filter.subject.clone().unwrap_or_default();
    }

    /// What is covered.
    pub(super) fn scope(&self) -> Result<Scope, &'static str> {
        if let Some(finding) = id(&self.finding)? {
            return Ok(Scope::Finding(FindingId(finding)));
        }
        if let Some(resource) = id(&self.resource)? {
            return Ok(Scope::Resource(ResourceId(resource)));
        }
        if let Some(fix) = id(&self.fix)? {
            return Ok(Scope::Fix(FixId(fix)));
        }
        let tag = |word: &str| {
            let (key, value) = word.split_once('=')?;
            (!key.trim().is_empty()).then(|| (key.trim().to_owned(), value.trim().to_owned()))
        };
        let filter = Filter {
            checks: self
                .checks
                .split([' ', '\n', '\t', '\r', ','])
                .filter(|check| !check.is_empty())
                .map(str::to_owned)
                .collect(),
            layer: one_of(&self.layer, Layer::parse, "Choose one of the layers.")?,
            severity_at_most: one_of(&self.severity, Severity::parse, "Choose one of the severities.")?,
            account: named(&self.account),
            region: named(&self.region),
            source: id(&self.source)?.map(SourceId),
            kind: named(&self.resource_kind),
            tag: one_of(&self.tag, tag, "Write the tag as key=value.")?,
            name: named(&self.pattern),
            subject: named(&self.subject),
        };
        filter.check()?;
        Ok(Scope::Filter(Box::new(filter)))
    }

    /// Everything that was typed, or what is wrong with it.
    pub(super) fn read(&self, file: &[u8]) -> Result<Asked, AskErrors> {
        let reason = self.reason.trim();
        let days = self.days.trim().parse::<i64>().ok().filter(|days| (1..=MOST_DAYS).contains(days));
        let kind = match named(&self.as_kind) {
            None => Some(ExceptionKind::AcceptedRisk),
            Some(word) => ExceptionKind::parse(&word),
        };
        let (scope, file) = (self.scope(), attachment(file));
        let errors = AskErrors {
            top: None,
            scope: scope.as_ref().err().copied(),
            reason: (!REASON.contains(&reason.chars().count()))
                .then_some("Say in 10 to 2,000 characters why the findings may stay as they are."),
            days: days.is_none().then_some("A whole number of days, from 1 to 365."),
            kind: kind.is_none().then_some("Choose one of the two."),
            file: file.as_ref().err().copied(),
        };
        match (kind, scope, days, file) {
            (Some(kind), Ok(scope), Some(days), Ok(attachment)) if errors == AskErrors::default() => Ok(Asked {
                kind,
                scope,
                reason: reason.to_owned(),
                length: TimeDelta::days(days),
                attachment,
                renews: self.renewed(),
            }),
            _ => Err(errors),
        }
    }
}

/// A file that was chosen; its kind is what its first bytes say, and so is its name.
fn attachment(file: &[u8]) -> Result<Option<Attachment>, &'static str> {
    if file.is_empty() {
        return Ok(None);
    }
    if file.len() > MOST_BYTES {
        return Err("The file is larger than 1 MiB.");
    }
    let media_type = media_type(file).ok_or("Only PDF, PNG, JPEG and plain text are taken.")?;
    let ending = match media_type {
        "application/pdf" => "pdf",
        "image/png" => "png",
        "image/jpeg" => "jpg",
        _ => "txt",
    };
    Ok(Some(Attachment {
        name: format!("attachment.{ending}"),
        media_type: media_type.to_owned(),
        content: file.to_vec(),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sound() -> AskForm {
        AskForm {
            reason: "a reason that is long enough".to_owned(),
            days: "30".to_owned(),
            layer: "cloud".to_owned(),
            tag: "env = dev".to_owned(),
            ..AskForm::default()
        }
    }

    #[test]
    fn what_is_typed_becomes_a_scope_and_comes_back_from_it() {
        let asked = sound().read(b"").unwrap_or_else(|errors| panic!("{errors:?}"));
        let Scope::Filter(filter) = &asked.scope else { panic!("a filter") };
        assert_eq!(filter.tag, Some(("env".to_owned(), "dev".to_owned())));
        let mut again = AskForm::default();
        again.fill(filter);
        assert_eq!(again.scope(), Ok(asked.scope));
    }

    #[test]
    fn each_wrong_field_is_named() {
        let form = AskForm { days: "366".to_owned(), tag: "env".to_owned(), reason: "short".to_owned(), ..sound() };
        let errors = form.read(b"\0\0").err().expect("errors");
        assert!(errors.days.is_some() && errors.scope.is_some() && errors.reason.is_some() && errors.file.is_some());
        assert!(AskForm::default().scope().is_err(), "nothing covers everything");
    }
}
