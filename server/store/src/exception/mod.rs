//! Exceptions: asked for with a reason, a scope and an end; approved by somebody else; in force until they end.
//!
//! What is written here says who may leave what out. The findings themselves and all sums are moved by the reconcile, in
//! the same transaction.

mod decision;
mod four_eyes;
mod preview;
mod register;
pub(crate) mod scope;
mod thought;
mod told;

pub use decision::{approve, end, refuse, withdraw};
pub use four_eyes::{FourEyes, four_eyes, set_four_eyes};
pub use preview::{MOST, Preview, preview};
pub use register::{Counts, EXPIRING, MANY, MUCH, Names, Standing, counts, covered, list, names};
pub use scope::{line, line_words};
pub(crate) use thought::covered_by;
pub use thought::{Thought, in_thought};
pub use told::next_notice;
use told::tell_approvers;
pub(crate) use told::{tell_ended, tell_expiring};

use crate::door::TenantTx;
use crate::error::StoreError;
use chrono::{DateTime, Utc};
use plumbline_core::exception::{ExceptionKind, Scope};
use plumbline_core::id::{ExceptionId, FindingId, Mint, PersonId};
use serde_json::{Value, json};
use sqlx::types::Json;
use uuid::Uuid;

/// An exception, with the names of who asked and decided; none when the person has left.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Exception {
    pub exception_id: Uuid,
    pub state: String,
    pub kind: String,
    pub scope: Json<Scope>,
    pub reason: String,
    pub requested_by: Uuid,
    pub asker: Option<String>,
    pub approver: Option<String>,
    /// When it was asked for.
    pub created_at: DateTime<Utc>,
    pub decided_at: Option<DateTime<Utc>>,
    /// What was said to a refusal.
    pub decision: String,
    pub expires_at: DateTime<Utc>,
    pub ended_at: Option<DateTime<Utc>>,
    pub ended_how: Option<String>,
    pub ender: Option<String>,
    pub renews: Option<Uuid>,
    pub two_eyes: bool,
    /// How many findings it covers now, what they lose together, and how many are critical or exploited.
    pub covers: i64,
    pub covers_loss: i64,
    pub covers_grave: i64,
    /// The name of what was handed in.
    pub attachment: Option<String>,
}

macro_rules! exception_rows {
    ($rest:literal) => {
        concat!(
            "select e.exception_id, e.state, e.kind, e.scope, e.reason, e.requested_by, a.name as asker, p.name as approver,
                 e.created_at, e.decided_at, e.decision, e.expires_at, e.ended_at, e.ended_how, n.name as ender, e.renews,
                 e.two_eyes, e.covers, e.covers_loss, e.covers_grave, t.name as attachment
             from exceptions e
             left join people a on a.person_id = e.requested_by
             left join people p on p.person_id = e.approved_by
             left join people n on n.person_id = e.ended_by
             left join exception_attachments t on t.tenant_id = e.tenant_id and t.exception_id = e.exception_id
             where e.tenant_id = $1 and ",
            $rest
        )
    };
}
pub(crate) use exception_rows;

/// One exception.
///
/// # Errors
/// [`StoreError::NotFound`] when this tenant has none of that id.
pub async fn get(tx: &mut TenantTx, exception: ExceptionId) -> Result<Exception, StoreError> {
    sqlx::query_as(exception_rows!("e.exception_id = $2"))
        .bind(tx.tenant().0)
        .bind(exception.0)
        .fetch_optional(tx.conn())
        .await?
        .ok_or(StoreError::NotFound)
}

/// The exceptions that a finding ever had of its own and those that cover or covered it, newest first; at most twenty.
///
/// # Errors
/// When the database does not answer.
pub async fn of_finding(tx: &mut TenantTx, finding: FindingId) -> Result<Vec<Exception>, StoreError> {
    let rows = sqlx::query_as(exception_rows!(
        "e.exception_id in (
             select exception_id from exceptions where tenant_id = $1 and finding_id = $2
             union
             select exception_id from exception_findings where tenant_id = $1 and finding_id = $2 and until is null
         )
         order by e.created_at desc limit 20"
    ))
    .bind(tx.tenant().0)
    .bind(finding.0)
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}

/// The exceptions in force that name this finding alone.
///
/// # Errors
/// When the database does not answer.
pub async fn own_in_force(tx: &mut TenantTx, finding: FindingId) -> Result<Vec<ExceptionId>, StoreError> {
    let ids: Vec<Uuid> = sqlx::query_scalar(
        "select exception_id from exceptions where tenant_id = $1 and finding_id = $2 and state = 'in_force'",
    )
    .bind(tx.tenant().0)
    .bind(finding.0)
    .fetch_all(tx.conn())
    .await?;
    Ok(ids.into_iter().map(ExceptionId).collect())
}

/// What was handed in with a request.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Attachment {
    pub name: String,
    pub media_type: String,
    pub content: Vec<u8>,
}

/// What was handed in with an exception.
///
/// # Errors
/// [`StoreError::NotFound`] when nothing was.
pub async fn attachment(tx: &mut TenantTx, exception: ExceptionId) -> Result<Attachment, StoreError> {
    sqlx::query_as(
        "select name, media_type, content from exception_attachments where tenant_id = $1 and exception_id = $2",
    )
    .bind(tx.tenant().0)
    .bind(exception.0)
    .fetch_optional(tx.conn())
    .await?
    .ok_or(StoreError::NotFound)
}

/// What is asked for.
#[derive(Debug)]
pub struct NewException<'a> {
    pub kind: ExceptionKind,
    pub scope: &'a Scope,
    pub reason: &'a str,
    pub by: PersonId,
    pub expires_at: DateTime<Utc>,
    pub renews: Option<ExceptionId>,
    pub attachment: Option<Attachment>,
}

/// Asks for an exception. It covers nothing before it is approved.
///
/// # Errors
/// [`StoreError::Conflict`] when the same is asked for already, or the reason or the end will not do;
/// [`StoreError::NotFound`] when what it names is not there.
pub async fn ask(tx: &mut TenantTx, new: NewException<'_>, mint: &Mint) -> Result<ExceptionId, StoreError> {
    exists(tx, new.scope).await?;
    if let Some(renewed) = new.renews {
        get(tx, renewed).await?;
    }
    if let Some(finding) = finding_of(new.scope) {
        let state: String = sqlx::query_scalar("select state from findings where tenant_id = $1 and finding_id = $2")
            .bind(tx.tenant().0)
            .bind(finding)
            .fetch_one(tx.conn())
            .await?;
        if state == "resolved" {
            return Err(StoreError::Conflict(
                "This finding is resolved. Should it come back, ask for it then.".to_owned(),
            ));
        }
    }
    // Asked first, so that the transaction goes on where it may not; the index decides between two at once.
    let waits: Option<i32> =
        sqlx::query_scalar("select 1 from exceptions where tenant_id = $1 and finding_id = $2 and state = 'asked'")
            .bind(tx.tenant().0)
            .bind(finding_of(new.scope))
            .fetch_optional(tx.conn())
            .await?;
    if waits.is_some() {
        return Err(StoreError::Conflict(WAITS.to_owned()));
    }
    let id = ExceptionId::mint(mint);
    sqlx::query(
        "insert into exceptions (tenant_id, exception_id, state, kind, scope, finding_id, reason, requested_by, created_at,
             expires_at, renews)
         values ($1, $2, 'asked', $3, $4, $5, $6, $7, $8, $9, $10)",
    )
    .bind(tx.tenant().0)
    .bind(id.0)
    .bind(new.kind.as_str())
    .bind(Json(new.scope))
    .bind(finding_of(new.scope))
    .bind(new.reason)
    .bind(new.by.0)
    .bind(mint.now())
    .bind(new.expires_at)
    .bind(new.renews.map(|renewed| renewed.0))
    .execute(tx.conn())
    .await
    .map_err(in_words)?;
    if let Some(file) = new.attachment {
        sqlx::query(
            "insert into exception_attachments (tenant_id, exception_id, name, media_type, content)
             values ($1, $2, $3, $4, $5)",
        )
        .bind(tx.tenant().0)
        .bind(id.0)
        .bind(file.name)
        .bind(file.media_type)
        .bind(file.content)
        .execute(tx.conn())
        .await?;
    }
    tell_finding(tx, id, "exception_asked", Some(new.by), mint.now()).await?;
    tell_approvers(tx, id, mint).await?;
    Ok(id)
}

const WAITS: &str = "An exception of this finding waits for approval already.";

fn finding_of(scope: &Scope) -> Option<Uuid> {
    match scope {
        Scope::Finding(id) => Some(id.0),
        Scope::Resource(_) | Scope::Fix(_) | Scope::Filter(_) => None,
    }
}

/// What a scope names by its id is this tenant's.
async fn exists(tx: &mut TenantTx, scope: &Scope) -> Result<(), StoreError> {
    let (sql, id) = match scope {
        Scope::Finding(id) => ("select 1 from findings where tenant_id = $1 and finding_id = $2", id.0),
        Scope::Resource(id) => ("select 1 from resources where tenant_id = $1 and resource_id = $2", id.0),
        Scope::Fix(id) => ("select 1 from fixes where tenant_id = $1 and fix_id = $2", id.0),
        Scope::Filter(_) => return Ok(()),
    };
    let found: Option<i32> = sqlx::query_scalar(sql).bind(tx.tenant().0).bind(id).fetch_optional(tx.conn()).await?;
    found.map(|_| ()).ok_or(StoreError::NotFound)
}

/// What an exception covers.
pub(crate) async fn scope_of(tx: &mut TenantTx, exception: ExceptionId) -> Result<Scope, StoreError> {
    let scope: Option<Json<Scope>> =
        sqlx::query_scalar("select scope from exceptions where tenant_id = $1 and exception_id = $2")
            .bind(tx.tenant().0)
            .bind(exception.0)
            .fetch_optional(tx.conn())
            .await?;
    scope.map(|Json(scope)| scope).ok_or(StoreError::NotFound)
}

/// Writes into the history of the one finding that an exception names, when it names one.
async fn tell_finding(
    tx: &mut TenantTx,
    exception: ExceptionId,
    event: &str,
    by: Option<PersonId>,
    at: DateTime<Utc>,
) -> Result<(), StoreError> {
    let detail: Value = json!({ "exception": exception });
    sqlx::query(
        "insert into finding_events (tenant_id, finding_id, at, event, check_id, loss_delta, net_delta, person_id, detail)
         select $1, f.finding_id, $3, $4, f.check_id, 0, 0, $5, $6
         from exceptions e join findings f on f.tenant_id = $1 and f.finding_id = e.finding_id
         where e.tenant_id = $1 and e.exception_id = $2",
    )
    .bind(tx.tenant().0)
    .bind(exception.0)
    .bind(at)
    .bind(event)
    .bind(by.map(|by| by.0))
    .bind(detail)
    .execute(tx.conn())
    .await?;
    Ok(())
}

fn in_words(error: sqlx::Error) -> StoreError {
    let words = match error.as_database_error().and_then(sqlx::error::DatabaseError::constraint) {
        Some("exceptions_asked_once") => WAITS,
        Some("exceptions_reason_check") => "The reason takes 10 to 2,000 characters.",
        Some("exceptions_check") => "An exception must end in the future.",
        Some("exceptions_end_check") => "An exception lasts at most 365 days.",
        _ => return StoreError::Database(error),
    };
    StoreError::Conflict(words.to_owned())
}
