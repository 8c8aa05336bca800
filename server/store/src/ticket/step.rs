//! Keeping tickets in step: what was done there is claimed here, what was found here is said there.

use super::{Ticket, tickets};
use crate::door::TenantTx;
use crate::error::StoreError;
use chrono::{DateTime, Utc};
use plumbline_core::id::{TicketId, TrackerId};
use serde_json::json;
use std::collections::HashSet;
use uuid::Uuid;

/// A ticket as a poll of its tracker sees it, with where the work on its fix stands.
#[derive(Debug, Clone)]
pub struct Followed {
    pub ticket: Ticket,
    /// Open findings of the fix that somebody says are fixed.
    pub claimed: bool,
    /// Findings of the fix that are left out for a time.
    pub accepted: bool,
    /// The source that saw the fix's findings was disconnected.
    pub disconnected: bool,
}

/// Which of these fixes have findings that an exception covers.
const ACCEPTED: &str = "select fix_id from unnest($2::uuid[]) x (fix_id)
     where exists (select from findings f where f.tenant_id = $1 and f.fix_id = x.fix_id and f.state = 'accepted')";

/// Which of these fixes have open findings that somebody says are fixed.
const CLAIMED: &str = "select fix_id from unnest($2::uuid[]) x (fix_id)
     where exists (select from findings f
         where f.tenant_id = $1 and f.fix_id = x.fix_id and f.state = 'open' and f.stage = 'awaiting_proof')";

/// Which of these fixes are of sources that were disconnected.
const DISCONNECTED: &str = "select x.fix_id from fixes x
     join sources s on s.tenant_id = $1 and s.source_id = x.source_id and s.removed_at is not null
     where x.tenant_id = $1 and x.fix_id = any($2)";

/// The tickets of a tracker that are to be kept in step: open ones, and done ones whose fix has something open again.
///
/// # Errors
/// When the database does not answer.
pub async fn list_of_tracker(tx: &mut TenantTx, tracker: TrackerId) -> Result<Vec<Followed>, StoreError> {
    let tickets: Vec<Ticket> = sqlx::query_as(tickets!(
        "t.tracker_id = $2 and t.external_key is not null
         and (t.state = 'open' or t.state = 'done' and coalesce(x.open_findings, 0) > 0)
         order by t.created_at limit 5000"
    ))
    .bind(tx.tenant().0)
    .bind(tracker.0)
    .fetch_all(tx.conn())
    .await?;
    let fixes: Vec<Uuid> = tickets.iter().map(|ticket| ticket.fix_id).collect();
    let claimed = among(tx, CLAIMED, &fixes).await?;
    let accepted = among(tx, ACCEPTED, &fixes).await?;
    let disconnected = among(tx, DISCONNECTED, &fixes).await?;
    let followed = |ticket: Ticket| Followed {
        claimed: claimed.contains(&ticket.fix_id),
        accepted: accepted.contains(&ticket.fix_id),
        disconnected: disconnected.contains(&ticket.fix_id),
        ticket,
    };
    Ok(tickets.into_iter().map(followed).collect())
}

/// The fixes that a statement picks out of some.
async fn among(tx: &mut TenantTx, sql: &'static str, fixes: &[Uuid]) -> Result<HashSet<Uuid>, StoreError> {
    let found: Vec<Uuid> = sqlx::query_scalar(sql).bind(tx.tenant().0).bind(fixes).fetch_all(tx.conn()).await?;
    Ok(found.into_iter().collect())
}

/// What a poll saw and did of one ticket.
#[derive(Debug, Clone, Default)]
pub struct Step {
    pub state: Option<&'static str>,
    pub their_state: Option<String>,
    /// Some when it is closed there since then; none when it is open there.
    pub closed_there_at: Option<DateTime<Utc>>,
    /// The digest of what was written there now.
    pub digest: Option<String>,
    pub error: Option<String>,
}

/// Keeps what a poll saw and did of a ticket.
///
/// # Errors
/// When the database does not answer.
pub async fn stepped(tx: &mut TenantTx, ticket: TicketId, step: &Step, now: DateTime<Utc>) -> Result<(), StoreError> {
    sqlx::query(
        "update tickets set state = coalesce($3, state), their_state = coalesce($4, their_state), closed_there_at = $5,
             text_digest = coalesce($6, text_digest), text_at = case when $6::text is null then text_at else $8 end,
             error = $7, synced_at = $8
         where tenant_id = $1 and ticket_id = $2",
    )
    .bind(tx.tenant().0)
    .bind(ticket.0)
    .bind(step.state)
    .bind(step.their_state.as_deref())
    .bind(step.closed_there_at)
    .bind(step.digest.as_deref())
    .bind(step.error.as_deref())
    .bind(now)
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// A ticket was closed there: the open findings of its fix await their proof. Returns how many.
///
/// # Errors
/// When the database does not answer.
pub async fn claim(tx: &mut TenantTx, ticket: &Ticket, now: DateTime<Utc>) -> Result<u64, StoreError> {
    let detail = json!({ "ticket": ticket.external_key, "url": ticket.url, "tracker": ticket.tracker_name });
    let done = sqlx::query(
        "with claimed as (
             update findings set stage = 'awaiting_proof', claimed_at = $3
             where tenant_id = $1 and fix_id = $2 and state = 'open' and stage <> 'awaiting_proof'
             returning finding_id, check_id
         )
         insert into finding_events (tenant_id, finding_id, at, event, check_id, loss_delta, net_delta, detail)
         select $1, finding_id, $3, 'claimed', check_id, 0, 0, $4 from claimed order by finding_id",
    )
    .bind(tx.tenant().0)
    .bind(ticket.fix_id)
    .bind(now)
    .bind(detail)
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected())
}

/// Keeps up to when a tracker was asked, and what was wrong.
///
/// # Errors
/// When the database does not answer.
pub async fn polled(
    tx: &mut TenantTx,
    tracker: TrackerId,
    until: Option<DateTime<Utc>>,
    error: Option<&str>,
) -> Result<(), StoreError> {
    sqlx::query(
        "update trackers set polled_until = coalesce($3, polled_until), poll_error = $4
         where tenant_id = $1 and tracker_id = $2",
    )
    .bind(tx.tenant().0)
    .bind(tracker.0)
    .bind(until)
    .bind(error)
    .execute(tx.conn())
    .await?;
    Ok(())
}
