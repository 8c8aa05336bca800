//! What the address says: fixes that are ticked, risks that are accepted in thought, other terms of due dates, a target.

use crate::triage::settings::{self, Fields};
use crate::words;
use plumbline_core::id::{FixId, SourceId};
use plumbline_core::risk::Exposure;
use plumbline_core::triage::sla::Policy;
use plumbline_policy::Catalogue;
use plumbline_store::plan::Excepted;
use url::form_urlencoded;

/// Fixes and exceptions that one draft holds at most.
const MOST: usize = 200;
/// Letters of a field of days that are carried.
const LONGEST: usize = 40;

/// A draft.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Draft {
    pub(super) fixes: Vec<FixId>,
    pub(super) exceptions: Vec<Excepted>,
    /// Days as they were typed, by the fields of the terms; of the terms that are not to stay as they are.
    pub(super) days: Fields,
    pub(super) target: Option<i32>,
}

impl Draft {
    /// Reads an address. What makes no sense is left out. `except` holds an exception whole; the form adds one by `check`,
    /// `exposure` and `source`.
    pub(super) fn parse(address: &str, catalogue: &Catalogue) -> Self {
        let mut draft = Self::default();
        let (mut check, mut exposure, mut source) = (None, None, None);
        for (key, value) in words::query(address) {
            match key.as_ref() {
                "fix" => draft.add_fix(value.parse().ok()),
                "except" => draft.add(exception(&value).filter(|one| catalogue.check(&one.check).is_some())),
                "check" => check = catalogue.check(&value).map(|check| check.id.clone()),
                "exposure" => exposure = Exposure::parse(&value),
                "source" => source = value.parse().ok(),
                "target" => draft.target = value.parse().ok().filter(|target| (1..=100).contains(target)),
                _ => {}
            }
        }
        draft.add(check.map(|check| Excepted { check, exposure, source }));
        draft.days = days(address);
        draft
    }

    fn add_fix(&mut self, fix: Option<FixId>) {
        if let Some(fix) = fix.filter(|fix| self.fixes.len() < MOST && !self.fixes.contains(fix)) {
            self.fixes.push(fix);
        }
    }

    fn add(&mut self, one: Option<Excepted>) {
        if let Some(one) = one.filter(|one| self.exceptions.len() < MOST && !self.exceptions.contains(one)) {
            self.exceptions.push(one);
        }
    }

    pub(super) fn without_fix(&self, fix: FixId) -> Self {
        let mut draft = self.clone();
        draft.fixes.retain(|other| *other != fix);
        draft
    }

    pub(super) fn without_exception(&self, at: usize) -> Self {
        let mut draft = self.clone();
        draft.exceptions.remove(at);
        draft
    }

    /// What a form that changes the draft carries of it, terms aside.
    pub(super) fn hidden(&self) -> Vec<(&'static str, String)> {
        let fixes = self.fixes.iter().map(|fix| ("fix", fix.to_string()));
        fixes.chain(self.exceptions.iter().map(|one| ("except", word(one)))).collect()
    }

    pub(super) fn href(&self) -> String {
        let mut out = form_urlencoded::Serializer::new(String::new());
        for (key, value) in self.hidden() {
            out.append_pair(key, &value);
        }
        for (name, days) in &self.days {
            out.append_pair(name, days);
        }
        if let Some(target) = self.target {
            out.append_pair("target", &target.to_string());
        }
        let text = out.finish();
        if text.is_empty() { "/what-if".to_owned() } else { format!("/what-if?{text}") }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.fixes.is_empty() && self.exceptions.is_empty() && self.days.is_empty()
    }
}

/// The fields of terms in an address; an empty one says something too: no due date.
fn days(address: &str) -> Fields {
    let terms = settings::fields(&Policy::default());
    let text = address.split_once('?').map_or("", |(_, query)| query);
    let typed = |days: &str| days.trim().chars().filter(|letter| !letter.is_control()).take(LONGEST).collect();
    let pairs = form_urlencoded::parse(text.as_bytes()).filter(|(name, _)| terms.contains_key(name.as_ref()));
    pairs.map(|(name, days)| (name.into_owned(), typed(&days))).collect()
}

/// `check`, `check~internet`, `check~~source` or `check~internet~source`.
fn exception(word: &str) -> Option<Excepted> {
    let mut parts = word.split('~');
    let check = parts.next()?.to_owned();
    let exposure = match parts.next().unwrap_or_default() {
        "" => None,
        word => Some(Exposure::parse(word)?),
    };
    let source: Option<SourceId> = match parts.next() {
        None => None,
        Some(id) => Some(id.parse().ok()?),
    };
    Some(Excepted { check, exposure, source })
}

fn word(one: &Excepted) -> String {
    let exposure = one.exposure.map_or("", Exposure::as_str);
    match (one.exposure, one.source) {
        (None, None) => one.check.clone(),
        (_, None) => format!("{}~{exposure}", one.check),
        (_, Some(source)) => format!("{}~{exposure}~{source}", one.check),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_comes_back_from_what_it_says() {
        let catalogue = Catalogue::builtin();
        let check = &catalogue.checks().next().expect("a check").id;
        let id = "01900000-0000-7000-8000-000000000000";
        let address =
            format!("/what-if?fix={id}&except={check}&except={check}%7Einternet&except={check}%7E%7E{id}&target=85");
        let draft = Draft::parse(&address, catalogue);
        assert_eq!((draft.fixes.len(), draft.exceptions.len(), draft.href()), (1, 3, address));
        let days = Draft::parse("/what-if?critical_internet=2&low_none=&medium_attic=1", catalogue);
        assert_eq!((days.href().as_str(), days.is_empty()), ("/what-if?critical_internet=2&low_none=", false));
        let added = Draft::parse(&format!("{}&check={check}&exposure=none&source=", draft.href()), catalogue);
        assert_eq!(added.exceptions.len(), 4);
        assert_eq!(added.without_exception(3), draft);
    }

    #[test]
    fn nonsense_is_left_out() {
        let draft =
            Draft::parse("/what-if?fix=1&except=none_such&except=a~b~c&target=900&check=x", Catalogue::builtin());
        assert!(draft.is_empty());
        assert_eq!(draft.href(), "/what-if");
    }
}
