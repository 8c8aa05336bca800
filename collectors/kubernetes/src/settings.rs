//! What a tenant tells us of a cluster.

use crate::credential::Secret;
use crate::kubeconfig;
use crate::operator::Operator;
use plumbline_core::address;
use plumbline_core::collect::{CollectError, Connection};
use serde::{Deserialize, Serialize};
use url::Url;

/// The most namespaces that a source may name.
const MOST: usize = 200;

/// The public settings of a cluster.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The API server's address; a kubeconfig and EKS say it themselves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server: Option<String>,
    /// Says that plain HTTP is meant: without it, `http` is refused.
    #[serde(default)]
    pub plain_http: bool,
    pub auth: Auth,
    /// The cluster's certificate authority, as PEM; then it alone is trusted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca: Option<String>,
    /// Only these; empty for all. What belongs to no namespace is read all the same.
    #[serde(default)]
    pub namespaces: Vec<String>,
    /// Whether secrets are listed, for their names, types and keys. Their values are never kept.
    #[serde(default = "yes")]
    pub secrets: bool,
    /// Whether the cluster is watched between polls.
    #[serde(default = "yes")]
    pub watch: bool,
}

fn yes() -> bool {
    true
}

/// How we get in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "by", rename_all = "snake_case", deny_unknown_fields)]
pub enum Auth {
    /// A kubeconfig that carries what it needs.
    Kubeconfig {
        /// The context; its current one where none is named.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        context: Option<String>,
    },
    /// A bearer token, as of a service account.
    Token,
    /// The service account of this server, in the cluster that it runs in.
    InCluster,
    /// An AWS access key, which EKS takes as an identity.
    Eks {
        cluster: String,
        region: String,
        /// A role to assume first.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        role: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        external_id: Option<String>,
    },
}

impl Settings {
    /// Reads and checks the settings of a connection, and its secret with them.
    ///
    /// # Errors
    /// With a sentence for the person who typed them.
    pub(crate) fn of(connection: &Connection, operator: &Operator) -> Result<(Self, Secret), CollectError> {
        let settings: Self = serde_json::from_value(connection.settings.clone())
            .map_err(|e| CollectError::Settings(format!("The settings are not those of a cluster: {e}.")))?;
        settings.check(operator).map_err(CollectError::Settings)?;
        let secret = Secret::of(connection, &settings)?;
        if let (Auth::Kubeconfig { context }, Some(text)) = (&settings.auth, &secret.kubeconfig) {
            let found = kubeconfig::read(text, context.as_deref()).map_err(CollectError::Settings)?;
            settings.may_ask(&found.server, operator).map_err(CollectError::Settings)?;
        }
        Ok((settings, secret))
    }

    fn check(&self, operator: &Operator) -> Result<(), String> {
        let server = self.server()?;
        if let Some(server) = &server {
            self.may_ask(server, operator)?;
        }
        certificates(self.ca.as_deref())?;
        self.check_namespaces()?;
        match &self.auth {
            Auth::Token if server.is_none() => Err("The address of the API server is missing.".to_owned()),
            Auth::InCluster if operator.own_cluster.is_none() => {
                Err("This installation does not connect the cluster that it runs in. The operator can allow it.".into())
            }
            Auth::Eks { cluster, region, role, .. } => check_eks(cluster, region, role.as_deref()),
            _ => Ok(()),
        }
    }

    fn check_namespaces(&self) -> Result<(), String> {
        if self.namespaces.len() > MOST {
            return Err(format!("At most {MOST} namespaces can be named; leave them out to read all."));
        }
        match self.namespaces.iter().find(|name| !is_label(name)) {
            Some(wrong) => Err(format!("{wrong} is not the name of a namespace.")),
            None => Ok(()),
        }
    }

    /// The API server's address, where it is typed.
    pub(crate) fn server(&self) -> Result<Option<Url>, String> {
        let Some(server) = self.server.as_deref().map(str::trim).filter(|server| !server.is_empty()) else {
            return Ok(None);
        };
        server_url(server).map(Some)
    }

    /// Whether requests with a credential may go there.
    pub(crate) fn may_ask(&self, server: &Url, operator: &Operator) -> Result<(), String> {
        if server.scheme() == "http" && !self.plain_http {
            return Err("Plain HTTP does not protect the credential; say that it is meant.".to_owned());
        }
        address::may_go(server, operator.private_endpoints)
    }

    /// The namespaces whose lists are asked for one by one; none stands for all at once.
    pub(crate) fn places(&self) -> Vec<Option<String>> {
        if self.namespaces.is_empty() {
            return vec![None];
        }
        let mut names = self.namespaces.clone();
        names.sort();
        names.dedup();
        names.into_iter().map(Some).collect()
    }
}

/// An API server's address, without a query.
pub(crate) fn server_url(text: &str) -> Result<Url, String> {
    let wrong = || format!("{text} is not the address of an API server, such as https://cluster.example.com:6443.");
    let url = Url::parse(text).map_err(|_| wrong())?;
    let sound = url.host_str().is_some() && url.query().is_none() && url.fragment().is_none();
    if sound { Ok(url) } else { Err(wrong()) }
}

/// The certificates of an authority.
pub(crate) fn certificates(pem: Option<&str>) -> Result<Vec<reqwest::Certificate>, String> {
    let Some(pem) = pem else { return Ok(Vec::new()) };
    let found = reqwest::Certificate::from_pem_bundle(pem.as_bytes()).unwrap_or_default();
    if found.is_empty() || pem.len() > 1 << 20 {
        return Err("The certificate authority is not a certificate in PEM form.".to_owned());
    }
    Ok(found)
}

fn check_eks(cluster: &str, region: &str, role: Option<&str>) -> Result<(), String> {
    let sound = |text: &str, more: &[u8]| {
        !text.is_empty() && text.len() <= 100 && text.bytes().all(|b| b.is_ascii_alphanumeric() || more.contains(&b))
    };
    if !sound(cluster, b"-_") {
        return Err("The name of the EKS cluster is missing, or is none.".to_owned());
    }
    if !sound(region, b"-") {
        return Err("The region of the EKS cluster is missing, or is none.".to_owned());
    }
    match role {
        Some(role) if !(role.starts_with("arn:aws") && role.contains(":role/")) => {
            Err(format!("{role} is not the ARN of a role."))
        }
        _ => Ok(()),
    }
}

/// A DNS label, as names of namespaces are.
fn is_label(name: &str) -> bool {
    let sound = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    (1..=63).contains(&name.len()) && name.bytes().all(sound) && !name.starts_with('-') && !name.ends_with('-')
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::SecretString;
    use serde_json::{Value, json};

    fn check(settings: Value, secret: Value) -> Result<(), String> {
        let connection = Connection { settings, secret: SecretString::from(secret.to_string()) };
        Settings::of(&connection, &Operator::default()).map(|_| ()).map_err(|error| error.to_string())
    }

    #[test]
    fn an_address_inside_is_refused_and_one_outside_is_not() {
        let token = json!({ "token": "t" });
        let at = |server: &str| check(json!({ "server": server, "auth": { "by": "token" } }), token.clone());
        assert_eq!(at("https://cluster.example.com:6443"), Ok(()));
        for wrong in ["https://127.0.0.1:6443", "https://10.0.0.1", "http://cluster.example.com", "cluster", ""] {
            assert!(at(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_own_cluster_takes_the_operators_leave() {
        let refused = check(json!({ "auth": { "by": "in_cluster" } }), json!({})).unwrap_err();
        assert!(refused.contains("operator"), "{refused}");
    }

    #[test]
    fn what_is_no_namespace_and_no_role_is_refused() {
        let with = |more: Value| {
            let mut settings = json!({ "server": "https://c.example.com", "auth": { "by": "token" } });
            settings.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            check(settings, json!({ "token": "t" }))
        };
        assert_eq!(with(json!({ "namespaces": ["shop", "shop-2"] })), Ok(()));
        assert!(with(json!({ "namespaces": ["Shop"] })).is_err());
        assert!(with(json!({ "namespaces": ["../secrets"] })).is_err());
        assert!(with(json!({ "ca": "no certificate" })).is_err());
        let key = json!({ "access_key_id": "a", "secret_access_key": "b" });
        let eks = json!({ "auth": { "by": "eks", "cluster": "shop", "region": "eu-west-1", "role": "admin" } });
        assert!(check(eks, key).is_err());
    }
}
