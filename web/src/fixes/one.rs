//! One fix with everything it takes.

use super::place::{Part, parts};
use super::{FixLine, Remedy, pair};
use crate::call::{Call, ReadPosture};
use crate::error::WebError;
use crate::frame::{Frame, Nav};
use crate::tickets::Tickets;
use crate::{charts, text, words};
use actix_web::{HttpResponse, web};
use askama::Template;
use chrono::{DateTime, Utc};
use plumbline_core::id::FixId;
use plumbline_core::role::Permission;
use plumbline_core::text::short_hashes;
use plumbline_policy::{Catalogue, Check};
use plumbline_store::fix::FixSubject;
use plumbline_store::{PageRequest, StoreError, TenantTx, finding, fix, posture};
use uuid::Uuid;

const PAGE: i64 = 40;

pub(super) async fn show(mut call: Call<ReadPosture>, id: web::Path<Uuid>) -> Result<HttpResponse, WebError> {
    let after = words::query(&call.visit().here).find(|(key, _)| key == "after").map(|(_, value)| value);
    let (catalogue, now) = (call.catalogue(), call.now);
    let one = One::read(&mut call.tx, catalogue, FixId(*id), after, now).await?;
    let may_open = call.may(Permission::Triage);
    let tickets = Tickets::read(&mut call.tx, FixId(*id), may_open).await?;
    call.page(&OnePage { frame: call.frame(Nav::Fixes), one, tickets })
}

#[derive(Template)]
#[template(path = "fixes/one.html")]
struct OnePage {
    frame: Frame,
    one: One,
    tickets: Tickets,
}

/// One fix.
struct One {
    line: FixLine,
    /// For a move from one thing to another, such as a base image's newer tag: both.
    bump: Option<(String, String)>,
    resource: Option<String>,
    source: String,
    done: bool,
    /// How many things run the images that it mends; none where that is not known of any.
    runners: Option<String>,
    /// The score now and with the fix applied, each with one decimal; none before the first reconcile.
    scores: Option<(String, String)>,
    /// Why it stands where it stands in the queue.
    place: Vec<Part>,
    steps: Vec<Step>,
    findings: Vec<Closed>,
    next: Option<String>,
}

/// What to do for one check, and what of it is closed.
struct Step {
    id: String,
    title: String,
    severity: &'static str,
    findings: String,
    why: String,
    expected: String,
    remedy: Remedy,
}

/// One finding that a fix closes.
struct Closed {
    id: String,
    risk: i16,
    /// Which of several failures of the check; empty where there is one.
    subject: String,
    check: String,
    resource: String,
    kind: String,
}

impl One {
    async fn read(
        tx: &mut TenantTx,
        catalogue: &Catalogue,
        id: FixId,
        after: Option<String>,
        now: DateTime<Utc>,
    ) -> Result<Self, StoreError> {
        let row = fix::get(tx, id).await?;
        let closes = fix::checks(tx, id).await?;
        let findings = finding::of_fix(tx, id, &PageRequest { after, size: PAGE }).await?;
        let runners = if row.fix_key.starts_with("image-") { fix::runners(tx, id).await? } else { 0 };
        let score = posture::latest(tx).await?.map(|posture| posture.score);
        let subjects = fix::subjects(tx, id).await?;
        let steps = closes.iter().filter_map(|part| {
            let check = catalogue.check(&part.check_id)?;
            let of_check: Vec<&FixSubject> = subjects.iter().filter(|one| one.check_id == check.id).collect();
            let remedy = Remedy::of_fix(check, &row.account, &row.region, &of_check);
            Some(Step::of(check, text::plural(part.findings, "finding"), remedy))
        });
        Ok(Self {
            resource: row.resource_id.map(|id| id.to_string()),
            source: row.source_name.clone(),
            done: row.open_findings == 0,
            runners: (runners > 0).then(|| text::plural(runners, "workload")),
            scores: score.map(|score| (charts::tenths(score), charts::tenths((score + row.gain).min(100.0)))),
            place: parts(&row, FixLine::of(&row, catalogue).effort),
            steps: steps.collect(),
            bump: row.target.split_once(" → ").map(|(from, to)| (short_hashes(from), short_hashes(to))),
            next: findings.next.map(|after| format!("/fixes/{id}?{}", pair("after", &after))),
            findings: findings.items.iter().map(|row| Closed::of(row, catalogue)).collect(),
            line: FixLine::at(&row, catalogue, now),
        })
    }
}

impl Step {
    fn of(check: &Check, findings: String, remedy: Remedy) -> Self {
        Self {
            id: check.id.clone(),
            title: check.title.clone(),
            severity: check.severity.as_str(),
            findings,
            why: check.why.clone(),
            expected: check.expected.clone(),
            remedy,
        }
    }
}

impl Closed {
    fn of(row: &finding::FindingRow, catalogue: &Catalogue) -> Self {
        Self {
            id: row.finding_id.to_string(),
            risk: row.risk,
            subject: short_hashes(&row.subject),
            check: words::check(catalogue, &row.check_id).to_owned(),
            resource: short_hashes(&row.resource_name),
            kind: words::kind(&row.resource_kind).to_owned(),
        }
    }
}
