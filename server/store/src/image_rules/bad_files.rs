//! Files of images: which of them are known to be bad.

use super::prefix;
use crate::door::TenantTx;
use crate::error::StoreError;
use std::collections::{HashMap, HashSet};

/// Keeps what is needed of an image's files to find the bad ones among them, now and whenever more become known.
///
/// # Errors
/// When the database does not answer.
pub async fn hold(tx: &mut TenantTx, software: &str, prefixes: &[i64], dropped: i64) -> Result<(), StoreError> {
    sqlx::query(
        "insert into image_files (tenant_id, software, prefixes, dropped) values ($1, $2, $3, $4) on conflict do nothing",
    )
    .bind(tx.tenant().0)
    .bind(software)
    .bind(prefixes)
    .bind(dropped)
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// For each of these images the hashes of bad files that it seems to have: what begins alike. An image without any is not
/// in it.
///
/// # Errors
/// When the database does not answer.
pub async fn find_suspects(
    tx: &mut TenantTx,
    software: &[String],
) -> Result<HashMap<String, HashSet<Vec<u8>>>, StoreError> {
    let rows: Vec<(String, Vec<u8>)> = sqlx::query_as(
        "with listed as (
             select prefix, sha256 from bad_hashes
             union
             select prefix, sha256 from own_bad_hashes where tenant_id = $1
         ), files as (
             select f.software, p.prefix from image_files f cross join lateral unnest(f.prefixes) p (prefix)
             where f.tenant_id = $1 and f.software = any($2)
         )
         select distinct f.software, l.sha256 from files f join listed l using (prefix)",
    )
    .bind(tx.tenant().0)
    .bind(software)
    .fetch_all(tx.conn())
    .await?;
    let mut suspects: HashMap<String, HashSet<Vec<u8>>> = HashMap::new();
    for (software, sha256) in rows {
        suspects.entry(software).or_default().insert(sha256);
    }
    Ok(suspects)
}

/// The software of all images that there are now.
///
/// # Errors
/// When the database does not answer.
pub async fn all_software(tx: &mut TenantTx) -> Result<Vec<String>, StoreError> {
    let rows = sqlx::query_scalar(
        "select distinct software from resources
         where tenant_id = $1 and kind = 'image' and retired_at is null and software is not null order by 1",
    )
    .bind(tx.tenant().0)
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}

/// A bad file where it was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenFile {
    pub software: String,
    pub sha256: Vec<u8>,
    pub path: String,
    pub layer: i32,
}

/// Replaces what is known of the bad files of these images. Returns those of which it changed.
///
/// # Errors
/// When the database does not answer.
pub async fn replace(tx: &mut TenantTx, software: &[String], seen: &[SeenFile]) -> Result<Vec<String>, StoreError> {
    let changed = sqlx::query_scalar(
        "with seen as (
             select * from unnest($3::text[], $4::bytea[], $5::bigint[], $6::text[], $7::int[])
                 as s (software, sha256, prefix, path, layer)
         ), gone as (
             delete from bad_files b
             where b.tenant_id = $1 and b.software = any($2) and not exists (
                 select from seen s where s.software = b.software and s.sha256 = b.sha256 and s.path = b.path)
             returning b.software
         ), come as (
             insert into bad_files (tenant_id, software, sha256, prefix, path, layer)
             select $1, * from seen order by software, sha256, path
             on conflict do nothing
             returning software
         )
         select software from gone union select software from come",
    )
    .bind(tx.tenant().0)
    .bind(software)
    .bind(seen.iter().map(|one| one.software.clone()).collect::<Vec<_>>())
    .bind(seen.iter().map(|one| one.sha256.clone()).collect::<Vec<_>>())
    .bind(seen.iter().map(|one| prefix(&one.sha256)).collect::<Vec<_>>())
    .bind(seen.iter().map(|one| one.path.clone()).collect::<Vec<_>>())
    .bind(seen.iter().map(|one| one.layer).collect::<Vec<_>>())
    .fetch_all(tx.conn())
    .await?;
    Ok(changed)
}

/// A bad file of an image, by one of the lists that name it.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct BadFile {
    pub software: String,
    /// In hex.
    pub sha256: String,
    pub path: String,
    pub layer: i32,
    /// What the list calls it; empty where it does not.
    pub name: String,
    /// None for the tenant's own.
    pub list: Option<String>,
}

/// What is known of the files of images.
#[derive(Debug, Clone, Default)]
pub struct ImageFiles {
    /// Ordered by software, hash and path.
    pub bad: Vec<BadFile>,
    /// For each image whose files were hashed, how many more it has than were.
    pub dropped: HashMap<String, i64>,
}

/// What is known of the files of the images with this software.
///
/// # Errors
/// When the database does not answer.
pub async fn of_images(tx: &mut TenantTx, software: &[String]) -> Result<ImageFiles, StoreError> {
    let dropped: Vec<(String, i64)> =
        sqlx::query_as("select software, dropped from image_files where tenant_id = $1 and software = any($2)")
            .bind(tx.tenant().0)
            .bind(software)
            .fetch_all(tx.conn())
            .await?;
    let bad = sqlx::query_as(
        "select b.software, encode(b.sha256, 'hex') as sha256, b.path, b.layer, h.name, h.list
         from bad_files b
         cross join lateral (
             select list, name from bad_hashes where prefix = b.prefix and sha256 = b.sha256
             union all
             select null, name from own_bad_hashes where tenant_id = $1 and sha256 = b.sha256
         ) h
         where b.tenant_id = $1 and b.software = any($2)
         order by b.software, b.sha256, b.path, h.list nulls first",
    )
    .bind(tx.tenant().0)
    .bind(software)
    .fetch_all(tx.conn())
    .await?;
    Ok(ImageFiles { bad, dropped: dropped.into_iter().collect() })
}
