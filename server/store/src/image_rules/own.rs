//! A tenant's own list of known bad files.

use super::{BadHash, prefix};
use crate::door::TenantTx;
use crate::error::StoreError;
use chrono::{DateTime, Utc};

/// The most hashes that a tenant may list itself.
const MOST: i64 = 100_000;

/// An entry of the tenant's own list.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct OwnHash {
    /// In hex.
    pub sha256: String,
    pub name: String,
    pub added_at: DateTime<Utc>,
}

/// The newest entries.
///
/// # Errors
/// When the database does not answer.
pub async fn own(tx: &mut TenantTx, at_most: i64) -> Result<Vec<OwnHash>, StoreError> {
    let rows = sqlx::query_as(
        "select encode(sha256, 'hex') as sha256, name, added_at from own_bad_hashes where tenant_id = $1
         order by added_at desc, own_bad_hashes.sha256 limit $2",
    )
    .bind(tx.tenant().0)
    .bind(at_most)
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}

/// How many entries there are.
///
/// # Errors
/// When the database does not answer.
pub async fn count_own(tx: &mut TenantTx) -> Result<i64, StoreError> {
    let count = sqlx::query_scalar("select count(*) from own_bad_hashes where tenant_id = $1")
        .bind(tx.tenant().0)
        .fetch_one(tx.conn())
        .await?;
    Ok(count)
}

/// Adds entries; one that is there gets its new name. Returns how many are new or differ.
///
/// # Errors
/// [`StoreError::Conflict`] when there would be too many.
pub async fn add_own(tx: &mut TenantTx, hashes: &[BadHash], now: DateTime<Utc>) -> Result<u64, StoreError> {
    let done = sqlx::query(
        "insert into own_bad_hashes (tenant_id, sha256, prefix, name, added_at)
         select distinct on (sha256) $1::uuid, sha256, prefix, name, $5::timestamptz
         from unnest($2::bytea[], $3::bigint[], $4::text[]) h (sha256, prefix, name) order by sha256, name desc
         on conflict (tenant_id, sha256) do update set name = excluded.name where own_bad_hashes.name <> excluded.name",
    )
    .bind(tx.tenant().0)
    .bind(hashes.iter().map(|one| one.sha256.to_vec()).collect::<Vec<_>>())
    .bind(hashes.iter().map(|one| prefix(&one.sha256)).collect::<Vec<_>>())
    .bind(hashes.iter().map(|one| one.name.clone()).collect::<Vec<_>>())
    .bind(now)
    .execute(tx.conn())
    .await?;
    if count_own(tx).await? > MOST {
        return Err(StoreError::Conflict(format!("At most {MOST} hashes are kept in a list of your own.")));
    }
    Ok(done.rows_affected())
}

/// Takes entries out. Returns how many there were.
///
/// # Errors
/// When the database does not answer.
pub async fn remove_own(tx: &mut TenantTx, hashes: &[[u8; 32]]) -> Result<u64, StoreError> {
    let done = sqlx::query("delete from own_bad_hashes where tenant_id = $1 and sha256 = any($2)")
        .bind(tx.tenant().0)
        .bind(hashes.iter().map(|one| one.to_vec()).collect::<Vec<_>>())
        .execute(tx.conn())
        .await?;
    Ok(done.rows_affected())
}
