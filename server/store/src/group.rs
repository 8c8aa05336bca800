//! Groups by tag: the keys that the tenant named, and how each of their values stands.

use crate::door::TenantTx;
use crate::error::StoreError;

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

/// Names other keys. What groups cost is reckoned anew by [`crate::job::Task::Regroup`].
///
/// # Errors
/// When the database does not answer.
pub async fn name_keys(tx: &mut TenantTx, keys: &[String]) -> Result<(), StoreError> {
    sqlx::query("delete from group_keys where tenant_id = $1").bind(tx.tenant().0).execute(tx.conn()).await?;
    sqlx::query(
        "insert into group_keys (tenant_id, tag_key, place)
         select $1, tag_key, place from unnest($2::text[]) with ordinality as k (tag_key, place)",
    )
    .bind(tx.tenant().0)
    .bind(keys)
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

/// The groups with the most open findings, of one key or of all; at most 200.
///
/// # Errors
/// When the database does not answer.
pub async fn list(tx: &mut TenantTx, key: Option<&str>) -> Result<Vec<GroupRow>, StoreError> {
    let rows = sqlx::query_as(
        "select tag_key, tag_value, open_findings, loss from group_sums
         where tenant_id = $1 and ($2::text is null or tag_key = $2)
         order by open_findings desc, loss desc, tag_key, tag_value limit 200",
    )
    .bind(tx.tenant().0)
    .bind(key)
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}
