//! One resource: what it says of itself, what it hangs together with, and what the checks say of it.

use crate::call::{Call, ReadPosture};
use crate::error::WebError;
use crate::findings::FindingLine;
use crate::fixes::pair;
use crate::frame::{Frame, Nav};
use crate::image::components::{Components, Query};
use crate::route::Route;
use crate::tags::{self, Tags};
use crate::tree::{self, Attribute};
use crate::{image, text, words};
use actix_web::{HttpResponse, web};
use askama::Template;
use chrono::{DateTime, Utc};
use plumbline_core::id::ResourceId;
use plumbline_core::resource::Unread;
use plumbline_core::risk::{Criticality, Exposure};
use plumbline_policy::Catalogue;
use plumbline_store::resource::{Neighbour, ResourceDetail, VerdictRow};
use plumbline_store::{finding, resource, tag};
use std::collections::BTreeMap;
use uuid::Uuid;

/// Findings that are shown; the rest is in the list of all.
const FINDINGS: usize = 60;

pub(crate) fn routes() -> Vec<Route> {
    vec![Route::get("/resources/{resource}", show)]
}

async fn show(mut call: Call<ReadPosture>, id: web::Path<Uuid>) -> Result<HttpResponse, WebError> {
    let id = ResourceId(id.into_inner());
    let found = resource::get(&mut call.tx, id).await?;
    let body = Body::read(&mut call, &found).await?;
    if found.kind == "image" {
        return image::show(call, &found, body).await;
    }
    let tags = match found.kind.as_str() {
        "registry.repository" => {
            let rows = tag::stretches(&mut call.tx, id, &found.uid, None, tags::SHOWN).await?;
            Some(Tags::of(&rows, true, call.now))
        }
        _ => None,
    };
    let key = found.attributes.0.get("Software").and_then(|key| key.as_str());
    let components = match (found.kind.as_str(), key) {
        ("application", Some(key)) => {
            let query = Query::parse(&call.visit().here);
            Some(Components::read(&mut call.tx, id, key, &query).await?)
        }
        _ => None,
    };
    call.page(&Page { frame: call.frame(Nav::Resources), tags, components, body })
}

/// Worst first.
const VERDICTS: [&str; 4] = ["fail", "unknown", "pass", "not_applicable"];

#[derive(Template)]
#[template(path = "resources/one.html")]
struct Page {
    frame: Frame,
    /// What the tags of a repository led to, and when; none for any other kind.
    tags: Option<Tags>,
    /// What an application is made of; none for any other kind.
    components: Option<Components>,
    body: Body,
}

/// What is told of a resource of any kind.
pub(crate) struct Body {
    pub(crate) about: About,
    pub(crate) attributes: Vec<Attribute>,
    pub(crate) unread: Vec<UnreadLine>,
    pub(crate) tags: Vec<(String, String)>,
    pub(crate) edges_out: Vec<Relation>,
    pub(crate) edges_in: Vec<Relation>,
    pub(crate) verdicts: Vec<VerdictLine>,
    pub(crate) findings: Vec<FindingLine>,
    /// Where the rest of the findings is, when not all are shown.
    pub(crate) more_findings: Option<String>,
}

impl Body {
    async fn read(call: &mut Call<ReadPosture>, found: &ResourceDetail) -> Result<Self, WebError> {
        let id = ResourceId(found.resource_id);
        let edges_out = resource::edges_out(&mut call.tx, id).await?;
        let edges_in = resource::edges_in(&mut call.tx, &found.uid).await?;
        let verdicts = resource::verdicts(&mut call.tx, id).await?;
        let findings = finding::of_resource(&mut call.tx, id).await?;
        let catalogue = call.catalogue();
        let mut verdicts: Vec<VerdictLine> = verdicts.iter().map(|row| VerdictLine::of(row, catalogue)).collect();
        verdicts.sort_by_key(|line| VERDICTS.iter().position(|word| *word == line.verdict));
        let more = findings.len() > FINDINGS;
        Ok(Self {
            attributes: tree::attributes(&found.attributes.0),
            unread: found.unread.0.iter().map(|(name, unread)| UnreadLine::of(name, unread)).collect(),
            tags: found.tags.0.iter().map(|(key, value)| (key.clone(), value.clone())).collect(),
            edges_out: grouped(edges_out),
            edges_in: grouped(edges_in),
            findings: findings.iter().take(FINDINGS).map(|row| FindingLine::of(row, catalogue, call.now)).collect(),
            more_findings: more.then(|| format!("/findings?{}", pair("q", &found.uid))),
            verdicts,
            about: About::of(found, call.now),
        })
    }
}

pub(crate) struct About {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) kind: String,
    pub(crate) uid: String,
    pub(crate) account: String,
    pub(crate) region: String,
    pub(crate) source: String,
    pub(crate) source_id: String,
    pub(crate) exposure: &'static str,
    /// What the internet reaches it through.
    pub(crate) through: Option<Through>,
    pub(crate) criticality: &'static str,
    pub(crate) first_seen: String,
    pub(crate) changed: String,
    /// When it was seen to be gone.
    pub(crate) retired: Option<String>,
    /// What is wrong with the sight of it now; none when its scope was read completely.
    pub(crate) blind: Option<String>,
    pub(crate) verified: Option<String>,
}

impl About {
    fn of(found: &ResourceDetail, now: DateTime<Utc>) -> Self {
        let verified = found.scope_complete_at.map(|at| text::ago(at, now));
        let blind = match (found.scope_outcome.as_deref(), found.scope_permission.as_deref()) {
            (Some("complete"), _) => None,
            (_, Some(permission)) if !permission.is_empty() => Some(format!("The source may not use {permission}.")),
            _ => Some("Reading its scope failed.".to_owned()),
        };
        Self {
            id: found.resource_id.to_string(),
            through: found
                .reached_through
                .zip(found.through_name.clone())
                .map(|(id, name)| Through { id: id.to_string(), name }),
            name: found.name.clone(),
            kind: words::kind(&found.kind).to_owned(),
            uid: found.uid.clone(),
            account: found.account.clone(),
            region: found.region.clone(),
            source: found.source_name.clone(),
            source_id: found.source_id.to_string(),
            exposure: match Exposure::parse(&found.exposure) {
                Some(Exposure::Internet) => "Reachable from the internet",
                Some(Exposure::None) => "Not reachable from outside the account",
                _ => "Reachable within a network, or not known better",
            },
            criticality: match Criticality::parse(&found.criticality) {
                Some(Criticality::High) => "High: its tags say production",
                Some(Criticality::Low) => "Low: its tags say development, test or sandbox",
                _ => "Normal: no tag says otherwise",
            },
            first_seen: text::when(found.first_seen),
            changed: text::ago(found.changed_at, now),
            retired: found.retired_at.map(text::when),
            blind: blind.filter(|_| found.retired_at.is_none()),
            verified,
        }
    }
}

pub(crate) struct Through {
    pub(crate) id: String,
    pub(crate) name: String,
}

pub(crate) struct UnreadLine {
    pub(crate) name: String,
    pub(crate) permission: String,
    pub(crate) denied: bool,
    pub(crate) detail: String,
}

impl UnreadLine {
    fn of(name: &str, unread: &Unread) -> Self {
        Self {
            name: name.to_owned(),
            permission: unread.permission.clone(),
            denied: unread.denied,
            detail: unread.detail.clone(),
        }
    }
}

/// The other ends of one relation.
pub(crate) struct Relation {
    pub(crate) name: String,
    pub(crate) ends: Vec<End>,
}

pub(crate) struct End {
    /// None when no such resource was ever seen.
    pub(crate) id: Option<String>,
    pub(crate) name: String,
    pub(crate) kind: String,
}

fn grouped(neighbours: Vec<Neighbour>) -> Vec<Relation> {
    let mut relations: BTreeMap<String, Vec<End>> = BTreeMap::new();
    for neighbour in neighbours {
        let kind = neighbour.kind.as_deref().map(words::kind).unwrap_or_default().to_owned();
        relations.entry(neighbour.relation.replace('_', " ")).or_default().push(End {
            id: neighbour.resource_id.map(|id| id.to_string()),
            name: neighbour.name.filter(|name| !name.is_empty()).unwrap_or(neighbour.uid),
            kind,
        });
    }
    relations.into_iter().map(|(name, ends)| Relation { name: words::capital(&name), ends }).collect()
}

pub(crate) struct VerdictLine {
    pub(crate) verdict: String,
    pub(crate) words: &'static str,
    pub(crate) title: String,
    pub(crate) message: String,
    /// What it would take to decide.
    pub(crate) permissions: Vec<String>,
    pub(crate) since: String,
}

impl VerdictLine {
    fn of(row: &VerdictRow, catalogue: &Catalogue) -> Self {
        Self {
            verdict: row.verdict.clone(),
            words: verdict_words(&row.verdict),
            title: words::check(catalogue, &row.check_id).to_owned(),
            message: row.message.clone(),
            permissions: row.missing.as_ref().map(permissions).unwrap_or_default(),
            since: text::day(row.since),
        }
    }
}

/// A verdict as people read it.
pub(crate) fn verdict_words(word: &str) -> &'static str {
    match word {
        "pass" => "Pass",
        "fail" => "Fail",
        "unknown" => "Unknown",
        _ => "Not applicable",
    }
}

/// The permissions in what a check misses.
pub(crate) fn permissions(missing: &serde_json::Value) -> Vec<String> {
    let lines = missing.as_array().map_or(&[][..], Vec::as_slice);
    let mut named: Vec<String> = lines
        .iter()
        .filter_map(|line| line.get("permission")?.as_str())
        .filter(|p| !p.is_empty())
        .map(str::to_owned)
        .collect();
    named.sort();
    named.dedup();
    named
}
