//! How a tenant's owners configure their own sign-in provider.

use crate::call::{Call, ManageMembers};
use crate::error::WebError;
use crate::form::{Form, Pressed};
use crate::frame::{Flash, Frame, Nav};
use crate::route::Route;
use crate::{oidc, outside, text};
use actix_web::HttpResponse;
use askama::Template;
use plumbline_store::StoreError;
use plumbline_store::identity::provider::secret_owner;
use plumbline_store::tenant::provider;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::json;

const PATH: &str = "/provider";

#[derive(Template)]
#[template(path = "provider.html")]
struct ProviderPage {
    frame: Frame,
    issuer: String,
    client_id: String,
    /// When it was last changed; none while there is no provider.
    changed: Option<String>,
    redirect_uri: String,
    sign_in_link: String,
    refused: Option<String>,
}

#[derive(Deserialize)]
struct Typed {
    issuer: String,
    client_id: String,
    client_secret: SecretString,
}

pub(crate) fn routes() -> Vec<Route> {
    vec![Route::get("/provider", show), Route::post("/provider", save), Route::post("/provider/remove", remove)]
}

async fn show(mut call: Call<ManageMembers>) -> Result<HttpResponse, WebError> {
    let page = page(&mut call, None).await?;
    call.page(&page)
}

/// The page as things stand, or with what was typed and why it will not do.
async fn page(call: &mut Call<ManageMembers>, refused: Option<(&Typed, String)>) -> Result<ProviderPage, WebError> {
    let known = provider::settings(&mut call.tx).await?;
    let changed = known.as_ref().map(|known| text::when(known.changed_at));
    let (issuer, client_id) = match &refused {
        Some((typed, _)) => (typed.issuer.clone(), typed.client_id.clone()),
        None => known.map(|known| (known.issuer, known.client_id)).unwrap_or_default(),
    };
    Ok(ProviderPage {
        frame: call.frame(Nav::Members),
        issuer,
        client_id,
        changed,
        redirect_uri: oidc::redirect_uri(call.config()),
        sign_in_link: call.config().link(&format!("/sign-in/{}/oidc", call.tenant.slug)),
        refused: refused.map(|(_, words)| words),
    })
}

async fn refuse(mut call: Call<ManageMembers>, typed: &Typed, words: String) -> Result<HttpResponse, WebError> {
    let page = page(&mut call, Some((typed, words))).await?;
    call.visit().page_with(HttpResponse::UnprocessableEntity(), &page)
}

async fn save(mut call: Call<ManageMembers>, form: Form<Typed>) -> Result<HttpResponse, WebError> {
    let Form(typed) = form;
    let (issuer, client_id) = (typed.issuer.trim(), typed.client_id.trim());
    if let Err(words) = check(&call, issuer, client_id) {
        return refuse(call, &typed, words).await;
    }
    let secret = typed.client_secret.expose_secret().trim();
    let sealed = match secret.is_empty() {
        true => None,
        false => Some(call.seal(&secret_owner(call.tenant.id), &SecretString::from(secret))?),
    };
    match provider::configure(&mut call.tx, issuer, client_id, sealed.as_ref(), call.now).await {
        Err(StoreError::Conflict(words)) => return refuse(call, &typed, words).await,
        other => other?,
    }
    let detail = json!({ "issuer": issuer, "client_id": client_id, "new_secret": sealed.is_some() });
    call.record("sign_in_provider.changed", issuer, detail).await?;
    call.done(PATH, Flash::good("Members can now sign in through your provider.")).await
}

fn check(call: &Call<ManageMembers>, issuer: &str, client_id: &str) -> Result<(), String> {
    outside::check_url(issuer, call.config().private_issuers)?;
    if client_id.is_empty() || client_id.len() > 400 {
        return Err("The client id is what your provider calls this application.".to_owned());
    }
    Ok(())
}

async fn remove(mut call: Call<ManageMembers>, _form: Form<Pressed>) -> Result<HttpResponse, WebError> {
    let known = provider::settings(&mut call.tx).await?.ok_or(WebError::NotFound)?;
    provider::remove(&mut call.tx).await?;
    call.record("sign_in_provider.removed", &known.issuer, json!({})).await?;
    call.done(PATH, Flash::good("Nobody can sign in through that provider any more.")).await
}
