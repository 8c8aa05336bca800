//! A tenant's OpenID Connect provider as sign-in sees it, and the people it vouches for.

use crate::door::IdentityTx;
use crate::error::StoreError;
use crate::seal::Sealed;
use chrono::{DateTime, Utc};
use plumbline_core::id::{PersonId, TenantId};
use uuid::Uuid;

/// What a sign-in through a provider needs.
#[derive(Debug, Clone)]
pub struct Provider {
    pub issuer: String,
    pub client_id: String,
    pub secret: Sealed,
}

/// The name that a tenant's client secret is sealed for.
#[must_use]
pub fn secret_owner(tenant: TenantId) -> String {
    format!("tenant/{tenant}/oidc")
}

/// The provider of one tenant, if it has one.
///
/// # Errors
/// When the database does not answer.
pub async fn provider(tx: &mut IdentityTx, tenant: TenantId) -> Result<Option<Provider>, StoreError> {
    let row: Option<(String, String, Vec<u8>, String)> = sqlx::query_as(
        "select issuer, client_id, sealed_secret, secret_key_id from sign_in_providers where tenant_id = $1",
    )
    .bind(tenant.0)
    .fetch_optional(tx.conn())
    .await?;
    Ok(row.map(|(issuer, client_id, bytes, key_id)| Provider { issuer, client_id, secret: Sealed { key_id, bytes } }))
}

/// The member that the tenant's provider knows under this subject.
///
/// # Errors
/// When the database does not answer.
pub async fn linked(
    tx: &mut IdentityTx,
    tenant: TenantId,
    issuer: &str,
    subject: &str,
) -> Result<Option<PersonId>, StoreError> {
    let row: Option<(Uuid,)> = sqlx::query_as(
        "select person_id from federated_identities where tenant_id = $1 and issuer = $2 and subject = $3",
    )
    .bind(tenant.0)
    .bind(issuer)
    .bind(subject)
    .fetch_optional(tx.conn())
    .await?;
    Ok(row.map(|(person,)| PersonId(person)))
}

/// The member of this tenant with this address, whichever way they came in; those of the provider before others.
///
/// # Errors
/// When the database does not answer.
pub async fn member_by_email(
    tx: &mut IdentityTx,
    tenant: TenantId,
    email: &str,
) -> Result<Option<PersonId>, StoreError> {
    let row: Option<(Uuid,)> = sqlx::query_as(
        "select m.person_id from members m join people p on p.person_id = m.person_id
         where m.tenant_id = $1 and lower(p.email) = lower($2)
         order by p.only_in nulls last limit 1",
    )
    .bind(tenant.0)
    .bind(email)
    .fetch_optional(tx.conn())
    .await?;
    Ok(row.map(|(person,)| PersonId(person)))
}

/// Remembers that a subject of the tenant's provider is this member. A subject linked before stays as it is.
///
/// # Errors
/// When the person is not a member of the tenant, or the database does not answer.
pub async fn link(
    tx: &mut IdentityTx,
    tenant: TenantId,
    issuer: &str,
    subject: &str,
    person: PersonId,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query(
        "insert into federated_identities (tenant_id, issuer, subject, person_id, linked_at) values ($1, $2, $3, $4, $5)",
    )
    .bind(tenant.0)
    .bind(issuer)
    .bind(subject)
    .bind(person.0)
    .bind(now)
    .execute(tx.conn())
    .await?;
    Ok(())
}
