//! From what is held of an object to a resource with its relations.

use crate::api::{Api, Part, reader};
use crate::held::{Kept, Name};
use plumbline_core::resource::{Edge, Resource};
use plumbline_core::scope::ScopeKey;
use plumbline_core::stack;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// What resources of a cluster are named after.
#[derive(Debug, Clone)]
pub(crate) struct Naming {
    /// The cluster's uid.
    pub(crate) cluster: String,
}

impl Naming {
    /// The scope of a reader in a place.
    pub(crate) fn scope(&self, reader: &str, place: Option<&str>) -> ScopeKey {
        let region = place.unwrap_or("global").to_owned();
        ScopeKey { account: self.cluster.clone(), region, reader: reader.to_owned() }
    }

    pub(crate) fn uid(&self, plural: &str, namespace: &str, name: &str) -> String {
        let cluster = &self.cluster;
        if namespace.is_empty() {
            format!("k8s://{cluster}/{plural}/{name}")
        } else {
            format!("k8s://{cluster}/{plural}/{namespace}/{name}")
        }
    }

    /// A resource of ours, in the namespace that it belongs to.
    pub(crate) fn resource(
        &self,
        ours: &str,
        plural: &str,
        name: &Name,
        place: Option<&str>,
        attributes: Map<String, Value>,
    ) -> Resource {
        let (namespace, own) = (&*name.namespace, &*name.name);
        let region = match (plural, namespace) {
            ("namespaces", _) => own,
            (_, "") => "global",
            (_, namespace) => namespace,
        };
        let mut edges = Vec::new();
        if !namespace.is_empty() {
            edges.push(Edge::new("namespace", self.uid("namespaces", "", namespace)));
        }
        Resource {
            scope: self.scope(reader(ours), place),
            kind: ours.to_owned(),
            uid: self.uid(plural, namespace, own),
            name: if namespace.is_empty() { own.to_owned() } else { format!("{namespace}/{own}") },
            region: region.to_owned(),
            tags: labels(attributes.get("metadata")),
            attributes,
            unread: BTreeMap::new(),
            edges,
        }
    }

    /// A resource that is one object of the API.
    pub(crate) fn object(&self, api: &Api, name: &Name, kept: &Kept, place: Option<&str>) -> Option<Resource> {
        let Kept::Object { body, .. } = kept else { return None };
        let attributes: Map<String, Value> = serde_json::from_slice(body).ok()?;
        let mut built = self.resource(api.ours?, api.plural, name, place, attributes);
        let edges = self.edges(api.part, &name.namespace, &built.attributes);
        built.edges.extend(edges);
        tidy(&mut built.edges);
        Some(built)
    }

    fn edges(&self, part: Part, namespace: &str, of: &Map<String, Value>) -> Vec<Edge> {
        let spec = of.get("spec").unwrap_or(&Value::Null);
        match part {
            Part::Nodes => machine(spec).into_iter().collect(),
            Part::ServiceAccounts => {
                let role = of["metadata"].pointer("/annotations/eks.amazonaws.com~1role-arn").and_then(Value::as_str);
                role.map(|arn| Edge::new("cloud_role", arn)).into_iter().collect()
            }
            Part::RoleBindings | Part::ClusterRoleBindings => self.binding(namespace, of),
            Part::Services => addresses(of),
            Part::Ingresses => {
                let mut edges = addresses(of);
                edges.extend(
                    each(spec, &["rules"])
                        .iter()
                        .flat_map(|rule| each(rule, &["http", "paths"]))
                        .flat_map(|path| self.all(path, "/backend/service/name", "services", namespace, "service")),
                );
                edges.extend(self.all(spec, "/defaultBackend/service/name", "services", namespace, "service"));
                let tls = each(spec, &["tls"]);
                edges.extend(tls.iter().flat_map(|tls| self.all(tls, "/secretName", "secrets", namespace, "secret")));
                edges
            }
            Part::Gateways => {
                let mut edges: Vec<Edge> = each(spec, &["listeners"])
                    .iter()
                    .flat_map(|listener| each(listener, &["tls", "certificateRefs"]))
                    .map(|to| self.reference("secret", "secrets", namespace, to))
                    .collect();
                let named = of.get("status").map(|status| each(status, &["addresses"])).unwrap_or_default();
                let values = named.iter().filter_map(|address| address.get("value")?.as_str());
                edges.extend(values.map(address));
                edges
            }
            Part::HttpRoutes | Part::GrpcRoutes | Part::TlsRoutes | Part::TcpRoutes => {
                let backends = each(spec, &["rules"])
                    .iter()
                    .flat_map(|rule| each(rule, &["backendRefs"]))
                    .filter(|to| to.get("kind").and_then(Value::as_str).is_none_or(|kind| kind == "Service"));
                let services = backends.map(|to| self.reference("service", "services", namespace, to));
                let parents = each(spec, &["parentRefs"]);
                let gateways = parents.iter().map(|to| self.reference("gateway", "gateways", namespace, to));
                services.chain(gateways).collect()
            }
            Part::PersistentVolumes => {
                let claim = spec.get("claimRef").map(|to| self.reference("claim", "persistentvolumeclaims", "", to));
                let class = self.all(spec, "/storageClassName", "storageclasses", "", "storage_class");
                claim.into_iter().chain(class).collect()
            }
            Part::PersistentVolumeClaims => {
                let mut edges = self.all(spec, "/volumeName", "persistentvolumes", "", "volume");
                edges.extend(self.all(spec, "/storageClassName", "storageclasses", "", "storage_class"));
                edges
            }
            Part::ValidatingWebhooks | Part::MutatingWebhooks => {
                let webhooks = of.get("webhooks").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
                let services = webhooks.iter().filter_map(|webhook| webhook.pointer("/clientConfig/service"));
                services.map(|to| self.reference("service", "services", "", to)).collect()
            }
            _ => Vec::new(),
        }
    }

    /// An edge to what is named at a place, if anything is.
    fn all(&self, of: &Value, at: &str, plural: &str, namespace: &str, relation: &str) -> Vec<Edge> {
        let name = of.pointer(at).and_then(Value::as_str).filter(|name| !name.is_empty());
        name.map(|name| Edge::new(relation, self.uid(plural, namespace, name))).into_iter().collect()
    }

    /// An edge to what a reference names, in its namespace or in ours.
    fn reference(&self, relation: &str, plural: &str, namespace: &str, to: &Value) -> Edge {
        let word = |field: &str| to.get(field).and_then(Value::as_str);
        Edge::new(relation, self.uid(plural, word("namespace").unwrap_or(namespace), word("name").unwrap_or_default()))
    }

    fn binding(&self, namespace: &str, of: &Map<String, Value>) -> Vec<Edge> {
        let word = |of: &Value, field: &str| of.get(field).and_then(Value::as_str).unwrap_or_default().to_owned();
        let mut edges = Vec::new();
        if let Some(role) = of.get("roleRef") {
            let name = word(role, "name");
            edges.push(match word(role, "kind").as_str() {
                "Role" => Edge::new("role", self.uid("roles", namespace, &name)),
                _ => Edge::new("role", self.uid("clusterroles", "", &name)),
            });
        }
        for subject in of.get("subjects").and_then(Value::as_array).into_iter().flatten() {
            let at = subject.get("namespace").and_then(Value::as_str).unwrap_or(namespace);
            edges.push(Edge::new("subject", self.subject(&word(subject, "kind"), at, &word(subject, "name"))));
        }
        edges
    }

    /// The uid of a subject; only a service account belongs to a namespace.
    pub(crate) fn subject(&self, kind: &str, namespace: &str, name: &str) -> String {
        let cluster = &self.cluster;
        if kind == "ServiceAccount" {
            format!("k8s://{cluster}/subjects/{kind}/{namespace}/{name}")
        } else {
            format!("k8s://{cluster}/subjects/{kind}/{name}")
        }
    }
}

/// The machine that a node is, as the cloud's collector names it too.
fn machine(spec: &Value) -> Option<Edge> {
    let uid = stack::machine_uid(spec.get("providerID")?.as_str()?)?;
    Some(Edge::new("machine", uid))
}

/// A name that leads here, as the load balancer has it too.
fn address(name: &str) -> Edge {
    Edge::new("address", format!("dns:{}", name.to_ascii_lowercase()))
}

fn addresses(of: &Map<String, Value>) -> Vec<Edge> {
    let ingress = of.get("status").map(|status| each(status, &["loadBalancer", "ingress"])).unwrap_or_default();
    let word = |of: &Value, field: &str| of.get(field).and_then(Value::as_str).map(str::to_owned);
    let names = ingress.iter().filter_map(|at| word(at, "hostname").or_else(|| word(at, "ip")));
    names.map(|name| address(&name)).collect()
}

/// The members of a list within objects.
pub(crate) fn each<'a>(of: &'a Value, path: &[&str]) -> &'a [Value] {
    let found = path.iter().try_fold(of, |of, field| of.get(*field));
    found.and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

pub(crate) fn labels(metadata: Option<&Value>) -> BTreeMap<String, String> {
    let labels = metadata.and_then(|metadata| metadata.get("labels")).and_then(Value::as_object);
    let text = |(name, value): (&String, &Value)| Some((name.clone(), value.as_str()?.to_owned()));
    labels.into_iter().flatten().filter_map(text).collect()
}

/// In one order, each once: the same object is the same resource.
pub(crate) fn tidy(edges: &mut Vec<Edge>) {
    edges.sort();
    edges.dedup();
}

#[cfg(test)]
mod tests {
    use super::*;
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
        let of = json!({
            "roleRef": { "kind": "ClusterRole", "name": "edit" },
            "subjects": [{ "kind": "ServiceAccount", "name": "ci", "namespace": "tools" }, { "kind": "Group", "name": "g" }],
        });
        let edges = naming().binding("shop", of.as_object().unwrap());
        let to: Vec<&str> = edges.iter().map(|edge| edge.to.as_str()).collect();
        let expected =
            ["k8s://c1/clusterroles/edit", "k8s://c1/subjects/ServiceAccount/tools/ci", "k8s://c1/subjects/Group/g"];
        assert_eq!(to, expected);
    }

    #[test]
    fn an_ingress_leads_to_services_and_secrets() {
        let of = json!({ "spec": {
            "rules": [{ "http": { "paths": [{ "backend": { "service": { "name": "web" } } }] } }],
            "defaultBackend": { "service": { "name": "rest" } },
            "tls": [{ "secretName": "cert" }],
        }, "status": { "loadBalancer": { "ingress": [{ "hostname": "LB.example.com" }] } } });
        let mut edges = naming().edges(Part::Ingresses, "shop", of.as_object().unwrap());
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
