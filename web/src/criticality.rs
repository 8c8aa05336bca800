//! Criticality rules: how much depends on what, as the tenant says.

use crate::call::{Call, ManageRules, ReadPosture};
use crate::error::WebError;
use crate::form::Form;
use crate::frame::{Flash, Frame, Nav};
use crate::route::Route;
use actix_web::HttpResponse;
use askama::Template;
use plumbline_core::criticality::{Rule, Rules};
use plumbline_core::role::Permission;
use plumbline_store::criticality;
use plumbline_store::job::{self, Task};
use serde::Deserialize;
use serde_json::json;

const PATH: &str = "/settings/criticality";
/// Rules of a change that the audit log names.
const RECORDED: usize = 20;

pub(crate) fn routes() -> Vec<Route> {
    vec![Route::get("/settings/criticality", show), Route::post("/settings/criticality", keep)]
}

#[derive(Template)]
#[template(path = "criticality.html")]
struct Page {
    frame: Frame,
    may_change: bool,
    /// A rule a line, as they are or as they were typed.
    rules: String,
    refused: Option<String>,
}

async fn show(mut call: Call<ReadPosture>) -> Result<HttpResponse, WebError> {
    let rules = text(&criticality::rules(&mut call.tx).await?);
    let may_change = call.may(Permission::ManageRules);
    call.page(&Page { frame: call.frame(Nav::Settings), may_change, rules, refused: None })
}

/// The rules as they are typed.
fn text(rules: &Rules) -> String {
    rules.0.iter().map(Rule::line).collect::<Vec<_>>().join("\n")
}

#[derive(Deserialize)]
struct Typed {
    #[serde(default)]
    rules: String,
}

async fn keep(mut call: Call<ManageRules>, form: Form<Typed>) -> Result<HttpResponse, WebError> {
    let typed = form.0.rules;
    let rules = match Rules::parse(&typed) {
        Ok(rules) => rules,
        Err(words) => {
            let frame = call.frame(Nav::Settings);
            let page = Page { frame, may_change: true, rules: typed, refused: Some(words) };
            return call.visit().page_with(HttpResponse::UnprocessableEntity(), &page);
        }
    };
    let before = criticality::rules(&mut call.tx).await?;
    if before == rules {
        return Ok(call.refuse(PATH, Flash::good("Nothing changed: these rules were there before.")));
    }
    criticality::replace(&mut call.tx, &rules).await?;
    let lines: Vec<String> = rules.0.iter().take(RECORDED).map(Rule::line).collect();
    call.record("criticality.rules_changed", "Criticality rules", json!({ "rules": rules.0.len(), "first": lines }))
        .await?;
    let (now, mint) = (call.now, call.visit().state.mint.clone());
    job::enqueue(&mut call.tx, &Task::WeighCriticality, now, &mint).await?;
    call.done(PATH, Flash::good("Kept. Everything is being weighed anew.")).await
}
