//! What a Docker engine takes: what is typed, and the settings and secret it becomes.

use super::form::{Credential, FormErrors};
use plumbline_core::collect::{Collector, Connection};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::{Value, json};

/// What was typed. The client's key is read and never written back.
#[derive(Debug, Clone, Default, Deserialize)]
pub(super) struct DockerForm {
    #[serde(default)]
    pub(super) engine: String,
    /// The authority of the engine's certificate.
    #[serde(default)]
    pub(super) docker_ca: String,
    #[serde(default)]
    pub(super) docker_certificate: SecretString,
    #[serde(default)]
    pub(super) docker_key: SecretString,
}

impl DockerForm {
    /// The form of an engine as it is stored, without its secret.
    pub(super) fn stored(settings: &Value) -> Self {
        let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        Self { engine: word(&settings["engine"]), docker_ca: word(&settings["ca"]), ..Self::default() }
    }

    /// Whether it is reached by a socket, which takes no certificate.
    pub(super) fn is_socket(&self) -> bool {
        self.engine.trim().starts_with("unix:")
    }

    /// What is typed to get in.
    pub(super) fn credential(&self) -> Credential {
        if self.is_socket() { Credential::None } else { Credential::Certificate }
    }

    /// The collector's settings.
    pub(super) fn settings(&self) -> Value {
        let mut settings = json!({ "engine": self.engine.trim() });
        if !self.is_socket() && !self.docker_ca.trim().is_empty() {
            settings["ca"] = json!(self.docker_ca.trim().replace('\r', ""));
        }
        settings
    }

    /// The collector's secret.
    pub(super) fn secret(&self) -> SecretString {
        if self.is_socket() {
            return SecretString::from("{}");
        }
        let pem = |typed: &SecretString| typed.expose_secret().trim().replace('\r', "");
        let secret = json!({ "certificate": pem(&self.docker_certificate), "key": pem(&self.docker_key) });
        SecretString::from(secret.to_string())
    }

    /// Whether anything of the credential was typed.
    pub(super) fn types_secret(&self) -> bool {
        self.parts().into_iter().any(|part| !part.trim().is_empty())
    }

    /// What is missing of the credential, which must be typed whole.
    pub(super) fn check_secret(&self) -> Option<&'static str> {
        let whole = self.is_socket() || self.parts().into_iter().all(|part| !part.trim().is_empty());
        (!whole).then(|| self.credential().missing())
    }

    fn parts(&self) -> [&str; 2] {
        [self.docker_certificate.expose_secret(), self.docker_key.expose_secret()]
    }

    /// Puts what the collector says of each setting beside its field.
    pub(super) fn check(&self, collector: &dyn Collector, errors: &mut FormErrors) {
        let settings = self.settings();
        for (field, alone) in [
            ("engine", json!({ "engine": settings["engine"] })),
            ("docker_ca", json!({ "engine": "https://host.example.com", "ca": settings.get("ca") })),
        ] {
            let connection = Connection { settings: alone, secret: SecretString::from("{}") };
            errors.add(field, collector.check(&connection).err().map(|error| error.to_string()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stored_engine_comes_back_as_it_was_typed() {
        for engine in ["unix:///var/run/docker.sock", "https://host.example.com:2376"] {
            let form = DockerForm {
                engine: format!(" {engine} "),
                docker_ca: "-----BEGIN CERTIFICATE-----\r\nMIIB\r\n-----END CERTIFICATE-----\r\n".to_owned(),
                ..DockerForm::default()
            };
            let settings = form.settings();
            assert_eq!(settings["engine"], engine);
            assert_eq!(DockerForm::stored(&settings).settings(), settings);
        }
    }

    #[test]
    fn a_socket_keeps_no_secret_and_half_of_one_is_none() {
        let typed = DockerForm { docker_key: SecretString::from("hush"), ..DockerForm::default() };
        assert!(typed.check_secret().is_some() && typed.types_secret());
        assert!(!format!("{typed:?}").contains("hush"), "a secret is not printed");
        let socket = DockerForm { engine: "unix:///run/docker.sock".to_owned(), ..typed };
        assert_eq!((socket.secret().expose_secret(), socket.check_secret()), ("{}", None));
    }
}
