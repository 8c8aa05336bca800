//! What if: fixes done, risks accepted and other terms kept in thought, and what becomes of score, keys, frameworks and due dates. Nothing is
//! written; the address holds the whole draft, so that it can be shared.

mod draft;
mod due;
mod outcome;

use crate::call::{Call, ReadPosture};
use crate::error::WebError;
use crate::fixes::FixLine;
use crate::frame::{Frame, Nav};
use crate::route::Route;
use crate::{text, words};
use actix_web::HttpResponse;
use askama::Template;
use draft::Draft;
use due::Due;
use outcome::Outcome;
use plumbline_core::id::FixId;
use plumbline_core::risk::Exposure;
use plumbline_policy::Catalogue;
use plumbline_store::plan::{self, Excepted};
use plumbline_store::posture::CheckState;
use plumbline_store::source::SourceName;
use plumbline_store::{fix, posture, source};
use std::collections::BTreeMap;

/// Checks that the form offers to except, the ones that cost most.
const OFFERED: usize = 200;

pub(crate) fn routes() -> Vec<Route> {
    vec![Route::get("/what-if", show)]
}

struct Choice {
    value: String,
    words: String,
}

/// A fix of the draft.
struct Ticked {
    line: FixLine,
    /// The draft without it.
    without: String,
}

/// An exception of the draft.
struct Drafted {
    title: String,
    narrowed: String,
    findings: String,
    without: String,
}

#[derive(Template)]
#[template(path = "what_if.html")]
struct Page {
    frame: Frame,
    draft: Draft,
    fixes: Vec<Ticked>,
    exceptions: Vec<Drafted>,
    checks: Vec<Choice>,
    exposures: Vec<Choice>,
    sources: Vec<Choice>,
    outcome: Option<Outcome>,
    /// Whether fixes and exceptions of the draft may meet in the same findings.
    at_least: bool,
    due: Due,
}

async fn show(mut call: Call<ReadPosture>) -> Result<HttpResponse, WebError> {
    let (catalogue, now) = (call.catalogue(), call.now);
    let mut draft = Draft::parse(&call.visit().here, catalogue);
    let states = posture::check_states(&mut call.tx).await?;
    let sources = source::names(&mut call.tx).await?;
    let rows = fix::these(&mut call.tx, &draft.fixes).await?;
    let known: Vec<FixId> = rows.iter().map(|row| FixId(row.fix_id)).collect();
    let removals = plan::removals(&mut call.tx, &known).await?;
    let counts = plan::excepted(&mut call.tx, &draft.exceptions).await?;
    let overdue = plan::overdue(&mut call.tx, &known, now).await?;
    let due = Due::read(&mut call, &mut draft, &known).await?;
    let latest = posture::latest(&mut call.tx).await?;
    let taken = outcome::Taken::of(&draft.exceptions, &counts, &removals, &states);
    let page = Page {
        frame: call.frame(Nav::Fixes),
        fixes: rows
            .iter()
            .map(|row| Ticked {
                line: FixLine::at(row, catalogue, now),
                without: draft.without_fix(FixId(row.fix_id)).href(),
            })
            .collect(),
        exceptions: drafted(&draft, &counts, catalogue, &sources),
        checks: offered(&states, catalogue),
        exposures: Exposure::ALL
            .map(|e| Choice { value: e.as_str().to_owned(), words: words::capital(e.as_str()) })
            .into(),
        sources: sources
            .iter()
            .map(|one| Choice { value: one.source_id.to_string(), words: one.name.clone() })
            .collect(),
        at_least: taken.meet,
        due,
        outcome: latest.map(|_| Outcome::of(catalogue, &states, &taken, overdue, draft.target)),
        draft,
    };
    call.page(&page)
}

fn drafted(draft: &Draft, counts: &[(i64, i64)], catalogue: &Catalogue, sources: &[SourceName]) -> Vec<Drafted> {
    let of = |(at, (one, count)): (usize, (&Excepted, &(i64, i64)))| {
        let source = one.source.and_then(|id| sources.iter().find(|source| source.source_id == id.0));
        let narrowed = [one.exposure.map(|e| format!("exposure {}", e.as_str())), source.map(|s| s.name.clone())];
        let narrowed: Vec<String> = narrowed.into_iter().flatten().collect();
        Drafted {
            title: words::check(catalogue, &one.check).to_owned(),
            narrowed: narrowed.join(", "),
            findings: text::plural(count.0, "open finding"),
            without: draft.without_exception(at).href(),
        }
    };
    draft.exceptions.iter().zip(counts).enumerate().map(of).collect()
}

/// The checks that cost most, by name.
fn offered(states: &BTreeMap<String, CheckState>, catalogue: &Catalogue) -> Vec<Choice> {
    let mut open: Vec<&CheckState> = states.values().filter(|state| state.net_loss > 0).collect();
    open.sort_by_key(|state| std::cmp::Reverse(state.net_loss));
    let named = |state: &CheckState| Choice {
        value: state.check_id.clone(),
        words: words::check(catalogue, &state.check_id).to_owned(),
    };
    let mut choices: Vec<Choice> = open.into_iter().take(OFFERED).map(named).collect();
    choices.sort_by(|a, b| a.words.cmp(&b.words));
    choices
}
