//! Asking for an exception: what it covers, why, until when; and what that would do, before anybody asks.

mod form;

use super::{href, scope_words, share};
use crate::call::{Call, Triage};
use crate::error::WebError;
use crate::frame::{Flash, Frame, Nav};
use crate::route::Route;
use crate::upload::Upload;
use crate::{text, words};
use actix_web::HttpResponse;
use askama::Template;
use form::{AskErrors, AskForm, Asked};
use plumbline_core::exception::{ExceptionKind, Scope};
use plumbline_core::layer::Layer;
use plumbline_core::verdict::Severity;
use plumbline_policy::Catalogue;
use plumbline_store::exception::{self, MOST, NewException, Preview};
use plumbline_store::{StoreError, source};
use serde_json::json;

pub(super) fn routes() -> Vec<Route> {
    vec![Route::get("/exceptions/new", new), Route::post("/exceptions", ask)]
}

/// One finding of a preview.
pub(super) struct Risky {
    pub(super) href: String,
    pub(super) risk: i16,
    pub(super) severity: String,
    pub(super) title: String,
    pub(super) resource: String,
}

/// What the exception would do, in words.
pub(super) struct Effect {
    pub(super) findings: String,
    pub(super) grave: Option<String>,
    pub(super) share: String,
    pub(super) before: String,
    pub(super) after: String,
    pub(super) over_broad: bool,
    pub(super) riskiest: Vec<Risky>,
}

impl Effect {
    fn of(preview: &Preview, catalogue: &Catalogue) -> Self {
        let many = preview.findings > MOST;
        let much = preview.loss.saturating_mul(100) > preview.gross_loss.saturating_mul(exception::MUCH);
        let risky = |row: &plumbline_store::finding::FindingRow| Risky {
            href: format!("/findings/{}", row.finding_id),
            risk: row.risk,
            severity: row.severity.clone(),
            title: words::check(catalogue, &row.check_id).to_owned(),
            resource: row.resource_name.clone(),
        };
        Self {
            findings: if many {
                format!("more than {}", text::plural(MOST, "finding"))
            } else {
                text::plural(preview.findings, "finding")
            },
            grave: (preview.grave > 0).then(|| text::number(preview.grave)),
            share: share(preview.loss, preview.gross_loss),
            before: format!("{:.1}", preview.before),
            after: format!("{:.1}", preview.after),
            over_broad: much || preview.grave > 0 || preview.findings > exception::MANY,
            riskiest: preview.riskiest.iter().map(risky).collect(),
        }
    }
}

#[derive(Template)]
#[template(path = "exceptions/new.html")]
struct Page {
    frame: Frame,
    form: AskForm,
    errors: AskErrors,
    /// What is covered, when it is one thing.
    thing: Option<String>,
    effect: Option<Effect>,
    kinds: [ExceptionKind; 2],
    layers: [Layer; 6],
    severities: [Severity; 4],
    sources: Vec<(String, String)>,
    renews: Option<String>,
}

async fn page<P>(
    call: &mut Call<P>,
    form: AskForm,
    errors: AskErrors,
    effect: Option<Effect>,
) -> Result<Page, WebError> {
    let scope = form.scope().ok().filter(|scope| !matches!(scope, Scope::Filter(_)));
    let thing = match &scope {
        None => None,
        Some(scope) => {
            let names = exception::names(&mut call.tx, std::iter::once(scope)).await?;
            if names.is_empty() {
                return Err(WebError::NotFound);
            }
            Some(scope_words(scope, &names, call.catalogue()))
        }
    };
    let sources = source::names(&mut call.tx).await?;
    Ok(Page {
        frame: call.frame(Nav::Exceptions),
        thing,
        effect,
        errors,
        kinds: ExceptionKind::ALL,
        layers: Layer::ALL,
        severities: Severity::ALL,
        sources: sources.into_iter().map(|row| (row.source_id.to_string(), row.name)).collect(),
        renews: (!form.renew.is_empty()).then(|| href(&form.renew)),
        form,
    })
}

/// The empty form, or one filled in with what the address names.
async fn new(mut call: Call<Triage>) -> Result<HttpResponse, WebError> {
    let mut form = AskForm::of_address(&call.visit().here);
    if let Some(renewed) = form.renewed() {
        let row = exception::get(&mut call.tx, renewed).await?;
        form = AskForm::renewing(&row);
    }
    let effect = match form.scope() {
        Ok(scope) => Some(effect(&mut call, &scope).await?),
        Err(_) => None,
    };
    let page = page(&mut call, form, AskErrors::default(), effect).await?;
    call.page(&page)
}

/// What an exception of this scope would do now.
pub(super) async fn effect<P>(call: &mut Call<P>, scope: &Scope) -> Result<Effect, WebError> {
    let catalogue = call.catalogue();
    let preview = exception::preview(&mut call.tx, scope, &catalogue.weighing()).await?;
    Ok(Effect::of(&preview, catalogue))
}

async fn ask(mut call: Call<Triage>, form: Upload<AskForm>) -> Result<HttpResponse, WebError> {
    let Upload { typed, file } = form;
    if typed.step == "preview" {
        let (effect, errors) = match typed.scope() {
            Ok(scope) => (Some(effect(&mut call, &scope).await?), AskErrors::default()),
            Err(words) => (None, AskErrors { scope: Some(words), ..AskErrors::default() }),
        };
        let page = page(&mut call, typed, errors, effect).await?;
        return call.page(&page);
    }
    let asked = match typed.read(&file) {
        Ok(asked) => asked,
        Err(errors) => return refused(call, typed, errors).await,
    };
    let Asked { kind, scope, reason, length, attachment, renews } = asked;
    let (mint, until) = (call.visit().state.mint.clone(), call.now + length);
    let handed_in = attachment.is_some();
    let new =
        NewException { kind, scope: &scope, reason: &reason, by: call.actor.id, expires_at: until, renews, attachment };
    let id = match exception::ask(&mut call.tx, new, &mint).await {
        Ok(id) => id,
        Err(StoreError::Conflict(words)) => {
            return refused(call, typed, AskErrors { top: Some(words), ..AskErrors::default() }).await;
        }
        Err(other) => return Err(other.into()),
    };
    let detail = json!({
        "kind": kind, "scope": scope, "until": until, "reason": reason, "renews": renews, "attachment": handed_in,
    });
    call.record("exception.asked", &id.to_string(), detail).await?;
    call.done(&href(id), Flash::good("It waits for the approval of somebody else. Until then nothing is left out."))
        .await
}

async fn refused(mut call: Call<Triage>, typed: AskForm, errors: AskErrors) -> Result<HttpResponse, WebError> {
    let page = page(&mut call, typed, errors, None).await?;
    call.visit().page_with(HttpResponse::UnprocessableEntity(), &page)
}
