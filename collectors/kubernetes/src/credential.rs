//! What we have to show: the secret of a source, and what is sent to the API server.

use crate::aws::Key;
use crate::error::ReadError;
use crate::settings::{Auth, Settings};
use plumbline_core::clock::SharedClock;
use plumbline_core::collect::{CollectError, Connection};
use reqwest::header::HeaderValue;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use std::path::PathBuf;
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::time::Instant;

/// How long what is shown is shown again: tokens of EKS hold for 15 minutes, and the file of a pod's token is written anew.
const GOOD_FOR: Duration = Duration::from_secs(8 * 60);

/// The secret of a cluster, as sealed.
#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Secret {
    #[serde(default)]
    pub(crate) kubeconfig: Option<SecretString>,
    #[serde(default)]
    pub(crate) token: Option<SecretString>,
    #[serde(default)]
    pub(crate) access_key_id: Option<String>,
    #[serde(default)]
    pub(crate) secret_access_key: Option<SecretString>,
    #[serde(default)]
    pub(crate) session_token: Option<SecretString>,
}

impl Secret {
    pub(crate) fn of(connection: &Connection, settings: &Settings) -> Result<Self, CollectError> {
        let text = connection.secret.expose_secret();
        let read = if matches!(text.trim(), "" | "null") { Ok(Self::default()) } else { serde_json::from_str(text) };
        let secret: Self =
            read.map_err(|_| CollectError::Settings("The stored credential is not that of a cluster.".to_owned()))?;
        let missing = match settings.auth {
            Auth::Kubeconfig { .. } => secret.kubeconfig.is_none().then_some("The kubeconfig is missing."),
            Auth::Token => secret.token.is_none().then_some("The token is missing."),
            Auth::InCluster => None,
            Auth::Eks { .. } => (secret.access_key_id.is_none() || secret.secret_access_key.is_none())
                .then_some("The access key is missing."),
        };
        missing.map_or(Ok(secret), |words| Err(CollectError::Settings(words.to_owned())))
    }
}

/// Where the bearer token of a request comes from.
pub(crate) enum Tokens {
    /// The certificate says it all, or nothing is said.
    None,
    Fixed(SecretString),
    File(PathBuf),
    Eks {
        key: Box<Key>,
        cluster: String,
        clock: SharedClock,
    },
}

/// Gives each request its header.
pub(crate) struct Bearer {
    tokens: Tokens,
    last: Mutex<Option<(Instant, HeaderValue)>>,
}

impl Bearer {
    pub(crate) fn new(tokens: Tokens) -> Self {
        Self { tokens, last: Mutex::new(None) }
    }

    pub(crate) async fn header(&self) -> Result<Option<HeaderValue>, ReadError> {
        if matches!(self.tokens, Tokens::None) {
            return Ok(None);
        }
        let mut last = self.last.lock().await;
        if let Some((made, header)) = last.as_ref()
            && made.elapsed() < GOOD_FOR
        {
            return Ok(Some(header.clone()));
        }
        let header = bearer(&self.make().await?)?;
        *last = Some((Instant::now(), header.clone()));
        Ok(Some(header))
    }

    /// Makes the next request ask for a token anew: the last one was not accepted.
    pub(crate) async fn forget(&self) {
        *self.last.lock().await = None;
    }

    async fn make(&self) -> Result<SecretString, ReadError> {
        match &self.tokens {
            Tokens::None => Ok(SecretString::default()),
            Tokens::Fixed(token) => Ok(token.clone()),
            Tokens::File(path) => {
                let read = tokio::fs::read_to_string(path).await;
                let text = read.map_err(|error| ReadError::failed(format!("the pod's token: {error}")))?;
                Ok(SecretString::from(text.trim()))
            }
            Tokens::Eks { key, cluster, clock } => key.token(cluster, clock.now().into()).map_err(ReadError::failed),
        }
    }
}

fn bearer(token: &SecretString) -> Result<HeaderValue, ReadError> {
    let mut header = HeaderValue::try_from(format!("Bearer {}", token.expose_secret()))
        .map_err(|_| ReadError::failed("the token has characters that cannot be sent"))?;
    header.set_sensitive(true);
    Ok(header)
}
