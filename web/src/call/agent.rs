//! An agent of a container host: it has a credential of its own, and neither a session nor a browser.
//!
//! The credential names its tenant and its source; the secret in it is looked up there, as that tenant, so that one that is
//! wrong and a tenant that is not there are answered alike. The body is read only after the credential was admitted.

use super::{Access, Caller, Key};
use crate::error::WebError;
use crate::state::AppState;
use actix_web::dev::Payload;
use actix_web::http::header;
use actix_web::{FromRequest, HttpRequest, web};
use chrono::{DateTime, Utc};
use futures::StreamExt;
use futures::future::LocalBoxFuture;
use plumbline_core::id::{SourceId, TenantId};
use plumbline_store::identity::Token;
use plumbline_store::{StoreError, TenantTx, agent};
use std::net::IpAddr;
use std::time::Duration;
use uuid::Uuid;

/// How long a report may take to come.
const PATIENCE: Duration = Duration::from_secs(60);

/// The text of a credential or a one-time token: tenant, source and secret.
#[must_use]
pub(crate) fn bearer(tenant: TenantId, source: SourceId, secret: &Token) -> String {
    format!("{}.{}.{}", tenant.0.simple(), source.0.simple(), secret.expose())
}

/// Somebody who shows a credential or a one-time token; it was not looked at yet, but for its form.
pub struct Newcomer {
    pub(crate) state: web::Data<AppState>,
    pub tx: TenantTx,
    pub source: SourceId,
    pub token: Token,
    pub now: DateTime<Utc>,
    address: IpAddr,
}

/// An agent whose credential was admitted.
pub struct Agent {
    pub(crate) state: web::Data<AppState>,
    pub source: SourceId,
    pub now: DateTime<Utc>,
    tenant: TenantId,
    credential: Token,
    payload: Payload,
}

impl Caller for Newcomer {
    const ACCESS: Access = Access::Agent;
}

impl Caller for Agent {
    const ACCESS: Access = Access::Agent;
}

impl Newcomer {
    async fn of(req: HttpRequest) -> Result<Self, WebError> {
        let state = req.app_data::<web::Data<AppState>>().cloned().ok_or(WebError::Internal("no state".into()))?;
        let address = super::visit::address_of(&req, state.config.behind_proxy);
        let shown = req.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let Some((tenant, source, token)) = shown.and_then(read) else {
            state.limits.address(address)?;
            return Err(WebError::Credential);
        };
        let tx = state.database(Key(())).tenant(tenant).await?;
        let now = state.clock.now();
        Ok(Self { state, tx, source, token, now, address })
    }

    /// What the store says of the credential; a wrong one counts against the address that it came from.
    ///
    /// # Errors
    /// [`WebError::Credential`] when it opens nothing, [`WebError::TooMany`] after too many of those.
    pub fn admitted<T>(&self, found: Result<T, StoreError>) -> Result<T, WebError> {
        match found {
            Err(StoreError::NotFound) => {
                self.state.limits.address(self.address)?;
                Err(WebError::Credential)
            }
            other => Ok(other?),
        }
    }
}

impl Agent {
    async fn of(req: HttpRequest, payload: Payload) -> Result<Self, WebError> {
        let mut newcomer = Newcomer::of(req).await?;
        let found = agent::admit(&mut newcomer.tx, newcomer.source, &newcomer.token).await;
        newcomer.admitted(found)?;
        let Newcomer { state, tx, source, now, token, .. } = newcomer;
        state.limits.agent(source.0.as_bytes())?;
        Ok(Self { state, source, now, tenant: tx.tenant(), credential: token, payload })
    }

    /// Opens a transaction that sees the agent's tenant; late, so that a slow body holds no connection. Returns how often
    /// the agent is to report too.
    ///
    /// # Errors
    /// [`WebError::Credential`] when it was revoked in the meantime.
    pub async fn open(&self) -> Result<(TenantTx, i32), WebError> {
        let mut tx = self.state.database(Key(())).tenant(self.tenant).await?;
        match agent::admit(&mut tx, self.source, &self.credential).await {
            Ok(seconds) => Ok((tx, seconds)),
            Err(StoreError::NotFound) => Err(WebError::Credential),
            Err(other) => Err(other.into()),
        }
    }

    /// What was sent, whole.
    ///
    /// # Errors
    /// [`WebError::TooLarge`] when it has more than `limit` bytes; it is then not read to the end. [`WebError::Invalid`] when
    /// it breaks off or takes too long.
    pub async fn body(&mut self, limit: usize) -> Result<Vec<u8>, WebError> {
        let late = |_| WebError::Invalid("The report took too long to come.".to_owned());
        tokio::time::timeout(PATIENCE, self.whole(limit)).await.map_err(late)?
    }

    async fn whole(&mut self, limit: usize) -> Result<Vec<u8>, WebError> {
        let mut body = Vec::new();
        while let Some(chunk) = self.payload.next().await {
            let chunk = chunk.map_err(|_| WebError::Invalid("The report broke off.".to_owned()))?;
            if body.len() + chunk.len() > limit {
                return Err(WebError::TooLarge);
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }
}

fn read(header: &str) -> Option<(TenantId, SourceId, Token)> {
    let mut parts = header.strip_prefix("Bearer ")?.trim().splitn(3, '.');
    let mut id = || Uuid::try_parse(parts.next()?).ok();
    let (tenant, source) = (TenantId(id()?), SourceId(id()?));
    let secret = parts.next().filter(|secret| (20..=100).contains(&secret.len()))?;
    Some((tenant, source, Token::from_link(secret)))
}

impl FromRequest for Newcomer {
    type Error = WebError;
    type Future = LocalBoxFuture<'static, Result<Self, WebError>>;

    fn from_request(req: &HttpRequest, _: &mut Payload) -> Self::Future {
        Box::pin(Self::of(req.clone()))
    }
}

impl FromRequest for Agent {
    type Error = WebError;
    type Future = LocalBoxFuture<'static, Result<Self, WebError>>;

    fn from_request(req: &HttpRequest, payload: &mut Payload) -> Self::Future {
        Box::pin(Self::of(req.clone(), payload.take()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_credential_names_its_tenant_and_its_source() {
        let (tenant, source) = (TenantId(Uuid::from_u128(7)), SourceId(Uuid::from_u128(9)));
        let secret = Token::from_link("abcdefghijklmnopqrstuvwxyz-_0123456789ABCDE");
        let text = format!("Bearer {}", bearer(tenant, source, &secret));
        let (t, s, again) = read(&text).unwrap();
        assert_eq!((t, s, again.expose()), (tenant, source, secret.expose()));
        for wrong in ["", "Bearer", "Bearer a.b.c", "Basic eA==", &text[..60], &format!("{text}{}", "x".repeat(100))] {
            assert!(read(wrong).is_none(), "{wrong}");
        }
    }
}
