//! What a pod says of itself, apart from its containers.
//!
//! Shape: {os: `linux` | `windows` | null, host_network, host_pid, host_ipc, user_namespace, share_process_namespace,
//! host_process, token: `mounted` | `not_mounted` | `by_account`, service_account, token_audiences, sysctls: [name],
//! run_as_non_root, run_as_user, seccomp, apparmor, selinux, static, platform, namespace, pull_secrets: [name],
//! runtime_class, priority_class, spreads}. What is null there was not said. `platform` says that the pod is part of what a
//! node or a distribution is made of: a static pod of kube-system, an agent that every node has, or one in a namespace
//! that the distribution keeps for itself.

use super::{items, number, text, words};
use serde_json::{Value, json};

/// Annotations of a pod that the kubelet reads from a file or an address rather than from the API, and then shows there.
const MIRROR: &str = "kubernetes.io/config.mirror";
const SOURCE: &str = "kubernetes.io/config.source";

/// Agents of nodes and networks that distributions bring along into kube-system. A node cannot be without them, and whoever
/// may write there has the cluster anyway.
const AGENTS: [&str; 31] = [
    "anetd",
    "antrea-agent",
    "aws-node",
    "azure-cns",
    "azure-ip-masq-agent",
    "azure-npm",
    "calico-node",
    "canal",
    "cilium",
    "cilium-envoy",
    "cloud-node-manager",
    "csi-azuredisk-node",
    "csi-azurefile-node",
    "ebs-csi-node",
    "efs-csi-node",
    "eks-node-monitoring-agent",
    "eks-pod-identity-agent",
    "fsx-csi-node",
    "gke-metadata-server",
    "ip-masq-agent",
    "kindnet",
    "konnectivity-agent",
    "kube-flannel-ds",
    "kube-proxy",
    "kube-router",
    "netd",
    "node-local-dns",
    "nodelocaldns",
    "pdcsi-node",
    "s3-csi-node",
    "weave-net",
];

/// The facts of a pod's template, in a workload with this metadata.
pub(super) fn facts(template: &Value, metadata: &Value) -> Value {
    let spec = &template["spec"];
    let is_static = is_static(&template["metadata"]["annotations"]);
    let context = &spec["securityContext"];
    json!({
        "os": os(spec),
        "host_network": is(&spec["hostNetwork"]),
        "host_pid": is(&spec["hostPID"]),
        "host_ipc": is(&spec["hostIPC"]),
        "user_namespace": has_user_namespace(spec),
        "share_process_namespace": is(&spec["shareProcessNamespace"]),
        "host_process": is(&context["windowsOptions"]["hostProcess"]),
        "token": token(&spec["automountServiceAccountToken"]),
        "service_account": service_account(spec),
        "token_audiences": token_audiences(&spec["volumes"]),
        "sysctls": items(&context["sysctls"]).filter_map(|s| sysctl(&s["name"])).collect::<Vec<_>>(),
        "run_as_non_root": context["runAsNonRoot"],
        "run_as_user": number(&context["runAsUser"]),
        "seccomp": context["seccompProfile"]["type"],
        "apparmor": context["appArmorProfile"]["type"],
        "selinux": selinux(&context["seLinuxOptions"]),
        "static": is_static,
        "platform": is_platform(metadata, is_static),
        "namespace": metadata["namespace"].as_str().unwrap_or_default(),
        "pull_secrets": items(&spec["imagePullSecrets"]).filter_map(|s| text(&s["name"])).collect::<Vec<_>>(),
        "runtime_class": spec["runtimeClassName"],
        "priority_class": spec["priorityClassName"],
        "spreads": spreads(spec),
    })
}

/// Switches are off unless they are turned on.
pub(super) fn is(switch: &Value) -> bool {
    switch == &Value::Bool(true)
}

/// Whether root in the pod is somebody else on the node.
pub(super) fn has_user_namespace(spec: &Value) -> bool {
    spec["hostUsers"] == Value::Bool(false)
}

fn is_static(annotations: &Value) -> bool {
    !annotations[MIRROR].is_null() || annotations[SOURCE] == "file" || annotations[SOURCE] == "http"
}

fn is_platform(metadata: &Value, is_static: bool) -> bool {
    let word = |name: &str| metadata[name].as_str().unwrap_or_default();
    let namespace = word("namespace");
    let own = namespace == "kube-system" && (is_static || AGENTS.contains(&word("name")));
    own || namespace.starts_with("openshift-") || namespace.starts_with("gke-managed-")
}

/// What the pod says that it is for, or which nodes it asks for; either is enough to be on no other.
fn os(spec: &Value) -> Option<String> {
    let selector = &spec["nodeSelector"];
    let said = [&spec["os"]["name"], &selector["kubernetes.io/os"], &selector["beta.kubernetes.io/os"]];
    said.into_iter().find_map(text).map(str::to_ascii_lowercase)
}

pub(super) fn is_windows(spec: &Value) -> bool {
    os(spec).as_deref() == Some("windows")
}

fn token(automount: &Value) -> &'static str {
    match automount {
        Value::Bool(true) => "mounted",
        Value::Bool(false) => "not_mounted",
        _ => "by_account",
    }
}

/// The account that the pod runs as; `serviceAccount` is its name of old.
fn service_account(spec: &Value) -> &str {
    text(&spec["serviceAccountName"]).or_else(|| text(&spec["serviceAccount"])).unwrap_or("default")
}

/// Audiences of tokens that the pod asks for by itself; empty text stands for the API server.
fn token_audiences(volumes: &Value) -> Vec<&str> {
    items(volumes)
        .flat_map(|volume| items(&volume["projected"]["sources"]))
        .filter_map(|source| source.get("serviceAccountToken"))
        .map(|token| token["audience"].as_str().unwrap_or_default())
        .collect()
}

/// A setting of the kernel by its dotted name: slashes are another way to write it.
fn sysctl(name: &Value) -> Option<String> {
    text(name).map(|name| name.replace('/', "."))
}

pub(super) fn selinux(options: &Value) -> Value {
    if options.is_null() {
        return Value::Null;
    }
    json!({ "type": text(&options["type"]), "user": text(&options["user"]), "role": text(&options["role"]) })
}

/// Whether something keeps the replicas of a workload from running on one node.
fn spreads(spec: &Value) -> bool {
    let affinity = &spec["affinity"]["podAntiAffinity"];
    let asked = |list: &str| items(&affinity[list]).next().is_some();
    items(&spec["topologySpreadConstraints"]).next().is_some()
        || asked("requiredDuringSchedulingIgnoredDuringExecution")
        || asked("preferredDuringSchedulingIgnoredDuringExecution")
}

/// Names of the volumes that a container may write to.
pub(super) fn writable_mounts(container: &Value) -> Vec<&str> {
    items(&container["volumeMounts"])
        .filter(|mount| !is(&mount["readOnly"]))
        .filter_map(|mount| text(&mount["name"]))
        .collect()
}

/// Names of the capabilities in a list, in capitals and without `CAP_`, sorted and each once.
pub(super) fn capability_names(list: &Value) -> Vec<String> {
    let mut names: Vec<String> = words(list)
        .into_iter()
        .map(|name| name.trim().to_ascii_uppercase())
        .map(|name| name.strip_prefix("CAP_").map_or_else(|| name.clone(), ToOwned::to_owned))
        .filter(|name| !name.is_empty())
        .collect();
    names.sort();
    names.dedup();
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_said_is_off_or_null() {
        let pod = facts(&json!({ "spec": { "containers": [] } }), &Value::Null);
        for switch in ["host_network", "host_pid", "host_ipc", "user_namespace", "host_process", "static"] {
            assert_eq!(pod[switch], json!(false), "{switch}");
        }
        assert_eq!((&pod["token"], &pod["service_account"]), (&json!("by_account"), &json!("default")));
        assert_eq!(facts(&Value::Null, &Value::Null)["service_account"], json!("default"));
    }

    #[test]
    fn the_system_is_what_the_pod_or_its_nodes_say() {
        assert!(is_windows(&json!({ "os": { "name": "windows" } })));
        assert!(is_windows(&json!({ "nodeSelector": { "kubernetes.io/os": "windows" } })));
        let both = json!({ "os": { "name": "linux" }, "nodeSelector": { "kubernetes.io/os": "windows" } });
        assert!(!is_windows(&both) && !is_windows(&json!({})));
        assert_eq!(facts(&json!({ "spec": {} }), &Value::Null)["os"], Value::Null);
    }

    #[test]
    fn a_user_namespace_takes_an_explicit_no() {
        assert!(has_user_namespace(&json!({ "hostUsers": false })));
        assert!(!has_user_namespace(&json!({ "hostUsers": true })) && !has_user_namespace(&json!({})));
    }

    #[test]
    fn a_static_pod_is_told_by_where_it_comes_from() {
        for (name, value, expected) in [(MIRROR, "aa", true), (SOURCE, "file", true), (SOURCE, "api", false)] {
            assert_eq!(is_static(&json!({ name: value })), expected, "{name} {value}");
        }
    }

    #[test]
    fn what_a_node_is_made_of_is_told_from_what_is_called_like_it() {
        let is = |namespace: &str, name: &str| is_platform(&json!({ "namespace": namespace, "name": name }), false);
        assert!(is("kube-system", "kube-proxy") && is("openshift-sdn", "sdn"));
        assert!(!is("shop", "kube-proxy") && !is("kube-system", "tiller-deploy") && !is("openshift", "web"));
        assert!(is_platform(&json!({ "namespace": "kube-system" }), true));
        assert!(!is_platform(&json!({ "namespace": "shop" }), true));
    }

    #[test]
    fn a_setting_of_the_kernel_has_two_spellings() {
        let pod = facts(
            &json!({ "spec": { "securityContext": { "sysctls": [{ "name": "net/ipv4/ip_forward" }] } } }),
            &Value::Null,
        );
        assert_eq!(pod["sysctls"], json!(["net.ipv4.ip_forward"]));
    }

    #[test]
    fn capabilities_are_compared_without_their_prefix() {
        assert_eq!(capability_names(&json!(["CAP_sys_admin", "NET_RAW", "net_raw", "", 7])), ["NET_RAW", "SYS_ADMIN"]);
        assert!(capability_names(&Value::Null).is_empty());
    }
}
