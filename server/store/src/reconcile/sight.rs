//! Which scopes are seen, and which are not.

use crate::door::TenantTx;
use crate::error::StoreError;
use chrono::{DateTime, Utc};
use plumbline_core::id::{RunId, SourceId};
use plumbline_core::scope::{Outcome, ScopeKey};

/// How a scope of a run ended.
#[derive(Debug, Clone)]
pub struct ScopeEnd {
    pub key: ScopeKey,
    pub outcome: Outcome,
}

/// How well a scope is seen now.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct ScopeSight {
    pub account: String,
    pub region: String,
    pub reader: String,
    pub outcome: String,
    pub permission: Option<String>,
    pub detail: Option<String>,
}

/// Writes how the scopes of a run ended. Returns those that came into sight or went out of it.
///
/// # Errors
/// When the database does not answer.
pub async fn sight(
    tx: &mut TenantTx,
    source: SourceId,
    run: RunId,
    ended: &[ScopeEnd],
    now: DateTime<Utc>,
) -> Result<Vec<ScopeKey>, StoreError> {
    let part = |of: fn(&ScopeEnd) -> Option<String>| ended.iter().map(of).collect::<Vec<Option<String>>>();
    let permission = |end: &ScopeEnd| match &end.outcome {
        Outcome::Denied { permission, .. } => Some(permission.clone()),
        _ => None,
    };
    let detail = |end: &ScopeEnd| match &end.outcome {
        Outcome::Denied { detail, .. } | Outcome::Failed { detail } => Some(detail.clone()),
        Outcome::Complete => None,
    };
    let turned: Vec<(String, String, String)> = sqlx::query_as(
        "with ended as (
             select * from unnest($4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[])
                 as e (account, region, reader, outcome, permission, detail)
         ), kept as (
             insert into run_scopes (tenant_id, run_id, account, region, reader, outcome, permission, detail)
             select $1, $3, account, region, reader, outcome, permission, detail from ended where outcome <> 'complete'
         ), before as (
             select s.account, s.region, s.reader, s.outcome from scopes s
             join ended e using (account, region, reader)
             where s.tenant_id = $1 and s.source_id = $2
         ), written as (
             insert into scopes (tenant_id, source_id, account, region, reader, outcome, permission, detail,
                 last_run_id, tried_at, complete_at)
             select $1, $2, account, region, reader, outcome, permission, detail, $3, $10,
                 case when outcome = 'complete' then $10::timestamptz end
             from ended
             on conflict (tenant_id, source_id, account, region, reader) do update set
                 outcome = excluded.outcome, permission = excluded.permission, detail = excluded.detail,
                 last_run_id = excluded.last_run_id, tried_at = excluded.tried_at,
                 complete_at = coalesce(excluded.complete_at, scopes.complete_at)
         )
         select e.account, e.region, e.reader from ended e left join before b using (account, region, reader)
         where b.outcome is null or (b.outcome = 'complete') <> (e.outcome = 'complete')",
    )
    .bind(tx.tenant().0)
    .bind(source.0)
    .bind(run.0)
    .bind(part(|end| Some(end.key.account.clone())))
    .bind(part(|end| Some(end.key.region.clone())))
    .bind(part(|end| Some(end.key.reader.clone())))
    .bind(part(|end| Some(end.outcome.as_str().to_owned())))
    .bind(part(permission))
    .bind(part(detail))
    .bind(now)
    .fetch_all(tx.conn())
    .await?;
    Ok(turned.into_iter().map(|(account, region, reader)| ScopeKey { account, region, reader }).collect())
}

/// All scopes of a source, as they are seen now.
///
/// # Errors
/// When the database does not answer.
pub async fn scopes_of(tx: &mut TenantTx, source: SourceId) -> Result<Vec<ScopeSight>, StoreError> {
    let rows = sqlx::query_as(
        "select account, region, reader, outcome, permission, detail from scopes where tenant_id = $1 and source_id = $2",
    )
    .bind(tx.tenant().0)
    .bind(source.0)
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}

/// Writes how many scopes that a check depends on are not seen; `counts` names every check of the source's provider.
///
/// # Errors
/// When the database does not answer.
pub async fn blind_scopes(tx: &mut TenantTx, source: SourceId, counts: &[(String, i64)]) -> Result<bool, StoreError> {
    let done = sqlx::query(
        "insert into check_states (tenant_id, check_id, source_id, blind_scopes)
         select $1, check_id, $2, blind from unnest($3::text[], $4::bigint[]) as c (check_id, blind)
         on conflict (tenant_id, check_id, source_id) do update set blind_scopes = excluded.blind_scopes
         where check_states.blind_scopes <> excluded.blind_scopes",
    )
    .bind(tx.tenant().0)
    .bind(source.0)
    .bind(counts.iter().map(|(check, _)| check.clone()).collect::<Vec<_>>())
    .bind(counts.iter().map(|(_, blind)| *blind).collect::<Vec<_>>())
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() > 0)
}
