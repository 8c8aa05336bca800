//! The tickets of a fix: the button that asks for one, and what became of it.

use crate::call::{Call, Triage};
use crate::error::WebError;
use crate::form::Form;
use crate::frame::Flash;
use crate::route::Route;
use crate::trackers;
use actix_web::{HttpResponse, web};
use plumbline_core::id::{FixId, TrackerId};
use plumbline_store::ticket::{self, Ticket};
use plumbline_store::{StoreError, TenantTx, fix};
use serde::Deserialize;
use serde_json::json;
use uuid::Uuid;

pub(crate) fn routes() -> Vec<Route> {
    vec![Route::post("/fixes/{fix}/ticket", open)]
}

#[derive(Deserialize)]
struct Chosen {
    #[serde(default)]
    tracker: String,
}

/// Asks for a ticket of a fix.
async fn open(mut call: Call<Triage>, id: web::Path<Uuid>, form: Form<Chosen>) -> Result<HttpResponse, WebError> {
    let id = FixId(*id);
    fix::get(&mut call.tx, id).await?;
    let tracker: TrackerId = form.0.tracker.parse().map_err(|_| WebError::Invalid("Choose a tracker.".to_owned()))?;
    let row = trackers::connected(&mut call.tx, tracker).await?;
    let (by, mint, path) = (call.actor.id, call.visit().state.mint.clone(), format!("/fixes/{id}"));
    match ticket::ask(&mut call.tx, id, tracker, by, &mint).await {
        Err(StoreError::Conflict(words)) => return Ok(call.refuse(&path, Flash::bad(words))),
        other => other?,
    };
    call.record("ticket.asked", &row.name, json!({ "fix": id, "tracker_id": tracker })).await?;
    call.done(&path, Flash::good(format!("A ticket is being opened in {}.", row.name))).await
}

/// What the page of a fix shows of its tickets.
pub(crate) struct Tickets {
    pub(crate) lines: Vec<TicketLine>,
    /// Trackers where it has none, or one that failed.
    pub(crate) offers: Vec<(String, String)>,
    pub(crate) may_open: bool,
}

/// One ticket of a fix.
pub(crate) struct TicketLine {
    pub(crate) tracker: String,
    pub(crate) href: Option<String>,
    pub(crate) key: String,
    pub(crate) class: &'static str,
    pub(crate) state: String,
    pub(crate) error: Option<String>,
}

impl TicketLine {
    fn of(row: &Ticket) -> Self {
        let (class, state) = match (row.state.as_str(), row.closed_there_at) {
            ("asked", _) => ("is-running", "being opened".to_owned()),
            ("done", _) => ("is-good", "done".to_owned()),
            ("failed", _) => ("is-failed", "failed".to_owned()),
            (_, Some(_)) => ("is-note", "closed there, awaiting proof".to_owned()),
            _ => ("is-open", row.their_state.clone().unwrap_or_else(|| "open".to_owned())),
        };
        // Their address is a tracker's word: only one that a browser may follow becomes a link.
        let href = row.url.clone().filter(|url| url.starts_with("https://") || url.starts_with("http://"));
        Self {
            tracker: row.tracker_name.clone(),
            href,
            key: row.external_key.clone().unwrap_or_default(),
            class,
            state,
            error: row.error.clone(),
        }
    }
}

impl Tickets {
    pub(crate) async fn read(tx: &mut TenantTx, fix: FixId, may_open: bool) -> Result<Self, StoreError> {
        let rows = ticket::of_fix(tx, fix).await?;
        let trackers = ticket::trackers(tx).await?;
        let has = |id: Uuid| rows.iter().any(|row| row.tracker_id == id && row.state != "failed");
        let offers = trackers.iter().filter(|row| !has(row.tracker_id));
        Ok(Self {
            offers: offers.map(|row| (row.tracker_id.to_string(), row.name.clone())).collect(),
            lines: rows.iter().map(TicketLine::of).collect(),
            may_open,
        })
    }
}
