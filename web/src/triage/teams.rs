//! Teams: who owns findings together.

use crate::call::{Call, ManageRules, ReadPosture};
use crate::error::WebError;
use crate::form::{Form, Pressed};
use crate::frame::{Flash, Frame, Nav};
use crate::route::Route;
use actix_web::{HttpResponse, web};
use askama::Template;
use plumbline_core::id::{AuditId, PersonId};
use plumbline_core::role::Permission;
use plumbline_store::tenant::member::{self, Member};
use plumbline_store::triage::Team;
use plumbline_store::{StoreError, reconcile, triage};
use serde::Deserialize;
use serde_json::json;
use uuid::Uuid;

const PATH: &str = "/settings/teams";

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::get("/settings/teams", show),
        Route::post("/settings/teams", create),
        Route::post("/settings/teams/{team}", change),
        Route::post("/settings/teams/{team}/remove", remove),
    ]
}

#[derive(Template)]
#[template(path = "settings/teams.html")]
struct TeamsPage {
    frame: Frame,
    may_change: bool,
    teams: Vec<TeamRow>,
    name: String,
    refused: Option<String>,
}

struct TeamRow {
    id: String,
    name: String,
    members: Vec<MemberBox>,
    /// Who is in it, in one line.
    names: String,
}

/// A member, who is in the team or could be.
struct MemberBox {
    id: String,
    name: String,
    email: String,
    is_in: bool,
}

impl TeamRow {
    fn of(id: Uuid, name: String, inside: &[PersonId], members: &[Member]) -> Self {
        let is_in = |member: &Member| inside.contains(&member.person);
        let names: Vec<&str> = members.iter().filter(|m| is_in(m)).map(|m| m.name.as_str()).collect();
        Self {
            id: id.to_string(),
            name,
            names: if names.is_empty() { "Nobody yet".to_owned() } else { names.join(", ") },
            members: members
                .iter()
                .map(|member| MemberBox {
                    id: member.person.to_string(),
                    name: member.name.clone(),
                    email: member.email.clone(),
                    is_in: is_in(member),
                })
                .collect(),
        }
    }
}

async fn show(mut call: Call<ReadPosture>) -> Result<HttpResponse, WebError> {
    let page = page(&mut call, String::new(), None).await?;
    call.page(&page)
}

async fn page<P>(call: &mut Call<P>, name: String, refused: Option<String>) -> Result<TeamsPage, WebError> {
    let members = member::list(&mut call.tx).await?;
    let inside = triage::members_of_all(&mut call.tx).await?;
    let of = |team: Team| {
        let inside = inside.get(&team.team_id).map_or(&[][..], Vec::as_slice);
        TeamRow::of(team.team_id, team.name, inside, &members)
    };
    let teams = triage::teams(&mut call.tx).await?.into_iter().map(of).collect();
    let may_change = call.may(Permission::ManageRules);
    Ok(TeamsPage { frame: call.frame(Nav::Settings), may_change, teams, name, refused })
}

#[derive(Deserialize)]
struct NewTeam {
    #[serde(default)]
    name: String,
}

async fn create(mut call: Call<ManageRules>, form: Form<NewTeam>) -> Result<HttpResponse, WebError> {
    let name = form.0.name.split_whitespace().collect::<Vec<_>>().join(" ");
    if name.is_empty() || name.chars().count() > 80 {
        return refuse(call, form.0.name, "A name of 1 to 80 characters.".to_owned()).await;
    }
    if triage::teams(&mut call.tx).await?.iter().any(|team| team.name.to_lowercase() == name.to_lowercase()) {
        return refuse(call, name, "There is a team of that name already.".to_owned()).await;
    }
    let (id, now) = (AuditId::mint(call.mint()).0, call.now);
    triage::create_team(&mut call.tx, id, &name, now).await?;
    call.record("team.created", &name, json!({})).await?;
    call.done(PATH, Flash::good(format!("{name} is there. Say who is in it."))).await
}

async fn refuse(mut call: Call<ManageRules>, typed: String, words: String) -> Result<HttpResponse, WebError> {
    let page = page(&mut call, typed, Some(words)).await?;
    call.visit().page_with(HttpResponse::UnprocessableEntity(), &page)
}

async fn change(
    mut call: Call<ManageRules>,
    team: web::Path<Uuid>,
    form: Form<Vec<(String, String)>>,
) -> Result<HttpResponse, WebError> {
    let (name, _) = triage::members_of(&mut call.tx, *team).await?;
    let ticked = form.0.iter().filter(|(field, _)| field == "member");
    let people: Vec<PersonId> = ticked.filter_map(|(_, id)| id.parse().ok()).collect();
    triage::set_members(&mut call.tx, *team, &people).await?;
    call.record("team.members_changed", &name, json!({ "members": people.len() })).await?;
    call.done(PATH, Flash::good(format!("Who is in {name} is kept."))).await
}

async fn remove(
    mut call: Call<ManageRules>,
    team: web::Path<Uuid>,
    _form: Form<Pressed>,
) -> Result<HttpResponse, WebError> {
    reconcile::try_lock(&mut call.tx).await?;
    let name = match triage::remove_team(&mut call.tx, *team).await {
        Err(StoreError::Conflict(words)) => return Ok(call.refuse(PATH, Flash::bad(words))),
        other => other?,
    };
    call.record("team.removed", &name, json!({})).await?;
    call.done(PATH, Flash::good(format!("{name} is gone. Its findings are nobody’s."))).await
}
