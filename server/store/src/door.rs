//! The doors: the only ways to a connection.

use crate::error::StoreError;
use plumbline_core::id::TenantId;
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, PgPool, Postgres, Transaction};
use std::time::Duration;

/// A transaction that sees one tenant's rows and no others. Dropped without [`TenantTx::commit`], it changes nothing.
#[derive(Debug)]
pub struct TenantTx {
    tx: Transaction<'static, Postgres>,
    tenant: TenantId,
}

impl TenantTx {
    /// `within` is how long a statement may take.
    pub(crate) async fn open(pool: &PgPool, tenant: TenantId, within: Option<Duration>) -> Result<Self, StoreError> {
        // One round trip. The only things put into the text are a UUID and a number that we formatted ourselves.
        let mut begin = format!("begin; set local role plumbline_app; set local plumbline.tenant = '{}'", tenant.0);
        if let Some(within) = within {
            begin.push_str(&format!("; set local statement_timeout = {}", within.as_millis()));
        }
        let tx = pool.begin_with(AssertSqlSafe(begin)).await?;
        Ok(Self { tx, tenant })
    }

    /// The tenant that this transaction sees.
    #[must_use]
    pub fn tenant(&self) -> TenantId {
        self.tenant
    }

    pub(crate) fn conn(&mut self) -> &mut PgConnection {
        &mut self.tx
    }

    /// Keeps what was done.
    ///
    /// # Errors
    /// When the database did not confirm it.
    pub async fn commit(self) -> Result<(), StoreError> {
        Ok(self.tx.commit().await?)
    }
}

macro_rules! door {
    ($(#[$doc:meta])* $name:ident, $begin:literal) => {
        $(#[$doc])*
        #[derive(Debug)]
        pub struct $name {
            tx: Transaction<'static, Postgres>,
        }

        impl $name {
            pub(crate) async fn open(pool: &PgPool) -> Result<Self, StoreError> {
                Ok(Self { tx: pool.begin_with($begin).await? })
            }

            pub(crate) fn conn(&mut self) -> &mut PgConnection {
                &mut self.tx
            }

            /// Keeps what was done.
            ///
            /// # Errors
            /// When the database did not confirm it.
            pub async fn commit(self) -> Result<(), StoreError> {
                Ok(self.tx.commit().await?)
            }
        }
    };
}

door! {
    /// A transaction that sees people, sessions and memberships of all tenants, and nothing of what tenants observe.
    IdentityTx, "begin; set local role plumbline_identity"
}

door! {
    /// A transaction that sees advisories, which are the same for all tenants, and may change them.
    FeedTx, "begin; set local role plumbline_feeds"
}

door! {
    /// A transaction that sees the jobs of all tenants, and nothing else.
    QueueTx, "begin; set local role plumbline_queue"
}
