//! A tenant: its name, its members, who is invited, how it signs in, and what was done in it.

pub mod audit;
pub mod invitation;
pub mod member;
pub mod provider;

use crate::door::IdentityTx;
use crate::error::StoreError;
use plumbline_core::id::{Mint, TenantId};
use uuid::Uuid;

/// A customer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tenant {
    pub id: TenantId,
    pub name: String,
    /// Its word in links: lower-case letters, digits and hyphens.
    pub slug: String,
}

/// Creates a tenant. Its slug is made from its name, with a number when that is taken.
///
/// # Errors
/// When the database does not answer.
pub async fn create(tx: &mut IdentityTx, name: &str, mint: &Mint) -> Result<Tenant, StoreError> {
    let id = TenantId::mint(mint);
    let (slug,): (String,) = sqlx::query_as(
        "with free as (
             select $3 || case when n = 1 then '' else '-' || n end as slug, n
             from generate_series(1, 1000) n
         )
         insert into tenants (tenant_id, name, slug, created_at)
         select $1, $2, free.slug, $4 from free
         where not exists (select from tenants t where t.slug = free.slug)
         order by n limit 1
         returning slug",
    )
    .bind(id.0)
    .bind(name)
    .bind(slug(name))
    .bind(mint.now())
    .fetch_one(tx.conn())
    .await?;
    Ok(Tenant { id, name: name.to_owned(), slug })
}

/// Every tenant there is; for what the operator does to all of them.
///
/// # Errors
/// When the database does not answer.
pub async fn all(tx: &mut IdentityTx) -> Result<Vec<TenantId>, StoreError> {
    let ids: Vec<Uuid> =
        sqlx::query_scalar("select tenant_id from tenants order by tenant_id").fetch_all(tx.conn()).await?;
    Ok(ids.into_iter().map(TenantId).collect())
}

/// Finds a tenant by its word in links.
///
/// # Errors
/// [`StoreError::NotFound`] when there is none.
pub async fn by_slug(tx: &mut IdentityTx, slug: &str) -> Result<Tenant, StoreError> {
    let row: Option<(Uuid, String, String)> =
        sqlx::query_as("select tenant_id, name, slug from tenants where slug = $1")
            .bind(slug)
            .fetch_optional(tx.conn())
            .await?;
    let (id, name, slug) = row.ok_or(StoreError::NotFound)?;
    Ok(Tenant { id: TenantId(id), name, slug })
}

fn slug(name: &str) -> String {
    let mut slug = String::new();
    for c in name.chars() {
        if c.is_ascii_alphanumeric() {
            slug.push(c.to_ascii_lowercase());
        } else if !slug.is_empty() && !slug.ends_with('-') {
            slug.push('-');
        }
    }
    let kept: String = slug.chars().take(40).collect();
    let kept = kept.trim_matches('-');
    if kept.is_empty() { "tenant".to_owned() } else { kept.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::slug;

    #[test]
    fn a_slug_is_the_name_in_lower_case_with_hyphens() {
        assert_eq!(slug("  Harbor Lane, Ltd. "), "harbor-lane-ltd");
        assert_eq!(slug("Überall"), "berall");
        assert_eq!(slug("…"), "tenant");
    }
}
