//! The inventory: what was seen, and how it hangs together.

mod counts;

pub use counts::{ResourceCount, counts};

use crate::door::TenantTx;
use crate::error::StoreError;
use crate::page::{Page, PageRequest};
use chrono::{DateTime, Utc};
use plumbline_core::id::ResourceId;
use plumbline_core::resource::Unread;
use serde_json::{Map, Value};
use sqlx::types::Json;
use std::collections::BTreeMap;
use uuid::Uuid;

/// How the inventory is narrowed. None narrows nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ResourceFilter {
    pub kind: Option<String>,
    pub account: Option<String>,
    pub region: Option<String>,
    /// The beginning of a name, or a whole uid.
    pub search: Option<String>,
}

/// One line of the inventory.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct ResourceRow {
    pub resource_id: Uuid,
    pub kind: String,
    pub uid: String,
    pub name: String,
    pub account: String,
    pub region: String,
    pub exposure: String,
    pub criticality: String,
    pub changed_at: DateTime<Utc>,
    /// The name in lower case, as the database sorts by it.
    sought_name: String,
}

/// A page of the inventory. A search is ordered by name, behind what has the text as its uid; all else by id.
///
/// # Errors
/// When the database does not answer.
pub async fn list(
    tx: &mut TenantTx,
    filter: &ResourceFilter,
    page: &PageRequest,
) -> Result<Page<ResourceRow>, StoreError> {
    match &filter.search {
        Some(text) => {
            let mut found = by_name(tx, filter, text, page).await?;
            if page.after.is_none() {
                found.items.splice(0..0, by_uid(tx, filter, text).await?);
            }
            Ok(found)
        }
        None => by_id(tx, filter, page).await,
    }
}

/// An account's resources are read from the index of each kind that it has, all others in the order of their ids.
async fn by_id(
    tx: &mut TenantTx,
    filter: &ResourceFilter,
    page: &PageRequest,
) -> Result<Page<ResourceRow>, StoreError> {
    const OF_ACCOUNT: &str = "
        select r.* from (
            select distinct source_id, kind from resource_counts
            where tenant_id = $1 and account = $4 and ($3::text is null or kind = $3) and ($5::text is null or region = $5)
        ) c cross join lateral (
            select resource_id, kind, uid, name, account, region,
                 exposure_with_reach(exposure, reached_through) as exposure, criticality, changed_at, sought_name from resources
            where tenant_id = $1 and source_id = c.source_id and kind = c.kind and account = $4 and retired_at is null
              and resource_id > $2 and ($5::text is null or region = $5)
            order by resource_id limit $6
        ) r
        order by r.resource_id limit $6";
    const OF_ALL: &str = "
        select resource_id, kind, uid, name, account, region,
                 exposure_with_reach(exposure, reached_through) as exposure, criticality, changed_at, sought_name from resources
        where tenant_id = $1 and retired_at is null and resource_id > $2
          and ($3::text is null or kind = $3) and ($4::text is null or account = $4) and ($5::text is null or region = $5)
        order by resource_id limit $6";
    let after: Uuid = page.after.as_deref().and_then(|text| text.parse().ok()).unwrap_or(Uuid::nil());
    let rows = sqlx::query_as(if filter.account.is_some() { OF_ACCOUNT } else { OF_ALL })
        .bind(tx.tenant().0)
        .bind(after)
        .bind(&filter.kind)
        .bind(&filter.account)
        .bind(&filter.region)
        .bind(page.size + 1)
        .fetch_all(tx.conn())
        .await?;
    Ok(Page::cut(rows, page.size, |row: &ResourceRow| row.resource_id.to_string()))
}

async fn by_name(
    tx: &mut TenantTx,
    filter: &ResourceFilter,
    text: &str,
    page: &PageRequest,
) -> Result<Page<ResourceRow>, StoreError> {
    let (name, id) = page
        .after
        .as_deref()
        .and_then(|cursor| cursor.split_once(' '))
        .and_then(|(id, name)| Some((name.to_owned(), id.parse().ok()?)))
        .unwrap_or((String::new(), Uuid::nil()));
    let rows = sqlx::query_as(
        "select resource_id, kind, uid, name, account, region,
                 exposure_with_reach(exposure, reached_through) as exposure, criticality, changed_at, sought_name from resources
         where tenant_id = $1 and retired_at is null
           and sought_name ~>=~ lower($2) and sought_name ~<~ (lower($2) || chr(1114111))
           and sought_name ~>=~ $3 and (sought_name <> $3 or resource_id > $4)
           and ($5::text is null or kind = $5) and ($6::text is null or account = $6)
           and ($7::text is null or region = $7)
         order by sought_name using ~<~, resource_id limit $8",
    )
    .bind(tx.tenant().0)
    .bind(text)
    .bind(name)
    .bind(id)
    .bind(&filter.kind)
    .bind(&filter.account)
    .bind(&filter.region)
    .bind(page.size + 1)
    .fetch_all(tx.conn())
    .await?;
    Ok(Page::cut(rows, page.size, |row: &ResourceRow| format!("{} {}", row.resource_id, row.sought_name)))
}

async fn by_uid(tx: &mut TenantTx, filter: &ResourceFilter, text: &str) -> Result<Vec<ResourceRow>, StoreError> {
    let rows = sqlx::query_as(
        "select resource_id, kind, uid, name, account, region,
                 exposure_with_reach(exposure, reached_through) as exposure, criticality, changed_at, sought_name from resources
         where tenant_id = $1 and uid = $2 and retired_at is null
           and ($3::text is null or kind = $3) and ($4::text is null or account = $4) and ($5::text is null or region = $5)
           and not starts_with(sought_name, lower($2))
         order by resource_id limit 20",
    )
    .bind(tx.tenant().0)
    .bind(text)
    .bind(&filter.kind)
    .bind(&filter.account)
    .bind(&filter.region)
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}

/// The resources, at most `limit`, whose name begins with the text or whose uid is the text; retired ones too.
///
/// # Errors
/// When the database does not answer.
pub async fn search(tx: &mut TenantTx, text: &str, limit: i64) -> Result<Vec<Uuid>, StoreError> {
    let rows: Vec<(Uuid,)> = sqlx::query_as(
        "(select resource_id from resources
          where tenant_id = $1 and sought_name ~>=~ lower($2) and sought_name ~<~ (lower($2) || chr(1114111))
          order by sought_name using ~<~ limit $3)
         union
         (select resource_id from resources where tenant_id = $1 and uid = $2 limit $3)",
    )
    .bind(tx.tenant().0)
    .bind(text)
    .bind(limit)
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// All that is known of one resource.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct ResourceDetail {
    pub resource_id: Uuid,
    pub source_id: Uuid,
    pub source_name: String,
    pub kind: String,
    pub uid: String,
    pub name: String,
    pub account: String,
    pub region: String,
    pub attributes: Json<Map<String, Value>>,
    pub unread: Json<BTreeMap<String, Unread>>,
    pub tags: Json<BTreeMap<String, String>>,
    pub exposure: String,
    /// What the internet reaches it through; none when it is not reached, or is on the internet by itself.
    pub reached_through: Option<Uuid>,
    pub through_name: Option<String>,
    pub criticality: String,
    pub first_seen: DateTime<Utc>,
    pub changed_at: DateTime<Utc>,
    pub retired_at: Option<DateTime<Utc>>,
    pub scope_outcome: Option<String>,
    pub scope_permission: Option<String>,
    pub scope_complete_at: Option<DateTime<Utc>>,
}

/// One resource.
///
/// # Errors
/// [`StoreError::NotFound`] when this tenant has none of that id.
pub async fn get(tx: &mut TenantTx, resource: ResourceId) -> Result<ResourceDetail, StoreError> {
    sqlx::query_as(
        "select r.resource_id, r.source_id, s.name as source_name, r.kind, r.uid, r.name, r.account, r.region, r.attributes,
             r.unread, r.tags, exposure_with_reach(r.exposure, r.reached_through) as exposure,
             r.reached_through, t.name as through_name, r.criticality, r.first_seen, r.changed_at, r.retired_at,
             c.outcome as scope_outcome, c.permission as scope_permission, c.complete_at as scope_complete_at
         from resources r
         join sources s on s.tenant_id = r.tenant_id and s.source_id = r.source_id
         left join resources t on t.tenant_id = r.tenant_id and t.resource_id = r.reached_through
         left join scopes c
             on c.tenant_id = r.tenant_id and c.source_id = r.source_id and c.account = r.account
            and c.region = r.scope_region and c.reader = r.reader
         where r.tenant_id = $1 and r.resource_id = $2",
    )
    .bind(tx.tenant().0)
    .bind(resource.0)
    .fetch_optional(tx.conn())
    .await?
    .ok_or(StoreError::NotFound)
}

/// The other end of an edge.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Neighbour {
    pub relation: String,
    pub uid: String,
    /// None when no such resource was ever seen.
    pub resource_id: Option<Uuid>,
    pub name: Option<String>,
    pub kind: Option<String>,
}

/// What a resource points to; at most two hundred.
///
/// # Errors
/// When the database does not answer.
pub async fn edges_out(tx: &mut TenantTx, resource: ResourceId) -> Result<Vec<Neighbour>, StoreError> {
    let rows = sqlx::query_as(
        "select e.relation, e.to_uid as uid, r.resource_id, r.name, r.kind
         from (select relation, to_uid from edges where tenant_id = $1 and from_id = $2
               order by relation, to_uid limit 200) e
         left join lateral (
             select resource_id, name, kind from resources
             where tenant_id = $1 and uid = e.to_uid order by retired_at nulls first limit 1
         ) r on true
         order by e.relation, e.to_uid",
    )
    .bind(tx.tenant().0)
    .bind(resource.0)
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}

/// What points to a resource; at most two hundred.
///
/// # Errors
/// When the database does not answer.
pub async fn edges_in(tx: &mut TenantTx, uid: &str) -> Result<Vec<Neighbour>, StoreError> {
    let rows = sqlx::query_as(
        "select e.relation, r.uid, r.resource_id, r.name, r.kind
         from (select relation, from_id from edges where tenant_id = $1 and to_uid = $2
               order by relation, from_id limit 200) e
         join resources r on r.tenant_id = $1 and r.resource_id = e.from_id
         where r.retired_at is null
         order by r.kind, r.name",
    )
    .bind(tx.tenant().0)
    .bind(uid)
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}

/// What one check says of a resource.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct VerdictRow {
    pub check_id: String,
    pub verdict: String,
    pub since: DateTime<Utc>,
    pub missing: Option<Value>,
    pub message: String,
}

/// What every check says of a resource.
///
/// # Errors
/// When the database does not answer.
pub async fn verdicts(tx: &mut TenantTx, resource: ResourceId) -> Result<Vec<VerdictRow>, StoreError> {
    let rows = sqlx::query_as(
        "select check_id, verdict, since, missing, message from verdicts
         where tenant_id = $1 and resource_id = $2 order by check_id",
    )
    .bind(tx.tenant().0)
    .bind(resource.0)
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}
