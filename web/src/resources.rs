//! The inventory: what was seen, by kind, account, region and name.

use crate::call::{Call, ReadPosture};
use crate::error::WebError;
use crate::facets::{Chip, Choice, Facet};
use crate::frame::{Frame, Nav};
use crate::route::Route;
use crate::{text, words};
use actix_web::HttpResponse;
use askama::Template;
use chrono::{DateTime, Utc};
use plumbline_store::resource::{ResourceCount, ResourceFilter, ResourceRow};
use plumbline_store::{PageRequest, StoreError, TenantTx, resource, source};
use url::form_urlencoded;

const PAGE: i64 = 60;
/// Values of a facet that are shown at once; the rest unfolds.
const SHOWN: usize = 10;

pub(crate) fn routes() -> Vec<Route> {
    vec![Route::get("/resources", index)]
}

async fn index(mut call: Call<ReadPosture>) -> Result<HttpResponse, WebError> {
    let query = Query::parse(&call.visit().here);
    let list = List::read(&mut call.tx, &query, call.now).await?;
    if call.wants_fragment() {
        return call.page(&list);
    }
    call.page(&ListPage { frame: call.frame(Nav::Resources), list })
}

#[derive(Template)]
#[template(path = "resources/index.html")]
struct ListPage {
    frame: Frame,
    list: List,
}

/// What the address says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Query {
    filter: ResourceFilter,
    after: Option<String>,
}

impl Query {
    fn parse(address: &str) -> Self {
        let mut query = Self::default();
        for (key, value) in words::query(address) {
            let value = Some(value);
            match key.as_ref() {
                "kind" => query.filter.kind = value,
                "account" => query.filter.account = value,
                "region" => query.filter.region = value,
                "q" => query.filter.search = value,
                "after" => query.after = value,
                _ => {}
            }
        }
        query
    }

    fn pairs(&self) -> Vec<(&'static str, String)> {
        let filter = &self.filter;
        [
            ("kind", &filter.kind),
            ("account", &filter.account),
            ("region", &filter.region),
            ("q", &filter.search),
            ("after", &self.after),
        ]
        .into_iter()
        .filter_map(|(key, value)| Some((key, value.clone()?)))
        .collect()
    }

    fn href(&self) -> String {
        let text = form_urlencoded::Serializer::new(String::new()).extend_pairs(self.pairs()).finish();
        if text.is_empty() { "/resources".to_owned() } else { format!("/resources?{text}") }
    }

    /// The same list with one value chosen, or no longer when it is, from its beginning.
    fn with(&self, facet: &str, value: &str) -> Self {
        let mut query = Self { after: None, ..self.clone() };
        let slot = match facet {
            "kind" => &mut query.filter.kind,
            "account" => &mut query.filter.account,
            "region" => &mut query.filter.region,
            _ => &mut query.filter.search,
        };
        *slot = if slot.as_deref() == Some(value) { None } else { Some(value.to_owned()) };
        query
    }
}

struct Line {
    id: String,
    name: String,
    uid: String,
    kind: String,
    account: String,
    region: String,
    exposed: bool,
    critical: bool,
    changed: String,
    changed_at: String,
}

/// The list with its facets.
#[derive(Template)]
#[template(path = "resources/_list.html")]
struct List {
    facets: Vec<Facet>,
    chips: Vec<Chip>,
    text: String,
    hidden: Vec<(&'static str, String)>,
    total: Option<String>,
    resources: Vec<Line>,
    next: Option<String>,
    first: bool,
    start: String,
    any: bool,
    has_sources: bool,
}

impl List {
    async fn read(tx: &mut TenantTx, query: &Query, now: DateTime<Utc>) -> Result<Self, StoreError> {
        let page = PageRequest { after: query.after.clone(), size: PAGE };
        let rows = resource::list(tx, &query.filter, &page).await?;
        let counts = resource::counts(tx, &query.filter).await?;
        let sources = source::names(tx).await?;
        Ok(Self {
            facets: [("kind", "Kind"), ("account", "Account"), ("region", "Region")]
                .into_iter()
                .map(|(facet, title)| facet_view(facet, title, &counts, query))
                .filter(|facet| !facet.values.is_empty())
                .collect(),
            chips: chips(query),
            text: query.filter.search.clone().unwrap_or_default(),
            hidden: query.pairs().into_iter().filter(|(key, _)| *key != "q" && *key != "after").collect(),
            total: query.filter.search.is_none().then(|| text::plural(total(&counts, query), "resource")),
            resources: rows.items.iter().map(|row| Line::of(row, now)).collect(),
            next: rows.next.map(|after| Query { after: Some(after), ..query.clone() }.href()),
            first: query.after.is_none(),
            start: Query { after: None, ..query.clone() }.href(),
            any: !counts.is_empty(),
            has_sources: !sources.is_empty(),
        })
    }
}

/// How many resources the filter leaves: the sum of one facet over its chosen value.
fn total(counts: &[ResourceCount], query: &Query) -> i64 {
    let kinds = counts.iter().filter(|count| count.facet == "kind");
    kinds
        .filter(|count| query.filter.kind.as_ref().is_none_or(|kind| *kind == count.value))
        .map(|count| count.resources)
        .sum()
}

fn chosen<'a>(query: &'a Query, facet: &str) -> Option<&'a str> {
    match facet {
        "kind" => query.filter.kind.as_deref(),
        "account" => query.filter.account.as_deref(),
        _ => query.filter.region.as_deref(),
    }
}

fn facet_view(facet: &'static str, title: &'static str, counts: &[ResourceCount], query: &Query) -> Facet {
    let chosen = chosen(query, facet);
    let choice = |count: &ResourceCount| Choice {
        label: label(facet, &count.value),
        count: Some(text::number(count.resources)),
        chosen: chosen == Some(count.value.as_str()),
        href: query.with(facet, &count.value).href(),
    };
    let mut of_facet: Vec<&ResourceCount> = counts.iter().filter(|count| count.facet == facet).collect();
    // What is chosen stands first, so that it never hides.
    of_facet.sort_by_key(|count| chosen != Some(count.value.as_str()));
    let (values, more) = of_facet.split_at(of_facet.len().min(SHOWN));
    Facet {
        title,
        values: values.iter().copied().map(choice).collect(),
        more: more.iter().copied().take(200).map(choice).collect(),
    }
}

fn label(facet: &str, value: &str) -> String {
    if facet == "kind" { words::kind(value).to_owned() } else { value.to_owned() }
}

fn chips(query: &Query) -> Vec<Chip> {
    let of = |facet: &'static str, title: &'static str, value: Option<&str>| {
        value.map(|value| Chip { facet: title, label: label(facet, value), href: query.with(facet, value).href() })
    };
    [
        of("q", "Search", query.filter.search.as_deref()),
        of("kind", "Kind", query.filter.kind.as_deref()),
        of("account", "Account", query.filter.account.as_deref()),
        of("region", "Region", query.filter.region.as_deref()),
    ]
    .into_iter()
    .flatten()
    .collect()
}

impl Line {
    fn of(row: &ResourceRow, now: DateTime<Utc>) -> Self {
        Self {
            id: row.resource_id.to_string(),
            name: row.name.clone(),
            uid: row.uid.clone(),
            kind: words::kind(&row.kind).to_owned(),
            account: row.account.clone(),
            region: row.region.clone(),
            exposed: row.exposure == "internet",
            critical: row.criticality == "high",
            changed: text::ago(row.changed_at, now),
            changed_at: text::when(row.changed_at),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_comes_back_from_what_it_says() {
        let query = Query::parse("/resources?kind=aws.s3.bucket&q=a%26b&colour=red");
        assert_eq!(query.href(), "/resources?kind=aws.s3.bucket&q=a%26b");
        assert_eq!(query.with("kind", "aws.s3.bucket").href(), "/resources?q=a%26b");
    }
}
