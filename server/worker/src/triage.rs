//! What follows a change of the rules of triage, and what people are told each morning.

use crate::Worker;
use plumbline_store::job::{self, Lease, Task};
use plumbline_store::{inbox, reconcile, triage};
use uuid::Uuid;

/// Where the next batch begins: with the open findings after a resource, and then with the fixes after a fix.
#[derive(Clone, Copy)]
enum Next {
    Findings(Uuid),
    Fixes(Uuid),
}

/// Gives what is open to its owners, or its due date, by the rules as they are now: a batch a transaction, so that runs are
/// not kept waiting for long. What fixes say of it follows, a batch a transaction too.
pub(crate) async fn apply(worker: &Worker, lease: &Lease) -> anyhow::Result<()> {
    let mut next = Next::Findings(Uuid::nil());
    loop {
        let mut tx = worker.begin_batch(lease).await?;
        let then = match (next, &lease.task) {
            (Next::Findings(after), Task::ApplyOwners) => of_findings(triage::apply_owners(&mut tx, after).await?),
            (Next::Findings(after), _) => of_findings(triage::apply_due(&mut tx, after).await?),
            (Next::Fixes(after), _) => reconcile::own_fixes(&mut tx, after, worker.batch).await?.map(Next::Fixes),
        };
        let Some(then) = then else {
            job::finish(&mut tx, lease, worker.now(), None).await?;
            return Ok(tx.commit().await?);
        };
        worker.commit_batch(tx, lease).await?;
        next = then;
    }
}

#[expect(clippy::unnecessary_wraps, reason = "it is one arm of a choice whose others may be the last")]
fn of_findings(next: Option<Uuid>) -> Option<Next> {
    Some(next.map_or(Next::Fixes(Uuid::nil()), Next::Findings))
}

/// Tells people what of theirs is overdue, makes their digests, forgets what no longer counts, and comes back the next morning.
pub(crate) async fn remind(worker: &Worker, lease: &Lease) -> anyhow::Result<()> {
    let mut tx = worker.database.tenant(lease.tenant).await?;
    job::fence(&mut tx, lease).await?;
    let now = worker.now();
    inbox::remind(&mut tx, now).await?;
    inbox::digest(&mut tx, now).await?;
    triage::forget_empty_sums(&mut tx).await?;
    job::finish(&mut tx, lease, now, None).await?;
    inbox::wake(&mut tx, &worker.mint).await?;
    Ok(tx.commit().await?)
}
