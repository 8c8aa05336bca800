//! What a cluster takes: what is typed, and the settings and secret it becomes.

use super::form::{Credential, FormErrors};
use plumbline_core::collect::{Collector, Connection};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::{Value, json};

/// What was typed. Secrets are read and never written back.
#[derive(Debug, Clone, Default, Deserialize)]
pub(super) struct ClusterForm {
    /// The word of the way in, as the collector names it.
    #[serde(default)]
    pub(super) cluster_by: String,
    #[serde(default)]
    pub(super) cluster_server: String,
    /// The tick that says that plain HTTP is meant.
    #[serde(default)]
    pub(super) cluster_plain_http: String,
    #[serde(default)]
    pub(super) cluster_ca: String,
    #[serde(default)]
    pub(super) cluster_token: SecretString,
    #[serde(default)]
    pub(super) kubeconfig: SecretString,
    #[serde(default)]
    pub(super) cluster_context: String,
    #[serde(default)]
    pub(super) eks_cluster: String,
    #[serde(default)]
    pub(super) eks_region: String,
    #[serde(default)]
    pub(super) eks_role: String,
    #[serde(default)]
    pub(super) eks_key_id: String,
    #[serde(default)]
    pub(super) eks_secret_key: SecretString,
    #[serde(default)]
    pub(super) namespaces: String,
    /// The tick that leaves secrets out.
    #[serde(default)]
    pub(super) no_secrets: String,
    /// The tick that leaves the cluster unwatched between polls.
    #[serde(default)]
    pub(super) no_watch: String,
}

/// One way in, as it is offered.
pub(super) struct ClusterWay {
    pub(super) word: &'static str,
    pub(super) title: &'static str,
    pub(super) hint: &'static str,
}

/// The ways in, the commonest first.
pub(super) const CLUSTER_WAYS: [ClusterWay; 4] = [
    ClusterWay { word: "token", title: "Token", hint: "of the service account that the manifest makes" },
    ClusterWay { word: "kubeconfig", title: "Kubeconfig", hint: "one that carries its token or certificate itself" },
    ClusterWay { word: "eks", title: "Amazon EKS", hint: "an AWS access key that the cluster lets in" },
    ClusterWay { word: "in_cluster", title: "This cluster", hint: "the one that Plumbline itself runs in" },
];

impl ClusterForm {
    /// An empty form.
    pub(super) fn new() -> Self {
        Self { cluster_by: "token".to_owned(), ..Self::default() }
    }

    /// The form of a cluster as it is stored, without its secret.
    pub(super) fn stored(settings: &Value) -> Self {
        let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let tick = |ticked: bool| if ticked { "yes" } else { "" }.to_owned();
        let auth = &settings["auth"];
        let names = settings["namespaces"].as_array().map_or(&[][..], Vec::as_slice);
        Self {
            cluster_by: auth["by"].as_str().unwrap_or("token").to_owned(),
            cluster_server: word(&settings["server"]),
            cluster_plain_http: tick(settings["plain_http"] == true),
            cluster_ca: word(&settings["ca"]),
            cluster_context: word(&auth["context"]),
            eks_cluster: word(&auth["cluster"]),
            eks_region: word(&auth["region"]),
            eks_role: word(&auth["role"]),
            namespaces: names.iter().filter_map(Value::as_str).collect::<Vec<_>>().join("\n"),
            no_secrets: tick(settings["secrets"] == false),
            no_watch: tick(settings["watch"] == false),
            ..Self::default()
        }
    }

    /// What is typed to get in.
    pub(super) fn credential(&self) -> Credential {
        match self.cluster_by.as_str() {
            "kubeconfig" => Credential::Kubeconfig,
            "eks" => Credential::Key { id: "eks_key_id", secret: "eks_secret_key" },
            "in_cluster" => Credential::None,
            _ => Credential::ClusterToken,
        }
    }

    /// The collector's settings. The external id follows from the tenant, so that no tenant assumes the role of another.
    pub(super) fn settings(&self, external_id: &str) -> Value {
        let names: Vec<&str> =
            self.namespaces.split(|c: char| c == ',' || c.is_whitespace()).filter(|name| !name.is_empty()).collect();
        let mut settings = json!({
            "auth": { "by": self.cluster_by },
            "namespaces": names,
            "secrets": self.no_secrets != "yes",
            "watch": self.no_watch != "yes",
            "plain_http": self.cluster_plain_http == "yes",
        });
        let mut set = |place: &str, typed: &str| {
            if !typed.trim().is_empty() {
                let value = json!(typed.trim().replace('\r', ""));
                match place.strip_prefix("auth.") {
                    Some(field) => settings["auth"][field] = value,
                    None => settings[place] = value,
                }
            }
        };
        match self.cluster_by.as_str() {
            "kubeconfig" => set("auth.context", &self.cluster_context),
            "in_cluster" => {}
            "eks" => {
                for (place, typed) in [
                    ("auth.cluster", &self.eks_cluster),
                    ("auth.region", &self.eks_region),
                    ("auth.role", &self.eks_role),
                ] {
                    set(place, typed);
                }
                if !self.eks_role.trim().is_empty() {
                    set("auth.external_id", external_id);
                }
            }
            _ => {
                set("server", &self.cluster_server);
                set("ca", &self.cluster_ca);
            }
        }
        if self.cluster_by == "eks" {
            // The collector says which is missing.
            for field in ["cluster", "region"] {
                let auth = &mut settings["auth"];
                if auth[field].is_null() {
                    auth[field] = json!("");
                }
            }
        }
        settings
    }

    /// The collector's secret.
    pub(super) fn secret(&self) -> SecretString {
        let secret = match self.credential() {
            Credential::Kubeconfig => json!({ "kubeconfig": self.kubeconfig.expose_secret() }),
            Credential::ClusterToken => json!({ "token": self.cluster_token.expose_secret().trim() }),
            Credential::Key { .. } => json!({
                "access_key_id": self.eks_key_id.trim(),
                "secret_access_key": self.eks_secret_key.expose_secret().trim(),
            }),
            _ => json!({}),
        };
        SecretString::from(secret.to_string())
    }

    /// Whether it is entered without a secret.
    pub(super) fn needs_none(&self) -> bool {
        self.credential() == Credential::None
    }

    /// Whether anything of the credential was typed.
    pub(super) fn types_secret(&self) -> bool {
        self.parts().into_iter().any(|part| !part.trim().is_empty())
    }

    /// What is missing of the credential, which must be typed whole.
    pub(super) fn check_secret(&self) -> Option<&'static str> {
        let whole = self.parts().into_iter().all(|part| !part.trim().is_empty());
        (!whole).then(|| self.credential().missing())
    }

    fn parts(&self) -> Vec<&str> {
        match self.credential() {
            Credential::Kubeconfig => vec![self.kubeconfig.expose_secret()],
            Credential::ClusterToken => vec![self.cluster_token.expose_secret()],
            Credential::Key { .. } => vec![self.eks_key_id.as_str(), self.eks_secret_key.expose_secret()],
            _ => Vec::new(),
        }
    }

    /// Whether the stored credential would be used otherwise than whoever typed it meant: in another way, sent to another
    /// server, trusted to another authority, or over a wire that anybody reads.
    pub(super) fn uses_secret_otherwise(&self, stored: &Value) -> bool {
        let (settings, stored) = (self.settings(""), Self::stored(stored).settings(""));
        ["auth", "server", "ca", "plain_http"].into_iter().any(|field| settings[field] != stored[field])
    }

    /// Puts what the collector says of each setting beside its field.
    pub(super) fn check(&self, collector: &dyn Collector, errors: &mut FormErrors) {
        let settings = self.settings("any");
        let mut ask = |field: &'static str, concerned: &[&str]| {
            let said = collector.check(&alone(&settings, concerned)).err().map(|error| error.to_string());
            errors.add(field, said);
        };
        ask("namespaces", &["namespaces"]);
        match self.cluster_by.as_str() {
            "token" => {
                ask("cluster_ca", &["ca"]);
                ask("cluster_server", &["auth", "server", "plain_http"]);
            }
            "eks" => ask("eks_cluster", &["auth"]),
            "in_cluster" => ask("cluster_by", &["auth"]),
            _ => {}
        }
    }
}

/// A connection in which nothing but some settings can be wrong.
fn alone(settings: &Value, concerned: &[&str]) -> Connection {
    let mut rest = json!({ "server": "https://cluster.example.com", "auth": { "by": "token" } });
    if concerned.contains(&"server") {
        rest["server"] = json!("");
    }
    for field in concerned {
        if let Some(value) = settings.get(field) {
            rest[field] = value.clone();
        }
    }
    let secret = json!({ "token": "any", "access_key_id": "any", "secret_access_key": "any" });
    Connection { settings: rest, secret: SecretString::from(secret.to_string()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(way: &str) -> ClusterForm {
        ClusterForm {
            cluster_by: way.to_owned(),
            cluster_server: "https://cluster.example.com:6443".to_owned(),
            cluster_ca: "-----BEGIN CERTIFICATE-----\r\nMIIB\r\n-----END CERTIFICATE-----\r\n".to_owned(),
            cluster_context: "shop".to_owned(),
            eks_cluster: "shop".to_owned(),
            eks_region: "eu-west-1".to_owned(),
            eks_role: "arn:aws:iam::111122223333:role/read".to_owned(),
            namespaces: "shop, web\r\nci".to_owned(),
            no_secrets: "yes".to_owned(),
            ..ClusterForm::new()
        }
    }

    #[test]
    fn a_stored_cluster_comes_back_as_it_was_typed() {
        for way in CLUSTER_WAYS {
            let settings = form(way.word).settings("plumbline-x");
            assert_eq!(settings["namespaces"], json!(["shop", "web", "ci"]));
            assert_eq!(settings["secrets"], false);
            assert_eq!(ClusterForm::stored(&settings).settings("plumbline-x"), settings, "{}", way.word);
        }
        assert_eq!(form("eks").settings("plumbline-x")["auth"]["external_id"], "plumbline-x");
        assert!(
            form("eks").settings("x")["server"].is_null()
                && !form("token").settings("x")["ca"].to_string().contains("\\r")
        );
    }

    #[test]
    fn a_stored_credential_goes_where_it_was_meant_to_go() {
        let typed = form("token");
        let stored = typed.settings("");
        let narrowed = ClusterForm { namespaces: "shop".to_owned(), ..typed.clone() };
        assert!(!typed.uses_secret_otherwise(&stored) && !narrowed.uses_secret_otherwise(&stored));
        let elsewhere = ClusterForm { cluster_server: "https://other.example.com".to_owned(), ..typed.clone() };
        let open = ClusterForm { cluster_plain_http: "yes".to_owned(), ..typed.clone() };
        let untrusted = ClusterForm { cluster_ca: String::new(), ..typed.clone() };
        for changed in [elsewhere, open, untrusted, form("kubeconfig")] {
            assert!(changed.uses_secret_otherwise(&stored), "{changed:?}");
        }
    }

    #[test]
    fn a_secret_is_what_its_way_in_takes_and_is_not_printed() {
        let typed = ClusterForm {
            kubeconfig: SecretString::from("hush: 1\n"),
            cluster_token: SecretString::from(" bearer "),
            eks_key_id: "AKIAEXAMPLE".to_owned(),
            ..form("kubeconfig")
        };
        assert_eq!(typed.secret().expose_secret(), r#"{"kubeconfig":"hush: 1\n"}"#);
        assert!(!format!("{typed:?}").contains("hush"));
        let token = ClusterForm { cluster_by: "token".to_owned(), ..typed.clone() };
        assert_eq!(token.secret().expose_secret(), r#"{"token":"bearer"}"#);
        let half = ClusterForm { cluster_by: "eks".to_owned(), ..typed.clone() };
        assert!(half.types_secret() && half.check_secret().is_some(), "half of a key is none");
        let own = ClusterForm { cluster_by: "in_cluster".to_owned(), ..typed };
        assert_eq!((own.secret().expose_secret(), own.check_secret()), ("{}", None));
    }
}
