//! Agents of container hosts: how they enrol, what they show afterwards, and what they reported last.
//!
//! Whoever calls names the tenant and the source; the row is looked up as that tenant, and a secret that does not fit it
//! opens nothing. Nothing here tells a tenant that is not there from a secret that is wrong.

use crate::door::TenantTx;
use crate::error::StoreError;
use crate::identity::Token;
use chrono::{DateTime, TimeDelta, Utc};
use plumbline_core::collect::Delivery;
use plumbline_core::id::{Mint, SourceId};

/// How long a token enrols.
const GOOD_FOR: TimeDelta = TimeDelta::hours(1);

/// An agent as pages show it.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct AgentRow {
    pub token_expires_at: Option<DateTime<Utc>>,
    pub enrolled_at: Option<DateTime<Utc>>,
    /// Whether an agent may report now.
    pub is_enrolled: bool,
    pub made_at: Option<DateTime<Utc>>,
    pub received_at: Option<DateTime<Utc>>,
    pub report_bytes: Option<i32>,
}

/// A source's agent; none when no token was ever made.
///
/// # Errors
/// When the database does not answer.
pub async fn get(tx: &mut TenantTx, source: SourceId) -> Result<Option<AgentRow>, StoreError> {
    let row = sqlx::query_as(
        "select token_expires_at, enrolled_at, credential_hash is not null as is_enrolled, made_at, received_at,
             octet_length(report) as report_bytes
         from host_agents where tenant_id = $1 and source_id = $2",
    )
    .bind(tx.tenant().0)
    .bind(source.0)
    .fetch_optional(tx.conn())
    .await?;
    Ok(row)
}

/// Makes a token that enrols one agent within the hour, in place of an earlier one. An agent that is enrolled goes on.
///
/// # Errors
/// [`StoreError::NotFound`] when there is no such host connected.
pub async fn invite(tx: &mut TenantTx, source: SourceId, mint: &Mint) -> Result<Token, StoreError> {
    let token = Token::mint(mint);
    let done = sqlx::query(
        "insert into host_agents (tenant_id, source_id, token_hash, token_expires_at)
         select tenant_id, source_id, $3, $4 from sources
         where tenant_id = $1 and source_id = $2 and provider = 'host' and removed_at is null
         on conflict (tenant_id, source_id) do update
             set token_hash = excluded.token_hash, token_expires_at = excluded.token_expires_at",
    )
    .bind(tx.tenant().0)
    .bind(source.0)
    .bind(token.hash().as_slice())
    .bind(mint.now() + GOOD_FOR)
    .execute(tx.conn())
    .await?;
    if done.rows_affected() == 1 { Ok(token) } else { Err(StoreError::NotFound) }
}

/// Uses a token up. Returns the credential that the agent shows from now on; an earlier agent's opens nothing more.
///
/// # Errors
/// [`StoreError::NotFound`] when the token was used, is too old or never was.
pub async fn enrol(tx: &mut TenantTx, source: SourceId, token: &Token, mint: &Mint) -> Result<Token, StoreError> {
    let credential = Token::mint(mint);
    let done = sqlx::query(
        "update host_agents a
         set token_hash = null, token_expires_at = null, credential_hash = $4, enrolled_at = $5
         from sources s
         where a.tenant_id = $1 and a.source_id = $2 and a.token_hash = $3 and a.token_expires_at > $5
           and s.tenant_id = a.tenant_id and s.source_id = a.source_id and s.removed_at is null",
    )
    .bind(tx.tenant().0)
    .bind(source.0)
    .bind(token.hash().as_slice())
    .bind(credential.hash().as_slice())
    .bind(mint.now())
    .execute(tx.conn())
    .await?;
    if done.rows_affected() == 1 { Ok(credential) } else { Err(StoreError::NotFound) }
}

/// How often an agent with this credential is to report, in seconds.
///
/// # Errors
/// [`StoreError::NotFound`] when the credential is of no agent, was revoked, or the host is no longer connected.
pub async fn admit(tx: &mut TenantTx, source: SourceId, credential: &Token) -> Result<i32, StoreError> {
    let row: Option<(i32,)> = sqlx::query_as(
        "select s.poll_seconds from host_agents a
         join sources s on s.tenant_id = a.tenant_id and s.source_id = a.source_id
         where a.tenant_id = $1 and a.source_id = $2 and a.credential_hash = $3 and s.removed_at is null",
    )
    .bind(tx.tenant().0)
    .bind(source.0)
    .bind(credential.hash().as_slice())
    .fetch_optional(tx.conn())
    .await?;
    row.map(|(seconds,)| seconds).ok_or(StoreError::NotFound)
}

/// Keeps a report, unless there is one that was made later. Returns whether it is the newest.
///
/// # Errors
/// When the database does not answer.
pub async fn deliver(
    tx: &mut TenantTx,
    source: SourceId,
    made_at: DateTime<Utc>,
    report: &[u8],
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let done = sqlx::query(
        "update host_agents set made_at = $3, report = $4, received_at = $5
         where tenant_id = $1 and source_id = $2 and (made_at is null or made_at < $3)",
    )
    .bind(tx.tenant().0)
    .bind(source.0)
    .bind(made_at)
    .bind(report)
    .bind(now)
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Made, received, the interval in seconds, and the report.
type Kept = (DateTime<Utc>, DateTime<Utc>, i32, Vec<u8>);

/// The newest report of a source.
///
/// # Errors
/// When the database does not answer.
pub async fn newest(tx: &mut TenantTx, source: SourceId) -> Result<Option<Delivery>, StoreError> {
    let row: Option<Kept> = sqlx::query_as(
        "select a.made_at, a.received_at, s.poll_seconds, a.report from host_agents a
         join sources s on s.tenant_id = a.tenant_id and s.source_id = a.source_id
         where a.tenant_id = $1 and a.source_id = $2 and a.report is not null",
    )
    .bind(tx.tenant().0)
    .bind(source.0)
    .fetch_optional(tx.conn())
    .await?;
    Ok(row.map(|(made_at, received_at, interval_seconds, body)| Delivery {
        made_at,
        received_at,
        interval_seconds,
        body,
    }))
}

/// Revokes the agent's credential and any token; what it reported stays until it is too old.
///
/// # Errors
/// [`StoreError::NotFound`] when there is none.
pub async fn revoke(tx: &mut TenantTx, source: SourceId) -> Result<(), StoreError> {
    let done = sqlx::query(
        "update host_agents set credential_hash = null, token_hash = null, token_expires_at = null
         where tenant_id = $1 and source_id = $2",
    )
    .bind(tx.tenant().0)
    .bind(source.0)
    .execute(tx.conn())
    .await?;
    if done.rows_affected() == 1 { Ok(()) } else { Err(StoreError::NotFound) }
}

/// Forgets the agent of a host that is no longer connected, with all that it sent.
///
/// # Errors
/// When the database does not answer.
pub async fn forget(tx: &mut TenantTx, source: SourceId) -> Result<(), StoreError> {
    sqlx::query("delete from host_agents where tenant_id = $1 and source_id = $2")
        .bind(tx.tenant().0)
        .bind(source.0)
        .execute(tx.conn())
        .await?;
    Ok(())
}
