//! Credentials, and the tokens that a registry's token service gives for them.
//!
//! Who may see a credential is decided here alone. It goes to the registry itself, and to a token service on the same host,
//! on a host below it, on the host that the settings name, or on one known to belong to a public registry. Never over http
//! for a registry that is spoken to over https. A token service anywhere else is asked without credentials or not at all.

use crate::challenge::Challenge;
use crate::client::Target;
use crate::credential::{Credentials, basic, header};
use crate::ecr;
use crate::error::ReadError;
use plumbline_core::address;
use plumbline_core::clock::SharedClock;
use plumbline_core::text::chain;
use reqwest::header::HeaderValue;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use std::collections::{BTreeSet, HashMap};
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::time::Instant;
use url::Url;

/// Registries whose token service has another name: (registry, token service).
const KNOWN: [(&str, &str); 2] = [("registry-1.docker.io", "auth.docker.io"), ("registry.gitlab.com", "gitlab.com")];
/// Largest answer of a token service, in bytes.
const LARGEST: usize = 1 << 20;
/// What a token lives when its service does not say, and the longest that is believed.
const USUAL_LIFE: u64 = 60;
const LONGEST_LIFE: u64 = 12 * 60 * 60;
/// A token that has less than this to live is not used any more.
const MARGIN: u64 = 10;

/// Answers challenges, and remembers the answers.
pub(crate) struct Tokens {
    credentials: Credentials,
    base: Url,
    token_host: Option<String>,
    private_allowed: bool,
    clock: SharedClock,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    /// The registry wants a user name and a password with every request.
    basic: Option<Kept>,
    bearer: HashMap<Target, Kept>,
}

#[derive(Clone)]
struct Kept {
    header: HeaderValue,
    scopes: BTreeSet<String>,
    until: Option<Instant>,
}

impl Kept {
    fn alive(&self) -> bool {
        self.until.is_none_or(|until| Instant::now() < until)
    }
}

#[derive(Deserialize)]
struct Granted {
    #[serde(default)]
    token: Option<SecretString>,
    #[serde(default)]
    access_token: Option<SecretString>,
    #[serde(default)]
    expires_in: Option<u64>,
}

impl Tokens {
    pub(crate) fn new(
        credentials: Credentials,
        base: Url,
        token_host: Option<String>,
        private_allowed: bool,
        clock: SharedClock,
    ) -> Self {
        Self { credentials, base, token_host, private_allowed, clock, known: Mutex::default() }
    }

    /// The header to send with a request about `target`, as far as it is known.
    pub(crate) async fn known(&self, target: &Target) -> Option<HeaderValue> {
        if let Credentials::Bearer(token) = &self.credentials {
            return header("Bearer", token.expose_secret()).ok();
        }
        let known = self.known.lock().await;
        let kept = known.basic.as_ref().or_else(|| known.bearer.get(target))?;
        kept.alive().then(|| kept.header.clone())
    }

    /// How the registry wants to be asked, once it has said so: `anonymous`, `basic` or `bearer`.
    pub(crate) async fn manner(&self) -> &'static str {
        let known = self.known.lock().await;
        match &self.credentials {
            Credentials::Bearer(_) => "bearer",
            _ if known.basic.is_some() => "basic",
            _ if !known.bearer.is_empty() => "bearer",
            _ => "anonymous",
        }
    }

    /// Answers a challenge; `used` is the header that was refused.
    pub(crate) async fn answer(
        &self,
        http: &reqwest::Client,
        target: &Target,
        challenges: &[Challenge],
        used: Option<&HeaderValue>,
    ) -> Result<HeaderValue, ReadError> {
        // One at a time: the others find the answer kept.
        let mut known = self.known.lock().await;
        if let Some(kept) = known.basic.as_ref().or_else(|| known.bearer.get(target))
            && kept.alive()
            && Some(&kept.header) != used
        {
            return Ok(kept.header.clone());
        }
        let find = |scheme: &str| challenges.iter().find(|challenge| challenge.scheme == scheme);
        if let Some(bearer) = find("bearer") {
            let before = known.bearer.get(target).map(|kept| kept.scopes.clone()).unwrap_or_default();
            let kept = self.fetch(http, target, bearer, before).await?;
            let header = kept.header.clone();
            known.bearer.insert(target.clone(), kept);
            return Ok(header);
        }
        if find("basic").is_some() && known.basic.as_ref().is_none_or(|kept| !kept.alive()) {
            let kept = self.basic(http, target).await?;
            let header = kept.header.clone();
            known.basic = Some(kept);
            return Ok(header);
        }
        Err(target.denied("the registry does not take the credential"))
    }

    async fn basic(&self, http: &reqwest::Client, target: &Target) -> Result<Kept, ReadError> {
        let (header, life) = match &self.credentials {
            Credentials::Password { username, password } => (basic(username, password)?, None),
            Credentials::Ecr(key) => {
                (self.ecr_password(http, key).await?, Some(Duration::from_secs(LONGEST_LIFE - 60 * 60)))
            }
            Credentials::None => return Err(target.denied("the registry wants a user name and a password")),
            Credentials::Bearer(_) => return Err(target.denied("the registry does not take the token")),
        };
        Ok(Kept { header, scopes: BTreeSet::new(), until: life.map(|life| Instant::now() + life) })
    }

    async fn ecr_password(&self, http: &reqwest::Client, key: &ecr::Key) -> Result<HeaderValue, ReadError> {
        let denied = |detail: &str| ReadError::Denied {
            permission: "ecr:GetAuthorizationToken".to_owned(),
            detail: detail.to_owned(),
        };
        let mut request = http.post(key.url()).body(ecr::BODY);
        for (name, value) in key.headers(self.clock.now().into()).map_err(ReadError::Failed)? {
            request = request.header(name, value);
        }
        let answer = request.send().await.map_err(|error| ReadError::Failed(chain(&error)))?;
        match answer.status().as_u16() {
            200 => {}
            400 | 401 | 403 => return Err(denied("AWS does not take the access key")),
            status => return Err(ReadError::Failed(format!("ECR's token service answered {status}"))),
        }
        let bytes = crate::answer::read_body(answer, LARGEST).await?;
        let password = ecr::password(&bytes).ok_or_else(|| ReadError::failed("ECR's answer holds no token"))?;
        header("Basic", password.expose_secret())
    }

    async fn fetch(
        &self,
        http: &reqwest::Client,
        target: &Target,
        challenge: &Challenge,
        before: BTreeSet<String>,
    ) -> Result<Kept, ReadError> {
        if matches!(self.credentials, Credentials::Bearer(_)) {
            return Err(target.denied("the registry does not take the token"));
        }
        let realm = self.realm(challenge)?;
        let mut scopes = before;
        scopes.extend(challenge.reading_scopes());
        if scopes.is_empty() {
            scopes.extend(target.scope());
        }
        let mut url = realm;
        if let Some(service) = challenge.get("service") {
            url.query_pairs_mut().append_pair("service", service);
        }
        for scope in &scopes {
            url.query_pairs_mut().append_pair("scope", scope);
        }
        let mut request = http.get(url);
        if let Credentials::Password { username, password } = &self.credentials {
            request = request.header(reqwest::header::AUTHORIZATION, basic(username, password)?);
        }
        let answer = request.send().await.map_err(|error| ReadError::Failed(chain(&error)))?;
        let granted = granted(answer, target).await?;
        let token = granted.token.or(granted.access_token).filter(|token| !token.expose_secret().is_empty());
        let token = token.ok_or_else(|| ReadError::failed("the token service's answer holds no token"))?;
        let life = granted.expires_in.unwrap_or(USUAL_LIFE).clamp(MARGIN + 1, LONGEST_LIFE) - MARGIN;
        let until = Some(Instant::now() + Duration::from_secs(life));
        Ok(Kept { header: header("Bearer", token.expose_secret())?, scopes, until })
    }

    /// The token service that a challenge names, when it may be asked.
    fn realm(&self, challenge: &Challenge) -> Result<Url, ReadError> {
        let realm = challenge.get("realm").unwrap_or_default();
        let url = Url::parse(realm)
            .map_err(|_| ReadError::rejected(format!("the token service's address, {realm}, is none")))?;
        address::may_go(&url, self.private_allowed)
            .map_err(|why| ReadError::rejected(format!("the token service {realm}: {why}")))?;
        if self.base.scheme() == "https" && url.scheme() != "https" {
            return Err(ReadError::rejected(format!("the token service {realm} is not spoken to over plain HTTP")));
        }
        if !matches!(self.credentials, Credentials::None) && !self.is_confidant(&url) {
            let host = url.host_str().unwrap_or_default();
            return Err(ReadError::rejected(format!(
                "the registry's token service is {host}, which is not known to belong to it: no credential is sent \
                 there unless the settings name it as the token host"
            )));
        }
        Ok(url)
    }

    fn is_confidant(&self, realm: &Url) -> bool {
        let (Some(registry), Some(realm_host)) = (self.base.host_str(), realm.host_str()) else { return false };
        let below = realm_host.strip_suffix(registry).is_some_and(|front| front.ends_with('.'));
        let is_name = realm.domain().is_some();
        realm_host == registry
            || (is_name && below)
            || KNOWN.contains(&(registry, realm_host))
            || self.token_host.as_deref().is_some_and(|named| is_at(realm, named))
    }
}

/// Whether a URL's host is the one that the settings name, with or without a port.
fn is_at(url: &Url, named: &str) -> bool {
    let Ok(named) = Url::parse(&format!("{}://{named}/", url.scheme())) else { return false };
    named.host() == url.host() && (named.port().is_none() || named.port() == url.port())
}

async fn granted(answer: reqwest::Response, target: &Target) -> Result<Granted, ReadError> {
    match answer.status().as_u16() {
        200 => {}
        400 | 401 | 403 => return Err(target.denied("the token service does not take the credential")),
        408 | 429 | 500..=599 => {
            return Err(ReadError::failed(format!("the token service answered {}", answer.status())));
        }
        status => return Err(ReadError::rejected(format!("the token service answered {status}"))),
    }
    let bytes = crate::answer::read_body(answer, LARGEST).await?;
    serde_json::from_slice(&bytes).map_err(|_| ReadError::failed("the token service's answer cannot be understood"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::challenge;
    use plumbline_core::clock::SystemClock;
    use std::sync::Arc;

    fn tokens(base: &str, token_host: Option<&str>, credentials: Credentials) -> Tokens {
        let base = Url::parse(base).unwrap();
        Tokens::new(credentials, base, token_host.map(str::to_owned), false, Arc::new(SystemClock))
    }

    fn realm(tokens: &Tokens, realm: &str) -> Result<Url, ReadError> {
        let challenges = challenge::parse(&format!("Bearer realm=\"{realm}\""));
        tokens.realm(&challenges[0])
    }

    fn password() -> Credentials {
        Credentials::Password { username: "reader".to_owned(), password: SecretString::from("x") }
    }

    #[test]
    fn a_credential_goes_only_to_a_token_service_that_belongs_to_the_registry() {
        let tokens = tokens("https://registry.example/", Some("sso.example:8443"), password());
        for good in [
            "https://registry.example/token",
            "https://registry.example:5001/auth",
            "https://auth.registry.example/token",
            "https://sso.example:8443/token",
        ] {
            assert!(realm(&tokens, good).is_ok(), "{good}");
        }
        for wrong in [
            "http://registry.example/token",
            "https://evil.example/token",
            "https://evilregistry.example/token",
            "https://registry.example.evil.example/token",
            "https://sso.example/token",
            "https://127.0.0.1/token",
            "https://user:pass@registry.example/token",
            "nonsense",
        ] {
            assert!(realm(&tokens, wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn without_a_credential_any_public_token_service_may_be_asked() {
        let tokens = tokens("https://registry.example/", None, Credentials::None);
        assert!(realm(&tokens, "https://auth.elsewhere.example/token").is_ok());
        assert!(realm(&tokens, "https://10.0.0.1/token").is_err());
    }

    #[test]
    fn docker_hub_has_its_own_token_service() {
        let tokens = tokens("https://registry-1.docker.io/", None, password());
        assert!(realm(&tokens, "https://auth.docker.io/token").is_ok());
        assert!(realm(&tokens, "https://gitlab.com/token").is_err());
    }
}
