//! What the tests share: a memory that is kept in memory, and a run whose events are gathered.

use async_trait::async_trait;
use plumbline_core::clock::SystemClock;
use plumbline_core::collect::{CollectError, Collector, Connection, Errand, Event, Memory};
use plumbline_core::resource::Resource;
use plumbline_core::scope::{Outcome, ScopeKey};
use plumbline_registry::{Operator, Patience, RegistryCollector};
use secrecy::SecretString;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::mpsc;

/// A tenant's memory.
#[derive(Default)]
pub(crate) struct Shelf(pub(crate) Mutex<HashMap<String, Vec<u8>>>);

#[async_trait]
impl Memory for Shelf {
    async fn recall(&self, keys: &[String]) -> Result<HashMap<String, Vec<u8>>, CollectError> {
        let kept = self.0.lock().unwrap();
        Ok(keys.iter().filter_map(|key| Some((key.clone(), kept.get(key)?.clone()))).collect())
    }

    async fn keep(&self, key: &str, content: Vec<u8>) -> Result<(), CollectError> {
        self.0.lock().unwrap().entry(key.to_owned()).or_insert(content);
        Ok(())
    }
}

/// What a run told.
#[derive(Debug, Default)]
pub(crate) struct Told {
    pub(crate) resources: Vec<Resource>,
    pub(crate) ended: BTreeMap<ScopeKey, Outcome>,
    pub(crate) planned: BTreeSet<ScopeKey>,
    pub(crate) notes: Vec<String>,
    pub(crate) result: Option<CollectError>,
}

impl Told {
    pub(crate) fn of_kind(&self, kind: &str) -> Vec<&Resource> {
        self.resources.iter().filter(|resource| resource.kind == kind).collect()
    }

    pub(crate) fn named(&self, name: &str) -> &Resource {
        let found = self.resources.iter().find(|resource| resource.name == name);
        found.unwrap_or_else(|| panic!("no resource {name} in {self:#?}"))
    }

    pub(crate) fn outcome(&self, region: &str, reader: &str) -> &Outcome {
        let found = self.ended.iter().find(|(key, _)| key.region == region && key.reader == reader);
        found.map(|(_, outcome)| outcome).unwrap_or_else(|| panic!("no scope {region} {reader} in {self:#?}"))
    }
}

pub(crate) fn collector() -> RegistryCollector {
    let patience = Patience {
        attempts: 3,
        first_backoff: Duration::from_millis(10),
        longest_wait: Duration::from_secs(2),
        connect: Duration::from_secs(2),
        idle: Duration::from_secs(2),
        document: Duration::from_secs(5),
        layer: Duration::from_secs(10),
        repository: Duration::from_secs(20),
    };
    RegistryCollector::new(Operator { private_endpoints: true }, Arc::new(SystemClock)).patient(patience)
}

pub(crate) fn connection(settings: Value, secret: &Value) -> Connection {
    Connection { settings, secret: SecretString::from(secret.to_string()) }
}

pub(crate) async fn run(connection: &Connection, memory: &Arc<Shelf>) -> Told {
    let (sink, mut events) = mpsc::channel(4);
    let errand = Errand { memory: memory.clone(), ..Errand::alone(sink) };
    let collector = collector();
    let gather = async {
        let mut told = Told::default();
        while let Some(event) = events.recv().await {
            match event {
                Event::Planned(scopes) => told.planned.extend(scopes),
                Event::Resource(resource) => {
                    assert!(told.planned.contains(&resource.scope), "{} was not planned", resource.scope);
                    assert!(!told.ended.contains_key(&resource.scope), "{} had ended", resource.scope);
                    told.resources.push(*resource);
                }
                Event::Ended { scope, outcome, .. } => {
                    assert!(told.ended.insert(scope, outcome).is_none(), "a scope ends once");
                }
                Event::Note(note) => told.notes.push(note),
            }
        }
        told
    };
    let (result, mut told) = tokio::join!(collector.collect(connection, errand), gather);
    told.result = result.err();
    told
}
