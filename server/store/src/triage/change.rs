//! What a person changes of chosen findings: where the work stands, whose they are, by when they are due.

use crate::door::TenantTx;
use crate::error::StoreError;
use crate::reconcile::own_changed_fixes;
use chrono::{DateTime, Utc};
use plumbline_core::id::PersonId;
use plumbline_core::triage::{Move, Stage};
use serde_json::{Value, json};
use sqlx::types::Json;
use uuid::Uuid;

/// A change, the same for all that it is made to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    Move(Move),
    /// To a team, a member or both; to neither gives them back to the rules.
    Assign {
        team: Option<Uuid>,
        assignee: Option<PersonId>,
    },
    /// To the end of a day, or to none.
    Due(Option<DateTime<Utc>>),
}

/// How many of the chosen findings a change concerns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Changed {
    pub chosen: i64,
    pub changed: i64,
}

impl Change {
    /// The word for it in forms and tables.
    #[must_use]
    pub fn action(&self) -> &'static str {
        match self {
            Self::Move(one) => one.as_str(),
            Self::Assign { .. } => "assign",
            Self::Due(_) => "due",
        }
    }

    fn event(&self) -> &'static str {
        match self {
            Self::Move(one) => one.event(),
            Self::Assign { .. } => "assigned",
            Self::Due(_) => "due_changed",
        }
    }
}

/// Makes `changing`: the chosen findings that the change concerns, as they are now.
async fn find(tx: &mut TenantTx, change: &Change) -> Result<Changed, StoreError> {
    let from: Option<Vec<&str>> = match change {
        Change::Move(one) => Some(one.from().iter().copied().map(Stage::as_str).collect()),
        _ => None,
    };
    let (team, assignee) = match change {
        Change::Assign { team, assignee } => (*team, assignee.map(|person| person.0)),
        _ => (None, None),
    };
    let (is_due, due) = match change {
        Change::Due(due) => (true, *due),
        _ => (false, None),
    };
    let is_assign = matches!(change, Change::Assign { .. });
    let changed = sqlx::query(
        "create temporary table changing on commit drop as
         select f.finding_id, f.check_id, f.stage, f.times_reopened, f.claimed_at, f.assignee_id, f.team_id,
             f.owned_by_hand, f.due_at, f.due_by_hand
         from chosen c join findings f on f.tenant_id = $1 and f.finding_id = c.finding_id
         where f.state = 'open'
           and ($2::text[] is null or f.stage = any($2))
           and (not $3 or f.team_id is distinct from $4 or f.assignee_id is distinct from $5
               or f.owned_by_hand <> ($4 is not null or $5 is not null))
           and (not $6 or f.due_at is distinct from $7 or not f.due_by_hand)",
    )
    .bind(tx.tenant().0)
    .bind(from)
    .bind(is_assign)
    .bind(team)
    .bind(assignee)
    .bind(is_due)
    .bind(due)
    .execute(tx.conn())
    .await?
    .rows_affected();
    let chosen: i64 = sqlx::query_scalar("select count(*) from chosen").fetch_one(tx.conn()).await?;
    Ok(Changed { chosen, changed: i64::try_from(changed).unwrap_or(i64::MAX) })
}

/// How many findings the change would concern, and how many of each stage.
///
/// # Errors
/// When the database does not answer.
pub async fn preview(tx: &mut TenantTx, change: &Change) -> Result<(Changed, Vec<(String, i64)>), StoreError> {
    let changed = find(tx, change).await?;
    let stages = sqlx::query_as("select stage, count(*) from changing group by stage order by count(*) desc, stage")
        .fetch_all(tx.conn())
        .await?;
    sqlx::query("drop table changing").execute(tx.conn()).await?;
    Ok((changed, stages))
}

/// Makes a change to the findings in `chosen`, and writes it into their history. With `bulk`, how each was before is kept
/// under that id. The caller holds [`crate::reconcile::lock`], so that no run settles meanwhile.
///
/// # Errors
/// When the database does not answer.
pub async fn apply(
    tx: &mut TenantTx,
    change: &Change,
    bulk: Option<Uuid>,
    by: PersonId,
    note: &str,
    at: DateTime<Utc>,
) -> Result<Changed, StoreError> {
    let changed = find(tx, change).await?;
    if let Some(bulk) = bulk {
        sqlx::query(
            "insert into bulk_items (tenant_id, bulk_id, finding_id, stage, claimed_at, assignee_id, team_id, owned_by_hand,
                 due_at, due_by_hand)
             select $1, $2, finding_id, stage, claimed_at, assignee_id, team_id, owned_by_hand, due_at, due_by_hand
             from changing order by finding_id",
        )
        .bind(tx.tenant().0)
        .bind(bulk)
        .execute(tx.conn())
        .await?;
    }
    match change {
        Change::Move(one) => move_stage(tx, *one, at).await?,
        Change::Assign { team, assignee } => assign(tx, *team, *assignee).await?,
        Change::Due(due) => set_due(tx, *due).await?,
    }
    let detail = detail(tx, change, bulk, note).await?;
    write_events(tx, change.event(), by, &detail, at).await?;
    if !matches!(change, Change::Move(_)) {
        own_changed_fixes(tx).await?;
    }
    sqlx::query("drop table changing").execute(tx.conn()).await?;
    Ok(changed)
}

async fn move_stage(tx: &mut TenantTx, one: Move, at: DateTime<Utc>) -> Result<(), StoreError> {
    sqlx::query(
        "update findings f set
             stage = case when $2 = 'open' and c.times_reopened > 0 then 'reopened' else $2 end,
             claimed_at = case when $2 = 'awaiting_proof' then $3::timestamptz end
         from changing c where f.tenant_id = $1 and f.finding_id = c.finding_id",
    )
    .bind(tx.tenant().0)
    .bind(one.to().as_str())
    .bind(at)
    .execute(tx.conn())
    .await?;
    Ok(())
}

async fn assign(tx: &mut TenantTx, team: Option<Uuid>, assignee: Option<PersonId>) -> Result<(), StoreError> {
    sqlx::query(
        "update findings f set team_id = $2, assignee_id = $3, owned_by_hand = $2 is not null or $3 is not null
         from changing c where f.tenant_id = $1 and f.finding_id = c.finding_id",
    )
    .bind(tx.tenant().0)
    .bind(team)
    .bind(assignee.map(|person| person.0))
    .execute(tx.conn())
    .await?;
    Ok(())
}

async fn set_due(tx: &mut TenantTx, due: Option<DateTime<Utc>>) -> Result<(), StoreError> {
    sqlx::query(
        "update findings f set due_at = $2, due_by_hand = true
         from changing c where f.tenant_id = $1 and f.finding_id = c.finding_id",
    )
    .bind(tx.tenant().0)
    .bind(due)
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// What the history says beside the event. Names are those of now: they outlive team and membership.
async fn detail(tx: &mut TenantTx, change: &Change, bulk: Option<Uuid>, note: &str) -> Result<Value, StoreError> {
    let mut detail = match change {
        Change::Move(_) => json!({}),
        Change::Assign { team, assignee } => {
            let owner = super::owner_of(tx, *team, *assignee).await?;
            json!({ "team": owner.team, "assignee": owner.assignee })
        }
        Change::Due(due) => json!({ "due": due }),
    };
    if let Some(detail) = detail.as_object_mut() {
        if !note.is_empty() {
            detail.insert("note".to_owned(), note.into());
        }
        if let Some(bulk) = bulk {
            detail.insert("bulk".to_owned(), bulk.to_string().into());
        }
    }
    Ok(detail)
}

/// Writes an event of each finding in `changing`.
pub(super) async fn write_events(
    tx: &mut TenantTx,
    event: &str,
    by: PersonId,
    detail: &Value,
    at: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query(
        "insert into finding_events (tenant_id, finding_id, at, event, check_id, loss_delta, net_delta, person_id, detail)
         select $1, finding_id, $2, $3, check_id, 0, 0, $4, $5 from changing order by finding_id",
    )
    .bind(tx.tenant().0)
    .bind(at)
    .bind(event)
    .bind(by.0)
    .bind(Json(detail))
    .execute(tx.conn())
    .await?;
    Ok(())
}
