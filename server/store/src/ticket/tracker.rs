//! Trackers: where a tenant's tickets are opened, and with which credential.

use crate::door::TenantTx;
use crate::error::StoreError;
use crate::seal::{Keyring, Sealed};
use chrono::{DateTime, Utc};
use plumbline_core::id::{Mint, TrackerId};
use plumbline_core::ticket::TrackerSettings;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use sqlx::types::Json;
use uuid::Uuid;

/// A tracker as pages show it: everything but its credential.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Tracker {
    pub tracker_id: Uuid,
    pub kind: String,
    pub name: String,
    /// Of a webhook only its origin.
    pub base_url: String,
    pub project: String,
    pub settings: Json<TrackerSettings>,
    pub created_at: DateTime<Utc>,
    pub removed_at: Option<DateTime<Utc>>,
    pub tested_at: Option<DateTime<Utc>>,
    pub test_error: Option<String>,
    pub polled_until: Option<DateTime<Utc>>,
    pub poll_error: Option<String>,
}

/// A tracker with its credential, for one job; of a webhook, with its whole address.
#[derive(Debug)]
pub struct TrackerSecret {
    pub tracker: Tracker,
    pub secret: SecretString,
}

macro_rules! trackers {
    ($rest:literal) => {
        concat!(
            "select tracker_id, kind, name, base_url, project, settings, created_at, removed_at, tested_at, test_error,
                 polled_until, poll_error
             from trackers where tenant_id = $1 and ",
            $rest
        )
    };
}

/// The trackers that are connected, by name.
///
/// # Errors
/// When the database does not answer.
pub async fn list(tx: &mut TenantTx) -> Result<Vec<Tracker>, StoreError> {
    let rows = sqlx::query_as(trackers!("removed_at is null order by lower(name), tracker_id"))
        .bind(tx.tenant().0)
        .fetch_all(tx.conn())
        .await?;
    Ok(rows)
}

/// One tracker; a removed one too.
///
/// # Errors
/// [`StoreError::NotFound`] when this tenant has none of that id.
pub async fn get(tx: &mut TenantTx, tracker: TrackerId) -> Result<Tracker, StoreError> {
    sqlx::query_as(trackers!("tracker_id = $2"))
        .bind(tx.tenant().0)
        .bind(tracker.0)
        .fetch_optional(tx.conn())
        .await?
        .ok_or(StoreError::NotFound)
}

/// What it takes to connect a tracker.
#[derive(Debug)]
pub struct NewTracker<'a> {
    pub kind: &'a str,
    pub name: &'a str,
    pub base_url: &'a str,
    pub project: &'a str,
    pub settings: &'a TrackerSettings,
    pub secret: &'a SecretString,
}

/// Connects a tracker; its credential is sealed before it leaves this function.
///
/// # Errors
/// [`StoreError::Conflict`] when another tracker has that name.
pub async fn create(
    tx: &mut TenantTx,
    new: &NewTracker<'_>,
    keyring: &Keyring,
    mint: &Mint,
) -> Result<TrackerId, StoreError> {
    let id = TrackerId::mint(mint);
    let (shown, kept) = kept_of(new.kind, new.base_url, new.secret)?;
    let sealed = seal(tx, id, &kept, keyring, mint)?;
    sqlx::query(
        "insert into trackers (tenant_id, tracker_id, kind, name, base_url, project, settings, sealed_secret, secret_key_id,
             created_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
    )
    .bind(tx.tenant().0)
    .bind(id.0)
    .bind(new.kind)
    .bind(new.name)
    .bind(shown)
    .bind(new.project)
    .bind(Json(new.settings))
    .bind(sealed.bytes)
    .bind(sealed.key_id)
    .bind(mint.now())
    .execute(tx.conn())
    .await
    .map_err(|error| StoreError::on_constraint(error, "trackers_name", "Another tracker has this name."))?;
    Ok(id)
}

/// Replaces a tracker's credential; of a webhook its secret, for its address stays.
///
/// # Errors
/// [`StoreError::NotFound`]; [`StoreError::Sealed`] when no key opens the address of a webhook.
pub async fn replace_secret(
    tx: &mut TenantTx,
    tracker: TrackerId,
    secret: &SecretString,
    keyring: &Keyring,
    mint: &Mint,
) -> Result<(), StoreError> {
    let mut old = get(tx, tracker).await?;
    if old.kind == WEBHOOK {
        old = open(tx, keyring, tracker).await?.tracker;
    }
    let (shown, kept) = kept_of(&old.kind, &old.base_url, secret)?;
    let sealed = seal(tx, tracker, &kept, keyring, mint)?;
    let done = sqlx::query(
        "update trackers set sealed_secret = $3, secret_key_id = $4, base_url = $5, tested_at = null, test_error = null
         where tenant_id = $1 and tracker_id = $2 and removed_at is null",
    )
    .bind(tx.tenant().0)
    .bind(tracker.0)
    .bind(sealed.bytes)
    .bind(sealed.key_id)
    .bind(shown)
    .execute(tx.conn())
    .await?;
    if done.rows_affected() == 0 { Err(StoreError::NotFound) } else { Ok(()) }
}

/// Disconnects a tracker: its credential is gone, its tickets stay as they are.
///
/// # Errors
/// [`StoreError::NotFound`].
pub async fn remove(tx: &mut TenantTx, tracker: TrackerId, now: DateTime<Utc>) -> Result<(), StoreError> {
    let done = sqlx::query(
        "update trackers set removed_at = $3, sealed_secret = null, secret_key_id = null
         where tenant_id = $1 and tracker_id = $2 and removed_at is null",
    )
    .bind(tx.tenant().0)
    .bind(tracker.0)
    .bind(now)
    .execute(tx.conn())
    .await?;
    if done.rows_affected() == 0 { Err(StoreError::NotFound) } else { Ok(()) }
}

/// Keeps what a connection test said; none for all is well.
///
/// # Errors
/// When the database does not answer.
pub async fn tested(
    tx: &mut TenantTx,
    tracker: TrackerId,
    error: Option<&str>,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query("update trackers set tested_at = $3, test_error = $4 where tenant_id = $1 and tracker_id = $2")
        .bind(tx.tenant().0)
        .bind(tracker.0)
        .bind(now)
        .bind(error)
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Opens a tracker's credential, for one job.
///
/// # Errors
/// [`StoreError::NotFound`] when it is gone; [`StoreError::Sealed`] when no key opens the credential.
pub async fn open(tx: &mut TenantTx, keyring: &Keyring, tracker: TrackerId) -> Result<TrackerSecret, StoreError> {
    let mut found = get(tx, tracker).await?;
    let sealed: Option<(Vec<u8>, String)> = sqlx::query_as(
        "select sealed_secret, secret_key_id from trackers
         where tenant_id = $1 and tracker_id = $2 and removed_at is null and sealed_secret is not null",
    )
    .bind(tx.tenant().0)
    .bind(tracker.0)
    .fetch_optional(tx.conn())
    .await?;
    let (bytes, key_id) = sealed.ok_or(StoreError::NotFound)?;
    let secret = keyring.open(&owner(tx, tracker), &Sealed { key_id, bytes })?;
    match serde_json::from_str(secret.expose_secret()) {
        Ok(Kept { address, secret }) if found.kind == WEBHOOK => {
            found.base_url = address;
            Ok(TrackerSecret { tracker: found, secret: secret.into() })
        }
        _ => Ok(TrackerSecret { tracker: found, secret }),
    }
}

const WEBHOOK: &str = "webhook";

/// What is sealed for a webhook, whose address often is a secret of its own. Those from before have their secret alone, and
/// their address in the row, until their credential is replaced.
#[derive(Serialize, Deserialize)]
struct Kept {
    address: String,
    secret: String,
}

/// The address as it may be shown, and what is sealed.
fn kept_of(kind: &str, address: &str, secret: &SecretString) -> Result<(String, SecretString), StoreError> {
    if kind != WEBHOOK {
        return Ok((address.to_owned(), secret.clone()));
    }
    let host = address.find("://").map_or(0, |at| at + 3);
    let shown = address[host..].find(['/', '?', '#']).map_or(address, |end| &address[..host + end]);
    let kept = Kept { address: address.to_owned(), secret: secret.expose_secret().to_owned() };
    let kept = serde_json::to_string(&kept).map_err(|_| StoreError::Sealed)?;
    Ok((shown.to_owned(), kept.into()))
}

fn seal(
    tx: &TenantTx,
    tracker: TrackerId,
    secret: &SecretString,
    keyring: &Keyring,
    mint: &Mint,
) -> Result<Sealed, StoreError> {
    let mut seed = [0u8; 32];
    mint.fill(&mut seed);
    let mut rng = <rand::rngs::StdRng as rand::SeedableRng>::from_seed(seed);
    keyring.seal(&owner(tx, tracker), secret, &mut rng)
}

/// Whom a credential is sealed for: it opens in no other tenant and for no other tracker.
pub(crate) fn owner(tx: &TenantTx, tracker: TrackerId) -> String {
    format!("tenant/{}/tracker/{tracker}", tx.tenant())
}
