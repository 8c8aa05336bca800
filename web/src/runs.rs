//! Runs: one poll of a source, while it goes on and afterwards.

use crate::call::{Call, ReadPosture, RunSource};
use crate::charts;
use crate::error::WebError;
use crate::form::{Form, Pressed};
use crate::frame::{Flash, Frame, Nav};
use crate::route::Route;
use crate::sources::href;
use crate::{text, words};
use actix_web::{HttpResponse, web};
use askama::Template;
use chrono::{DateTime, Utc};
use plumbline_core::id::{RunId, SourceId};
use plumbline_core::role::Permission;
use plumbline_store::source::{self, RunRow, RunScope};
use serde_json::json;
use uuid::Uuid;

pub(crate) fn routes() -> Vec<Route> {
    vec![Route::get("/sources/{source}/runs/{run}", show), Route::post("/sources/{source}/runs/{run}/cancel", cancel)]
}

/// One run in a list.
pub(crate) struct RunLine {
    pub(crate) href: String,
    pub(crate) source: String,
    pub(crate) state: String,
    pub(crate) words: &'static str,
    pub(crate) started: String,
    pub(crate) started_at: String,
    /// How long it took, or has taken so far.
    pub(crate) took: String,
    pub(crate) scopes: String,
    pub(crate) not_read: i32,
    pub(crate) done: i32,
    pub(crate) planned: i32,
    pub(crate) percent: i32,
    pub(crate) resources: String,
    pub(crate) changes: String,
}

/// The runs that are under way, on a page that asks for them again until there are none.
#[derive(Template)]
#[template(path = "sources/_running.html")]
pub(crate) struct Running {
    /// The page that they stand on.
    href: String,
    lines: Vec<RunLine>,
}

impl Running {
    /// Those of one source, or with none all of the tenant's.
    pub(crate) async fn read(
        call: &mut Call<ReadPosture>,
        source: Option<SourceId>,
        href: String,
    ) -> Result<Self, WebError> {
        let rows = source::running(&mut call.tx).await?;
        let concerned = rows.iter().filter(|row| source.is_none_or(|source| row.source_id == source.0));
        Ok(Self { href, lines: concerned.map(|row| RunLine::of(row, call.now)).collect() })
    }

    /// The answer when they are asked for again: how far they are, or that the page has something new to show.
    pub(crate) fn again(&self, call: &Call<ReadPosture>) -> Result<HttpResponse, WebError> {
        if self.lines.is_empty() {
            call.htmx.refresh();
        }
        call.page(self)
    }
}

impl RunLine {
    pub(crate) fn of(row: &RunRow, now: DateTime<Utc>) -> Self {
        let not_read = row.scopes_denied + row.scopes_failed;
        let done = row.scopes_complete + not_read;
        Self {
            href: format!("{}/runs/{}", href(row.source_id), row.run_id),
            source: row.source_name.clone(),
            state: row.state.clone(),
            words: state_words(&row.state),
            started: text::ago(row.started_at, now),
            started_at: text::when(row.started_at),
            took: words::span(row.finished_at.unwrap_or(now) - row.started_at),
            scopes: format!("{} of {}", text::number(done.into()), text::plural(row.scopes_planned.into(), "scope")),
            not_read,
            done,
            planned: row.scopes_planned,
            percent: charts::share(done.into(), row.scopes_planned.into()),
            resources: text::plural(row.resources_seen.into(), "resource"),
            changes: format!(
                "{} changed, {} gone",
                text::number(row.resources_changed.into()),
                text::number(row.resources_retired.into())
            ),
        }
    }
}

fn state_words(state: &str) -> &'static str {
    match state {
        "running" => "Running",
        "complete" => "Complete",
        "partial" => "Partly read",
        "failed" => "Failed",
        _ => "Cancelled",
    }
}

/// The scopes of one service that were not read.
struct Service {
    name: String,
    scopes: Vec<ScopeLine>,
}

struct ScopeLine {
    reader: String,
    place: String,
    outcome: String,
    permission: Option<String>,
    detail: String,
}

/// The part of the page that moves while the run goes on.
#[derive(Template)]
#[template(path = "sources/_run.html")]
struct Live {
    line: RunLine,
    running: bool,
    cancelling: bool,
    may_cancel: bool,
    csrf: String,
    read: i32,
    denied: i32,
    failed: i32,
    calls: String,
    error: Option<String>,
    notes: Vec<String>,
    services: Vec<Service>,
}

#[derive(Template)]
#[template(path = "sources/run.html")]
struct Page {
    frame: Frame,
    source_href: String,
    live: Live,
}

async fn show(mut call: Call<ReadPosture>, path: web::Path<(Uuid, Uuid)>) -> Result<HttpResponse, WebError> {
    let (source_id, run_id) = (SourceId(path.0), RunId(path.1));
    let row = source::run(&mut call.tx, source_id, run_id).await?;
    let scopes = source::run_scopes(&mut call.tx, run_id).await?;
    let live = Live::of(&row, scopes, &call);
    if call.wants_fragment() {
        return call.page(&live);
    }
    call.page(&Page { frame: call.frame(Nav::Sources), source_href: href(source_id), live })
}

impl Live {
    fn of(row: &RunRow, scopes: Vec<RunScope>, call: &Call<ReadPosture>) -> Self {
        let running = row.state == "running";
        Self {
            line: RunLine::of(row, call.now),
            running,
            cancelling: running && row.cancel_requested,
            may_cancel: running && !row.cancel_requested && call.may(Permission::RunSource),
            csrf: call.csrf(),
            read: row.scopes_complete,
            denied: row.scopes_denied,
            failed: row.scopes_failed,
            calls: text::plural(row.api_calls, "call"),
            error: row.error.clone(),
            notes: row.notes.0.clone(),
            services: by_service(scopes),
        }
    }
}

fn by_service(scopes: Vec<RunScope>) -> Vec<Service> {
    let mut services: Vec<Service> = Vec::new();
    for scope in scopes {
        let name = scope.reader.split('.').next().unwrap_or_default().to_owned();
        let line = ScopeLine {
            reader: scope.reader,
            place: format!("{} / {}", scope.account, scope.region),
            outcome: scope.outcome,
            permission: scope.permission.filter(|permission| !permission.is_empty()),
            detail: scope.detail.unwrap_or_default(),
        };
        match services.last_mut().filter(|service| service.name == name) {
            Some(service) => service.scopes.push(line),
            None => services.push(Service { name, scopes: vec![line] }),
        }
    }
    services
}

async fn cancel(
    mut call: Call<RunSource>,
    path: web::Path<(Uuid, Uuid)>,
    _form: Form<Pressed>,
) -> Result<HttpResponse, WebError> {
    let (source_id, run_id) = (SourceId(path.0), RunId(path.1));
    let row = source::run(&mut call.tx, source_id, run_id).await?;
    let here = format!("{}/runs/{run_id}", href(source_id));
    if !source::request_cancel(&mut call.tx, source_id, run_id).await? {
        return Ok(call.refuse(&here, Flash::bad("This run is over already.")));
    }
    call.record("source.run_cancelled", &row.source_name, json!({ "source_id": source_id, "run_id": run_id })).await?;
    call.done(&here, Flash::good("The run stops at the next scope. What it has read so far changes nothing.")).await
}
