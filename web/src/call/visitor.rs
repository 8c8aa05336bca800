//! Anybody.

use super::{Access, Caller, Key, Visit};
use crate::error::WebError;
use crate::frame::PublicFrame;
use crate::session;
use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use futures::future::LocalBoxFuture;
use plumbline_store::IdentityTx;
use std::ops::Deref;

/// Somebody of whom nothing is known yet.
pub struct Visitor {
    visit: Visit,
}

impl Caller for Visitor {
    const ACCESS: Access = Access::Public;
}

impl Deref for Visitor {
    type Target = Visit;
    fn deref(&self) -> &Visit {
        &self.visit
    }
}

impl Visitor {
    /// Opens a transaction that sees people and memberships; late, so that slow work before it holds no connection.
    ///
    /// # Errors
    /// When no connection can be had.
    pub async fn open(&self) -> Result<IdentityTx, WebError> {
        Ok(self.state.database(Key(())).identity().await?)
    }

    /// Whether the database answers.
    ///
    /// # Errors
    /// When it does not.
    pub async fn ping(&self) -> Result<(), WebError> {
        Ok(self.state.database(Key(())).ping().await?)
    }

    /// What surrounds a page for anybody.
    #[must_use]
    pub fn frame(&self) -> PublicFrame {
        PublicFrame { theme: self.theme, csrf: self.csrf(), flash: session::take_flash(&self.session) }
    }
}

impl FromRequest for Visitor {
    type Error = WebError;
    type Future = LocalBoxFuture<'static, Result<Self, WebError>>;

    fn from_request(req: &HttpRequest, _: &mut Payload) -> Self::Future {
        let req = req.clone();
        Box::pin(async move { Ok(Self { visit: Visit::of(req).await? }) })
    }
}
