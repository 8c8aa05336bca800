//! Invitations: a link shown once, good for a week, for one address and one role.

use crate::door::{IdentityTx, TenantTx};
use crate::error::StoreError;
use crate::identity::token::Token;
use chrono::{DateTime, TimeDelta, Utc};
use plumbline_core::id::{Mint, PersonId, TenantId};
use plumbline_core::role::Role;

const GOOD_FOR: TimeDelta = TimeDelta::days(7);

/// An invitation that waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invitation {
    pub email: String,
    pub role: Role,
    pub expires_at: DateTime<Utc>,
}

type Row = (String, String, DateTime<Utc>);

fn read((email, role, expires_at): Row) -> Result<Invitation, StoreError> {
    Ok(Invitation { email, role: Role::parse(&role).ok_or(StoreError::NotFound)?, expires_at })
}

/// Those that wait, soonest to expire first; expired ones too, so that they can be renewed.
///
/// # Errors
/// When the database does not answer.
pub async fn list(tx: &mut TenantTx) -> Result<Vec<Invitation>, StoreError> {
    let rows: Vec<Row> = sqlx::query_as(
        "select email, role, expires_at from invitations where tenant_id = $1 order by expires_at, email",
    )
    .bind(tx.tenant().0)
    .fetch_all(tx.conn())
    .await?;
    rows.into_iter().map(read).collect()
}

/// Invites an address, in place of an earlier invitation of it, whose link then no longer opens.
///
/// # Errors
/// [`StoreError::Conflict`] when somebody with that address is a member already.
pub async fn create(
    tx: &mut TenantTx,
    email: &str,
    role: Role,
    by: PersonId,
    mint: &Mint,
) -> Result<Token, StoreError> {
    let (member,): (bool,) = sqlx::query_as(
        "select exists (select from members m join people p on p.person_id = m.person_id
                        where m.tenant_id = $1 and lower(p.email) = lower($2))",
    )
    .bind(tx.tenant().0)
    .bind(email)
    .fetch_one(tx.conn())
    .await?;
    if member {
        return Err(StoreError::Conflict(format!("{email} is a member already.")));
    }
    let token = Token::mint(mint);
    sqlx::query(
        "insert into invitations (tenant_id, email, role, token_hash, invited_by, created_at, expires_at)
         values ($1, lower($2), $3, $4, $5, $6, $7)
         on conflict (tenant_id, email) do update set role = excluded.role, token_hash = excluded.token_hash,
             invited_by = excluded.invited_by, created_at = excluded.created_at, expires_at = excluded.expires_at",
    )
    .bind(tx.tenant().0)
    .bind(email)
    .bind(role.as_str())
    .bind(token.hash().as_slice())
    .bind(by.0)
    .bind(mint.now())
    .bind(mint.now() + GOOD_FOR)
    .execute(tx.conn())
    .await?;
    Ok(token)
}

/// Withdraws an invitation.
///
/// # Errors
/// [`StoreError::NotFound`] when there is none for that address.
pub async fn withdraw(tx: &mut TenantTx, email: &str) -> Result<(), StoreError> {
    let done = sqlx::query("delete from invitations where tenant_id = $1 and email = lower($2)")
        .bind(tx.tenant().0)
        .bind(email)
        .execute(tx.conn())
        .await?;
    if done.rows_affected() == 1 { Ok(()) } else { Err(StoreError::NotFound) }
}

/// Finds what a link invites to.
///
/// # Errors
/// [`StoreError::NotFound`] when the link was used, withdrawn, is too old or never was.
pub async fn open(
    tx: &mut IdentityTx,
    tenant: TenantId,
    token: &Token,
    now: DateTime<Utc>,
) -> Result<Invitation, StoreError> {
    let row: Option<Row> = sqlx::query_as(
        "select email, role, expires_at from invitations where tenant_id = $1 and token_hash = $2 and expires_at > $3",
    )
    .bind(tenant.0)
    .bind(token.hash().as_slice())
    .bind(now)
    .fetch_optional(tx.conn())
    .await?;
    read(row.ok_or(StoreError::NotFound)?)
}

/// Uses a link up and says what it invited to; of two at once, one finds nothing.
///
/// # Errors
/// As [`open`].
pub async fn consume(
    tx: &mut IdentityTx,
    tenant: TenantId,
    token: &Token,
    now: DateTime<Utc>,
) -> Result<Invitation, StoreError> {
    let row: Option<Row> = sqlx::query_as(
        "delete from invitations where tenant_id = $1 and token_hash = $2 and expires_at > $3
         returning email, role, expires_at",
    )
    .bind(tenant.0)
    .bind(token.hash().as_slice())
    .bind(now)
    .fetch_optional(tx.conn())
    .await?;
    read(row.ok_or(StoreError::NotFound)?)
}

/// Uses up the invitation of an address that the tenant's own provider vouches for.
///
/// # Errors
/// When the database does not answer.
pub async fn consume_for_email(
    tx: &mut IdentityTx,
    tenant: TenantId,
    email: &str,
    now: DateTime<Utc>,
) -> Result<Option<Invitation>, StoreError> {
    let row: Option<Row> = sqlx::query_as(
        "delete from invitations where tenant_id = $1 and email = lower($2) and expires_at > $3
         returning email, role, expires_at",
    )
    .bind(tenant.0)
    .bind(email)
    .bind(now)
    .fetch_optional(tx.conn())
    .await?;
    row.map(read).transpose()
}
