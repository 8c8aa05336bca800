//! From settings and secret to an API server, and what is shown to it.

use crate::aws::Key;
use crate::credential::{Secret, Tokens};
use crate::kubeconfig::{self, Who};
use crate::operator::{Operator, Patience};
use crate::settings::{Auth, Settings, certificates, server_url};
use plumbline_core::clock::SharedClock;
use plumbline_core::collect::CollectError;
use plumbline_outside::Reach;
use secrecy::{ExposeSecret, SecretString};
use url::Url;

/// An API server, and who we are to it.
pub(crate) struct Endpoint {
    pub(crate) server: Url,
    pub(crate) ca: Option<String>,
    /// Certificate and key, in PEM.
    pub(crate) certificate: Option<(String, SecretString)>,
    pub(crate) tokens: Tokens,
    /// The cluster's name where its cloud or its kubeconfig says it, such as an ARN.
    pub(crate) name: Option<String>,
    /// Whether it may be where only this installation gets to.
    pub(crate) inside: bool,
}

/// # Errors
/// When settings and secret make no sense together, or AWS does not say where the cluster is.
pub(crate) async fn endpoint(
    settings: &Settings,
    secret: &Secret,
    operator: &Operator,
    clock: &SharedClock,
) -> Result<Endpoint, CollectError> {
    let typed = settings.server().map_err(CollectError::Settings)?;
    let given = |server: Option<Url>| server.ok_or_else(|| wrong("The address of the API server is missing."));
    let ca = settings.ca.clone();
    let inside = operator.private_endpoints;
    match &settings.auth {
        Auth::Token => {
            let tokens = Tokens::Fixed(secret.token.clone().unwrap_or_default());
            Ok(Endpoint { server: given(typed)?, ca, certificate: None, tokens, name: None, inside })
        }
        Auth::Kubeconfig { context } => {
            let text = secret.kubeconfig.as_ref().ok_or_else(|| wrong("The kubeconfig is missing."))?;
            let found = kubeconfig::read(text, context.as_deref()).map_err(CollectError::Settings)?;
            let (tokens, certificate) = match found.who {
                Who::Token(token) => (Tokens::Fixed(token), None),
                Who::Certificate { certificate, key } => (Tokens::None, Some((certificate, key))),
            };
            let name = Some(found.cluster);
            Ok(Endpoint { server: found.server, ca: found.ca.or(ca), certificate, tokens, name, inside })
        }
        Auth::InCluster => {
            let own = operator.own_cluster.as_ref().ok_or_else(|| wrong("This server runs in no cluster."))?;
            let read = tokio::fs::read_to_string(own.folder.join("ca.crt")).await;
            let ca = read.map_err(|error| wrong(&format!("The authority of this server's own cluster: {error}.")))?;
            let server = server_url(&own.server).map_err(CollectError::Settings)?;
            let tokens = Tokens::File(own.folder.join("token"));
            Ok(Endpoint { server, ca: Some(ca), certificate: None, tokens, name: None, inside: true })
        }
        Auth::Eks { .. } => eks(settings, secret, typed, inside, clock).await,
    }
}

async fn eks(
    settings: &Settings,
    secret: &Secret,
    typed: Option<Url>,
    inside: bool,
    clock: &SharedClock,
) -> Result<Endpoint, CollectError> {
    let Auth::Eks { cluster, region, role, external_id } = &settings.auth else {
        return Err(wrong("The cluster is not one of EKS."));
    };
    let mut key = Key {
        region: region.clone(),
        access_key_id: secret.access_key_id.clone().unwrap_or_default(),
        secret_access_key: secret.secret_access_key.clone().unwrap_or_default(),
        session_token: secret.session_token.clone(),
    };
    let http = builder(&Patience::default(), false).build().map_err(|error| wrong(&error.to_string()))?;
    if let Some(role) = role {
        key = key
            .assume(&http, role, external_id.as_deref(), clock.now().into())
            .await
            .map_err(|why| CollectError::Refused(format!("The role could not be assumed (sts:AssumeRole): {why}.")))?;
    }
    let (mut ca, mut name, mut server) = (settings.ca.clone(), None, typed);
    if server.is_none() {
        let found = key.describe(&http, cluster, clock.now().into()).await;
        let found = found.map_err(|why| {
            CollectError::Refused(format!("EKS does not say where the cluster is (eks:DescribeCluster): {why}."))
        })?;
        ca = ca.or_else(|| found.ca());
        server = Some(server_url(&found.endpoint).map_err(CollectError::Settings)?);
        name = Some(found.arn);
    }
    let server = server.ok_or_else(|| wrong("The address of the API server is missing."))?;
    let tokens = Tokens::Eks { key: Box::new(key), cluster: cluster.clone(), clock: clock.clone() };
    Ok(Endpoint { server, ca, certificate: None, tokens, name, inside })
}

fn wrong(words: &str) -> CollectError {
    CollectError::Settings(words.to_owned())
}

/// What all our clients have in common.
fn builder(patience: &Patience, inside: bool) -> reqwest::ClientBuilder {
    plumbline_outside::client(Reach::allowed(inside)).connect_timeout(patience.connect)
}

/// A client that trusts the cluster's authority and shows our certificate, if there is one.
pub(crate) fn client(
    endpoint: &Endpoint,
    patience: &Patience,
    known: bool,
) -> Result<reqwest::ClientBuilder, CollectError> {
    let mut http = builder(patience, endpoint.inside).https_only(endpoint.server.scheme() == "https");
    let trusted = certificates(endpoint.ca.as_deref()).map_err(CollectError::Settings)?;
    if !trusted.is_empty() {
        http = http.tls_certs_only(trusted);
    }
    if let (true, Some((certificate, key))) = (known, &endpoint.certificate) {
        let pem = format!("{certificate}\n{}", key.expose_secret());
        let identity = reqwest::Identity::from_pem(pem.as_bytes())
            .map_err(|_| wrong("The certificate and the key of the kubeconfig do not make an identity."))?;
        http = http.identity(identity);
    }
    Ok(http)
}
