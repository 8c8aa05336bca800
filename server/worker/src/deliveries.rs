//! What was sent to us of a source, out of the tenant's own rows.

use crate::Worker;
use async_trait::async_trait;
use plumbline_core::collect::{CollectError, Deliveries, Delivery};
use plumbline_core::id::{SourceId, TenantId};
use plumbline_store::{Database, StoreError, agent};

pub(crate) struct TenantDeliveries {
    database: Database,
    tenant: TenantId,
    source: SourceId,
}

impl TenantDeliveries {
    pub(crate) fn of(worker: &Worker, tenant: TenantId, source: SourceId) -> Self {
        Self { database: worker.database.clone(), tenant, source }
    }

    async fn read(&self) -> Result<Option<Delivery>, StoreError> {
        let mut tx = self.database.tenant(self.tenant).await?;
        let newest = agent::newest(&mut tx, self.source).await?;
        tx.commit().await?;
        Ok(newest)
    }
}

#[async_trait]
impl Deliveries for TenantDeliveries {
    async fn newest(&self) -> Result<Option<Delivery>, CollectError> {
        self.read().await.map_err(|error| {
            tracing::warn!(%error, "what was sent of a source cannot be read");
            CollectError::Cancelled
        })
    }
}
