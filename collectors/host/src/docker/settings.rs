//! What a tenant tells us of a Docker engine.

use plumbline_core::address::is_inside;
use plumbline_core::collect::{CollectError, Connection};
use plumbline_core::text::one_line;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use url::Url;

/// The longest certificate or key, in bytes.
const PEM: usize = 1 << 20;

/// What the operator allows to all tenants.
#[derive(Debug, Clone, Copy, Default)]
pub struct Operator {
    /// Engines on loopback, link-local and private addresses.
    pub private_endpoints: bool,
    /// Engines by a Unix socket of the worker's own machine, which is as much as root on it.
    pub sockets: bool,
}

/// The public settings of a Docker source.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Settings {
    /// `unix:///var/run/docker.sock`, or `https://host:2376`; `tcp://` is taken for the latter.
    pub(crate) engine: String,
    /// The authority that signed the engine's certificate, as PEM. No other is believed then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) ca: Option<String>,
}

/// The secret of a Docker source, as sealed.
#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Secret {
    /// The client's certificate, as PEM.
    #[serde(default)]
    certificate: Option<String>,
    #[serde(default)]
    key: Option<SecretString>,
}

/// Where the engine listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Endpoint {
    Socket(PathBuf),
    Tls(Url),
}

impl Settings {
    /// Reads and checks the settings of a connection.
    ///
    /// # Errors
    /// With a sentence for the person who typed them.
    pub(crate) fn of(connection: &Connection, operator: Operator) -> Result<Self, CollectError> {
        let settings: Self = serde_json::from_value(connection.settings.clone())
            .map_err(|e| CollectError::Settings(format!("The settings are not those of a Docker engine: {e}.")))?;
        settings.check(operator).map_err(CollectError::Settings)?;
        Ok(settings)
    }

    fn check(&self, operator: Operator) -> Result<(), String> {
        match self.endpoint()? {
            Endpoint::Socket(_) if !operator.sockets => Err("A Unix socket is not allowed in this installation: \
                whoever may read it is root on the machine of the worker. The operator can allow it."
                .to_owned()),
            Endpoint::Tls(url) if !operator.private_endpoints && is_inside(&url) => {
                Err("A loopback, link-local or private address is not allowed in this installation. The operator can \
                     allow it."
                    .to_owned())
            }
            _ => self.authority().map(|_| ()),
        }
    }

    /// Where the engine listens.
    pub(crate) fn endpoint(&self) -> Result<Endpoint, String> {
        let typed = self.engine.trim();
        if let Some(path) = typed.strip_prefix("unix://") {
            let path = PathBuf::from(path);
            let sound = path.is_absolute() && path.as_os_str().len() <= 100 && !typed.contains('\0');
            return if sound {
                Ok(Endpoint::Socket(path))
            } else {
                Err("A socket is named by its whole path, such as unix:///var/run/docker.sock.".to_owned())
            };
        }
        let wrong =
            || format!("{} is no address of an engine, such as https://host.example.com:2376.", one_line(typed));
        if typed.starts_with("http://") {
            return Err(
                "Docker's API without TLS gives root on the host to anybody on the way: it is not spoken.".to_owned()
            );
        }
        let rest = typed.strip_prefix("https://").or_else(|| typed.strip_prefix("tcp://")).ok_or_else(wrong)?;
        let mut url = Url::parse(&format!("https://{rest}")).map_err(|_| wrong())?;
        let bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
        let nobody = url.username().is_empty() && url.password().is_none();
        if !bare || !nobody || url.host().is_none() || typed.len() > 300 {
            return Err(wrong());
        }
        if url.port().is_none() && !rest.trim_end_matches('/').ends_with(":443") {
            url.set_port(Some(2376)).map_err(|()| wrong())?;
        }
        Ok(Endpoint::Tls(url))
    }

    pub(crate) fn authority(&self) -> Result<Vec<reqwest::Certificate>, String> {
        let Some(pem) = &self.ca else { return Ok(Vec::new()) };
        let found = reqwest::Certificate::from_pem_bundle(pem.as_bytes()).unwrap_or_default();
        if found.is_empty() || pem.len() > PEM {
            return Err("The certificate authority is not a certificate in PEM form.".to_owned());
        }
        Ok(found)
    }
}

impl Secret {
    pub(crate) fn of(connection: &Connection) -> Result<Self, CollectError> {
        let text = connection.secret.expose_secret();
        let read = if matches!(text.trim(), "" | "null") { Ok(Self::default()) } else { serde_json::from_str(text) };
        let secret: Self =
            read.map_err(|_| CollectError::Settings("The stored credential is not that of an engine.".to_owned()))?;
        secret.identity().map_err(CollectError::Settings)?;
        Ok(secret)
    }

    /// The client's certificate with its key; none where neither was given.
    pub(crate) fn identity(&self) -> Result<Option<reqwest::Identity>, String> {
        let (certificate, key) = match (&self.certificate, &self.key) {
            (None, None) => return Ok(None),
            (Some(certificate), Some(key)) => (certificate, key.expose_secret()),
            _ => return Err("The client's certificate and its key go together.".to_owned()),
        };
        if certificate.len().max(key.len()) > PEM {
            return Err("The client's certificate or its key is too long to be one.".to_owned());
        }
        reqwest::Identity::from_pem(format!("{}\n{}\n", key.trim(), certificate.trim()).as_bytes())
            .map(Some)
            .map_err(|_| "The client's certificate and its key are not both in PEM form.".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const ALL: Operator = Operator { private_endpoints: true, sockets: true };

    fn settings(engine: &str) -> Settings {
        Settings { engine: engine.to_owned(), ca: None }
    }

    #[test]
    fn an_engine_is_a_socket_or_speaks_tls() {
        let tls = |text: &str| Endpoint::Tls(Url::parse(text).unwrap());
        assert_eq!(settings("unix:///run/d.sock").endpoint(), Ok(Endpoint::Socket("/run/d.sock".into())));
        assert_eq!(settings("tcp://host.example.com").endpoint(), Ok(tls("https://host.example.com:2376")));
        assert_eq!(settings("https://host.example.com:9000/").endpoint(), Ok(tls("https://host.example.com:9000")));
        assert_eq!(settings("https://host.example.com:443").endpoint(), Ok(tls("https://host.example.com")));
        for wrong in
            ["http://host.example.com:2375", "unix://docker.sock", "host", "https://a:b@host", "https://host/v1?x", ""]
        {
            assert!(settings(wrong).endpoint().is_err(), "{wrong}");
        }
    }

    #[test]
    fn nobody_reaches_our_own_socket_or_network_unless_the_operator_says_so() {
        for engine in ["unix:///var/run/docker.sock", "https://127.0.0.1:2376", "https://[::ffff:10.0.0.1]"] {
            assert!(settings(engine).check(Operator::default()).is_err(), "{engine}");
            assert!(settings(engine).check(ALL).is_ok(), "{engine}");
        }
        assert!(settings("https://host.example.com").check(Operator::default()).is_ok());
    }

    #[test]
    fn half_a_certificate_is_none() {
        let of = |secret: serde_json::Value| {
            let secret = SecretString::from(secret.to_string());
            Secret::of(&Connection { settings: json!({}), secret }).is_ok()
        };
        assert!(of(json!({})));
        assert!(!of(json!({ "certificate": "x" })));
        assert!(!of(json!({ "certificate": "x", "key": "y" })));
        assert!(!of(json!({ "password": "y" })));
    }
}
