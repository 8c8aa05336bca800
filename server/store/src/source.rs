//! Sources: what a tenant connected, and how.

mod runs;
mod scopes;

pub use runs::{RunRow, read_at, request_cancel, run, running, runs};
pub use scopes::{BlindSpot, RunScope, blind_spots, run_scopes};

use crate::door::TenantTx;
use crate::error::StoreError;
use crate::seal::{Keyring, Sealed};
use chrono::{DateTime, Utc};
use plumbline_core::collect::{Connection, ProbeLine};
use plumbline_core::id::{Mint, SourceId};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::types::Json;
use uuid::Uuid;

/// What a connection test said.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Probe {
    /// It got in; line by line what works and what is missing.
    Lines(Vec<ProbeLine>),
    /// It did not get in; for people.
    Refused(String),
}

/// A source as pages show it: everything but its secret.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct SourceRow {
    pub source_id: Uuid,
    pub provider: String,
    pub name: String,
    pub settings: Value,
    pub has_secret: bool,
    pub poll_seconds: i32,
    pub paused: bool,
    pub created_at: DateTime<Utc>,
    pub removed_at: Option<DateTime<Utc>>,
    pub probe: Option<Json<Probe>>,
    /// When the last test ended; with no `probe` beside it, when the one under way was asked for.
    pub probed_at: Option<DateTime<Utc>>,
    pub resources: i64,
    /// Scopes that were not read completely the last time they were tried.
    pub blind_scopes: i64,
    /// Scopes of the last run.
    pub scopes: i64,
    pub last_run_id: Option<Uuid>,
    pub last_state: Option<String>,
    pub last_started_at: Option<DateTime<Utc>>,
    pub last_finished_at: Option<DateTime<Utc>>,
    pub last_error: Option<String>,
}

macro_rules! source_rows {
    ($where:literal) => {
        concat!(
            "select s.source_id, s.provider, s.name, s.settings, s.sealed_secret is not null as has_secret, s.poll_seconds,
                 s.paused, s.created_at, s.removed_at, s.probe, s.probed_at,
                 coalesce((select c.resources from resource_facets c
                           where c.tenant_id = s.tenant_id and c.by_facet = '' and c.by_value = '' and c.facet = 'source'
                               and c.value = s.source_id::text), 0) as resources,
                 n.blind as blind_scopes, coalesce(r.scopes_planned, 0)::bigint as scopes,
                 s.last_run_id, r.state as last_state, r.started_at as last_started_at,
                 r.finished_at as last_finished_at, r.error as last_error
             from sources s
             left join runs r on r.tenant_id = s.tenant_id and r.run_id = s.last_run_id
             cross join lateral (
                 select count(*) as blind from scopes c
                 where c.tenant_id = s.tenant_id and c.source_id = s.source_id and c.outcome <> 'complete'
             ) n
             where s.tenant_id = $1 and ",
            $where
        )
    };
}

/// All sources that are connected, by name.
///
/// # Errors
/// When the database does not answer.
pub async fn list(tx: &mut TenantTx) -> Result<Vec<SourceRow>, StoreError> {
    let rows = sqlx::query_as(source_rows!("s.removed_at is null order by lower(s.name), s.source_id"))
        .bind(tx.tenant().0)
        .fetch_all(tx.conn())
        .await?;
    Ok(rows)
}

/// One source; a removed one too, for its history.
///
/// # Errors
/// [`StoreError::NotFound`] when this tenant has none of that id.
pub async fn get(tx: &mut TenantTx, source: SourceId) -> Result<SourceRow, StoreError> {
    sqlx::query_as(source_rows!("s.source_id = $2"))
        .bind(tx.tenant().0)
        .bind(source.0)
        .fetch_optional(tx.conn())
        .await?
        .ok_or(StoreError::NotFound)
}

/// A source's name and provider.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct SourceName {
    pub source_id: Uuid,
    pub provider: String,
    pub name: String,
}

/// The names of all sources that are connected.
///
/// # Errors
/// When the database does not answer.
pub async fn names(tx: &mut TenantTx) -> Result<Vec<SourceName>, StoreError> {
    let rows = sqlx::query_as(
        "select source_id, provider, name from sources where tenant_id = $1 and removed_at is null order by lower(name)",
    )
    .bind(tx.tenant().0)
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}

/// What it takes to connect a source.
#[derive(Debug)]
pub struct NewSource<'a> {
    pub provider: &'a str,
    pub name: &'a str,
    pub poll_seconds: i32,
    pub connection: &'a Connection,
}

/// Connects a source; its secret is sealed before it leaves this function.
///
/// # Errors
/// [`StoreError::Conflict`] when another source has that name.
pub async fn create(
    tx: &mut TenantTx,
    source: &NewSource<'_>,
    keyring: &Keyring,
    mint: &Mint,
) -> Result<SourceId, StoreError> {
    let id = SourceId::mint(mint);
    let sealed = seal(tx, id, &source.connection.secret, keyring, mint)?;
    sqlx::query(
        "insert into sources (tenant_id, source_id, provider, name, settings, sealed_secret, secret_key_id, poll_seconds,
             created_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    )
    .bind(tx.tenant().0)
    .bind(id.0)
    .bind(source.provider)
    .bind(source.name)
    .bind(&source.connection.settings)
    .bind(sealed.bytes)
    .bind(sealed.key_id)
    .bind(source.poll_seconds)
    .bind(mint.now())
    .execute(tx.conn())
    .await
    .map_err(in_words)?;
    Ok(id)
}

fn in_words(error: sqlx::Error) -> StoreError {
    let words = match error.as_database_error().and_then(sqlx::error::DatabaseError::constraint) {
        Some("sources_name") => "Another source has this name.",
        Some("sources_name_check") => "A name takes 1 to 120 characters.",
        Some("sources_poll_seconds_check") => "The shortest interval is 30 seconds.",
        _ => return StoreError::Database(error),
    };
    StoreError::Conflict(words.to_owned())
}

/// What may change of a source.
#[derive(Debug, Clone)]
pub struct SourceChange<'a> {
    pub name: &'a str,
    pub poll_seconds: i32,
    pub settings: &'a Value,
}

/// Renames a source, and changes its settings and how often it is polled. The last connection test no longer counts.
///
/// # Errors
/// [`StoreError::NotFound`]; [`StoreError::Conflict`] when another source has that name.
pub async fn change(tx: &mut TenantTx, source: SourceId, change: &SourceChange<'_>) -> Result<(), StoreError> {
    let done = sqlx::query(
        "update sources set name = $3, poll_seconds = $4, settings = $5,
             probe = case when settings = $5 then probe end, probed_at = case when settings = $5 then probed_at end
         where tenant_id = $1 and source_id = $2 and removed_at is null",
    )
    .bind(tx.tenant().0)
    .bind(source.0)
    .bind(change.name)
    .bind(change.poll_seconds)
    .bind(change.settings)
    .execute(tx.conn())
    .await
    .map_err(in_words)?;
    found(done.rows_affected())
}

/// Replaces a source's secret.
///
/// # Errors
/// [`StoreError::NotFound`].
pub async fn replace_secret(
    tx: &mut TenantTx,
    source: SourceId,
    secret: &SecretString,
    keyring: &Keyring,
    mint: &Mint,
) -> Result<(), StoreError> {
    let sealed = seal(tx, source, secret, keyring, mint)?;
    let done = sqlx::query(
        "update sources set sealed_secret = $3, secret_key_id = $4, probe = null, probed_at = null
         where tenant_id = $1 and source_id = $2 and removed_at is null",
    )
    .bind(tx.tenant().0)
    .bind(source.0)
    .bind(sealed.bytes)
    .bind(sealed.key_id)
    .execute(tx.conn())
    .await?;
    found(done.rows_affected())
}

/// Stops polling a source, or takes it up again.
///
/// # Errors
/// [`StoreError::NotFound`].
pub async fn pause(tx: &mut TenantTx, source: SourceId, paused: bool) -> Result<(), StoreError> {
    let done =
        sqlx::query("update sources set paused = $3 where tenant_id = $1 and source_id = $2 and removed_at is null")
            .bind(tx.tenant().0)
            .bind(source.0)
            .bind(paused)
            .execute(tx.conn())
            .await?;
    found(done.rows_affected())
}

/// Disconnects a source: its secret is gone, what was seen stays.
///
/// # Errors
/// [`StoreError::NotFound`].
pub async fn remove(tx: &mut TenantTx, source: SourceId, now: DateTime<Utc>) -> Result<(), StoreError> {
    let done = sqlx::query(
        "update sources set removed_at = $3, paused = true, sealed_secret = null, secret_key_id = null
         where tenant_id = $1 and source_id = $2 and removed_at is null",
    )
    .bind(tx.tenant().0)
    .bind(source.0)
    .bind(now)
    .execute(tx.conn())
    .await?;
    found(done.rows_affected())
}

/// Notes that a connection test is under way.
///
/// # Errors
/// [`StoreError::NotFound`].
pub async fn begin_probe(tx: &mut TenantTx, source: SourceId, now: DateTime<Utc>) -> Result<(), StoreError> {
    let done = sqlx::query(
        "update sources set probe = null, probed_at = $3
         where tenant_id = $1 and source_id = $2 and removed_at is null",
    )
    .bind(tx.tenant().0)
    .bind(source.0)
    .bind(now)
    .execute(tx.conn())
    .await?;
    found(done.rows_affected())
}

/// Keeps what a connection test said.
///
/// # Errors
/// [`StoreError::NotFound`].
pub async fn end_probe(
    tx: &mut TenantTx,
    source: SourceId,
    probe: &Probe,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let done = sqlx::query("update sources set probe = $3, probed_at = $4 where tenant_id = $1 and source_id = $2")
        .bind(tx.tenant().0)
        .bind(source.0)
        .bind(Json(probe))
        .bind(now)
        .execute(tx.conn())
        .await?;
    found(done.rows_affected())
}

/// Opens a source's settings and secret, for one run or one test.
///
/// # Errors
/// [`StoreError::NotFound`] when it is gone; [`StoreError::Sealed`] when no key opens its secret.
pub async fn open_connection(tx: &mut TenantTx, keyring: &Keyring, source: SourceId) -> Result<Connection, StoreError> {
    let row: Option<(Value, Option<Vec<u8>>, Option<String>)> = sqlx::query_as(
        "select settings, sealed_secret, secret_key_id from sources
         where tenant_id = $1 and source_id = $2 and removed_at is null",
    )
    .bind(tx.tenant().0)
    .bind(source.0)
    .fetch_optional(tx.conn())
    .await?;
    let (settings, bytes, key_id) = row.ok_or(StoreError::NotFound)?;
    let secret = match (bytes, key_id) {
        (Some(bytes), Some(key_id)) => keyring.open(&owner(tx, source), &Sealed { key_id, bytes })?,
        _ => SecretString::from("{}"),
    };
    Ok(Connection { settings, secret })
}

fn seal(
    tx: &TenantTx,
    source: SourceId,
    secret: &SecretString,
    keyring: &Keyring,
    mint: &Mint,
) -> Result<Sealed, StoreError> {
    let mut seed = [0u8; 32];
    mint.fill(&mut seed);
    let mut rng = <rand::rngs::StdRng as rand::SeedableRng>::from_seed(seed);
    keyring.seal(&owner(tx, source), secret, &mut rng)
}

/// Whom a secret is sealed for: it opens in no other tenant and for no other source.
pub(crate) fn owner(tx: &TenantTx, source: SourceId) -> String {
    format!("tenant/{}/source/{}", tx.tenant(), source)
}

fn found(rows: u64) -> Result<(), StoreError> {
    if rows == 0 { Err(StoreError::NotFound) } else { Ok(()) }
}
