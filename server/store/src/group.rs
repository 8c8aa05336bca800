//! Groups by tag: the keys that the tenant named, and how each of their values stands.

use crate::door::TenantTx;
use crate::error::StoreError;
use crate::page::{Page, PageRequest};
use chrono::{DateTime, Utc};
use std::collections::BTreeMap;
use uuid::Uuid;

/// Keys that a tenant may name.
pub const MOST_KEYS: usize = 5;

/// The tag keys that make groups, in their order.
///
/// # Errors
/// When the database does not answer.
pub async fn keys(tx: &mut TenantTx) -> Result<Vec<String>, StoreError> {
    let keys = sqlx::query_scalar("select tag_key from group_keys where tenant_id = $1 order by place")
        .bind(tx.tenant().0)
        .fetch_all(tx.conn())
        .await?;
    Ok(keys)
}

/// Names other keys. What the groups of new ones cost is reckoned by [`crate::job::Task::Regroup`], and not shown before.
///
/// # Errors
/// When the database does not answer.
pub async fn name_keys(tx: &mut TenantTx, keys: &[String]) -> Result<(), StoreError> {
    let before: BTreeMap<String, Uuid> =
        sqlx::query_as("delete from group_keys where tenant_id = $1 returning tag_key, reckoned_to")
            .bind(tx.tenant().0)
            .fetch_all(tx.conn())
            .await?
            .into_iter()
            .collect();
    sqlx::query(
        "insert into group_keys (tenant_id, tag_key, reckoned_to, place)
         select $1, tag_key, reckoned_to, place
         from unnest($2::text[], $3::uuid[]) with ordinality as k (tag_key, reckoned_to, place)",
    )
    .bind(tx.tenant().0)
    .bind(keys)
    .bind(keys.iter().map(|key| before.get(key).copied().unwrap_or_default()).collect::<Vec<_>>())
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// One group.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct GroupRow {
    pub tag_key: String,
    pub tag_value: String,
    pub open_findings: i64,
    pub loss: i64,
}

/// The groups with the most open findings, of one key or of all that are reckoned; at most 200.
///
/// # Errors
/// When the database does not answer.
pub async fn list(tx: &mut TenantTx, key: Option<&str>) -> Result<Vec<GroupRow>, StoreError> {
    let rows = sqlx::query_as(
        "select tag_key, tag_value, open_findings, loss from group_sums join group_keys k using (tenant_id, tag_key)
         where tenant_id = $1 and ($2::text is null or tag_key = $2)
             and k.reckoned_to = 'ffffffff-ffff-ffff-ffff-ffffffffffff'
         order by open_findings desc, loss desc, tag_key, tag_value limit 200",
    )
    .bind(tx.tenant().0)
    .bind(key)
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}

/// Whether there is such a group: a key that is named and reckoned, and a resource that was judged or of which something is open.
///
/// # Errors
/// When the database does not answer.
pub async fn exists(tx: &mut TenantTx, key: &str, value: &str) -> Result<bool, StoreError> {
    let there = sqlx::query_scalar(
        "select exists (
             select from group_losses join group_keys k using (tenant_id, tag_key)
             where tenant_id = $1 and tag_key = $2 and tag_value = $3
                 and k.reckoned_to = 'ffffffff-ffff-ffff-ffff-ffffffffffff'
         )",
    )
    .bind(tx.tenant().0)
    .bind(key)
    .bind(value)
    .fetch_one(tx.conn())
    .await?;
    Ok(there)
}

/// One reason why the score of a group changed.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct GroupChange {
    pub at: DateTime<Utc>,
    /// A [`crate::reconcile::Cause`], or [`crate::reconcile::RETAGGED`].
    pub cause: String,
    pub delta: f64,
    pub gross_delta: f64,
    pub findings: i64,
}

/// A page of the reasons why the score of a group changed, newest first.
///
/// # Errors
/// When the database does not answer.
pub async fn changes(
    tx: &mut TenantTx,
    key: &str,
    value: &str,
    page: &PageRequest,
) -> Result<Page<GroupChange>, StoreError> {
    let (at, after) = page
        .after
        .as_deref()
        .and_then(|text| text.split_once('~'))
        .and_then(|(at, cause)| Some((Some(at.parse::<DateTime<Utc>>().ok()?), cause.to_owned())))
        .unwrap_or_default();
    let rows = sqlx::query_as(
        "select at, cause, delta, gross_delta, findings from group_ledger
         where tenant_id = $1 and tag_key = $2 and tag_value = $3 and at <= coalesce($4::timestamptz, 'infinity')
           and (at < coalesce($4::timestamptz, 'infinity') or cause > $5)
         order by at desc, cause limit $6",
    )
    .bind(tx.tenant().0)
    .bind(key)
    .bind(value)
    .bind(at)
    .bind(after)
    .bind(page.size + 1)
    .fetch_all(tx.conn())
    .await?;
    Ok(Page::cut(rows, page.size, |row: &GroupChange| format!("{}~{}", row.at.to_rfc3339(), row.cause)))
}
