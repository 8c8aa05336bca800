//! Amazon ECR's own exchange: an access key for a password that the registry takes for twelve hours.
//!
//! One signed request (`GetAuthorizationToken`); the signature alone comes from a library, so that reading a registry does
//! not compile an SDK.

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use std::time::SystemTime;

const TARGET: &str = "AmazonEC2ContainerRegistry_V20150921.GetAuthorizationToken";
const CONTENT_TYPE: &str = "application/x-amz-json-1.1";
/// The request's body: the registry of the key's own account.
pub(crate) const BODY: &str = "{}";

/// An access key, and the region of the registry.
#[derive(Clone)]
pub(crate) struct Key {
    pub(crate) region: String,
    pub(crate) access_key_id: String,
    pub(crate) secret_access_key: SecretString,
    pub(crate) session_token: Option<SecretString>,
}

impl Key {
    pub(crate) fn url(&self) -> String {
        let domain = if self.region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
        format!("https://api.ecr.{}.{domain}/", self.region)
    }

    /// The headers of the signed request, at an instant.
    pub(crate) fn headers(&self, now: SystemTime) -> Result<Vec<(String, String)>, String> {
        let broken = |_| "the request to ECR could not be signed".to_owned();
        let token = self.session_token.as_ref().map(|token| token.expose_secret().to_owned());
        let secret = self.secret_access_key.expose_secret();
        let identity = Credentials::new(&self.access_key_id, secret, token, None, "plumbline").into();
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name("ecr")
            .time(now)
            .settings(SigningSettings::default())
            .build()
            .map_err(|_| "the request to ECR could not be signed".to_owned())?
            .into();
        let own = [("content-type", CONTENT_TYPE), ("x-amz-target", TARGET)];
        let request = SignableRequest::new("POST", self.url(), own.into_iter(), SignableBody::Bytes(BODY.as_bytes()))
            .map_err(broken)?;
        let (instructions, _) = sign(request, &params).map_err(broken)?.into_parts();
        let signed = instructions.headers().map(|(name, value)| (name.to_owned(), value.to_owned()));
        let own = own.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned()));
        Ok(own.chain(signed).collect())
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    authorization_data: Vec<Authorization>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Authorization {
    authorization_token: SecretString,
}

/// What ECR answers: user name and password, encoded as basic authentication wants them.
pub(crate) fn password(answer: &[u8]) -> Option<SecretString> {
    let answer: Answer = serde_json::from_slice(answer).ok()?;
    answer.authorization_data.into_iter().next().map(|data| data.authorization_token)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn the_request_is_signed_for_the_region_and_service() {
        let key = Key {
            region: "eu-west-1".to_owned(),
            access_key_id: "AKIDEXAMPLE".to_owned(),
            secret_access_key: SecretString::from("not-a-key"),
            session_token: Some(SecretString::from("session")),
        };
        let headers = key.headers(SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000)).unwrap();
        let get = |name: &str| headers.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str()).unwrap_or_default();
        assert!(get("authorization").contains("Credential=AKIDEXAMPLE/20231114/eu-west-1/ecr/aws4_request"));
        assert!(get("authorization").contains("x-amz-target"));
        assert_eq!(get("x-amz-date"), "20231114T221320Z");
        assert_eq!(get("x-amz-security-token"), "session");
        assert_eq!(key.url(), "https://api.ecr.eu-west-1.amazonaws.com/");
    }

    #[test]
    fn the_answer_carries_the_password() {
        let answer =
            br#"{"authorizationData":[{"authorizationToken":"QVdTOnB3","expiresAt":1.7E9,"proxyEndpoint":"x"}]}"#;
        assert_eq!(password(answer).unwrap().expose_secret(), "QVdTOnB3");
        assert!(password(b"{}").is_none());
    }
}
