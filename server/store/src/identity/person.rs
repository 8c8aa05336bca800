//! A person, and the tenants they belong to.

use crate::door::IdentityTx;
use crate::error::StoreError;
use plumbline_core::id::{Mint, PersonId, TenantId};
use plumbline_core::role::Role;
use uuid::Uuid;

/// A human being.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    pub id: PersonId,
    pub name: String,
    pub email: String,
    /// Known through one tenant's provider, and a member there alone.
    pub only_in: Option<TenantId>,
}

/// A person's place in a tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Membership {
    pub tenant: TenantId,
    pub name: String,
    pub slug: String,
    pub role: Role,
}

/// Who is calling, and where they may go; ordered by the tenant's name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    pub person: Person,
    pub memberships: Vec<Membership>,
}

/// A person about to be kept.
#[derive(Debug, Clone)]
pub struct NewPerson<'a> {
    pub name: &'a str,
    pub email: &'a str,
    /// argon2id in PHC form.
    pub password_hash: Option<&'a str>,
    pub only_in: Option<TenantId>,
}

/// What signing in with a password needs of a person.
#[derive(Debug, Clone)]
pub struct Credentials {
    pub person: PersonId,
    pub password_hash: Option<String>,
}

#[derive(sqlx::FromRow)]
struct CallerRow {
    person_name: String,
    email: String,
    only_in: Option<Uuid>,
    tenant_id: Option<Uuid>,
    tenant_name: Option<String>,
    slug: Option<String>,
    role: Option<String>,
}

/// Finds a person with all of their memberships; none when there is no such person.
///
/// # Errors
/// When the database does not answer.
pub async fn caller(tx: &mut IdentityTx, id: PersonId) -> Result<Option<Caller>, StoreError> {
    let rows: Vec<CallerRow> = sqlx::query_as(
        "select p.name as person_name, p.email, p.only_in, t.tenant_id, t.name as tenant_name, t.slug, m.role
         from people p
         left join members m on m.person_id = p.person_id and m.tenant_id = any(p.joined)
         left join tenants t on t.tenant_id = m.tenant_id
         where p.person_id = $1
         order by lower(t.name), t.tenant_id",
    )
    .bind(id.0)
    .fetch_all(tx.conn())
    .await?;
    let Some(first) = rows.first() else { return Ok(None) };
    let person = Person {
        id,
        name: first.person_name.clone(),
        email: first.email.clone(),
        only_in: first.only_in.map(TenantId),
    };
    Ok(Some(Caller { person, memberships: rows.into_iter().filter_map(CallerRow::membership).collect() }))
}

impl CallerRow {
    fn membership(self) -> Option<Membership> {
        Some(Membership {
            tenant: TenantId(self.tenant_id?),
            name: self.tenant_name?,
            slug: self.slug?,
            role: Role::parse(&self.role?)?,
        })
    }
}

/// Finds who signs in with a password under this address. People of a tenant's provider are not among them.
///
/// # Errors
/// When the database does not answer.
pub async fn credentials(tx: &mut IdentityTx, email: &str) -> Result<Option<Credentials>, StoreError> {
    let row: Option<(Uuid, Option<String>)> = sqlx::query_as(
        "select person_id, password_hash from people where lower(email) = lower($1) and only_in is null",
    )
    .bind(email)
    .fetch_optional(tx.conn())
    .await?;
    Ok(row.map(|(person, password_hash)| Credentials { person: PersonId(person), password_hash }))
}

/// The password hash of a person, for asking it again before a change.
///
/// # Errors
/// When the database does not answer.
pub async fn password_hash(tx: &mut IdentityTx, person: PersonId) -> Result<Option<String>, StoreError> {
    let row: Option<(Option<String>,)> = sqlx::query_as("select password_hash from people where person_id = $1")
        .bind(person.0)
        .fetch_optional(tx.conn())
        .await?;
    Ok(row.and_then(|(hash,)| hash))
}

/// Keeps a new person.
///
/// # Errors
/// [`StoreError::Conflict`] when the address is taken.
pub async fn create(tx: &mut IdentityTx, new: &NewPerson<'_>, mint: &Mint) -> Result<PersonId, StoreError> {
    let id = PersonId::mint(mint);
    sqlx::query(
        "insert into people (person_id, email, name, password_hash, only_in, created_at) values ($1, $2, $3, $4, $5, $6)",
    )
    .bind(id.0)
    .bind(new.email)
    .bind(new.name)
    .bind(new.password_hash)
    .bind(new.only_in.map(|tenant| tenant.0))
    .bind(mint.now())
    .execute(tx.conn())
    .await
    .map_err(|error| StoreError::on_constraint(error, "people_email", "Somebody already has this e-mail address."))?;
    Ok(id)
}

/// Replaces a person's password.
///
/// # Errors
/// [`StoreError::NotFound`] when there is no such person, or they sign in through a provider.
pub async fn set_password(tx: &mut IdentityTx, person: PersonId, hash: &str) -> Result<(), StoreError> {
    let done = sqlx::query("update people set password_hash = $2 where person_id = $1 and only_in is null")
        .bind(person.0)
        .bind(hash)
        .execute(tx.conn())
        .await?;
    if done.rows_affected() == 1 { Ok(()) } else { Err(StoreError::NotFound) }
}

/// Finds somebody whom this tenant's provider once vouched for, a member still or no longer.
///
/// # Errors
/// When the database does not answer.
pub async fn known_only_in(tx: &mut IdentityTx, tenant: TenantId, email: &str) -> Result<Option<PersonId>, StoreError> {
    let row: Option<(Uuid,)> =
        sqlx::query_as("select person_id from people where only_in = $1 and lower(email) = lower($2)")
            .bind(tenant.0)
            .bind(email)
            .fetch_optional(tx.conn())
            .await?;
    Ok(row.map(|(person,)| PersonId(person)))
}
