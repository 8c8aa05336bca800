//! Asks a registry: the read-only half of the distribution specification, with its manners.
//!
//! Requests are retried when that can help, wait when the registry says so, follow redirects themselves (each address
//! checked, credentials left at home), and believe no length. See `token` for who sees a credential.

use crate::answer::{Trouble, challenges, judge, read_body, text};
use crate::credential::{Credentials, Secret};
use crate::digest::Digest;
use crate::error::{ReadError, pull};
use crate::operator::{Operator, Patience};
use crate::settings::{Scheme, Settings};
use crate::throttle::Throttle;
use crate::token::Tokens;
use plumbline_core::address;
use plumbline_core::clock::SharedClock;
use plumbline_core::collect::CollectError;
use plumbline_core::text::{chain, one_line};
use plumbline_outside::Reach;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue, LOCATION, RANGE};
use reqwest::{Method, Response, StatusCode};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use url::Url;

const REDIRECTS: usize = 5;
/// Largest manifest, in bytes, as the specification has it.
pub(crate) const MANIFEST: usize = 4 << 20;
/// Largest page of a list, in bytes.
pub(crate) const PAGE: usize = 8 << 20;

const MANIFESTS: &str = "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, \
     application/vnd.docker.distribution.manifest.list.v2+json, application/vnd.docker.distribution.manifest.v2+json, \
     application/vnd.docker.distribution.manifest.v1+prettyjws;q=0.1";

/// What a request is about, and so which permission it takes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Target {
    Registry,
    Catalogue,
    Repository(String),
}

impl Target {
    /// The scope of the token protocol.
    pub(crate) fn scope(&self) -> Option<String> {
        match self {
            Self::Registry => None,
            Self::Catalogue => Some("registry:catalog:*".to_owned()),
            Self::Repository(name) => Some(pull(name)),
        }
    }

    pub(crate) fn denied(&self, detail: &str) -> ReadError {
        let permission = self.scope().unwrap_or_else(|| "registry:ping".to_owned());
        ReadError::Denied { permission, detail: one_line(detail) }
    }
}

/// Speaks to one registry. Clones share everything but the count of calls, see [`Client::counted`].
#[derive(Clone)]
pub(crate) struct Client {
    shared: Arc<Shared>,
    calls: Arc<AtomicU32>,
}

struct Shared {
    http: reqwest::Client,
    base: Url,
    private_allowed: bool,
    tokens: Tokens,
    throttle: Throttle,
    patience: Patience,
}

/// A manifest whose bytes have the digest that is told.
pub(crate) struct Fetched {
    pub(crate) digest: Digest,
    pub(crate) media_type: String,
    pub(crate) bytes: Vec<u8>,
}

/// A request before it goes out.
pub(crate) struct Ask {
    method: Method,
    target: Target,
    pub(crate) url: Url,
    accept: Option<&'static str>,
    from: u64,
}

impl Client {
    /// # Errors
    /// When the settings make no sense together with the secret.
    pub(crate) fn open(
        settings: &Settings,
        secret: &Secret,
        operator: Operator,
        patience: &Patience,
        clock: SharedClock,
    ) -> Result<Self, CollectError> {
        let base = settings.base().map_err(CollectError::Settings)?;
        let credentials = Credentials::of(settings, secret).map_err(CollectError::Settings)?;
        let http = plumbline_outside::client(Reach::allowed(operator.private_endpoints))
            .https_only(settings.scheme == Scheme::Https)
            .tls_certs_merge(settings.certificates().map_err(CollectError::Settings)?)
            .connect_timeout(patience.connect)
            .read_timeout(patience.idle);
        let http = http.build().map_err(|error| CollectError::Settings(chain(&error)))?;
        let private_allowed = operator.private_endpoints;
        let token_host = settings.token_host.clone();
        let tokens = Tokens::new(credentials, base.clone(), token_host, private_allowed, clock);
        let throttle = Throttle::new(patience.longest_wait);
        let shared = Shared { http, base, private_allowed, tokens, throttle, patience: patience.clone() };
        Ok(Self { shared: Arc::new(shared), calls: Arc::default() })
    }

    /// The same with a count of calls of its own.
    pub(crate) fn counted(&self) -> Self {
        Self { shared: self.shared.clone(), calls: Arc::default() }
    }

    pub(crate) fn calls(&self) -> u32 {
        self.calls.load(Ordering::Relaxed)
    }

    pub(crate) fn patience(&self) -> &Patience {
        &self.shared.patience
    }

    /// How the registry wants to be asked, as far as it has said: `anonymous`, `basic` or `bearer`.
    pub(crate) async fn manner(&self) -> &'static str {
        self.shared.tokens.manner().await
    }

    /// Whether the registry speaks the protocol and lets us in at all.
    pub(crate) async fn ping(&self) -> Result<(), ReadError> {
        let ask = self.ask(Method::GET, Target::Registry, &["v2", ""])?;
        self.document(&ask, PAGE).await.map(|_| ())
    }

    /// Whether anything answers there, whatever it says.
    pub(crate) async fn reach(&self) -> Result<u16, ReadError> {
        let ask = self.ask(Method::GET, Target::Registry, &["v2", ""])?;
        let late = |_| Err(Trouble::Passing("not answered in time".to_owned()));
        let tried = tokio::time::timeout(self.shared.patience.document, Box::pin(self.follow(&ask, None)));
        match tried.await.unwrap_or_else(late) {
            Ok(answer) => Ok(answer.status().as_u16()),
            Err(Trouble::Passing(words)) => Err(ReadError::Failed(words)),
            Err(Trouble::Refused(_)) => Ok(StatusCode::TOO_MANY_REQUESTS.as_u16()),
            Err(Trouble::Final(error)) => Err(error),
        }
    }

    /// The digest that a tag names now, without the manifest: registries do not count this as a pull.
    pub(crate) async fn resolve(&self, repository: &str, tag: &str) -> Result<Digest, ReadError> {
        let mut ask = self.ask_of(Method::HEAD, repository, &["manifests", tag])?;
        ask.accept = Some(MANIFESTS);
        let answer = self.send(&ask).await?;
        let header = answer.headers().get("docker-content-digest").and_then(|value| value.to_str().ok());
        match header.and_then(Digest::parse) {
            Some(digest) => Ok(digest),
            None => Ok(self.manifest(repository, tag).await?.digest),
        }
    }

    /// A manifest or an index, by tag or by digest.
    pub(crate) async fn manifest(&self, repository: &str, reference: &str) -> Result<Fetched, ReadError> {
        let mut ask = self.ask_of(Method::GET, repository, &["manifests", reference])?;
        ask.accept = Some(MANIFESTS);
        let (headers, bytes) = self.document(&ask, MANIFEST).await?;
        let media_type = text(&headers, CONTENT_TYPE).split(';').next().unwrap_or_default().trim().to_owned();
        let digest = Digest::parse(reference).unwrap_or_else(|| Digest::of(&bytes));
        if !digest.matches(&bytes) {
            return Err(ReadError::rejected(format!("{digest}: the registry sent a manifest of another digest")));
        }
        Ok(Fetched { digest, media_type, bytes })
    }

    /// A small blob, whole.
    pub(crate) async fn blob(&self, repository: &str, digest: &Digest, limit: usize) -> Result<Vec<u8>, ReadError> {
        let ask = self.ask_of(Method::GET, repository, &["blobs", digest.as_str()])?;
        let (_, bytes) = self.document(&ask, limit).await?;
        if digest.matches(&bytes) {
            return Ok(bytes);
        }
        Err(ReadError::rejected(format!("{digest}: the registry sent a blob of another digest")))
    }

    /// A blob from a byte on, to be read as it comes. Its digest is the caller's to check.
    pub(crate) async fn stream(&self, repository: &str, digest: &Digest, from: u64) -> Result<Response, ReadError> {
        let mut ask = self.ask_of(Method::GET, repository, &["blobs", digest.as_str()])?;
        ask.from = from;
        let answer = self.send(&ask).await?;
        if from > 0 && answer.status() != StatusCode::PARTIAL_CONTENT {
            return Err(ReadError::failed("the registry broke off a layer and does not go on where it did"));
        }
        Ok(answer)
    }

    /// The index of what refers to a digest; none where the registry has no such API.
    pub(crate) async fn referrers(&self, repository: &str, digest: &Digest) -> Result<Option<Vec<u8>>, ReadError> {
        let ask = self.ask_of(Method::GET, repository, &["referrers", digest.as_str()])?;
        match self.document(&ask, MANIFEST).await {
            Ok((headers, bytes)) => Ok(text(&headers, CONTENT_TYPE).contains("json").then_some(bytes)),
            Err(ReadError::Missing(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    pub(crate) fn ask_of(&self, method: Method, repository: &str, rest: &[&str]) -> Result<Ask, ReadError> {
        let path: Vec<&str> = std::iter::once("v2").chain(repository.split('/')).chain(rest.iter().copied()).collect();
        self.ask(method, Target::Repository(repository.to_owned()), &path)
    }

    pub(crate) fn ask(&self, method: Method, target: Target, path: &[&str]) -> Result<Ask, ReadError> {
        let mut url = self.shared.base.clone();
        let mut parts =
            url.path_segments_mut().map_err(|()| ReadError::failed("the registry's address has no path"))?;
        parts.pop_if_empty().extend(path);
        drop(parts);
        Ok(Ask { method, target, url, accept: None, from: 0 })
    }

    /// A small answer, whole. One that breaks off is asked for once more.
    pub(crate) async fn document(&self, ask: &Ask, limit: usize) -> Result<(HeaderMap, Vec<u8>), ReadError> {
        match self.document_once(ask, limit).await {
            Err(Trouble::Passing(_)) => self.document_once(ask, limit).await.map_err(Trouble::into_error),
            other => other.map_err(Trouble::into_error),
        }
    }

    async fn document_once(&self, ask: &Ask, limit: usize) -> Result<(HeaderMap, Vec<u8>), Trouble> {
        let answer = self.send(ask).await.map_err(Trouble::Final)?;
        let headers = answer.headers().clone();
        match tokio::time::timeout(self.shared.patience.document, read_body(answer, limit)).await {
            Ok(Ok(bytes)) => Ok((headers, bytes)),
            Ok(Err(error)) => Err(Trouble::of_reading(error)),
            Err(_) => Err(Trouble::Passing(format!("{}: not answered in time", ask.url.path()))),
        }
    }

    /// Sends a request until it is answered with success, or there is no point in asking again.
    async fn send(&self, ask: &Ask) -> Result<Response, ReadError> {
        let patience = &self.shared.patience;
        let mut backoff = patience.first_backoff;
        let mut last = String::new();
        for attempt in 1..=patience.attempts {
            self.shared.throttle.turn().await?;
            let once = tokio::time::timeout(patience.document, Box::pin(self.once(ask)));
            match once.await.unwrap_or_else(|_| Err(Trouble::Passing("not answered in time".to_owned()))) {
                Ok(answer) => return Ok(answer),
                Err(Trouble::Final(error)) => return Err(error),
                Err(Trouble::Refused(headers)) => {
                    self.shared.throttle.refused(&headers, backoff.max(Duration::from_secs(1)));
                    "the registry refuses more requests for now (429)".clone_into(&mut last);
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
        Err(ReadError::failed(format!("{}: {last}", ask.url.path())))
    }

    /// One try: with what is known of credentials, and once more after a challenge.
    async fn once(&self, ask: &Ask) -> Result<Response, Trouble> {
        let tokens = &self.shared.tokens;
        let known = tokens.known(&ask.target).await;
        let mut answer = self.follow(ask, known.as_ref()).await?;
        if answer.status() == StatusCode::UNAUTHORIZED {
            let challenges = challenges(answer.headers());
            if challenges.is_empty() {
                return Err(Trouble::Final(ask.target.denied("the registry refuses and does not say what it wants")));
            }
            drop(answer);
            let header = tokens.answer(&self.shared.http, &ask.target, &challenges, known.as_ref()).await;
            answer = self.follow(ask, Some(&header.map_err(Trouble::of_reading)?)).await?;
        }
        self.shared.throttle.heed(answer.headers());
        judge(&ask.target, ask.url.path(), answer).await
    }

    /// Sends a request where it leads. Only the registry itself sees the credential.
    async fn follow(&self, ask: &Ask, authorization: Option<&HeaderValue>) -> Result<Response, Trouble> {
        let mut url = ask.url.clone();
        for _ in 0..=REDIRECTS {
            self.may_go(&url).map_err(|why| Trouble::Final(ReadError::failed(format!("{}: {why}", ask.url.path()))))?;
            let mut request = self.shared.http.request(ask.method.clone(), url.clone());
            if let Some(authorization) = authorization.filter(|_| url.origin() == self.shared.base.origin()) {
                request = request.header(AUTHORIZATION, authorization);
            }
            if let Some(accept) = ask.accept {
                request = request.header(ACCEPT, accept);
            }
            if ask.from > 0 {
                request = request.header(RANGE, format!("bytes={}-", ask.from));
            }
            self.calls.fetch_add(1, Ordering::Relaxed);
            let answer = request.send().await.map_err(|error| Trouble::Passing(chain(&error.without_url())))?;
            if !matches!(answer.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
                return Ok(answer);
            }
            url = url
                .join(&text(answer.headers(), LOCATION))
                .map_err(|_| Trouble::Final(ReadError::failed("the registry redirects to what is no address")))?;
        }
        Err(Trouble::Final(ReadError::failed(format!("{}: redirected too often", ask.url.path()))))
    }

    fn may_go(&self, url: &Url) -> Result<(), String> {
        if self.shared.base.scheme() == "https" && url.scheme() != "https" {
            return Err("redirected to plain HTTP".to_owned());
        }
        address::may_go(url, self.shared.private_allowed)
    }
}
