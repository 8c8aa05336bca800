//! What is kept of a pod: what its workload is told of it, and no more. A cluster may have a hundred thousand.

use crate::api::Part;
use crate::object::{self, Owner};
use serde::Serialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::collections::{HashMap, HashSet};
use std::hash::Hash;
use std::sync::Arc;

const TOKEN_VOLUME: &str = "kube-api-access-";

/// A container's image as it is named, and as it was pulled.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Pulled {
    pub(crate) container: String,
    pub(crate) image: String,
    #[serde(rename = "imageID")]
    pub(crate) image_id: Option<String>,
}

/// A pod. What many have in common they share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pod {
    pub(crate) owner: Option<Arc<Owner>>,
    pub(crate) node: Option<Arc<str>>,
    pub(crate) running: bool,
    pub(crate) images: Arc<[Pulled]>,
    /// The attributes of a workload, where no other object that we read has them.
    pub(crate) body: Option<Arc<[u8]>>,
    /// What tells the pods of an owner apart that we do not read: pods of one shape are one workload.
    pub(crate) shape: Option<Arc<str>>,
}

impl Pod {
    /// Folds a pod as the API gives it.
    pub(crate) fn of(pod: &Value, sharing: &mut Sharing) -> Self {
        let owner = object::owner(pod);
        let word = |at: &str| pod.pointer(at).and_then(Value::as_str);
        let (body, shape) = body(pod, owner.as_ref(), sharing);
        Self {
            owner: owner.map(|owner| share(&mut sharing.owners, Arc::new(owner))),
            node: word("/spec/nodeName").map(|node| share(&mut sharing.names, Arc::from(node))),
            running: word("/status/phase") == Some("Running"),
            images: share(&mut sharing.images, Arc::from(images(pod))),
            body,
            shape,
        }
    }
}

/// The attributes of a pod that is a workload by itself. Pods of one shape and owner, which we do not read, share those of
/// the first.
fn body(pod: &Value, owner: Option<&Owner>, sharing: &mut Sharing) -> (Option<Arc<[u8]>>, Option<Arc<str>>) {
    let Some(owner) = owner.filter(|owner| owner.kind != "Node") else { return (Some(alone(pod)), None) };
    if Part::of_controller(&owner.kind).is_some() {
        return (None, None);
    }
    let namespace = pod.pointer("/metadata/namespace").and_then(Value::as_str).unwrap_or_default();
    let shape = share(&mut sharing.names, Arc::from(shape(pod)));
    let key = (namespace.to_owned(), owner.clone(), shape.clone());
    (Some(sharing.bodies.entry(key).or_insert_with(|| alone(pod)).clone()), Some(shape))
}

/// A digest of what a pod runs and how, without what differs in every pod: its own name, its node, and the volume of its
/// token.
fn shape(pod: &Value) -> String {
    let name = pod.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default();
    let mut spec = pod.get("spec").cloned().unwrap_or(Value::Null);
    if let Some(spec) = spec.as_object_mut() {
        for field in ["nodeName", "hostname", "nodeSelector", "affinity", "tolerations"] {
            spec.remove(field);
        }
    }
    let mut text = spec.to_string();
    // A short name may be a part of any word.
    if name.len() >= 6 {
        text = text.replace(name, "*");
    }
    let mut digest = Sha256::new();
    for (place, piece) in text.split(TOKEN_VOLUME).enumerate() {
        // Five letters of chance follow.
        digest.update(if place == 0 { piece } else { piece.get(5..).unwrap_or_default() });
    }
    hex::encode(&digest.finalize()[..6])
}

fn alone(pod: &Value) -> Arc<[u8]> {
    let body = json!({
        "kind": "Pod", "apiVersion": "v1", "metadata": object::metadata(pod), "replicas": null,
        "template": object::template(pod),
    });
    Arc::from(serde_json::to_vec(&body).unwrap_or_default())
}

/// What its containers run, sorted.
fn images(pod: &Value) -> Vec<Pulled> {
    let mut found = Vec::new();
    for (listed, said) in [
        ("/spec/containers", "/status/containerStatuses"),
        ("/spec/initContainers", "/status/initContainerStatuses"),
        ("/spec/ephemeralContainers", "/status/ephemeralContainerStatuses"),
    ] {
        let list = |at: &str| pod.pointer(at).and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        let word = |of: &Value, field: &str| of.get(field).and_then(Value::as_str).unwrap_or_default().to_owned();
        let statuses: HashMap<String, &Value> =
            list(said).iter().map(|status| (word(status, "name"), status)).collect();
        found.extend(list(listed).iter().map(|container| {
            let name = word(container, "name");
            let pulled = statuses.get(&name).map(|status| word(status, "imageID")).filter(|id| !id.is_empty());
            Pulled { image: word(container, "image"), container: name, image_id: pulled }
        }));
    }
    found.sort();
    found
}

/// What pods have in common, each once.
#[derive(Debug, Default)]
pub(crate) struct Sharing {
    owners: HashSet<Arc<Owner>>,
    names: HashSet<Arc<str>>,
    images: HashSet<Arc<[Pulled]>>,
    bodies: HashMap<(String, Owner, Arc<str>), Arc<[u8]>>,
}

impl Sharing {
    /// Forgets what no pod has any more.
    pub(crate) fn tidy(&mut self) {
        self.owners.retain(|shared| Arc::strong_count(shared) > 1);
        self.images.retain(|shared| Arc::strong_count(shared) > 1);
        self.bodies.retain(|_, shared| Arc::strong_count(shared) > 1);
        self.names.retain(|shared| Arc::strong_count(shared) > 1);
    }
}

fn share<T: ?Sized + Eq + Hash>(known: &mut HashSet<Arc<T>>, new: Arc<T>) -> Arc<T> {
    if let Some(known) = known.get(&new) {
        return known.clone();
    }
    known.insert(new.clone());
    new
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pod(name: &str, owner: Value) -> Value {
        json!({
            "metadata": { "name": name, "namespace": "shop", "ownerReferences": owner },
            "spec": { "nodeName": "n1", "containers": [{ "name": "api", "image": "r.example/api:1" }] },
            "status": { "phase": "Running", "containerStatuses": [
                { "name": "api", "image": "other", "imageID": "r.example/api@sha256:aa", "restartCount": 7 },
            ]},
        })
    }

    #[test]
    fn pods_of_one_owner_share_all_that_they_have() {
        let mut sharing = Sharing::default();
        let owner = json!([{ "apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "api-1", "controller": true }]);
        let first = Pod::of(&pod("a", owner.clone()), &mut sharing);
        let second = Pod::of(&pod("b", owner), &mut sharing);
        assert!(Arc::ptr_eq(&first.images, &second.images) && first == second);
        assert!(first.body.is_none() && first.running);
        assert_eq!(first.images[0].image_id.as_deref(), Some("r.example/api@sha256:aa"));
        drop((first, second));
        sharing.tidy();
        assert!(sharing.images.is_empty() && sharing.owners.is_empty());
    }

    #[test]
    fn a_pod_of_an_owner_that_is_not_read_brings_a_template() {
        let mut sharing = Sharing::default();
        let owner = json!([{ "apiVersion": "x/v1", "kind": "Robot", "name": "r", "controller": true }]);
        let first = Pod::of(&pod("a", owner.clone()), &mut sharing);
        let second = Pod::of(&pod("b", owner.clone()), &mut sharing);
        assert!(Arc::ptr_eq(first.body.as_ref().unwrap(), second.body.as_ref().unwrap()));
        let mut other = pod("d", owner.clone());
        other["spec"]["hostNetwork"] = json!(true);
        assert_ne!(Pod::of(&other, &mut sharing).shape, first.shape, "what runs otherwise is told apart");
        let bare = Pod::of(&pod("c", json!([])), &mut sharing);
        let body: Value = serde_json::from_slice(bare.body.as_ref().unwrap()).unwrap();
        assert_eq!((&body["kind"], &body["metadata"]["name"]), (&json!("Pod"), &json!("c")));
    }
}
