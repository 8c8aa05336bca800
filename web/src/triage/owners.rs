//! The rules by which findings get their owners.

use crate::call::{Call, ManageRules, ReadPosture};
use crate::error::WebError;
use crate::form::Form;
use crate::frame::{Flash, Frame, Nav};
use crate::route::Route;
use crate::text;
use actix_web::HttpResponse;
use askama::Template;
use plumbline_core::role::Permission;
use plumbline_store::job::{self, Task};
use plumbline_store::{StoreError, triage};
use serde::Deserialize;
use serde_json::json;

const PATH: &str = "/settings/owners";

pub(super) fn routes() -> Vec<Route> {
    vec![Route::get("/settings/owners", show), Route::post("/settings/owners", keep)]
}

#[derive(Template)]
#[template(path = "settings/owners.html")]
struct OwnersPage {
    frame: Frame,
    may_change: bool,
    rules: String,
    changed: Option<String>,
    refused: Option<String>,
}

async fn show(mut call: Call<ReadPosture>) -> Result<HttpResponse, WebError> {
    let known = triage::rules(&mut call.tx).await?;
    let page = OwnersPage {
        frame: call.frame(Nav::Settings),
        may_change: call.may(Permission::ManageRules),
        rules: known.rules,
        changed: known.changed_at.map(text::when),
        refused: None,
    };
    call.page(&page)
}

#[derive(Deserialize)]
struct Typed {
    #[serde(default)]
    rules: String,
}

async fn keep(mut call: Call<ManageRules>, form: Form<Typed>) -> Result<HttpResponse, WebError> {
    let typed = form.0.rules.replace("\r\n", "\n");
    let now = call.now;
    let count = match triage::keep_rules(&mut call.tx, &typed, now).await {
        Err(StoreError::Conflict(words)) => {
            let page = OwnersPage {
                frame: call.frame(Nav::Settings),
                may_change: true,
                rules: typed,
                changed: None,
                refused: Some(words),
            };
            return call.visit().page_with(HttpResponse::UnprocessableEntity(), &page);
        }
        other => i64::try_from(other?).unwrap_or(i64::MAX),
    };
    let mint = call.visit().state.mint.clone();
    job::enqueue(&mut call.tx, &Task::ApplyOwners, now, &mint).await?;
    super::wake(&mut call).await?;
    call.record("ownership.changed", "Ownership", json!({ "rules": count })).await?;
    let said = format!("{} kept. What is open is given to its owners by them.", text::plural(count, "rule"));
    call.done(PATH, Flash::good(said)).await
}
