//! From staged to stored: new, changed and retired resources, their edges and counts.

use super::groups::follow_tags;
use crate::door::TenantTx;
use crate::error::StoreError;
use chrono::{DateTime, Utc};
use plumbline_core::id::{ResourceId, RunId, SourceId};
use std::collections::{HashMap, HashSet};
use uuid::Uuid;

/// What the merge did.
#[derive(Debug, Clone, Default)]
pub struct Merged {
    /// (account, kind, id) of resources to be evaluated anew.
    pub changed: Vec<(String, String, ResourceId)>,
    /// (account, kind) of resources that are gone.
    pub retired: Vec<(String, String)>,
}

impl Merged {
    /// Has these evaluated anew too, each once.
    pub fn also(&mut self, resources: Vec<(String, String, ResourceId)>) {
        let known: HashSet<ResourceId> = self.changed.iter().map(|(_, _, id)| *id).collect();
        let mut others: HashMap<ResourceId, (String, String)> = HashMap::new();
        for (account, kind, id) in resources.into_iter().filter(|(_, _, id)| !known.contains(id)) {
            others.insert(id, (account, kind));
        }
        self.changed.extend(others.into_iter().map(|(id, (account, kind))| (account, kind, id)));
    }
}

/// Merges a run's staged resources, and retires those in `gone`: known ones that a complete scope no longer lists.
///
/// # Errors
/// When the database does not answer.
pub async fn merge(
    tx: &mut TenantTx,
    source: SourceId,
    run: RunId,
    gone: &[ResourceId],
    now: DateTime<Utc>,
) -> Result<Merged, StoreError> {
    follow_tags(tx, run.0).await?;
    let changed = upsert(tx, source, run, now).await?;
    replace_edges(tx, run).await?;
    let retired = retire(tx, gone, now).await?;
    if !changed.is_empty() || !retired.is_empty() {
        recount(tx, source).await?;
    }
    Ok(Merged { changed, retired })
}

async fn upsert(
    tx: &mut TenantTx,
    source: SourceId,
    run: RunId,
    now: DateTime<Utc>,
) -> Result<Vec<(String, String, ResourceId)>, StoreError> {
    let rows: Vec<(String, String, Uuid)> = sqlx::query_as(
        "insert into resources (tenant_id, resource_id, source_id, kind, uid, name, account, region, scope_region, reader,
             attributes, unread, tags, digest, exposure, criticality, own_guards, guards, first_seen, changed_at)
         select tenant_id, resource_id, $3, kind, uid, name, account, region, scope_region, reader,
             attributes, unread, tags, digest, exposure, criticality, own_guards, own_guards, $4, $4
         from staged_resources where tenant_id = $1 and run_id = $2
         order by resource_id
         on conflict (tenant_id, resource_id) do update set
             name = excluded.name, account = excluded.account, region = excluded.region,
             scope_region = excluded.scope_region, reader = excluded.reader, attributes = excluded.attributes,
             unread = excluded.unread, tags = excluded.tags, exposure = excluded.exposure,
             criticality = excluded.criticality, own_guards = excluded.own_guards,
             -- What others tell of is worked out at the end of the run.
             guards = case when resources.own_guards = excluded.own_guards then resources.guards
                 else excluded.own_guards end,
             retired_at = null, digest = excluded.digest,
             changed_at = case when resources.digest = excluded.digest and resources.retired_at is null
                 then resources.changed_at else excluded.changed_at end
         returning account, kind, resource_id",
    )
    .bind(tx.tenant().0)
    .bind(run.0)
    .bind(source.0)
    .bind(now)
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().map(|(account, kind, id)| (account, kind, ResourceId(id))).collect())
}

async fn replace_edges(tx: &mut TenantTx, run: RunId) -> Result<(), StoreError> {
    sqlx::query(
        "delete from edges e using staged_resources s
         where e.tenant_id = $1 and s.tenant_id = $1 and s.run_id = $2 and e.from_id = s.resource_id
           and not s.edges @> jsonb_build_array(jsonb_build_object('relation', e.relation, 'to', e.to_uid))",
    )
    .bind(tx.tenant().0)
    .bind(run.0)
    .execute(tx.conn())
    .await?;
    sqlx::query(
        "insert into edges (tenant_id, from_id, relation, to_uid)
         select s.tenant_id, s.resource_id, e.relation, e.to_uid
         from staged_resources s, lateral (
             select distinct edge ->> 'relation' as relation, edge ->> 'to' as to_uid
             from jsonb_array_elements(s.edges) edge
         ) e
         where s.tenant_id = $1 and s.run_id = $2
         on conflict do nothing",
    )
    .bind(tx.tenant().0)
    .bind(run.0)
    .execute(tx.conn())
    .await?;
    Ok(())
}

async fn retire(
    tx: &mut TenantTx,
    gone: &[ResourceId],
    now: DateTime<Utc>,
) -> Result<Vec<(String, String)>, StoreError> {
    if gone.is_empty() {
        return Ok(Vec::new());
    }
    let rows = sqlx::query_as(
        "update resources set retired_at = $3
         where tenant_id = $1 and resource_id = any($2) and retired_at is null
         returning account, kind",
    )
    .bind(tx.tenant().0)
    .bind(gone.iter().map(|id| id.0).collect::<Vec<_>>())
    .bind(now)
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}

async fn recount(tx: &mut TenantTx, source: SourceId) -> Result<(), StoreError> {
    sqlx::query(
        "with counted as (
             select kind, account, region, count(*) as resources from resources
             where tenant_id = $1 and source_id = $2 and retired_at is null
             group by kind, account, region
         ), gone as (
             delete from resource_counts c
             where c.tenant_id = $1 and c.source_id = $2 and not exists (
                 select from counted n where n.kind = c.kind and n.account = c.account and n.region = c.region)
         )
         insert into resource_counts (tenant_id, source_id, kind, account, region, resources)
         select $1, $2, kind, account, region, resources from counted
         on conflict (tenant_id, source_id, kind, account, region) do update set resources = excluded.resources
         where resource_counts.resources <> excluded.resources",
    )
    .bind(tx.tenant().0)
    .bind(source.0)
    .execute(tx.conn())
    .await?;
    Ok(())
}
