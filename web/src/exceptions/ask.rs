//! Asking for an exception: what it covers, why, until when; and what that would do, before anybody asks.

mod form;

use super::{href, line_words, scope_words, share};
use crate::call::{Call, Triage};
use crate::error::WebError;
use crate::frame::{Flash, Frame, Nav};
use crate::route::Route;
use crate::upload::Upload;
use crate::{text, words};
use actix_web::HttpResponse;
use askama::Template;
use form::{AskErrors, AskForm, Asked, Wrong};
use plumbline_core::exception::{ExceptionKind, Scope};
use plumbline_policy::Catalogue;
use plumbline_store::StoreError;
use plumbline_store::exception::{self, MOST, NewException, Preview};
use plumbline_store::finding::Refusal;
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
    renews: Option<String>,
}

async fn page<P>(
    call: &mut Call<P>,
    form: AskForm,
    errors: AskErrors,
    effect: Option<Effect>,
) -> Result<Page, WebError> {
    let thing = match form.thing().ok().flatten() {
        None => None,
        Some(scope) => {
            let names = exception::names(&mut call.tx, std::iter::once(&scope)).await?;
            if names.is_empty() {
                return Err(WebError::NotFound);
            }
            Some(scope_words(&scope, &names, call.catalogue()))
        }
    };
    Ok(Page {
        frame: call.frame(Nav::Exceptions),
        thing,
        effect,
        errors,
        kinds: ExceptionKind::ALL,
        renews: (!form.renew.is_empty()).then(|| href(&form.renew)),
        form,
    })
}

/// What a form would cover, or what is wrong with it.
async fn scope<P>(call: &mut Call<P>, form: &AskForm) -> Result<Result<Scope, Wrong>, WebError> {
    match form.thing() {
        Err(wrong) => return Ok(Err(wrong)),
        Ok(Some(thing)) => return Ok(Ok(thing)),
        Ok(None) => {}
    }
    let terms = call.catalogue().terms();
    match exception::line(&mut call.tx, terms, &form.q).await {
        Ok(line) => Ok(Ok(Scope::Filter(line))),
        Err(Refusal::Mistake(mistake)) => Ok(Err(mistake.into())),
        Err(Refusal::Store(error)) => Err(error.into()),
    }
}

/// The form with what it would do, or with what is wrong of what it would cover.
async fn previewed<P>(call: &mut Call<P>, form: AskForm) -> Result<Page, WebError> {
    let (found, errors) = match scope(call, &form).await? {
        Ok(scope) => (Some(effect(call, &scope).await?), AskErrors::default()),
        Err(wrong) => (None, AskErrors { scope: Some(Box::new(wrong)), ..AskErrors::default() }),
    };
    page(call, form, errors, found).await
}

/// The empty form, or one filled in with what the address names.
async fn new(mut call: Call<Triage>) -> Result<HttpResponse, WebError> {
    let mut form = AskForm::of_address(&call.visit().here);
    if let Some(renewed) = form.renewed() {
        let row = exception::get(&mut call.tx, renewed).await?;
        let names = exception::names(&mut call.tx, std::iter::once(&row.scope.0)).await?;
        form = AskForm::renewing(&row, |line| line_words(line, &names));
    }
    let page = if form.is_blank() {
        page(&mut call, form, AskErrors::default(), None).await?
    } else {
        previewed(&mut call, form).await?
    };
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
    let typed = typed.mended();
    if typed.step == "preview" {
        let page = previewed(&mut call, typed).await?;
        return call.page(&page);
    }
    let scope = scope(&mut call, &typed).await?;
    let asked = match typed.read(scope, &file) {
        Ok(asked) => asked,
        Err(errors) => return refused(call, typed, *errors).await,
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
