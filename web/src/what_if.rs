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
use crate::text;
use actix_web::HttpResponse;
use askama::Template;
use draft::Draft;
use due::Due;
use outcome::Outcome;
use plumbline_core::filter::Mistake;
use plumbline_core::id::FixId;
use plumbline_store::exception::{self, Names, Thought};
use plumbline_store::finding::Refusal;
use plumbline_store::{fix, plan, posture, source};

pub(crate) fn routes() -> Vec<Route> {
    vec![Route::get("/what-if", show)]
}

/// A fix of the draft.
struct Ticked {
    line: FixLine,
    /// The draft without it.
    without: String,
}

/// An exception of the draft.
struct Drafted {
    line: String,
    findings: String,
    without: String,
    /// Where it is asked for.
    ask: String,
}

/// What is not understood of a filter, and the draft with what would be in its place.
struct Refused {
    says: String,
    instead: Option<(String, String)>,
}

#[derive(Template)]
#[template(path = "what_if.html")]
struct Page {
    frame: Frame,
    draft: Draft,
    fixes: Vec<Ticked>,
    exceptions: Vec<Drafted>,
    mistake: Option<Refused>,
    outcome: Option<Outcome>,
    /// Whether the exceptions cover more than is looked at.
    at_least: bool,
    due: Due,
}

async fn show(mut call: Call<ReadPosture>) -> Result<HttpResponse, WebError> {
    let (catalogue, now) = (call.catalogue(), call.now);
    let (mut draft, mistake) = read(&mut call).await?;
    let states = posture::check_states(&mut call.tx).await?;
    let rows = fix::these(&mut call.tx, &draft.fixes).await?;
    let known: Vec<FixId> = rows.iter().map(|row| FixId(row.fix_id)).collect();
    let removals = plan::removals(&mut call.tx, &known).await?;
    let fixed = outcome::fixed(&removals);
    let thought = exception::in_thought(&mut call.tx, catalogue.terms(), &draft.exceptions, &known, &fixed).await?;
    let overdue = plan::overdue(&mut call.tx, &known, now).await?;
    let due = Due::read(&mut call, &mut draft, &known).await?;
    let latest = posture::latest(&mut call.tx).await?;
    let taken = outcome::Taken::of(&removals, &thought);
    let names = source::names(&mut call.tx).await?;
    let names = names.into_iter().map(|source| (source.source_id, (String::new(), source.name))).collect();
    let page = Page {
        frame: call.frame(Nav::Fixes),
        fixes: rows
            .iter()
            .map(|row| Ticked {
                line: FixLine::at(row, catalogue, now),
                without: draft.without_fix(FixId(row.fix_id)).href(),
            })
            .collect(),
        exceptions: drafted(&draft, &thought, &names),
        mistake,
        at_least: thought.at_least,
        due,
        outcome: latest.map(|_| Outcome::of(catalogue, &states, &taken, overdue, draft.target)),
        draft,
    };
    call.page(&page)
}

/// The draft of the address, with what was typed as one exception more, or with what is wrong of that. A filter of the
/// address that is not understood is left out.
async fn read(call: &mut Call<ReadPosture>) -> Result<(Draft, Option<Refused>), WebError> {
    let mut draft = Draft::parse(&call.visit().here);
    for line in std::mem::take(&mut draft.exceptions) {
        if let Ok(line) = kept(call, &line).await? {
            draft.add(line);
        }
    }
    if draft.typed.trim().is_empty() {
        return Ok((draft, None));
    }
    match kept(call, &draft.typed).await? {
        Ok(line) => {
            draft.typed.clear();
            draft.add(line);
            Ok((draft, None))
        }
        Err(mistake) => {
            let between = if draft.href().contains('?') { '&' } else { '?' };
            let with = |line: String| {
                let href = format!("{}{between}{}", draft.href(), crate::fixes::pair("q", &line));
                (line, href)
            };
            let refused = Refused { says: mistake.says, instead: mistake.instead.map(with) };
            Ok((draft, Some(refused)))
        }
    }
}

/// The filter of an exception as it is kept, or what is not understood of it.
async fn kept(call: &mut Call<ReadPosture>, line: &str) -> Result<Result<String, Mistake>, WebError> {
    let terms = call.catalogue().terms();
    match exception::line(&mut call.tx, terms, line).await {
        Ok(line) => Ok(Ok(line)),
        Err(Refusal::Mistake(mistake)) => Ok(Err(mistake)),
        Err(Refusal::Store(error)) => Err(error.into()),
    }
}

fn drafted(draft: &Draft, thought: &Thought, names: &Names) -> Vec<Drafted> {
    let of = |(at, (line, (findings, more))): (usize, (&String, &(i64, bool)))| {
        let shown = exception::line_words(line, |id| names.get(&id).map(|(_, name)| name.clone()));
        let findings = text::plural(*findings, "open finding");
        Drafted {
            findings: if *more { format!("more than {findings}") } else { findings },
            without: draft.without_exception(at).href(),
            ask: format!("/exceptions/new?{}", crate::fixes::pair("q", &shown)),
            line: shown,
        }
    };
    draft.exceptions.iter().zip(&thought.counts).enumerate().map(of).collect()
}
