//! Sessions of signed-in people, found by the hash of the key in their cookie.

use crate::door::IdentityTx;
use crate::error::StoreError;
use chrono::{DateTime, TimeDelta, Utc};
use plumbline_core::id::PersonId;
use sqlx::types::Json;
use std::collections::HashMap;

/// Unused for this long, a session ends.
pub const IDLE: TimeDelta = TimeDelta::hours(8);
/// After this long a session ends, however busy it is.
pub const ABSOLUTE: TimeDelta = TimeDelta::hours(24);
/// How coarsely the last use is kept, so that reading pages does not write.
const SEEN_EVERY: TimeDelta = TimeDelta::minutes(1);

/// What a session carries: words to JSON texts.
pub type State = HashMap<String, String>;

/// A session as its person sees it in a list.
#[derive(Debug, Clone)]
pub struct Listed {
    /// Tells sessions apart without opening them.
    pub key_hash: Vec<u8>,
    pub state: State,
    pub signed_in_at: DateTime<Utc>,
    pub seen_at: DateTime<Utc>,
}

type ListedRow = (Vec<u8>, Json<State>, DateTime<Utc>, DateTime<Utc>);

/// Finds the state of a session that is neither idle for too long nor over, and notes that it was used.
///
/// # Errors
/// When the database does not answer.
pub async fn load(tx: &mut IdentityTx, key: &[u8; 32], now: DateTime<Utc>) -> Result<Option<State>, StoreError> {
    let row: Option<(Json<State>, DateTime<Utc>)> =
        sqlx::query_as("select state, seen_at from sessions where key_hash = $1 and expires_at > $2 and seen_at > $3")
            .bind(key.as_slice())
            .bind(now)
            .bind(now - IDLE)
            .fetch_optional(tx.conn())
            .await?;
    let Some((state, seen_at)) = row else { return Ok(None) };
    if seen_at < now - SEEN_EVERY {
        sqlx::query("update sessions set seen_at = greatest(seen_at, $2) where key_hash = $1")
            .bind(key.as_slice())
            .bind(now)
            .execute(tx.conn())
            .await?;
    }
    Ok(Some(state.0))
}

/// Keeps a new session.
///
/// # Errors
/// When the database does not answer.
pub async fn create(
    tx: &mut IdentityTx,
    key: &[u8; 32],
    person: PersonId,
    state: &State,
    signed_in_at: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query(
        "insert into sessions (key_hash, person_id, state, signed_in_at, seen_at, expires_at) values ($1, $2, $3, $4, $5, $6)",
    )
    .bind(key.as_slice())
    .bind(person.0)
    .bind(Json(state))
    .bind(signed_in_at)
    .bind(now)
    .bind(signed_in_at + ABSOLUTE)
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Replaces the state. A session that ended in the meantime stays ended.
///
/// # Errors
/// When the database does not answer.
pub async fn update(tx: &mut IdentityTx, key: &[u8; 32], state: &State) -> Result<(), StoreError> {
    sqlx::query("update sessions set state = $2 where key_hash = $1")
        .bind(key.as_slice())
        .bind(Json(state))
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Ends one session. False when it had ended already.
///
/// # Errors
/// When the database does not answer.
pub async fn delete(tx: &mut IdentityTx, key: &[u8; 32]) -> Result<bool, StoreError> {
    let done = sqlx::query("delete from sessions where key_hash = $1").bind(key.as_slice()).execute(tx.conn()).await?;
    Ok(done.rows_affected() == 1)
}

/// Ends all sessions of a person.
///
/// # Errors
/// When the database does not answer.
pub async fn end_all(tx: &mut IdentityTx, person: PersonId) -> Result<u64, StoreError> {
    let done = sqlx::query("delete from sessions where person_id = $1").bind(person.0).execute(tx.conn()).await?;
    Ok(done.rows_affected())
}

/// Lists a person's sessions that have not ended, last used first.
///
/// # Errors
/// When the database does not answer.
pub async fn list(tx: &mut IdentityTx, person: PersonId, now: DateTime<Utc>) -> Result<Vec<Listed>, StoreError> {
    let rows: Vec<ListedRow> = sqlx::query_as(
        "select key_hash, state, signed_in_at, seen_at from sessions
         where person_id = $1 and expires_at > $2 and seen_at > $3
         order by seen_at desc limit 50",
    )
    .bind(person.0)
    .bind(now)
    .bind(now - IDLE)
    .fetch_all(tx.conn())
    .await?;
    Ok(rows
        .into_iter()
        .map(|(key_hash, state, signed_in_at, seen_at)| Listed { key_hash, state: state.0, signed_in_at, seen_at })
        .collect())
}

/// Forgets sessions that ended by age.
///
/// # Errors
/// When the database does not answer.
pub async fn forget_expired(tx: &mut IdentityTx, now: DateTime<Utc>) -> Result<u64, StoreError> {
    let done = sqlx::query("delete from sessions where expires_at <= $1").bind(now).execute(tx.conn()).await?;
    Ok(done.rows_affected())
}
