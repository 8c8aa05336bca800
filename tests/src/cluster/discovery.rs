//! What there is: versions, groups, and the resources of each.

use super::kinds::{KINDS, Kind};
use super::state::State;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// The form of a packed description of the API.
pub(super) const PACKED_SCHEMA: &str = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf";

/// What people type instead of the plural.
const SHORT: [(&str, &str); 14] = [
    ("namespaces", "ns"),
    ("nodes", "no"),
    ("pods", "po"),
    ("services", "svc"),
    ("serviceaccounts", "sa"),
    ("configmaps", "cm"),
    ("persistentvolumes", "pv"),
    ("persistentvolumeclaims", "pvc"),
    ("deployments", "deploy"),
    ("replicasets", "rs"),
    ("daemonsets", "ds"),
    ("statefulsets", "sts"),
    ("networkpolicies", "netpol"),
    ("ingresses", "ing"),
];

/// Groups that have nothing in them but what is asked.
const REVIEWS: &str = "authorization.k8s.io";

/// The document at a path that is no resource's; none where there is nothing.
pub(super) fn document(state: &State, path: &str) -> Option<Value> {
    match path {
        "/version" => Some(json!({
            "major": "1", "minor": "31", "gitVersion": "v1.31.2", "gitCommit": "0", "gitTreeState": "clean",
            "buildDate": "2026-01-01T00:00:00Z", "goVersion": "go1.23", "compiler": "gc", "platform": "linux/amd64",
        })),
        "/api" => Some(json!({
            "kind": "APIVersions", "versions": ["v1"],
            "serverAddressByClientCIDRs": [{ "clientCIDR": "0.0.0.0/0", "serverAddress": "127.0.0.1" }],
        })),
        "/apis" => Some(groups(state)),
        "/openapi/v2" => {
            Some(json!({ "swagger": "2.0", "info": { "title": "Stand-in", "version": "v1" }, "paths": {} }))
        }
        "/openapi/v3" => Some(json!({ "paths": {} })),
        _ => {
            let mut parts = path.trim_start_matches('/').split('/');
            match (parts.next()?, parts.next()?, parts.next()) {
                ("api", "v1", None) => Some(resources(state, "", "v1")),
                ("apis", group, Some(version)) if parts.next().is_none() => {
                    let known = versions(state).get(group).is_some_and(|all| all.contains(version));
                    known.then(|| resources(state, group, version))
                }
                ("apis", group, None) => {
                    let all = versions(state);
                    all.get(group).map(|versions| group_document(group, versions))
                }
                _ => None,
            }
        }
    }
}

fn versions(state: &State) -> BTreeMap<&'static str, BTreeSet<&'static str>> {
    let mut groups: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::from([(REVIEWS, BTreeSet::from(["v1"]))]);
    for kind in KINDS.iter().filter(|kind| !kind.group.is_empty() && state.has(kind)) {
        groups.entry(kind.group).or_default().insert(kind.version);
    }
    groups
}

fn group_document(group: &str, versions: &BTreeSet<&str>) -> Value {
    let of = |version: &&str| json!({ "groupVersion": format!("{group}/{version}"), "version": version });
    let all: Vec<Value> = versions.iter().map(of).collect();
    json!({ "kind": "APIGroup", "apiVersion": "v1", "name": group, "versions": all, "preferredVersion": all.first() })
}

fn groups(state: &State) -> Value {
    let all: Vec<Value> = versions(state).iter().map(|(group, versions)| group_document(group, versions)).collect();
    json!({ "kind": "APIGroupList", "apiVersion": "v1", "groups": all })
}

fn resources(state: &State, group: &str, version: &str) -> Value {
    let here = |kind: &&Kind| kind.group == group && kind.version == version && state.has(kind);
    let mut all: Vec<Value> = KINDS
        .iter()
        .filter(here)
        .map(|kind| {
            let short: Vec<&str> = SHORT.iter().filter(|(of, _)| *of == kind.plural).map(|(_, short)| *short).collect();
            json!({
                "shortNames": short,
                "name": kind.plural, "singularName": kind.kind.to_lowercase(), "namespaced": kind.namespaced,
                "kind": kind.kind,
                "verbs": ["create", "delete", "get", "list", "patch", "update", "watch"],
            })
        })
        .collect();
    if group == REVIEWS {
        all.extend(["SelfSubjectAccessReview", "SelfSubjectRulesReview"].map(|kind| {
            json!({
                "name": format!("{}s", kind.to_lowercase()), "singularName": kind.to_lowercase(),
                "namespaced": false, "kind": kind, "verbs": ["create"],
            })
        }));
    }
    let of = if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") };
    json!({ "kind": "APIResourceList", "apiVersion": "v1", "groupVersion": of, "resources": all })
}
