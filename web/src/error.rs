//! What can go wrong for the person who calls: one status a variant.

use crate::edge::Problem;
use actix_web::http::StatusCode;
use actix_web::{HttpResponse, ResponseError};
use plumbline_store::StoreError;
use std::time::Duration;

/// Seconds after which something that was busy is worth another try.
const PATIENCE: u64 = 5;

/// An answer that is not what was asked for. [`crate::edge`] turns it into a page or `application/problem+json`.
#[derive(Debug, thiserror::Error)]
pub enum WebError {
    /// Nobody is signed in. The page to come back to afterwards.
    #[error("nobody is signed in")]
    SignIn { then: String },
    /// The session is in no tenant that the person is a member of.
    #[error("no tenant is chosen")]
    NoTenant,
    /// The caller's role does not carry the permission.
    #[error("not permitted")]
    Forbidden,
    /// A form that is not from a page of ours, or of a session before this one.
    #[error("form token refused")]
    Forged,
    /// An agent's credential that opens nothing.
    #[error("credential refused")]
    Credential,
    /// Nothing is there; another tenant's things look the same.
    #[error("not found")]
    NotFound,
    /// What is asked of a thing that is there is not. The text is for the person.
    #[error("{0}")]
    Missing(String),
    /// What was sent makes no sense. The text is for the person.
    #[error("{0}")]
    Invalid(String),
    /// It cannot be done as things stand. The text is for the person.
    #[error("{0}")]
    Conflict(String),
    /// A run of the tenant is being settled, and what was asked for has to wait for it.
    #[error("busy")]
    Busy,
    /// Too often; and how long to wait.
    #[error("too many attempts")]
    TooMany { wait: Duration },
    /// The body is longer than any form of ours.
    #[error("too large")]
    TooLarge,
    /// It was stopped, for nobody waits that long.
    #[error("it took too long")]
    TooLong,
    /// Ours to mend. The text is for the log and nobody else.
    #[error("{0}")]
    Internal(String),
}

impl WebError {
    fn words(&self) -> (&'static str, String) {
        match self {
            Self::SignIn { .. } => ("Sign in first", "This page is for people who are signed in.".into()),
            Self::NoTenant => ("Choose a tenant", "You are in no tenant at the moment.".into()),
            Self::Forbidden => {
                ("Not permitted", "Your role does not allow this. An owner of the tenant can change your role.".into())
            }
            Self::Forged => (
                "This form is out of date",
                "It was opened before you last signed in or changed tenant. Open the page again and repeat what you did."
                    .into(),
            ),
            Self::Credential => ("Refused", "The credential or token was used, revoked or never given.".into()),
            Self::NotFound => ("Not found", "There is nothing here. It may have been removed, or the link is wrong.".into()),
            Self::Missing(text) => ("Not found", text.clone()),
            Self::Invalid(text) => ("That does not work", text.clone()),
            Self::Conflict(text) => ("That cannot be done", text.clone()),
            Self::Busy => (
                "Not kept yet",
                "A run is being settled at this moment, and this has to wait for it. Nothing was changed; try again in a few seconds."
                    .into(),
            ),
            Self::TooMany { wait } => {
                ("Too many attempts", format!("Wait {} and try again.", crate::text::span(*wait)))
            }
            Self::TooLarge => ("Too large", "What was sent is larger than any form of ours.".into()),
            Self::TooLong => (
                "That takes too long",
                "It was stopped, and nothing was changed. Narrow down what you ask for and try again.".into(),
            ),
            Self::Internal(_) => ("Something went wrong", "It is our fault and has been logged.".into()),
        }
    }

    pub(crate) fn problem(&self) -> Problem {
        let (title, detail) = self.words();
        let retry_after = match self {
            Self::TooMany { wait } => Some(wait.as_secs() + 1),
            Self::Busy => Some(PATIENCE),
            _ => None,
        };
        let go = match self {
            Self::SignIn { then } => Some(crate::sign_in::path_with_then(then)),
            Self::NoTenant => Some("/account".to_owned()),
            _ => None,
        };
        Problem { status: self.status_code(), title, detail, retry_after, go, again: None }
    }
}

impl ResponseError for WebError {
    fn status_code(&self) -> StatusCode {
        match self {
            Self::SignIn { .. } | Self::Credential => StatusCode::UNAUTHORIZED,
            Self::Forbidden | Self::Forged | Self::NoTenant => StatusCode::FORBIDDEN,
            Self::NotFound | Self::Missing(_) => StatusCode::NOT_FOUND,
            Self::Invalid(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Conflict(_) | Self::Busy => StatusCode::CONFLICT,
            Self::TooMany { .. } => StatusCode::TOO_MANY_REQUESTS,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::TooLong => StatusCode::SERVICE_UNAVAILABLE,
            Self::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    fn error_response(&self) -> HttpResponse {
        HttpResponse::new(self.status_code())
    }
}

impl From<StoreError> for WebError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::NotFound => Self::NotFound,
            StoreError::Conflict(words) => Self::Conflict(words),
            StoreError::Busy => Self::Busy,
            StoreError::TooLong => Self::TooLong,
            other => Self::Internal(other.to_string()),
        }
    }
}

impl From<askama::Error> for WebError {
    fn from(error: askama::Error) -> Self {
        Self::Internal(format!("template: {error}"))
    }
}
