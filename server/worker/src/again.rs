//! Deciding anew what did not change itself: what became reachable, and what has a package that is judged otherwise.

use crate::Worker;
use crate::evaluate::evaluate;
use plumbline_store::TenantTx;
use plumbline_store::reconcile::{self, Merged, Reached};

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
