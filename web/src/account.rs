//! A person's own account: their tenants, their password, and where they are signed in.

use crate::call::SignedIn;
use crate::csrf::Secret;
use crate::error::WebError;
use crate::form::Form;
use crate::frame::{Flash, Frame, Nav};
use crate::route::Route;
use crate::session::{self, SignedInAs};
use crate::{passwords, text};
use actix_web::HttpResponse;
use askama::Template;
use plumbline_store::identity::Membership;
use plumbline_store::identity::person;
use plumbline_store::identity::session as stored;
use secrecy::SecretString;
use serde::Deserialize;

/// One session, as a row.
struct SessionRow {
    key: String,
    browser: String,
    since: String,
    seen: String,
    is_this: bool,
}

#[derive(Template)]
#[template(path = "account.html")]
struct AccountPage {
    frame: Frame,
    name: String,
    email: String,
    memberships: Vec<Membership>,
    current_slug: String,
    /// Whether there is a password of ours to change: not for whom a tenant's provider vouches.
    has_password: bool,
    sessions: Vec<SessionRow>,
}

#[derive(Deserialize)]
struct NewPassword {
    current: SecretString,
    new: SecretString,
}

#[derive(Deserialize)]
struct Which {
    key: String,
}

pub(crate) fn routes() -> Vec<Route> {
    vec![
        Route::get("/account", show),
        Route::post("/account/password", change_password),
        Route::post("/account/sessions/end", end_session),
    ]
}

async fn show(person: SignedIn) -> Result<HttpResponse, WebError> {
    let own = has_whole_account(&person);
    let sessions = if own { sessions(&person).await? } else { Vec::new() };
    person.page(&AccountPage {
        frame: person.frame(Nav::Account),
        name: person.person.name.clone(),
        email: person.person.email.clone(),
        memberships: person.memberships.clone(),
        current_slug: person.current().map(|here| here.slug.clone()).unwrap_or_default(),
        has_password: own,
        sessions,
    })
}

/// A session that a tenant's provider vouched for reaches that tenant, and not the person's account with us.
fn has_whole_account(person: &SignedIn) -> bool {
    person.session_of.only.is_none() && person.person.only_in.is_none()
}

async fn sessions(person: &SignedIn) -> Result<Vec<SessionRow>, WebError> {
    let mut tx = person.open().await?;
    let listed = stored::list(&mut tx, person.person.id, person.now).await?;
    Ok(listed
        .into_iter()
        .map(|session| {
            let (agent, is_this) = session::described(&session.state, &person.session_of);
            SessionRow {
                key: hex::encode(session.key_hash),
                browser: browser(&agent),
                since: text::when(session.signed_in_at),
                seen: text::ago(session.seen_at, person.now),
                is_this,
            }
        })
        .collect())
}

/// A browser's name from what it says of itself; in doubt, what it says.
fn browser(agent: &str) -> String {
    let known = [("Edg/", "Edge"), ("Firefox/", "Firefox"), ("Chrome/", "Chrome"), ("Safari/", "Safari")];
    let systems =
        [("Android", "Android"), ("iPhone", "iPhone"), ("Windows", "Windows"), ("Mac OS", "macOS"), ("Linux", "Linux")];
    let name = known.iter().find(|(mark, _)| agent.contains(mark)).map(|(_, name)| *name);
    let system = systems.iter().find(|(mark, _)| agent.contains(mark)).map(|(_, name)| *name);
    match (name, system) {
        (Some(name), Some(system)) => format!("{name} on {system}"),
        (Some(name), None) => name.to_owned(),
        _ if agent.is_empty() => "Unknown browser".to_owned(),
        _ => agent.chars().take(60).collect(),
    }
}

/// Ends all other sessions: whoever came in with the old password is out.
async fn change_password(person: SignedIn, form: Form<NewPassword>) -> Result<HttpResponse, WebError> {
    if !has_whole_account(&person) {
        return Err(WebError::Forbidden);
    }
    let Form(typed) = form;
    person.state.limits.email(&person.person.email)?;
    if let Err(WebError::Invalid(words)) = passwords::check_new(&typed.new, &person.person.email) {
        return Ok(back(&person, &Flash::bad(words)));
    }
    let mut tx = person.open().await?;
    let hash = person::password_hash(&mut tx, person.person.id).await?;
    drop(tx);
    if !person.state.passwords.verify(typed.current, hash).await? {
        return Ok(back(&person, &Flash::bad("The current password is not right.")));
    }
    let hash = person.state.passwords.hash(typed.new, person.state.mint.clone()).await?;

    let mut tx = person.open().await?;
    person::set_password(&mut tx, person.person.id, &hash).await?;
    stored::end_all(&mut tx, person.person.id).await?;
    tx.commit().await?;
    let csrf = Secret::mint(&person.state.mint);
    session::enter(&person.session, &SignedInAs { since: person.now, csrf, ..person.session_of.clone() })?;
    Ok(back(&person, &Flash::good("Your password is changed, and your other sessions have ended.")))
}

async fn end_session(person: SignedIn, form: Form<Which>) -> Result<HttpResponse, WebError> {
    if !has_whole_account(&person) {
        return Err(WebError::Forbidden);
    }
    let mut key = [0u8; 32];
    hex::decode_to_slice(&form.0.key, &mut key).map_err(|_| WebError::NotFound)?;
    let mut tx = person.open().await?;
    let listed = stored::list(&mut tx, person.person.id, person.now).await?;
    if !listed.iter().any(|session| session.key_hash == key) {
        return Err(WebError::NotFound);
    }
    stored::delete(&mut tx, &key).await?;
    tx.commit().await?;
    Ok(back(&person, &Flash::good("The session has ended.")))
}

fn back(person: &SignedIn, said: &Flash) -> HttpResponse {
    person.flash(said);
    person.go("/account")
}
