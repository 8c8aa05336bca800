//! Two defences against forms of other sites: where the request comes from, and a token that only our pages know.
//!
//! The token belongs to the session, or before sign-in to a cookie of the visit. It is masked anew each time it is shown,
//! so that compressing a page that also shows what a person typed tells nothing of it.

use crate::error::WebError;
use crate::session;
use crate::state::AppState;
use actix_session::SessionExt;
use actix_web::body::{BoxBody, MessageBody};
use actix_web::cookie::{Cookie, SameSite};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header;
use actix_web::middleware::Next;
use actix_web::{Error, HttpRequest, HttpResponse, web};
use plumbline_core::id::Mint;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

const LENGTH: usize = 32;

/// What a form's token is made of.
#[derive(Clone)]
pub(crate) struct Secret([u8; LENGTH]);

impl Secret {
    pub(crate) fn mint(mint: &Mint) -> Self {
        let mut bytes = [0u8; LENGTH];
        mint.fill(&mut bytes);
        Self(bytes)
    }

    pub(crate) fn to_hex(&self) -> String {
        hex::encode(self.0)
    }

    pub(crate) fn from_hex(text: &str) -> Option<Self> {
        let mut bytes = [0u8; LENGTH];
        hex::decode_to_slice(text, &mut bytes).ok()?;
        Some(Self(bytes))
    }

    /// The token: a random mask, and the secret under it.
    pub(crate) fn masked(&self, mint: &Mint) -> String {
        let mut mask = [0u8; LENGTH];
        mint.fill(&mut mask);
        let hidden: Vec<u8> = self.0.iter().zip(mask).map(|(secret, mask)| secret ^ mask).collect();
        hex::encode(mask) + &hex::encode(hidden)
    }

    /// Whether a token that came back is of this secret.
    pub(crate) fn admits(&self, token: &str) -> bool {
        let mut bytes = [0u8; 2 * LENGTH];
        if hex::decode_to_slice(token, &mut bytes).is_err() {
            return false;
        }
        let (mask, hidden) = bytes.split_at(LENGTH);
        let shown: Vec<u8> = mask.iter().zip(hidden).map(|(mask, hidden)| mask ^ hidden).collect();
        shown.ct_eq(&self.0).into()
    }
}

/// The secret of this request's forms: the session's, else that of the visit, whose cookie is made when there is none.
pub(crate) fn secret_of(req: &HttpRequest, state: &AppState) -> Result<(Secret, Option<Cookie<'static>>), WebError> {
    if let Some(signed_in) = session::signed_in(&req.get_session()) {
        return Ok((signed_in.csrf, None));
    }
    let name = state.config.cookie_name("visit");
    if let Some(secret) = req.cookie(&name).and_then(|cookie| Secret::from_hex(cookie.value())) {
        return Ok((secret.derived(), None));
    }
    let visit = Secret::mint(&state.mint);
    let cookie = Cookie::build(name, visit.to_hex())
        .path("/")
        .http_only(true)
        .secure(state.config.secure_cookies())
        .same_site(SameSite::Lax)
        .finish();
    Ok((visit.derived(), Some(cookie)))
}

impl Secret {
    /// The cookie itself never stands in a page.
    fn derived(&self) -> Self {
        Self(Sha256::new().chain_update(b"plumbline form").chain_update(self.0).finalize().into())
    }
}

/// Refuses whatever changes something and does not come from a page of our origin.
pub(crate) async fn guard_origin(
    req: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    if req.method().is_safe() || is_of_agent(&req) || is_from_us(&req) {
        return Ok(next.call(req).await?.map_into_boxed_body());
    }
    Ok(req.into_response(HttpResponse::from_error(WebError::Forged)))
}

/// An agent is no browser: it shows a credential that no page of another site has, and no cookie of ours counts there.
fn is_of_agent(req: &ServiceRequest) -> bool {
    req.path().starts_with("/agent/")
}

fn is_from_us(req: &ServiceRequest) -> bool {
    let text = |name: &str| req.headers().get(name).and_then(|value| value.to_str().ok());
    if matches!(text("sec-fetch-site"), Some("same-origin" | "none")) {
        return true;
    }
    let ours = req.app_data::<web::Data<AppState>>().map(|state| state.config.origin());
    ours.is_some() && text(header::ORIGIN.as_str()) == ours.as_deref()
}

#[cfg(test)]
mod tests {
    use super::*;
    use plumbline_core::clock::FrozenClock;
    use rand::SeedableRng;
    use rand::rngs::StdRng;
    use std::sync::Arc;

    #[test]
    fn a_token_differs_each_time_and_is_admitted_by_its_secret_alone() {
        let clock = Arc::new(FrozenClock::at(chrono::DateTime::UNIX_EPOCH));
        let mint = Mint::new(clock, StdRng::seed_from_u64(1));
        let (secret, other) = (Secret::mint(&mint), Secret::mint(&mint));

        let (one, two) = (secret.masked(&mint), secret.masked(&mint));

        assert_ne!(one, two);
        assert!(secret.admits(&one) && secret.admits(&two));
        assert!(!other.admits(&one) && !secret.admits("") && !secret.admits(&one[2..]));
    }
}
