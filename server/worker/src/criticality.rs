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

/// Resources looked at in one statement.
const PAGE: i64 = 5000;

/// Sets the criticality of everything by the rules as they are now, and judges anew what weighs something else. The ledger
/// says that rules changed.
pub(crate) async fn weigh_anew(worker: &Worker, lease: &Lease) -> anyhow::Result<()> {
    let mut tx = worker.database.tenant(lease.tenant).await?;
    job::fence(&mut tx, lease).await?;
    reconcile::lock(&mut tx).await?;
    reconcile::stir(&mut tx).await?;
    let checks: Vec<String> = worker.catalogue.checks().map(|check| check.id.clone()).collect();
    for (source, changed) in apply(&mut tx).await? {
        let merged = Merged { changed, retired: Vec::new() };
        let now = worker.now();
        reconcile::open_decisions(&mut tx).await?;
        let sight = evaluate(worker, &mut tx, source, &merged, &[], false, now).await?;
        reconcile::settle_rules(&mut tx, source, &worker.weighing, &checks, sight, now).await?;
        reconcile::close_decisions(&mut tx).await?;
    }
    surround(worker, &mut tx).await?;
    job::finish(&mut tx, lease, worker.now(), None).await?;
    Ok(tx.commit().await?)
}

async fn apply(tx: &mut TenantTx) -> anyhow::Result<Reached> {
    let rules = criticality::rules(tx).await?;
    let mut by_source = Reached::new();
    let mut after = Uuid::nil();
    loop {
        let rows = criticality::page(tx, after, PAGE).await?;
        let Some(last) = rows.last() else { return Ok(by_source) };
        after = last.resource_id;
        let levels: Vec<(Uuid, Criticality)> = rows.iter().filter_map(|row| level(&rules, row)).collect();
        for (source, account, kind, id) in criticality::set(tx, &levels).await? {
            by_source.entry(source).or_default().push((account, kind, id));
        }
    }
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
