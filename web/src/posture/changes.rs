//! Why the score changed: the ledger by day, in words, and the findings of one entry.

mod sentence;

use crate::call::{Call, ReadPosture};
use crate::error::WebError;
use crate::fixes::pair;
use crate::frame::{Frame, Nav};
use crate::route::Route;
use crate::{text, words};
use actix_web::HttpResponse;
use askama::Template;
use chrono::{DateTime, NaiveDate, Utc};
use plumbline_policy::Catalogue;
use plumbline_store::finding::FindingRow;
use plumbline_store::posture::LedgerEntry;
use plumbline_store::reconcile::Cause;
use plumbline_store::{PageRequest, finding, posture};

const PAGE: i64 = 60;

pub(super) fn routes() -> Vec<Route> {
    vec![Route::get("/posture/changes", index), Route::get("/posture/change", one)]
}

/// One line of what changed.
pub(super) struct Change {
    pub(super) points: String,
    pub(super) rises: bool,
    pub(super) words: String,
    pub(super) checks: Vec<CheckLink>,
    pub(super) at: String,
    pub(super) ago: String,
    pub(super) href: String,
}

pub(super) struct CheckLink {
    pub(super) title: String,
    pub(super) href: String,
}

impl Change {
    pub(super) fn of(entry: &LedgerEntry, catalogue: &Catalogue, now: DateTime<Utc>) -> Self {
        let reason = entry.reason();
        let link = |id: &str| CheckLink {
            title: words::check(catalogue, id).to_owned(),
            href: format!("/findings?{}", pair("check", id)),
        };
        Self {
            points: words::points(entry.delta),
            rises: entry.delta >= 0.0,
            words: sentence::sentence(&entry.cause, entry.findings, &reason, catalogue),
            checks: reason.checks.iter().map(|moved| link(&moved.check_id)).collect(),
            at: text::when(entry.at),
            ago: text::ago(entry.at, now),
            href: format!("/posture/change?{}&{}", pair("at", &entry.at.to_rfc3339()), pair("cause", &entry.cause)),
        }
    }
}

/// The changes of one day.
struct Day {
    title: String,
    /// What they come to.
    points: String,
    rises: bool,
    changes: Vec<Change>,
}

struct Choice {
    words: &'static str,
    href: String,
    chosen: bool,
}

#[derive(Template)]
#[template(path = "posture/changes.html")]
struct Page {
    frame: Frame,
    causes: Vec<Choice>,
    days: Vec<Day>,
    next: Option<String>,
    first: bool,
}

async fn index(mut call: Call<ReadPosture>) -> Result<HttpResponse, WebError> {
    let (mut cause, mut after) = (None, None);
    for (key, value) in words::query(&call.visit().here) {
        match key.as_ref() {
            "cause" => cause = Cause::parse(&value),
            "after" => after = Some(value),
            _ => {}
        }
    }
    let first = after.is_none();
    let page = PageRequest { after, size: PAGE };
    let found = posture::ledger(&mut call.tx, cause.map(Cause::as_str), &page).await?;
    let (catalogue, now) = (call.catalogue(), call.now);
    let page = Page {
        frame: call.frame(Nav::Posture),
        causes: choices(cause),
        days: days(&found.items, catalogue, now),
        next: found.next.map(|after| href(cause, Some(&after))),
        first,
    };
    call.page(&page)
}

fn href(cause: Option<Cause>, after: Option<&str>) -> String {
    let pairs = [cause.map(|cause| pair("cause", cause.as_str())), after.map(|after| pair("after", after))];
    let text: Vec<String> = pairs.into_iter().flatten().collect();
    if text.is_empty() { "/posture/changes".to_owned() } else { format!("/posture/changes?{}", text.join("&")) }
}

/// What moved the score of a group; the one cause more that groups have is that tags changed.
pub(super) fn cause_words(cause: &str) -> &'static str {
    Cause::parse(cause).map_or("Tags changed", sentence::cause_words)
}

fn choices(chosen: Option<Cause>) -> Vec<Choice> {
    let of = |cause: Option<Cause>| Choice {
        words: cause.map_or("All causes", sentence::cause_words),
        href: href(cause, None),
        chosen: cause == chosen,
    };
    std::iter::once(of(None)).chain(Cause::ALL.into_iter().map(|cause| of(Some(cause)))).collect()
}

fn days(entries: &[LedgerEntry], catalogue: &Catalogue, now: DateTime<Utc>) -> Vec<Day> {
    let day_of = |entry: &LedgerEntry| -> NaiveDate { entry.at.date_naive() };
    entries
        .chunk_by(|a, b| day_of(a) == day_of(b))
        .filter_map(|of_day| {
            let sum: f64 = of_day.iter().map(|entry| entry.delta).sum();
            Some(Day {
                title: text::day(of_day.first()?.at),
                points: words::points(sum),
                rises: sum >= 0.0,
                changes: of_day.iter().map(|entry| Change::of(entry, catalogue, now)).collect(),
            })
        })
        .collect()
}

/// One finding that moved.
struct Moved {
    href: String,
    risk: i16,
    state: String,
    resource: String,
    what: String,
}

impl Moved {
    fn of(row: &FindingRow, catalogue: &Catalogue) -> Self {
        let check = words::check(catalogue, &row.check_id);
        let subject =
            if row.subject.is_empty() { String::new() } else { format!("{} · ", words::subject(&row.subject)) };
        Self {
            href: format!("/findings/{}", row.finding_id),
            risk: row.risk,
            state: row.state.clone(),
            resource: row.resource_name.clone(),
            what: format!("{} · {subject}{check}", words::kind(&row.resource_kind)),
        }
    }
}

#[derive(Template)]
#[template(path = "posture/change.html")]
struct OnePage {
    frame: Frame,
    change: Change,
    gross: Option<String>,
    fix: Option<(String, String)>,
    findings: Vec<Moved>,
    /// How many moved in all.
    all: String,
    /// Whether more moved than are kept by name.
    cut: bool,
}

async fn one(mut call: Call<ReadPosture>) -> Result<HttpResponse, WebError> {
    let (mut at, mut cause) = (None, String::new());
    for (key, value) in words::query(&call.visit().here) {
        match key.as_ref() {
            "at" => at = value.parse::<DateTime<Utc>>().ok(),
            "cause" => cause = value,
            _ => {}
        }
    }
    let entry = posture::change(&mut call.tx, at.ok_or(WebError::NotFound)?, &cause).await?;
    let (catalogue, now, reason) = (call.catalogue(), call.now, entry.reason());
    let rows = finding::these(&mut call.tx, &reason.findings).await?;
    let page = OnePage {
        frame: call.frame(Nav::Posture),
        change: Change::of(&entry, catalogue, now),
        gross: ((entry.gross_delta - entry.delta).abs() > 0.005).then(|| words::points(entry.gross_delta)),
        fix: reason.fix.as_ref().map(|fix| (format!("/fixes/{}", fix.fix_id), sentence::fix_title(fix, catalogue))),
        findings: rows.iter().map(|row| Moved::of(row, catalogue)).collect(),
        all: text::plural(entry.findings, "finding"),
        cut: usize::try_from(entry.findings).is_ok_and(|all| all > rows.len()),
    };
    call.page(&page)
}
