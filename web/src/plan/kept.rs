//! A plan that is kept, and how far it has come.

use super::{day, reckon::fixes_in_words};
use crate::call::{Call, ReadPosture, Triage};
use crate::error::WebError;
use crate::fixes::FixLine;
use crate::form::{Form, Pressed};
use crate::frame::{Flash, Frame, Nav};
use crate::part::Part;
use crate::route::Route;
use crate::{charts, text};
use actix_web::{HttpResponse, web};
use askama::Template;
use plumbline_core::id::PlanId;
use plumbline_core::role::Permission;
use plumbline_policy::Catalogue;
use plumbline_store::plan::{self, PlanRow};
use plumbline_store::source::SourceName;
use plumbline_store::{posture, source};
use serde_json::json;
use uuid::Uuid;

pub(super) fn routes() -> Vec<Route> {
    vec![Route::get("/plans/{plan}", show), Route::post("/plans/{plan}/remove", remove)]
}

/// A plan in a list.
pub(super) struct KeptLine {
    pub(super) href: String,
    pub(super) name: String,
    pub(super) part: String,
    pub(super) target: i16,
    pub(super) due: String,
    pub(super) progress: String,
}

impl KeptLine {
    pub(super) fn of(row: &PlanRow, catalogue: &Catalogue, sources: &[SourceName]) -> Self {
        Self {
            href: format!("/plans/{}", row.plan_id),
            name: row.name.clone(),
            part: part_title(row, catalogue, sources),
            target: row.target,
            due: day(row.due),
            progress: progress(row),
        }
    }
}

fn progress(row: &PlanRow) -> String {
    format!("{} of {} done", text::number(row.done), fixes_in_words(usize::try_from(row.fixes).unwrap_or(0)))
}

fn part_title(row: &PlanRow, catalogue: &Catalogue, sources: &[SourceName]) -> String {
    Part::parse(&row.part, catalogue).map_or_else(|| row.part.clone(), |part| part.title(catalogue, sources))
}

#[derive(Template)]
#[template(path = "plan/one.html")]
struct OnePage {
    frame: Frame,
    id: String,
    line: KeptLine,
    made: String,
    then: String,
    now: Option<String>,
    planned: String,
    /// Whether the score is as high as was wanted.
    reached: bool,
    /// Whether its day is over.
    over: bool,
    done: i32,
    fixes: Vec<Planned>,
    may_remove: bool,
}

/// One fix of the plan.
struct Planned {
    line: FixLine,
    done: bool,
}

async fn show(mut call: Call<ReadPosture>, id: web::Path<Uuid>) -> Result<HttpResponse, WebError> {
    let (catalogue, now) = (call.catalogue(), call.now);
    let row = plan::get(&mut call.tx, PlanId(*id)).await?;
    let sources = source::names(&mut call.tx).await?;
    let fixes = plan::fixes(&mut call.tx, PlanId(*id)).await?;
    let latest = posture::latest(&mut call.tx).await?;
    let part = Part::parse(&row.part, catalogue);
    let score = latest.and_then(|latest| part.as_ref()?.score(&latest));
    let by = row.made_by.as_ref().map_or_else(String::new, |name| format!(" by {name}"));
    let page = OnePage {
        frame: call.frame(Nav::Fixes),
        id: id.to_string(),
        line: KeptLine::of(&row, catalogue, &sources),
        made: format!("{}{by}", text::when(row.made_at)),
        then: charts::tenths(row.score_then),
        now: score.map(charts::tenths),
        planned: charts::tenths(row.score_planned),
        reached: score.is_some_and(|score| score >= f64::from(row.target)),
        over: row.due < now.date_naive(),
        done: charts::share(row.done, row.fixes),
        fixes: fixes
            .iter()
            .map(|fix| Planned { line: FixLine::at(fix, catalogue, now), done: fix.open_findings == 0 })
            .collect(),
        may_remove: call.may(Permission::Triage),
    };
    call.page(&page)
}

async fn remove(mut call: Call<Triage>, id: web::Path<Uuid>, _form: Form<Pressed>) -> Result<HttpResponse, WebError> {
    let row = plan::get(&mut call.tx, PlanId(*id)).await?;
    plan::remove(&mut call.tx, PlanId(*id)).await?;
    call.record("plan.removed", &row.name, json!({ "done": row.done, "fixes": row.fixes })).await?;
    call.done("/plan", Flash::good("The plan is no longer kept. Its fixes are as they were.")).await
}
