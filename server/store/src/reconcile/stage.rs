//! While a run goes on: what is known already, and what is new or changed.

use crate::door::TenantTx;
use crate::error::StoreError;
use plumbline_core::id::{ResourceId, RunId, SourceId};
use plumbline_core::resource::Resource;
use plumbline_core::risk::{Criticality, Exposure, Guard, Guards};
use plumbline_core::scope::ScopeKey;
use sha2::{Digest, Sha256};
use sqlx::types::Json;
use std::collections::HashMap;
use uuid::Uuid;

/// A resource as it is stored: what it takes to see whether it changed or is gone.
#[derive(Debug, Clone, Copy)]
pub struct Known {
    pub digest: [u8; 16],
    pub exposure: Exposure,
    pub criticality: Criticality,
    /// Index into the scopes that came with it.
    pub scope: u32,
}

/// Id, digest, exposure, criticality, and the scope's account, region and reader.
type KnownRow = (Uuid, Vec<u8>, String, String, String, String, String);

/// What a source is known to have, by id, and the scopes it was listed by.
///
/// # Errors
/// When the database does not answer.
pub async fn known(
    tx: &mut TenantTx,
    source: SourceId,
) -> Result<(HashMap<ResourceId, Known>, Vec<ScopeKey>), StoreError> {
    let rows: Vec<KnownRow> = sqlx::query_as(
        "select resource_id, digest, exposure, criticality, account, scope_region, reader from resources
         where tenant_id = $1 and source_id = $2 and retired_at is null",
    )
    .bind(tx.tenant().0)
    .bind(source.0)
    .fetch_all(tx.conn())
    .await?;
    let mut scopes: Vec<ScopeKey> = Vec::new();
    let mut numbers: HashMap<ScopeKey, u32> = HashMap::new();
    let mut found = HashMap::with_capacity(rows.len());
    for (id, digest, exposure, criticality, account, region, reader) in rows {
        let key = ScopeKey { account, region, reader };
        let scope = *numbers.entry(key).or_insert_with_key(|key| {
            scopes.push(key.clone());
            u32::try_from(scopes.len() - 1).unwrap_or(u32::MAX)
        });
        let mut short = [0u8; 16];
        let length = digest.len().min(16);
        short[..length].copy_from_slice(&digest[..length]);
        let exposure = Exposure::parse(&exposure).unwrap_or(Exposure::Internet);
        let criticality = Criticality::parse(&criticality).unwrap_or(Criticality::High);
        found.insert(ResourceId(id), Known { digest: short, exposure, criticality, scope });
    }
    Ok((found, scopes))
}

/// A resource that is new or changed.
#[derive(Debug, Clone)]
pub struct Staged {
    pub id: ResourceId,
    pub resource: Resource,
    pub digest: [u8; 16],
    pub exposure: Exposure,
    pub criticality: Criticality,
    /// Those that its own attributes tell of.
    pub guards: Guards,
}

/// The digest of all that a collector says of a resource.
#[must_use]
pub fn digest(resource: &Resource) -> [u8; 16] {
    let mut hash = Sha256::new();
    // Maps are ordered (serde_json's and ours), so equal content gives equal text; the order in which edges were found
    // does not count.
    let mut edges = resource.edges.clone();
    edges.sort();
    let all = (&resource.scope, &resource.kind, &resource.name, &resource.region, &resource.attributes);
    for part in [serde_json::to_vec(&all), serde_json::to_vec(&(&resource.unread, &resource.tags, &edges))] {
        hash.update(part.unwrap_or_default());
    }
    let mut short = [0u8; 16];
    short.copy_from_slice(&hash.finalize()[..16]);
    short
}

/// Stages resources of a run, in one statement.
///
/// # Errors
/// When the database does not answer.
pub async fn stage(tx: &mut TenantTx, run: RunId, batch: &[Staged]) -> Result<(), StoreError> {
    // A run may meet a resource twice, and one statement may not touch a row twice: the later one counts.
    let mut last: HashMap<ResourceId, usize> = HashMap::with_capacity(batch.len());
    for (index, staged) in batch.iter().enumerate() {
        last.insert(staged.id, index);
    }
    let rows: Vec<&Staged> = batch.iter().enumerate().filter(|(i, s)| last[&s.id] == *i).map(|(_, s)| s).collect();
    let column = |of: fn(&Staged) -> &str| rows.iter().map(|s| of(s).to_owned()).collect::<Vec<String>>();
    sqlx::query(
        "insert into staged_resources (tenant_id, run_id, resource_id, kind, uid, name, account, region, scope_region,
             reader, attributes, unread, tags, edges, digest, exposure, criticality,
             own_guards)
         select $1, $2, resource_id, kind, uid, name, account, region, scope_region, reader, attributes, unread, tags, edges,
             digest, exposure, criticality, string_to_array(guards, ',')
         from unnest($3::uuid[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[],
             $10::text[], $11::jsonb[], $12::jsonb[], $13::jsonb[], $14::jsonb[], $15::bytea[], $16::text[],
             $17::text[], $18::text[])
             as s (resource_id, kind, uid, name, account, region, scope_region, reader, attributes, unread, tags, edges,
                 digest, exposure, criticality, guards)
         on conflict (tenant_id, run_id, resource_id) do update set
             name = excluded.name, region = excluded.region, scope_region = excluded.scope_region,
             reader = excluded.reader, attributes = excluded.attributes, unread = excluded.unread,
             tags = excluded.tags, edges = excluded.edges, digest = excluded.digest, exposure = excluded.exposure,
             criticality = excluded.criticality, own_guards = excluded.own_guards",
    )
    .bind(tx.tenant().0)
    .bind(run.0)
    .bind(rows.iter().map(|s| s.id.0).collect::<Vec<_>>())
    .bind(column(|s| &s.resource.kind))
    .bind(column(|s| &s.resource.uid))
    .bind(column(|s| &s.resource.name))
    .bind(column(|s| &s.resource.scope.account))
    .bind(column(|s| &s.resource.region))
    .bind(column(|s| &s.resource.scope.region))
    .bind(column(|s| &s.resource.scope.reader))
    .bind(rows.iter().map(|s| Json(&s.resource.attributes)).collect::<Vec<_>>())
    .bind(rows.iter().map(|s| Json(&s.resource.unread)).collect::<Vec<_>>())
    .bind(rows.iter().map(|s| Json(&s.resource.tags)).collect::<Vec<_>>())
    .bind(rows.iter().map(|s| Json(&s.resource.edges)).collect::<Vec<_>>())
    .bind(rows.iter().map(|s| s.digest.to_vec()).collect::<Vec<_>>())
    .bind(column(|s| s.exposure.as_str()))
    .bind(column(|s| s.criticality.as_str()))
    .bind(rows.iter().map(|s| words(s.guards)).collect::<Vec<_>>())
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Guards as words with commas between them.
fn words(guards: Guards) -> String {
    guards.iter().map(Guard::as_str).collect::<Vec<_>>().join(",")
}
