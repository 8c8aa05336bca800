//! What is late and what is due within a week: by team and severity, and the first of them.

use crate::call::{Call, ReadPosture};
use crate::error::WebError;
use crate::frame::{Frame, Nav};
use crate::route::Route;
use crate::{text, words};
use actix_web::HttpResponse;
use askama::Template;
use chrono::{DateTime, Utc};
use plumbline_core::triage::Stage;
use plumbline_policy::Catalogue;
use plumbline_store::triage::{self, Breach, DueRow};

pub(super) fn routes() -> Vec<Route> {
    vec![Route::get("/sla", show)]
}

#[derive(Template)]
#[template(path = "triage/sla.html")]
struct SlaPage {
    frame: Frame,
    late: i64,
    soon: i64,
    late_words: String,
    soon_words: String,
    breaches: Vec<BreachRow>,
    first: Vec<DueLine>,
}

struct BreachRow {
    team: Option<String>,
    severity: String,
    late: i64,
    soon: i64,
}

impl BreachRow {
    fn of(breach: Breach) -> Self {
        Self { team: breach.team, severity: breach.severity, late: breach.late, soon: breach.soon }
    }
}

struct DueLine {
    id: String,
    risk: i16,
    severity: String,
    title: String,
    subject: String,
    resource: String,
    stage: &'static str,
    owner: String,
    due: String,
    late: bool,
}

impl DueLine {
    fn of(row: DueRow, catalogue: &Catalogue, now: DateTime<Utc>) -> Self {
        let owner = match (row.assignee, row.team) {
            (Some(person), Some(team)) => format!("{person}, {team}"),
            (Some(owner), None) | (None, Some(owner)) => owner,
            (None, None) => "nobody".to_owned(),
        };
        Self {
            id: row.finding_id.to_string(),
            risk: row.risk,
            severity: row.severity,
            title: words::check(catalogue, &row.check_id).to_owned(),
            subject: words::subject(&row.subject),
            resource: row.resource_name,
            stage: Stage::parse(&row.stage).map_or("", Stage::words),
            owner,
            due: super::last_day(row.due_at),
            late: row.due_at <= now,
        }
    }
}

async fn show(mut call: Call<ReadPosture>) -> Result<HttpResponse, WebError> {
    let (now, catalogue) = (call.now, call.catalogue());
    let breaches = triage::breaches(&mut call.tx, now).await?;
    let first = triage::due_first(&mut call.tx, now).await?;
    let late = breaches.iter().map(|breach| breach.late).sum();
    let soon = breaches.iter().map(|breach| breach.soon).sum();
    let page = SlaPage {
        frame: call.frame(Nav::Findings),
        late,
        soon,
        late_words: text::plural(late, "finding"),
        soon_words: text::plural(soon, "finding"),
        breaches: breaches.into_iter().map(BreachRow::of).collect(),
        first: first.into_iter().map(|row| DueLine::of(row, catalogue, now)).collect(),
    };
    call.page(&page)
}
