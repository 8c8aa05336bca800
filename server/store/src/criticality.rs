//! How much depends on what, as the tenant says: rules, and what they say of what is stored.

use crate::door::TenantTx;
use crate::error::StoreError;
use plumbline_core::criticality::{Rule, Rules};
use plumbline_core::id::{ResourceId, SourceId};
use plumbline_core::risk::Criticality;
use sqlx::types::Json;
use std::collections::BTreeMap;
use uuid::Uuid;

#[derive(sqlx::FromRow)]
struct RuleRow {
    criticality: String,
    account: Option<String>,
    namespace: Option<String>,
    kind: Option<String>,
    tag_key: Option<String>,
    tag_value: Option<String>,
    name: Option<String>,
}

/// What a rule looks at, of a stored resource.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Ruled {
    pub resource_id: Uuid,
    pub account: String,
    pub region: String,
    pub kind: String,
    pub name: String,
    pub tags: Json<BTreeMap<String, String>>,
    pub criticality: String,
    /// Whether all of it could be read.
    pub whole: bool,
}

/// The tenant's rules, in their order.
///
/// # Errors
/// When the database does not answer.
pub async fn rules(tx: &mut TenantTx) -> Result<Rules, StoreError> {
    let rows: Vec<RuleRow> = sqlx::query_as(
        "select criticality, account, namespace, kind, tag_key, tag_value, name from criticality_rules
         where tenant_id = $1 order by position",
    )
    .bind(tx.tenant().0)
    .fetch_all(tx.conn())
    .await?;
    let rule = |row: RuleRow| Rule {
        criticality: Criticality::parse(&row.criticality).unwrap_or(Criticality::Normal),
        account: row.account,
        namespace: row.namespace,
        kind: row.kind,
        tag: row.tag_key.zip(row.tag_value),
        name: row.name,
    };
    Ok(Rules(rows.into_iter().map(rule).collect()))
}

/// Puts these rules in the place of those that there are.
///
/// # Errors
/// When the database does not answer.
pub async fn replace(tx: &mut TenantTx, rules: &Rules) -> Result<(), StoreError> {
    sqlx::query("delete from criticality_rules where tenant_id = $1").bind(tx.tenant().0).execute(tx.conn()).await?;
    let column = |of: fn(&Rule) -> Option<&String>| rules.0.iter().map(|rule| of(rule).cloned()).collect::<Vec<_>>();
    sqlx::query(
        "insert into criticality_rules (tenant_id, position, criticality, account, namespace, kind, tag_key, tag_value, name)
         select $1, r.position, r.criticality, r.account, r.namespace, r.kind, r.tag_key, r.tag_value, r.name
         from unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[]) with ordinality
             as r (criticality, account, namespace, kind, tag_key, tag_value, name, position)",
    )
    .bind(tx.tenant().0)
    .bind(rules.0.iter().map(|rule| rule.criticality.as_str()).collect::<Vec<_>>())
    .bind(column(|rule| rule.account.as_ref()))
    .bind(column(|rule| rule.namespace.as_ref()))
    .bind(column(|rule| rule.kind.as_ref()))
    .bind(column(|rule| rule.tag.as_ref().map(|(key, _)| key)))
    .bind(column(|rule| rule.tag.as_ref().map(|(_, value)| value)))
    .bind(column(|rule| rule.name.as_ref()))
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// The next stored resources after `after`, in order of id.
///
/// # Errors
/// When the database does not answer.
pub async fn page(tx: &mut TenantTx, after: Uuid, at_most: i64) -> Result<Vec<Ruled>, StoreError> {
    let rows = sqlx::query_as(
        "select resource_id, account, region, kind, name, tags, criticality, unread = '{}' as whole from resources
         where tenant_id = $1 and resource_id > $2 and retired_at is null order by resource_id limit $3",
    )
    .bind(tx.tenant().0)
    .bind(after)
    .bind(at_most)
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}

/// Says of resources how much depends on them. Returns their sources, accounts, kinds and ids.
///
/// # Errors
/// When the database does not answer.
pub async fn set(
    tx: &mut TenantTx,
    levels: &[(Uuid, Criticality)],
) -> Result<Vec<(SourceId, String, String, ResourceId)>, StoreError> {
    let rows: Vec<(Uuid, String, String, Uuid)> = sqlx::query_as(
        "update resources r set criticality = n.criticality
         from unnest($2::uuid[], $3::text[]) as n (resource_id, criticality)
         where r.tenant_id = $1 and r.resource_id = n.resource_id
         returning r.source_id, r.account, r.kind, r.resource_id",
    )
    .bind(tx.tenant().0)
    .bind(levels.iter().map(|(id, _)| *id).collect::<Vec<_>>())
    .bind(levels.iter().map(|(_, level)| level.as_str()).collect::<Vec<_>>())
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().map(|(source, account, kind, id)| (SourceId(source), account, kind, ResourceId(id))).collect())
}
