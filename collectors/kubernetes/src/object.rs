//! What is kept of an object: the attributes that the catalogue names, and nothing that changes by itself.

use crate::api::Part;
use crate::control_plane;
use crate::reference::CONTAINERS;
use plumbline_core::environment;
use serde_json::{Map, Value, json};

/// The longest annotation that is kept, in bytes.
const LONGEST: usize = 4 << 10;
/// Holds the whole object once more, with every value that it ever had.
const APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";
/// Say that somebody is alive, every few seconds.
const BEATS: [&str; 2] = ["control-plane.alpha.kubernetes.io/leader", "cluster-autoscaler.kubernetes.io/last-updated"];

/// An object's metadata, without what the API server adds for itself.
pub(crate) fn metadata(of: &Value) -> Value {
    let of = of.get("metadata").unwrap_or(&Value::Null);
    let mut kept = Map::new();
    for field in ["name", "namespace", "labels", "creationTimestamp"] {
        kept.extend(of.get(field).map(|value| (field.to_owned(), value.clone())));
    }
    kept.extend(annotations(of).map(|kept| ("annotations".to_owned(), kept)));
    if let Some(owners) = of.get("ownerReferences").and_then(Value::as_array) {
        let owners = owners.iter().map(|owner| json!({ "kind": owner["kind"], "name": owner["name"] }));
        kept.insert("ownerReferences".to_owned(), owners.collect());
    }
    Value::Object(kept)
}

fn annotations(of: &Value) -> Option<Value> {
    let all = of.get("annotations")?.as_object()?;
    let short = |value: &Value| value.as_str().is_some_and(|text| text.len() <= LONGEST);
    let dropped = |name: &str| name == APPLIED || BEATS.contains(&name);
    let kept = all.iter().filter(|(name, value)| !dropped(name) && short(value));
    Some(kept.map(|(name, value)| (name.clone(), value.clone())).collect())
}

/// A template of pods: labels, annotations, and the specification as the API gives it.
pub(crate) fn template(of: &Value) -> Value {
    let metadata = of.get("metadata").unwrap_or(&Value::Null);
    let mut kept = Map::new();
    kept.extend(metadata.get("labels").map(|labels| ("labels".to_owned(), labels.clone())));
    kept.extend(annotations(metadata).map(|kept| ("annotations".to_owned(), kept)));
    let mut spec = of.get("spec").cloned().unwrap_or(Value::Null);
    for list in CONTAINERS {
        let containers = spec.get_mut(list).and_then(Value::as_array_mut).into_iter().flatten();
        containers.for_each(without_values);
    }
    json!({ "metadata": kept, "spec": spec })
}

/// Takes the values of a container's variables, any of which may be a secret. A component of the control plane is also
/// set up by variables, which are flags of it.
fn without_values(container: &mut Value) {
    let component = control_plane::component(&control_plane::command(container)).is_some();
    for variable in container.get_mut("env").and_then(Value::as_array_mut).into_iter().flatten() {
        if variable.get("valueFrom").is_some() {
            continue;
        }
        let word = |field: &str| variable.get(field).and_then(Value::as_str).unwrap_or_default().to_owned();
        let (name, value) = (word("name"), word("value"));
        *variable = environment::variable(&name, &value);
        if component && control_plane::is_flag(&name) {
            variable["value"] = json!(value);
        }
    }
}

/// The one owner that manages an object: its kind, name and API version.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Owner {
    pub(crate) api_version: String,
    pub(crate) kind: String,
    pub(crate) name: String,
}

pub(crate) fn owner(of: &Value) -> Option<Owner> {
    let owners = of.pointer("/metadata/ownerReferences")?.as_array()?;
    let manages = |owner: &&Value| owner.get("controller").and_then(Value::as_bool) == Some(true);
    let found = owners.iter().find(manages)?;
    let word = |name: &str| found.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    Some(Owner { api_version: word("apiVersion"), kind: word("kind"), name: word("name") })
}

/// What is kept of an object, as the attributes of a resource. Secrets and settings come without values already.
pub(crate) fn keep(part: Part, of: &Value) -> Map<String, Value> {
    let mut kept = Map::from_iter([("metadata".to_owned(), metadata(of))]);
    let fields: &[&str] = match part {
        Part::Nodes
        | Part::ResourceQuotas
        | Part::LimitRanges
        | Part::NetworkPolicies
        | Part::Services
        | Part::Ingresses
        | Part::Gateways
        | Part::HttpRoutes
        | Part::GrpcRoutes
        | Part::TlsRoutes
        | Part::TcpRoutes
        | Part::PersistentVolumes
        | Part::PersistentVolumeClaims
        | Part::AdmissionPolicies
        | Part::AdmissionBindings => &["spec"],
        Part::ServiceAccounts => &["automountServiceAccountToken", "imagePullSecrets", "secrets"],
        Part::Roles | Part::ClusterRoles => &["rules", "aggregationRule"],
        Part::RoleBindings | Part::ClusterRoleBindings => &["roleRef", "subjects"],
        Part::Secrets => &["type", "keys"],
        Part::ConfigMaps => &["keys"],
        Part::StorageClasses => {
            &["provisioner", "parameters", "reclaimPolicy", "allowVolumeExpansion", "mountOptions", "volumeBindingMode"]
        }
        Part::ValidatingWebhooks | Part::MutatingWebhooks => &["webhooks"],
        _ => &[],
    };
    for field in fields {
        kept.insert((*field).to_owned(), of.get(*field).cloned().unwrap_or(Value::Null));
    }
    refine(part, of, &mut kept);
    kept
}

/// What each part has of its own.
fn refine(part: Part, of: &Value, kept: &mut Map<String, Value>) {
    let status = of.get("status").unwrap_or(&Value::Null);
    let phase = || json!({ "phase": status["phase"] });
    let told = match part {
        Part::Namespaces | Part::PersistentVolumes | Part::PersistentVolumeClaims => Some(phase()),
        Part::Nodes => Some(json!({
            "nodeInfo": status["nodeInfo"], "addresses": status["addresses"], "capacity": status["capacity"],
        })),
        Part::Services | Part::Ingresses => Some(json!({ "loadBalancer": status["loadBalancer"] })),
        Part::Gateways => Some(json!({ "addresses": status["addresses"] })),
        _ => None,
    };
    kept.extend(told.map(|told| ("status".to_owned(), told)));
    match part {
        Part::Roles
        | Part::ClusterRoles
        | Part::RoleBindings
        | Part::ClusterRoleBindings
        | Part::ValidatingWebhooks
        | Part::MutatingWebhooks
        | Part::AdmissionPolicies
        | Part::AdmissionBindings
        | Part::HttpRoutes
        | Part::GrpcRoutes
        | Part::TlsRoutes
        | Part::TcpRoutes => {
            kept.insert("kind".to_owned(), json!(part.api().kind));
        }
        Part::ServiceAccounts => {
            if let Some(secrets) = kept.get("secrets").and_then(Value::as_array) {
                let names: Vec<Value> = secrets.iter().map(|secret| secret["name"].clone()).collect();
                kept.insert("secrets".to_owned(), json!(names));
            }
        }
        _ => {}
    }
    if matches!(part, Part::ValidatingWebhooks | Part::MutatingWebhooks)
        && let Some(webhooks) = kept.get_mut("webhooks").and_then(Value::as_array_mut)
    {
        for client in webhooks.iter_mut().filter_map(|webhook| webhook.get_mut("clientConfig")) {
            client.as_object_mut().map(|client| client.remove("caBundle"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_is_rid_of_what_changes_and_of_what_repeats_the_object() {
        let long = "x".repeat(LONGEST + 1);
        let kept = metadata(&json!({ "metadata": {
            "name": "a", "namespace": "b", "uid": "u", "resourceVersion": "7", "generation": 3, "managedFields": [],
            "annotations": { APPLIED: "{\"password\":\"hush\"}", "team": "shop", "long": long, BEATS[0]: "{}" },
            "ownerReferences": [{ "kind": "ReplicaSet", "name": "r", "uid": "x", "controller": true }],
        }}));
        assert_eq!(
            kept,
            json!({
                "name": "a", "namespace": "b", "annotations": { "team": "shop" },
                "ownerReferences": [{ "kind": "ReplicaSet", "name": "r" }],
            })
        );
    }

    #[test]
    fn a_node_without_its_heartbeats_is_the_same_node() {
        let node = |beat: &str| {
            json!({ "metadata": { "name": "n" }, "spec": { "podCIDR": "10.0.0.0/24" }, "status": {
                "nodeInfo": { "kubeletVersion": "v1.31.0" }, "conditions": [{ "lastHeartbeatTime": beat }],
                "images": [], "allocatable": {},
            }})
        };
        assert_eq!(keep(Part::Nodes, &node("1")), keep(Part::Nodes, &node("2")));
    }

    #[test]
    fn variables_come_without_values_but_for_flags_of_the_control_plane() {
        let variables = json!([
            { "name": "PASSWORD", "value": "hush" }, { "name": "ETCD_DATA_DIR", "value": "/var/lib/etcd" },
            { "name": "KEY", "valueFrom": { "secretKeyRef": { "name": "s", "key": "k" } } }, { "name": "NONE" },
        ]);
        let kept = template(&json!({ "spec": {
            "initContainers": [{ "name": "init", "env": variables }],
            "containers": [{ "name": "etcd", "command": ["etcd"], "env": variables }],
        }}));
        assert!(!kept.to_string().contains("hush"));
        let init = &kept["spec"]["initContainers"][0]["env"];
        assert_eq!(init[0], json!({ "name": "PASSWORD", "form": "text" }));
        assert_eq!((&init[1]["value"], &init[2]["valueFrom"]["secretKeyRef"]["name"]), (&Value::Null, &json!("s")));
        assert_eq!(init[3]["form"], "empty");
        assert_eq!(kept["spec"]["containers"][0]["env"][1]["value"], "/var/lib/etcd");
    }

    #[test]
    fn webhooks_come_without_their_authority() {
        let kept = keep(
            Part::ValidatingWebhooks,
            &json!({
                "metadata": { "name": "w" },
                "webhooks": [{ "name": "w.example.com", "clientConfig": { "caBundle": "aGk=", "url": "https://w" } }],
            }),
        );
        assert_eq!(kept["webhooks"][0]["clientConfig"], json!({ "url": "https://w" }));
        assert_eq!(kept["kind"], "ValidatingWebhookConfiguration");
    }
}
