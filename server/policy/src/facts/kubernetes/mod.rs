//! What objects of a Kubernetes cluster mean once defaults and precedence are applied.
//!
//! Shapes, for rules (`input.facts`):
//! - of a workload: `pod` (see [`pod`]), `containers` ([`container`]), `volumes` ([`volume`]);
//! - of a subject: `powers`, `wildcards`, `missing_roles`, `everyone`, `judged` ([`access`]);
//! - of a role: `wildcards`, and `powers` as if it were bound in the whole cluster;
//! - of a control plane component: `flags`, `given`, `file` ([`component`]);
//! - of a node: `kubelet` ([`kubelet`]);
//! - of a config map: `secret_keys`, the names of those keys that say that they hold a secret;
//! - of a network policy, service, ingress or gateway: see [`network`].

mod access;
mod component;
mod container;
mod kubelet;
mod network;
mod pod;
mod volume;

use super::container::names_a_secret;
use serde_json::{Map, Value};

/// The facts of one object of a cluster.
pub(super) fn of(kind: &str, attributes: &Map<String, Value>) -> Vec<(&'static str, Value)> {
    let at = |name: &str| attributes.get(name).unwrap_or(&Value::Null);
    match kind {
        "kubernetes.workload" => {
            let template = at("template");
            vec![
                ("pod", pod::facts(template, at("metadata"))),
                ("containers", container::facts(template)),
                ("volumes", volume::facts(&template["spec"])),
            ]
        }
        "kubernetes.subject" => access::of_subject(attributes),
        "kubernetes.role" => access::of_role(at("rules")),
        "kubernetes.control_plane_component" => component::facts(at("component"), at("flags"), at("environment")),
        "kubernetes.node" => vec![("kubelet", kubelet::facts(at("kubeletConfig")))],
        "kubernetes.network_policy" => vec![("policy", network::policy(at("spec")))],
        "kubernetes.service" => vec![("service", network::service(at("metadata"), at("spec"), at("status")))],
        "kubernetes.ingress" => vec![("ingress", network::ingress(at("metadata"), at("spec")))],
        "kubernetes.config_map" => vec![("secret_keys", secret_keys(at("keys")))],
        "kubernetes.gateway" => vec![("gateway", network::gateway(at("metadata"), at("spec")))],
        _ => Vec::new(),
    }
}

/// Keys by whose name one expects a secret: a password and the like, or a file that holds one.
fn secret_keys(keys: &Value) -> Value {
    const FILES: [&str; 7] =
        ["tls.key", "id_rsa", "id_ed25519", "kubeconfig", ".dockerconfigjson", "credentials.json", "htpasswd"];
    let holds = |key: &&str| names_a_secret(key) || FILES.contains(&key.to_ascii_lowercase().as_str());
    words(keys).into_iter().filter(holds).collect()
}

/// The members of a list; none where it is no list.
fn items(list: &Value) -> impl Iterator<Item = &Value> {
    list.as_array().into_iter().flatten()
}

/// The texts of a list.
fn words(list: &Value) -> Vec<&str> {
    items(list).filter_map(Value::as_str).collect()
}

/// A text that says something.
fn text(value: &Value) -> Option<&str> {
    value.as_str().filter(|text| !text.is_empty())
}

/// The first that is not null: the more special setting before the more general one.
fn first<'a>(special: &'a Value, general: &'a Value) -> &'a Value {
    if special.is_null() { general } else { special }
}

/// A whole number, whether it is written as one or as text.
fn number(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| value.as_str()?.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn keys_that_name_secrets_are_told() {
        let keys = json!(["DB_PASSWORD", "tls.key", "application.yaml", "ca.crt", "PASSWORD_MIN_LENGTH", 7]);
        assert_eq!(secret_keys(&keys), json!(["DB_PASSWORD", "tls.key"]));
        assert_eq!(secret_keys(&Value::Null), json!([]));
    }
}
