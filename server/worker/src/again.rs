//! Deciding anew what did not change itself: what became reachable, what has something else behind it or in its way, and
//! what has a package that is judged otherwise.

use crate::Worker;
use crate::evaluate::evaluate;
use plumbline_policy::guard::{ENFORCES_POLICIES, ISOLATES_NAMESPACE};
use plumbline_store::TenantTx;
use plumbline_store::reconcile::{self, Isolation, Merged, Reached};

/// What the internet reaches now and did not before, or no longer does. Only where something changed there is anything to
/// look for.
pub(crate) async fn reach_anew(tx: &mut TenantTx, merged: &Merged) -> anyhow::Result<Reached> {
    if merged.changed.is_empty() && merged.retired.is_empty() {
        return Ok(Reached::new());
    }
    Ok(reconcile::reach(tx).await?)
}

/// Decides and settles these resources, a source at a time. The caller holds the tenant's lock.
pub(crate) async fn again(worker: &Worker, tx: &mut TenantTx, of_source: Reached) -> anyhow::Result<()> {
    for (source, resources) in of_source {
        let mut merged = Merged::default();
        merged.also(resources);
        let now = worker.now();
        reconcile::open_decisions(tx).await?;
        let sight = evaluate(worker, tx, source, &merged, &[], false, now).await?;
        reconcile::settle(tx, source, None, &worker.weighing, false, sight, now).await?;
        reconcile::close_decisions(tx).await?;
    }
    Ok(())
}

/// What is still to be done when all that changed was decided and settled: what stands around each resource, and the attack
/// paths. Where nothing moved that either is made of, nothing is looked for.
pub(crate) async fn surround(worker: &Worker, tx: &mut TenantTx) -> anyhow::Result<()> {
    if !reconcile::is_stirred(tx).await? {
        return Ok(());
    }
    let isolation = Isolation { namespace: ISOLATES_NAMESPACE, network: ENFORCES_POLICIES };
    let changed = reconcile::context(tx, &worker.weighing.openings, isolation).await?;
    again(worker, tx, changed).await?;
    Ok(reconcile::find_paths(tx, &worker.weighing.openings, worker.now()).await?)
}
