//! Tickets: opened once for a fix, and kept in step with their tracker both ways.
//!
//! A request that was sent may have come through although no answer did. So the row says that it is about to be sent
//! before it is, and before another is sent the tracker is searched for the marker in the ticket's text; where a tracker's
//! search is late, that waits.

mod client;
mod follow;
mod github;
mod gitlab;
mod jira;
mod text;
mod webhook;
mod wire;

pub use wire::Outside;

use crate::Worker;
use chrono::TimeDelta;
use client::{Client, Theirs, client};
use plumbline_core::id::{FixId, PersonId, TicketId, TrackerId};
use plumbline_core::signature::sha256;
use plumbline_core::ticket::TicketText;
use plumbline_store::inbox::{self, Kind};
use plumbline_store::job::{self, Lease, Task};
use plumbline_store::ticket::{self, Opened, Then, Ticket};
use plumbline_store::{StoreError, TenantTx};
use std::time::Duration;
use wire::TrackerError;

pub(crate) use follow::follow;

/// How often a tracker is asked for what changed.
const EVERY: TimeDelta = TimeDelta::minutes(5);
/// How long the search of a tracker may take to know a ticket that was just made.
const SEARCH_KNOWS: TimeDelta = TimeDelta::minutes(2);
/// How often a ticket is tried before somebody has to look at it.
const TRIES: i32 = 12;

/// The next time for what did not come through: when the tracker says, else later each time.
fn wait(asked: Option<Duration>, tries: i32) -> TimeDelta {
    let own = TimeDelta::seconds(30 << tries.clamp(0, 7));
    asked.and_then(|wait| TimeDelta::from_std(wait).ok()).unwrap_or(own)
}

/// What is known of a text once it was written.
fn digest(text: &TicketText) -> String {
    sha256(&format!("{}\n{}", text.title, text.markdown()))
}

/// Opens a tracker; none when it was removed, or its credential does not open, which is then said.
async fn connect(
    worker: &Worker,
    tx: &mut TenantTx,
    tracker: TrackerId,
) -> Result<Result<Box<dyn Client>, TrackerError>, StoreError> {
    match ticket::open_tracker(tx, &worker.keyring, tracker).await {
        Ok(opened) => Ok(client(&worker.outside, opened, worker.now())),
        Err(StoreError::NotFound) => Ok(Err(TrackerError::Refused("The tracker was removed.".to_owned()))),
        Err(StoreError::Sealed) => Ok(Err(TrackerError::Refused("The credential cannot be opened.".to_owned()))),
        Err(other) => Err(other),
    }
}

/// Opens a ticket that somebody asked for.
pub(crate) async fn open(worker: &Worker, lease: &Lease, id: TicketId) -> anyhow::Result<()> {
    let mut tx = worker.database.tenant(lease.tenant).await?;
    job::fence(&mut tx, lease).await?;
    let row = ticket::get(&mut tx, id).await?;
    if row.state != "asked" {
        job::finish(&mut tx, lease, worker.now(), None).await?;
        return Ok(tx.commit().await?);
    }
    let connected = connect(worker, &mut tx, TrackerId(row.tracker_id)).await?;
    let text = text::text_of(&mut tx, worker.catalogue, worker.outside.links.as_ref(), FixId(row.fix_id)).await;
    tx.commit().await?;
    let text = match text {
        Ok(text) => text,
        Err(StoreError::NotFound) => {
            return give_up(worker, lease, &row, "The fix is no longer there.", Then::GivenUp).await;
        }
        Err(other) => return Err(other.into()),
    };
    let made = match connected {
        Ok(client) => make(worker, lease, &row, client.as_ref(), &text).await?,
        Err(error) => Err(error),
    };
    match made {
        Ok(Some(theirs)) => keep(worker, lease, &row, &theirs, &digest(&text)).await,
        Ok(None) => again(worker, lease, &row, "Waiting whether it came through.", SEARCH_KNOWS).await,
        Err(TrackerError::Later { words, wait: asked }) if row.tries < TRIES => {
            again(worker, lease, &row, &words, wait(asked, row.tries)).await
        }
        Err(error @ TrackerError::Later { .. }) => {
            give_up(worker, lease, &row, &error.to_string(), Then::GivenUp).await
        }
        Err(error) => give_up(worker, lease, &row, &error.to_string(), Then::Refused).await,
    }
}

/// Finds the ticket, or makes it. None when an earlier request may have made it and the search does not know it yet.
async fn make(
    worker: &Worker,
    lease: &Lease,
    row: &Ticket,
    client: &dyn Client,
    text: &TicketText,
) -> anyhow::Result<Result<Option<Theirs>, TrackerError>> {
    match client.find(FixId(row.fix_id), row.created_at).await {
        Ok(Some(known)) => return Ok(Ok(Some(known))),
        Ok(None) => {}
        Err(error) => return Ok(Err(error)),
    }
    if row.sent_at.is_some_and(|sent| worker.now() < sent + SEARCH_KNOWS) {
        return Ok(Ok(None));
    }
    let mut tx = worker.database.tenant(lease.tenant).await?;
    job::fence(&mut tx, lease).await?;
    ticket::sending(&mut tx, TicketId(row.ticket_id), worker.now()).await?;
    tx.commit().await?;
    Ok(client.create(FixId(row.fix_id), text).await.map(Some))
}

async fn keep(worker: &Worker, lease: &Lease, row: &Ticket, theirs: &Theirs, digest: &str) -> anyhow::Result<()> {
    let mut tx = worker.database.tenant(lease.tenant).await?;
    job::fence(&mut tx, lease).await?;
    let opened = Opened { key: &theirs.key, url: theirs.url.as_deref(), their_state: &theirs.state, digest };
    ticket::opened(&mut tx, TicketId(row.ticket_id), &opened, worker.now()).await?;
    job::finish(&mut tx, lease, worker.now(), None).await?;
    let follow = Task::FollowTracker { tracker_id: TrackerId(row.tracker_id) };
    job::enqueue(&mut tx, &follow, worker.now() + EVERY, &worker.mint).await?;
    Ok(tx.commit().await?)
}

async fn again(worker: &Worker, lease: &Lease, row: &Ticket, words: &str, after: TimeDelta) -> anyhow::Result<()> {
    let mut tx = worker.database.tenant(lease.tenant).await?;
    job::fence(&mut tx, lease).await?;
    ticket::failed(&mut tx, TicketId(row.ticket_id), words, Then::Again).await?;
    job::finish(&mut tx, lease, worker.now(), None).await?;
    job::enqueue(&mut tx, &lease.task, worker.now() + after, &worker.mint).await?;
    Ok(tx.commit().await?)
}

async fn give_up(worker: &Worker, lease: &Lease, row: &Ticket, words: &str, then: Then) -> anyhow::Result<()> {
    let mut tx = worker.database.tenant(lease.tenant).await?;
    job::fence(&mut tx, lease).await?;
    ticket::failed(&mut tx, TicketId(row.ticket_id), words, then).await?;
    tell_asker(worker, &mut tx, row, "could not be opened").await?;
    job::finish(&mut tx, lease, worker.now(), None).await?;
    Ok(tx.commit().await?)
}

/// Tells whoever asked for a ticket what went wrong with it; the fix's page says why.
async fn tell_asker(worker: &Worker, tx: &mut TenantTx, row: &Ticket, what: &str) -> Result<(), StoreError> {
    let Some(asker) = row.asked_by.map(PersonId) else { return Ok(()) };
    let words = format!("The ticket in {} {what}", row.tracker_name);
    inbox::tell(tx, asker, Kind::Ticket, &words, &format!("/fixes/{}", row.fix_id), worker.now()).await?;
    inbox::wake(tx, &worker.mint).await
}

/// Tries a tracker's credential.
pub(crate) async fn test(worker: &Worker, lease: &Lease, tracker: TrackerId) -> anyhow::Result<()> {
    let mut tx = worker.database.tenant(lease.tenant).await?;
    let connected = connect(worker, &mut tx, tracker).await?;
    drop(tx);
    let said = match connected {
        Ok(client) => client.test().await,
        Err(error) => Err(error),
    };
    let error = said.err().map(|error| error.to_string());
    let mut tx = worker.database.tenant(lease.tenant).await?;
    job::fence(&mut tx, lease).await?;
    ticket::tested(&mut tx, tracker, error.as_deref(), worker.now()).await?;
    job::finish(&mut tx, lease, worker.now(), None).await?;
    Ok(tx.commit().await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_try_waits_longer_unless_the_tracker_says_how_long() {
        assert_eq!(wait(None, 0), TimeDelta::seconds(30));
        assert_eq!(wait(None, 3), TimeDelta::seconds(240));
        assert_eq!(wait(Some(Duration::from_secs(7)), 3), TimeDelta::seconds(7));
    }
}
