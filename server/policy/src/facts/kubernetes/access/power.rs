//! The powers that matter, and which requests each takes.

use super::Grant;
use super::rule::Rule;
use serde_json::Value;

/// Something that a subject can do.
pub(super) struct Power {
    pub(super) name: &'static str,
    /// Any one of these is enough.
    asks: &'static [Ask],
    /// Without one of these, the asks are of no use.
    and: &'static [Ask],
}

/// Requests of one sort.
struct Ask {
    verbs: &'static [&'static str],
    group: &'static str,
    resource: &'static str,
    /// Whether the object belongs to no namespace, so that a grant in one does not reach it.
    of_cluster: bool,
}

const fn ask(verbs: &'static [&'static str], group: &'static str, resource: &'static str) -> Ask {
    Ask { verbs, group, resource, of_cluster: false }
}

const fn of_cluster(verbs: &'static [&'static str], group: &'static str, resource: &'static str) -> Ask {
    Ask { verbs, group, resource, of_cluster: true }
}

const RBAC: &str = "rbac.authorization.k8s.io";
const ADMISSION: &str = "admissionregistration.k8s.io";
const CERTIFICATES: &str = "certificates.k8s.io";
const READ: &[&str] = &["get", "list", "watch"];
const CHANGE: &[&str] = &["update", "patch"];
const WRITE: &[&str] = &["create", "update", "patch"];
const UNDO: &[&str] = &["create", "update", "patch", "delete", "deletecollection"];
/// Sessions are asked for by POST, or by the GET that opens a web socket.
const CONNECT: &[&str] = &["create", "get"];
const ANY: &[&str] = &["get", "create", "update", "patch", "delete"];
const ERASE: &[&str] = &["delete", "deletecollection"];

pub(super) const POWERS: &[Power] = &[
    Power { name: "everything", asks: &[], and: &[] },
    power("read_secrets", &[ask(READ, "", "secrets")]),
    power("create_pods", &[ask(&["create"], "", "pods")]),
    power(
        "create_workloads",
        &[
            ask(WRITE, "apps", "deployments"),
            ask(WRITE, "apps", "daemonsets"),
            ask(WRITE, "apps", "statefulsets"),
            ask(WRITE, "apps", "replicasets"),
            ask(WRITE, "batch", "jobs"),
            ask(WRITE, "batch", "cronjobs"),
            ask(WRITE, "", "replicationcontrollers"),
        ],
    ),
    power("exec", &[ask(CONNECT, "", "pods/exec"), ask(CONNECT, "", "pods/attach")]),
    power("debug", &[ask(CHANGE, "", "pods/ephemeralcontainers")]),
    power("port_forward", &[ask(CONNECT, "", "pods/portforward")]),
    power("nodes_proxy", &[of_cluster(ANY, "", "nodes/proxy")]),
    power("issue_tokens", &[ask(&["create"], "", "serviceaccounts/token")]),
    power("escalate", &[ask(&["escalate"], RBAC, "roles"), of_cluster(&["escalate"], RBAC, "clusterroles")]),
    // Asked in the namespace of the new binding, whichever sort of role it names.
    power("bind", &[ask(&["bind"], RBAC, "roles"), ask(&["bind"], RBAC, "clusterroles")]),
    power(
        "impersonate",
        &[
            of_cluster(&["impersonate"], "", "users"),
            of_cluster(&["impersonate"], "", "groups"),
            ask(&["impersonate"], "", "serviceaccounts"),
        ],
    ),
    power(
        "change_webhooks",
        &[
            of_cluster(UNDO, ADMISSION, "validatingwebhookconfigurations"),
            of_cluster(UNDO, ADMISSION, "mutatingwebhookconfigurations"),
        ],
    ),
    power(
        "change_admission_policies",
        &[
            of_cluster(UNDO, ADMISSION, "validatingadmissionpolicies"),
            of_cluster(UNDO, ADMISSION, "validatingadmissionpolicybindings"),
            of_cluster(UNDO, ADMISSION, "mutatingadmissionpolicies"),
            of_cluster(UNDO, ADMISSION, "mutatingadmissionpolicybindings"),
        ],
    ),
    Power {
        name: "approve_certificates",
        asks: &[of_cluster(&["approve", "sign"], CERTIFICATES, "signers")],
        and: &[
            of_cluster(CHANGE, CERTIFICATES, "certificatesigningrequests/approval"),
            of_cluster(CHANGE, CERTIFICATES, "certificatesigningrequests/status"),
        ],
    },
    power("create_volumes", &[of_cluster(&["create"], "", "persistentvolumes")]),
    // The namespace of a request about a namespace is that namespace.
    power("change_namespaces", &[ask(CHANGE, "", "namespaces")]),
    power("change_nodes", &[of_cluster(CHANGE, "", "nodes"), of_cluster(CHANGE, "", "nodes/status")]),
    power("change_network_policies", &[ask(UNDO, "networking.k8s.io", "networkpolicies")]),
    power("erase_events", &[ask(ERASE, "", "events"), ask(ERASE, "events.k8s.io", "events")]),
];

const fn power(name: &'static str, asks: &'static [Ask]) -> Power {
    Power { name, asks, and: &[] }
}

impl Power {
    /// The grants by which a subject that has all of these has the power.
    pub(super) fn by(&self, grants: &[Grant<'_>]) -> Vec<Value> {
        let also = |ask: &Ask| grants.iter().any(|grant| ask.names(grant).is_some());
        if !self.and.is_empty() && !self.and.iter().any(also) {
            return Vec::new();
        }
        grants.iter().filter_map(|grant| Some(grant.shown(&self.names(grant)?))).collect()
    }

    /// The names for which a grant gives it: none where it does not, an empty list for all.
    fn names<'a>(&self, grant: &Grant<'a>) -> Option<Vec<&'a str>> {
        if self.asks.is_empty() {
            let everything = grant.in_cluster() && grant.rules.iter().any(Rule::is_everything);
            return everything.then(Vec::new);
        }
        united(self.asks.iter().filter_map(|ask| ask.names(grant)))
    }
}

impl Ask {
    fn names<'a>(&self, grant: &Grant<'a>) -> Option<Vec<&'a str>> {
        if self.of_cluster && !grant.in_cluster() {
            return None;
        }
        united(grant.rules.iter().filter(|rule| self.is_let(rule)).map(|rule| rule.names.clone()))
    }

    /// Creating a thing, and removing all of them, are requests without a name.
    fn is_let(&self, rule: &Rule<'_>) -> bool {
        let nameless = |verb: &&str| (*verb == "create" && !self.resource.contains('/')) || *verb == "deletecollection";
        let verbs: Vec<&str> =
            self.verbs.iter().copied().filter(|verb| rule.names.is_empty() || !nameless(verb)).collect();
        !verbs.is_empty() && rule.lets(&verbs, self.group, self.resource)
    }
}

/// All names of several lists, of which an empty one means every name.
fn united<'a>(lists: impl Iterator<Item = Vec<&'a str>>) -> Option<Vec<&'a str>> {
    let lists: Vec<Vec<&str>> = lists.collect();
    if lists.is_empty() {
        return None;
    }
    if lists.iter().any(Vec::is_empty) {
        return Some(Vec::new());
    }
    let mut names: Vec<&str> = lists.concat();
    names.sort_unstable();
    names.dedup();
    Some(names)
}
