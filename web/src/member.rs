//! Who is a member, and with which role.

use crate::call::{Call, ManageMembers, ReadMembers};
use crate::error::WebError;
use crate::form::{Form, Pressed};
use crate::frame::{Flash, Frame, Nav};
use crate::route::Route;
use crate::{invitation, setup, text};
use actix_web::{HttpResponse, web};
use askama::Template;
use plumbline_core::id::PersonId;
use plumbline_core::role::{Permission, Role};
use plumbline_store::StoreError;
use plumbline_store::tenant::invitation as invited;
use plumbline_store::tenant::member::{self, Member};
use serde::Deserialize;
use serde_json::json;
use uuid::Uuid;

/// One member, as a row.
struct MemberRow {
    id: PersonId,
    name: String,
    email: String,
    role: Role,
    how: &'static str,
    joined: String,
    is_you: bool,
}

/// One invitation that waits, as a row.
struct InvitationRow {
    email: String,
    role: Role,
    expires: String,
    expired: bool,
}

/// A link that is shown this once.
struct NewLink {
    email: String,
    link: String,
}

#[derive(Template)]
#[template(path = "members.html")]
struct MembersPage {
    frame: Frame,
    may_manage: bool,
    members: Vec<MemberRow>,
    invitations: Vec<InvitationRow>,
    roles: [Role; 4],
    new_link: Option<NewLink>,
}

#[derive(Deserialize)]
struct Invite {
    email: String,
    role: Role,
}

#[derive(Deserialize)]
struct Withdraw {
    email: String,
}

#[derive(Deserialize)]
struct NewRole {
    role: Role,
}

pub(crate) fn routes() -> Vec<Route> {
    vec![
        Route::get("/members", list),
        Route::post("/members/invite", invite),
        Route::post("/members/withdraw", withdraw),
        Route::post("/members/{person}/role", change_role),
        Route::post("/members/{person}/remove", remove),
    ]
}

/// What a role is for, in a few words.
pub(crate) fn purpose(role: &Role) -> &'static str {
    match role {
        Role::Owner => "everything, and who else may do what",
        Role::Ciso => "posture, accepting risk, attesting controls",
        Role::Analyst => "triage of findings, starting runs",
        Role::Auditor => "reading and exporting, and the audit log",
    }
}

async fn list(mut call: Call<ReadMembers>) -> Result<HttpResponse, WebError> {
    let page = page(&mut call, None).await?;
    call.page(&page)
}

async fn page<P>(call: &mut Call<P>, new_link: Option<NewLink>) -> Result<MembersPage, WebError> {
    let (you, now) = (call.actor.id, call.now);
    let members = member::list(&mut call.tx).await?;
    let invitations = invited::list(&mut call.tx).await?;
    Ok(MembersPage {
        frame: call.frame(Nav::Members),
        may_manage: call.may(Permission::ManageMembers),
        members: members.into_iter().map(|member| MemberRow::of(member, you)).collect(),
        invitations: invitations
            .into_iter()
            .map(|waiting| InvitationRow {
                email: waiting.email,
                role: waiting.role,
                expires: text::when(waiting.expires_at),
                expired: waiting.expires_at <= now,
            })
            .collect(),
        roles: Role::ALL,
        new_link,
    })
}

impl MemberRow {
    fn of(member: Member, you: PersonId) -> Self {
        Self {
            id: member.person,
            name: member.name,
            email: member.email,
            role: member.role,
            how: if member.federated { "your provider" } else { "password" },
            joined: text::day(member.joined_at),
            is_you: member.person == you,
        }
    }
}

/// Shows the link once; only its hash is kept.
async fn invite(mut call: Call<ManageMembers>, form: Form<Invite>) -> Result<HttpResponse, WebError> {
    let email = setup::email(&form.0.email)?.to_lowercase();
    let mint = call.visit().state.mint.clone();
    let token = match invited::create(&mut call.tx, &email, form.0.role, call.actor.id, &mint).await {
        Err(StoreError::Conflict(words)) => return Ok(call.refuse("/members", Flash::bad(words))),
        other => other?,
    };
    call.record("member.invited", &email, json!({ "role": form.0.role })).await?;
    let link = call.config().link(&invitation::path(&call.tenant.slug, &token));
    let page = page(&mut call, Some(NewLink { email, link })).await?;
    call.commit_and_show(&page).await
}

async fn withdraw(mut call: Call<ManageMembers>, form: Form<Withdraw>) -> Result<HttpResponse, WebError> {
    invited::withdraw(&mut call.tx, &form.0.email).await?;
    call.record("invitation.withdrawn", &form.0.email, json!({})).await?;
    call.done("/members", Flash::good(format!("The invitation of {} no longer opens.", form.0.email))).await
}

async fn change_role(
    mut call: Call<ManageMembers>,
    person: web::Path<Uuid>,
    form: Form<NewRole>,
) -> Result<HttpResponse, WebError> {
    let (person, role) = (PersonId(*person), form.0.role);
    let before = member::get(&mut call.tx, person).await?;
    match member::change_role(&mut call.tx, person, role).await {
        Err(StoreError::Conflict(words)) => return Ok(call.refuse("/members", Flash::bad(words))),
        other => other?,
    }
    call.record("member.role_changed", &before.email, json!({ "from": before.role, "to": role })).await?;
    call.done("/members", Flash::good(format!("{} is now {}.", before.name, with_article(role)))).await
}

async fn remove(
    mut call: Call<ManageMembers>,
    person: web::Path<Uuid>,
    _form: Form<Pressed>,
) -> Result<HttpResponse, WebError> {
    let person = PersonId(*person);
    let before = member::get(&mut call.tx, person).await?;
    match member::remove(&mut call.tx, person).await {
        Err(StoreError::Conflict(words)) => return Ok(call.refuse("/members", Flash::bad(words))),
        other => other?,
    }
    call.record("member.removed", &before.email, json!({ "role": before.role })).await?;
    call.done("/members", Flash::good(format!("{} is no longer a member.", before.name))).await
}

fn with_article(role: Role) -> String {
    let article = if role == Role::Ciso { "a" } else { "an" };
    format!("{article} {}", role.as_str())
}
