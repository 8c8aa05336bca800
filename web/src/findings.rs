//! The list of findings: facets, search and pages, all in the address.

mod query;

use crate::call::{Call, ReadPosture};
use crate::error::WebError;
use crate::facets::{self, Chip, Choice};
use crate::frame::{Frame, Nav};
use crate::route::Route;
use crate::{text, words};
use actix_web::HttpResponse;
use askama::Template;
use chrono::{DateTime, Utc};
use plumbline_core::layer::Layer;
use plumbline_core::verdict::Severity;
use plumbline_policy::Catalogue;
use plumbline_store::finding::{FacetCount, Facets, FindingRow, Search};
use plumbline_store::source::SourceName;
use plumbline_store::{PageRequest, StoreError, TenantTx, finding, resource, source};
use query::{Facet, Query};
use std::collections::BTreeMap;

const PAGE: i64 = 50;
/// Values of a facet that are shown at once; the rest unfolds.
const SHOWN: usize = 6;
/// Resources that a search text is looked up in.
const FOUND: i64 = 200;

pub(crate) fn routes() -> Vec<Route> {
    vec![Route::get("/findings", index)]
}

async fn index(mut call: Call<ReadPosture>) -> Result<HttpResponse, WebError> {
    let query = Query::parse(&call.visit().here);
    let catalogue = call.catalogue();
    let list = List::read(&mut call.tx, catalogue, &query, call.now).await?;
    if call.wants_fragment() {
        return call.page(&list);
    }
    call.page(&ListPage { frame: call.frame(Nav::Findings), list })
}

#[derive(Template)]
#[template(path = "findings/index.html")]
struct ListPage {
    frame: Frame,
    list: List,
}

/// One finding in a list.
pub(crate) struct FindingLine {
    pub(crate) id: String,
    pub(crate) risk: i16,
    pub(crate) severity: String,
    pub(crate) state: String,
    /// Which of several failures of the check this is, such as a flaw; empty where there is one.
    pub(crate) subject: String,
    pub(crate) title: String,
    pub(crate) resource: String,
    pub(crate) kind: String,
    pub(crate) account: String,
    pub(crate) region: String,
    /// Reachable from the internet.
    pub(crate) exposed: bool,
    /// What the business depends on.
    pub(crate) critical: bool,
    pub(crate) opened: String,
    pub(crate) opened_at: String,
}

impl FindingLine {
    pub(crate) fn of(row: &FindingRow, catalogue: &Catalogue, now: DateTime<Utc>) -> Self {
        Self {
            id: row.finding_id.to_string(),
            risk: row.risk,
            severity: row.severity.clone(),
            state: row.state.clone(),
            subject: words::subject(&row.subject),
            title: words::check(catalogue, &row.check_id).to_owned(),
            resource: row.resource_name.clone(),
            kind: words::kind(&row.resource_kind).to_owned(),
            account: row.account.clone(),
            region: row.region.clone(),
            exposed: row.exposure == "internet",
            critical: row.criticality == "high",
            opened: text::ago(row.opened_at, now),
            opened_at: text::when(row.opened_at),
        }
    }
}

/// The list with its facets.
#[derive(Template)]
#[template(path = "findings/_list.html")]
struct List {
    facets: Vec<facets::Facet>,
    chips: Vec<Chip>,
    text: String,
    hidden: Vec<(&'static str, String)>,
    /// How many the filter leaves; none where only counting them would tell.
    total: Option<String>,
    findings: Vec<FindingLine>,
    next: Option<String>,
    first: bool,
    start: String,
    narrowed: bool,
    /// Whether there is anything to look at in any state.
    any: bool,
    has_sources: bool,
}

impl List {
    async fn read(
        tx: &mut TenantTx,
        catalogue: &Catalogue,
        query: &Query,
        now: DateTime<Utc>,
    ) -> Result<Self, StoreError> {
        let found = search(tx, catalogue, &query.text).await?;
        // Sums are kept by check and not by resource: they are exact for a search that found only checks.
        let of_checks = found.as_ref().is_none_or(|found| found.resources.is_empty());
        let filter = query.filter(catalogue, found);
        let page = PageRequest { after: query.after.clone(), size: PAGE };
        let rows = finding::list(tx, &filter, &page).await?;
        let sources = source::names(tx).await?;
        let counts = Counts::read(tx, catalogue, query, &filter).await?;
        let countable = of_checks && counts.facets.exact;
        let total = countable.then(|| text::plural(counts.total(query), "finding"));
        Ok(Self {
            facets: Facet::ALL
                .into_iter()
                .filter_map(|f| counts.view(f, catalogue, query, &sources, countable))
                .collect(),
            chips: chips(catalogue, query, &sources),
            text: query.text.clone(),
            hidden: query.hidden(),
            total,
            findings: rows.items.iter().map(|row| FindingLine::of(row, catalogue, now)).collect(),
            next: rows.next.map(|after| query.from(Some(&after)).href()),
            first: query.after.is_none(),
            start: query.from(None).href(),
            narrowed: query.is_narrowed(),
            any: !counts.facets.of("state").is_empty(),
            has_sources: !sources.is_empty(),
        })
    }
}

/// The filter that an address of the list says, for what is done to all that it shows.
pub(crate) async fn filter(
    tx: &mut TenantTx,
    catalogue: &Catalogue,
    address: &str,
) -> Result<finding::FindingFilter, StoreError> {
    let query = Query::parse(&format!("?{address}"));
    let found = search(tx, catalogue, &query.text).await?;
    Ok(query.filter(catalogue, found))
}

/// What a text is found in: titles and ids of checks, names and uids of resources.
async fn search(tx: &mut TenantTx, catalogue: &Catalogue, text: &str) -> Result<Option<Search>, StoreError> {
    if text.is_empty() {
        return Ok(None);
    }
    let wanted = text.to_lowercase();
    let words: Vec<&str> = wanted.split_whitespace().collect();
    let matches = |title: &str| {
        let title = title.to_lowercase();
        words.iter().all(|word| title.contains(word))
    };
    let checks = catalogue.checks().filter(|check| check.id == wanted || matches(&check.title));
    Ok(Some(Search {
        checks: checks.map(|check| check.id.clone()).collect(),
        resources: resource::search(tx, text, FOUND).await?,
    }))
}

/// The sums behind the facets.
struct Counts {
    facets: Facets,
    /// By check, under everything but checks, layers and severities.
    by_check: BTreeMap<String, i64>,
}

impl Counts {
    async fn read(
        tx: &mut TenantTx,
        catalogue: &Catalogue,
        query: &Query,
        filter: &finding::FindingFilter,
    ) -> Result<Self, StoreError> {
        let mut filter = filter.clone();
        if let Some(search) = &filter.search {
            let allowed = query.checks(catalogue, &[]);
            let left = search.checks.iter().filter(|id| allowed.as_ref().is_none_or(|ids| ids.contains(id)));
            filter.checks = Some(left.cloned().collect());
        }
        let found = filter.search.as_ref().map(|search| search.checks.clone());
        let facets = finding::facets(tx, &filter).await?;
        let by_check = facets
            .of("check")
            .iter()
            .filter(|count| found.as_ref().is_none_or(|ids| ids.contains(&count.value)))
            .map(|count| (count.value.clone(), count.findings))
            .collect();
        Ok(Self { facets, by_check })
    }

    fn total(&self, query: &Query) -> i64 {
        let states = query.of(Facet::State);
        let counts = self.facets.of("state").iter();
        counts.filter(|count| states.is_empty() || states.contains(&count.value)).map(|count| count.findings).sum()
    }

    /// The values of one facet with their sums, in the order in which they are shown.
    fn of(&self, facet: Facet, catalogue: &Catalogue, query: &Query) -> Vec<FacetCount> {
        match facet {
            Facet::Check => {
                let mut counts = self.summed(catalogue, query, facet, |check| check.id.clone());
                counts.sort_by(|a, b| b.findings.cmp(&a.findings).then_with(|| a.value.cmp(&b.value)));
                counts
            }
            Facet::Severity => {
                let counts = self.summed(catalogue, query, facet, |check| check.severity.as_str().to_owned());
                in_order(counts, Severity::ALL.map(Severity::as_str))
            }
            Facet::Layer => {
                let counts = self.summed(catalogue, query, facet, |check| check.layer.as_str().to_owned());
                in_order(counts, Layer::ALL.map(Layer::as_str))
            }
            Facet::State => in_order(self.facets.of("state").to_vec(), ["open", "accepted", "resolved"]),
            Facet::Exposure => in_order(self.facets.of("exposure").to_vec(), ["internet", "private", "none"]),
            Facet::Criticality => in_order(self.facets.of("criticality").to_vec(), ["high", "normal", "low"]),
            Facet::Source | Facet::Account | Facet::Region => self.facets.of(facet.word()).to_vec(),
        }
    }

    /// Sums the counts by check to what the catalogue says of each; the facet's own filter does not count.
    fn summed(
        &self,
        catalogue: &Catalogue,
        query: &Query,
        facet: Facet,
        value: impl Fn(&plumbline_policy::Check) -> String,
    ) -> Vec<FacetCount> {
        let allowed = query.checks(catalogue, &[facet]);
        let mut sums: BTreeMap<String, i64> = BTreeMap::new();
        for (id, findings) in &self.by_check {
            if let Some(check) = catalogue.check(id)
                && allowed.as_ref().is_none_or(|ids| ids.contains(id))
            {
                *sums.entry(value(check)).or_default() += findings;
            }
        }
        sums.into_iter().map(|(value, findings)| FacetCount { value, findings }).collect()
    }

    fn view(
        &self,
        facet: Facet,
        catalogue: &Catalogue,
        query: &Query,
        sources: &[SourceName],
        countable: bool,
    ) -> Option<facets::Facet> {
        let mut counts = self.of(facet, catalogue, query);
        // What is chosen stays visible, even where nothing is left of it.
        for value in query.of(facet) {
            if !counts.iter().any(|count| count.value == *value) {
                counts.push(FacetCount { value: value.clone(), findings: 0 });
            }
        }
        if counts.is_empty() || (counts.len() == 1 && query.of(facet).is_empty()) {
            return None;
        }
        let (chosen, others): (Vec<_>, Vec<_>) = counts
            .into_iter()
            .enumerate()
            .partition(|(at, count)| *at < SHOWN || query.of(facet).contains(&count.value));
        let choice = |(_, count): (usize, FacetCount)| Choice {
            label: label(facet, &count.value, catalogue, sources),
            count: countable.then(|| text::number(count.findings)),
            chosen: query.of(facet).contains(&count.value),
            href: query.toggled(facet, &count.value).href(),
        };
        Some(facets::Facet {
            title: title(facet),
            values: chosen.into_iter().map(choice).collect(),
            more: others.into_iter().take(100).map(choice).collect(),
        })
    }
}

fn in_order<const N: usize>(counts: Vec<FacetCount>, order: [&str; N]) -> Vec<FacetCount> {
    let mut counts = counts;
    counts.sort_by_key(|count| order.iter().position(|word| *word == count.value));
    counts
}

fn title(facet: Facet) -> &'static str {
    match facet {
        Facet::State => "State",
        Facet::Severity => "Severity",
        Facet::Layer => "Layer",
        Facet::Exposure => "Reachable from",
        Facet::Criticality => "Criticality",
        Facet::Source => "Source",
        Facet::Account => "Account",
        Facet::Region => "Region",
        Facet::Check => "Check",
    }
}

fn label(facet: Facet, value: &str, catalogue: &Catalogue, sources: &[SourceName]) -> String {
    match (facet, value) {
        (Facet::Check, id) => words::check(catalogue, id).to_owned(),
        (Facet::Layer, word) => Layer::parse(word).map_or(word.to_owned(), |layer| words::layer(layer).to_owned()),
        (Facet::Source, id) => sources
            .iter()
            .find(|source| source.source_id.to_string() == id)
            .map_or_else(|| "A removed source".to_owned(), |source| source.name.clone()),
        (Facet::Exposure, "internet") => "The internet".to_owned(),
        (Facet::Exposure, "private") => "A private network".to_owned(),
        (Facet::Exposure, "none") => "Nowhere outside".to_owned(),
        (Facet::Account | Facet::Region, word) => word.to_owned(),
        (_, word) => words::capital(word),
    }
}

fn chips(catalogue: &Catalogue, query: &Query, sources: &[SourceName]) -> Vec<Chip> {
    let mut chips = Vec::new();
    if !query.text.is_empty() {
        let label = format!("“{}”", query.text);
        chips.push(Chip { facet: "Search", label, href: query.without_text().href() });
    }
    for facet in Facet::ALL {
        for value in query.of(facet) {
            chips.push(Chip {
                facet: title(facet),
                label: label(facet, value, catalogue, sources),
                href: query.toggled(facet, value).href(),
            });
        }
    }
    chips
}
