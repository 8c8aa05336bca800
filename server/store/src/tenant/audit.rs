//! The audit log: who did what, added in the transaction that does it.

use crate::door::{IdentityTx, TenantTx};
use crate::error::StoreError;
use crate::page::{Page, PageRequest};
use chrono::{DateTime, Utc};
use plumbline_core::id::{AuditId, Mint, PersonId, TenantId};
use serde_json::Value;
use sqlx::PgConnection;
use sqlx::types::Json;
use uuid::Uuid;

/// What to add.
#[derive(Debug, Clone)]
pub struct Entry<'a> {
    /// None when the product itself did it.
    pub person: Option<PersonId>,
    pub actor: &'a str,
    /// `<noun>.<what happened>`, such as `member.removed`.
    pub action: &'a str,
    /// What it was done to, as people call it.
    pub object: &'a str,
    /// Particulars, never a secret.
    pub detail: Value,
}

/// What was added.
#[derive(Debug, Clone)]
pub struct Audited {
    pub id: AuditId,
    pub at: DateTime<Utc>,
    pub person: Option<PersonId>,
    pub actor: String,
    pub action: String,
    pub object: String,
    pub detail: Value,
}

/// What a list is narrowed to.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    pub person: Option<PersonId>,
    pub action: Option<String>,
    pub from: Option<DateTime<Utc>>,
    /// Exclusive.
    pub until: Option<DateTime<Utc>>,
}

/// Adds an entry.
///
/// # Errors
/// When the database does not answer.
pub async fn append(tx: &mut TenantTx, entry: &Entry<'_>, mint: &Mint) -> Result<(), StoreError> {
    let tenant = tx.tenant();
    insert(tx.conn(), tenant, entry, mint).await
}

/// Adds an entry to a tenant's log while coming in to it.
///
/// # Errors
/// When the database does not answer.
pub async fn append_before_tenant(
    tx: &mut IdentityTx,
    tenant: TenantId,
    entry: &Entry<'_>,
    mint: &Mint,
) -> Result<(), StoreError> {
    insert(tx.conn(), tenant, entry, mint).await
}

async fn insert(conn: &mut PgConnection, tenant: TenantId, entry: &Entry<'_>, mint: &Mint) -> Result<(), StoreError> {
    sqlx::query(
        "insert into audit_log (tenant_id, audit_id, at, person_id, actor, action, object, detail)
         values ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(tenant.0)
    .bind(AuditId::mint(mint).0)
    .bind(mint.now())
    .bind(entry.person.map(|person| person.0))
    .bind(entry.actor)
    .bind(entry.action)
    .bind(entry.object)
    .bind(Json(&entry.detail))
    .execute(conn)
    .await?;
    Ok(())
}

#[derive(sqlx::FromRow)]
struct Row {
    audit_id: Uuid,
    at: DateTime<Utc>,
    person_id: Option<Uuid>,
    actor: String,
    action: String,
    object: String,
    detail: Json<Value>,
}

/// One page, newest first. A cursor that is none reads as the first page.
///
/// # Errors
/// When the database does not answer.
pub async fn list(tx: &mut TenantTx, filter: &Filter, page: &PageRequest) -> Result<Page<Audited>, StoreError> {
    let after = page.after.as_deref().and_then(|cursor| cursor.parse::<Uuid>().ok());
    let rows: Vec<Row> = sqlx::query_as(
        "select audit_id, at, person_id, actor, action, object, detail from audit_log
         where tenant_id = $1
           and ($2::uuid is null or audit_id < $2)
           and ($3::uuid is null or person_id = $3)
           and ($4::text is null or action = $4)
           and ($5::uuid is null or audit_id >= $5)
           and ($6::uuid is null or audit_id < $6)
         order by audit_id desc limit $7",
    )
    .bind(tx.tenant().0)
    .bind(after)
    .bind(filter.person.map(|person| person.0))
    .bind(filter.action.as_deref())
    .bind(filter.from.map(first_id_of))
    .bind(filter.until.map(first_id_of))
    .bind(page.size + 1)
    .fetch_all(tx.conn())
    .await?;
    let entries = rows.into_iter().map(Row::into_audited).collect();
    Ok(Page::cut(entries, page.size, |entry: &Audited| entry.id.to_string()))
}

/// The actions that the log knows, each once: hops along the index from one to the next instead of reading all entries.
///
/// # Errors
/// When the database does not answer.
pub async fn actions(tx: &mut TenantTx) -> Result<Vec<String>, StoreError> {
    let rows: Vec<(String,)> = sqlx::query_as(
        "with recursive known(action) as (
             (select action from audit_log where tenant_id = $1 order by action limit 1)
             union all
             select (select a.action from audit_log a where a.tenant_id = $1 and a.action > known.action order by a.action limit 1)
             from known where known.action is not null
         )
         select action from known where action is not null",
    )
    .bind(tx.tenant().0)
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().map(|(action,)| action).collect())
}

/// The least id that an entry of this millisecond can have: ids are ordered by time, so the key serves time as well.
fn first_id_of(at: DateTime<Utc>) -> Uuid {
    Uuid::from_u128(u128::from(u64::try_from(at.timestamp_millis()).unwrap_or(0)) << 80)
}

impl Row {
    fn into_audited(self) -> Audited {
        Audited {
            id: AuditId(self.audit_id),
            at: self.at,
            person: self.person_id.map(PersonId),
            actor: self.actor,
            action: self.action,
            object: self.object,
            detail: self.detail.0,
        }
    }
}
