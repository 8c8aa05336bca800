//! A tracker's tickets in step: what was closed there is claimed here, what was found here is said there.

use super::client::{Client, Theirs};
use super::text::text_of;
use super::wire::TrackerError;
use super::{EVERY, connect, digest, tell_asker, wait};
use crate::{LEASE, Worker};
use chrono::{DateTime, TimeDelta, Utc};
use plumbline_core::id::{FixId, TicketId, TrackerId};
use plumbline_store::job::{self, Lease, Task};
use plumbline_store::ticket::{self, Followed, Step, Tracker};
use plumbline_store::{StoreError, reconcile};
use std::collections::BTreeMap;

/// Clocks differ, and changes show late: so much before the last question is asked for again.
const OVERLAP: TimeDelta = TimeDelta::minutes(2);
/// A ticket's text is written at most so often.
const TEXT_EVERY: TimeDelta = TimeDelta::hours(1);

const PROVEN: &str = "Nothing that this fix closes is open any more; the last run saw it.";
const ACCEPTED: &str =
    "Nothing that this fix closes is open any more: an exception leaves it out for a time. It was not fixed.";
const DISCONNECTED: &str =
    "The source that saw what this ticket is about was disconnected. Whether it was fixed is not known.";
const REFUTED: &str = "The last run still sees what this ticket is about, so it is open again.";
const BACK: &str = "What this ticket was about came back, so it is open again.";

/// What there is to do for a ticket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Act {
    Nothing,
    /// It was closed there: its findings await their proof.
    Claim,
    /// None of its findings is open: say why, and close it where it is open.
    Close {
        why: &'static str,
        close: bool,
    },
    /// It was closed there, and its findings are still seen.
    Refute,
    /// It was done, and its findings came back.
    BringBack,
}

fn act(followed: &Followed, closed: bool, leave_open: bool) -> Act {
    let ticket = &followed.ticket;
    match (ticket.state.as_str(), ticket.open_findings > 0) {
        ("done", true) => Act::BringBack,
        ("open", false) => Act::Close { why: why_closed(followed), close: !closed && !leave_open },
        ("open", true) if closed && ticket.closed_there_at.is_none() => Act::Claim,
        ("open", true) if closed && !followed.claimed => Act::Refute,
        _ => Act::Nothing,
    }
}

/// Why nothing of a fix is open any more: only a run proves.
fn why_closed(followed: &Followed) -> &'static str {
    if followed.accepted {
        ACCEPTED
    } else if followed.disconnected {
        DISCONNECTED
    } else {
        PROVEN
    }
}

/// Brings a tracker's tickets in step, and comes back.
pub(crate) async fn follow(worker: &Worker, lease: &Lease, id: TrackerId) -> anyhow::Result<()> {
    let began = worker.now();
    let mut tx = worker.database.tenant(lease.tenant).await?;
    job::fence(&mut tx, lease).await?;
    let tracker = ticket::tracker(&mut tx, id).await?;
    let tickets = ticket::list_of_tracker(&mut tx, id).await?;
    let connected = connect(worker, &mut tx, id).await?;
    tx.commit().await?;
    let mut next = EVERY;
    let (until, error) = match connected {
        Err(error) => (None, Some(error)),
        Ok(client) if tickets.is_empty() => {
            drop(client);
            (Some(began), None)
        }
        Ok(client) => {
            let round = Round { worker, lease, tracker: &tracker, client: client.as_ref(), began };
            match round.all(&tickets).await? {
                Ok(until) => (Some(until), None),
                Err(error) => (None, Some(error)),
            }
        }
    };
    if let Some(TrackerError::Later { wait: asked, .. }) = &error {
        next = next.max(wait(*asked, 3));
    }
    let mut tx = worker.database.tenant(lease.tenant).await?;
    job::fence(&mut tx, lease).await?;
    let words = error.map(|error| error.to_string());
    ticket::polled(&mut tx, id, until, words.as_deref()).await?;
    job::finish(&mut tx, lease, worker.now(), None).await?;
    if tracker.removed_at.is_none() {
        job::enqueue(&mut tx, &Task::FollowTracker { tracker_id: id }, worker.now() + next, &worker.mint).await?;
    }
    Ok(tx.commit().await?)
}

/// One round over a tracker's tickets.
struct Round<'a> {
    worker: &'a Worker,
    lease: &'a Lease,
    tracker: &'a Tracker,
    client: &'a dyn Client,
    began: DateTime<Utc>,
}

impl Round<'_> {
    /// Returns up to when the tracker's changes are known. What concerns one ticket alone stops no other.
    async fn all(&self, tickets: &[Followed]) -> anyhow::Result<Result<DateTime<Utc>, TrackerError>> {
        let first = tickets.iter().map(|followed| followed.ticket.created_at).min().unwrap_or(self.began);
        let since = self.tracker.polled_until.unwrap_or(first) - OVERLAP;
        let changes = match self.client.changed(since).await {
            Ok(changes) => changes,
            Err(error) => return Ok(Err(error)),
        };
        let changed: BTreeMap<&str, &Theirs> =
            changes.tickets.iter().map(|theirs| (theirs.key.as_str(), theirs)).collect();
        for followed in tickets {
            let theirs = followed.ticket.external_key.as_deref().and_then(|key| changed.get(key)).copied();
            match self.one(followed, theirs).await? {
                Ok(()) => {}
                Err(error @ TrackerError::Later { .. }) => return Ok(Err(error)),
                Err(TrackerError::Missing(words)) => {
                    self.keep(followed, Step { state: Some("failed"), error: Some(words), ..Step::default() }).await?
                }
                Err(TrackerError::Refused(words)) => {
                    let closed_there_at = followed.ticket.closed_there_at;
                    self.keep(followed, Step { closed_there_at, error: Some(words), ..Step::default() }).await?;
                }
            }
        }
        Ok(Ok(changes.until.unwrap_or(self.began)))
    }

    async fn one(&self, followed: &Followed, theirs: Option<&Theirs>) -> anyhow::Result<Result<(), TrackerError>> {
        let ticket = &followed.ticket;
        let Some(key) = ticket.external_key.as_deref() else { return Ok(Ok(())) };
        let closed = theirs.map_or(ticket.closed_there_at.is_some(), |theirs| theirs.closed);
        let act = act(followed, closed, self.tracker.settings.leave_open);
        let said = self.say(act, key).await;
        if let Err(error) = said {
            return Ok(Err(error));
        }
        let mut step = Step {
            their_state: theirs.map(|theirs| theirs.state.clone()),
            closed_there_at: closed.then(|| ticket.closed_there_at.unwrap_or(self.began)),
            ..Step::default()
        };
        match act {
            Act::Close { .. } => step.state = Some("done"),
            Act::Refute | Act::BringBack => {
                step.state = Some("open");
                step.closed_there_at = None;
            }
            Act::Claim | Act::Nothing => {}
        }
        if act == Act::Nothing && ticket.text_at.is_none_or(|at| at + TEXT_EVERY <= self.began) {
            step.digest = match self.write(followed, key).await? {
                Ok(digest) => digest,
                Err(error) => return Ok(Err(error)),
            };
        }
        if act == Act::Nothing && theirs.is_none() && step.digest.is_none() {
            return Ok(Ok(()));
        }
        self.claim_and_keep(followed, act, step).await?;
        Ok(Ok(()))
    }

    async fn say(&self, act: Act, key: &str) -> Result<(), TrackerError> {
        match act {
            Act::Nothing | Act::Claim => Ok(()),
            Act::Close { why, close } => {
                self.client.comment(key, why).await?;
                if close { self.client.close(key).await } else { Ok(()) }
            }
            Act::Refute => {
                self.client.reopen(key).await?;
                self.client.comment(key, REFUTED).await
            }
            Act::BringBack => {
                self.client.reopen(key).await?;
                self.client.comment(key, BACK).await
            }
        }
    }

    /// Writes the ticket's text anew where it says something else than before; returns what is there now.
    async fn write(&self, followed: &Followed, key: &str) -> anyhow::Result<Result<Option<String>, TrackerError>> {
        let mut tx = self.worker.database.tenant(self.lease.tenant).await?;
        let links = self.worker.outside.links.as_ref();
        let text = text_of(&mut tx, self.worker.catalogue, links, FixId(followed.ticket.fix_id)).await;
        drop(tx);
        let text = match text {
            Ok(text) => text,
            Err(StoreError::NotFound) => return Ok(Ok(None)),
            Err(other) => return Err(other.into()),
        };
        let is = digest(&text);
        if followed.ticket.text_digest.as_deref() != Some(is.as_str()) {
            if let Err(error) = self.client.write(key, &text).await {
                return Ok(Err(error));
            }
        }
        Ok(Ok(Some(is)))
    }

    async fn keep(&self, followed: &Followed, step: Step) -> anyhow::Result<()> {
        self.claim_and_keep(followed, Act::Nothing, step).await
    }

    async fn claim_and_keep(&self, followed: &Followed, act: Act, step: Step) -> anyhow::Result<()> {
        let mut queue = self.worker.database.queue().await?;
        let ours = job::prolong(&mut queue, self.lease, self.worker.now() + LEASE).await?;
        queue.commit().await?;
        anyhow::ensure!(ours, "another worker has taken this job over");
        let mut tx = self.worker.database.tenant(self.lease.tenant).await?;
        job::fence(&mut tx, self.lease).await?;
        if act == Act::Claim {
            reconcile::lock(&mut tx).await?;
            ticket::claim(&mut tx, &followed.ticket, self.began).await?;
        }
        ticket::stepped(&mut tx, TicketId(followed.ticket.ticket_id), &step, self.worker.now()).await?;
        if step.state == Some("failed") {
            tell_asker(self.worker, &mut tx, &followed.ticket, "is no longer there").await?;
        }
        Ok(tx.commit().await?)
    }
}
