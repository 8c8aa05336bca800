//! What is held of a cluster while it is watched: each part's objects, folded, and how well they are known.

use crate::api::{Part, WORKLOADS};
use crate::error::ReadError;
use crate::object::{self, Owner};
use crate::pod::{Pod, Sharing};
use plumbline_core::scope::Outcome;
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

/// Objects that came and went between two polls, of one part, that are kept for the next; more than these are not.
const DEPARTED: usize = 2_000;
/// Images that are remembered as having been told of; beyond, each pod that comes asks for a poll again.
const IMAGES: usize = 200_000;

/// A part, in one namespace or in all.
pub(crate) type Place = (Part, Option<String>);

/// An object's name within its part.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Name {
    /// Empty for what belongs to no namespace.
    pub(crate) namespace: Box<str>,
    pub(crate) name: Box<str>,
}

/// What is kept of an object; a copy shares it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kept {
    /// Attributes as JSON, and the owner that manages it.
    Object {
        body: Arc<[u8]>,
        owner: Option<Arc<Owner>>,
    },
    Pod(Pod),
}

/// How well a part is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Known {
    /// It was not listed yet, or what was known of it no longer holds.
    Not,
    /// Listed, and not watched from then on.
    Listed,
    /// Listed, and every change since.
    Live,
    /// The API server has no such thing.
    Absent,
    Unread(ReadError),
}

impl Known {
    pub(crate) fn outcome(&self, part: Part) -> Outcome {
        match self {
            Self::Listed | Self::Live | Self::Absent => Outcome::Complete,
            Self::Unread(error) => error.outcome(&part.permission()),
            Self::Not => Outcome::Failed { detail: format!("{} was not listed", part.api().resource()) },
        }
    }
}

struct Entry {
    kept: Kept,
    /// Whether a poll has told of it.
    told: bool,
}

/// The objects of a part in a place.
struct Shelf {
    entries: BTreeMap<Name, Entry>,
    departed: Vec<(Name, Kept)>,
    known: Known,
    /// Grows with each list: what a watch of an earlier one still says does not count.
    turn: u64,
}

/// Everything that is held of a cluster.
#[derive(Default)]
pub(crate) struct Held {
    shelves: BTreeMap<Place, Shelf>,
    /// Namespace and images of pods that a poll was asked for already.
    images: HashSet<u64>,
}

/// What a watch tells.
pub(crate) enum Change {
    Put(Name, Kept),
    Gone(Name),
}

impl Held {
    pub(crate) fn known(&self, place: &Place) -> Known {
        self.shelves.get(place).map_or(Known::Not, |shelf| shelf.known.clone())
    }

    /// Before a list: what was held goes, but for what no poll has told of yet. Returns the list's turn.
    pub(crate) fn clear(&mut self, place: &Place) -> u64 {
        let shelf = self.shelves.entry(place.clone()).or_insert_with(|| Shelf {
            entries: BTreeMap::new(),
            departed: Vec::new(),
            known: Known::Not,
            turn: 0,
        });
        shelf.turn += 1;
        shelf.known = Known::Not;
        let untold = std::mem::take(&mut shelf.entries).into_iter().filter(|(_, entry)| !entry.told);
        let room = DEPARTED.saturating_sub(shelf.departed.len());
        shelf.departed.extend(untold.map(|(name, entry)| (name, entry.kept)).take(room));
        shelf.turn
    }

    /// After a list.
    pub(crate) fn fill(&mut self, place: &Place, listed: BTreeMap<Name, Kept>) {
        if let Some(shelf) = self.shelves.get_mut(place) {
            shelf.entries = listed.into_iter().map(|(name, kept)| (name, Entry { kept, told: false })).collect();
            shelf.departed.retain(|(name, _)| !shelf.entries.contains_key(name));
            shelf.known = Known::Listed;
        }
    }

    pub(crate) fn set_known(&mut self, place: &Place, turn: u64, known: Known) {
        if let Some(shelf) = self.shelves.get_mut(place).filter(|shelf| shelf.turn == turn) {
            shelf.known = known;
        }
    }

    /// Takes in a change. Returns whether it is worth a poll before its time.
    pub(crate) fn take(&mut self, place: &Place, turn: u64, change: Change) -> bool {
        let Some(shelf) = self.shelves.get_mut(place).filter(|shelf| shelf.turn == turn) else { return false };
        match change {
            Change::Put(name, kept) => {
                let before = shelf.entries.get(&name);
                if before.is_some_and(|before| before.kept == kept) {
                    return false;
                }
                let told = before.is_some_and(|before| before.told);
                let news = if let Kept::Pod(pod) = &kept {
                    is_news(&mut self.images, &name, pod, before.is_none())
                } else {
                    matters(place.0, before.map(|before| &before.kept), &kept)
                };
                shelf.entries.insert(name, Entry { kept, told });
                news
            }
            Change::Gone(name) => {
                let Some(entry) = shelf.entries.remove(&name) else { return false };
                let news = match &entry.kept {
                    Kept::Pod(pod) => stands_alone(pod),
                    object => !is_link(object),
                };
                if !entry.told && shelf.departed.len() < DEPARTED {
                    shelf.departed.push((name, entry.kept));
                }
                news
            }
        }
    }

    /// What is held of a place, and what came and went since the last time. From now on it counts as told.
    pub(crate) fn tell(&mut self, place: &Place) -> Told {
        let Some(shelf) = self.shelves.get_mut(place) else { return Told::default() };
        let here = shelf.entries.iter_mut().map(|(name, entry)| {
            entry.told = true;
            (name.clone(), entry.kept.clone())
        });
        let here = here.collect();
        // What came, went and came again is here.
        let gone: BTreeMap<Name, Kept> = std::mem::take(&mut shelf.departed).into_iter().collect();
        let departed = gone.into_iter().filter(|(name, _)| !shelf.entries.contains_key(name)).collect();
        Told { here, departed }
    }

    /// What is held of a place, for what is made of it beside its own resources.
    pub(crate) fn look(&self, place: &Place) -> Vec<(Name, Kept)> {
        let shelf = self.shelves.get(place);
        let entries = shelf.map(|shelf| shelf.entries.iter().map(|(name, entry)| (name.clone(), entry.kept.clone())));
        entries.map(Iterator::collect).unwrap_or_default()
    }
}

/// What is told of a place.
#[derive(Default)]
pub(crate) struct Told {
    pub(crate) here: Vec<(Name, Kept)>,
    pub(crate) departed: Vec<(Name, Kept)>,
}

/// Whether a pod's coming or changing is worth a poll: it is a workload by itself, or it runs an image that is new in its
/// namespace. That a workload has a pod more or less can wait.
fn is_news(images: &mut HashSet<u64>, name: &Name, pod: &Pod, came: bool) -> bool {
    let mut hasher = DefaultHasher::new();
    (&name.namespace, &pod.images).hash(&mut hasher);
    let pulled = pod.images.iter().any(|image| image.image_id.is_some());
    let new = pulled && images.len() < IMAGES && images.insert(hasher.finish());
    new || (came && stands_alone(pod))
}

/// Whether an object's coming or changing is worth a poll. Links between a workload and its pods come and go with it, how
/// many replicas there are can wait, and so can what is annotated where components write the time of day.
fn matters(part: Part, before: Option<&Kept>, now: &Kept) -> bool {
    let (Some(Kept::Object { body: before, .. }), Kept::Object { body: now, .. }) = (before, now) else {
        return !is_link(now);
    };
    let beats = matches!(part, Part::ConfigMaps | Part::Secrets | Part::Nodes);
    let told = |body: &[u8]| {
        let mut read: Value = serde_json::from_slice(body).unwrap_or_default();
        if let Some(read) = read.as_object_mut() {
            read.remove("replicas");
        }
        if let Some(metadata) = read.get_mut("metadata").and_then(Value::as_object_mut).filter(|_| beats) {
            metadata.remove("annotations");
        }
        read
    };
    told(before) != told(now)
}

fn is_link(kept: &Kept) -> bool {
    matches!(kept, Kept::Object { owner: Some(owner), .. } if Part::of_controller(&owner.kind).is_some())
}

fn stands_alone(pod: &Pod) -> bool {
    pod.owner.as_ref().is_none_or(|owner| owner.kind == "Node")
}

/// Folds an object as the API gives it.
pub(crate) fn fold(part: Part, version: &str, of: &Value, sharing: &mut Sharing) -> (Name, Kept) {
    let word = |at: &str| of.pointer(at).and_then(Value::as_str).unwrap_or_default();
    let name = Name { namespace: word("/metadata/namespace").into(), name: word("/metadata/name").into() };
    if part == Part::Pods {
        return (name, Kept::Pod(Pod::of(of, sharing)));
    }
    let owner = object::owner(of);
    let body = if WORKLOADS.contains(&part) {
        controller(part, version, of, owner.as_ref())
    } else {
        Value::Object(object::keep(part, of))
    };
    let body = serde_json::to_vec(&body).unwrap_or_default();
    (name, Kept::Object { body: Arc::from(body), owner: owner.map(Arc::new) })
}

/// A controller as the workload that it is. One that another manages which we read is only a link of the chain.
fn controller(part: Part, version: &str, of: &Value, owner: Option<&Owner>) -> Value {
    let link = owner.is_some_and(|owner| Part::of_controller(&owner.kind).is_some());
    let template = if part == Part::CronJobs { "/spec/jobTemplate/spec/template" } else { "/spec/template" };
    let template = of.pointer(template).filter(|_| !link);
    json!({
        "kind": part.api().kind,
        "apiVersion": part.api().api_version(version),
        "metadata": object::metadata(of),
        "replicas": of.pointer("/spec/replicas"),
        "template": template.map(object::template),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place() -> Place {
        (Part::Services, None)
    }

    fn service(name: &str, kind: &str) -> (Name, Kept) {
        let object = json!({ "metadata": { "name": name, "namespace": "shop" }, "spec": { "type": kind } });
        fold(Part::Services, "v1", &object, &mut Sharing::default())
    }

    fn put((name, kept): (Name, Kept)) -> Change {
        Change::Put(name, kept)
    }

    #[test]
    fn what_came_and_went_between_two_polls_is_told_once() {
        let mut held = Held::default();
        let turn = held.clear(&place());
        held.fill(&place(), BTreeMap::new());
        assert!(held.take(&place(), turn, put(service("brief", "ClusterIP"))));
        assert!(held.take(&place(), turn, Change::Gone(service("brief", "").0)));
        let told = held.tell(&place());
        assert_eq!((told.here.len(), told.departed.len()), (0, 1));
        assert!(held.tell(&place()).departed.is_empty());
        for _ in 0..2 {
            held.take(&place(), turn, put(service("again", "ClusterIP")));
            held.take(&place(), turn, Change::Gone(service("again", "").0));
        }
        assert_eq!(held.tell(&place()).departed.len(), 1, "once, however often");
        held.take(&place(), turn, put(service("back", "ClusterIP")));
        held.take(&place(), turn, Change::Gone(service("back", "").0));
        held.take(&place(), turn, put(service("back", "ClusterIP")));
        let told = held.tell(&place());
        assert_eq!((told.here.len(), told.departed.len()), (1, 0), "it is here");
    }

    #[test]
    fn what_was_told_of_and_goes_is_gone() {
        let mut held = Held::default();
        let turn = held.clear(&place());
        held.fill(&place(), BTreeMap::from([service("api", "ClusterIP")]));
        assert_eq!(held.tell(&place()).here.len(), 1);
        assert!(!held.take(&place(), turn, put(service("api", "ClusterIP"))), "unchanged");
        assert!(held.take(&place(), turn, put(service("api", "LoadBalancer"))));
        assert!(held.take(&place(), turn, Change::Gone(service("api", "").0)));
        let told = held.tell(&place());
        assert!(told.here.is_empty() && told.departed.is_empty());
    }

    #[test]
    fn what_beats_or_only_links_is_no_news() {
        let mut held = Held::default();
        let mut news = |part: Part, object: &Value| {
            let place = (part, None);
            let turn = if held.known(&place) == Known::Not { held.clear(&place) } else { 1 };
            held.set_known(&place, turn, Known::Live);
            let (name, kept) = fold(part, "v1", object, &mut Sharing::default());
            held.take(&place, turn, Change::Put(name, kept))
        };
        let map = |at: &str| json!({ "metadata": { "name": "m", "annotations": { "at": at } }, "keys": ["k"] });
        assert!(news(Part::ConfigMaps, &map("1")) && !news(Part::ConfigMaps, &map("2")));
        let service = |at: &str| json!({ "metadata": { "name": "s", "annotations": { "at": at } }, "spec": {} });
        assert!(news(Part::Services, &service("1")) && news(Part::Services, &service("2")));
        let deployment = |replicas: u32, image: &str| json!({ "metadata": { "name": "d" }, "spec": { "replicas": replicas, "template": { "spec": { "i": image } } } });
        assert!(news(Part::Deployments, &deployment(1, "a")) && !news(Part::Deployments, &deployment(2, "a")));
        assert!(news(Part::Deployments, &deployment(2, "b")));
        let owner = json!([{ "apiVersion": "batch/v1", "kind": "CronJob", "name": "c", "controller": true }]);
        assert!(!news(Part::Jobs, &json!({ "metadata": { "name": "j", "ownerReferences": owner } })));
        assert!(news(Part::Jobs, &json!({ "metadata": { "name": "alone" } })));
    }

    #[test]
    fn a_list_begins_anew_and_an_old_watch_is_not_heard() {
        let mut held = Held::default();
        let old = held.clear(&place());
        held.fill(&place(), BTreeMap::from([service("told", "ClusterIP")]));
        held.tell(&place());
        held.take(&place(), old, put(service("untold", "ClusterIP")));
        let turn = held.clear(&place());
        assert_eq!(held.known(&place()), Known::Not);
        held.fill(&place(), BTreeMap::from([service("new", "ClusterIP")]));
        assert!(!held.take(&place(), old, Change::Gone(service("new", "").0)));
        held.set_known(&place(), old, Known::Not);
        held.set_known(&place(), turn, Known::Live);
        assert_eq!(held.known(&place()), Known::Live);
        let told = held.tell(&place());
        let names: Vec<&str> = told.departed.iter().map(|(name, _)| &*name.name).collect();
        assert_eq!((told.here.len(), names), (1, vec!["untold"]));
    }
}
