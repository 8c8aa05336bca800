//! The resources of the API that are read, and which scope each belongs to.

use plumbline_core::kind::Kinds;

/// One resource of the API: `deployments.apps`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Part {
    Namespaces,
    Nodes,
    Pods,
    Deployments,
    ReplicaSets,
    DaemonSets,
    StatefulSets,
    Jobs,
    CronJobs,
    ReplicationControllers,
    ResourceQuotas,
    LimitRanges,
    ServiceAccounts,
    Roles,
    ClusterRoles,
    RoleBindings,
    ClusterRoleBindings,
    NetworkPolicies,
    Services,
    Ingresses,
    Gateways,
    HttpRoutes,
    GrpcRoutes,
    TlsRoutes,
    TcpRoutes,
    Secrets,
    ConfigMaps,
    StorageClasses,
    PersistentVolumes,
    PersistentVolumeClaims,
    ValidatingWebhooks,
    MutatingWebhooks,
    AdmissionPolicies,
    AdmissionBindings,
    CustomResources,
}

/// What the API calls a part, and what we call what comes of it.
pub(crate) struct Api {
    pub(crate) part: Part,
    pub(crate) group: &'static str,
    pub(crate) plural: &'static str,
    /// The API's own kind.
    pub(crate) kind: &'static str,
    pub(crate) namespaced: bool,
    /// Our kind; none for what only goes into others.
    pub(crate) ours: Option<&'static str>,
}

const CORE: &str = "";
const APPS: &str = "apps";
const RBAC: &str = "rbac.authorization.k8s.io";
const NETWORKING: &str = "networking.k8s.io";
const GATEWAY: &str = "gateway.networking.k8s.io";
const STORAGE: &str = "storage.k8s.io";
const ADMISSION: &str = "admissionregistration.k8s.io";

const fn api(
    part: Part,
    group: &'static str,
    plural: &'static str,
    kind: &'static str,
    namespaced: bool,
    ours: Option<&'static str>,
) -> Api {
    Api { part, group, plural, kind, namespaced, ours }
}

/// All parts, in the order of the enumeration.
#[rustfmt::skip]
pub(crate) static APIS: [Api; 35] = [
    api(Part::Namespaces, CORE, "namespaces", "Namespace", false, Some("kubernetes.namespace")),
    api(Part::Nodes, CORE, "nodes", "Node", false, Some("kubernetes.node")),
    api(Part::Pods, CORE, "pods", "Pod", true, Some("kubernetes.workload")),
    api(Part::Deployments, APPS, "deployments", "Deployment", true, Some("kubernetes.workload")),
    api(Part::ReplicaSets, APPS, "replicasets", "ReplicaSet", true, Some("kubernetes.workload")),
    api(Part::DaemonSets, APPS, "daemonsets", "DaemonSet", true, Some("kubernetes.workload")),
    api(Part::StatefulSets, APPS, "statefulsets", "StatefulSet", true, Some("kubernetes.workload")),
    api(Part::Jobs, "batch", "jobs", "Job", true, Some("kubernetes.workload")),
    api(Part::CronJobs, "batch", "cronjobs", "CronJob", true, Some("kubernetes.workload")),
    api(Part::ReplicationControllers, CORE, "replicationcontrollers", "ReplicationController", true, Some("kubernetes.workload")),
    api(Part::ResourceQuotas, CORE, "resourcequotas", "ResourceQuota", true, Some("kubernetes.resource_quota")),
    api(Part::LimitRanges, CORE, "limitranges", "LimitRange", true, Some("kubernetes.limit_range")),
    api(Part::ServiceAccounts, CORE, "serviceaccounts", "ServiceAccount", true, Some("kubernetes.service_account")),
    api(Part::Roles, RBAC, "roles", "Role", true, Some("kubernetes.role")),
    api(Part::ClusterRoles, RBAC, "clusterroles", "ClusterRole", false, Some("kubernetes.role")),
    api(Part::RoleBindings, RBAC, "rolebindings", "RoleBinding", true, Some("kubernetes.role_binding")),
    api(Part::ClusterRoleBindings, RBAC, "clusterrolebindings", "ClusterRoleBinding", false, Some("kubernetes.role_binding")),
    api(Part::NetworkPolicies, NETWORKING, "networkpolicies", "NetworkPolicy", true, Some("kubernetes.network_policy")),
    api(Part::Services, CORE, "services", "Service", true, Some("kubernetes.service")),
    api(Part::Ingresses, NETWORKING, "ingresses", "Ingress", true, Some("kubernetes.ingress")),
    api(Part::Gateways, GATEWAY, "gateways", "Gateway", true, Some("kubernetes.gateway")),
    api(Part::HttpRoutes, GATEWAY, "httproutes", "HTTPRoute", true, Some("kubernetes.gateway_route")),
    api(Part::GrpcRoutes, GATEWAY, "grpcroutes", "GRPCRoute", true, Some("kubernetes.gateway_route")),
    api(Part::TlsRoutes, GATEWAY, "tlsroutes", "TLSRoute", true, Some("kubernetes.gateway_route")),
    api(Part::TcpRoutes, GATEWAY, "tcproutes", "TCPRoute", true, Some("kubernetes.gateway_route")),
    api(Part::Secrets, CORE, "secrets", "Secret", true, Some("kubernetes.secret")),
    api(Part::ConfigMaps, CORE, "configmaps", "ConfigMap", true, Some("kubernetes.config_map")),
    api(Part::StorageClasses, STORAGE, "storageclasses", "StorageClass", false, Some("kubernetes.storage_class")),
    api(Part::PersistentVolumes, CORE, "persistentvolumes", "PersistentVolume", false, Some("kubernetes.persistent_volume")),
    api(Part::PersistentVolumeClaims, CORE, "persistentvolumeclaims", "PersistentVolumeClaim", true, Some("kubernetes.persistent_volume_claim")),
    api(Part::ValidatingWebhooks, ADMISSION, "validatingwebhookconfigurations", "ValidatingWebhookConfiguration", false, Some("kubernetes.admission_webhook")),
    api(Part::MutatingWebhooks, ADMISSION, "mutatingwebhookconfigurations", "MutatingWebhookConfiguration", false, Some("kubernetes.admission_webhook")),
    api(Part::AdmissionPolicies, ADMISSION, "validatingadmissionpolicies", "ValidatingAdmissionPolicy", false, Some("kubernetes.admission_policy")),
    api(Part::AdmissionBindings, ADMISSION, "validatingadmissionpolicybindings", "ValidatingAdmissionPolicyBinding", false, Some("kubernetes.admission_policy")),
    api(Part::CustomResources, "apiextensions.k8s.io", "customresourcedefinitions", "CustomResourceDefinition", false, None),
];

impl Part {
    pub(crate) fn api(self) -> &'static Api {
        &APIS[self as usize]
    }

    /// `list deployments.apps`.
    pub(crate) fn permission(self) -> String {
        format!("list {}", self.api().resource())
    }

    /// The part that a controller of this kind is, if it is one that we read.
    pub(crate) fn of_controller(kind: &str) -> Option<Self> {
        WORKLOADS.into_iter().find(|part| *part != Self::Pods && part.api().kind == kind)
    }
}

impl Api {
    /// `deployments.apps`.
    pub(crate) fn resource(&self) -> String {
        if self.group.is_empty() { self.plural.to_owned() } else { format!("{}.{}", self.plural, self.group) }
    }

    /// Where it is asked for, in one namespace or in all.
    pub(crate) fn path(&self, version: &str, place: Option<&str>) -> String {
        let root = root(self.group, version);
        match place.filter(|_| self.namespaced) {
            Some(namespace) => format!("{root}/namespaces/{namespace}/{}", self.plural),
            None => format!("{root}/{}", self.plural),
        }
    }

    /// `apps/v1`.
    pub(crate) fn api_version(&self, version: &str) -> String {
        if self.group.is_empty() { version.to_owned() } else { format!("{}/{version}", self.group) }
    }
}

/// The path of a group's version.
pub(crate) fn root(group: &str, version: &str) -> String {
    if group.is_empty() { format!("/api/{version}") } else { format!("/apis/{group}/{version}") }
}

/// What a workload is made of, in the order in which the kind's permissions are named.
pub(crate) const WORKLOADS: [Part; 8] = [
    Part::Pods,
    Part::Deployments,
    Part::ReplicaSets,
    Part::DaemonSets,
    Part::StatefulSets,
    Part::Jobs,
    Part::CronJobs,
    Part::ReplicationControllers,
];

/// What the permissions of a subject are worked out of.
pub(crate) const SUBJECTS: [Part; 5] =
    [Part::ClusterRoles, Part::ClusterRoleBindings, Part::Roles, Part::RoleBindings, Part::ServiceAccounts];

/// The reader that lists one of our kinds.
pub(crate) fn reader(ours: &str) -> &'static str {
    Kinds::builtin().get(ours).map_or("", |kind| kind.reader.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_part_stands_at_its_place() {
        for (place, api) in APIS.iter().enumerate() {
            assert_eq!(api.part as usize, place, "{:?}", api.part);
        }
    }

    #[test]
    fn the_catalogue_names_what_is_asked_for() {
        let ours: BTreeSet<&str> = APIS.iter().filter_map(|api| api.ours).collect();
        for kind in &ours {
            let listed = &Kinds::builtin().get(kind).unwrap_or_else(|| panic!("{kind} is no kind")).list;
            let asked: BTreeSet<String> =
                APIS.iter().filter(|api| api.ours == Some(kind)).map(|api| api.part.permission()).collect();
            assert_eq!(&listed.iter().cloned().collect::<BTreeSet<_>>(), &asked, "{kind}");
        }
        let made = ["kubernetes.cluster", "kubernetes.control_plane_component", "kubernetes.subject"];
        for kind in Kinds::builtin().iter().filter(|kind| kind.provider() == "kubernetes") {
            assert!(ours.contains(kind.kind.as_str()) || made.contains(&kind.kind.as_str()), "{}", kind.kind);
        }
        let subject = &Kinds::builtin().get("kubernetes.subject").unwrap().list;
        assert_eq!(subject, &SUBJECTS.map(Part::permission).to_vec());
        let workload = &Kinds::builtin().get("kubernetes.workload").unwrap().list;
        assert_eq!(workload, &WORKLOADS.map(Part::permission).to_vec());
    }
}
