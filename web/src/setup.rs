//! The first run: whoever holds the one-time link creates the first tenant and owns it.

use crate::call::Visitor;
use crate::error::WebError;
use crate::form::Form;
use crate::frame::PublicFrame;
use crate::passwords;
use crate::route::Route;
use crate::session::{self, SignedInAs};
use actix_web::{HttpResponse, web};
use askama::Template;
use plumbline_core::role::Role;
use plumbline_store::identity::person::{self, NewPerson};
use plumbline_store::identity::{Token, setup};
use plumbline_store::tenant::{self, audit, member};
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::json;

#[derive(Template)]
#[template(path = "setup.html")]
struct SetupPage {
    frame: PublicFrame,
    path: String,
    tenant: String,
    name: String,
    email: String,
    refused: Option<String>,
}

#[derive(Deserialize)]
struct Typed {
    tenant: String,
    name: String,
    email: String,
    password: SecretString,
}

pub(crate) fn routes() -> Vec<Route> {
    vec![Route::get("/setup/{token}", ask), Route::post("/setup/{token}", set_up)]
}

async fn ask(visitor: Visitor, token: web::Path<String>) -> Result<HttpResponse, WebError> {
    visitor.state.limits.address(visitor.address)?;
    let mut tx = visitor.open().await?;
    if !setup::is_open(&mut tx, &Token::from_link(&token), visitor.now).await? {
        return Err(WebError::NotFound);
    }
    visitor.page(&SetupPage {
        frame: visitor.frame(),
        path: visitor.here.clone(),
        tenant: String::new(),
        name: String::new(),
        email: String::new(),
        refused: None,
    })
}

async fn set_up(visitor: Visitor, token: web::Path<String>, form: Form<Typed>) -> Result<HttpResponse, WebError> {
    visitor.state.limits.address(visitor.address)?;
    let Form(typed) = form;
    match create(&visitor, &Token::from_link(&token), &typed).await {
        Ok(who) => {
            session::enter(&visitor.session, &who)?;
            Ok(visitor.go("/"))
        }
        Err(WebError::Invalid(refused)) => {
            let page = SetupPage {
                frame: visitor.frame(),
                path: visitor.here.clone(),
                tenant: typed.tenant,
                name: typed.name,
                email: typed.email,
                refused: Some(refused),
            };
            visitor.page_with(HttpResponse::UnprocessableEntity(), &page)
        }
        Err(other) => Err(other),
    }
}

async fn create(visitor: &Visitor, token: &Token, typed: &Typed) -> Result<SignedInAs, WebError> {
    let (tenant_name, name) = (named(&typed.tenant, "The tenant")?, named(&typed.name, "You")?);
    let email = email(&typed.email)?;
    passwords::check_new(&typed.password, &email)?;
    let mut tx = visitor.open().await?;
    if !setup::is_open(&mut tx, token, visitor.now).await? {
        return Err(WebError::NotFound);
    }
    drop(tx);
    let mint = visitor.state.mint.clone();
    let hash = visitor.state.passwords.hash(typed.password.clone(), mint.clone()).await?;

    let mut tx = visitor.open().await?;
    setup::consume(&mut tx, token, visitor.now).await?;
    let tenant = tenant::create(&mut tx, &tenant_name, &mint).await?;
    let new = NewPerson { name: &name, email: &email, password_hash: Some(&hash), only_in: None };
    let person = person::create(&mut tx, &new, &mint).await?;
    member::join(&mut tx, tenant.id, person, Role::Owner, visitor.now).await?;
    let entry = audit::Entry {
        person: Some(person),
        actor: &name,
        action: "tenant.created",
        object: &tenant_name,
        detail: json!({ "with": "setup link" }),
    };
    audit::append_before_tenant(&mut tx, tenant.id, &entry, &mint).await?;
    tx.commit().await?;
    Ok(SignedInAs::begin(visitor, person, Some(tenant.id)))
}

/// A name as it is kept: trimmed, and short enough to show.
pub(crate) fn named(text: &str, what: &str) -> Result<String, WebError> {
    let name = text.trim();
    if name.is_empty() || name.chars().count() > 120 || name.chars().any(char::is_control) {
        return Err(WebError::Invalid(format!("{what} needs a name of at most 120 characters.")));
    }
    Ok(name.to_owned())
}

/// An e-mail address as it is kept: trimmed, and of the shape of one.
pub(crate) fn email(text: &str) -> Result<String, WebError> {
    let email = text.trim();
    let shaped = email.split_once('@').is_some_and(|(local, host)| {
        !local.is_empty() && host.contains('.') && !host.starts_with('.') && !host.ends_with('.') && !host.contains('@')
    });
    if !shaped || email.len() > 254 || email.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err(WebError::Invalid("That is not an e-mail address.".to_owned()));
    }
    Ok(email.to_owned())
}
