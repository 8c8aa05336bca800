//! How a collector that watches a source asks for its next poll before its time.

use crate::Worker;
use async_trait::async_trait;
use plumbline_core::collect::{CollectError, Standing, Wake};
use plumbline_core::id::{Mint, SourceId, TenantId};
use plumbline_store::job::{self, Task};
use plumbline_store::{Database, StoreError};
use std::sync::Arc;
use std::time::Duration;

/// The poll that a source waits for, as its watcher may bring it forward.
struct EarlyPoll {
    database: Database,
    mint: Arc<Mint>,
    tenant: TenantId,
    source: SourceId,
}

/// What a collector may go on with when this run is over.
pub(crate) fn standing(worker: &Worker, tenant: TenantId, source: SourceId, poll_seconds: i32) -> Standing {
    let early = EarlyPoll { database: worker.database.clone(), mint: worker.mint.clone(), tenant, source };
    let every = Duration::from_secs(u64::try_from(poll_seconds).unwrap_or_default());
    Standing { source, every, wake: Arc::new(early) }
}

#[async_trait]
impl Wake for EarlyPoll {
    async fn wake(&self) -> Result<(), CollectError> {
        self.enqueue().await.map_err(|error| {
            tracing::warn!(%error, source = %self.source, "an early poll cannot be asked for");
            CollectError::Cancelled
        })
    }
}

impl EarlyPoll {
    /// The job that waits is moved forward; there is never a second one. A source that was removed meanwhile is told so by
    /// the job itself.
    async fn enqueue(&self) -> Result<(), StoreError> {
        let mut tx = self.database.tenant(self.tenant).await?;
        job::enqueue(&mut tx, &Task::Collect { source_id: self.source }, self.mint.now(), &self.mint).await?;
        tx.commit().await
    }
}
