//! EKS takes an AWS identity as a signed request that is never sent: the token is its address.
//!
//! Two calls more say where the cluster is and, where a role is named, let us become it. The signature alone comes from a
//! library, so that reading a cluster does not compile an SDK.

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SignatureLocation, SigningSettings, sign};
use aws_sigv4::sign::v4;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use plumbline_core::text::{chain, one_line};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use std::time::{Duration, SystemTime};
use url::Url;
use url::form_urlencoded::Serializer;

/// How long a token may be used, as EKS itself has it.
const EXPIRES: Duration = Duration::from_secs(60);
/// The largest answer of AWS that is read, in bytes.
const LARGEST: usize = 1 << 20;

/// Headers or parameters.
type Pairs = Vec<(String, String)>;

/// An access key, and the region of the cluster.
#[derive(Clone)]
pub(crate) struct Key {
    pub(crate) region: String,
    pub(crate) access_key_id: String,
    pub(crate) secret_access_key: SecretString,
    pub(crate) session_token: Option<SecretString>,
}

/// Where a cluster of EKS is.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Described {
    pub(crate) endpoint: String,
    pub(crate) arn: String,
    certificate_authority: Authority,
}

#[derive(Deserialize)]
struct Authority {
    data: String,
}

impl Described {
    pub(crate) fn ca(&self) -> Option<String> {
        STANDARD.decode(&self.certificate_authority.data).ok().and_then(|bytes| String::from_utf8(bytes).ok())
    }
}

impl Key {
    fn domain(&self) -> &'static str {
        if self.region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" }
    }

    /// The bearer token that EKS takes, as of an instant.
    pub(crate) fn token(&self, cluster: &str, now: SystemTime) -> Result<SecretString, String> {
        let address =
            format!("https://sts.{}.{}/?Action=GetCallerIdentity&Version=2011-06-15", self.region, self.domain());
        let mut settings = SigningSettings::default();
        settings.expires_in = Some(EXPIRES);
        settings.signature_location = SignatureLocation::QueryParams;
        let mut url = Url::parse(&address).map_err(|error| error.to_string())?;
        let signed = self.sign("sts", "GET", &address, &[("x-k8s-aws-id", cluster)], b"", settings, now)?;
        url.query_pairs_mut().extend_pairs(signed.1);
        let token = format!("k8s-aws-v1.{}", URL_SAFE_NO_PAD.encode(url.as_str()));
        Ok(SecretString::from(token))
    }

    /// Asks EKS where a cluster is.
    pub(crate) async fn describe(
        &self,
        http: &reqwest::Client,
        cluster: &str,
        now: SystemTime,
    ) -> Result<Described, String> {
        #[derive(Deserialize)]
        struct Answer {
            cluster: Described,
        }
        let address = format!("https://eks.{}.{}/clusters/{cluster}", self.region, self.domain());
        let (headers, _) = self.sign("eks", "GET", &address, &[], b"", SigningSettings::default(), now)?;
        let body = send(headers.iter().fold(http.get(&address), |ask, (name, value)| ask.header(name, value))).await?;
        let answer: Answer =
            serde_json::from_slice(&body).map_err(|_| "EKS does not say where the cluster is".to_owned())?;
        Ok(answer.cluster)
    }

    /// Becomes a role.
    pub(crate) async fn assume(
        &self,
        http: &reqwest::Client,
        role: &str,
        external_id: Option<&str>,
        now: SystemTime,
    ) -> Result<Self, String> {
        let mut fields = vec![("Action", "AssumeRole"), ("Version", "2011-06-15"), ("RoleArn", role)];
        fields.push(("RoleSessionName", "plumbline"));
        fields.extend(external_id.map(|id| ("ExternalId", id)));
        let body = Serializer::new(String::new()).extend_pairs(fields).finish();
        let address = format!("https://sts.{}.{}/", self.region, self.domain());
        let kind = ("content-type", "application/x-www-form-urlencoded");
        let (headers, _) =
            self.sign("sts", "POST", &address, &[kind], body.as_bytes(), SigningSettings::default(), now)?;
        let ask = http.post(&address).header(kind.0, kind.1).header("accept", "application/json").body(body);
        let answer = send(headers.iter().fold(ask, |ask, (name, value)| ask.header(name, value))).await?;
        assumed(&answer, &self.region).ok_or_else(|| "STS does not answer with a session".to_owned())
    }

    /// The headers and the parameters that sign a request.
    #[expect(clippy::too_many_arguments, reason = "what a signature covers, each once")]
    fn sign(
        &self,
        service: &str,
        method: &str,
        address: &str,
        headers: &[(&str, &str)],
        body: &[u8],
        settings: SigningSettings,
        now: SystemTime,
    ) -> Result<(Pairs, Pairs), String> {
        let broken = "the request to AWS could not be signed";
        let token = self.session_token.as_ref().map(|token| token.expose_secret().to_owned());
        let secret = self.secret_access_key.expose_secret();
        let identity = Credentials::new(&self.access_key_id, secret, token, None, "plumbline").into();
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name(service)
            .time(now)
            .settings(settings)
            .build()
            .map_err(|_| broken.to_owned())?
            .into();
        let request = SignableRequest::new(method, address, headers.iter().copied(), SignableBody::Bytes(body))
            .map_err(|_| broken.to_owned())?;
        let (instructions, _) = sign(request, &params).map_err(|_| broken.to_owned())?.into_parts();
        let headers = instructions.headers().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let params = instructions.params().iter().map(|(name, value)| ((*name).to_owned(), value.to_string()));
        Ok((headers, params.collect()))
    }
}

async fn send(request: reqwest::RequestBuilder) -> Result<Vec<u8>, String> {
    let answer = request.timeout(Duration::from_secs(30)).send().await.map_err(|e| chain(&e.without_url()))?;
    let status = answer.status();
    let body = crate::client::read_body(answer, LARGEST).await.map_err(|error| error.to_string())?;
    if status.is_success() {
        return Ok(body);
    }
    Err(one_line(&format!("AWS answers {status}: {}", String::from_utf8_lossy(&body))))
}

/// The session in STS's answer, which is JSON when it is asked for.
fn assumed(answer: &[u8], region: &str) -> Option<Key> {
    let answer: serde_json::Value = serde_json::from_slice(answer).ok()?;
    let credentials = answer.pointer("/AssumeRoleResponse/AssumeRoleResult/Credentials")?;
    let word = |name: &str| credentials.get(name).and_then(serde_json::Value::as_str);
    Some(Key {
        region: region.to_owned(),
        access_key_id: word("AccessKeyId")?.to_owned(),
        secret_access_key: SecretString::from(word("SecretAccessKey")?),
        session_token: Some(SecretString::from(word("SessionToken")?)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> Key {
        Key {
            region: "eu-west-1".to_owned(),
            access_key_id: "AKIDEXAMPLE".to_owned(),
            secret_access_key: SecretString::from("not-a-key"),
            session_token: Some(SecretString::from("session")),
        }
    }

    #[test]
    fn a_token_is_an_address_signed_for_the_cluster() {
        let token = key().token("shop", SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000)).unwrap();
        let inside = token.expose_secret().strip_prefix("k8s-aws-v1.").unwrap();
        let url = Url::parse(&String::from_utf8(URL_SAFE_NO_PAD.decode(inside).unwrap()).unwrap()).unwrap();
        let get = |name: &str| url.query_pairs().find(|(n, _)| n == name).map(|(_, v)| v.into_owned()).unwrap();
        assert_eq!(url.host_str(), Some("sts.eu-west-1.amazonaws.com"));
        assert_eq!(get("Action"), "GetCallerIdentity");
        assert_eq!(get("X-Amz-SignedHeaders"), "host;x-k8s-aws-id");
        assert_eq!((get("X-Amz-Expires"), get("X-Amz-Date")), ("60".to_owned(), "20231114T221320Z".to_owned()));
        assert!(get("X-Amz-Credential").starts_with("AKIDEXAMPLE/20231114/eu-west-1/sts"));
        assert_eq!((get("X-Amz-Security-Token").as_str(), get("X-Amz-Signature").len()), ("session", 64));
    }

    #[test]
    fn a_session_is_read_from_the_answer() {
        let answer = br#"{"AssumeRoleResponse":{"AssumeRoleResult":{"Credentials":
            {"AccessKeyId":"ASIAEXAMPLE","SecretAccessKey":"s","SessionToken":"t","Expiration":1.7e9}}}}"#;
        assert_eq!(assumed(answer, "eu-west-1").unwrap().access_key_id, "ASIAEXAMPLE");
        assert!(assumed(b"<AssumeRoleResponse/>", "eu-west-1").is_none());
    }
}
