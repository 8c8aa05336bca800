//! Changing from one tenant to another.

use crate::call::SignedIn;
use crate::csrf::Secret;
use crate::error::WebError;
use crate::form::Form;
use crate::route::Route;
use crate::session::{self, SignedInAs};
use actix_web::HttpResponse;
use serde::Deserialize;

#[derive(Deserialize)]
struct Chosen {
    slug: String,
}

pub(crate) fn routes() -> Vec<Route> {
    vec![Route::post("/tenant", switch)]
}

/// The session gets a new key and a new form token, so that a form left open in the old tenant does nothing in the new.
async fn switch(person: SignedIn, form: Form<Chosen>) -> Result<HttpResponse, WebError> {
    let chosen = person.memberships.iter().find(|membership| membership.slug == form.0.slug);
    let tenant = chosen.ok_or(WebError::NotFound)?.tenant;
    let csrf = Secret::mint(&person.state.mint);
    session::enter(&person.session, &SignedInAs { tenant: Some(tenant), csrf, ..person.session_of.clone() })?;
    Ok(person.go("/"))
}
