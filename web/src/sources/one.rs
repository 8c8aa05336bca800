//! One source: how it is read, what of it is not seen, and its runs.

use super::agent::Standing as AgentStanding;
use super::form::{Credential, Provider, SourceForm};
use super::settings::{access_words, settings};
use super::{Standing, every, href};
use crate::call::{Call, ReadPosture};
use crate::error::WebError;
use crate::frame::{Frame, Nav};
use crate::part::Part;
use crate::posture::unsure;
use crate::route::Route;
use crate::runs::{RunLine, Running};
use crate::{charts, fixes, text, words};
use actix_web::{HttpResponse, web};
use askama::Template;
use chrono::{DateTime, TimeDelta, Utc};
use plumbline_core::collect::{AccessRecipe, ProbeLine};
use plumbline_core::id::SourceId;
use plumbline_core::role::Permission;
use plumbline_store::source::{self, BlindSpot, Probe, SourceRow};
use plumbline_store::{PageRequest, bill, posture};
use uuid::Uuid;

/// After this long a test that has not ended is not waited for any more.
const PATIENCE: TimeDelta = TimeDelta::minutes(5);

pub(super) fn routes() -> Vec<Route> {
    vec![Route::get("/sources/{source}", show), Route::get("/sources/{source}/test", test)]
}

/// What a connection test said.
#[derive(Template)]
#[template(path = "sources/_test.html")]
pub(super) struct Test {
    href: String,
    state: TestState,
    lines: Vec<ProbeLine>,
    at: Option<String>,
}

enum TestState {
    Never,
    UnderWay,
    /// It was asked for and no worker answered.
    Overdue,
    Refused(String),
    Done,
}

impl Test {
    fn of(row: &SourceRow, now: DateTime<Utc>) -> Self {
        let (state, lines) = match (&row.probe, row.probed_at) {
            (Some(probe), _) => match &probe.0 {
                Probe::Lines(lines) => (TestState::Done, lines.clone()),
                Probe::Refused(words) => (TestState::Refused(words.clone()), Vec::new()),
            },
            (None, Some(at)) if now - at > PATIENCE => (TestState::Overdue, Vec::new()),
            (None, Some(_)) => (TestState::UnderWay, Vec::new()),
            (None, None) => (TestState::Never, Vec::new()),
        };
        Self { href: href(row.source_id), state, lines, at: row.probed_at.map(|at| text::ago(at, now)) }
    }
}

struct Blind {
    reader: String,
    outcome: String,
    permission: Option<String>,
    detail: Option<String>,
    scopes: String,
    places: String,
    since: String,
}

impl Blind {
    fn of(spot: &BlindSpot, now: DateTime<Utc>) -> Self {
        let shown = i64::try_from(spot.places.len()).unwrap_or(0);
        let more = spot.scopes - shown;
        let mut places = spot.places.join(", ");
        if more > 0 {
            places.push_str(&format!(" and {} more", text::number(more)));
        }
        Self {
            reader: spot.reader.clone(),
            outcome: spot.outcome.clone(),
            permission: spot.permission.clone().filter(|permission| !permission.is_empty()),
            detail: spot.detail.clone().filter(|detail| !detail.is_empty()),
            scopes: text::plural(spot.scopes, "scope"),
            places,
            since: spot
                .complete_at
                .map_or_else(|| "never seen".to_owned(), |at| format!("last seen {}", text::ago(at, now))),
        }
    }
}

#[derive(Template)]
#[template(path = "sources/one.html")]
struct Page {
    frame: Frame,
    href: String,
    name: String,
    provider: String,
    standing: Standing,
    access: &'static str,
    settings: Vec<(&'static str, String)>,
    every: String,
    resources: String,
    scopes: Option<String>,
    error: Option<String>,
    running: Running,
    is_running: bool,
    runs: Vec<RunLine>,
    next: Option<String>,
    blind: Vec<Blind>,
    test: Test,
    recipes: Vec<AccessRecipe>,
    credential: Credential,
    agent: Option<AgentStanding>,
    paused: bool,
    removed: Option<String>,
    may_manage: bool,
    /// Whether it consists of documents that were handed in.
    documents: bool,
    /// Its score, and what is not known of it; none before a run was settled.
    score: Option<(i32, Option<String>)>,
    posture: String,
    /// Whether it has settings of its own.
    may_change: bool,
    may_run: bool,
}

async fn show(mut call: Call<ReadPosture>, id: web::Path<Uuid>) -> Result<HttpResponse, WebError> {
    let id = SourceId(id.into_inner());
    let row = source::get(&mut call.tx, id).await?;
    let running = Running::read(&mut call, Some(id), href(id)).await?;
    if call.wants_fragment() {
        return running.again(&call);
    }
    let after = words::query(&call.visit().here).find(|(key, _)| key == "after").map(|(_, value)| value);
    let runs = source::runs(&mut call.tx, id, &PageRequest { after, size: 12 }).await?;
    let blind = source::blind_spots(&mut call.tx, id).await?;
    let recipes = call.collector(&row.provider).map(|collector| collector.access(&row.settings)).unwrap_or_default();
    let now = call.now;
    let agent = AgentStanding::read(&mut call.tx, &row, now).await?;
    let part = Part::Source(id);
    let stands = posture::latest(&mut call.tx).await?.and_then(|latest| latest.standing(&part.word()));
    let page = Page {
        frame: call.frame(Nav::Sources),
        href: href(id),
        name: row.name.clone(),
        provider: words::provider(&row.provider).to_owned(),
        standing: Standing::of(&row),
        access: access_words(&row.settings),
        settings: settings(&row.settings),
        every: every(row.poll_seconds),
        resources: text::number(row.resources),
        scopes: (row.scopes > 0).then(|| text::plural(row.scopes, "scope")),
        error: row.last_error.clone().filter(|_| row.last_state.as_deref() == Some("failed")),
        is_running: runs.items.iter().any(|run| run.state == "running"),
        running,
        next: runs.next.map(|after| format!("{}?{}", href(id), fixes::pair("after", &after))),
        runs: runs.items.iter().map(|run| RunLine::of(run, now)).collect(),
        blind: blind.iter().map(|spot| Blind::of(spot, now)).collect(),
        test: Test::of(&row, now),
        recipes,
        credential: credential(&row),
        agent,
        paused: row.paused,
        removed: row.removed_at.map(text::day),
        documents: row.provider == bill::PROVIDER,
        score: stands.map(|own| (charts::whole(own.score), unsure(&own))),
        posture: part.href(),
        may_change: row.removed_at.is_none()
            && Provider::of(&row.provider).is_some()
            && call.may(Permission::ManageSources),
        may_manage: row.removed_at.is_none() && call.may(Permission::ManageSources),
        may_run: row.removed_at.is_none() && call.may(Permission::RunSource),
    };
    call.page(&page)
}

/// What is typed to replace the source's secret.
fn credential(row: &SourceRow) -> Credential {
    Provider::of(&row.provider).map_or(Credential::None, |provider| {
        SourceForm::stored(provider, &row.name, row.poll_seconds, &row.settings).credential()
    })
}

async fn test(mut call: Call<ReadPosture>, id: web::Path<Uuid>) -> Result<HttpResponse, WebError> {
    let id = SourceId(id.into_inner());
    let row = source::get(&mut call.tx, id).await?;
    if call.wants_fragment() {
        return call.page(&Test::of(&row, call.now));
    }
    Ok(call.visit().go(&href(id)))
}
