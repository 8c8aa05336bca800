//! What a registry's answers come to.

use crate::challenge::{self, Challenge};
use crate::client::Target;
use crate::error::ReadError;
use plumbline_core::text::{chain, one_line};
use reqwest::header::{HeaderMap, HeaderName, WWW_AUTHENTICATE};
use reqwest::{Response, StatusCode};
use serde_json::Value;

/// What a try came to that is no answer.
pub(crate) enum Trouble {
    Passing(String),
    /// Too many requests.
    Refused(HeaderMap),
    Final(ReadError),
}

impl Trouble {
    /// A body that breaks off, or a token service out of breath: what failed may pass, what was refused will not.
    pub(crate) fn of_reading(error: ReadError) -> Self {
        match error {
            ReadError::Failed(words) => Self::Passing(words),
            other => Self::Final(other),
        }
    }

    pub(crate) fn into_error(self) -> ReadError {
        match self {
            Self::Final(error) => error,
            Self::Passing(words) => ReadError::failed(words),
            Self::Refused(_) => ReadError::failed("the registry refuses more requests for now (429)"),
        }
    }
}

/// What an answer comes to.
pub(crate) async fn judge(target: &Target, path: &str, answer: Response) -> Result<Response, Trouble> {
    let status = answer.status();
    if status.is_success() {
        return Ok(answer);
    }
    if status == StatusCode::TOO_MANY_REQUESTS {
        return Err(Trouble::Refused(answer.headers().clone()));
    }
    let said = said(answer).await;
    Err(match status.as_u16() {
        401 | 403 => Trouble::Final(target.denied(&format!("{status} {said}"))),
        404 => Trouble::Final(ReadError::Missing(one_line(&format!("{path}: {status} {said}")))),
        408 | 500..=599 => Trouble::Passing(format!("{status} {said}")),
        _ => Trouble::Final(ReadError::rejected(format!("{path}: {status} {said}"))),
    })
}

/// The registry's own words for an error.
async fn said(answer: Response) -> String {
    let bytes = read_body(answer, 64 * 1024).await.unwrap_or_default();
    let body: Value = serde_json::from_slice(&bytes).unwrap_or_default();
    let word = |name: &str| body.pointer(&format!("/errors/0/{name}")).and_then(Value::as_str).unwrap_or_default();
    one_line(&format!("{} {}", word("code"), word("message")))
}

/// An answer's body, when it is no longer than `limit` bytes.
pub(crate) async fn read_body(mut answer: Response, limit: usize) -> Result<Vec<u8>, ReadError> {
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(|error| ReadError::Failed(chain(&error.without_url())))? {
        if body.len() + chunk.len() > limit {
            return Err(ReadError::rejected(format!("the answer has more than {limit} bytes")));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

pub(crate) fn challenges(headers: &HeaderMap) -> Vec<Challenge> {
    let all = headers.get_all(WWW_AUTHENTICATE).iter().take(8).filter_map(|value| value.to_str().ok());
    all.flat_map(challenge::parse).collect()
}

pub(crate) fn text(headers: &HeaderMap, name: HeaderName) -> String {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned()
}

/// The strings of one page; `null` is an empty page.
pub(crate) fn names(page: &[u8], field: &str) -> Result<Vec<String>, ReadError> {
    let wrong = || ReadError::failed(format!("the list of {field} cannot be understood"));
    let mut page: Value = serde_json::from_slice(page).map_err(|_| wrong())?;
    match page.get_mut(field).map(Value::take) {
        Some(Value::Null) => Ok(Vec::new()),
        Some(list) => serde_json::from_value(list).map_err(|_| wrong()),
        None => Err(wrong()),
    }
}
