//! One run over an engine.

use super::client::Client;
use super::container::{self, Digests};
use super::error::ReadError;
use super::resource::Engine;
use super::settings::{Operator, Secret, Settings};
use super::watch::Listening;
use super::{access, daemon, image, network, probe};
use async_trait::async_trait;
use futures::stream::{self, StreamExt};
use plumbline_core::collect::{AccessRecipe, CollectError, Collector, Connection, Errand, Event, ProbeLine, Sink};
use plumbline_core::resource::Resource;
use plumbline_core::scope::Outcome;
use serde_json::Value;
use std::sync::Arc;

/// Things that are inspected at once.
const AT_ONCE: usize = 8;
/// The most things of one sort that an engine may list.
const LISTED: usize = 50_000;

/// The collector of Docker engines.
#[derive(Clone)]
pub struct DockerCollector {
    operator: Operator,
    listening: Arc<Listening>,
}

impl DockerCollector {
    #[must_use]
    pub fn new(operator: Operator) -> Self {
        Self { operator, listening: Arc::default() }
    }

    fn open(&self, connection: &Connection) -> Result<(Settings, Client), CollectError> {
        let settings = Settings::of(connection, self.operator)?;
        let client = Client::open(&settings, &Secret::of(connection)?, self.operator)?;
        Ok((settings, client))
    }
}

#[async_trait]
impl Collector for DockerCollector {
    fn provider(&self) -> &'static str {
        "docker"
    }

    fn entry_permission(&self) -> &'static str {
        daemon::INFO
    }

    fn check(&self, connection: &Connection) -> Result<(), CollectError> {
        self.open(connection).map(|_| ())
    }

    fn access(&self, settings: &Value) -> Vec<AccessRecipe> {
        access::recipes(settings)
    }

    async fn probe(&self, connection: &Connection) -> Result<Vec<ProbeLine>, CollectError> {
        let (_, client) = self.open(connection)?;
        Ok(probe::probe(&client).await)
    }

    async fn collect(&self, connection: &Connection, errand: Errand) -> Result<(), CollectError> {
        let (settings, client) = self.open(connection)?;
        if let Some(standing) = &errand.standing {
            self.listening.polled(standing, connection.print(), &client);
        }
        tokio::select! {
            done = all(&settings, &client, &errand.sink) => done,
            () = errand.cancel.cancelled() => Err(CollectError::Cancelled),
        }
    }
}

async fn all(settings: &Settings, client: &Client, sink: &Sink) -> Result<(), CollectError> {
    let first = client.counted();
    let info = match first.get(daemon::INFO, &["info"], "").await {
        Ok(info) => info,
        Err(ReadError::Denied { detail, .. }) => {
            return Err(CollectError::Refused(format!("The engine does not let us in: {detail}.")));
        }
        Err(error) => return Err(CollectError::Unreachable(format!("The engine does not answer: {error}."))),
    };
    let id = info["ID"].as_str().unwrap_or_default();
    if id.is_empty() || id.len() > 200 || id.contains(|c: char| c == '/' || c.is_whitespace() || c.is_control()) {
        return Err(CollectError::Unreachable("What answers there tells no engine's id.".to_owned()));
    }
    let engine = Engine { id: id.to_owned() };
    let readers = [daemon::READER, image::READER, container::READER, network::NETWORKS, network::VOLUMES];
    send(sink, Event::Planned(readers.iter().map(|reader| engine.scope(reader)).collect())).await?;
    let run = Run { client: first, engine, sink };
    let read = daemon::read(&run.client, settings, &run.engine, &info).await;
    run.emit(read).await?;
    run.end(daemon::READER, Ok(())).await?;
    let mut digests = Digests::new();
    let run = run.again();
    let images = run.images(&mut digests).await;
    run.end(image::READER, images).await?;
    let run = run.again();
    let containers = run.containers(&digests).await;
    run.end(container::READER, containers).await?;
    let run = run.again();
    let networks = run.simple(network::LIST_NETWORKS, "networks", network::networks).await;
    run.end(network::NETWORKS, networks).await?;
    let run = run.again();
    let volumes = run.simple(network::LIST_VOLUMES, "volumes", network::volumes).await;
    run.end(network::VOLUMES, volumes).await
}

async fn send(sink: &Sink, event: Event) -> Result<(), CollectError> {
    sink.send(event).await.map_err(|_| CollectError::Cancelled)
}

struct Run<'a> {
    client: Client,
    engine: Engine,
    sink: &'a Sink,
}

impl Run<'_> {
    /// The same, for the next scope.
    fn again(&self) -> Self {
        Self { client: self.client.counted(), engine: self.engine.clone(), sink: self.sink }
    }

    async fn images(&self, digests: &mut Digests) -> Result<(), ReadError> {
        let listed = self.list(image::LIST, &["images", "json"], "").await?;
        let reading: Vec<_> = listed.iter().map(|one| image::read(&self.client, &self.engine, one)).collect();
        let mut reading = stream::iter(reading).buffer_unordered(AT_ONCE);
        while let Some(read) = reading.next().await {
            let Some(image) = read? else { continue };
            if let (Some(id), Some(of)) = (image.attributes.get("Id"), image.attributes.get("RepoDigests")) {
                digests.insert(id.as_str().unwrap_or_default().to_owned(), of.clone());
            }
            self.emit(image).await.map_err(|_| ReadError::Closed)?;
        }
        Ok(())
    }

    async fn containers(&self, digests: &Digests) -> Result<(), ReadError> {
        let listed = self.list(container::LIST, &["containers", "json"], "all=true").await?;
        let reading: Vec<_> =
            listed.iter().map(|one| container::read(&self.client, &self.engine, digests, one)).collect();
        let mut reading = stream::iter(reading).buffer_unordered(AT_ONCE);
        while let Some(read) = reading.next().await {
            if let Some(container) = read? {
                self.emit(container).await.map_err(|_| ReadError::Closed)?;
            }
        }
        Ok(())
    }

    /// What comes whole with its list.
    async fn simple(
        &self,
        permission: &str,
        path: &str,
        of: fn(&Engine, &[Value]) -> Vec<Resource>,
    ) -> Result<(), ReadError> {
        let listed = self.list(permission, &[path], "").await?;
        for resource in of(&self.engine, &listed) {
            self.emit(resource).await.map_err(|_| ReadError::Closed)?;
        }
        Ok(())
    }

    /// The members of a list; volumes come within an object, and none at all as null.
    async fn list(&self, permission: &str, path: &[&str], query: &str) -> Result<Vec<Value>, ReadError> {
        let answer = self.client.get(permission, path, query).await?;
        let items = match answer {
            Value::Array(items) => items,
            Value::Object(mut members) => match members.remove("Volumes") {
                Some(Value::Array(items)) => items,
                Some(Value::Null) => Vec::new(),
                _ => return Err(ReadError::failed(format!("{permission}: the answer is no list"))),
            },
            _ => return Err(ReadError::failed(format!("{permission}: the answer is no list"))),
        };
        if items.len() > LISTED {
            return Err(ReadError::failed(format!("{permission}: the engine lists more than {LISTED}")));
        }
        Ok(items)
    }

    async fn emit(&self, resource: Resource) -> Result<(), CollectError> {
        send(self.sink, Event::Resource(Box::new(resource))).await
    }

    async fn end(&self, reader: &str, read: Result<(), ReadError>) -> Result<(), CollectError> {
        let outcome = match read {
            Ok(()) => Outcome::Complete,
            Err(ReadError::Closed) => return Err(CollectError::Cancelled),
            Err(error) => error.into_outcome(),
        };
        let api_calls = self.client.calls();
        send(self.sink, Event::Ended { scope: self.engine.scope(reader), outcome, api_calls }).await
    }
}
