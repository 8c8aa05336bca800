//! Tickets: one for a fix in a tracker, kept in step with it.

mod step;
mod tracker;

pub use step::{Followed, Step, claim, list_of_tracker, polled, stepped};
pub(crate) use tracker::owner;
pub use tracker::{
    NewTracker, Tracker, TrackerSecret, create, get as tracker, list as trackers, open as open_tracker, remove,
    replace_secret, tested,
};

use crate::door::TenantTx;
use crate::error::StoreError;
use crate::job::{self, Task};
use chrono::{DateTime, Utc};
use plumbline_core::id::{FixId, Mint, PersonId, TicketId, TrackerId};
use uuid::Uuid;

/// A ticket with what its fix has open.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Ticket {
    pub ticket_id: Uuid,
    pub fix_id: Uuid,
    pub tracker_id: Uuid,
    pub tracker_name: String,
    pub tracker_removed: bool,
    pub state: String,
    pub asked_by: Option<Uuid>,
    pub created_at: DateTime<Utc>,
    pub sent_at: Option<DateTime<Utc>>,
    pub external_key: Option<String>,
    pub url: Option<String>,
    pub their_state: Option<String>,
    pub closed_there_at: Option<DateTime<Utc>>,
    pub synced_at: Option<DateTime<Utc>>,
    pub text_digest: Option<String>,
    pub text_at: Option<DateTime<Utc>>,
    pub tries: i32,
    pub error: Option<String>,
    /// Findings that the fix would close; none when it is gone.
    pub open_findings: i64,
}

macro_rules! tickets {
    ($rest:literal) => {
        concat!(
            "select t.ticket_id, t.fix_id, t.tracker_id, k.name as tracker_name, k.removed_at is not null as tracker_removed,
                 t.state, t.asked_by, t.created_at, t.sent_at, t.external_key, t.url, t.their_state, t.closed_there_at, t.synced_at,
                 t.text_digest, t.text_at, t.tries, t.error, coalesce(x.open_findings, 0) as open_findings
             from tickets t
             join trackers k on k.tenant_id = t.tenant_id and k.tracker_id = t.tracker_id
             left join fixes x on x.tenant_id = t.tenant_id and x.fix_id = t.fix_id
             where t.tenant_id = $1 and ",
            $rest
        )
    };
}
pub(crate) use tickets;

/// One ticket.
///
/// # Errors
/// [`StoreError::NotFound`] when this tenant has none of that id.
pub async fn get(tx: &mut TenantTx, ticket: TicketId) -> Result<Ticket, StoreError> {
    sqlx::query_as(tickets!("t.ticket_id = $2"))
        .bind(tx.tenant().0)
        .bind(ticket.0)
        .fetch_optional(tx.conn())
        .await?
        .ok_or(StoreError::NotFound)
}

/// The tickets of a fix.
///
/// # Errors
/// When the database does not answer.
pub async fn of_fix(tx: &mut TenantTx, fix: FixId) -> Result<Vec<Ticket>, StoreError> {
    let rows = sqlx::query_as(tickets!("t.fix_id = $2 order by t.created_at"))
        .bind(tx.tenant().0)
        .bind(fix.0)
        .fetch_all(tx.conn())
        .await?;
    Ok(rows)
}

/// Asks for a ticket of a fix; a worker opens it. One that failed is tried again.
///
/// # Errors
/// [`StoreError::NotFound`] when there is no such fix or tracker; [`StoreError::Conflict`] when the fix has a ticket there.
pub async fn ask(
    tx: &mut TenantTx,
    fix: FixId,
    tracker: TrackerId,
    by: PersonId,
    mint: &Mint,
) -> Result<TicketId, StoreError> {
    crate::fix::get(tx, fix).await?;
    if tracker::get(tx, tracker).await?.removed_at.is_some() {
        return Err(StoreError::NotFound);
    }
    let id: Option<Uuid> = sqlx::query_scalar(
        "insert into tickets (tenant_id, ticket_id, fix_id, tracker_id, state, asked_by, created_at)
         values ($1, $2, $3, $4, 'asked', $5, $6)
         on conflict (tenant_id, fix_id, tracker_id) do update set state = 'asked', error = null, tries = 0
         where tickets.state = 'failed'
         returning ticket_id",
    )
    .bind(tx.tenant().0)
    .bind(TicketId::mint(mint).0)
    .bind(fix.0)
    .bind(tracker.0)
    .bind(by.0)
    .bind(mint.now())
    .fetch_optional(tx.conn())
    .await?;
    let Some(id) = id.map(TicketId) else {
        return Err(StoreError::Conflict("This fix has a ticket there already.".to_owned()));
    };
    job::enqueue(tx, &Task::OpenTicket { ticket_id: id }, mint.now(), mint).await?;
    Ok(id)
}

/// Notes that a request to make the ticket is about to be sent. Kept before it is.
///
/// # Errors
/// When the database does not answer.
pub async fn sending(tx: &mut TenantTx, ticket: TicketId, now: DateTime<Utc>) -> Result<(), StoreError> {
    sqlx::query("update tickets set sent_at = $3 where tenant_id = $1 and ticket_id = $2")
        .bind(tx.tenant().0)
        .bind(ticket.0)
        .bind(now)
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// What a ticket is known by there.
#[derive(Debug, Clone)]
pub struct Opened<'a> {
    pub key: &'a str,
    pub url: Option<&'a str>,
    pub their_state: &'a str,
    pub digest: &'a str,
}

/// Keeps that a ticket is open there.
///
/// # Errors
/// When the database does not answer.
pub async fn opened(
    tx: &mut TenantTx,
    ticket: TicketId,
    opened: &Opened<'_>,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query(
        "update tickets set state = 'open', external_key = $3, url = $4, their_state = $5, text_digest = $6, text_at = $7,
             synced_at = $7, tries = 0, error = null
         where tenant_id = $1 and ticket_id = $2",
    )
    .bind(tx.tenant().0)
    .bind(ticket.0)
    .bind(opened.key)
    .bind(opened.url)
    .bind(opened.their_state)
    .bind(opened.digest)
    .bind(now)
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// What becomes of a ticket after something went wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Then {
    /// It is tried again by itself.
    Again,
    /// It is not; whether it was made is not known.
    GivenUp,
    /// It is not; the tracker said no, so that nothing was made.
    Refused,
}

/// Keeps that something went wrong.
///
/// # Errors
/// When the database does not answer.
pub async fn failed(tx: &mut TenantTx, ticket: TicketId, error: &str, then: Then) -> Result<(), StoreError> {
    sqlx::query(
        "update tickets set error = $3, tries = tries + 1, state = case when $4 then state else 'failed' end,
             sent_at = case when $5 then null else sent_at end
         where tenant_id = $1 and ticket_id = $2",
    )
    .bind(tx.tenant().0)
    .bind(ticket.0)
    .bind(error)
    .bind(then == Then::Again)
    .bind(then == Then::Refused)
    .execute(tx.conn())
    .await?;
    Ok(())
}
