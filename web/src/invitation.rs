//! Accepting an invitation: as somebody new, or as who one already is.

use crate::call::Visitor;
use crate::error::WebError;
use crate::form::Form;
use crate::frame::PublicFrame;
use crate::route::Route;
use crate::session::{self, SignedInAs};
use crate::{passwords, setup, sign_in};
use actix_web::{HttpResponse, web};
use askama::Template;
use plumbline_core::id::{PersonId, TenantId};
use plumbline_core::role::Role;
use plumbline_store::IdentityTx;
use plumbline_store::identity::Token;
use plumbline_store::identity::person::{self, NewPerson, Person};
use plumbline_store::tenant::invitation::{self, Invitation};
use plumbline_store::tenant::{self, Tenant, audit, member};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::json;

/// Who opened the link, and so what they can do with it.
enum Opener {
    /// Nobody has that address yet: choose a name and a password.
    New,
    /// Somebody has it and has to sign in first; the sign-in page leads back.
    Known { sign_in: String },
    /// They have, and only have to agree.
    Invited,
    /// Somebody else is signed in.
    Other { email: String },
}

#[derive(Template)]
#[template(path = "invitation.html")]
struct InvitationPage {
    frame: PublicFrame,
    path: String,
    tenant: String,
    email: String,
    role: Role,
    opener: Opener,
    name: String,
    refused: Option<String>,
}

#[derive(Deserialize)]
struct Typed {
    #[serde(default)]
    name: String,
    #[serde(default = "empty")]
    password: SecretString,
}

fn empty() -> SecretString {
    SecretString::default()
}

pub(crate) fn routes() -> Vec<Route> {
    vec![Route::get("/invitations/{tenant}/{token}", ask), Route::post("/invitations/{tenant}/{token}", accept)]
}

/// The path of an invitation's link.
pub(crate) fn path(slug: &str, token: &Token) -> String {
    format!("/invitations/{slug}/{}", token.expose())
}

async fn ask(visitor: Visitor, link: web::Path<(String, String)>) -> Result<HttpResponse, WebError> {
    visitor.state.limits.address(visitor.address)?;
    let mut tx = visitor.open().await?;
    let (tenant, found) = find(&mut tx, &visitor, &link).await?;
    let opener = opener(&mut tx, &visitor, &found).await?;
    visitor.page(&page(&visitor, &tenant, &found, opener))
}

fn page(visitor: &Visitor, tenant: &Tenant, found: &Invitation, opener: Opener) -> InvitationPage {
    InvitationPage {
        frame: visitor.frame(),
        path: visitor.here.clone(),
        tenant: tenant.name.clone(),
        email: found.email.clone(),
        role: found.role,
        opener,
        name: String::new(),
        refused: None,
    }
}

async fn find(
    tx: &mut IdentityTx,
    visitor: &Visitor,
    (slug, token): &(String, String),
) -> Result<(Tenant, Invitation), WebError> {
    let tenant = tenant::by_slug(tx, slug).await?;
    let found = invitation::open(tx, tenant.id, &Token::from_link(token), visitor.now).await?;
    Ok((tenant, found))
}

async fn opener(tx: &mut IdentityTx, visitor: &Visitor, found: &Invitation) -> Result<Opener, WebError> {
    if let Some(who) = visitor.signed_in() {
        let caller = person::caller(tx, who.person).await?.ok_or(WebError::NotFound)?;
        let is_them = is_invited(&caller.person, who.only, found);
        return Ok(if is_them { Opener::Invited } else { Opener::Other { email: caller.person.email } });
    }
    Ok(match person::credentials(tx, &found.email).await? {
        Some(_) => Opener::Known { sign_in: sign_in::path_with_then(&visitor.here) },
        None => Opener::New,
    })
}

/// Whom a tenant's provider vouches for is that tenant's member alone, whatever the address.
fn is_invited(person: &Person, only: Option<TenantId>, found: &Invitation) -> bool {
    only.is_none() && person.only_in.is_none() && person.email.eq_ignore_ascii_case(&found.email)
}

async fn accept(
    visitor: Visitor,
    link: web::Path<(String, String)>,
    form: Form<Typed>,
) -> Result<HttpResponse, WebError> {
    visitor.state.limits.address(visitor.address)?;
    let Form(typed) = form;
    let mut tx = visitor.open().await?;
    let (tenant, found) = find(&mut tx, &visitor, &link).await?;
    let opener = opener(&mut tx, &visitor, &found).await?;
    drop(tx);
    let token = Token::from_link(&link.1);
    let joined = match opener {
        Opener::Invited => join(&visitor, &tenant, &token, None).await,
        Opener::New => join_as_new(&visitor, &tenant, &token, &found, &typed).await,
        Opener::Known { .. } | Opener::Other { .. } => return Err(WebError::Forbidden),
    };
    match joined {
        Ok(who) => {
            session::enter(&visitor.session, &who)?;
            Ok(visitor.go("/"))
        }
        Err(WebError::Invalid(refused)) => {
            let mut page = page(&visitor, &tenant, &found, Opener::New);
            (page.name, page.refused) = (typed.name, Some(refused));
            visitor.page_with(HttpResponse::UnprocessableEntity(), &page)
        }
        Err(other) => Err(other),
    }
}

async fn join_as_new(
    visitor: &Visitor,
    tenant: &Tenant,
    token: &Token,
    found: &Invitation,
    typed: &Typed,
) -> Result<SignedInAs, WebError> {
    let name = setup::named(&typed.name, "You")?;
    passwords::check_new(&typed.password, &found.email)?;
    let password = SecretString::from(typed.password.expose_secret());
    let hash = visitor.state.passwords.hash(password, visitor.state.mint.clone()).await?;
    join(visitor, tenant, token, Some((&name, &hash))).await
}

/// Uses the link up and makes a member of whoever is signed in, or of somebody new with a name and a password's hash.
async fn join(
    visitor: &Visitor,
    tenant: &Tenant,
    token: &Token,
    new: Option<(&str, &str)>,
) -> Result<SignedInAs, WebError> {
    let mint = &visitor.state.mint;
    let mut tx = visitor.open().await?;
    let found = invitation::consume(&mut tx, tenant.id, token, visitor.now).await?;
    let person = match new {
        Some((name, hash)) => {
            let new = NewPerson { name, email: &found.email, password_hash: Some(hash), only_in: None };
            person::create(&mut tx, &new, mint).await?
        }
        None => invited_person(&mut tx, visitor, &found).await?,
    };
    member::join(&mut tx, tenant.id, person, found.role, visitor.now).await?;
    let caller = person::caller(&mut tx, person).await?.ok_or(WebError::NotFound)?;
    let entry = audit::Entry {
        person: Some(person),
        actor: &caller.person.name,
        action: "invitation.accepted",
        object: &found.email,
        detail: json!({ "role": found.role }),
    };
    audit::append_before_tenant(&mut tx, tenant.id, &entry, mint).await?;
    tx.commit().await?;
    Ok(SignedInAs::begin(visitor, person, Some(tenant.id)))
}

/// The signed-in person, if it is still they who are invited.
async fn invited_person(tx: &mut IdentityTx, visitor: &Visitor, found: &Invitation) -> Result<PersonId, WebError> {
    let who = visitor.signed_in().ok_or(WebError::Forbidden)?;
    let caller = person::caller(tx, who.person).await?.ok_or(WebError::NotFound)?;
    if is_invited(&caller.person, who.only, found) { Ok(who.person) } else { Err(WebError::Forbidden) }
}
