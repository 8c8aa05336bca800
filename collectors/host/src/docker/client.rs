//! Asks an engine: GET, JSON, one call after another as far as the engine keeps up.

use super::error::ReadError;
use super::settings::{Endpoint, Operator, Secret, Settings};
use plumbline_core::collect::CollectError;
use plumbline_core::text::{chain, one_line};
use plumbline_outside::Reach;
use serde_json::Value;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use url::Url;

/// The largest list, in bytes: one of some ten thousand containers; and the largest description of one thing.
const LIST: usize = 64 << 20;
const ONE: usize = 8 << 20;
/// For one answer.
const PATIENCE: Duration = Duration::from_secs(60);
const CONNECT: Duration = Duration::from_secs(5);

/// Speaks to one engine. Clones share everything but the count of calls.
#[derive(Clone)]
pub(crate) struct Client {
    http: reqwest::Client,
    base: Url,
    calls: Arc<AtomicU32>,
}

impl Client {
    /// # Errors
    /// When the settings make no sense together with the secret.
    pub(crate) fn open(settings: &Settings, secret: &Secret, operator: Operator) -> Result<Self, CollectError> {
        let mut http = plumbline_outside::client(Reach::allowed(operator.private_endpoints))
            .connect_timeout(CONNECT)
            .timeout(PATIENCE);
        let base = match settings.endpoint().map_err(CollectError::Settings)? {
            Endpoint::Socket(path) => {
                http = http.unix_socket(path);
                Url::parse("http://docker/").map_err(|error| CollectError::Settings(error.to_string()))?
            }
            Endpoint::Tls(url) => {
                http = http.https_only(true);
                let authority = settings.authority().map_err(CollectError::Settings)?;
                if !authority.is_empty() {
                    http = http.tls_certs_only(authority);
                }
                if let Some(identity) = secret.identity().map_err(CollectError::Settings)? {
                    http = http.identity(identity);
                }
                url
            }
        };
        let http = http.build().map_err(|error| CollectError::Settings(chain(&error)))?;
        Ok(Self { http, base, calls: Arc::default() })
    }

    /// The same with a count of calls of its own.
    pub(crate) fn counted(&self) -> Self {
        Self { calls: Arc::default(), ..self.clone() }
    }

    pub(crate) fn calls(&self) -> u32 {
        self.calls.load(Ordering::Relaxed)
    }

    /// Opens the stream of the engine's events, for so long at most. None where the engine refuses.
    pub(crate) async fn events(&self, query: &str, at_most: Duration) -> Result<Option<reqwest::Response>, ReadError> {
        let mut url = self.base.join("events").map_err(|error| ReadError::failed(error.to_string()))?;
        url.set_query(Some(query));
        let asked = self.http.get(url).timeout(at_most).send().await;
        let answer = asked.map_err(|error| ReadError::failed(chain(&error.without_url())))?;
        Ok(answer.status().is_success().then_some(answer))
    }

    /// The document at a path. `permission` is what is named where the engine refuses.
    pub(crate) async fn get(&self, permission: &str, path: &[&str], query: &str) -> Result<Value, ReadError> {
        let mut url = self.base.clone();
        url.path_segments_mut().map_err(|()| ReadError::failed("the engine's address has no path"))?.extend(path);
        url.set_query((!query.is_empty()).then_some(query));
        self.calls.fetch_add(1, Ordering::Relaxed);
        let answer = self.http.get(url).send().await.map_err(|e| ReadError::failed(chain(&e.without_url())))?;
        let status = answer.status();
        // What is about one thing ends in the word json behind its name.
        let body = read_body(answer, if path.len() > 2 { ONE } else { LIST }).await?;
        if status.is_success() {
            return serde_json::from_slice(&body).map_err(|_| {
                ReadError::failed(format!("{permission}: the engine answers with something that is no JSON"))
            });
        }
        let said = one_line(&format!("{status} {}", said(&body)));
        Err(match status.as_u16() {
            401 | 403 => ReadError::Denied { permission: permission.to_owned(), detail: said },
            404 => ReadError::Missing(said),
            _ => ReadError::failed(format!("{permission}: {said}")),
        })
    }
}

/// The engine's own words for an error.
fn said(body: &[u8]) -> String {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    body["message"].as_str().unwrap_or_default().to_owned()
}

async fn read_body(mut answer: reqwest::Response, limit: usize) -> Result<Vec<u8>, ReadError> {
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(|e| ReadError::failed(chain(&e.without_url())))? {
        if body.len() + chunk.len() > limit {
            return Err(ReadError::failed(format!("the answer has more than {limit} bytes")));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}
