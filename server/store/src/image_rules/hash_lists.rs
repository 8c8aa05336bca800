//! Lists of known bad files that the operator brings in, for all tenants.

use super::{BadHash, prefix};
use crate::door::{FeedTx, TenantTx};
use crate::error::StoreError;
use chrono::{DateTime, Utc};

/// A list, as it was brought in last.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct HashList {
    pub list: String,
    pub origin: String,
    pub imported_at: DateTime<Utc>,
    pub entries: i64,
    /// Lines that could not be read.
    pub unreadable: i64,
}

/// Begins to bring a list in: a place to put its entries, for as long as the transaction lasts.
///
/// # Errors
/// When the database does not answer.
pub async fn begin(tx: &mut FeedTx) -> Result<(), StoreError> {
    sqlx::query("select pg_advisory_xact_lock(hashtext('plumbline hash lists'))").execute(tx.conn()).await?;
    sqlx::query(
        "create temporary table staged_hashes (sha256 bytea not null, prefix bigint not null, name text not null)
         on commit drop",
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Adds entries.
///
/// # Errors
/// When the database does not answer.
pub async fn add(tx: &mut FeedTx, hashes: &[BadHash]) -> Result<(), StoreError> {
    sqlx::query("insert into staged_hashes select * from unnest($1::bytea[], $2::bigint[], $3::text[])")
        .bind(hashes.iter().map(|one| one.sha256.to_vec()).collect::<Vec<_>>())
        .bind(hashes.iter().map(|one| prefix(&one.sha256)).collect::<Vec<_>>())
        .bind(hashes.iter().map(|one| one.name.clone()).collect::<Vec<_>>())
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Ends it: the list is what was added, and nothing else. Returns how many entries differ from what it was, and wakes the
/// judging of the tenants that have images if any does.
///
/// # Errors
/// When the database does not answer.
pub async fn end(
    tx: &mut FeedTx,
    list: &str,
    origin: &str,
    unreadable: i64,
    now: DateTime<Utc>,
) -> Result<u64, StoreError> {
    let fresh = sqlx::query(
        "insert into hash_lists (list, origin, imported_at, entries, unreadable)
         select $1, $2, $3, count(distinct sha256), $4 from staged_hashes
         on conflict (list) do update set origin = excluded.origin, imported_at = excluded.imported_at,
             entries = excluded.entries, unreadable = excluded.unreadable",
    );
    fresh.bind(list).bind(origin).bind(now).bind(unreadable).execute(tx.conn()).await?;
    for sql in ["create index on staged_hashes (sha256)", "analyze staged_hashes"] {
        sqlx::query(sql).execute(tx.conn()).await?;
    }
    let gone = sqlx::query(
        "delete from bad_hashes b where b.list = $1 and not exists (
             select from staged_hashes s where s.sha256 = b.sha256)",
    );
    let gone = gone.bind(list).execute(tx.conn()).await?.rows_affected();
    let come = sqlx::query(
        "insert into bad_hashes (list, sha256, prefix, name)
         select distinct on (sha256) $1, sha256, prefix, name from staged_hashes order by sha256, name desc
         on conflict (list, sha256) do update set name = excluded.name where bad_hashes.name <> excluded.name",
    );
    let come = come.bind(list).execute(tx.conn()).await?.rows_affected();
    sqlx::query("drop table staged_hashes").execute(tx.conn()).await?;
    if gone + come > 0 {
        wake(tx, now).await?;
    }
    Ok(gone + come)
}

async fn wake(tx: &mut FeedTx, now: DateTime<Utc>) -> Result<(), StoreError> {
    sqlx::query(
        "insert into jobs (tenant_id, job_id, task, same_as, state, run_at, created_at)
         select tenant_id, gen_random_uuid(), '{\"task\": \"judge_images\"}', 'judge-images', 'queued', $1, $1
         from matchings on conflict do nothing",
    )
    .bind(now)
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// All lists of the operator's, by name.
///
/// # Errors
/// When the database does not answer.
pub async fn lists(tx: &mut TenantTx) -> Result<Vec<HashList>, StoreError> {
    let rows = sqlx::query_as("select list, origin, imported_at, entries, unreadable from hash_lists order by list")
        .fetch_all(tx.conn())
        .await?;
    Ok(rows)
}
