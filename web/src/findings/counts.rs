//! The sums behind the facets of the list.

use super::query::{FACETS, Query};
use crate::facets::{self, Chip, Choice};
use crate::{text, words};
use plumbline_core::filter::{Asks, Field, Relation, Word};
use plumbline_core::layer::Layer;
use plumbline_policy::{Catalogue, Check};
use plumbline_store::finding::{self, FacetCount, Facets, FindingFilter};
use plumbline_store::source::SourceName;
use plumbline_store::{StoreError, TenantTx};
use std::collections::{BTreeMap, BTreeSet};

/// Values of a facet that are shown at once; the rest unfolds.
const SHOWN: usize = 6;
/// And what unfolds, at most.
const MORE: usize = 100;
/// Fields with few values that no sums are kept by: their values are shown without numbers.
const PLAIN: [Field; 3] = [Field::Stage, Field::Likelihood, Field::Blast];

/// The sums behind the facets.
pub(super) struct Counts {
    facets: Facets,
    /// By check, under everything but checks, keys and severities.
    by_check: BTreeMap<String, i64>,
    /// The checks that are left without what one of these facets says.
    left: BTreeMap<Field, BTreeSet<String>>,
    /// Whether the numbers are those of the filter.
    exact: bool,
}

impl Counts {
    pub(super) async fn read(
        tx: &mut TenantTx,
        catalogue: &Catalogue,
        query: &Query,
        filter: &FindingFilter,
    ) -> Result<Self, StoreError> {
        let facets = finding::facets(tx, filter).await?;
        let found = filter.search.as_ref().map(|search| &search.checks);
        let by_check: BTreeMap<String, i64> = facets
            .of("check")
            .iter()
            .filter(|count| found.is_none_or(|ids| ids.contains(&count.value)))
            .map(|count| (count.value.clone(), count.findings))
            .collect();
        let counted: Vec<String> = by_check.keys().cloned().collect();
        let left = [Field::Check, Field::Severity, Field::Key].map(|facet| {
            let checks = finding::checks_of(catalogue.terms(), &counted, &query.filter, &[facet]);
            (facet, checks.into_iter().collect())
        });
        let left = left.into();
        // Sums are kept by check and not by resource: they are exact for a search that found only checks.
        let of_resources = filter.search.as_ref().is_some_and(|search| !search.resources.is_empty());
        let exact = facets.exact && !of_resources && filter.more.is_empty() && !filter.nothing;
        Ok(Self { facets, by_check, left, exact })
    }

    /// Whether there is any finding in any state.
    pub(super) fn any(&self) -> bool {
        !self.facets.of("state").is_empty()
    }

    /// The values of one facet with their sums, in the order in which they are shown.
    fn of(&self, facet: Field) -> Vec<FacetCount> {
        match facet {
            Field::Check => {
                let mut counts = self.summed(facet, |check| check.to_owned(), |_| None);
                counts.sort_by(|a, b| b.findings.cmp(&a.findings).then_with(|| a.value.cmp(&b.value)));
                counts
            }
            Field::Severity => {
                worst_first(self.summed(facet, |_| String::new(), |check| Some(check.severity.as_str())), facet)
            }
            Field::Key => in_order(self.summed(facet, |_| String::new(), |check| Some(check.layer.as_str())), facet),
            Field::State => in_order(self.facets.of("state").to_vec(), facet),
            Field::Exposure | Field::Criticality => worst_first(self.facets.of(facet.word()).to_vec(), facet),
            facet if PLAIN.contains(&facet) => {
                let values = facet.values().iter();
                values.map(|value| FacetCount { value: (*value).to_owned(), findings: 0 }).collect()
            }
            _ => self.facets.of(facet.word()).to_vec(),
        }
    }

    /// Sums the counts by check to what the catalogue says of each; the facet's own words do not count.
    fn summed(
        &self,
        facet: Field,
        own: impl Fn(&str) -> String,
        of: impl Fn(&Check) -> Option<&'static str>,
    ) -> Vec<FacetCount> {
        let left = self.left.get(&facet);
        let catalogue = Catalogue::builtin();
        let mut sums: BTreeMap<String, i64> = BTreeMap::new();
        for (id, findings) in &self.by_check {
            if let Some(check) = catalogue.check(id)
                && left.is_none_or(|left| left.contains(id))
            {
                *sums.entry(of(check).map_or_else(|| own(id), str::to_owned)).or_default() += findings;
            }
        }
        sums.into_iter().map(|(value, findings)| FacetCount { value, findings }).collect()
    }

    /// The facets as the page shows them.
    pub(super) fn view(&self, catalogue: &Catalogue, query: &Query, sources: &[SourceName]) -> Vec<facets::Facet> {
        FACETS.into_iter().chain(PLAIN).filter_map(|facet| self.one(facet, catalogue, query, sources)).collect()
    }

    fn one(&self, facet: Field, catalogue: &Catalogue, query: &Query, sources: &[SourceName]) -> Option<facets::Facet> {
        let mut counts = self.of(facet);
        if facet == Field::Source {
            for count in &mut counts {
                count.value = source_word(&count.value, sources);
            }
        }
        let picked = query.chosen(facet);
        // What is chosen stays visible, even where nothing is left of it.
        for value in &picked {
            if !counts.iter().any(|count| count.value == *value) {
                counts.push(FacetCount { value: value.clone(), findings: 0 });
            }
        }
        if counts.is_empty() || (counts.len() == 1 && picked.is_empty()) {
            return None;
        }
        let (shown, others): (Vec<_>, Vec<_>) =
            counts.into_iter().enumerate().partition(|(at, count)| *at < SHOWN || picked.contains(&count.value));
        let choice = |(_, count): (usize, FacetCount)| Choice {
            label: label(facet, &count.value, catalogue),
            count: (self.exact && self.facets.counts(facet.word()) && !PLAIN.contains(&facet))
                .then(|| text::number(count.findings)),
            chosen: picked.contains(&count.value),
            href: query.toggled(facet, &count.value).href(),
        };
        Some(facets::Facet {
            title: title(facet),
            values: shown.into_iter().map(choice).collect(),
            more: others.into_iter().take(MORE).map(choice).collect(),
        })
    }
}

/// A source as the filter names it: by its name, or by its id once it was removed.
fn source_word(id: &str, sources: &[SourceName]) -> String {
    let named = sources.iter().find(|source| source.source_id.to_string() == id);
    named.map_or_else(|| id.to_owned(), |source| source.name.clone())
}

fn in_order(mut counts: Vec<FacetCount>, facet: Field) -> Vec<FacetCount> {
    counts.sort_by_key(|count| facet.values().iter().position(|word| *word == count.value));
    counts
}

fn worst_first(counts: Vec<FacetCount>, facet: Field) -> Vec<FacetCount> {
    let mut counts = in_order(counts, facet);
    counts.reverse();
    counts
}

fn title(facet: Field) -> &'static str {
    match facet {
        Field::State => "State",
        Field::Severity => "Severity",
        Field::Key => "Key",
        Field::Exposure => "Reachable from",
        Field::Criticality => "Criticality",
        Field::Source => "Source",
        Field::Account => "Account",
        Field::Region => "Region",
        Field::Check => "Check",
        Field::Stage => "Stage",
        Field::Likelihood => "Likelihood",
        Field::Blast => "Blast radius",
        other => other.info().about,
    }
}

fn label(facet: Field, value: &str, catalogue: &Catalogue) -> String {
    match (facet, value) {
        (Field::Check, id) => words::check(catalogue, id).to_owned(),
        (Field::Key, word) => Layer::parse(word).map_or(word.to_owned(), |layer| words::layer(layer).to_owned()),
        (Field::Source, word) if word.parse::<uuid::Uuid>().is_ok() => "A removed source".to_owned(),
        (Field::Exposure, "internet") => "The internet".to_owned(),
        (Field::Exposure, "private") => "A private network".to_owned(),
        (Field::Exposure, "none") => "Nowhere outside".to_owned(),
        (Field::Account | Field::Region | Field::Source, word) => word.to_owned(),
        (_, word) => words::capital(&word.replace('_', " ")),
    }
}

/// Each word of the filter, to be taken away.
pub(super) fn chips(catalogue: &Catalogue, query: &Query) -> Vec<Chip> {
    let mut chips = Vec::new();
    if query.mistake.is_none() && query.chosen(Field::State) == ["open"] && !query.filter.has(Field::State) {
        let href = query.toggled(Field::State, "open").href();
        chips.push(Chip { facet: "State", label: "Open".to_owned(), href });
    }
    for (word, without) in query.words() {
        let (facet, label) = chip(word, catalogue);
        chips.push(Chip { facet, label, href: without.href() });
    }
    chips
}

fn chip(word: &Word, catalogue: &Catalogue) -> (&'static str, String) {
    match &word.asks {
        Asks::Text(text) if !word.not => ("Search", format!("“{text}”")),
        Asks::Value(field, Relation::Is, values) if (FACETS.contains(field) || PLAIN.contains(field)) && !word.not => {
            let labels: Vec<String> = values.iter().map(|value| label(*field, value, catalogue)).collect();
            (title(*field), labels.join(", "))
        }
        _ => ("Filter", word.to_string()),
    }
}
