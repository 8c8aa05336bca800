//! The queue: in the order that is chosen, narrowed by layer, source, owner and effort.

use super::FixLine;
use crate::call::{Call, ReadPosture};
use crate::error::WebError;
use crate::frame::{Frame, Nav};
use crate::words;
use actix_web::HttpResponse;
use askama::Template;
use chrono::{DateTime, Utc};
use plumbline_core::id::SourceId;
use plumbline_core::layer::Layer;
use plumbline_core::verdict::Effort;
use plumbline_policy::Catalogue;
use plumbline_store::fix::{FixFilter, FixOwner, FixSort};
use plumbline_store::{PageRequest, StoreError, TenantTx, fix, source, triage};
use std::collections::BTreeSet;
use url::form_urlencoded;
use uuid::Uuid;

const PAGE: i64 = 40;

pub(super) async fn index(mut call: Call<ReadPosture>) -> Result<HttpResponse, WebError> {
    let query = Query::parse(&call.visit().here);
    let (catalogue, now) = (call.catalogue(), call.now);
    let list = List::read(&mut call.tx, catalogue, &query, now).await?;
    if call.wants_fragment() {
        return call.page(&list);
    }
    call.page(&ListPage { frame: call.frame(Nav::Fixes), list })
}

#[derive(Template)]
#[template(path = "fixes/index.html")]
struct ListPage {
    frame: Frame,
    list: List,
}

/// The queue, or its further pages.
#[derive(Template)]
#[template(path = "fixes/_list.html")]
struct List {
    fixes: Vec<FixLine>,
    layers: Vec<LayerTab>,
    sorts: Vec<Choice>,
    sources: Vec<Choice>,
    owners: Vec<Choice>,
    efforts: Vec<Choice>,
    /// The chosen layer, which the form of the other choices carries.
    layer: &'static str,
    /// Whether anything narrows the list.
    narrowed: bool,
    /// The list from its beginning.
    start: String,
    next: Option<String>,
    first: bool,
}

struct LayerTab {
    title: &'static str,
    href: String,
    chosen: bool,
}

/// One entry of a selection.
struct Choice {
    value: String,
    words: String,
    chosen: bool,
}

/// What the address of the queue says.
#[derive(Debug, Clone, Default)]
struct Query {
    layer: Option<Layer>,
    source: Option<SourceId>,
    owner: Option<FixOwner>,
    effort: Option<Effort>,
    sort: FixSort,
    after: Option<String>,
}

impl Query {
    fn parse(address: &str) -> Self {
        let mut query = Self::default();
        for (key, value) in words::query(address) {
            match key.as_ref() {
                "layer" => query.layer = Layer::parse(&value),
                "source" => query.source = value.parse().ok(),
                "owner" => query.owner = owner(&value),
                "effort" => query.effort = Effort::parse(&value),
                "sort" => query.sort = FixSort::parse(&value).unwrap_or_default(),
                "after" => query.after = Some(value),
                _ => {}
            }
        }
        query
    }

    fn href(&self, after: Option<&str>) -> String {
        let mut out = form_urlencoded::Serializer::new(String::new());
        if let Some(layer) = self.layer {
            out.append_pair("layer", layer.as_str());
        }
        if let Some(source) = self.source {
            out.append_pair("source", &source.to_string());
        }
        if let Some(owner) = self.owner {
            out.append_pair("owner", &owner_word(owner));
        }
        if let Some(effort) = self.effort {
            out.append_pair("effort", effort.as_str());
        }
        if self.sort != FixSort::default() {
            out.append_pair("sort", self.sort.as_str());
        }
        if let Some(after) = after {
            out.append_pair("after", after);
        }
        let text = out.finish();
        if text.is_empty() { "/fixes".to_owned() } else { format!("/fixes?{text}") }
    }

    /// The keys of the fixes of a layer and an effort; none when neither is chosen.
    fn keys(&self, catalogue: &Catalogue) -> Option<Vec<String>> {
        if self.layer.is_none() && self.effort.is_none() {
            return None;
        }
        let natures = catalogue.natures();
        let of_effort =
            |key: &str| self.effort.is_none_or(|effort| natures.get(key).is_some_and(|n| n.effort == effort));
        let keys: BTreeSet<&str> = catalogue
            .checks()
            .filter(|check| self.layer.is_none_or(|layer| check.layer == layer))
            .map(|check| check.fix.key.as_str())
            .filter(|key| of_effort(key))
            .collect();
        Some(keys.into_iter().map(str::to_owned).collect())
    }
}

/// `nobody`, or the id of a member; `team-` before that of a team.
fn owner(word: &str) -> Option<FixOwner> {
    match word.strip_prefix("team-") {
        Some(team) => team.parse().ok().map(FixOwner::Team),
        None if word == "nobody" => Some(FixOwner::Nobody),
        None => word.parse().ok().map(FixOwner::Person),
    }
}

fn owner_word(owner: FixOwner) -> String {
    match owner {
        FixOwner::Nobody => "nobody".to_owned(),
        FixOwner::Person(person) => person.to_string(),
        FixOwner::Team(team) => format!("team-{team}"),
    }
}

fn sort_words(sort: FixSort) -> &'static str {
    match sort {
        FixSort::Recommended => "Recommended",
        FixSort::Gain => "Gain",
        FixSort::Risk => "Risk removed",
        FixSort::Paths => "Attack paths cut",
        FixSort::Due => "Due first",
    }
}

impl List {
    async fn read(
        tx: &mut TenantTx,
        catalogue: &Catalogue,
        query: &Query,
        now: DateTime<Utc>,
    ) -> Result<Self, StoreError> {
        let filter = FixFilter { keys: query.keys(catalogue), source: query.source, owner: query.owner };
        let page = PageRequest { after: query.after.clone(), size: PAGE };
        let found = fix::list(tx, &filter, query.sort, &page).await?;
        Ok(Self {
            fixes: found.items.iter().map(|row| FixLine::at(row, catalogue, now)).collect(),
            layers: tabs(catalogue, query),
            sorts: sorts(query.sort),
            sources: sources(tx, query.source).await?,
            owners: owners(tx, query.owner).await?,
            efforts: efforts(query.effort),
            layer: query.layer.map_or("", Layer::as_str),
            narrowed: filter.keys.is_some() || filter.source.is_some() || filter.owner.is_some(),
            start: query.href(None),
            next: found.next.map(|after| query.href(Some(&after))),
            first: query.after.is_none(),
        })
    }
}

fn choice(value: impl Into<String>, words: impl Into<String>, chosen: bool) -> Choice {
    Choice { value: value.into(), words: words.into(), chosen }
}

fn sorts(chosen: FixSort) -> Vec<Choice> {
    FixSort::ALL.into_iter().map(|sort| choice(sort.as_str(), sort_words(sort), sort == chosen)).collect()
}

fn efforts(chosen: Option<Effort>) -> Vec<Choice> {
    Effort::ALL
        .into_iter()
        .map(|effort| choice(effort.as_str(), words::capital(effort.as_str()), chosen == Some(effort)))
        .collect()
}

async fn sources(tx: &mut TenantTx, chosen: Option<SourceId>) -> Result<Vec<Choice>, StoreError> {
    let all = source::names(tx).await?;
    let of = |one: source::SourceName| {
        let is_chosen = chosen.is_some_and(|chosen| chosen.0 == one.source_id);
        choice(one.source_id.to_string(), one.name, is_chosen)
    };
    Ok(all.into_iter().map(of).collect())
}

async fn owners(tx: &mut TenantTx, chosen: Option<FixOwner>) -> Result<Vec<Choice>, StoreError> {
    let person = |id: Uuid| chosen == Some(FixOwner::Person(id));
    let mut all = vec![choice("nobody", "Nobody yet", chosen == Some(FixOwner::Nobody))];
    let members = fix::owners(tx).await?;
    all.extend(members.into_iter().map(|one| choice(one.person_id.to_string(), one.name, person(one.person_id))));
    let teams = triage::teams(tx).await?;
    all.extend(teams.into_iter().map(|team| {
        let owner = FixOwner::Team(team.team_id);
        choice(owner_word(owner), team.name, chosen == Some(owner))
    }));
    Ok(all)
}

fn tabs(catalogue: &Catalogue, query: &Query) -> Vec<LayerTab> {
    let judged = |layer: &Layer| catalogue.checks().any(|check| check.layer == *layer);
    let tab = |layer: Option<Layer>| LayerTab {
        title: layer.map_or("All layers", words::layer),
        href: Query { layer, ..query.clone() }.href(None),
        chosen: layer == query.layer,
    };
    std::iter::once(tab(None)).chain(Layer::ALL.into_iter().filter(judged).map(|layer| tab(Some(layer)))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_comes_back_from_what_it_says() {
        let id = "01900000-0000-7000-8000-000000000000";
        let address = format!("/fixes?layer=cloud&source={id}&owner=team-{id}&effort=hours&sort=due");
        assert_eq!(Query::parse(&address).href(None), address);
        assert_eq!(Query::parse("/fixes?layer=attic&owner=x&effort=years&sort=colour&source=1").href(None), "/fixes");
        assert_eq!(Query::parse("/fixes?owner=nobody").href(Some("1~x")), "/fixes?owner=nobody&after=1%7Ex");
    }

    #[test]
    fn keys_are_those_of_the_layer_and_the_effort() {
        let catalogue = Catalogue::builtin();
        let keys = |address: &str| Query::parse(address).keys(catalogue);
        assert!(keys("/fixes").is_none());
        let all: usize =
            Effort::ALL.iter().filter_map(|e| keys(&format!("/?effort={}", e.as_str()))).map(|k| k.len()).sum();
        assert_eq!(all, catalogue.natures().len());
    }
}
