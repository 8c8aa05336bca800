//! What a template of pods leads to: its service account, secrets, settings, claims and images.

use crate::resource::{Naming, each};
use plumbline_core::resource::Edge;
use serde_json::Value;

/// The lists of containers of a pod.
pub(crate) const CONTAINERS: [&str; 3] = ["containers", "initContainers", "ephemeralContainers"];

/// The edges of a template.
pub(crate) fn of_template(naming: &Naming, namespace: &str, template: &Value) -> Vec<Edge> {
    let Some(spec) = template.get("spec").filter(|spec| spec.is_object()) else { return Vec::new() };
    let mut edges = vec![
        Edge::new("service_account", naming.uid("serviceaccounts", namespace, account(spec))),
        Edge::new("subject", naming.subject("ServiceAccount", namespace, account(spec))),
    ];
    let mut to = |relation: &str, plural: &str, name: Option<&Value>| {
        if let Some(name) = name.and_then(Value::as_str).filter(|name| !name.is_empty()) {
            edges.push(Edge::new(relation, naming.uid(plural, namespace, name)));
        }
    };
    for secret in each(spec, &["imagePullSecrets"]) {
        to("secret", "secrets", secret.get("name"));
    }
    for volume in each(spec, &["volumes"]) {
        to("secret", "secrets", volume.pointer("/secret/secretName"));
        to("config_map", "configmaps", volume.pointer("/configMap/name"));
        to("claim", "persistentvolumeclaims", volume.pointer("/persistentVolumeClaim/claimName"));
        for source in each(volume, &["projected", "sources"]) {
            to("secret", "secrets", source.pointer("/secret/name"));
            to("config_map", "configmaps", source.pointer("/configMap/name"));
        }
    }
    for container in CONTAINERS.iter().flat_map(|list| each(spec, &[list])) {
        for from in each(container, &["envFrom"]) {
            to("secret", "secrets", from.pointer("/secretRef/name"));
            to("config_map", "configmaps", from.pointer("/configMapRef/name"));
        }
        for variable in each(container, &["env"]) {
            to("secret", "secrets", variable.pointer("/valueFrom/secretKeyRef/name"));
            to("config_map", "configmaps", variable.pointer("/valueFrom/configMapKeyRef/name"));
        }
    }
    edges
}

/// The service account that a pod runs as.
pub(crate) fn account(spec: &Value) -> &str {
    let named = spec.get("serviceAccountName").or_else(|| spec.get("serviceAccount")).and_then(Value::as_str);
    named.filter(|name| !name.is_empty()).unwrap_or("default")
}

/// The uid of an image as the registry's collector names it: repository and digest. A bare digest is of the configuration,
/// and names no image.
pub(crate) fn image_uid(image_id: &str) -> Option<String> {
    let id = image_id.split_once("://").map_or(image_id, |(_, id)| id);
    let (repository, digest) = id.split_once('@')?;
    let (algorithm, hash) = digest.split_once(':')?;
    if repository.is_empty() || algorithm != "sha256" || hash.len() != 64 {
        return None;
    }
    let tag = repository.rfind(':').filter(|colon| !repository[*colon..].contains('/'));
    Some(format!("{}@{digest}", tag.map_or(repository, |colon| &repository[..colon])))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_image_is_named_as_the_registry_names_it() {
        let hash = "a".repeat(64);
        let of = |id: &str| image_uid(&id.replace('#', &hash));
        assert_eq!(of("r.example:5000/shop/api@sha256:#").unwrap(), format!("r.example:5000/shop/api@sha256:{hash}"));
        assert_eq!(of("r.example/api:1.2@sha256:#").unwrap(), format!("r.example/api@sha256:{hash}"));
        assert_eq!(of("docker-pullable://r.example/api@sha256:#").unwrap(), format!("r.example/api@sha256:{hash}"));
        for none in ["sha256:#", "docker://sha256:#", "r.example/api@sha256:aa", ""] {
            assert_eq!(of(none), None, "{none}");
        }
    }

    #[test]
    fn a_template_leads_to_all_that_it_names() {
        let naming = Naming { cluster: "c".to_owned() };
        let template = json!({ "spec": {
            "serviceAccountName": "api",
            "imagePullSecrets": [{ "name": "pull" }],
            "volumes": [
                { "secret": { "secretName": "tls" } }, { "persistentVolumeClaim": { "claimName": "data" } },
                { "projected": { "sources": [{ "configMap": { "name": "ca" } }] } },
            ],
            "initContainers": [{ "envFrom": [{ "secretRef": { "name": "env" } }] }],
            "containers": [{ "env": [{ "valueFrom": { "configMapKeyRef": { "name": "settings" } } }] }],
        }});
        let edges = of_template(&naming, "shop", &template);
        let names: Vec<String> = edges.iter().map(|edge| edge.to.trim_start_matches("k8s://c/").to_owned()).collect();
        assert_eq!(
            names,
            [
                "serviceaccounts/shop/api",
                "subjects/ServiceAccount/shop/api",
                "secrets/shop/pull",
                "secrets/shop/tls",
                "persistentvolumeclaims/shop/data",
                "configmaps/shop/ca",
                "configmaps/shop/settings",
                "secrets/shop/env",
            ]
        );
        assert!(of_template(&naming, "shop", &Value::Null).is_empty());
    }
}
