//! Asks an API server, with its manners: few requests at once, again when that can help, later when it says so.

use crate::connect::{self, Endpoint};
use crate::credential::Bearer;
use crate::error::ReadError;
use crate::operator::Patience;
use plumbline_core::address;
use plumbline_core::collect::CollectError;
use plumbline_core::text::{chain, one_line};
use reqwest::header::{ACCEPT, AUTHORIZATION, HeaderMap, RETRY_AFTER};
use reqwest::{Response, StatusCode};
use serde_json::Value;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::Instant;
use url::Url;

/// Requests under way at once; watches, which only listen, are not among them.
const AT_ONCE: usize = 6;
/// The largest answer, in bytes. A page that is longer is asked for in smaller ones.
pub(crate) const LARGEST: usize = 64 << 20;
/// Names and labels alone, for what is large and of which nothing else is wanted.
pub(crate) const NAMES: &str = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json";

/// Speaks to one API server. Clones share everything.
#[derive(Clone)]
pub(crate) struct Client(Arc<Shared>);

struct Shared {
    http: reqwest::Client,
    /// The same without a limit to how long nothing may come.
    listening: reqwest::Client,
    stranger: reqwest::Client,
    base: Url,
    inside: bool,
    bearer: Bearer,
    budget: Semaphore,
    not_before: Mutex<Option<Instant>>,
    patience: Patience,
    calls: AtomicU32,
}

/// What a try came to that is no answer.
enum Trouble {
    Passing(String),
    /// Too many requests, or out of breath: with the wait that is asked for.
    Later(Option<Duration>, String),
    Final(ReadError),
}

/// What is asked for: a path, its parameters, and in which form.
#[derive(Clone, Copy)]
pub(crate) struct Ask<'a> {
    pub(crate) path: &'a str,
    pub(crate) query: &'a [(&'a str, String)],
    pub(crate) accept: &'static str,
}

impl<'a> Ask<'a> {
    pub(crate) fn of(path: &'a str) -> Self {
        Self { path, query: &[], accept: "application/json" }
    }
}

impl Client {
    /// # Errors
    /// When certificate, key or authority are none.
    pub(crate) fn open(endpoint: Endpoint, patience: &Patience) -> Result<Self, CollectError> {
        let broken = |error: reqwest::Error| CollectError::Settings(chain(&error));
        let http = connect::client(&endpoint, patience, true)?.read_timeout(patience.idle).build().map_err(broken)?;
        let listening = connect::client(&endpoint, patience, true)?.build().map_err(broken)?;
        let stranger =
            connect::client(&endpoint, patience, false)?.read_timeout(patience.idle).build().map_err(broken)?;
        Ok(Self(Arc::new(Shared {
            http,
            listening,
            stranger,
            base: endpoint.server,
            inside: endpoint.inside,
            bearer: Bearer::new(endpoint.tokens),
            budget: Semaphore::new(AT_ONCE),
            not_before: Mutex::new(None),
            patience: patience.clone(),
            calls: AtomicU32::new(0),
        })))
    }

    /// How many requests there were since the last time this was asked.
    pub(crate) fn take_calls(&self) -> u32 {
        self.0.calls.swap(0, Ordering::Relaxed)
    }

    pub(crate) fn patience(&self) -> &Patience {
        &self.0.patience
    }

    /// An answer as JSON.
    pub(crate) async fn value(&self, path: &str) -> Result<Value, ReadError> {
        let body = self.body(Ask::of(path)).await?;
        serde_json::from_slice(&body).map_err(|_| ReadError::failed(format!("{path}: the answer is not JSON")))
    }

    /// An answer as JSON, asked for but once: what is passed on to a node is the node's trouble, not the API server's.
    pub(crate) async fn value_once(&self, path: &str) -> Result<Value, ReadError> {
        let body = self.body_once(Ask::of(path), None).await.map_err(|trouble| match trouble {
            Trouble::Final(error) => error,
            Trouble::Passing(words) | Trouble::Later(_, words) => ReadError::failed(words),
        })?;
        serde_json::from_slice(&body).map_err(|_| ReadError::failed(format!("{path}: the answer is not JSON")))
    }

    /// Sends a document, for the reviews that answer what we may do and change nothing.
    pub(crate) async fn review(&self, path: &str, document: &Value) -> Result<Value, ReadError> {
        let body = self.retried(path, || self.body_once(Ask::of(path), Some(document))).await?;
        serde_json::from_slice(&body).map_err(|_| ReadError::failed(format!("{path}: the answer is not JSON")))
    }

    /// A whole answer. One that breaks off is asked for again.
    pub(crate) async fn body(&self, ask: Ask<'_>) -> Result<Vec<u8>, ReadError> {
        self.retried(ask.path, || self.body_once(ask, None)).await
    }

    async fn body_once(&self, ask: Ask<'_>, document: Option<&Value>) -> Result<Vec<u8>, Trouble> {
        let whole = async {
            let answer = self.once(&self.0.http, ask, document).await?;
            let body = read_body(answer, LARGEST).await.map_err(|error| match error {
                ReadError::Failed(words) => Trouble::Passing(words),
                other => Trouble::Final(other),
            })?;
            // What was cut off by a proxy ends early, and looks whole.
            if body.iter().rev().find(|b| !b.is_ascii_whitespace()).is_some_and(|b| matches!(b, b'}' | b']')) {
                Ok(body)
            } else {
                Err(Trouble::Passing("the answer breaks off".to_owned()))
            }
        };
        let _turn = self.0.budget.acquire().await;
        let late = |_| Err(Trouble::Passing("not answered in time".to_owned()));
        tokio::time::timeout(self.0.patience.document, whole).await.unwrap_or_else(late)
    }

    /// Opens a watch: what follows comes as it happens.
    pub(crate) async fn listen(&self, ask: Ask<'_>) -> Result<Response, ReadError> {
        let once = || async {
            let late = |_| Err(Trouble::Passing("not answered in time".to_owned()));
            let open = self.once(&self.0.listening, ask, None);
            tokio::time::timeout(self.0.patience.document, open).await.unwrap_or_else(late)
        };
        self.retried(ask.path, once).await
    }

    /// The status with which somebody without a credential is answered.
    pub(crate) async fn as_stranger(&self, path: &str) -> Result<u16, ReadError> {
        let url = self.url(path, &[]).map_err(ReadError::failed)?;
        self.0.calls.fetch_add(1, Ordering::Relaxed);
        let sent = self.0.stranger.get(url).timeout(self.0.patience.document).send().await;
        Ok(sent.map_err(|error| ReadError::failed(chain(&error.without_url())))?.status().as_u16())
    }

    /// Tries until it is answered, or there is no point in asking again.
    async fn retried<T, F>(&self, path: &str, once: impl Fn() -> F) -> Result<T, ReadError>
    where
        F: Future<Output = Result<T, Trouble>>,
    {
        let patience = &self.0.patience;
        let mut backoff = patience.first_backoff;
        let mut last = String::new();
        for attempt in 1..=patience.attempts {
            self.turn().await?;
            match once().await {
                Ok(answer) => return Ok(answer),
                Err(Trouble::Final(error)) => return Err(error),
                Err(Trouble::Later(wait, words)) => {
                    self.pause(wait.unwrap_or(backoff));
                    last = words;
                }
                Err(Trouble::Passing(words)) => {
                    last = words;
                    if attempt < patience.attempts {
                        tokio::time::sleep(backoff.min(patience.longest_wait)).await;
                    }
                }
            }
            backoff = backoff.saturating_mul(2);
        }
        Err(ReadError::failed(format!("{path}: {last}")))
    }

    /// Waits until the next request may go. What the API server says to one holds for all.
    async fn turn(&self) -> Result<(), ReadError> {
        let not_before = *self.0.not_before.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(instant) = not_before else { return Ok(()) };
        let wait = instant.saturating_duration_since(Instant::now());
        if wait > self.0.patience.longest_wait {
            return Err(ReadError::Failed(format!("the API server asks to wait for {} s", wait.as_secs())));
        }
        tokio::time::sleep(wait).await;
        Ok(())
    }

    fn pause(&self, wait: Duration) {
        let until = Instant::now() + wait.min(Duration::from_secs(24 * 60 * 60));
        let mut not_before = self.0.not_before.lock().unwrap_or_else(PoisonError::into_inner);
        *not_before = Some(not_before.map_or(until, |known| known.max(until)));
    }

    /// One try; once more with a new token when the last one is no longer accepted.
    async fn once(&self, http: &reqwest::Client, ask: Ask<'_>, document: Option<&Value>) -> Result<Response, Trouble> {
        let answer = self.send(http, ask, document).await?;
        if answer.status() != StatusCode::UNAUTHORIZED {
            return judge(ask.path, answer).await;
        }
        self.0.bearer.forget().await;
        let answer = self.send(http, ask, document).await?;
        judge(ask.path, answer).await
    }

    async fn send(&self, http: &reqwest::Client, ask: Ask<'_>, document: Option<&Value>) -> Result<Response, Trouble> {
        let url = self.url(ask.path, ask.query).map_err(|why| Trouble::Final(ReadError::failed(why)))?;
        let mut request = match document {
            None => http.get(url),
            Some(document) => http.post(url).json(document),
        };
        request = request.header(ACCEPT, ask.accept);
        if let Some(header) = self.0.bearer.header().await.map_err(Trouble::Final)? {
            request = request.header(AUTHORIZATION, header);
        }
        self.0.calls.fetch_add(1, Ordering::Relaxed);
        request.send().await.map_err(|error| Trouble::Passing(chain(&error.without_url())))
    }

    fn url(&self, path: &str, query: &[(&str, String)]) -> Result<Url, String> {
        let mut url = self.0.base.clone();
        // Clusters behind a gateway have a path of their own.
        let path = format!("{}{path}", url.path().trim_end_matches('/'));
        url.set_path(&path);
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        address::may_go(&url, self.0.inside)?;
        Ok(url)
    }
}

/// What an answer comes to.
async fn judge(path: &str, answer: Response) -> Result<Response, Trouble> {
    let status = answer.status();
    if status.is_success() {
        return Ok(answer);
    }
    let wait = retry_after(answer.headers());
    let said = said(answer).await;
    let words = one_line(&format!("{status} {said}"));
    Err(match status.as_u16() {
        401 => Trouble::Final(ReadError::Stranger(words)),
        403 => Trouble::Final(ReadError::Denied(one_line(&said))),
        404 => Trouble::Final(ReadError::Missing(one_line(&format!("{path}: {words}")))),
        410 => Trouble::Final(ReadError::Gone),
        429 | 503 => Trouble::Later(wait, words),
        408 | 500..=599 => Trouble::Passing(words),
        _ => Trouble::Final(ReadError::failed(format!("{path}: {words}"))),
    })
}

/// The API server's own words for an error.
async fn said(answer: Response) -> String {
    let body = read_body(answer, 64 * 1024).await.unwrap_or_default();
    match serde_json::from_slice::<Value>(&body) {
        Ok(status) => status.get("message").and_then(Value::as_str).unwrap_or_default().to_owned(),
        Err(_) => String::from_utf8_lossy(&body).into_owned(),
    }
}

fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok().map(Duration::from_secs)
}

/// An answer's body, when it is no longer than `limit` bytes.
pub(crate) async fn read_body(mut answer: Response, limit: usize) -> Result<Vec<u8>, ReadError> {
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(|error| ReadError::Failed(chain(&error.without_url())))? {
        if body.len() + chunk.len() > limit {
            return Err(ReadError::TooLong(limit));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}
