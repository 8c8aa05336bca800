//! What people do with one finding: move the work, say whose it is and by when.

use super::comments::CommentLine;
use crate::call::{Call, Triage};
use crate::error::WebError;
use crate::form::Form;
use crate::frame::Flash;
use crate::route::Route;
use crate::text;
use crate::triage::{self as shared, Choice, Reading};
use actix_web::{HttpResponse, web};
use chrono::{DateTime, Utc};
use plumbline_core::id::FindingId;
use plumbline_core::role::Permission;
use plumbline_core::triage::{Move, Stage};
use plumbline_store::finding::FindingEvent;
use plumbline_store::triage::{Change, Standing};
use plumbline_store::{finding, reconcile, triage};
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

/// Letters of a note beside a step.
const NOTE: usize = 1000;

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::post("/findings/{finding}/move", make_move),
        Route::post("/findings/{finding}/assign", assign),
        Route::post("/findings/{finding}/due", set_due),
    ]
}

/// The part of the finding's page that is about the work on it.
pub(super) struct TriagePart {
    pub(super) stage: &'static str,
    pub(super) may: bool,
    pub(super) is_open: bool,
    pub(super) moves: Vec<Move>,
    pub(super) claimed: Option<String>,
    pub(super) owner: Option<String>,
    pub(super) by_hand: bool,
    pub(super) teams: Vec<Choice>,
    pub(super) people: Vec<Choice>,
    pub(super) due: Option<DueDay>,
    /// For the date field.
    pub(super) due_day: String,
    /// Whom the comment's field offers before anything is typed: nobody.
    pub(super) offered: Vec<(String, String)>,
    pub(super) comments: Vec<CommentLine>,
    pub(super) typed: Typed,
}

/// The day at whose end it is due.
pub(super) struct DueDay {
    pub(super) words: String,
    pub(super) by_hand: bool,
    pub(super) late: bool,
}

impl DueDay {
    fn of(standing: &Standing, stage: Stage, now: DateTime<Utc>) -> Option<Self> {
        let due = standing.due_at?;
        Some(Self { words: shared::last_day(due), by_hand: standing.due_by_hand, late: stage.is_open() && due <= now })
    }
}

/// What was typed and will not do.
#[derive(Debug, Clone, Default)]
pub(super) struct Typed {
    pub(super) note: Field,
    pub(super) due: Field,
    pub(super) comment: Field,
}

/// A field as it was typed, and what is wrong with it.
#[derive(Debug, Clone, Default)]
pub(super) struct Field {
    pub(super) text: String,
    pub(super) error: Option<&'static str>,
}

impl Field {
    pub(super) fn wrong(text: &str, error: &'static str) -> Self {
        Self { text: text.to_owned(), error: Some(error) }
    }
}

impl TriagePart {
    pub(super) async fn read<P>(call: &mut Call<P>, id: FindingId, typed: Typed) -> Result<Self, WebError> {
        let (you, now) = (call.actor.id, call.now);
        let standing = triage::standing(&mut call.tx, id).await?;
        let comments = triage::comments(&mut call.tx, id).await?;
        let may = call.may(Permission::Triage);
        let stage = Stage::parse(&standing.stage).unwrap_or(Stage::Open);
        let mut part = Self {
            stage: stage.words(),
            may,
            is_open: stage.is_open(),
            moves: if may { stage.moves() } else { Vec::new() },
            claimed: standing.claimed_at.map(|at| text::ago(at, now)),
            by_hand: standing.owned_by_hand,
            teams: Vec::new(),
            people: Vec::new(),
            due: DueDay::of(&standing, stage, now),
            offered: Vec::new(),
            due_day: standing.due_at.map(shared::field_day).unwrap_or_default(),
            comments: comments.into_iter().map(|comment| CommentLine::of(comment, you, now)).collect(),
            typed,
            owner: owner(&standing),
        };
        if may && part.is_open {
            part.offer(call, &standing).await?;
        }
        Ok(part)
    }

    /// To whom it may be given.
    async fn offer<P>(&mut self, call: &mut Call<P>, standing: &Standing) -> Result<(), WebError> {
        let (teams, people) = shared::owners(&mut call.tx).await?;
        let chosen = |choices: Vec<Choice>, id: Option<Uuid>| {
            let id = id.map(|id| id.to_string());
            choices.into_iter().map(|choice| Choice { chosen: Some(&choice.value) == id.as_ref(), ..choice }).collect()
        };
        self.teams = chosen(teams, standing.team_id);
        self.people = chosen(people, standing.assignee_id);
        Ok(())
    }
}

/// Whose it is; none when it is nobody's.
fn owner(standing: &Standing) -> Option<String> {
    match (&standing.assignee, &standing.team) {
        (Some(person), Some(team)) => Some(format!("{person}, {team}")),
        (Some(owner), None) | (None, Some(owner)) => Some(owner.clone()),
        (None, None) => None,
    }
}

/// What happened, in words, and what was said with it.
pub(super) fn happening(event: &FindingEvent) -> (String, Option<String>) {
    let detail = |name: &str| event.detail.get(name).and_then(Value::as_str);
    let words = match event.event.as_str() {
        "opened" => "First seen",
        "resolved" => "Resolved",
        "reopened" => "Came back",
        "weighed" => "Weighs differently now",
        "accepted" => "Risk accepted",
        "acceptance_ended" => "Exception ended",
        "false_positive" => "Called a false positive",
        "started" => "Work started",
        "stopped" => "Work stopped",
        "claimed" => "Claimed to be fixed",
        "refuted" => "A run saw that it still fails",
        "undone" => "A bulk action undone",
        "exception_asked" => "An exception asked for",
        "exception_refused" => "An exception refused",
        "assigned" => return (assigned(detail("team"), detail("assignee")), None),
        "due_changed" => {
            let due = detail("due").and_then(|due| due.parse::<DateTime<Utc>>().ok());
            let words = due.map_or_else(|| "No longer due".to_owned(), |due| format!("Due {}", shared::last_day(due)));
            return (words, None);
        }
        _ => "Changed",
    };
    (words.to_owned(), detail("note").map(str::to_owned))
}

fn assigned(team: Option<&str>, assignee: Option<&str>) -> String {
    match (team, assignee) {
        (Some(team), Some(assignee)) => format!("Given to {assignee} of {team}"),
        (Some(owner), None) | (None, Some(owner)) => format!("Given to {owner}"),
        (None, None) => "Given back to the rules".to_owned(),
    }
}

#[derive(Deserialize)]
struct MoveForm {
    #[serde(default, rename = "move")]
    step: String,
    #[serde(default)]
    note: String,
}

async fn make_move(
    mut call: Call<Triage>,
    id: web::Path<Uuid>,
    form: Form<MoveForm>,
) -> Result<HttpResponse, WebError> {
    let id = FindingId(*id);
    triage::standing(&mut call.tx, id).await?;
    let Some(step) = Move::parse(&form.0.step) else {
        return Err(WebError::Invalid("Choose what to do: start, stop or claim.".to_owned()));
    };
    let note = form.0.note.trim().to_owned();
    if note.chars().count() > NOTE {
        let note = Field::wrong(&note, "A note takes at most 1,000 characters.");
        return refuse(call, id, Typed { note, ..Typed::default() }).await;
    }
    change(&mut call, id, &Change::Move(step), &note, "It is no longer in a state from which that can be done.")
        .await?;
    call.record(&format!("finding.{}", step.event()), &id.to_string(), json!({ "note": note })).await?;
    let said = match step {
        Move::Start => "The work on it has begun.",
        Move::Stop => "The work on it has stopped.",
        Move::Claim => "Thank you. The next complete run proves it, or brings the finding back.",
    };
    call.done(&format!("/findings/{id}"), Flash::good(said)).await
}

/// Makes a change to one finding, under the tenant's lock.
async fn change<P>(
    call: &mut Call<P>,
    id: FindingId,
    change: &Change,
    note: &str,
    otherwise: &str,
) -> Result<(), WebError> {
    reconcile::try_lock(&mut call.tx).await?;
    finding::ticked(&mut call.tx, &[id]).await?;
    let (by, now) = (call.actor.id, call.now);
    let done = triage::apply(&mut call.tx, change, None, by, note, now).await?;
    if done.changed == 0 { Err(WebError::Conflict(otherwise.to_owned())) } else { Ok(()) }
}

pub(super) async fn refuse<P>(mut call: Call<P>, id: FindingId, typed: Typed) -> Result<HttpResponse, WebError> {
    let mut page = super::read(&mut call, id, super::AcceptForm::default(), super::AcceptErrors::default()).await?;
    page.triage = TriagePart::read(&mut call, id, typed).await?;
    call.visit().page_with(HttpResponse::UnprocessableEntity(), &page)
}

#[derive(Deserialize)]
struct AssignForm {
    #[serde(default)]
    team: String,
    #[serde(default)]
    assignee: String,
}

async fn assign(mut call: Call<Triage>, id: web::Path<Uuid>, form: Form<AssignForm>) -> Result<HttpResponse, WebError> {
    let id = FindingId(*id);
    triage::standing(&mut call.tx, id).await?;
    let you = call.actor.id;
    let Reading { change: wanted, words, .. } =
        shared::read_assign(&mut call.tx, &form.0.team, &form.0.assignee, you).await?;
    change(&mut call, id, &wanted, "", "It is theirs already, or no longer open.").await?;
    shared::tell_assigned(&mut call, &wanted, 1, &format!("/findings/{id}")).await?;
    call.record("finding.assigned", &id.to_string(), json!({ "to": words })).await?;
    call.done(&format!("/findings/{id}"), Flash::good(format!("{}.", crate::words::capital(&words)))).await
}

#[derive(Deserialize)]
struct DueForm {
    #[serde(default)]
    due: String,
}

async fn set_due(mut call: Call<Triage>, id: web::Path<Uuid>, form: Form<DueForm>) -> Result<HttpResponse, WebError> {
    let id = FindingId(*id);
    triage::standing(&mut call.tx, id).await?;
    let wanted = match shared::read_due(&form.0.due, call.now) {
        Ok(wanted) => wanted,
        Err(words) => {
            let due = Field::wrong(&form.0.due, words);
            return refuse(call, id, Typed { due, ..Typed::default() }).await;
        }
    };
    change(&mut call, id, &wanted, "", "It is due then already, or no longer open.").await?;
    call.record("finding.due_changed", &id.to_string(), json!({ "due": form.0.due.trim() })).await?;
    call.done(&format!("/findings/{id}"), Flash::good("The due date is kept.")).await
}
