//! Groups by tag: the keys that the tenant named, and how each of their values stands.

use crate::door::TenantTx;
use crate::error::StoreError;
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
        "select tag_key, tag_value, sum(open_findings)::bigint as open_findings, sum(loss)::bigint as loss
         from group_losses join group_keys k using (tenant_id, tag_key)
         where tenant_id = $1 and ($2::text is null or tag_key = $2)
             and k.reckoned_to = 'ffffffff-ffff-ffff-ffff-ffffffffffff'
         group by tag_key, tag_value order by open_findings desc, loss desc, tag_key, tag_value limit 200",
    )
    .bind(tx.tenant().0)
    .bind(key)
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}
