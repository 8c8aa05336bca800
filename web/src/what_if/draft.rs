//! What the address says: fixes that are ticked, risks that are accepted in thought, other terms of due dates, a target.

use crate::triage::settings::{self, Fields};
use crate::words;
use plumbline_core::id::FixId;
use plumbline_core::triage::sla::Policy;
use url::form_urlencoded;

/// Fixes that one draft holds at most.
const MOST: usize = 200;
/// And exceptions, each of which is looked up.
const MOST_EXCEPTIONS: usize = 20;
/// Letters of a field of days that are carried.
const LONGEST: usize = 40;

/// A draft.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Draft {
    pub(super) fixes: Vec<FixId>,
    /// A filter each.
    pub(super) exceptions: Vec<String>,
    /// What was typed to become one more.
    pub(super) typed: String,
    /// Days as they were typed, by the fields of the terms; of the terms that are not to stay as they are.
    pub(super) days: Fields,
    pub(super) target: Option<i32>,
}

impl Draft {
    /// Reads an address. What makes no sense is left out. `except` holds the filter of an exception; the form adds one as `q`.
    pub(super) fn parse(address: &str) -> Self {
        let mut draft = Self::default();
        for (key, value) in words::query(address) {
            match key.as_ref() {
                "fix" => draft.add_fix(value.parse().ok()),
                "except" => draft.add(value),
                "q" => draft.typed = value,
                "target" => draft.target = value.parse().ok().filter(|target| (1..=100).contains(target)),
                _ => {}
            }
        }
        draft.days = days(address);
        draft
    }

    fn add_fix(&mut self, fix: Option<FixId>) {
        if let Some(fix) = fix.filter(|fix| self.fixes.len() < MOST && !self.fixes.contains(fix)) {
            self.fixes.push(fix);
        }
    }

    pub(super) fn add(&mut self, line: String) {
        if self.exceptions.len() < MOST_EXCEPTIONS && !self.exceptions.contains(&line) {
            self.exceptions.push(line);
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
        fixes.chain(self.exceptions.iter().map(|line| ("except", line.clone()))).collect()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_comes_back_from_what_it_says() {
        let id = "01900000-0000-7000-8000-000000000000";
        let address = format!("/what-if?fix={id}&except=key%3Acloud&except=severity%3C%3Dlow+tag%3Aa%3Db&target=85");
        let draft = Draft::parse(&format!("{address}&except=key%3Acloud"));
        assert_eq!((draft.fixes.len(), draft.exceptions.len(), draft.href()), (1, 2, address));
        let mut added = Draft::parse(&format!("{}&q=region%3Ax", draft.href()));
        let typed = std::mem::take(&mut added.typed);
        added.add(typed);
        assert_eq!(added.without_exception(2), draft);
        let days = Draft::parse("/what-if?critical_internet=2&low_none=&medium_attic=1");
        assert_eq!((days.href().as_str(), days.is_empty()), ("/what-if?critical_internet=2&low_none=", false));
    }

    #[test]
    fn nonsense_is_left_out() {
        let draft = Draft::parse("/what-if?fix=1&target=900&colour=red");
        assert!(draft.is_empty());
        assert_eq!(draft.href(), "/what-if");
    }
}
