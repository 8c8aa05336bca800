//! The tenant's own policies, and by when findings are due.

use crate::call::{Call, ManageRules, ReadPosture};
use crate::error::WebError;
use crate::form::Form;
use crate::frame::{Flash, Frame, Nav};
use crate::route::Route;
use crate::{text, words};
use actix_web::HttpResponse;
use askama::Template;
use plumbline_core::risk::Exposure;
use plumbline_core::role::Permission;
use plumbline_core::triage::sla::{MOST_DAYS, Policy};
use plumbline_core::verdict::Severity;
use plumbline_store::job::{self, Task};
use plumbline_store::triage;
use serde_json::{Value, json};
use std::collections::BTreeMap;

const PATH: &str = "/settings/sla";

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::get("/settings", index),
        Route::get("/settings/sla", show),
        Route::post("/settings/sla/preview", preview),
        Route::post("/settings/sla", keep),
    ]
}

#[derive(Template)]
#[template(path = "settings/index.html")]
struct IndexPage {
    frame: Frame,
}

async fn index(call: Call<ReadPosture>) -> Result<HttpResponse, WebError> {
    call.page(&IndexPage { frame: call.frame(Nav::Settings) })
}

#[derive(Template)]
#[template(path = "settings/sla.html")]
struct SlaPage {
    frame: Frame,
    may_change: bool,
    exposures: Vec<&'static str>,
    rows: Vec<TermRow>,
    refused: Option<String>,
    previewed: Option<Previewed>,
}

/// What a policy would do that is not kept yet.
struct Previewed {
    terms: String,
    late: Option<String>,
}

/// The days of one severity, from the most exposed on.
pub(crate) struct TermRow {
    pub(crate) severity: &'static str,
    pub(crate) title: String,
    pub(crate) cells: Vec<Cell>,
}

pub(crate) struct Cell {
    pub(crate) name: String,
    pub(crate) label: String,
    pub(crate) days: String,
}

/// The fields of the form: one for each severity and exposure.
pub(crate) type Fields = BTreeMap<String, String>;

/// A policy as it stands in the fields.
pub(crate) fn fields(policy: &Policy) -> Fields {
    let days = |days: Option<i32>| days.map(|days| days.to_string()).unwrap_or_default();
    policy.terms().iter().map(|term| (field(term.severity, term.exposure), days(term.days))).collect()
}

/// What the columns of a table of terms are called.
pub(crate) fn exposures() -> Vec<&'static str> {
    Exposure::ALL.into_iter().map(reachable).collect()
}

/// The rows of a table of terms, with what stands in the fields.
pub(crate) fn rows(fields: &Fields) -> Vec<TermRow> {
    let cell = |severity: Severity, exposure: Exposure| {
        let name = field(severity, exposure);
        Cell {
            days: fields.get(&name).cloned().unwrap_or_default(),
            label: format!("{}, {}", severity.as_str(), reachable(exposure).to_lowercase()),
            name,
        }
    };
    let row = |severity: Severity| TermRow {
        severity: severity.as_str(),
        title: words::capital(severity.as_str()),
        cells: Exposure::ALL.into_iter().map(|exposure| cell(severity, exposure)).collect(),
    };
    Severity::ALL.into_iter().map(row).collect()
}

fn field(severity: Severity, exposure: Exposure) -> String {
    format!("{}_{}", severity.as_str(), exposure.as_str())
}

fn reachable(exposure: Exposure) -> &'static str {
    match exposure {
        Exposure::Internet => "On the internet",
        Exposure::Private => "In a private network",
        Exposure::None => "Not exposed",
    }
}

impl SlaPage {
    fn of<P>(call: &Call<P>, fields: &Fields) -> Self {
        Self {
            frame: call.frame(Nav::Settings),
            may_change: call.may(Permission::ManageRules),
            exposures: exposures(),
            rows: rows(fields),
            refused: None,
            previewed: None,
        }
    }
}

async fn show(mut call: Call<ReadPosture>) -> Result<HttpResponse, WebError> {
    let policy = triage::policy(&mut call.tx).await?;
    let page = SlaPage::of(&call, &fields(&policy));
    call.page(&page)
}

/// Reads the days that were typed; an empty field means no due date.
pub(crate) fn read(fields: &Fields) -> Result<Policy, String> {
    let mut wrong = None;
    let policy = Policy::of(|severity, exposure| {
        let text = fields.get(&field(severity, exposure)).map_or("", |text| text.trim());
        if text.is_empty() {
            return None;
        }
        let days = text.parse::<i32>().ok().filter(|days| (1..=MOST_DAYS).contains(days));
        if days.is_none() && wrong.is_none() {
            let place = format!("{}, {}", words::capital(severity.as_str()), reachable(exposure).to_lowercase());
            wrong = Some(format!("{place}: a whole number of days from 1 to {MOST_DAYS}, or nothing for no due date."));
        }
        days
    });
    wrong.map_or(Ok(policy), Err)
}

async fn preview(mut call: Call<ManageRules>, form: Form<Fields>) -> Result<HttpResponse, WebError> {
    let next = match read(&form.0) {
        Ok(next) => next,
        Err(words) => return refuse(&call, &form.0, words),
    };
    let (now, current) = (call.now, triage::policy(&mut call.tx).await?);
    let found = triage::preview_policy(&mut call.tx, &next, now).await?;
    let changed = current.terms().iter().zip(next.terms()).filter(|(was, is)| was != is).count();
    let more = if found.more { "more than " } else { "" };
    let late = (found.late > 0).then(|| format!("{more}{}", text::plural(found.late, "finding")));
    let terms = text::plural(i64::try_from(changed).unwrap_or(i64::MAX), "term");
    let page = SlaPage { previewed: Some(Previewed { terms, late }), ..SlaPage::of(&call, &form.0) };
    call.page(&page)
}

fn refuse<P>(call: &Call<P>, fields: &Fields, words: String) -> Result<HttpResponse, WebError> {
    let page = SlaPage { refused: Some(words), ..SlaPage::of(call, fields) };
    call.visit().page_with(HttpResponse::UnprocessableEntity(), &page)
}

async fn keep(mut call: Call<ManageRules>, form: Form<Fields>) -> Result<HttpResponse, WebError> {
    let next = match read(&form.0) {
        Ok(next) => next,
        Err(words) => return refuse(&call, &form.0, words),
    };
    if triage::policy(&mut call.tx).await? == next {
        return Ok(call.refuse(PATH, Flash::good("Nothing changed: these terms held before.")));
    }
    triage::keep_policy(&mut call.tx, &next).await?;
    let (now, mint) = (call.now, call.visit().state.mint.clone());
    job::enqueue(&mut call.tx, &Task::ApplyDue, now, &mint).await?;
    let detail: serde_json::Map<String, Value> =
        next.terms().iter().map(|term| (field(term.severity, term.exposure), json!(term.days))).collect();
    call.record("sla.changed", "Due dates", Value::Object(detail)).await?;
    call.done(PATH, Flash::good("Kept. Open findings get their due dates by these terms.")).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_field_is_no_due_date_and_nonsense_names_its_place() {
        let mut fields = Fields::from([("critical_internet".to_owned(), " 2 ".to_owned())]);
        let policy = read(&fields).expect("sound");
        assert_eq!(policy.days(Severity::Critical, Exposure::Internet), Some(2));
        assert_eq!(policy.days(Severity::Low, Exposure::None), None);
        fields.insert("low_none".to_owned(), "soon".to_owned());
        assert!(read(&fields).expect_err("nonsense").starts_with("Low, not exposed: a whole number"));
    }
}
