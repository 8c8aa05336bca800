//! Coming in through a tenant's own OpenID Connect provider: authorization code with PKCE, state and nonce.
//!
//! A provider vouches for people in its own tenant and nowhere else. The session it opens enters that tenant alone; it is
//! linked by tenant, issuer and subject; and a person who comes in this way for the first time is a new person, known in
//! that tenant only, whoever else has the same address elsewhere.

mod flow;
mod person;

use crate::call::Visitor;
use crate::error::WebError;
use crate::route::Route;
use crate::session::{self, SignedInAs};
use crate::state::Config;
use actix_web::{HttpRequest, HttpResponse, web};
use flow::{Flow, Vouched};
use plumbline_store::identity::provider::{self, Provider};
use plumbline_store::tenant::{self, Tenant};
use serde::Deserialize;

#[derive(Deserialize)]
struct Answer {
    code: Option<String>,
    state: Option<String>,
    error: Option<String>,
}

pub(crate) fn routes() -> Vec<Route> {
    vec![Route::get("/sign-in/{tenant}/oidc", start), Route::get("/oidc/callback", callback)]
}

/// Where a provider sends people back to.
pub(crate) fn redirect_uri(config: &Config) -> String {
    config.link("/oidc/callback")
}

async fn start(visitor: Visitor, slug: web::Path<String>) -> Result<HttpResponse, WebError> {
    visitor.state.limits.address(visitor.address)?;
    let (tenant, provider) = of_slug(&visitor, &slug).await?;
    let (flow, url) = Flow::begin(&visitor, &tenant, &provider).await?;
    let mut answer = visitor.go(url.as_str());
    answer.add_cookie(&flow.cookie(&visitor)?).map_err(|error| WebError::Internal(error.to_string()))?;
    Ok(answer)
}

/// A tenant without a provider looks like no tenant at all.
async fn of_slug(visitor: &Visitor, slug: &str) -> Result<(Tenant, Provider), WebError> {
    let mut tx = visitor.open().await?;
    let tenant = tenant::by_slug(&mut tx, slug).await?;
    let provider = provider::provider(&mut tx, tenant.id).await?.ok_or(WebError::NotFound)?;
    Ok((tenant, provider))
}

async fn callback(visitor: Visitor, req: HttpRequest, answer: web::Query<Answer>) -> Result<HttpResponse, WebError> {
    visitor.state.limits.address(visitor.address)?;
    let flow = Flow::resume(&visitor, &req).ok_or_else(|| refused("it took too long, or began in another browser"))?;
    if let Some(error) = &answer.error {
        tracing::warn!(tenant = %flow.tenant, error, "provider refused a sign-in");
        return Err(refused("your provider refused"));
    }
    let (Some(code), Some(state)) = (&answer.code, &answer.state) else {
        return Err(refused("your provider sent no answer"));
    };
    if !flow.is_answered_by(state) {
        return Err(refused("the answer is not to this sign-in"));
    }
    let mut tx = visitor.open().await?;
    let provider = provider::provider(&mut tx, flow.tenant).await?.ok_or(WebError::NotFound)?;
    drop(tx);
    let vouched: Vouched = flow.redeem(&visitor, &provider, code).await?;
    let person = person::come_in(&visitor, flow.tenant, &vouched).await?;
    let who = SignedInAs { only: Some(flow.tenant), ..SignedInAs::begin(&visitor, person, Some(flow.tenant)) };
    session::enter(&visitor.session, &who)?;
    let mut answer = visitor.go("/");
    answer.add_cookie(&Flow::end(&visitor)).map_err(|error| WebError::Internal(error.to_string()))?;
    Ok(answer)
}

fn refused(why: &str) -> WebError {
    WebError::Invalid(format!("You are not signed in: {why}. Begin again from the sign-in page."))
}
