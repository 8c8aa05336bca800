//! What is in the cluster, and what has happened to it.

use super::controllers;
use super::faults::{Fault, Rule};
use super::kinds::{Kind, by_kind, by_plural};
use anyhow::{Context, Result};
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

/// Where an object is: its resource, namespace and name.
pub(super) type At = (String, String, String);

/// The most changes that are remembered.
const EVENTS: usize = 20_000;
/// The requests that are remembered.
const ASKED: usize = 50_000;

/// Something that happened.
#[derive(Clone)]
pub(super) struct Happened {
    pub(super) version: u64,
    pub(super) at: At,
    pub(super) word: &'static str,
    pub(super) object: Arc<Value>,
}

/// The whole cluster.
#[derive(Default)]
pub(super) struct State {
    pub(super) objects: BTreeMap<At, Arc<Value>>,
    pub(super) version: u64,
    pub(super) events: VecDeque<Happened>,
    /// What happened up to here is forgotten.
    pub(super) floor: u64,
    pub(super) kubelets: HashMap<String, Value>,
    pub(super) rules: Vec<Rule>,
    pub(super) asked: VecDeque<String>,
    /// Grows when all watches are to end.
    pub(super) cut: u64,
    pub(super) stopped: bool,
}

/// The cluster, and who waits for something to happen.
pub(super) struct Shared {
    state: Mutex<State>,
    changed: watch::Sender<u64>,
}

impl Default for Shared {
    fn default() -> Self {
        Self { state: Mutex::default(), changed: watch::Sender::new(0) }
    }
}

impl Shared {
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn change<T>(&self, change: impl FnOnce(&mut State) -> Result<T>) -> Result<T> {
        let done = change(&mut self.state());
        self.changed.send_modify(|count| *count += 1);
        done
    }

    pub(super) fn listen(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    pub(super) fn stop(&self) {
        self.state().stopped = true;
        self.changed.send_modify(|count| *count += 1);
    }
}

impl State {
    pub(super) fn apply(&mut self, yaml: &str) -> Result<()> {
        for document in serde_yaml_ng::Deserializer::from_str(yaml) {
            let object = Value::deserialize(document)?;
            if object["kind"] == "List" {
                for item in object["items"].as_array().cloned().unwrap_or_default() {
                    self.put(item)?;
                }
            } else if !object.is_null() {
                self.put(object)?;
            }
        }
        Ok(())
    }

    /// Writes an object as it is to be, and what follows from it.
    pub(super) fn put(&mut self, object: Value) -> Result<()> {
        // How a kubelet is set up is no object of the API: the node's own proxy tells it.
        if object["kind"] == "KubeletConfiguration" {
            let node = object.pointer("/metadata/name").and_then(Value::as_str).context("which node's?")?.to_owned();
            let mut config = object;
            config.as_object_mut().map(|config| config.remove("metadata"));
            self.kubelets.insert(node, config);
            return Ok(());
        }
        let word = |field: &str| object[field].as_str().unwrap_or_default();
        let kind = by_kind(word("apiVersion"), word("kind"))
            .with_context(|| format!("there is no kind {} {}", word("apiVersion"), word("kind")))?;
        let at = self.write(kind, object)?;
        controllers::follow(self, &at)
    }

    /// Writes one object alone.
    pub(super) fn write(&mut self, kind: &Kind, mut object: Value) -> Result<At> {
        let name = object.pointer("/metadata/name").and_then(Value::as_str).context("an object has a name")?.to_owned();
        let namespace = match (kind.namespaced, object.pointer("/metadata/namespace").and_then(Value::as_str)) {
            (true, given) => given.unwrap_or("default").to_owned(),
            (false, _) => String::new(),
        };
        let at = (kind.resource(), namespace.clone(), name);
        let before = self.objects.get(&at).cloned();
        self.version += 1;
        let metadata = object["metadata"].as_object_mut().context("an object has metadata")?;
        if kind.namespaced {
            metadata.insert("namespace".to_owned(), json!(namespace));
        }
        for (field, new) in [("uid", json!(uid(&at))), ("creationTimestamp", json!("2026-11-01T08:00:00Z"))] {
            let known = before.as_ref().map(|before| before["metadata"][field].clone()).filter(|v| !v.is_null());
            metadata.entry(field).or_insert_with(|| known.unwrap_or(new));
        }
        metadata.insert("resourceVersion".to_owned(), json!(self.version.to_string()));
        object["apiVersion"] = json!(kind.api_version());
        object["kind"] = json!(kind.kind);
        if kind.plural == "namespaces" && object["status"].is_null() {
            object["status"] = json!({ "phase": "Active" });
        }
        let word = if before.is_some() { "MODIFIED" } else { "ADDED" };
        let object = Arc::new(object);
        self.objects.insert(at.clone(), object.clone());
        self.happen(word, at.clone(), object);
        Ok(at)
    }

    /// Deletes an object and all that it owns.
    pub(super) fn delete(&mut self, resource: &str, namespace: &str, name: &str) -> Result<()> {
        let at = (resource.to_owned(), namespace.to_owned(), name.to_owned());
        let gone = self.objects.remove(&at).with_context(|| format!("there is no {resource} {namespace}/{name}"))?;
        self.version += 1;
        let mut last = (*gone).clone();
        last["metadata"]["resourceVersion"] = json!(self.version.to_string());
        self.happen("DELETED", at, Arc::new(last));
        let uid = &gone["metadata"]["uid"];
        let owned: Vec<At> = self
            .objects
            .iter()
            .filter(|(at, _)| at.1 == namespace)
            .filter(|(_, object)| {
                let owners = object.pointer("/metadata/ownerReferences").and_then(Value::as_array);
                owners.is_some_and(|owners| owners.iter().any(|owner| &owner["uid"] == uid))
            })
            .map(|(at, _)| at.clone())
            .collect();
        for (resource, namespace, name) in owned {
            self.delete(&resource, &namespace, &name)?;
        }
        Ok(())
    }

    fn happen(&mut self, word: &'static str, at: At, object: Arc<Value>) {
        self.events.push_back(Happened { version: self.version, at, word, object });
        while self.events.len() > EVENTS {
            self.floor = self.events.pop_front().map_or(self.floor, |event| event.version);
        }
    }

    pub(super) fn compact(&mut self) {
        self.version += 1;
        self.floor = self.version;
        self.events.clear();
    }

    pub(super) fn fail(&mut self, path: &str, times: u32, fault: Fault) {
        self.rules.push(Rule { path: path.to_owned(), times, fault });
    }

    /// The fault that a request meets, if any.
    pub(super) fn fault(&mut self, asked: &str) -> Option<Fault> {
        if self.asked.len() >= ASKED {
            self.asked.pop_front();
        }
        self.asked.push_back(asked.to_owned());
        let rule = self.rules.iter_mut().find(|rule| rule.times > 0 && asked.contains(&rule.path))?;
        rule.times -= 1;
        Some(rule.fault.clone())
    }

    /// All objects of a resource, in a namespace or in all.
    pub(super) fn of<'a>(
        &'a self,
        resource: &'a str,
        namespace: Option<&'a str>,
    ) -> impl Iterator<Item = (&'a At, &'a Arc<Value>)> {
        let first = (resource.to_owned(), namespace.unwrap_or_default().to_owned(), String::new());
        self.objects
            .range(first..)
            .take_while(move |(at, _)| at.0 == resource && namespace.is_none_or(|namespace| at.1 == namespace))
    }

    /// Whether a kind is there: one that takes a definition only with it.
    pub(super) fn has(&self, kind: &Kind) -> bool {
        let definition = ("customresourcedefinitions.apiextensions.k8s.io".to_owned(), String::new(), kind.resource());
        !kind.is_custom() || self.objects.contains_key(&definition)
    }

    pub(super) fn find(&self, group: &str, version: &str, plural: &str) -> Option<&'static Kind> {
        by_plural(group, plural).filter(|kind| kind.version == version && self.has(kind))
    }
}

/// The same for the same object each time, in the form of a UUID.
fn uid(at: &At) -> String {
    let hex = hex(&Sha256::digest(format!("{}/{}/{}", at.0, at.1, at.2)));
    format!("{}-{}-4{}-8{}-{}", &hex[..8], &hex[8..12], &hex[13..16], &hex[17..20], &hex[20..32])
}

pub(super) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
