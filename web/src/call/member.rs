//! A member of a tenant who may do what the handler does.

use super::{Access, Caller, Key, May, SignedIn, Visit};
use crate::chance::Chance;
use crate::error::WebError;
use crate::frame::{Flash, Frame, Nav};
use crate::state::{AppState, Config};
use actix_htmx::Htmx;
use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest, HttpResponse};
use askama::Template;
use chrono::{DateTime, Utc};
use futures::future::LocalBoxFuture;
use plumbline_core::collect::Collector;
use plumbline_core::id::{Mint, PersonId};
use plumbline_core::role::{Permission, Role};
use plumbline_policy::Catalogue;
use plumbline_store::seal::{Keyring, Sealed};
use plumbline_store::tenant::{Tenant, audit};
use plumbline_store::{TenantTx, inbox};
use secrecy::SecretString;
use serde_json::Value;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

/// A statement of a page that takes longer is stopped, so that one page does not take the database from all others.
const PATIENCE: Duration = Duration::from_secs(10);

/// The member who calls.
#[derive(Debug, Clone)]
pub struct Actor {
    pub id: PersonId,
    pub name: String,
    pub email: String,
    pub role: Role,
}

/// A call by a member whose role carries `P`, in a transaction that sees their tenant and nothing else.
///
/// What a handler changed is kept by [`Call::commit`] or [`Call::done`]; a call that is dropped changes nothing.
pub struct Call<P> {
    pub tx: TenantTx,
    pub tenant: Tenant,
    pub actor: Actor,
    pub now: DateTime<Utc>,
    pub htmx: Htmx,
    signed_in: SignedIn,
    unread: i64,
    permission: PhantomData<P>,
}

impl<P: May> Caller for Call<P> {
    const ACCESS: Access = Access::Member(P::PERMISSION);
}

impl<P> Call<P> {
    fn state(&self) -> &AppState {
        &self.visit().state
    }

    /// The request itself.
    #[must_use]
    pub fn visit(&self) -> &Visit {
        &self.signed_in.visit
    }

    /// Whether the caller's role carries another permission, to show or hide what needs it.
    #[must_use]
    pub fn may(&self, permission: Permission) -> bool {
        self.actor.role.may(permission)
    }

    /// Whether only the part that htmx swaps is asked for, rather than the whole page.
    #[must_use]
    pub fn wants_fragment(&self) -> bool {
        self.htmx.is_htmx && !self.htmx.boosted && !self.htmx.history_restore_request
    }

    /// What surrounds a full page: navigation, tenant, who is signed in, and what the last page had to say.
    #[must_use]
    pub fn frame(&self, nav: Nav) -> Frame {
        Frame { unread: self.unread, ..self.signed_in.frame(nav) }
    }

    /// The token for a form within a fragment; a full page has it in its frame.
    #[must_use]
    pub fn csrf(&self) -> String {
        self.visit().csrf()
    }

    #[must_use]
    pub fn mint(&self) -> &Mint {
        &self.state().mint
    }

    #[must_use]
    pub fn keyring(&self) -> &Keyring {
        &self.state().keyring
    }

    #[must_use]
    pub fn config(&self) -> &Config {
        &self.state().config
    }

    #[must_use]
    pub fn catalogue(&self) -> &'static Catalogue {
        self.state().catalogue
    }

    #[must_use]
    pub fn collectors(&self) -> &[Arc<dyn Collector>] {
        &self.state().collectors
    }

    /// The collector for a provider.
    ///
    /// # Errors
    /// [`WebError::NotFound`] when there is none.
    pub fn collector(&self, provider: &str) -> Result<&Arc<dyn Collector>, WebError> {
        self.state().collector(provider).ok_or(WebError::NotFound)
    }

    /// Writes into the audit log, in the transaction of what it tells of.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn record(&mut self, action: &str, object: &str, detail: Value) -> Result<(), WebError> {
        let entry = audit::Entry { person: Some(self.actor.id), actor: &self.actor.name, action, object, detail };
        let mint = self.signed_in.visit.state.mint.clone();
        Ok(audit::append(&mut self.tx, &entry, &mint).await?)
    }

    /// Answers with a page or a fragment.
    ///
    /// # Errors
    /// When the template does not render.
    pub fn page(&self, template: &impl Template) -> Result<HttpResponse, WebError> {
        self.visit().page(template)
    }

    /// Seals a secret for its owner, such as `tenant/…/oidc`.
    ///
    /// # Errors
    /// When the cipher refuses.
    pub fn seal(&self, owner: &str, secret: &SecretString) -> Result<Sealed, WebError> {
        Ok(self.keyring().seal(owner, secret, &mut Chance(self.mint()))?)
    }

    /// Keeps what was changed, and answers with a page.
    ///
    /// # Errors
    /// When the database did not confirm it, or the template does not render.
    pub async fn commit_and_show(self, template: &impl Template) -> Result<HttpResponse, WebError> {
        self.tx.commit().await?;
        self.signed_in.page(template)
    }

    /// Keeps what was changed.
    ///
    /// # Errors
    /// When the database did not confirm it.
    pub async fn commit(self) -> Result<(), WebError> {
        Ok(self.tx.commit().await?)
    }

    /// Keeps what was changed, and sends the caller to a page that says so.
    ///
    /// # Errors
    /// When the database did not confirm it.
    pub async fn done(self, path: &str, said: Flash) -> Result<HttpResponse, WebError> {
        self.tx.commit().await?;
        self.signed_in.flash(&said);
        Ok(self.signed_in.go(path))
    }

    /// Changes nothing, and sends the caller to a page that says why.
    #[must_use]
    pub fn refuse(self, path: &str, said: Flash) -> HttpResponse {
        self.signed_in.flash(&said);
        self.signed_in.go(path)
    }
}

impl<P: May> Call<P> {
    async fn of(req: HttpRequest) -> Result<Self, WebError> {
        let signed_in = SignedIn::of(req).await?;
        let Some(here) = signed_in.current().cloned() else { return Err(WebError::NoTenant) };
        if !here.role.may(P::PERMISSION) {
            return Err(WebError::Forbidden);
        }
        let database = signed_in.state.database(Key(()));
        // What changes something may take as long as it takes; who reads a page has gone by then.
        let mut tx = match signed_in.safe {
            true => database.tenant_within(here.tenant, PATIENCE).await?,
            false => database.tenant(here.tenant).await?,
        };
        let person = &signed_in.person;
        // A part of a page has no header that would show it.
        let unread = if signed_in.htmx.is_htmx { 0 } else { inbox::unread(&mut tx, person.id).await? };
        let actor = Actor { id: person.id, name: person.name.clone(), email: person.email.clone(), role: here.role };
        Ok(Self {
            tx,
            tenant: Tenant { id: here.tenant, name: here.name, slug: here.slug },
            actor,
            now: signed_in.now,
            htmx: signed_in.htmx.clone(),
            signed_in,
            unread,
            permission: PhantomData,
        })
    }
}

impl<P: May + 'static> FromRequest for Call<P> {
    type Error = WebError;
    type Future = LocalBoxFuture<'static, Result<Self, WebError>>;

    fn from_request(req: &HttpRequest, _: &mut Payload) -> Self::Future {
        Box::pin(Self::of(req.clone()))
    }
}
