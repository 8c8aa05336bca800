//! One part of the posture: a key, a framework, a source or a group by itself, and where it is going.

use super::changes::cause_words;
use super::parts::Standing;
use crate::call::{Call, ReadPosture};
use crate::charts::Trend;
use crate::error::WebError;
use crate::fixes::pair;
use crate::frame::{Frame, Nav};
use crate::part::Part;
use crate::route::Route;
use crate::{text, words};
use actix_web::HttpResponse;
use askama::Template;
use chrono::{DateTime, Utc};
use plumbline_store::group::{self, GroupChange};
use plumbline_store::{PageRequest, TenantTx, posture, source};

/// Changes of a group on one page.
const PAGE: i64 = 20;

pub(super) fn routes() -> Vec<Route> {
    vec![Route::get("/posture/part", show)]
}

/// Why the score of a group moved.
struct ChangeLine {
    words: String,
    at: String,
    ago: String,
    points: String,
    rises: bool,
}

impl ChangeLine {
    fn of(change: &GroupChange, now: DateTime<Utc>) -> Self {
        let some = text::plural(change.findings, "finding");
        Self {
            words: if change.findings == 0 {
                cause_words(&change.cause).to_owned()
            } else {
                format!("{}: {some}", cause_words(&change.cause))
            },
            at: text::when(change.at),
            ago: text::ago(change.at, now),
            points: words::points(change.delta),
            rises: change.delta >= 0.0,
        }
    }
}

#[derive(Template)]
#[template(path = "posture/part.html")]
struct Page {
    frame: Frame,
    title: String,
    sort: &'static str,
    standing: Option<Standing>,
    open: Option<String>,
    trend: Option<Trend>,
    /// Kept of groups alone.
    changes: Option<Vec<ChangeLine>>,
    earlier: Option<String>,
    findings: String,
    plan: String,
    /// The source itself.
    source: Option<String>,
}

async fn show(mut call: Call<ReadPosture>) -> Result<HttpResponse, WebError> {
    let (mut word, mut after) = (String::new(), None);
    for (key, value) in words::query(&call.visit().here) {
        match key.as_ref() {
            "part" => word = value,
            "after" => after = Some(value),
            _ => {}
        }
    }
    let (catalogue, now) = (call.catalogue(), call.now);
    let part = Part::parse(&word, catalogue).ok_or(WebError::NotFound)?;
    let sources = source::names(&mut call.tx).await?;
    let latest = posture::latest(&mut call.tx).await?;
    let standing = latest.as_ref().and_then(|latest| latest.standing(&part.word()));
    if standing.is_none() && !is_there(&mut call.tx, &part, &sources).await? {
        return Err(WebError::NotFound);
    }
    let changes = match &part {
        Part::Group { key, value } => {
            let page = PageRequest { after, size: PAGE };
            Some(group::changes(&mut call.tx, key, value, &page).await?)
        }
        _ => None,
    };
    let earlier = changes.as_ref().and_then(|changes| changes.next.as_ref());
    let page = Page {
        frame: call.frame(Nav::Posture),
        title: part.title(catalogue, &sources),
        sort: sort(&part),
        standing: standing.as_ref().map(Standing::of),
        open: standing.and_then(|own| own.open).map(|open| text::plural(open, "open finding")),
        trend: trend(&mut call.tx, &part, now).await?,
        earlier: earlier.map(|after| format!("{}&{}", part.href(), pair("after", after))),
        changes: changes.map(|page| page.items.iter().map(|one| ChangeLine::of(one, now)).collect()),
        findings: part.findings(),
        plan: format!("/plan?{}", pair("part", &part.word())),
        source: if let Part::Source(id) = &part { Some(format!("/sources/{id}")) } else { None },
    };
    call.page(&page)
}

fn sort(part: &Part) -> &'static str {
    match part {
        Part::Whole => "Posture",
        Part::Layer(_) => "Key",
        Part::Framework(_) => "Framework",
        Part::Source(_) => "Source",
        Part::Group { .. } => "Group",
    }
}

/// Whether there is such a part of which no posture tells yet.
async fn is_there(tx: &mut TenantTx, part: &Part, sources: &[source::SourceName]) -> Result<bool, WebError> {
    Ok(match part {
        Part::Source(id) => sources.iter().any(|source| source.source_id == id.0),
        Part::Group { key, value } => group::exists(tx, key, value).await?,
        _ => true,
    })
}

async fn trend(tx: &mut TenantTx, part: &Part, now: DateTime<Utc>) -> Result<Option<Trend>, WebError> {
    let Some(began) = posture::began(tx).await? else { return Ok(None) };
    let points = posture::part_trend(tx, &part.word(), began.max(now - super::TREND), now, 60).await?;
    Ok(Trend::of(&points))
}
