//! The address of the list of findings is its state: what narrows it, and where the page begins.

use crate::words;
use plumbline_core::layer::Layer;
use plumbline_core::risk::{Criticality, Exposure};
use plumbline_core::verdict::Severity;
use plumbline_policy::Catalogue;
use plumbline_store::finding::{FindingFilter, FindingState, Search};
use std::collections::BTreeMap;
use url::form_urlencoded;

/// What a list can be narrowed by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Facet {
    State,
    Severity,
    Layer,
    Exposure,
    Criticality,
    Source,
    Account,
    Region,
    Check,
}

impl Facet {
    /// In the order in which the page shows them.
    pub(super) const ALL: [Self; 9] = [
        Self::State,
        Self::Severity,
        Self::Layer,
        Self::Exposure,
        Self::Criticality,
        Self::Source,
        Self::Account,
        Self::Region,
        Self::Check,
    ];

    /// The word in the address.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::State => "state",
            Self::Severity => "severity",
            Self::Layer => "layer",
            Self::Exposure => "exposure",
            Self::Criticality => "criticality",
            Self::Source => "source",
            Self::Account => "account",
            Self::Region => "region",
            Self::Check => "check",
        }
    }

    fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|facet| facet.word() == word)
    }
}

/// What the address says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Query {
    chosen: BTreeMap<Facet, Vec<String>>,
    pub(super) text: String,
    pub(super) after: Option<String>,
}

/// The state that lifts the default, which is to show what is open.
const ANY: &str = "any";

impl Query {
    /// Reads an address. What makes no sense is left out.
    pub(super) fn parse(address: &str) -> Self {
        let mut query = Self::default();
        for (key, value) in words::query(address) {
            match (key.as_ref(), Facet::parse(&key)) {
                ("q", _) => query.text = value.chars().take(200).collect(),
                ("after", _) => query.after = Some(value),
                (_, Some(facet)) if is_value(facet, &value) => query.add(facet, value),
                _ => {}
            }
        }
        query
    }

    fn add(&mut self, facet: Facet, value: String) {
        let values = self.chosen.entry(facet).or_default();
        if !values.contains(&value) && values.len() < 50 {
            values.push(value);
        }
    }

    /// The values chosen of one facet.
    pub(super) fn of(&self, facet: Facet) -> &[String] {
        match (facet, self.chosen.get(&facet)) {
            (Facet::State, None) => std::slice::from_ref(open()),
            (Facet::State, Some(states)) if states.iter().any(|state| state == ANY) => &[],
            (_, values) => values.map_or(&[], Vec::as_slice),
        }
    }

    /// Whether anything narrows the list beside the state.
    pub(super) fn is_narrowed(&self) -> bool {
        !self.text.is_empty() || Facet::ALL.iter().any(|f| *f != Facet::State && !self.of(*f).is_empty())
    }

    /// The same list with one value chosen or no longer chosen, from its beginning.
    pub(super) fn toggled(&self, facet: Facet, value: &str) -> Self {
        let mut values = self.of(facet).to_vec();
        match values.iter().position(|chosen| chosen == value) {
            Some(at) => drop(values.remove(at)),
            None => values.push(value.to_owned()),
        }
        if values.is_empty() && facet == Facet::State {
            values.push(ANY.to_owned());
        }
        let mut query = Self { after: None, ..self.clone() };
        query.chosen.insert(facet, values);
        query
    }

    /// The same list without the search.
    pub(super) fn without_text(&self) -> Self {
        Self { text: String::new(), after: None, ..self.clone() }
    }

    /// The page that begins after a cursor.
    pub(super) fn from(&self, after: Option<&str>) -> Self {
        Self { after: after.map(str::to_owned), ..self.clone() }
    }

    /// What a form of this list must carry beside its own field.
    pub(super) fn hidden(&self) -> Vec<(&'static str, String)> {
        let of = |(facet, values): (&Facet, &Vec<String>)| {
            values.iter().map(|value| (facet.word(), value.clone())).collect::<Vec<_>>()
        };
        self.chosen.iter().flat_map(of).collect()
    }

    /// The address.
    pub(super) fn href(&self) -> String {
        let mut out = form_urlencoded::Serializer::new(String::new());
        for (facet, value) in self.hidden() {
            out.append_pair(facet, &value);
        }
        if !self.text.is_empty() {
            out.append_pair("q", &self.text);
        }
        if let Some(after) = &self.after {
            out.append_pair("after", after);
        }
        let text = out.finish();
        if text.is_empty() { "/findings".to_owned() } else { format!("/findings?{text}") }
    }

    /// The filter that the store understands; `found` is what the search text was found in.
    pub(super) fn filter(&self, catalogue: &Catalogue, found: Option<Search>) -> FindingFilter {
        FindingFilter {
            states: self.parsed(Facet::State, FindingState::parse),
            severities: self.parsed(Facet::Severity, Severity::parse),
            checks: self.checks(catalogue, &[]),
            accounts: self.of(Facet::Account).to_vec(),
            regions: self.of(Facet::Region).to_vec(),
            exposures: self.parsed(Facet::Exposure, Exposure::parse),
            criticalities: self.parsed(Facet::Criticality, Criticality::parse),
            sources: self.parsed(Facet::Source, |id| id.parse().ok()),
            search: found,
        }
    }

    fn parsed<T>(&self, facet: Facet, parse: impl Fn(&str) -> Option<T>) -> Vec<T> {
        self.of(facet).iter().filter_map(|word| parse(word)).collect()
    }

    /// The checks that the chosen checks, layers and severities leave; none when nothing of the kind is chosen. Facets in
    /// `but` do not count.
    pub(super) fn checks(&self, catalogue: &Catalogue, but: &[Facet]) -> Option<Vec<String>> {
        let chosen = |facet: Facet| if but.contains(&facet) { &[][..] } else { self.of(facet) };
        let (ids, layers, severities) = (chosen(Facet::Check), chosen(Facet::Layer), chosen(Facet::Severity));
        if ids.is_empty() && layers.is_empty() && severities.is_empty() {
            return None;
        }
        let allows = |values: &[String], word: &str| values.is_empty() || values.iter().any(|value| value == word);
        let left = catalogue.checks().filter(|check| {
            allows(ids, &check.id)
                && allows(layers, check.layer.as_str())
                && allows(severities, check.severity.as_str())
        });
        Some(left.map(|check| check.id.clone()).collect())
    }
}

fn open() -> &'static String {
    static OPEN: std::sync::LazyLock<String> = std::sync::LazyLock::new(|| FindingState::Open.as_str().to_owned());
    &OPEN
}

fn is_value(facet: Facet, word: &str) -> bool {
    match facet {
        Facet::State => word == ANY || FindingState::parse(word).is_some(),
        Facet::Severity => Severity::parse(word).is_some(),
        Facet::Layer => Layer::parse(word).is_some(),
        Facet::Exposure => Exposure::parse(word).is_some(),
        Facet::Criticality => Criticality::parse(word).is_some(),
        Facet::Source => word.parse::<uuid::Uuid>().is_ok(),
        Facet::Account | Facet::Region | Facet::Check => word.len() <= 200,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bare_address_shows_what_is_open() {
        let query = Query::parse("");
        assert_eq!(query.of(Facet::State), ["open"]);
        assert_eq!(query.href(), "/findings");
    }

    #[test]
    fn nonsense_is_left_out() {
        let query =
            Query::parse("/findings?state=broken&severity=huge&source=1&colour=red&severity=high&severity=high&q=%20");
        assert_eq!(query.href(), "/findings?severity=high");
    }

    #[test]
    fn an_address_comes_back_from_what_it_says() {
        let text = "/findings?state=open&state=accepted&severity=high&account=111122223333&q=a%26b";
        let query = Query::parse(text);
        assert_eq!(Query::parse(&query.href()), query);
    }

    #[test]
    fn taking_away_the_last_state_shows_all() {
        let query = Query::parse("").toggled(Facet::State, "open");
        assert_eq!(query.href(), "/findings?state=any");
        assert!(query.of(Facet::State).is_empty());
    }

    #[test]
    fn a_choice_begins_at_the_first_page() {
        let query = Query::parse("/findings?after=40-x").toggled(Facet::Severity, "low");
        assert_eq!(query.href(), "/findings?severity=low");
    }
}
