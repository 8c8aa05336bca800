//! The first run: a link, printed once, with which the first owner comes in.

use crate::door::IdentityTx;
use crate::error::StoreError;
use crate::identity::token::Token;
use chrono::{DateTime, TimeDelta, Utc};
use plumbline_core::id::Mint;

const GOOD_FOR: TimeDelta = TimeDelta::hours(24);
/// Setups wait for each other: of two links used at once, one finds the tenant of the other.
const LOCK: i64 = 0x70_6c_75_6d_62;

/// Makes a setup link good for a day, or none when there is a tenant already. Links made before still hold.
///
/// # Errors
/// When the database does not answer.
pub async fn create_setup_link(tx: &mut IdentityTx, mint: &Mint) -> Result<Option<Token>, StoreError> {
    if any_tenant(tx).await? {
        return Ok(None);
    }
    let token = Token::mint(mint);
    sqlx::query("insert into setup_links (token_hash, created_at, expires_at) values ($1, $2, $3)")
        .bind(token.hash().as_slice())
        .bind(mint.now())
        .bind(mint.now() + GOOD_FOR)
        .execute(tx.conn())
        .await?;
    Ok(Some(token))
}

/// Whether the link still opens.
///
/// # Errors
/// When the database does not answer.
pub async fn is_open(tx: &mut IdentityTx, token: &Token, now: DateTime<Utc>) -> Result<bool, StoreError> {
    let (open,): (bool,) = sqlx::query_as(
        "select exists (select from setup_links where token_hash = $1 and used_at is null and expires_at > $2)",
    )
    .bind(token.hash().as_slice())
    .bind(now)
    .fetch_one(tx.conn())
    .await?;
    Ok(open && !any_tenant(tx).await?)
}

/// Uses the link up.
///
/// # Errors
/// [`StoreError::NotFound`] when it was used, is too old, never was, or another setup came first.
pub async fn consume(tx: &mut IdentityTx, token: &Token, now: DateTime<Utc>) -> Result<(), StoreError> {
    sqlx::query("select pg_advisory_xact_lock($1)").bind(LOCK).execute(tx.conn()).await?;
    let done = sqlx::query(
        "update setup_links set used_at = $2 where token_hash = $1 and used_at is null and expires_at > $2",
    )
    .bind(token.hash().as_slice())
    .bind(now)
    .execute(tx.conn())
    .await?;
    if done.rows_affected() == 1 && !any_tenant(tx).await? { Ok(()) } else { Err(StoreError::NotFound) }
}

async fn any_tenant(tx: &mut IdentityTx) -> Result<bool, StoreError> {
    let (any,): (bool,) = sqlx::query_as("select exists (select from tenants)").fetch_one(tx.conn()).await?;
    Ok(any)
}
