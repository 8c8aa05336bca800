//! Coming in with an e-mail address and a password, and going out.

use crate::call::{SignedIn, Visitor};
use crate::error::WebError;
use crate::form::{Form, Pressed};
use crate::frame::PublicFrame;
use crate::route::Route;
use crate::session::{self, SignedInAs};
use actix_web::{HttpResponse, web};
use askama::Template;
use plumbline_core::id::PersonId;
use plumbline_store::identity::person;
use plumbline_store::tenant::audit;
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::json;

/// The same for a wrong password and for nobody at all.
const REFUSED: &str = "That e-mail address and password do not belong together.";

#[derive(Template)]
#[template(path = "sign_in.html")]
struct SignInPage {
    frame: PublicFrame,
    email: String,
    then: String,
    refused: Option<&'static str>,
}

#[derive(Deserialize)]
struct Then {
    #[serde(default)]
    then: String,
}

#[derive(Deserialize)]
struct Typed {
    email: String,
    password: SecretString,
    #[serde(default)]
    then: String,
}

#[derive(Deserialize)]
struct Word {
    slug: String,
}

pub(crate) fn routes() -> Vec<Route> {
    vec![
        Route::get("/sign-in", ask),
        Route::post("/sign-in", sign_in),
        Route::get("/sign-in/tenant", to_provider),
        Route::post("/sign-out", sign_out),
    ]
}

async fn ask(visitor: Visitor, query: web::Query<Then>) -> Result<HttpResponse, WebError> {
    let then = local_path(&query.then).to_owned();
    visitor.page(&SignInPage { frame: visitor.frame(), email: String::new(), then, refused: None })
}

async fn sign_in(visitor: Visitor, form: Form<Typed>) -> Result<HttpResponse, WebError> {
    let Form(typed) = form;
    visitor.state.limits.address(visitor.address)?;
    visitor.state.limits.email(&typed.email)?;
    match prove(&visitor, &typed).await? {
        Some(person) => enter(&visitor, person, local_path(&typed.then)).await,
        None => {
            let then = local_path(&typed.then).to_owned();
            let page = SignInPage { frame: visitor.frame(), email: typed.email, then, refused: Some(REFUSED) };
            visitor.page_with(HttpResponse::UnprocessableEntity(), &page)
        }
    }
}

/// Whose password it is. No connection is held while it is hashed.
async fn prove(visitor: &Visitor, typed: &Typed) -> Result<Option<PersonId>, WebError> {
    let mut tx = visitor.open().await?;
    let known = person::credentials(&mut tx, typed.email.trim()).await?;
    drop(tx);
    let (person, hash) = known.map_or((None, None), |known| (Some(known.person), known.password_hash));
    let right = visitor.state.passwords.verify(typed.password.clone(), hash).await?;
    Ok(person.filter(|_| right))
}

/// Begins a session in the person's first tenant.
pub(crate) async fn enter(visitor: &Visitor, person: PersonId, then: &str) -> Result<HttpResponse, WebError> {
    let mut tx = visitor.open().await?;
    let caller = person::caller(&mut tx, person).await?.ok_or(WebError::NotFound)?;
    let tenant = caller.memberships.first().map(|membership| membership.tenant);
    if let Some(tenant) = tenant {
        let entry = audit::Entry {
            person: Some(person),
            actor: &caller.person.name,
            action: "person.signed_in",
            object: &caller.person.email,
            detail: json!({ "with": "password" }),
        };
        audit::append_before_tenant(&mut tx, tenant, &entry, &visitor.state.mint).await?;
    }
    tx.commit().await?;
    session::enter(&visitor.session, &SignedInAs::begin(visitor, person, tenant))?;
    Ok(visitor.go(then))
}

async fn to_provider(visitor: Visitor, query: web::Query<Word>) -> HttpResponse {
    let slug: String =
        query.slug.trim().to_lowercase().chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').collect();
    visitor.go(&format!("/sign-in/{slug}/oidc"))
}

async fn sign_out(person: SignedIn, _form: Form<Pressed>) -> HttpResponse {
    person.session.purge();
    person.go("/sign-in")
}

/// The sign-in page, which afterwards leads to a path of ours.
pub(crate) fn path_with_then(then: &str) -> String {
    let then = local_path(then);
    if then == "/" {
        return "/sign-in".to_owned();
    }
    let query = url::form_urlencoded::Serializer::new(String::new()).append_pair("then", then).finish();
    format!("/sign-in?{query}")
}

/// A path of ours as it came back from outside; anything that could lead to another site is the front page.
pub(crate) fn local_path(path: &str) -> &str {
    let ours = path.starts_with('/')
        && !path.starts_with("//")
        && !path.contains('\\')
        && path.chars().all(|c| c.is_ascii_graphic());
    if ours { path } else { "/" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_path_of_ours_is_led_to() {
        for elsewhere in ["https://example.com", "//example.com", "/\\example.com", "", "javascript:x", "/a\r\nb"] {
            assert_eq!(local_path(elsewhere), "/", "{elsewhere}");
        }
        assert_eq!(local_path("/findings?severity=high"), "/findings?severity=high");
    }
}
