//! One sign-in under way: kept encrypted in a cookie of the browser that began it, for ten minutes.

use super::{redirect_uri, refused};
use crate::call::{Visit, Visitor};
use crate::error::WebError;
use crate::outside::{Outside, OutsideError};
use crate::state::AppState;
use actix_web::HttpRequest;
use actix_web::cookie::time::Duration;
use actix_web::cookie::{Cookie, CookieJar, SameSite};
use chrono::{DateTime, TimeDelta, Utc};
use futures::future::LocalBoxFuture;
use openidconnect::core::{
    CoreAuthenticationFlow, CoreClient, CoreClientAuthMethod, CoreIdTokenClaims, CoreJwsSigningAlgorithm,
    CoreProviderMetadata, CoreUserInfoClaims,
};
use openidconnect::{
    AccessToken, AuthType, AuthorizationCode, ClientId, ClientSecret, CsrfToken, EndpointMaybeSet, EndpointNotSet,
    EndpointSet, HttpRequest as OutRequest, HttpResponse as OutResponse, IssuerUrl, Nonce, OAuth2TokenResponse,
    PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, Scope, TokenResponse,
};
use plumbline_core::id::TenantId;
use plumbline_store::identity::Token;
use plumbline_store::identity::provider::{Provider, secret_owner};
use plumbline_store::tenant::Tenant;
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;
use url::Url;

const GOOD_FOR: TimeDelta = TimeDelta::minutes(10);

type Client =
    CoreClient<EndpointSet, EndpointNotSet, EndpointNotSet, EndpointNotSet, EndpointMaybeSet, EndpointMaybeSet>;

/// What has to come back unchanged.
#[derive(Serialize, Deserialize)]
pub(super) struct Flow {
    pub(super) tenant: TenantId,
    state: String,
    nonce: String,
    verifier: String,
    until: DateTime<Utc>,
}

/// Whom a provider vouches for.
pub(super) struct Vouched {
    pub(super) issuer: String,
    pub(super) subject: String,
    /// Verified by the provider.
    pub(super) email: String,
    pub(super) name: String,
}

impl Flow {
    /// Finds the provider's endpoints and makes the address that the browser goes to.
    pub(super) async fn begin(
        visitor: &Visitor,
        tenant: &Tenant,
        provider: &Provider,
    ) -> Result<(Self, Url), WebError> {
        let random = || Token::mint(&visitor.state.mint).expose().to_owned();
        let flow = Self {
            tenant: tenant.id,
            state: random(),
            nonce: random(),
            verifier: random(),
            until: visitor.now + GOOD_FOR,
        };
        let client = client(&visitor.state, tenant.id, provider).await?;
        let challenge = PkceCodeChallenge::from_code_verifier_sha256(&PkceCodeVerifier::new(flow.verifier.clone()));
        let (state, nonce) = (CsrfToken::new(flow.state.clone()), Nonce::new(flow.nonce.clone()));
        let (url, ..) = client
            .authorize_url(CoreAuthenticationFlow::AuthorizationCode, move || state, move || nonce)
            .add_scope(Scope::new("email".to_owned()))
            .add_scope(Scope::new("profile".to_owned()))
            .set_pkce_challenge(challenge)
            .url();
        Ok((flow, url))
    }

    /// The cookie that keeps it. Lax, because the way back begins at the provider's site.
    pub(super) fn cookie(&self, visit: &Visit) -> Result<Cookie<'static>, WebError> {
        let text = serde_json::to_string(self).map_err(|error| WebError::Internal(error.to_string()))?;
        let mut jar = CookieJar::new();
        jar.private_mut(&visit.state.config.cookie_key).add(Cookie::new(name(&visit.state), text));
        let sealed = jar.get(&name(&visit.state)).map(|cookie| cookie.value().to_owned()).unwrap_or_default();
        Ok(shaped(&visit.state, sealed, Duration::seconds(GOOD_FOR.num_seconds())))
    }

    /// The one that this browser began, unless it is over.
    pub(super) fn resume(visit: &Visit, req: &HttpRequest) -> Option<Self> {
        let mut jar = CookieJar::new();
        jar.add_original(req.cookie(&name(&visit.state))?);
        let opened = jar.private(&visit.state.config.cookie_key).get(&name(&visit.state))?;
        let flow: Self = serde_json::from_str(opened.value()).ok()?;
        (flow.until > visit.now).then_some(flow)
    }

    /// Takes the cookie away.
    pub(super) fn end(visit: &Visit) -> Cookie<'static> {
        shaped(&visit.state, String::new(), Duration::ZERO)
    }

    pub(super) fn is_answered_by(&self, state: &str) -> bool {
        self.state.as_bytes().ct_eq(state.as_bytes()).into()
    }

    /// Exchanges the code, and verifies the ID token: signature, issuer, audience, expiry and nonce.
    pub(super) async fn redeem(&self, visitor: &Visitor, provider: &Provider, code: &str) -> Result<Vouched, WebError> {
        let client = client(&visitor.state, self.tenant, provider).await?;
        let http = http(&visitor.state)?;
        let tokens = client
            .exchange_code(AuthorizationCode::new(code.to_owned()))
            .map_err(|error| broken(&error))?
            .set_pkce_verifier(PkceCodeVerifier::new(self.verifier.clone()))
            .request_async(&http)
            .await
            .map_err(|error| broken(&error))?;
        let id_token = tokens.id_token().ok_or_else(|| refused("your provider sent no ID token"))?;
        let now = visitor.now;
        let verifier = client
            .id_token_verifier()
            .set_allowed_algs([
                CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256,
                CoreJwsSigningAlgorithm::RsaSsaPssSha256,
                CoreJwsSigningAlgorithm::EcdsaP256Sha256,
                CoreJwsSigningAlgorithm::EdDsa,
            ])
            .set_time_fn(move || now);
        let claims = id_token.claims(&verifier, &Nonce::new(self.nonce.clone())).map_err(|error| broken(&error))?;
        let more = match claims.email() {
            Some(_) => None,
            None => Some(user_info(&client, tokens.access_token(), claims, &visitor.state).await?),
        };
        vouched(provider, claims, more.as_ref())
    }
}

/// The address must be verified: an unverified one is whatever somebody typed at the provider.
fn vouched(
    provider: &Provider,
    claims: &CoreIdTokenClaims,
    more: Option<&CoreUserInfoClaims>,
) -> Result<Vouched, WebError> {
    let email = claims.email().or_else(|| more.and_then(|more| more.email()));
    let verified = claims.email_verified().or_else(|| more.and_then(|more| more.email_verified()));
    let name = claims.name().or_else(|| more.and_then(|more| more.name())).and_then(|name| name.get(None));
    let email = email.ok_or_else(|| refused("your provider does not tell your e-mail address"))?.to_string();
    if verified != Some(true) {
        return Err(refused("your provider has not verified your e-mail address"));
    }
    Ok(Vouched {
        issuer: provider.issuer.clone(),
        subject: claims.subject().to_string(),
        name: name.map_or_else(|| email.clone(), |name| name.to_string()),
        email,
    })
}

async fn user_info(
    client: &Client,
    token: &AccessToken,
    claims: &CoreIdTokenClaims,
    state: &AppState,
) -> Result<CoreUserInfoClaims, WebError> {
    let http = http(state)?;
    let asked = client.user_info(token.clone(), Some(claims.subject().clone())).map_err(|error| broken(&error))?;
    asked.request_async(&http).await.map_err(|error| broken(&error))
}

async fn client(state: &AppState, tenant: TenantId, provider: &Provider) -> Result<Client, WebError> {
    let http = http(state)?;
    let issuer = IssuerUrl::new(provider.issuer.clone()).map_err(|error| broken(&error))?;
    let metadata = CoreProviderMetadata::discover_async(issuer, &http).await.map_err(|error| broken(&error))?;
    let secret = state.keyring.open(&secret_owner(tenant), &provider.secret)?;
    let auth = auth_type(&metadata);
    let redirect =
        RedirectUrl::new(redirect_uri(&state.config)).map_err(|error| WebError::Internal(error.to_string()))?;
    Ok(CoreClient::from_provider_metadata(
        metadata,
        ClientId::new(provider.client_id.clone()),
        Some(ClientSecret::new(secret.expose_secret().to_owned())),
    )
    .set_auth_type(auth)
    .set_redirect_uri(redirect))
}

/// Basic is the default of the standard; some providers take the secret in the body alone.
fn auth_type(metadata: &CoreProviderMetadata) -> AuthType {
    match metadata.token_endpoint_auth_methods_supported() {
        Some(known) if !known.contains(&CoreClientAuthMethod::ClientSecretBasic) => AuthType::RequestBody,
        _ => AuthType::BasicAuth,
    }
}

type Sent = LocalBoxFuture<'static, Result<OutResponse, OutsideError>>;

fn http(state: &AppState) -> Result<impl Fn(OutRequest) -> Sent + use<>, WebError> {
    let outside = Outside::new(state.config.private_issuers).map_err(|error| WebError::Internal(error.to_string()))?;
    Ok(move |request: OutRequest| -> Sent {
        let outside = outside.clone();
        Box::pin(async move { outside.send(request).await })
    })
}

fn name(state: &AppState) -> String {
    state.config.cookie_name("oidc")
}

fn shaped(state: &AppState, value: String, max_age: Duration) -> Cookie<'static> {
    Cookie::build(name(state), value)
        .path("/")
        .max_age(max_age)
        .http_only(true)
        .secure(state.config.secure_cookies())
        .same_site(SameSite::Lax)
        .finish()
}

/// The particulars are for the log: they tell of the provider, whose settings are the tenant's.
fn broken(error: &dyn std::error::Error) -> WebError {
    let mut chain = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        chain = format!("{chain}: {cause}");
        source = cause.source();
    }
    tracing::warn!(error = chain, "sign-in through a provider failed");
    refused("your provider's answer could not be used")
}
