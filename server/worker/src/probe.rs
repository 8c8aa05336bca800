//! A connection test.

use crate::Worker;
use plumbline_core::id::SourceId;
use plumbline_store::job::{self, Lease};
use plumbline_store::run;
use plumbline_store::source::{self, Probe};
use std::time::Duration;
use tokio::time::timeout;

/// Less than a lease, so that a source that hangs is answered for by the worker that asked it.
const PATIENCE: Duration = Duration::from_secs(50);

pub(crate) async fn probe(worker: &Worker, lease: &Lease, source: SourceId) -> anyhow::Result<()> {
    let mut tx = worker.database.tenant(lease.tenant).await?;
    let target = run::target(&mut tx, source).await?;
    let connection = source::open_connection(&mut tx, &worker.keyring, source).await;
    drop(tx);
    let said = match (connection, worker.collector(&target.provider, lease.tenant)) {
        (Err(error), _) => Probe::Refused(format!("The credential cannot be opened: {error}.")),
        (Ok(_), None) => Probe::Refused(format!("No collector reads {} here.", target.provider)),
        (Ok(connection), Some(collector)) => match timeout(PATIENCE, collector.probe(&connection)).await {
            Ok(lines) => lines.map_or_else(|error| Probe::Refused(error.to_string()), Probe::Lines),
            Err(_) => Probe::Refused(format!("The test did not end within {} seconds.", PATIENCE.as_secs())),
        },
    };
    let mut tx = worker.database.tenant(lease.tenant).await?;
    job::fence(&mut tx, lease).await?;
    source::end_probe(&mut tx, source, &said, worker.now()).await?;
    job::finish(&mut tx, lease, worker.now(), None).await?;
    tx.commit().await?;
    Ok(())
}
