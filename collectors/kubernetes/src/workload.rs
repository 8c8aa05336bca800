//! Workloads: pods counted into the highest object that owns them.

use crate::api::{Part, WORKLOADS};
use crate::held::{Kept, Known, Name, Told};
use crate::object::Owner;
use crate::pod::{Pod, Pulled};
use crate::reference;
use crate::resource::{Naming, tidy};
use plumbline_core::resource::{Edge, Resource, Unread};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

/// The most nodes that a workload's edges lead to.
const NODES: usize = 100;
/// The most links of a chain of owners.
const LINKS: usize = 8;

/// What names a workload: the plural of its kind, its namespace and its name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    plural: String,
    name: Name,
}

/// A workload while its pods are counted.
struct Work {
    kind: String,
    api_version: String,
    /// The attributes; none where the object that has them could not be read.
    body: Option<Arc<[u8]>>,
    /// When what the attributes come from was made: of several the newest speaks.
    made: String,
    total: u32,
    running: u32,
    images: BTreeSet<Pulled>,
    nodes: BTreeSet<Arc<str>>,
}

impl Work {
    fn new(kind: &str, api_version: &str, body: Option<Arc<[u8]>>) -> Self {
        Self {
            kind: kind.to_owned(),
            api_version: api_version.to_owned(),
            body,
            made: String::new(),
            total: 0,
            running: 0,
            images: BTreeSet::new(),
            nodes: BTreeSet::new(),
        }
    }

    fn count(&mut self, pod: &Pod, gone: bool) {
        self.images.extend(pod.images.iter().cloned());
        if !gone {
            self.total += 1;
            self.running += u32::from(pod.running);
            self.nodes.extend(pod.node.clone());
        }
    }
}

/// A controller that was read.
struct Controller {
    body: Arc<[u8]>,
    owner: Option<Arc<Owner>>,
}

/// The workloads of a place, from all that it has.
pub(crate) struct Workloads {
    controllers: HashMap<(Part, Name), Controller>,
    /// The parts that could be read: what is not in one of them is not there.
    seen: HashSet<Part>,
    works: BTreeMap<Key, Work>,
}

/// The highest owner of something.
enum Top {
    /// An object that was read.
    Object(Part, Name),
    /// One that is not among what we read, or may not be.
    Beyond(Arc<Owner>),
    /// One that is gone: what it owned is about to go too.
    Nowhere,
}

impl Workloads {
    pub(crate) fn of(mut told: BTreeMap<Part, Told>, known: impl Fn(Part) -> Known) -> Self {
        let complete = |part: &Part| known(*part).outcome(*part).is_complete();
        let seen = WORKLOADS.into_iter().filter(complete).collect();
        let mut all = Self { controllers: HashMap::new(), seen, works: BTreeMap::new() };
        let pods = told.remove(&Part::Pods).unwrap_or_default();
        for (part, told) in told {
            // What is here speaks before what was here under the same name.
            for (name, kept) in told.departed.into_iter().chain(told.here) {
                if let Kept::Object { body, owner } = kept {
                    all.controllers.insert((part, name), Controller { body, owner });
                }
            }
        }
        all.place_controllers();
        for (gone, pods) in [(false, pods.here), (true, pods.departed)] {
            for (name, kept) in pods {
                if let Kept::Pod(pod) = kept {
                    all.count(&name, &pod, gone);
                }
            }
        }
        all
    }

    fn place_controllers(&mut self) {
        let placed: Vec<(Part, Name, Top)> = self
            .controllers
            .iter()
            .map(|((part, name), controller)| {
                (*part, name.clone(), self.above(*part, name, controller.owner.as_ref(), 0))
            })
            .collect();
        for (part, name, top) in placed {
            let Some(body) = self.controllers.get(&(part, name.clone())).map(|controller| controller.body.clone())
            else {
                continue;
            };
            match top {
                Top::Object(at, ref of) if (at, of) == (part, &name) => {
                    let api = part.api();
                    let key = Key { plural: api.plural.to_owned(), name };
                    self.works.insert(key, Work::new(api.kind, "", Some(body)));
                }
                Top::Object(..) | Top::Nowhere => {}
                Top::Beyond(owner) => self.stand_in(&owner, &name.namespace, Some(&body)),
            }
        }
    }

    /// A workload that is known by what it owns alone. Of replica sets the newest that has replicas speaks.
    fn stand_in(&mut self, owner: &Owner, namespace: &str, body: Option<&Arc<[u8]>>) {
        let key = beyond(owner, namespace, None);
        let read: Option<Value> = body.and_then(|body| serde_json::from_slice(body).ok());
        let work = self.works.entry(key).or_insert_with(|| Work::new(&owner.kind, &owner.api_version, None));
        let Some(read) = read.filter(|read| !read["template"].is_null()) else { return };
        let made = read.pointer("/metadata/creationTimestamp").and_then(Value::as_str).unwrap_or_default();
        let active = read["replicas"].as_u64() != Some(0);
        let made = format!("{}{made}", u8::from(active));
        if made > work.made {
            (work.made, work.body) = (made, body.cloned());
        }
    }

    fn count(&mut self, name: &Name, pod: &Pod, gone: bool) {
        let owner = pod.owner.as_ref().filter(|owner| owner.kind != "Node");
        let key = match (owner, &pod.shape) {
            (None, _) => {
                let key = Key { plural: "pods".to_owned(), name: name.clone() };
                self.works.entry(key.clone()).or_insert_with(|| Work::new("Pod", "v1", pod.body.clone()));
                key
            }
            (Some(owner), Some(shape)) => {
                let key = beyond(owner, &name.namespace, Some(shape));
                let new = || Work::new(&owner.kind, &owner.api_version, pod.body.clone());
                self.works.entry(key.clone()).or_insert_with(new);
                key
            }
            (Some(owner), None) => match self.top(owner, &name.namespace, 0) {
                Top::Object(part, name) => Key { plural: part.api().plural.to_owned(), name },
                Top::Beyond(owner) => {
                    self.stand_in(&owner, &name.namespace, None);
                    beyond(&owner, &name.namespace, None)
                }
                Top::Nowhere => return,
            },
        };
        if let Some(work) = self.works.get_mut(&key) {
            work.count(pod, gone);
        }
    }

    /// What is above a controller: itself where nothing is that we could read, but for what comes and goes under another
    /// name with each change, which its owner stands for.
    fn above(&self, part: Part, name: &Name, owner: Option<&Arc<Owner>>, links: usize) -> Top {
        let itself = || Top::Object(part, name.clone());
        let Some(owner) = owner.filter(|_| links < LINKS) else { return itself() };
        match self.top(owner, &name.namespace, links + 1) {
            Top::Beyond(owner)
                if Part::of_controller(&owner.kind).is_none()
                    && !matches!(part, Part::ReplicaSets | Part::ReplicationControllers) =>
            {
                itself()
            }
            other => other,
        }
    }

    fn top(&self, owner: &Arc<Owner>, namespace: &str, links: usize) -> Top {
        let Some(part) = Part::of_controller(&owner.kind) else { return Top::Beyond(owner.clone()) };
        let name = Name { namespace: namespace.into(), name: owner.name.as_str().into() };
        match self.controllers.get(&(part, name.clone())) {
            Some(found) => self.above(part, &name, found.owner.as_ref(), links),
            None if self.seen.contains(&part) => Top::Nowhere,
            None => Top::Beyond(owner.clone()),
        }
    }

    /// The workloads as resources, one at a time.
    pub(crate) fn resources(self, naming: &Naming, place: Option<&str>) -> impl Iterator<Item = Resource> {
        self.works.into_iter().map(move |(key, work)| resource(naming, place, &key, work))
    }
}

/// What names a workload that stands for an owner which is not read. Its plural is made the way the API's own mostly are.
fn beyond(owner: &Owner, namespace: &str, shape: Option<&str>) -> Key {
    let plural = match Part::of_controller(&owner.kind) {
        Some(part) => part.api().plural.to_owned(),
        None => format!("{}s", owner.kind.to_lowercase()),
    };
    let name = shape.map_or_else(|| owner.name.clone(), |shape| format!("{}/{shape}", owner.name));
    Key { plural, name: Name { namespace: namespace.into(), name: name.into() } }
}

fn resource(naming: &Naming, place: Option<&str>, key: &Key, work: Work) -> Resource {
    let body = work.body.as_ref().and_then(|body| serde_json::from_slice::<Map<String, Value>>(body).ok());
    let read = body.is_some();
    let mut attributes = body.unwrap_or_default();
    if !work.api_version.is_empty() {
        // What it comes from is a part of it: a pod, or a replica set.
        let of = attributes.get("metadata").cloned().unwrap_or(Value::Null);
        let stands_for_itself = work.kind == "Pod";
        attributes.insert("kind".to_owned(), json!(work.kind));
        attributes.insert("apiVersion".to_owned(), json!(work.api_version));
        if !stands_for_itself {
            let own = key.name.name.split('/').next().unwrap_or_default();
            let metadata = json!({ "name": own, "namespace": key.name.namespace, "labels": of["labels"] });
            attributes.insert("metadata".to_owned(), metadata);
        }
    }
    let images: Vec<&Pulled> = work.images.iter().collect();
    let pods = json!({ "total": work.total, "running": work.running, "images": images, "nodes": work.nodes.len() });
    attributes.insert("pods".to_owned(), pods);
    let template = attributes.get("template").cloned().unwrap_or(Value::Null);
    let mut built = naming.resource("kubernetes.workload", &key.plural, &key.name, place, attributes);
    if !read {
        let part = Part::of_controller(&work.kind);
        let permission = part.map_or_else(|| "list replicasets.apps".to_owned(), Part::permission);
        for field in ["template", "replicas"] {
            let detail = "the object that holds it may not be read".to_owned();
            let why = Unread { permission: permission.clone(), denied: true, detail };
            built.unread.insert(field.to_owned(), why);
        }
    }
    built.edges.extend(reference::of_template(naming, &key.name.namespace, &template));
    let nodes = work.nodes.iter().take(NODES);
    built.edges.extend(nodes.map(|node| Edge::new("node", naming.uid("nodes", "", node))));
    let pulled = work.images.iter().filter_map(|image| reference::image_uid(image.image_id.as_deref()?));
    built.edges.extend(pulled.map(|uid| Edge::new("image", uid)));
    tidy(&mut built.edges);
    built
}
