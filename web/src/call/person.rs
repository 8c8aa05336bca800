//! A signed-in person, outside any tenant.

use super::{Access, Caller, Key, Visit};
use crate::error::WebError;
use crate::frame::{Frame, Nav};
use crate::session::{self, SignedInAs};
use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use futures::future::LocalBoxFuture;
use plumbline_store::IdentityTx;
use plumbline_store::identity::{Membership, Person, person};
use std::ops::Deref;

/// A person who signed in, whether a member of a tenant or not.
pub struct SignedIn {
    pub person: Person,
    /// The tenants that this session may enter.
    pub memberships: Vec<Membership>,
    pub session_of: SignedInAs,
    pub(super) visit: Visit,
}

impl Caller for SignedIn {
    const ACCESS: Access = Access::SignedIn;
}

impl Deref for SignedIn {
    type Target = Visit;
    fn deref(&self) -> &Visit {
        &self.visit
    }
}

impl SignedIn {
    pub(super) async fn of(req: HttpRequest) -> Result<Self, WebError> {
        let visit = Visit::of(req).await?;
        let Some(session_of) = visit.signed_in() else { return Err(anonymous(&visit)) };
        let mut tx = visit.state.database(Key(())).identity().await?;
        let Some(mut caller) = person::caller(&mut tx, session_of.person).await? else {
            return Err(anonymous(&visit));
        };
        // Whoever came in through a tenant's provider came in to that tenant and no other.
        if let Some(only) = session_of.only {
            caller.memberships.retain(|membership| membership.tenant == only);
        }
        Ok(Self { person: caller.person, memberships: caller.memberships, session_of, visit })
    }

    /// Opens a transaction that sees people and memberships.
    ///
    /// # Errors
    /// When no connection can be had.
    pub async fn open(&self) -> Result<IdentityTx, WebError> {
        Ok(self.state.database(Key(())).identity().await?)
    }

    /// The tenant that the session is in, while the person is still a member there.
    #[must_use]
    pub fn current(&self) -> Option<&Membership> {
        self.memberships.iter().find(|membership| Some(membership.tenant) == self.session_of.tenant)
    }

    /// What surrounds a page; without a current tenant it has no navigation.
    #[must_use]
    pub fn frame(&self, nav: Nav) -> Frame {
        Frame {
            theme: self.theme,
            csrf: self.csrf(),
            flash: session::take_flash(&self.session),
            nav,
            here: self.here.clone(),
            person_name: self.person.name.clone(),
            person_email: self.person.email.clone(),
            current: self.current().cloned(),
            tenants: self.memberships.clone(),
            unread: 0,
        }
    }
}

fn anonymous(visit: &Visit) -> WebError {
    WebError::SignIn { then: if visit.safe { visit.here.clone() } else { "/".to_owned() } }
}

impl FromRequest for SignedIn {
    type Error = WebError;
    type Future = LocalBoxFuture<'static, Result<Self, WebError>>;

    fn from_request(req: &HttpRequest, _: &mut Payload) -> Self::Future {
        Box::pin(Self::of(req.clone()))
    }
}
