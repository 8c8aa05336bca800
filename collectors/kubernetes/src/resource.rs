//! From what is held of an object to a resource with its relations.

use crate::api::{Api, reader};
use crate::edges;
use crate::held::{Kept, Name};
use plumbline_core::resource::{Edge, Resource};
use plumbline_core::scope::ScopeKey;
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
        let found = edges::of(self, api.part, &name.namespace, &built.attributes);
        built.edges.extend(found);
        tidy(&mut built.edges);
        Some(built)
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
