//! Changes to many findings at once: what a list shows or what was ticked, with a preview before and an undo after.

use super::{Reading, read_assign, read_due, tell_assigned};
use crate::call::{Call, ReadPosture, Triage};
use crate::error::WebError;
use crate::findings::{self, Reader};
use crate::form::{Form, Pressed};
use crate::frame::{Flash, Frame, Nav};
use crate::route::Route;
use crate::{text, words};
use actix_web::{HttpResponse, web};
use askama::Template;
use chrono::{DateTime, Utc};
use plumbline_core::id::{FindingId, PersonId};
use plumbline_core::role::Permission;
use plumbline_core::triage::{Move, Stage};
use plumbline_store::finding::MOST_CHOSEN;
use plumbline_store::triage::{Bulk, BulkRow, Change};
use plumbline_store::{finding, reconcile, triage};
use serde_json::json;
use url::form_urlencoded;
use uuid::Uuid;

/// Findings that can be ticked one by one.
const MOST_TICKED: usize = 1000;

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::post("/findings/bulk/preview", preview),
        Route::post("/findings/bulk", act),
        Route::get("/bulk", past),
        Route::post("/bulk/{bulk}/undo", undo),
    ]
}

/// Letters of an address that a filter takes at most.
const MOST_QUERY: usize = 8000;

/// A query string written anew: it becomes part of addresses, in pages and in mails, and carries nothing else into them.
fn query(typed: &str) -> String {
    let pairs = form_urlencoded::parse(typed.trim_start_matches('?').as_bytes());
    form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
}

/// The fields of a form, as they came: a finding may be named many times.
type Fields = Vec<(String, String)>;

/// What is to be done, and to which findings.
struct Wanted {
    /// The filter as the list's address has it; empty where findings were ticked.
    q: String,
    findings: Vec<FindingId>,
    action: String,
    team: String,
    assignee: String,
    due: String,
}

impl Wanted {
    fn read(fields: &[(String, String)]) -> Result<Self, WebError> {
        let one = |name: &str| fields.iter().find(|(field, _)| field == name).map_or("", |(_, value)| value.trim());
        let ticked = fields.iter().filter(|(field, value)| field == "finding" && !value.is_empty());
        let findings: Vec<FindingId> = ticked
            .map(|(_, id)| id.parse().map(FindingId))
            .collect::<Result<_, _>>()
            .map_err(|_| WebError::Invalid("A finding is named that is none.".to_owned()))?;
        if findings.len() > MOST_TICKED {
            return Err(WebError::Invalid(
                "At most 1,000 findings are ticked one by one. Select all that match.".into(),
            ));
        }
        let q = if findings.is_empty() { query(one("q")) } else { String::new() };
        if q.len() > MOST_QUERY {
            return Err(WebError::Invalid("The filter is longer than a filter can be.".to_owned()));
        }
        if findings.is_empty() && q.is_empty() {
            return Err(WebError::Invalid("Tick at least one finding, or select all that match.".to_owned()));
        }
        let owned = |name: &str| one(name).to_owned();
        Ok(Self {
            q,
            findings,
            action: owned("action"),
            team: owned("team"),
            assignee: owned("assignee"),
            due: owned("due"),
        })
    }

    async fn reading(&self, call: &mut Call<Triage>) -> Result<Reading, WebError> {
        if let Some(step) = Move::parse(&self.action) {
            let words = match step {
                Move::Start => "in progress",
                Move::Stop => "no longer in progress",
                Move::Claim => "claimed to be fixed",
            };
            return Ok(Reading { change: Change::Move(step), words: words.to_owned() });
        }
        match self.action.as_str() {
            "assign" => {
                let you = call.actor.id;
                read_assign(&mut call.tx, &self.team, &self.assignee, you).await
            }
            "due" => {
                let change = read_due(&self.due, call.now).map_err(|words| WebError::Invalid(words.to_owned()))?;
                let words = match change {
                    Change::Due(Some(due)) => format!("due {}", super::last_day(due)),
                    _ => "no longer due".to_owned(),
                };
                Ok(Reading { change, words })
            }
            _ => Err(WebError::Invalid("Choose what to do: start, stop, claim, assign or due.".to_owned())),
        }
    }

    /// Makes the table of the chosen findings.
    async fn choose(&self, call: &mut Call<Triage>) -> Result<(), WebError> {
        if !self.findings.is_empty() {
            finding::ticked(&mut call.tx, &self.findings).await?;
            return Ok(());
        }
        let catalogue = call.catalogue();
        let reader = Reader { me: call.actor.id, now: call.now };
        let filter = findings::filter(&mut call.tx, catalogue, &self.q, reader).await?;
        if finding::matching(&mut call.tx, &filter).await? {
            let most = text::number(MOST_CHOSEN);
            return Err(WebError::Conflict(format!(
                "More than {most} findings match. Narrow the list, and do it in parts."
            )));
        }
        Ok(())
    }

    /// What the form that does it must carry.
    fn hidden(&self) -> Vec<(&'static str, String)> {
        let mut fields: Vec<(&'static str, String)> =
            self.findings.iter().map(|finding| ("finding", finding.to_string())).collect();
        for (name, value) in [
            ("q", &self.q),
            ("action", &self.action),
            ("team", &self.team),
            ("assignee", &self.assignee),
            ("due", &self.due),
        ] {
            if !value.is_empty() {
                fields.push((name, value.clone()));
            }
        }
        fields
    }

    fn list(&self) -> String {
        if self.q.is_empty() { "/findings".to_owned() } else { format!("/findings?{}", self.q) }
    }
}

#[derive(Template)]
#[template(path = "triage/bulk_preview.html")]
struct PreviewPage {
    frame: Frame,
    words: String,
    chosen: String,
    changed: i64,
    changes: String,
    /// How many are as they would be, or in a state from which it cannot be done.
    left: Option<String>,
    stages: Vec<(&'static str, String)>,
    hidden: Vec<(&'static str, String)>,
    list: String,
}

async fn preview(mut call: Call<Triage>, form: Form<Fields>) -> Result<HttpResponse, WebError> {
    let wanted = Wanted::read(&form.0)?;
    let reading = wanted.reading(&mut call).await?;
    wanted.choose(&mut call).await?;
    let (changed, stages) = triage::preview(&mut call.tx, &reading.change).await?;
    let left = changed.chosen - changed.changed;
    let page = PreviewPage {
        frame: call.frame(Nav::Findings),
        words: reading.words,
        chosen: text::plural(changed.chosen, "finding"),
        changed: changed.changed,
        changes: text::plural(changed.changed, "finding"),
        left: (left > 0).then(|| text::number(left)),
        stages: stages
            .into_iter()
            .map(|(stage, count)| (Stage::parse(&stage).map_or("", Stage::words), text::number(count)))
            .collect(),
        hidden: wanted.hidden(),
        list: wanted.list(),
    };
    call.page(&page)
}

async fn act(mut call: Call<Triage>, form: Form<Fields>) -> Result<HttpResponse, WebError> {
    let wanted = Wanted::read(&form.0)?;
    let reading = wanted.reading(&mut call).await?;
    reconcile::try_lock(&mut call.tx).await?;
    wanted.choose(&mut call).await?;
    let (by, actor, now, id) = (call.actor.id, call.actor.name.clone(), call.now, new_id(&call));
    let bulk = Bulk { id, by, actor: &actor, change: &reading.change, q: &wanted.q, detail: &reading.words };
    let done = triage::record(&mut call.tx, &bulk, now).await?;
    if done.changed == 0 {
        return Ok(call.refuse(&wanted.list(), Flash::bad("Nothing changed: none of them is in a state for it.")));
    }
    tell_assigned(&mut call, &reading.change, done.changed, &wanted.list()).await?;
    let detail = json!({ "filter": wanted.q, "findings": done.changed, "what": reading.words });
    call.record("findings.changed_in_bulk", &id.to_string(), detail).await?;
    let said = format!("{}: {}. It can be undone for an hour.", text::plural(done.changed, "finding"), reading.words);
    call.done("/bulk", Flash::good(said)).await
}

fn new_id<P>(call: &Call<P>) -> Uuid {
    plumbline_core::id::AuditId::mint(call.mint()).0
}

#[derive(Template)]
#[template(path = "triage/bulk.html")]
struct PastPage {
    frame: Frame,
    rows: Vec<PastRow>,
}

struct PastRow {
    id: String,
    actor: String,
    at: String,
    ago: String,
    words: String,
    findings: String,
    /// The list that it was made from, as it is now.
    list: Option<String>,
    undone: Option<String>,
    may_undo: bool,
}

impl PastRow {
    fn of(row: BulkRow, now: DateTime<Utc>, may: bool) -> Self {
        let undone = row.undone_at.map(|at| {
            format!("undone {}: {} restored", text::ago(at, now), text::number(row.restored.unwrap_or_default()))
        });
        Self {
            id: row.bulk_id.to_string(),
            actor: row.actor,
            at: text::when(row.at),
            ago: text::ago(row.at, now),
            words: words::capital(&row.detail),
            findings: text::plural(row.findings, "finding"),
            list: (!row.q.is_empty()).then(|| format!("/findings?{}", row.q)),
            may_undo: may && undone.is_none() && now - row.at <= triage::UNDO,
            undone,
        }
    }
}

async fn past(mut call: Call<ReadPosture>) -> Result<HttpResponse, WebError> {
    let (now, may) = (call.now, call.may(Permission::Triage));
    let rows = triage::bulks(&mut call.tx).await?;
    let rows = rows.into_iter().filter(|row| row.findings > 0).map(|row| PastRow::of(row, now, may)).collect();
    let page = PastPage { frame: call.frame(Nav::Findings), rows };
    call.page(&page)
}

async fn undo(mut call: Call<Triage>, bulk: web::Path<Uuid>, _form: Form<Pressed>) -> Result<HttpResponse, WebError> {
    let (by, now): (PersonId, _) = (call.actor.id, call.now);
    reconcile::try_lock(&mut call.tx).await?;
    let restored = triage::undo(&mut call.tx, *bulk, by, now).await?;
    call.record("findings.bulk_undone", &bulk.to_string(), json!({ "restored": restored })).await?;
    let said = format!(
        "Undone: {} restored. Whatever somebody changed since stays as it is.",
        text::plural(restored, "finding")
    );
    call.done("/bulk", Flash::good(said)).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_one_line_of_an_address() {
        assert_eq!(query("?severity=high&severity=low"), "severity=high&severity=low");
        assert_eq!(query("q=a\r\nhttps://elsewhere.example.com"), "q=a%0D%0Ahttps%3A%2F%2Felsewhere.example.com");
    }
}
