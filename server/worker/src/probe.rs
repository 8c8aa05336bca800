//! A connection test.

use crate::Worker;
use plumbline_core::id::SourceId;
use plumbline_store::job::{self, Lease};
use plumbline_store::source::{self, Probe};
use plumbline_store::run;

pub(crate) async fn probe(worker: &Worker, lease: &Lease, source: SourceId) -> anyhow::Result<()> {
    let mut tx = worker.database.tenant(lease.tenant).await?;
    let target = run::target(&mut tx, source).await?;
    let connection = source::open_connection(&mut tx, &worker.keyring, source).await?;
    drop(tx);
    let said = match worker.collector(&target.provider) {
        None => Probe::Refused(format!("No collector reads {} here.", target.provider)),
        Some(collector) => {
            let lines = collector.probe(&connection).await;
            lines.map_or_else(|error| Probe::Refused(error.to_string()), Probe::Lines)
        }
    };
    let mut tx = worker.database.tenant(lease.tenant).await?;
    job::fence(&mut tx, lease).await?;
    source::end_probe(&mut tx, source, &said, worker.now()).await?;
    job::finish(&mut tx, lease, worker.now(), None).await?;
    tx.commit().await?;
    Ok(())
}
