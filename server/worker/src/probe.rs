//! A connection test.

use crate::Worker;
use plumbline_core::collect::{CollectError, ProbeLine};
use plumbline_core::id::SourceId;
use plumbline_store::job::{self, Lease};
use plumbline_store::{run, source};
use serde_json::json;

pub(crate) async fn probe(worker: &Worker, lease: &Lease, source: SourceId) -> anyhow::Result<()> {
    let mut tx = worker.database.tenant(lease.tenant).await?;
    let target = run::target(&mut tx, source).await?;
    let connection = source::open_connection(&mut tx, &worker.keyring, source).await?;
    drop(tx);
    let lines = match worker.collector(&target.provider) {
        None => Err(CollectError::Settings(format!("No collector reads {} here.", target.provider))),
        Some(collector) => collector.probe(&connection).await,
    };
    let lines = lines.unwrap_or_else(|error| {
        vec![ProbeLine { what: "Connection".to_owned(), ok: false, detail: error.to_string() }]
    });
    let mut tx = worker.database.tenant(lease.tenant).await?;
    job::fence(&mut tx, lease).await?;
    run::probed(&mut tx, source, &json!(lines), worker.now()).await?;
    job::finish(&mut tx, lease, worker.now(), None).await?;
    tx.commit().await?;
    Ok(())
}
