//! Weighing what is stored by the tenant's rules of criticality, after these changed.

use crate::Worker;
use crate::again::surround;
use crate::evaluate::evaluate;
use plumbline_core::criticality::{Place, Rules};
use plumbline_core::risk::Criticality;
use plumbline_store::TenantTx;
use plumbline_store::criticality::{self, Ruled};
use plumbline_store::job::{self, Lease};
use plumbline_store::reconcile::{self, Merged, Reached};
use uuid::Uuid;

/// Looking at resources takes far less than settling them: so many times a batch are looked at in one transaction.
const LOOKS: usize = 20;

/// Sets the criticality of everything by the rules as they are now, and judges anew what weighs something else. The ledger
/// says that rules changed. A batch of resources a transaction, each settled with all that is counted from it; attack paths,
/// of which the risk is made of this too, are looked for with the last.
pub(crate) async fn weigh_anew(worker: &Worker, lease: &Lease) -> anyhow::Result<()> {
    let checks: Vec<String> = worker.catalogue.checks().map(|check| check.id.clone()).collect();
    let mut after = Uuid::nil();
    loop {
        let mut tx = worker.begin_batch(lease).await?;
        reconcile::stir(&mut tx).await?;
        let (by_source, next) = apply(&mut tx, after, worker.batch).await?;
        for (source, changed) in by_source {
            let merged = Merged { changed, retired: Vec::new() };
            let now = worker.now();
            reconcile::open_decisions(&mut tx).await?;
            let sight = evaluate(worker, &mut tx, source, &merged, &[], false, now).await?;
            reconcile::settle_rules(&mut tx, source, &worker.weighing, &checks, sight, now).await?;
            reconcile::close_decisions(&mut tx).await?;
        }
        let Some(next) = next else {
            surround(worker, &mut tx).await?;
            job::finish(&mut tx, lease, worker.now(), None).await?;
            return Ok(tx.commit().await?);
        };
        worker.commit_batch(tx, lease).await?;
        after = next;
    }
}

/// Sets the criticality of the next resources. Returns those that changed, and after which one the next batch begins; none
/// when all are done.
async fn apply(tx: &mut TenantTx, mut after: Uuid, batch: i64) -> anyhow::Result<(Reached, Option<Uuid>)> {
    let rules = criticality::rules(tx).await?;
    let (mut by_source, mut changed) = (Reached::new(), 0);
    for _ in 0..LOOKS {
        let rows = criticality::page(tx, after, batch).await?;
        let Some(last) = rows.last() else { return Ok((by_source, None)) };
        after = last.resource_id;
        let levels: Vec<(Uuid, Criticality)> = rows.iter().filter_map(|row| level(&rules, row)).collect();
        for (source, account, kind, id) in criticality::set(tx, &levels).await? {
            by_source.entry(source).or_default().push((account, kind, id));
        }
        changed += levels.len();
        if i64::try_from(changed)? >= batch {
            break;
        }
    }
    Ok((by_source, Some(after)))
}

/// What the rules say of a resource, where that is not what is known. Of one that could not be read whole, tags that say less
/// may be half of them.
fn level(rules: &Rules, row: &Ruled) -> Option<(Uuid, Criticality)> {
    let place =
        Place { account: &row.account, region: &row.region, kind: &row.kind, name: &row.name, tags: &row.tags.0 };
    let known = Criticality::parse(&row.criticality);
    let level = rules.of(place);
    let level = if row.whole { level } else { known.map_or(level, |known| known.max(level)) };
    (known != Some(level)).then_some((row.resource_id, level))
}
