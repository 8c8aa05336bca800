//! Stored resources on their way into the check engine.

use crate::door::TenantTx;
use crate::error::StoreError;
use plumbline_core::id::{ResourceId, SourceId};
use plumbline_core::resource::Unread;
use plumbline_core::risk::{Blast, Criticality, Exposure, Guards};
use serde_json::{Map, Value};
use sqlx::types::Json;
use std::collections::BTreeMap;
use uuid::Uuid;

/// A resource with all that the checks look at.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct StoredResource {
    pub resource_id: Uuid,
    pub kind: String,
    pub uid: String,
    pub name: String,
    pub account: String,
    pub region: String,
    pub scope_region: String,
    pub reader: String,
    pub attributes: Json<Map<String, Value>>,
    pub unread: Json<BTreeMap<String, Unread>>,
    pub tags: Json<BTreeMap<String, String>>,
    exposure: String,
    criticality: String,
    blast: String,
    guards: Vec<String>,
}

impl StoredResource {
    #[must_use]
    pub fn id(&self) -> ResourceId {
        ResourceId(self.resource_id)
    }

    #[must_use]
    pub fn exposure(&self) -> Exposure {
        Exposure::parse(&self.exposure).unwrap_or(Exposure::Private)
    }

    #[must_use]
    pub fn criticality(&self) -> Criticality {
        Criticality::parse(&self.criticality).unwrap_or(Criticality::Normal)
    }

    /// What whoever takes it over has next, as far as is known.
    #[must_use]
    pub fn blast(&self) -> Blast {
        Blast::parse(&self.blast).unwrap_or(Blast::None)
    }

    /// What stands in the way.
    #[must_use]
    pub fn guards(&self) -> Guards {
        Guards::parse(self.guards.iter().map(String::as_str))
    }
}

/// The next resources of one kind in one account, after `after`, in order of id.
///
/// # Errors
/// When the database does not answer.
pub async fn of_kind(
    tx: &mut TenantTx,
    source: SourceId,
    kind: &str,
    account: &str,
    after: Option<ResourceId>,
    at_most: i64,
) -> Result<Vec<StoredResource>, StoreError> {
    let rows = sqlx::query_as(
        "select resource_id, kind, uid, name, account, region, scope_region, reader, attributes, unread, tags,
             exposure_with_reach(exposure, reached_through) as exposure, criticality,
             blast, guards
         from resources
         where tenant_id = $1 and source_id = $2 and kind = $3 and account = $4 and retired_at is null
             and resource_id > $5
         order by resource_id limit $6",
    )
    .bind(tx.tenant().0)
    .bind(source.0)
    .bind(kind)
    .bind(account)
    .bind(after.map_or(Uuid::nil(), |id| id.0))
    .bind(at_most)
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}

/// The resources of these ids.
///
/// # Errors
/// When the database does not answer.
pub async fn of_ids(tx: &mut TenantTx, ids: &[ResourceId]) -> Result<Vec<StoredResource>, StoreError> {
    let rows = sqlx::query_as(
        "select resource_id, kind, uid, name, account, region, scope_region, reader, attributes, unread, tags,
             exposure_with_reach(exposure, reached_through) as exposure, criticality,
             blast, guards
         from resources where tenant_id = $1 and resource_id = any($2) and retired_at is null",
    )
    .bind(tx.tenant().0)
    .bind(ids.iter().map(|id| id.0).collect::<Vec<_>>())
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}

/// The edges that begin at these resources: (from, relation, uid pointed to).
///
/// # Errors
/// When the database does not answer.
pub async fn edges_from(
    tx: &mut TenantTx,
    ids: &[ResourceId],
) -> Result<Vec<(ResourceId, String, String)>, StoreError> {
    let rows: Vec<(Uuid, String, String)> =
        sqlx::query_as("select from_id, relation, to_uid from edges where tenant_id = $1 and from_id = any($2)")
            .bind(tx.tenant().0)
            .bind(ids.iter().map(|id| id.0).collect::<Vec<_>>())
            .fetch_all(tx.conn())
            .await?;
    Ok(rows.into_iter().map(|(id, relation, uid)| (ResourceId(id), relation, uid)).collect())
}

/// The edges that end at these uids: (uid pointed to, relation, from).
///
/// # Errors
/// When the database does not answer.
pub async fn edges_to(tx: &mut TenantTx, uids: &[String]) -> Result<Vec<(String, String, ResourceId)>, StoreError> {
    let rows: Vec<(String, String, Uuid)> =
        sqlx::query_as("select to_uid, relation, from_id from edges where tenant_id = $1 and to_uid = any($2)")
            .bind(tx.tenant().0)
            .bind(uids)
            .fetch_all(tx.conn())
            .await?;
    Ok(rows.into_iter().map(|(uid, relation, id)| (uid, relation, ResourceId(id))).collect())
}
