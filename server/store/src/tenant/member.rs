//! Members of a tenant and their roles.

use crate::door::{IdentityTx, TenantTx};
use crate::error::StoreError;
use chrono::{DateTime, Utc};
use plumbline_core::id::{PersonId, TenantId};
use plumbline_core::role::Role;
use uuid::Uuid;

/// A person in this tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    pub person: PersonId,
    pub name: String,
    pub email: String,
    pub role: Role,
    /// Whether they come in only through the tenant's provider.
    pub federated: bool,
    pub joined_at: DateTime<Utc>,
}

#[derive(sqlx::FromRow)]
struct Row {
    person_id: Uuid,
    name: String,
    email: String,
    role: String,
    federated: bool,
    joined_at: DateTime<Utc>,
}

impl Row {
    fn into_member(self) -> Result<Member, StoreError> {
        let role = Role::parse(&self.role).ok_or(StoreError::NotFound)?;
        Ok(Member {
            person: PersonId(self.person_id),
            name: self.name,
            email: self.email,
            role,
            federated: self.federated,
            joined_at: self.joined_at,
        })
    }
}

/// All members, owners first, then by name.
///
/// # Errors
/// When the database does not answer.
pub async fn list(tx: &mut TenantTx) -> Result<Vec<Member>, StoreError> {
    let rows: Vec<Row> = sqlx::query_as(
        "select m.person_id, p.name, p.email, m.role, p.only_in is not null as federated, m.joined_at
         from members m join people p on p.person_id = m.person_id
         where m.tenant_id = $1
         order by array_position(array['owner', 'ciso', 'analyst', 'auditor'], m.role), lower(p.name), m.person_id",
    )
    .bind(tx.tenant().0)
    .fetch_all(tx.conn())
    .await?;
    rows.into_iter().map(Row::into_member).collect()
}

/// One member.
///
/// # Errors
/// [`StoreError::NotFound`] when the person is not a member here.
pub async fn get(tx: &mut TenantTx, person: PersonId) -> Result<Member, StoreError> {
    let row: Option<Row> = sqlx::query_as(
        "select m.person_id, p.name, p.email, m.role, p.only_in is not null as federated, m.joined_at
         from members m join people p on p.person_id = m.person_id
         where m.tenant_id = $1 and m.person_id = $2",
    )
    .bind(tx.tenant().0)
    .bind(person.0)
    .fetch_optional(tx.conn())
    .await?;
    row.ok_or(StoreError::NotFound)?.into_member()
}

/// Makes a person a member. One who already is keeps the role that they have.
///
/// # Errors
/// When the database does not answer.
pub async fn join(
    tx: &mut IdentityTx,
    tenant: TenantId,
    person: PersonId,
    role: Role,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query(
        "insert into members (tenant_id, person_id, role, joined_at) values ($1, $2, $3, $4)
         on conflict (tenant_id, person_id) do nothing",
    )
    .bind(tenant.0)
    .bind(person.0)
    .bind(role.as_str())
    .bind(now)
    .execute(tx.conn())
    .await?;
    sqlx::query("update people set joined = array_append(joined, $1) where person_id = $2 and not ($1 = any(joined))")
        .bind(tenant.0)
        .bind(person.0)
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Gives a member another role.
///
/// # Errors
/// [`StoreError::NotFound`] when the person is not a member here; [`StoreError::Conflict`] for the last owner.
pub async fn change_role(tx: &mut TenantTx, person: PersonId, role: Role) -> Result<(), StoreError> {
    if role != Role::Owner {
        spare_the_last_owner(tx, person).await?;
    }
    let done = sqlx::query("update members set role = $3 where tenant_id = $1 and person_id = $2")
        .bind(tx.tenant().0)
        .bind(person.0)
        .bind(role.as_str())
        .execute(tx.conn())
        .await?;
    if done.rows_affected() == 1 { Ok(()) } else { Err(StoreError::NotFound) }
}

/// Ends a membership, and with it what the tenant's provider knew of the person. What was theirs to fix is nobody's.
///
/// # Errors
/// [`StoreError::NotFound`] when the person is not a member here; [`StoreError::Conflict`] for the last owner; [`StoreError::Busy`] while a run is settled.
pub async fn remove(tx: &mut TenantTx, person: PersonId) -> Result<(), StoreError> {
    spare_the_last_owner(tx, person).await?;
    crate::reconcile::try_lock(tx).await?;
    crate::triage::disown(tx, crate::triage::Leaving::Person(person)).await?;
    let done = sqlx::query("delete from members where tenant_id = $1 and person_id = $2")
        .bind(tx.tenant().0)
        .bind(person.0)
        .execute(tx.conn())
        .await?;
    if done.rows_affected() == 1 { Ok(()) } else { Err(StoreError::NotFound) }
}

/// Locks the owners, so that two of them cannot demote each other at once.
async fn spare_the_last_owner(tx: &mut TenantTx, person: PersonId) -> Result<(), StoreError> {
    let owners: Vec<(Uuid,)> = sqlx::query_as(
        "select person_id from members where tenant_id = $1 and role = 'owner' order by person_id for update",
    )
    .bind(tx.tenant().0)
    .fetch_all(tx.conn())
    .await?;
    if owners == [(person.0,)] {
        return Err(StoreError::Conflict(
            "A tenant keeps at least one owner. Make somebody else an owner first.".into(),
        ));
    }
    Ok(())
}
