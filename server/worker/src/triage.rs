//! What follows a change of the rules of triage, and what people are told each morning.

use crate::{LEASE, Worker};
use plumbline_store::job::{self, Lease, Task};
use plumbline_store::{inbox, reconcile, triage};
use uuid::Uuid;

/// Gives what is open to its owners, or its due date, by the rules as they are now: a batch a transaction, so that runs are
/// not kept waiting for long.
pub(crate) async fn apply(worker: &Worker, lease: &Lease) -> anyhow::Result<()> {
    let mut after = Uuid::nil();
    loop {
        let mut tx = worker.database.tenant(lease.tenant).await?;
        job::fence(&mut tx, lease).await?;
        reconcile::lock(&mut tx).await?;
        let next = match lease.task {
            Task::ApplyOwners => triage::apply_owners(&mut tx, after).await?,
            _ => triage::apply_due(&mut tx, after).await?,
        };
        let Some(next) = next else {
            reconcile::own_fixes(&mut tx).await?;
            job::finish(&mut tx, lease, worker.now(), None).await?;
            return Ok(tx.commit().await?);
        };
        tx.commit().await?;
        after = next;
        let mut queue = worker.database.queue().await?;
        let ours = job::prolong(&mut queue, lease, worker.now() + LEASE).await?;
        queue.commit().await?;
        anyhow::ensure!(ours, "another worker has taken this job over");
    }
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
