//! How a tenant configures its OpenID Connect provider.

use crate::door::TenantTx;
use crate::error::StoreError;
use crate::seal::Sealed;
use chrono::{DateTime, Utc};

/// The provider as its settings page shows it: without the secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    pub issuer: String,
    pub client_id: String,
    pub changed_at: DateTime<Utc>,
}

/// What the tenant has configured.
///
/// # Errors
/// When the database does not answer.
pub async fn settings(tx: &mut TenantTx) -> Result<Option<Settings>, StoreError> {
    let row: Option<(String, String, DateTime<Utc>)> =
        sqlx::query_as("select issuer, client_id, changed_at from sign_in_providers where tenant_id = $1")
            .bind(tx.tenant().0)
            .fetch_optional(tx.conn())
            .await?;
    Ok(row.map(|(issuer, client_id, changed_at)| Settings { issuer, client_id, changed_at }))
}

/// Configures the provider. Without a new secret the old one stays, as long as issuer and client stay: a secret is never
/// sent to anybody but the issuer that it was given for.
///
/// # Errors
/// [`StoreError::Conflict`] when a secret is needed.
pub async fn configure(
    tx: &mut TenantTx,
    issuer: &str,
    client_id: &str,
    secret: Option<&Sealed>,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let Some(secret) = secret else { return keep_secret(tx, issuer, client_id, now).await };
    sqlx::query(
        "insert into sign_in_providers (tenant_id, issuer, client_id, sealed_secret, secret_key_id, changed_at)
         values ($1, $2, $3, $4, $5, $6)
         on conflict (tenant_id) do update set issuer = excluded.issuer, client_id = excluded.client_id,
             sealed_secret = excluded.sealed_secret, secret_key_id = excluded.secret_key_id, changed_at = excluded.changed_at",
    )
    .bind(tx.tenant().0)
    .bind(issuer)
    .bind(client_id)
    .bind(&secret.bytes)
    .bind(&secret.key_id)
    .bind(now)
    .execute(tx.conn())
    .await?;
    Ok(())
}

async fn keep_secret(tx: &mut TenantTx, issuer: &str, client_id: &str, now: DateTime<Utc>) -> Result<(), StoreError> {
    let done = sqlx::query(
        "update sign_in_providers set changed_at = $4 where tenant_id = $1 and issuer = $2 and client_id = $3",
    )
    .bind(tx.tenant().0)
    .bind(issuer)
    .bind(client_id)
    .bind(now)
    .execute(tx.conn())
    .await?;
    if done.rows_affected() == 1 {
        return Ok(());
    }
    Err(StoreError::Conflict("A new issuer or client needs its client secret.".to_owned()))
}

/// Removes the provider and forgets whom it knew; members stay members.
///
/// # Errors
/// [`StoreError::NotFound`] when there is none.
pub async fn remove(tx: &mut TenantTx) -> Result<(), StoreError> {
    sqlx::query("delete from federated_identities where tenant_id = $1").bind(tx.tenant().0).execute(tx.conn()).await?;
    let done = sqlx::query("delete from sign_in_providers where tenant_id = $1")
        .bind(tx.tenant().0)
        .execute(tx.conn())
        .await?;
    if done.rows_affected() == 1 { Ok(()) } else { Err(StoreError::NotFound) }
}
