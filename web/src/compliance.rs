//! Compliance: frameworks, their controls, and whether each holds.

mod control;
mod export;
mod state;

use crate::call::{Call, ReadPosture};
use crate::charts;
use crate::error::WebError;
use crate::frame::{Frame, Nav};
use crate::route::Route;
use actix_web::{HttpResponse, web};
use askama::Template;
use chrono::{DateTime, Utc};
pub(crate) use export::line;
use plumbline_policy::{Catalogue, Framework};
use plumbline_store::attestation::Attestation;
use plumbline_store::posture::{CheckState, Posture};
use plumbline_store::{StoreError, TenantTx, attestation, posture};
pub(crate) use state::ControlState;
use std::collections::BTreeMap;
use url::form_urlencoded;

pub(crate) fn routes() -> Vec<Route> {
    let mut routes = vec![
        Route::get("/compliance", index),
        Route::get("/compliance/{framework}", show),
        Route::get("/compliance/{framework}/export.csv", export::csv),
    ];
    routes.extend(control::routes());
    routes
}

/// The address of a control's page.
pub(crate) fn control_href(framework: &str, control: &str) -> String {
    let encode = |word: &str| form_urlencoded::byte_serialize(word.as_bytes()).collect::<String>();
    format!("/compliance/{}/{}", encode(framework), encode(control))
}

/// How all controls of a framework stand.
pub(crate) struct Standing {
    /// In the order of the framework's controls.
    pub(crate) states: Vec<ControlState>,
    pub(crate) checks: BTreeMap<String, CheckState>,
}

impl Standing {
    pub(crate) async fn read(tx: &mut TenantTx, framework: &Framework, now: DateTime<Utc>) -> Result<Self, StoreError> {
        let checks = posture::check_states(tx).await?;
        let stated = attestation::latest(tx, Some(&framework.id)).await?;
        Ok(Self { states: states(framework, &checks, &stated, now), checks })
    }
}

fn states(
    framework: &Framework,
    checks: &BTreeMap<String, CheckState>,
    stated: &[Attestation],
    now: DateTime<Utc>,
) -> Vec<ControlState> {
    let of: BTreeMap<&str, &Attestation> = stated
        .iter()
        .filter(|stated| stated.framework_id == framework.id)
        .map(|stated| (stated.control_id.as_str(), stated))
        .collect();
    let controls = framework.controls.iter();
    controls.map(|control| ControlState::of(control, checks, of.get(control.id.as_str()).copied(), now)).collect()
}

fn count(states: &[ControlState], state: ControlState) -> usize {
    states.iter().filter(|s| **s == state).count()
}

/// A number of controls in one state, as a part of all.
struct Part {
    state: &'static str,
    words: &'static str,
    count: usize,
    /// Where it begins in the bar and how wide it is, in percent.
    from: f64,
    width: f64,
}

fn parts(states: &[ControlState]) -> Vec<Part> {
    let all = states.len().max(1);
    let mut from = 0.0;
    let mut parts = Vec::new();
    for state in ControlState::ALL {
        let count = count(states, state);
        if count == 0 {
            continue;
        }
        #[expect(clippy::cast_precision_loss, reason = "a framework has a few hundred controls")]
        let width = 100.0 * count as f64 / all as f64;
        parts.push(Part { state: state.class(), words: state.words(), count, from, width });
        from += width;
    }
    parts
}

/// A framework on the overview.
struct Card {
    href: String,
    title: String,
    version: String,
    score: Option<i32>,
    controls: usize,
    parts: Vec<Part>,
}

#[derive(Template)]
#[template(path = "compliance/index.html")]
struct IndexPage {
    frame: Frame,
    cards: Vec<Card>,
    judged: bool,
}

async fn index(mut call: Call<ReadPosture>) -> Result<HttpResponse, WebError> {
    let latest = posture::latest(&mut call.tx).await?;
    let checks = posture::check_states(&mut call.tx).await?;
    let stated = attestation::latest(&mut call.tx, None).await?;
    let cards = call.catalogue().frameworks().map(|framework| Card {
        href: format!("/compliance/{}", framework.id),
        title: framework.title.clone(),
        version: framework.version.clone(),
        score: score(latest.as_ref(), framework),
        controls: framework.controls.len(),
        parts: parts(&states(framework, &checks, &stated, call.now)),
    });
    let cards = cards.collect();
    call.page(&IndexPage { frame: call.frame(Nav::Compliance), cards, judged: !checks.is_empty() })
}

fn score(latest: Option<&Posture>, framework: &Framework) -> Option<i32> {
    latest?.part(&format!("framework:{}", framework.id)).map(charts::whole)
}

struct Section {
    title: String,
    controls: Vec<ControlLine>,
}

struct ControlLine {
    href: String,
    id: String,
    title: String,
    level: String,
    state: ControlState,
    /// What stands behind the state, in words.
    detail: String,
}

#[derive(Template)]
#[template(path = "compliance/framework.html")]
struct FrameworkPage {
    frame: Frame,
    id: String,
    title: String,
    version: String,
    score: Option<i32>,
    parts: Vec<Part>,
    sections: Vec<Section>,
    judged: bool,
}

async fn show(mut call: Call<ReadPosture>, id: web::Path<String>) -> Result<HttpResponse, WebError> {
    let framework = framework(call.catalogue(), &id)?;
    let latest = posture::latest(&mut call.tx).await?;
    let standing = Standing::read(&mut call.tx, framework, call.now).await?;
    let page = FrameworkPage {
        frame: call.frame(Nav::Compliance),
        id: framework.id.clone(),
        title: framework.title.clone(),
        version: framework.version.clone(),
        score: score(latest.as_ref(), framework),
        parts: parts(&standing.states),
        sections: sections(framework, &standing),
        judged: !standing.checks.is_empty(),
    };
    call.page(&page)
}

/// The framework of an address.
pub(crate) fn framework<'a>(catalogue: &'a Catalogue, id: &str) -> Result<&'a Framework, WebError> {
    catalogue.framework(id).ok_or(WebError::NotFound)
}

fn sections(framework: &Framework, standing: &Standing) -> Vec<Section> {
    let mut sections: Vec<Section> = Vec::new();
    for (control, state) in framework.controls.iter().zip(&standing.states) {
        let line = ControlLine {
            href: control_href(&framework.id, &control.id),
            id: control.id.clone(),
            title: title(control),
            level: control.level.clone(),
            state: *state,
            detail: state::detail(control, &standing.checks),
        };
        match sections.last_mut().filter(|section| section.title == control.section) {
            Some(section) => section.controls.push(line),
            None => sections.push(Section { title: control.section.clone(), controls: vec![line] }),
        }
    }
    sections
}

/// What a control is called; its number while it has no words of ours.
pub(crate) fn title(control: &plumbline_policy::Control) -> String {
    if control.title.is_empty() { format!("Control {}", control.id) } else { control.title.clone() }
}
