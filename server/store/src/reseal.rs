//! Rotation of the master key: secrets sealed with an older key are sealed with the current one.

use crate::door::TenantTx;
use crate::error::StoreError;
use crate::identity::provider::secret_owner;
use crate::seal::{Keyring, Sealed};
use crate::{source, ticket};
use plumbline_core::id::{Mint, SourceId, TrackerId};
use rand::SeedableRng;
use rand::rngs::StdRng;
use uuid::Uuid;

/// Seals anew what one tenant has sealed with another key than the current one. Returns how many secrets that were.
///
/// # Errors
/// [`StoreError::Sealed`] when a secret's key is not in the ring; nothing is then changed.
pub async fn reseal(tx: &mut TenantTx, keyring: &Keyring, mint: &Mint) -> Result<u64, StoreError> {
    let mut seed = [0u8; 32];
    mint.fill(&mut seed);
    let mut rng = StdRng::from_seed(seed);
    let sources = sources(tx, keyring, &mut rng).await?;
    let trackers = trackers(tx, keyring, &mut rng).await?;
    Ok(sources + trackers + provider(tx, keyring, &mut rng).await?)
}

async fn sources(tx: &mut TenantTx, keyring: &Keyring, rng: &mut StdRng) -> Result<u64, StoreError> {
    let old = "select source_id, sealed_secret, secret_key_id from sources
         where tenant_id = $1 and sealed_secret is not null and secret_key_id <> $2 for update";
    let new = "update sources set sealed_secret = $3, secret_key_id = $4 where tenant_id = $1 and source_id = $2";
    rows(tx, keyring, rng, (old, new), |tx, id| source::owner(tx, SourceId(id))).await
}

async fn trackers(tx: &mut TenantTx, keyring: &Keyring, rng: &mut StdRng) -> Result<u64, StoreError> {
    let old = "select tracker_id, sealed_secret, secret_key_id from trackers
         where tenant_id = $1 and sealed_secret is not null and secret_key_id <> $2 for update";
    let new = "update trackers set sealed_secret = $3, secret_key_id = $4 where tenant_id = $1 and tracker_id = $2";
    rows(tx, keyring, rng, (old, new), |tx, id| ticket::owner(tx, TrackerId(id))).await
}

/// Seals anew what one statement finds, and keeps it by the other.
async fn rows(
    tx: &mut TenantTx,
    keyring: &Keyring,
    rng: &mut StdRng,
    (old, new): (&'static str, &'static str),
    owner: impl Fn(&TenantTx, Uuid) -> String,
) -> Result<u64, StoreError> {
    let old: Vec<(Uuid, Vec<u8>, String)> =
        sqlx::query_as(old).bind(tx.tenant().0).bind(keyring.current()).fetch_all(tx.conn()).await?;
    let mut done = 0;
    for (id, bytes, key_id) in old {
        let whose = owner(tx, id);
        let secret = keyring.open(&whose, &Sealed { key_id, bytes })?;
        let sealed = keyring.seal(&whose, &secret, rng)?;
        sqlx::query(new).bind(tx.tenant().0).bind(id).bind(sealed.bytes).bind(sealed.key_id).execute(tx.conn()).await?;
        done += 1;
    }
    Ok(done)
}

async fn provider(tx: &mut TenantTx, keyring: &Keyring, rng: &mut StdRng) -> Result<u64, StoreError> {
    let old: Option<(Vec<u8>, String)> = sqlx::query_as(
        "select sealed_secret, secret_key_id from sign_in_providers where tenant_id = $1 and secret_key_id <> $2 for update",
    )
    .bind(tx.tenant().0)
    .bind(keyring.current())
    .fetch_optional(tx.conn())
    .await?;
    let Some((bytes, key_id)) = old else { return Ok(0) };
    let whose = secret_owner(tx.tenant());
    let secret = keyring.open(&whose, &Sealed { key_id, bytes })?;
    let sealed = keyring.seal(&whose, &secret, rng)?;
    sqlx::query("update sign_in_providers set sealed_secret = $2, secret_key_id = $3 where tenant_id = $1")
        .bind(tx.tenant().0)
        .bind(sealed.bytes)
        .bind(sealed.key_id)
        .execute(tx.conn())
        .await?;
    Ok(1)
}
