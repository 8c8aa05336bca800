//! What a tenant says of its images: where they may come from, and which files must not be in them.

mod bad_files;
mod hash_lists;
mod own;

pub use bad_files::{BadFile, ImageFiles, SeenFile, all_software, find_suspects, hold, of_images, replace};
pub use hash_lists::{HashList, add, begin, end, lists};
pub use own::{OwnHash, add_own, count_own, own, remove_own};

use crate::door::TenantTx;
use crate::error::StoreError;
use chrono::{DateTime, Utc};
use plumbline_core::allowed::AllowedSources;
use plumbline_core::id::{ResourceId, SourceId};
use uuid::Uuid;

/// A hash on its way in, with what the file is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadHash {
    pub sha256: [u8; 32],
    pub name: String,
}

/// The first eight bytes of a hash as a number.
#[must_use]
pub fn prefix(sha256: &[u8]) -> i64 {
    let mut first = [0u8; 8];
    first.iter_mut().zip(sha256).for_each(|(to, from)| *to = *from);
    i64::from_be_bytes(first)
}

/// Where the tenant's images may come from; none named when it did not say.
///
/// # Errors
/// When the database does not answer.
pub async fn sources(tx: &mut TenantTx) -> Result<AllowedSources, StoreError> {
    let patterns: Option<Vec<String>> = sqlx::query_scalar("select sources from image_rules where tenant_id = $1")
        .bind(tx.tenant().0)
        .fetch_optional(tx.conn())
        .await?;
    Ok(AllowedSources::of(patterns.unwrap_or_default()))
}

/// When that was last changed.
///
/// # Errors
/// When the database does not answer.
pub async fn changed_at(tx: &mut TenantTx) -> Result<Option<DateTime<Utc>>, StoreError> {
    let at = sqlx::query_scalar("select changed_at from image_rules where tenant_id = $1")
        .bind(tx.tenant().0)
        .fetch_optional(tx.conn())
        .await?;
    Ok(at)
}

/// Says where images may come from.
///
/// # Errors
/// When the database does not answer.
pub async fn allow(tx: &mut TenantTx, sources: &AllowedSources, now: DateTime<Utc>) -> Result<(), StoreError> {
    sqlx::query(
        "insert into image_rules (tenant_id, sources, changed_at) values ($1, $2, $3)
         on conflict (tenant_id) do update set sources = excluded.sources, changed_at = excluded.changed_at",
    )
    .bind(tx.tenant().0)
    .bind(sources.patterns())
    .bind(now)
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Whether there is any list of known bad files, of the operator's or of the tenant's own.
///
/// # Errors
/// When the database does not answer.
pub async fn is_listed(tx: &mut TenantTx) -> Result<bool, StoreError> {
    let listed = sqlx::query_scalar(
        "select exists (select from hash_lists) or exists (select from own_bad_hashes where tenant_id = $1)",
    )
    .bind(tx.tenant().0)
    .fetch_one(tx.conn())
    .await?;
    Ok(listed)
}

/// Notes by which rules everything is judged from now on. True when the ones before were others.
///
/// # Errors
/// When the database does not answer.
pub async fn judge_by(tx: &mut TenantTx, sources: &AllowedSources, listed: bool) -> Result<bool, StoreError> {
    let done = sqlx::query(
        "insert into image_judgements (tenant_id, sources, listed) values ($1, $2, $3)
         on conflict (tenant_id) do update set sources = excluded.sources, listed = excluded.listed
         where (image_judgements.sources, image_judgements.listed) is distinct from (excluded.sources, excluded.listed)",
    )
    .bind(tx.tenant().0)
    .bind(sources.patterns())
    .bind(listed)
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() > 0)
}

/// Everything of these kinds: source, account, kind and id.
///
/// # Errors
/// When the database does not answer.
pub async fn all_of(
    tx: &mut TenantTx,
    kinds: &[String],
) -> Result<Vec<(SourceId, String, String, ResourceId)>, StoreError> {
    let rows: Vec<(Uuid, String, String, Uuid)> = sqlx::query_as(
        "select source_id, account, kind, resource_id from resources
         where tenant_id = $1 and kind = any($2) and retired_at is null order by source_id, account, kind, resource_id",
    )
    .bind(tx.tenant().0)
    .bind(kinds)
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().map(|(source, account, kind, id)| (SourceId(source), account, kind, ResourceId(id))).collect())
}

/// The images with this software: source, account, kind and id.
///
/// # Errors
/// When the database does not answer.
pub async fn images_of(
    tx: &mut TenantTx,
    software: &[String],
) -> Result<Vec<(SourceId, String, String, ResourceId)>, StoreError> {
    let rows: Vec<(Uuid, String, String, Uuid)> = sqlx::query_as(
        "select source_id, account, kind, resource_id from resources
         where tenant_id = $1 and kind = 'image' and software = any($2) and retired_at is null
         order by source_id, account, kind, resource_id",
    )
    .bind(tx.tenant().0)
    .bind(software)
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().map(|(source, account, kind, id)| (SourceId(source), account, kind, ResourceId(id))).collect())
}
