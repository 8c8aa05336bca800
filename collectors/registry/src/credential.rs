//! What we have to show: the secret of a source, and what it comes to.

use crate::ecr;
use crate::error::ReadError;
use crate::settings::{Auth, Settings};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use plumbline_core::collect::{CollectError, Connection};
use reqwest::header::HeaderValue;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

/// The secret of a registry source, as sealed.
#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Secret {
    #[serde(default)]
    pub(crate) username: Option<String>,
    #[serde(default)]
    pub(crate) password: Option<SecretString>,
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
            read.map_err(|_| CollectError::Settings("The stored credential is not that of a registry.".to_owned()))?;
        let password = secret.username.is_some() && secret.password.is_some();
        let key = secret.access_key_id.is_some() && secret.secret_access_key.is_some();
        let missing = match settings.auth {
            Auth::Anonymous => None,
            Auth::Token => secret.token.is_none().then_some("The token is missing."),
            Auth::Ecr { .. } => (!password && !key).then_some("The access key is missing."),
            _ => (!password).then_some("The user name or the password is missing."),
        };
        missing.map_or(Ok(secret), |words| Err(CollectError::Settings(words.to_owned())))
    }
}

/// What we have to show.
#[derive(Clone)]
pub(crate) enum Credentials {
    None,
    Password {
        username: String,
        password: SecretString,
    },
    /// A bearer token of the registry itself.
    Bearer(SecretString),
    Ecr(Box<ecr::Key>),
}

impl Credentials {
    /// What the settings and the secret come to.
    pub(crate) fn of(settings: &Settings, secret: &Secret) -> Result<Self, String> {
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
}

pub(crate) fn basic(username: &str, password: &SecretString) -> Result<HeaderValue, ReadError> {
    header("Basic", &STANDARD.encode(format!("{username}:{}", password.expose_secret())))
}

pub(crate) fn header(scheme: &str, value: &str) -> Result<HeaderValue, ReadError> {
    let mut header = HeaderValue::try_from(format!("{scheme} {value}"))
        .map_err(|_| ReadError::failed("the credential has characters that cannot be sent"))?;
    header.set_sensitive(true);
    Ok(header)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_credential_that_lacks_its_half_is_refused() {
        let settings: Settings =
            serde_json::from_value(json!({ "host": "r.example", "auth": { "by": "harbor" } })).unwrap();
        for (secret, good) in
            [("{}", false), (r#"{"username":"a"}"#, false), (r#"{"username":"a","password":"b"}"#, true)]
        {
            let connection = Connection { settings: json!({}), secret: SecretString::from(secret) };
            assert_eq!(Secret::of(&connection, &settings).is_ok(), good, "{secret}");
        }
    }
}
