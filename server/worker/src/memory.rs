//! What collectors keep between runs, in the tenant's own rows.

use crate::Worker;
use async_trait::async_trait;
use plumbline_core::collect::{CollectError, Memory};
use plumbline_core::id::{Mint, TenantId};
use plumbline_store::{Database, StoreError, memory};
use std::collections::HashMap;
use std::sync::Arc;

pub(crate) struct TenantMemory {
    database: Database,
    mint: Arc<Mint>,
    tenant: TenantId,
}

impl TenantMemory {
    pub(crate) fn of(worker: &Worker, tenant: TenantId) -> Self {
        Self { database: worker.database.clone(), mint: worker.mint.clone(), tenant }
    }

    async fn read(&self, keys: &[String]) -> Result<HashMap<String, Vec<u8>>, StoreError> {
        let mut tx = self.database.tenant(self.tenant).await?;
        let found = memory::recall(&mut tx, keys).await?;
        tx.commit().await?;
        Ok(found)
    }

    async fn write(&self, key: &str, content: &[u8]) -> Result<(), StoreError> {
        let mut tx = self.database.tenant(self.tenant).await?;
        memory::keep(&mut tx, key, content, self.mint.now()).await?;
        tx.commit().await
    }
}

#[async_trait]
impl Memory for TenantMemory {
    async fn recall(&self, keys: &[String]) -> Result<HashMap<String, Vec<u8>>, CollectError> {
        self.read(keys).await.map_err(broken)
    }

    async fn keep(&self, key: &str, content: Vec<u8>) -> Result<(), CollectError> {
        self.write(key, &content).await.map_err(broken)
    }
}

fn broken(error: StoreError) -> CollectError {
    tracing::warn!(%error, "what a collector keeps cannot be read or written");
    CollectError::Cancelled
}
