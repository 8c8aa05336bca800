//! One request, as every kind of caller shares it.

use crate::csrf::{self, Secret};
use crate::error::WebError;
use crate::frame::{Flash, Theme};
use crate::session::{self, SignedInAs};
use crate::state::AppState;
use actix_htmx::Htmx;
use actix_session::{Session, SessionExt};
use actix_web::cookie::Cookie;
use actix_web::http::header;
use actix_web::{FromRequest, HttpRequest, HttpResponse, HttpResponseBuilder, web};
use askama::Template;
use chrono::{DateTime, Utc};
use std::net::IpAddr;

/// The request around a handler: where it came from, its session, and how it is answered.
pub struct Visit {
    pub(crate) state: web::Data<AppState>,
    pub(crate) session: Session,
    pub htmx: Htmx,
    pub now: DateTime<Utc>,
    pub theme: Theme,
    /// Where the call comes from, for rate limits.
    pub address: IpAddr,
    pub agent: String,
    /// The path with its query, to come back to.
    pub here: String,
    /// Whether asking for this path again does nothing.
    pub safe: bool,
    secret: Secret,
    new_cookie: Option<Cookie<'static>>,
}

impl Visit {
    pub(crate) async fn of(req: HttpRequest) -> Result<Self, WebError> {
        let state = req.app_data::<web::Data<AppState>>().cloned().ok_or(WebError::Internal("no state".into()))?;
        let htmx = Htmx::extract(&req).await.map_err(|error| WebError::Internal(error.to_string()))?;
        let session = req.get_session();
        let (secret, new_cookie) = csrf::secret_of(&req, &state)?;
        Ok(Self {
            htmx,
            session,
            now: state.clock.now(),
            theme: Theme::of(&req),
            address: address_of(&req, state.config.behind_proxy),
            agent: agent_of(&req),
            here: req.uri().path_and_query().map_or_else(|| "/".to_owned(), ToString::to_string),
            safe: req.method().is_safe(),
            secret,
            new_cookie,
            state,
        })
    }

    /// Who is signed in here, if anybody.
    pub(crate) fn signed_in(&self) -> Option<SignedInAs> {
        session::signed_in(&self.session)
    }

    /// The token to put into forms, different each time it is shown.
    #[must_use]
    pub fn csrf(&self) -> String {
        self.secret.masked(&self.state.mint)
    }

    /// Says something on the next page.
    pub fn flash(&self, flash: &Flash) {
        session::set_flash(&self.session, flash);
    }

    /// Answers with a page or a fragment.
    ///
    /// # Errors
    /// When the template does not render.
    pub fn page(&self, template: &impl Template) -> Result<HttpResponse, WebError> {
        self.page_with(HttpResponse::Ok(), template)
    }

    /// Answers with a page of another status.
    ///
    /// # Errors
    /// When the template does not render.
    pub fn page_with(
        &self,
        mut answer: HttpResponseBuilder,
        template: &impl Template,
    ) -> Result<HttpResponse, WebError> {
        let body = template.render()?;
        if let Some(cookie) = &self.new_cookie {
            answer.cookie(cookie.clone());
        }
        Ok(answer
            .content_type("text/html; charset=utf-8")
            .insert_header((header::VARY, "HX-Request, Cookie"))
            .body(body))
    }

    /// Sends the caller to another page.
    #[must_use]
    pub fn go(&self, path: &str) -> HttpResponse {
        if self.htmx.is_htmx {
            return HttpResponse::Ok().insert_header(("HX-Redirect", path)).finish();
        }
        HttpResponse::SeeOther().insert_header((header::LOCATION, path)).finish()
    }
}

pub(super) fn address_of(req: &HttpRequest, behind_proxy: bool) -> IpAddr {
    let forwarded = behind_proxy
        .then(|| req.headers().get_all("x-forwarded-for").last())
        .flatten()
        .and_then(|value| value.to_str().ok())
        .and_then(|text| text.rsplit(',').next())
        .and_then(|text| text.trim().parse().ok());
    let peer = req.peer_addr().map(|peer| peer.ip());
    forwarded.or(peer).unwrap_or(IpAddr::from([127, 0, 0, 1]))
}

fn agent_of(req: &HttpRequest) -> String {
    let agent = req.headers().get(header::USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    agent.chars().take(200).collect()
}
