//! What every collector does: read a source, and stream what it saw.

use crate::id::SourceId;
use crate::resource::Resource;
use crate::scope::{Outcome, ScopeKey};
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// What a run tells while it runs, in order. A scope's resources all come between its plan and its end.
#[derive(Debug)]
pub enum Event {
    /// These scopes will be read. May come several times, as accounts and regions are discovered.
    Planned(Vec<ScopeKey>),
    /// A resource was read.
    Resource(Box<Resource>),
    /// A scope ended. Nothing of it comes afterwards.
    Ended { scope: ScopeKey, outcome: Outcome, api_calls: u32 },
    /// Something worth showing that concerns no scope, such as a region that is not enabled.
    Note(String),
}

/// Where a collector sends its events: bounded, so that a slow store slows the collector and memory stays flat.
pub type Sink = mpsc::Sender<Event>;

/// A source's settings: public ones, and the sealed ones opened for this run only.
#[derive(Debug, Clone)]
pub struct Connection {
    /// Shown again on the page; its shape is the collector's own.
    pub settings: Value,
    /// Never shown again; a JSON document whose shape is the collector's own.
    pub secret: SecretString,
}

impl Connection {
    /// Tells one connection from another: other settings or another secret give another print.
    #[must_use]
    pub fn print(&self) -> [u8; 32] {
        let mut digest = Sha256::new();
        digest.update(self.settings.to_string());
        digest.update([0]);
        digest.update(self.secret.expose_secret());
        digest.finalize().into()
    }
}

/// Why a whole run could not be done. A part of it that could not be read is an [`Outcome`] instead.
#[derive(Debug, thiserror::Error)]
pub enum CollectError {
    /// The settings make no sense; the text is for the person who typed them.
    #[error("{0}")]
    Settings(String),
    /// The source did not let us in.
    #[error("{0}")]
    Refused(String),
    /// The source could not be reached, or broke off.
    #[error("{0}")]
    Unreachable(String),
    /// The receiver of events is gone, or the run was cancelled.
    #[error("the run was cancelled")]
    Cancelled,
}

/// One line of a connection test.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ProbeLine {
    pub what: String,
    pub ok: bool,
    /// What is missing, or who we are once let in.
    pub detail: String,
}

/// How to give a collector the access that it needs, and no more.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AccessRecipe {
    pub title: String,
    /// `json`, `yaml`, `hcl`.
    pub language: String,
    pub text: String,
}

/// What was read once and never has to be read again, since it cannot change: the layers of images, by their digest. It is
/// the tenant's own, and outlives runs.
#[async_trait]
pub trait Memory: Send + Sync {
    /// What is kept under these keys; a key that is not there is not known.
    ///
    /// # Errors
    /// [`CollectError::Cancelled`] when the store does not answer: the run cannot go on.
    async fn recall(&self, keys: &[String]) -> Result<HashMap<String, Vec<u8>>, CollectError>;

    /// Keeps something. What is there already stays.
    ///
    /// # Errors
    /// [`CollectError::Cancelled`] when the store does not answer.
    async fn keep(&self, key: &str, content: Vec<u8>) -> Result<(), CollectError>;
}

/// Asks for a poll before its time, when a collector that goes on watching its source has seen something change.
#[async_trait]
pub trait Wake: Send + Sync {
    /// Brings the next poll forward. Asking again before it has begun changes nothing.
    ///
    /// # Errors
    /// [`CollectError::Cancelled`] when the store does not answer: the poll then comes at its usual time.
    async fn wake(&self) -> Result<(), CollectError>;
}

/// A source that is polled again and again: what a collector needs to go on watching it after a run has ended.
#[derive(Clone)]
pub struct Standing {
    pub source: SourceId,
    /// How long it is from one poll to the next. A collector stops watching a source that is polled no more.
    pub every: Duration,
    pub wake: Arc<dyn Wake>,
}

/// What was sent to us of a source whose agent comes by itself.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// By the sender's clock.
    pub made_at: DateTime<Utc>,
    /// By ours.
    pub received_at: DateTime<Utc>,
    /// How often the next one is due.
    pub interval_seconds: i32,
    /// As it came; nothing of it was checked yet but its size.
    pub body: Vec<u8>,
}

/// What was sent to us of the source that is read.
#[async_trait]
pub trait Deliveries: Send + Sync {
    /// The newest; none when nothing came yet.
    ///
    /// # Errors
    /// [`CollectError::Cancelled`] when the store does not answer.
    async fn newest(&self) -> Result<Option<Delivery>, CollectError>;
}

/// What a run is given: where it sends its events, what earlier runs kept, what was sent to us, and when it has to stop.
#[derive(Clone)]
pub struct Errand {
    pub sink: Sink,
    pub memory: Arc<dyn Memory>,
    pub deliveries: Arc<dyn Deliveries>,
    pub cancel: CancellationToken,
    /// None where the source is read this once.
    pub standing: Option<Standing>,
}

impl Errand {
    /// One that remembers nothing and is not cancelled, for trying a collector by itself.
    #[must_use]
    pub fn alone(sink: Sink) -> Self {
        let nothing = Arc::new(Forgetful);
        Self { sink, memory: nothing.clone(), deliveries: nothing, cancel: CancellationToken::new(), standing: None }
    }
}

/// Keeps nothing, and was sent nothing.
struct Forgetful;

#[async_trait]
impl Deliveries for Forgetful {
    async fn newest(&self) -> Result<Option<Delivery>, CollectError> {
        Ok(None)
    }
}

#[async_trait]
impl Memory for Forgetful {
    async fn recall(&self, _: &[String]) -> Result<HashMap<String, Vec<u8>>, CollectError> {
        Ok(HashMap::new())
    }

    async fn keep(&self, _: &str, _: Vec<u8>) -> Result<(), CollectError> {
        Ok(())
    }
}

/// Reads one kind of source. Read-only: nothing it calls changes the source.
#[async_trait]
pub trait Collector: Send + Sync {
    /// The word in the source's row: `aws`.
    fn provider(&self) -> &'static str;

    /// The permission without which the source lets nobody in at all; empty where none by itself is.
    fn entry_permission(&self) -> &'static str {
        ""
    }

    /// Checks the settings' form alone, before they are stored.
    ///
    /// # Errors
    /// [`CollectError::Settings`] with a sentence for the person who typed them.
    fn check(&self, connection: &Connection) -> Result<(), CollectError>;

    /// What to create at the provider so that the collector can read: policies and templates.
    fn access(&self, settings: &Value) -> Vec<AccessRecipe>;

    /// Tries the connection, and says line by line what works and what is missing.
    async fn probe(&self, connection: &Connection) -> Result<Vec<ProbeLine>, CollectError>;

    /// Reads everything and streams it. Scopes that could not be read end as denied or failed and are no error.
    ///
    /// # Errors
    /// When nothing at all could be read, or on cancellation. Scopes planned and not ended then count as failed.
    async fn collect(&self, connection: &Connection, errand: Errand) -> Result<(), CollectError>;
}
