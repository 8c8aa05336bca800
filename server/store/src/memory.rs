//! What collectors read once and never have to read again: the contents of layers, the software of images.

use crate::door::TenantTx;
use crate::error::StoreError;
use chrono::{DateTime, Utc};
use std::collections::HashMap;

/// What is kept under these keys.
///
/// # Errors
/// When the database does not answer.
pub async fn recall(tx: &mut TenantTx, keys: &[String]) -> Result<HashMap<String, Vec<u8>>, StoreError> {
    let rows: Vec<(String, Vec<u8>)> =
        sqlx::query_as("select key, content from memories where tenant_id = $1 and key = any($2)")
            .bind(tx.tenant().0)
            .bind(keys)
            .fetch_all(tx.conn())
            .await?;
    Ok(rows.into_iter().collect())
}

/// Keeps something, unless there is something under that key.
///
/// # Errors
/// When the database does not answer.
pub async fn keep(tx: &mut TenantTx, key: &str, content: &[u8], now: DateTime<Utc>) -> Result<(), StoreError> {
    sqlx::query(
        "insert into memories (tenant_id, key, content, kept_at) values ($1, $2, $3, $4) on conflict do nothing",
    )
    .bind(tx.tenant().0)
    .bind(key)
    .bind(content)
    .bind(now)
    .execute(tx.conn())
    .await?;
    Ok(())
}
