//! The form of an exception, as it is typed.

use chrono::TimeDelta;
use plumbline_core::exception::{ExceptionKind, MOST_DAYS, REASON, Scope, media_type};
use plumbline_core::filter::Mistake;
use plumbline_core::id::{ExceptionId, FindingId, FixId, ResourceId};
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
    /// A filter, in the words of the list of findings.
    pub(super) q: String,
    /// What is to take its place: the line that an error suggested.
    pub(super) instead: String,
    pub(super) renew: String,
}

/// What is wrong: each sentence stands beside its field.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct AskErrors {
    /// What stands beside no field.
    pub(super) top: Option<String>,
    pub(super) scope: Option<Box<Wrong>>,
    pub(super) reason: Option<&'static str>,
    pub(super) days: Option<&'static str>,
    pub(super) kind: Option<&'static str>,
    pub(super) file: Option<&'static str>,
}

/// What is wrong with what is to be covered, and the filter that would do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Wrong {
    pub(super) says: String,
    pub(super) instead: Option<String>,
}

impl From<Mistake> for Wrong {
    fn from(mistake: Mistake) -> Self {
        Self { says: mistake.says, instead: mistake.instead }
    }
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

fn id(text: &str) -> Result<Option<Uuid>, Wrong> {
    let wrong = || Wrong { says: "What is named is not there.".to_owned(), instead: None };
    named(text).map(|word| word.parse().map_err(|_| wrong())).transpose()
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

    /// The form of one that is asked for anew; `line` is its filter as people read it.
    pub(super) fn renewing(row: &Exception, line: impl FnOnce(&str) -> String) -> Self {
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
            Scope::Filter(kept) => form.q = line(kept),
        }
        form
    }

    /// With the line that an error suggested, when that was chosen, which asks for nothing yet.
    pub(super) fn mended(self) -> Self {
        if self.instead.is_empty() {
            return self;
        }
        Self { q: self.instead, instead: String::new(), step: "preview".to_owned(), ..self }
    }

    /// Whether nothing is named that it would cover.
    pub(super) fn is_blank(&self) -> bool {
        [&self.finding, &self.resource, &self.fix, &self.q].into_iter().all(|text| text.trim().is_empty())
    }

    /// The one thing that is covered; none where it is what the filter leaves.
    pub(super) fn thing(&self) -> Result<Option<Scope>, Wrong> {
        let finding = id(&self.finding)?.map(|id| Scope::Finding(FindingId(id)));
        let resource = id(&self.resource)?.map(|id| Scope::Resource(ResourceId(id)));
        let fix = id(&self.fix)?.map(|id| Scope::Fix(FixId(id)));
        Ok(finding.or(resource).or(fix))
    }

    /// Everything that was typed, or what is wrong with it.
    pub(super) fn read(&self, scope: Result<Scope, Wrong>, file: &[u8]) -> Result<Asked, Box<AskErrors>> {
        let reason = self.reason.trim();
        let days = self.days.trim().parse::<i64>().ok().filter(|days| (1..=MOST_DAYS).contains(days));
        let kind = match named(&self.as_kind) {
            None => Some(ExceptionKind::AcceptedRisk),
            Some(word) => ExceptionKind::parse(&word),
        };
        let file = attachment(file);
        let errors = AskErrors {
            top: None,
            scope: scope.as_ref().err().cloned().map(Box::new),
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
            _ => Err(Box::new(errors)),
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

    #[test]
    fn each_wrong_field_is_named() {
        let form = AskForm { days: "366".to_owned(), reason: "short".to_owned(), ..AskForm::default() };
        let errors = form.read(Err(Wrong::default()), b"\0\0").err().expect("errors");
        assert!(errors.days.is_some() && errors.scope.is_some() && errors.reason.is_some() && errors.file.is_some());
        let sound = AskForm { days: "36".to_owned(), reason: "long enough to be one".to_owned(), ..form };
        assert!(sound.read(Ok(Scope::Filter("key:cloud".to_owned())), b"").is_ok());
    }

    #[test]
    fn a_suggestion_that_is_chosen_takes_the_lines_place_and_asks_for_nothing() {
        let form = AskForm {
            step: "ask".to_owned(),
            q: "severty:low".to_owned(),
            instead: "severity:low".to_owned(),
            reason: "kept".to_owned(),
            ..AskForm::default()
        };
        let mended = form.mended();
        assert_eq!((mended.step.as_str(), mended.q.as_str()), ("preview", "severity:low"));
        assert_eq!((mended.reason.as_str(), mended.is_blank()), ("kept", false));
    }

    #[test]
    fn one_thing_goes_before_a_filter_and_an_id_that_is_none_is_said() {
        let id = "01900000-0000-7000-8000-000000000000";
        let form = AskForm { resource: id.to_owned(), q: "key:cloud".to_owned(), ..AskForm::default() };
        assert!(matches!(form.thing(), Ok(Some(Scope::Resource(_)))));
        assert!(AskForm { fix: "seven".to_owned(), ..form }.thing().is_err());
        assert_eq!(AskForm::default().thing(), Ok(None));
    }
}
