//! Who somebody is that a tenant's provider vouches for.

use super::flow::Vouched;
use super::refused;
use crate::call::Visitor;
use crate::error::WebError;
use plumbline_core::id::{PersonId, TenantId};
use plumbline_store::IdentityTx;
use plumbline_store::identity::person::{self, NewPerson};
use plumbline_store::identity::provider;
use plumbline_store::tenant::{audit, invitation, member};
use serde_json::json;

/// Finds the member, by link, by address, or by an invitation that waits; anybody else stays outside.
pub(super) async fn come_in(visitor: &Visitor, tenant: TenantId, vouched: &Vouched) -> Result<PersonId, WebError> {
    let mut tx = visitor.open().await?;
    let linked = provider::linked(&mut tx, tenant, &vouched.issuer, &vouched.subject).await?;
    let person = match linked {
        Some(person) => person,
        None => {
            let person = first_time(&mut tx, visitor, tenant, vouched).await?;
            provider::link(&mut tx, tenant, &vouched.issuer, &vouched.subject, person, visitor.now).await?;
            person
        }
    };
    record(&mut tx, visitor, tenant, person, "person.signed_in").await?;
    tx.commit().await?;
    Ok(person)
}

/// A member of this tenant with the address is linked: the tenant decides who is its member, and the session stays in it.
/// An invited address becomes a person of this tenant alone.
async fn first_time(
    tx: &mut IdentityTx,
    visitor: &Visitor,
    tenant: TenantId,
    vouched: &Vouched,
) -> Result<PersonId, WebError> {
    if let Some(person) = provider::member_by_email(tx, tenant, &vouched.email).await? {
        return Ok(person);
    }
    let invited = invitation::consume_for_email(tx, tenant, &vouched.email, visitor.now).await?;
    let invited = invited.ok_or_else(|| refused("nobody has invited you to this tenant"))?;
    let name: String = vouched.name.chars().filter(|c| !c.is_control()).take(120).collect();
    let person = match person::known_only_in(tx, tenant, &vouched.email).await? {
        Some(returning) => returning,
        None => {
            let name = if name.trim().is_empty() { &vouched.email } else { &name };
            let new = NewPerson { name, email: &vouched.email, password_hash: None, only_in: Some(tenant) };
            person::create(tx, &new, &visitor.state.mint).await?
        }
    };
    member::join(tx, tenant, person, invited.role, visitor.now).await?;
    record(tx, visitor, tenant, person, "invitation.accepted").await?;
    Ok(person)
}

async fn record(
    tx: &mut IdentityTx,
    visitor: &Visitor,
    tenant: TenantId,
    person: PersonId,
    action: &str,
) -> Result<(), WebError> {
    let caller = person::caller(tx, person).await?.ok_or(WebError::NotFound)?;
    let entry = audit::Entry {
        person: Some(person),
        actor: &caller.person.name,
        action,
        object: &caller.person.email,
        detail: json!({ "with": "provider" }),
    };
    Ok(audit::append_before_tenant(tx, tenant, &entry, &visitor.state.mint).await?)
}
