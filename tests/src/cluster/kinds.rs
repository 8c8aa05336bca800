//! The kinds that the stand-in has.

/// A resource of the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Kind {
    pub(super) group: &'static str,
    pub(super) version: &'static str,
    pub(super) plural: &'static str,
    pub(super) kind: &'static str,
    pub(super) namespaced: bool,
}

const fn of(group: &'static str, plural: &'static str, kind: &'static str, namespaced: bool) -> Kind {
    Kind { group, version: "v1", plural, kind, namespaced }
}

const RBAC: &str = "rbac.authorization.k8s.io";
const ADMISSION: &str = "admissionregistration.k8s.io";
const GATEWAY: &str = "gateway.networking.k8s.io";

/// All of them. The Gateway API comes with its definitions alone, as in a real cluster.
pub(super) static KINDS: [Kind; 35] = [
    of("", "namespaces", "Namespace", false),
    of("", "nodes", "Node", false),
    of("", "pods", "Pod", true),
    of("", "services", "Service", true),
    of("", "serviceaccounts", "ServiceAccount", true),
    of("", "secrets", "Secret", true),
    of("", "configmaps", "ConfigMap", true),
    of("", "replicationcontrollers", "ReplicationController", true),
    of("", "resourcequotas", "ResourceQuota", true),
    of("", "limitranges", "LimitRange", true),
    of("", "persistentvolumes", "PersistentVolume", false),
    of("", "persistentvolumeclaims", "PersistentVolumeClaim", true),
    of("apps", "deployments", "Deployment", true),
    of("apps", "replicasets", "ReplicaSet", true),
    of("apps", "daemonsets", "DaemonSet", true),
    of("apps", "statefulsets", "StatefulSet", true),
    of("batch", "jobs", "Job", true),
    of("batch", "cronjobs", "CronJob", true),
    of(RBAC, "roles", "Role", true),
    of(RBAC, "clusterroles", "ClusterRole", false),
    of(RBAC, "rolebindings", "RoleBinding", true),
    of(RBAC, "clusterrolebindings", "ClusterRoleBinding", false),
    of("networking.k8s.io", "networkpolicies", "NetworkPolicy", true),
    of("networking.k8s.io", "ingresses", "Ingress", true),
    of("storage.k8s.io", "storageclasses", "StorageClass", false),
    of(ADMISSION, "validatingwebhookconfigurations", "ValidatingWebhookConfiguration", false),
    of(ADMISSION, "mutatingwebhookconfigurations", "MutatingWebhookConfiguration", false),
    of(ADMISSION, "validatingadmissionpolicies", "ValidatingAdmissionPolicy", false),
    of(ADMISSION, "validatingadmissionpolicybindings", "ValidatingAdmissionPolicyBinding", false),
    of("apiextensions.k8s.io", "customresourcedefinitions", "CustomResourceDefinition", false),
    of(GATEWAY, "gateways", "Gateway", true),
    of(GATEWAY, "httproutes", "HTTPRoute", true),
    of(GATEWAY, "grpcroutes", "GRPCRoute", true),
    Kind { version: "v1alpha2", ..of(GATEWAY, "tlsroutes", "TLSRoute", true) },
    Kind { version: "v1alpha2", ..of(GATEWAY, "tcproutes", "TCPRoute", true) },
];

impl Kind {
    /// `deployments.apps`.
    pub(super) fn resource(&self) -> String {
        if self.group.is_empty() { self.plural.to_owned() } else { format!("{}.{}", self.plural, self.group) }
    }

    /// `apps/v1`.
    pub(super) fn api_version(&self) -> String {
        if self.group.is_empty() { self.version.to_owned() } else { format!("{}/{}", self.group, self.version) }
    }

    /// Whether the kind takes a definition before it is there.
    pub(super) fn is_custom(&self) -> bool {
        self.group == GATEWAY
    }
}

pub(super) fn by_plural(group: &str, plural: &str) -> Option<&'static Kind> {
    KINDS.iter().find(|kind| kind.group == group && kind.plural == plural)
}

pub(super) fn by_kind(api_version: &str, kind: &str) -> Option<&'static Kind> {
    KINDS.iter().find(|known| known.kind == kind && known.api_version() == api_version)
}
