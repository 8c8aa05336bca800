//! What a tenant tells us of an account, and what the operator of this installation allows.

use plumbline_core::collect::{CollectError, Connection};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// The public settings of an AWS source.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    pub access: Access,
    /// Where to send requests instead of AWS's own endpoints.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// The region that answers for what has none; the partition follows from it.
    #[serde(default = "home_region")]
    pub home_region: String,
    /// Only these regions; empty for all that are enabled.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub regions: Vec<String>,
}

fn home_region() -> String {
    "us-east-1".to_owned()
}

/// How we get in.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "by", rename_all = "snake_case")]
pub enum Access {
    /// Assume a role from the server's own identity.
    Role { role_arn: String, external_id: String },
    /// An access key of the account itself, in the secret.
    #[serde(rename = "access_key")]
    Key,
    /// The management account of an organization, by key or by role; every active member account is read through the
    /// role of that name.
    Organization {
        /// The role in the management account; absent when the secret holds an access key.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        role_arn: Option<String>,
        /// The name of the role to assume in each member account.
        member_role: String,
        external_id: String,
    },
}

/// The secret of an AWS source, as sealed.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Secret {
    #[serde(default)]
    pub(crate) access_key_id: Option<String>,
    #[serde(default)]
    pub(crate) secret_access_key: Option<SecretString>,
    #[serde(default)]
    pub(crate) session_token: Option<SecretString>,
}

/// How long to wait for AWS, and how often to ask again.
#[derive(Debug, Clone)]
pub struct Patience {
    /// Tries of one call, the first included.
    pub attempts: u32,
    /// The wait before the second try; it doubles up to the longest.
    pub first_backoff: Duration,
    pub longest_backoff: Duration,
    /// To reach the endpoint.
    pub connect: Duration,
    /// For one try.
    pub attempt: Duration,
    /// For one call with all its tries.
    pub operation: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            attempts: 6,
            first_backoff: Duration::from_secs(1),
            longest_backoff: Duration::from_secs(8),
            connect: Duration::from_secs(4),
            attempt: Duration::from_secs(20),
            operation: Duration::from_secs(90),
        }
    }
}

/// What the operator allows to all tenants.
#[derive(Debug, Clone, Default)]
pub struct Operator {
    /// Endpoints on loopback, link-local and private addresses, for stand-ins.
    pub private_endpoints: bool,
    /// The ARN of the identity that the server itself has in AWS, for the trust policies that it prints.
    pub identity: Option<String>,
}

impl Settings {
    /// Reads and checks the settings of a connection.
    ///
    /// # Errors
    /// With a sentence for the person who typed them.
    pub(crate) fn of(connection: &Connection, operator: &Operator) -> Result<Self, CollectError> {
        let settings: Self = serde_json::from_value(connection.settings.clone())
            .map_err(|e| CollectError::Settings(format!("The settings are not those of an AWS source: {e}.")))?;
        settings.check(operator).map_err(CollectError::Settings)?;
        Ok(settings)
    }

    fn check(&self, operator: &Operator) -> Result<(), String> {
        if let Some(endpoint) = &self.endpoint {
            crate::guard::endpoint(endpoint, operator.private_endpoints)?;
            let by_our_identity =
                matches!(self.access, Access::Role { .. } | Access::Organization { role_arn: Some(_), .. });
            if by_our_identity && !operator.private_endpoints {
                return Err(
                    "An endpoint of your own is reached with an access key: a role would be asked for there with \
                            the identity of this server."
                        .to_owned(),
                );
            }
        }
        for region in std::iter::once(&self.home_region).chain(&self.regions) {
            if !is_region(region) {
                return Err(format!("{region} is not the name of a region, such as eu-west-1."));
            }
        }
        match &self.access {
            Access::Role { role_arn, external_id } => {
                role(role_arn)?;
                external(external_id)
            }
            Access::Key => Ok(()),
            Access::Organization { role_arn, member_role, external_id } => {
                if let Some(arn) = role_arn {
                    role(arn)?;
                }
                if member_role.is_empty() || member_role.contains([':', ' ']) {
                    return Err("The member role is a role's name, not its ARN.".to_owned());
                }
                external(external_id)
            }
        }
    }

    /// `aws`, `aws-cn` or `aws-us-gov`.
    pub(crate) fn partition(&self) -> &'static str {
        match self.home_region.as_str() {
            region if region.starts_with("cn-") => "aws-cn",
            region if region.starts_with("us-gov-") => "aws-us-gov",
            _ => "aws",
        }
    }
}

impl Secret {
    pub(crate) fn of(connection: &Connection) -> Result<Self, CollectError> {
        serde_json::from_str(connection.secret.expose_secret())
            .map_err(|_| CollectError::Settings("The stored credential is not that of an AWS source.".to_owned()))
    }
}

fn is_region(name: &str) -> bool {
    let mut parts = name.split('-');
    let sound = name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
    sound
        && name.len() <= 32
        && parts.clone().count() >= 3
        && parts.next_back().is_some_and(|n| n.parse::<u8>().is_ok())
}

fn role(arn: &str) -> Result<(), String> {
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    let sound = parts.len() == 6
        && parts[0] == "arn"
        && parts[1].starts_with("aws")
        && parts[2] == "iam"
        && parts[4].len() == 12
        && parts[4].bytes().all(|b| b.is_ascii_digit())
        && parts[5].starts_with("role/");
    if sound {
        Ok(())
    } else {
        Err(format!("{arn} is not a role's ARN, such as arn:aws:iam::111122223333:role/Reader."))
    }
}

fn external(id: &str) -> Result<(), String> {
    let sound =
        (2..=1224).contains(&id.len()) && id.chars().all(|c| c.is_ascii_alphanumeric() || "+=,.@:/-_".contains(c));
    if sound { Ok(()) } else { Err("The external id has 2 to 1224 letters, digits and +=,.@:/-_.".to_owned()) }
}
