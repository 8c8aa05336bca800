//! Credentials and clients: one SDK configuration for each account and region, all with the same manners.

use crate::guard::PublicOnly;
use crate::settings::{Access, Operator, Patience, Secret, Settings};
use crate::whole::Whole;
use aws_config::sts::AssumeRoleProvider;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_http_client::tls;
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_smithy_types::retry::RetryConfig;
use plumbline_core::collect::CollectError;
use secrecy::ExposeSecret;

/// Makes configurations for the accounts of one source.
#[derive(Clone)]
pub(crate) struct Clients {
    settings: Settings,
    base: SdkConfig,
}

impl Clients {
    /// The identity that the source's settings give us, before any member account.
    pub(crate) async fn open(
        settings: &Settings,
        secret: &Secret,
        operator: &Operator,
        patience: &Patience,
    ) -> Result<Self, CollectError> {
        let mut loader = aws_config::defaults(BehaviorVersion::latest())
            .http_client(http_client(settings, operator))
            .region(Region::new(settings.home_region.clone()))
            .retry_config(retries(patience))
            .timeout_config(
                TimeoutConfig::builder()
                    .connect_timeout(patience.connect)
                    .operation_attempt_timeout(patience.attempt)
                    .operation_timeout(patience.operation)
                    .build(),
            );
        if let Some(endpoint) = &settings.endpoint {
            loader = loader.endpoint_url(endpoint);
        }
        if let Some(credentials) = key(secret) {
            loader = loader.credentials_provider(credentials);
        } else if matches!(settings.access, Access::Key | Access::Organization { role_arn: None, .. }) {
            return Err(CollectError::Settings("The access key is missing.".to_owned()));
        }
        let own = loader.load().await;
        let base = match &settings.access {
            Access::Role { role_arn, external_id }
            | Access::Organization { role_arn: Some(role_arn), external_id, .. } => {
                assume(&own, role_arn, external_id).await
            }
            Access::Key | Access::Organization { role_arn: None, .. } => own,
        };
        Ok(Self { settings: settings.clone(), base })
    }

    pub(crate) fn base(&self) -> &SdkConfig {
        &self.base
    }

    /// The configuration to read `account` with.
    pub(crate) async fn account(&self, account: &str, is_own: bool) -> SdkConfig {
        match &self.settings.access {
            Access::Organization { member_role, external_id, .. } if !is_own => {
                let arn = format!("arn:{}:iam::{account}:role/{member_role}", self.settings.partition());
                assume(&self.base, &arn, external_id).await
            }
            _ => self.base.clone(),
        }
    }
}

/// The same account in another region.
pub(crate) fn in_region(config: &SdkConfig, region: &str) -> SdkConfig {
    config.to_builder().region(Region::new(region.to_owned())).build()
}

async fn assume(from: &SdkConfig, role_arn: &str, external_id: &str) -> SdkConfig {
    let provider = AssumeRoleProvider::builder(role_arn)
        .external_id(external_id)
        .session_name("plumbline")
        .configure(from)
        .build()
        .await;
    from.to_builder().credentials_provider(SharedCredentialsProvider::new(provider)).build()
}

fn key(secret: &Secret) -> Option<Credentials> {
    let (id, key) = (secret.access_key_id.as_ref()?, secret.secret_access_key.as_ref()?);
    let token = secret.session_token.as_ref().map(|token| token.expose_secret().to_owned());
    Some(Credentials::new(id, key.expose_secret(), token, None, "plumbline"))
}

/// Adaptive: once AWS throttles one call of a client, all its calls slow down.
fn retries(patience: &Patience) -> RetryConfig {
    RetryConfig::adaptive()
        .with_max_attempts(patience.attempts)
        .with_initial_backoff(patience.first_backoff)
        .with_max_backoff(patience.longest_backoff)
}

/// Only a tenant's own endpoint needs the guard; AWS's names are AWS's.
fn http_client(settings: &Settings, operator: &Operator) -> SharedHttpClient {
    let builder = aws_smithy_http_client::Builder::new()
        .tls_provider(tls::Provider::Rustls(tls::rustls_provider::CryptoMode::AwsLc));
    let client = if settings.endpoint.is_some() && !operator.private_endpoints {
        builder.build_with_resolver(PublicOnly)
    } else {
        builder.build_https()
    };
    SharedHttpClient::new(Whole(client))
}
