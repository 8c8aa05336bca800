//! Requests to trackers: guarded, short, and told apart by whether trying again could help.

use anyhow::Context;
use chrono::{DateTime, Utc};
use plumbline_core::address::{is_inside, may_go};
use plumbline_outside::Reach;
use reqwest::header::HeaderMap;
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode};
use serde_json::Value;
use std::time::Duration;
use url::{Host, Url};

/// The most bytes of an answer.
const MOST: usize = 8 << 20;
/// The longest wait that a tracker may ask for.
const LONGEST: Duration = Duration::from_secs(6 * 3600);

/// Speaks to what tenants name; and knows where people reach us.
#[derive(Debug, Clone)]
pub struct Outside {
    https: Client,
    /// For plain HTTP, where private addresses are allowed.
    http: Option<Client>,
    private_allowed: bool,
    /// Where links in tickets lead; none where the operator did not say.
    pub(super) links: Option<Url>,
}

impl Outside {
    /// Makes one; `private_allowed` lets it go to loopback and private addresses.
    ///
    /// # Errors
    /// When the TLS library cannot be set up.
    pub fn new(private_allowed: bool, links: Option<Url>) -> anyhow::Result<Self> {
        Self::patient(private_allowed, links, Duration::from_secs(20))
    }

    /// The same with another time limit, for tests.
    ///
    /// # Errors
    /// When the TLS library cannot be set up.
    pub fn patient(private_allowed: bool, links: Option<Url>, limit: Duration) -> anyhow::Result<Self> {
        let client = |reach| plumbline_outside::client(reach).connect_timeout(Duration::from_secs(10)).timeout(limit);
        let http = private_allowed.then(|| client(Reach::Inside).build()).transpose().context("plain HTTP")?;
        Ok(Self {
            https: client(Reach::allowed(private_allowed)).https_only(true).build()?,
            http,
            private_allowed,
            links,
        })
    }

    fn sender(&self, url: &Url) -> Result<&Client, TrackerError> {
        may_go(url, self.private_allowed).map_err(TrackerError::Refused)?;
        match (url.scheme(), &self.http) {
            ("https", _) => Ok(&self.https),
            ("http", Some(http)) if is_inside(url) || matches!(url.host(), Some(Host::Domain(_))) => Ok(http),
            _ => Err(TrackerError::Refused("The address must begin with https://.".to_owned())),
        }
    }
}

/// Why a tracker did not do what was asked. The words are for people and name no credential.
#[derive(Debug, thiserror::Error)]
pub(super) enum TrackerError {
    /// Trying again as it is helps nothing.
    #[error("{0}")]
    Refused(String),
    /// There is no such thing there, or the credential does not see it.
    #[error("{0}")]
    Missing(String),
    /// Later it may be otherwise; the tracker may say when.
    #[error("{words}")]
    Later { words: String, wait: Option<Duration> },
}

/// One tracker's address.
#[derive(Debug, Clone)]
pub(super) struct Wire {
    outside: Outside,
    base: String,
    pub(super) now: DateTime<Utc>,
}

impl Wire {
    pub(super) fn new(outside: &Outside, base: &str, now: DateTime<Utc>) -> Self {
        Self { outside: outside.clone(), base: base.trim_end_matches('/').to_owned(), now }
    }

    /// The address of the tracker itself.
    pub(super) fn base(&self) -> &str {
        &self.base
    }

    /// A request to a path below the tracker's address.
    pub(super) fn request(&self, method: Method, path: &str) -> Result<RequestBuilder, TrackerError> {
        let url = Url::parse(&format!("{}{path}", self.base))
            .map_err(|_| TrackerError::Refused("The tracker's address is none.".to_owned()))?;
        Ok(self.outside.sender(&url)?.request(method, url))
    }

    /// Sends a request and reads the answer. `what` is what was asked, for people.
    pub(super) async fn send(&self, request: RequestBuilder, what: &str) -> Result<Value, TrackerError> {
        let answer = request.send().await.map_err(|error| self.silent(&error, what))?;
        let (status, headers) = (answer.status(), answer.headers().clone());
        let body = whole(answer).await.map_err(|words| TrackerError::Later { words, wait: None })?;
        if status.is_success() {
            return Ok(serde_json::from_slice(&body).unwrap_or(Value::Null));
        }
        Err(self.refusal(status, &headers, &body, what))
    }

    fn silent(&self, error: &reqwest::Error, what: &str) -> TrackerError {
        let why = if error.is_timeout() { "it did not answer in time" } else { "it cannot be reached" };
        TrackerError::Later { words: format!("The tracker was asked {what}, and {why}."), wait: None }
    }

    fn refusal(&self, status: StatusCode, headers: &HeaderMap, body: &[u8], what: &str) -> TrackerError {
        let wait = self.wait(headers);
        match status.as_u16() {
            401 => TrackerError::Refused("The tracker refuses the credential.".to_owned()),
            403 if wait.is_none() => TrackerError::Refused(format!("The credential does not suffice {what}.")),
            404 | 410 => TrackerError::Missing(format!(
                "The tracker was asked {what}, and says that there is no such thing, or that the credential does not see it."
            )),
            403 | 408 | 425 | 429 | 500.. => {
                TrackerError::Later { words: format!("The tracker was asked {what}, and answered {status}."), wait }
            }
            _ => TrackerError::Refused(format!("The tracker was asked {what}, and answered {status}{}", said(body))),
        }
    }

    /// How long the tracker asks us to wait.
    fn wait(&self, headers: &HeaderMap) -> Option<Duration> {
        let number = |name: &str| headers.get(name)?.to_str().ok()?.trim().parse::<i64>().ok();
        let seconds = number("retry-after").or_else(|| {
            (number("x-ratelimit-remaining")? == 0).then_some(())?;
            Some(number("x-ratelimit-reset")? - self.now.timestamp())
        })?;
        Some(Duration::from_secs(u64::try_from(seconds).unwrap_or(1).max(1)).min(LONGEST))
    }
}

/// What the tracker said to it, shortened to one line.
fn said(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let line: String = text.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(300).collect();
    if line.is_empty() { ".".to_owned() } else { format!(": {line}") }
}

async fn whole(mut answer: Response) -> Result<Vec<u8>, String> {
    let mut body = Vec::new();
    loop {
        match answer.chunk().await {
            Ok(Some(chunk)) if body.len() + chunk.len() <= MOST => body.extend_from_slice(&chunk),
            Ok(Some(_)) => return Err("The tracker's answer is longer than it should be.".to_owned()),
            Ok(None) => return Ok(body),
            Err(_) => return Err("The tracker's answer broke off.".to_owned()),
        }
    }
}

/// A text in an answer.
pub(super) fn text(value: &Value, pointer: &str) -> String {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// An instant in an answer.
pub(super) fn instant(value: &Value, pointer: &str) -> Option<DateTime<Utc>> {
    let text = value.pointer(pointer)?.as_str()?;
    let parsed =
        DateTime::parse_from_rfc3339(text).or_else(|_| DateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f%z"));
    parsed.ok().map(|at| at.to_utc())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wire() -> Wire {
        let now = DateTime::from_timestamp(1_000, 0).unwrap();
        Wire::new(&Outside::new(false, None).unwrap(), "https://tracker.example.com/", now)
    }

    fn refusal(status: u16, headers: &[(&'static str, &'static str)]) -> TrackerError {
        let headers = headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect();
        wire().refusal(StatusCode::from_u16(status).unwrap(), &headers, b"{\"message\":\"no\"}", "to open a ticket")
    }

    #[test]
    fn what_may_be_otherwise_later_is_told_from_what_is_not() {
        let waits = |error| match error {
            TrackerError::Later { wait, .. } => wait.map(|wait| wait.as_secs()),
            other => panic!("{other}"),
        };
        assert_eq!(waits(refusal(429, &[("retry-after", "7")])), Some(7));
        assert_eq!(waits(refusal(403, &[("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "1060")])), Some(60));
        assert_eq!(waits(refusal(503, &[])), None);
        assert!(matches!(refusal(403, &[]), TrackerError::Refused(_)));
        assert!(matches!(refusal(404, &[]), TrackerError::Missing(_)));
        assert!(refusal(422, &[]).to_string().contains("{\"message\":\"no\"}"));
    }

    #[test]
    fn nothing_inside_is_asked() {
        let inside = Wire::new(&Outside::new(false, None).unwrap(), "https://127.0.0.1", DateTime::UNIX_EPOCH);
        assert!(inside.request(Method::GET, "/").is_err());
        let plain = Wire::new(&Outside::new(false, None).unwrap(), "http://tracker.example.com", DateTime::UNIX_EPOCH);
        assert!(plain.request(Method::GET, "/").is_err());
    }
}
