//! The pool, and who holds it.

use crate::door::{FeedTx, IdentityTx, QueueTx, TenantTx};
use crate::error::StoreError;
use plumbline_core::id::TenantId;
use sqlx::PgPool;
use sqlx::migrate::Migrator;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use std::str::FromStr;
use std::time::Duration;

static MIGRATIONS: Migrator = sqlx::migrate!("../../migrations");

/// Statements that a connection keeps ready: those of all pages, and the commonest of the lists that are put together.
const STATEMENTS: usize = 400;

/// The database. It gives out doors and nothing else.
#[derive(Debug, Clone)]
pub struct Database {
    pool: PgPool,
}

impl Database {
    /// Connects with at most `connections` connections.
    ///
    /// # Errors
    /// When the URL is not one, or nobody answers there.
    pub async fn connect(url: &str, connections: u32) -> Result<Self, StoreError> {
        // Our statements are short: compiling one takes fifty times as long as running it, and starting processes to share
        // it takes longer than the page, and takes them from other pages.
        let settings = [("jit", "off"), ("max_parallel_workers_per_gather", "0")];
        let options = PgConnectOptions::from_str(url)?
            .application_name("plumbline")
            .statement_cache_capacity(STATEMENTS)
            .options(settings);
        let pool = PgPoolOptions::new()
            .max_connections(connections)
            .acquire_timeout(Duration::from_secs(10))
            .connect_with(options)
            .await?;
        Ok(Self { pool })
    }

    /// Brings the schema up to date, as the owner.
    ///
    /// # Errors
    /// When a migration fails; the schema is then as it was before that migration.
    pub async fn migrate(owner_url: &str) -> Result<(), StoreError> {
        let options = PgConnectOptions::from_str(owner_url)?.application_name("plumbline-migrate");
        let pool = PgPoolOptions::new().max_connections(1).connect_with(options).await?;
        MIGRATIONS.run(&pool).await?;
        pool.close().await;
        Ok(())
    }

    /// Wraps a pool that a test made, whose schema is already up to date.
    #[must_use]
    pub fn from_pool(pool: PgPool) -> Self {
        Self { pool }
    }

    /// Opens a transaction that sees one tenant.
    ///
    /// # Errors
    /// When no connection can be had.
    pub async fn tenant(&self, tenant: TenantId) -> Result<TenantTx, StoreError> {
        TenantTx::open(&self.pool, tenant, None).await
    }

    /// Opens one for somebody who waits: a statement that takes longer is stopped, as [`StoreError::TooLong`].
    ///
    /// # Errors
    /// When no connection can be had.
    pub async fn tenant_within(&self, tenant: TenantId, within: Duration) -> Result<TenantTx, StoreError> {
        TenantTx::open(&self.pool, tenant, Some(within)).await
    }

    /// Opens a transaction that sees people, sessions and memberships.
    ///
    /// # Errors
    /// When no connection can be had.
    pub async fn identity(&self) -> Result<IdentityTx, StoreError> {
        IdentityTx::open(&self.pool).await
    }

    /// Opens a transaction that sees the queue of jobs.
    ///
    /// # Errors
    /// When no connection can be had.
    pub async fn queue(&self) -> Result<QueueTx, StoreError> {
        QueueTx::open(&self.pool).await
    }

    /// Opens a transaction that may change advisories.
    ///
    /// # Errors
    /// When no connection can be had.
    pub async fn feeds(&self) -> Result<FeedTx, StoreError> {
        FeedTx::open(&self.pool).await
    }

    /// Whether the database answers.
    ///
    /// # Errors
    /// When it does not.
    pub async fn ping(&self) -> Result<(), StoreError> {
        sqlx::query("select 1").execute(&self.pool).await?;
        Ok(())
    }

    /// Closes all connections, after those in use have been given back.
    pub async fn close(&self) {
        self.pool.close().await;
    }
}
