//! The relations of an object to others, read off its attributes.

use crate::api::Part;
use crate::resource::{Naming, each};
use crate::subject;
use plumbline_core::resource::Edge;
use plumbline_core::stack;
use serde_json::{Map, Value};

/// The edges of an object of a part.
pub(crate) fn of(naming: &Naming, part: Part, namespace: &str, of: &Map<String, Value>) -> Vec<Edge> {
    let spec = of.get("spec").unwrap_or(&Value::Null);
    let to = Finder { naming, namespace };
    match part {
        Part::Nodes => machine(spec).into_iter().collect(),
        Part::ServiceAccounts => cloud_role(of).into_iter().collect(),
        Part::RoleBindings | Part::ClusterRoleBindings => to.binding(of),
        Part::Services => addresses(of),
        Part::Ingresses => to.ingress(spec).into_iter().chain(addresses(of)).collect(),
        Part::Gateways => to.gateway(spec, of),
        Part::HttpRoutes | Part::GrpcRoutes | Part::TlsRoutes | Part::TcpRoutes => to.route(spec),
        Part::PersistentVolumes => {
            let claim = spec.get("claimRef").map(|claim| to.reference("claim", "persistentvolumeclaims", claim));
            claim.into_iter().chain(to.wide(spec, "/storageClassName", "storageclasses", "storage_class")).collect()
        }
        Part::PersistentVolumeClaims => {
            let volume = to.wide(spec, "/volumeName", "persistentvolumes", "volume");
            volume.into_iter().chain(to.wide(spec, "/storageClassName", "storageclasses", "storage_class")).collect()
        }
        Part::ValidatingWebhooks | Part::MutatingWebhooks => {
            let webhooks = of.get("webhooks").and_then(Value::as_array).into_iter().flatten();
            let services = webhooks.filter_map(|webhook| webhook.pointer("/clientConfig/service"));
            services.map(|service| to.reference("service", "services", service)).collect()
        }
        _ => Vec::new(),
    }
}

/// Finds the other ends, from a namespace.
struct Finder<'a> {
    naming: &'a Naming,
    namespace: &'a str,
}

impl Finder<'_> {
    /// An edge to what is named at a place, in our namespace.
    fn near(&self, of: &Value, at: &str, plural: &str, relation: &str) -> Option<Edge> {
        let name = of.pointer(at).and_then(Value::as_str).filter(|name| !name.is_empty())?;
        Some(Edge::new(relation, self.naming.uid(plural, self.namespace, name)))
    }

    /// The same for what belongs to no namespace.
    fn wide(&self, of: &Value, at: &str, plural: &str, relation: &str) -> Option<Edge> {
        Finder { namespace: "", ..*self }.near(of, at, plural, relation)
    }

    /// An edge to what a reference names, in its namespace or in ours.
    fn reference(&self, relation: &str, plural: &str, to: &Value) -> Edge {
        let namespace = to.get("namespace").and_then(Value::as_str).unwrap_or(self.namespace);
        let name = to.get("name").and_then(Value::as_str).unwrap_or_default();
        Edge::new(relation, self.naming.uid(plural, namespace, name))
    }

    fn ingress(&self, spec: &Value) -> Vec<Edge> {
        let paths = each(spec, &["rules"]).iter().flat_map(|rule| each(rule, &["http", "paths"]));
        let services = paths.filter_map(|path| self.near(path, "/backend/service/name", "services", "service"));
        let rest = self.near(spec, "/defaultBackend/service/name", "services", "service");
        let tls = each(spec, &["tls"]).iter();
        let secrets = tls.filter_map(|tls| self.near(tls, "/secretName", "secrets", "secret"));
        services.chain(rest).chain(secrets).collect()
    }

    fn gateway(&self, spec: &Value, of: &Map<String, Value>) -> Vec<Edge> {
        let listeners = each(spec, &["listeners"]).iter();
        let certificates = listeners.flat_map(|listener| each(listener, &["tls", "certificateRefs"]));
        let secrets = certificates.map(|certificate| self.reference("secret", "secrets", certificate));
        let named = of.get("status").map(|status| each(status, &["addresses"])).unwrap_or_default();
        let values = named.iter().filter_map(|address| address.get("value")?.as_str());
        secrets.chain(values.map(address)).collect()
    }

    fn route(&self, spec: &Value) -> Vec<Edge> {
        let is_service = |to: &&Value| to.get("kind").and_then(Value::as_str).is_none_or(|kind| kind == "Service");
        let backends = each(spec, &["rules"]).iter().flat_map(|rule| each(rule, &["backendRefs"])).filter(is_service);
        let services = backends.map(|to| self.reference("service", "services", to));
        let gateways = each(spec, &["parentRefs"]).iter().map(|to| self.reference("gateway", "gateways", to));
        services.chain(gateways).collect()
    }

    fn binding(&self, of: &Map<String, Value>) -> Vec<Edge> {
        let role = of.get("roleRef").map(|role| {
            let name = role.get("name").and_then(Value::as_str).unwrap_or_default();
            let uid = match role.get("kind").and_then(Value::as_str) {
                Some("Role") => self.naming.uid("roles", self.namespace, name),
                _ => self.naming.uid("clusterroles", "", name),
            };
            Edge::new("role", uid)
        });
        let subjects = of.get("subjects").and_then(Value::as_array).into_iter().flatten();
        let subjects = subjects.map(|one| Edge::new("subject", subject::uid(self.naming, one, self.namespace)));
        role.into_iter().chain(subjects).collect()
    }
}

/// The role in AWS that a service account takes.
fn cloud_role(of: &Map<String, Value>) -> Option<Edge> {
    let role = of.get("metadata")?.pointer("/annotations/eks.amazonaws.com~1role-arn")?.as_str()?;
    Some(Edge::new("cloud_role", role))
}

/// The machine that a node is, as the cloud's collector names it too.
fn machine(spec: &Value) -> Option<Edge> {
    let uid = stack::machine_uid(spec.get("providerID")?.as_str()?)?;
    Some(Edge::new("machine", uid))
}

/// A name that leads here, as the load balancer has it too.
fn address(name: &str) -> Edge {
    Edge::new("address", stack::address_uid(name))
}

fn addresses(of: &Map<String, Value>) -> Vec<Edge> {
    let ingress = of.get("status").map(|status| each(status, &["loadBalancer", "ingress"])).unwrap_or_default();
    let word = |of: &Value, field: &str| of.get(field).and_then(Value::as_str).map(str::to_owned);
    let names = ingress.iter().filter_map(|at| word(at, "hostname").or_else(|| word(at, "ip")));
    names.map(|name| address(&name)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resource::tidy;
    use serde_json::json;

    fn naming() -> Naming {
        Naming { cluster: "c1".to_owned() }
    }

    #[test]
    fn a_node_leads_to_its_machine_as_the_cloud_names_it() {
        let edge = machine(&json!({ "providerID": "aws:///eu-west-1a/i-0abc" })).unwrap();
        assert_eq!((edge.relation.as_str(), edge.to.as_str()), ("machine", "machine:aws/i-0abc"));
        assert_eq!(machine(&json!({})), None);
    }

    #[test]
    fn a_binding_leads_to_its_role_and_its_subjects() {
        let from = json!({
            "roleRef": { "kind": "ClusterRole", "name": "edit" },
            "subjects": [{ "kind": "ServiceAccount", "name": "ci", "namespace": "tools" }, { "kind": "Group", "name": "g" },
                { "kind": "User", "name": "system:serviceaccount:tools:cd" }],
        });
        let edges = of(&naming(), Part::RoleBindings, "shop", from.as_object().unwrap());
        let to: Vec<&str> = edges.iter().map(|edge| edge.to.as_str()).collect();
        let expected = [
            "k8s://c1/clusterroles/edit",
            "k8s://c1/subjects/ServiceAccount/tools/ci",
            "k8s://c1/subjects/Group/g",
            "k8s://c1/subjects/ServiceAccount/tools/cd",
        ];
        assert_eq!(to, expected);
    }

    #[test]
    fn an_ingress_leads_to_services_and_secrets() {
        let from = json!({ "spec": {
            "rules": [{ "http": { "paths": [{ "backend": { "service": { "name": "web" } } }] } }],
            "defaultBackend": { "service": { "name": "rest" } },
            "tls": [{ "secretName": "cert" }],
        }, "status": { "loadBalancer": { "ingress": [{ "hostname": "LB.example.com" }] } } });
        let mut edges = of(&naming(), Part::Ingresses, "shop", from.as_object().unwrap());
        tidy(&mut edges);
        let to: Vec<&str> = edges.iter().map(|edge| edge.to.as_str()).collect();
        let expected = [
            "dns:lb.example.com",
            "k8s://c1/secrets/shop/cert",
            "k8s://c1/services/shop/rest",
            "k8s://c1/services/shop/web",
        ];
        assert_eq!(to, expected);
    }
}
