//! Asks a registry: the read-only half of the distribution specification, with its manners.
//!
//! Requests are retried when that can help, wait when the registry says so, follow redirects themselves (each address
//! checked, credentials left at home), and believe no length. See `token` for who sees a credential.

use crate::challenge::{self, Challenge};
use crate::digest::Digest;
use crate::ecr;
use crate::error::{ReadError, chain, one_line, pull};
use crate::guard::{self, PublicOnly};
use crate::paging;
use crate::settings::{Auth, Operator, Patience, Scheme, Secret, Settings};
use crate::throttle::Throttle;
use crate::token::{Credentials, Tokens};
use plumbline_core::clock::SharedClock;
use plumbline_core::collect::CollectError;
use reqwest::header::{
    ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue, LINK, LOCATION, RANGE, WWW_AUTHENTICATE,
};
use reqwest::{Method, Response, StatusCode};
use serde_json::Value;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use url::Url;

const REDIRECTS: usize = 5;
/// Largest manifest, in bytes, as the specification has it.
pub(crate) const MANIFEST: usize = 4 << 20;
/// Largest page of a list, in bytes.
const PAGE: usize = 8 << 20;
const PAGES: usize = 2_000;
/// The most repositories of a registry, or tags of a repository.
const MOST: usize = 100_000;

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

struct Ask {
    method: Method,
    target: Target,
    url: Url,
    accept: Option<&'static str>,
    from: u64,
}

/// What a try came to that is no answer.
enum Trouble {
    Passing(String),
    /// Too many requests.
    Refused(HeaderMap),
    Final(ReadError),
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
        let credentials = credentials(settings, secret).map_err(CollectError::Settings)?;
        let mut http = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .user_agent("plumbline")
            .https_only(settings.scheme == Scheme::Https)
            .tls_certs_merge(settings.certificates().map_err(CollectError::Settings)?)
            .connect_timeout(patience.connect)
            .read_timeout(patience.idle);
        if !operator.private_endpoints {
            http = http.dns_resolver(Arc::new(PublicOnly));
        }
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
        let answer = self.send(&ask).await?;
        read_body(answer, PAGE).await.map(|_| ())
    }

    /// Whether anything answers there, whatever it says.
    pub(crate) async fn reach(&self) -> Result<u16, ReadError> {
        let ask = self.ask(Method::GET, Target::Registry, &["v2", ""])?;
        match self.follow(&ask, None).await {
            Ok(answer) => Ok(answer.status().as_u16()),
            Err(Trouble::Passing(words)) => Err(ReadError::Failed(words)),
            Err(Trouble::Refused(_)) => Ok(StatusCode::TOO_MANY_REQUESTS.as_u16()),
            Err(Trouble::Final(error)) => Err(error),
        }
    }

    /// All repositories, in the registry's order.
    pub(crate) async fn catalogue(&self) -> Result<Vec<String>, ReadError> {
        let ask = self.ask(Method::GET, Target::Catalogue, &["v2", "_catalog"])?;
        self.list(ask, "repositories").await
    }

    /// All tags of a repository.
    pub(crate) async fn tags(&self, repository: &str) -> Result<Vec<String>, ReadError> {
        let ask = self.ask_of(Method::GET, repository, &["tags", "list"])?;
        self.list(ask, "tags").await
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
            return Err(ReadError::Failed(format!("{digest}: the registry sent a manifest of another digest")));
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
        Err(ReadError::Failed(format!("{digest}: the registry sent a blob of another digest")))
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

    async fn list(&self, mut ask: Ask, field: &str) -> Result<Vec<String>, ReadError> {
        let plain = ask.url.clone();
        ask.url.query_pairs_mut().append_pair("n", "1000");
        let mut seen = BTreeSet::new();
        let mut listed = Vec::new();
        for page in 0..PAGES {
            if !seen.insert(ask.url.to_string()) {
                return Err(ReadError::failed(format!("the list of {field} leads in a circle")));
            }
            let (headers, bytes) = match self.document(&ask, PAGE).await {
                // Some registries refuse a page size that others need.
                Err(ReadError::Failed(_)) if page == 0 && ask.url != plain => {
                    ask.url = plain.clone();
                    continue;
                }
                answer => answer?,
            };
            listed.extend(names(&bytes, field)?);
            if listed.len() > MOST {
                return Err(ReadError::failed(format!("more than {MOST} {field}")));
            }
            let link = headers.get(LINK).and_then(|value| value.to_str().ok());
            match paging::next(link, &ask.url).map_err(ReadError::Failed)? {
                Some(next) => ask.url = next,
                None => return Ok(listed),
            }
        }
        Err(ReadError::failed(format!("the list of {field} has more than {PAGES} pages")))
    }

    fn ask_of(&self, method: Method, repository: &str, rest: &[&str]) -> Result<Ask, ReadError> {
        let path: Vec<&str> = std::iter::once("v2").chain(repository.split('/')).chain(rest.iter().copied()).collect();
        self.ask(method, Target::Repository(repository.to_owned()), &path)
    }

    fn ask(&self, method: Method, target: Target, path: &[&str]) -> Result<Ask, ReadError> {
        let mut url = self.shared.base.clone();
        let mut parts = url.path_segments_mut().map_err(|()| ReadError::failed("the registry's address has no path"))?;
        parts.pop_if_empty().extend(path);
        drop(parts);
        Ok(Ask { method, target, url, accept: None, from: 0 })
    }

    /// A small answer, whole. One that breaks off is asked for once more.
    async fn document(&self, ask: &Ask, limit: usize) -> Result<(HeaderMap, Vec<u8>), ReadError> {
        match self.document_once(ask, limit).await {
            Err(Trouble::Passing(_)) => self.document_once(ask, limit).await.map_err(Trouble::into_error),
            other => other.map_err(Trouble::into_error),
        }
    }

    async fn document_once(&self, ask: &Ask, limit: usize) -> Result<(HeaderMap, Vec<u8>), Trouble> {
        let answer = self.send(ask).await.map_err(Trouble::Final)?;
        let headers = answer.headers().clone();
        let late = || Trouble::Passing(format!("{}: not answered in time", ask.url.path()));
        match tokio::time::timeout(self.shared.patience.document, read_body(answer, limit)).await {
            Ok(Ok(bytes)) => Ok((headers, bytes)),
            Ok(Err(error)) => Err(Trouble::Passing(error.to_string())),
            Err(_) => Err(late()),
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
            answer = self.follow(ask, Some(&header.map_err(Trouble::Final)?)).await?;
        }
        self.shared.throttle.heed(answer.headers());
        judge(ask, answer).await
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
        guard::may_go(url, self.shared.private_allowed)
    }
}

impl Trouble {
    fn into_error(self) -> ReadError {
        match self {
            Self::Final(error) => error,
            Self::Passing(words) => ReadError::failed(words),
            Self::Refused(_) => ReadError::failed("the registry refuses more requests for now (429)"),
        }
    }
}

/// What an answer comes to.
async fn judge(ask: &Ask, answer: Response) -> Result<Response, Trouble> {
    let status = answer.status();
    if status.is_success() {
        return Ok(answer);
    }
    let path = ask.url.path();
    if status == StatusCode::TOO_MANY_REQUESTS {
        return Err(Trouble::Refused(answer.headers().clone()));
    }
    let said = said(answer).await;
    Err(match status.as_u16() {
        401 | 403 => Trouble::Final(ask.target.denied(&format!("{status} {said}"))),
        404 => Trouble::Final(ReadError::Missing(one_line(&format!("{path}: {status} {said}")))),
        408 | 500..=599 => Trouble::Passing(format!("{status} {said}")),
        _ => Trouble::Final(ReadError::failed(format!("{path}: {status} {said}"))),
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
            return Err(ReadError::failed(format!("the answer has more than {limit} bytes")));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

fn challenges(headers: &HeaderMap) -> Vec<Challenge> {
    let all = headers.get_all(WWW_AUTHENTICATE).iter().take(8).filter_map(|value| value.to_str().ok());
    all.flat_map(challenge::parse).collect()
}

fn text(headers: &HeaderMap, name: reqwest::header::HeaderName) -> String {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned()
}

/// The strings of one page; `null` is an empty page.
fn names(page: &[u8], field: &str) -> Result<Vec<String>, ReadError> {
    let wrong = || ReadError::failed(format!("the list of {field} cannot be understood"));
    let mut page: Value = serde_json::from_slice(page).map_err(|_| wrong())?;
    match page.get_mut(field).map(Value::take) {
        Some(Value::Null) => Ok(Vec::new()),
        Some(list) => serde_json::from_value(list).map_err(|_| wrong()),
        None => Err(wrong()),
    }
}

fn credentials(settings: &Settings, secret: &Secret) -> Result<Credentials, String> {
    let region = settings.ecr_region()?;
    if let (Some(region), Some(id), Some(key)) = (region, &secret.access_key_id, &secret.secret_access_key) {
        return Ok(Credentials::Ecr(Box::new(ecr::Key {
            region,
            access_key_id: id.clone(),
            secret_access_key: key.clone(),
            session_token: secret.session_token.clone(),
        })));
    }
    Ok(match (&settings.auth, &secret.username, &secret.password, &secret.token) {
        (Auth::Anonymous, ..) => Credentials::None,
        (Auth::Token, _, _, Some(token)) => Credentials::Bearer(token.clone()),
        (_, Some(username), Some(password), _) => {
            Credentials::Password { username: username.clone(), password: password.clone() }
        }
        _ => Credentials::None,
    })
}
