//! What every tracker can be asked.

use super::github::Github;
use super::gitlab::Gitlab;
use super::jira::Jira;
use super::webhook::Webhook;
use super::wire::{Outside, TrackerError, Wire};
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use plumbline_core::id::FixId;
use plumbline_core::ticket::{LABEL, TicketText, TrackerKind, TrackerSettings};
use plumbline_store::ticket::TrackerSecret;

/// The most pages of a list that are read at once.
pub(super) const PAGES: u32 = 10;

/// A ticket as its tracker has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Theirs {
    pub(super) key: String,
    pub(super) url: Option<String>,
    pub(super) closed: bool,
    /// The tracker's own word for its state.
    pub(super) state: String,
}

/// What changed in a tracker.
#[derive(Debug, Clone, Default)]
pub(super) struct Changes {
    pub(super) tickets: Vec<Theirs>,
    /// Up to when all changes are in here; none when that is up to the question.
    pub(super) until: Option<DateTime<Utc>>,
}

/// One tracker.
#[async_trait]
pub(super) trait Client: Send + Sync {
    /// Whether the credential gets in and the project is there.
    async fn test(&self) -> Result<(), TrackerError>;
    /// The ticket of a fix, found by its marker; one that was made after `since` is found however young it is.
    async fn find(&self, fix: FixId, since: DateTime<Utc>) -> Result<Option<Theirs>, TrackerError>;
    async fn create(&self, fix: FixId, text: &TicketText) -> Result<Theirs, TrackerError>;
    /// Tickets of ours that changed since then.
    async fn changed(&self, since: DateTime<Utc>) -> Result<Changes, TrackerError>;
    async fn write(&self, key: &str, text: &TicketText) -> Result<(), TrackerError>;
    async fn comment(&self, key: &str, words: &str) -> Result<(), TrackerError>;
    async fn close(&self, key: &str) -> Result<(), TrackerError>;
    async fn reopen(&self, key: &str) -> Result<(), TrackerError>;
}

/// The client of a tracker.
pub(super) fn client(
    outside: &Outside,
    opened: TrackerSecret,
    now: DateTime<Utc>,
) -> Result<Box<dyn Client>, TrackerError> {
    let TrackerSecret { tracker, secret } = opened;
    let wire = Wire::new(outside, &tracker.base_url, now);
    let (project, settings) = (tracker.project, tracker.settings.0);
    match TrackerKind::parse(&tracker.kind) {
        Some(TrackerKind::Github) => Ok(Box::new(Github { wire, project, settings, secret })),
        Some(TrackerKind::Gitlab) => Ok(Box::new(Gitlab { wire, project, settings, secret })),
        Some(TrackerKind::Jira) => Ok(Box::new(Jira { wire, project, settings, secret })),
        Some(TrackerKind::Webhook) => Ok(Box::new(Webhook { wire, secret })),
        None => Err(TrackerError::Refused("This sort of tracker is not known here.".to_owned())),
    }
}

/// Our label and those of the tenant.
pub(super) fn labels(settings: &TrackerSettings) -> Vec<String> {
    let mut labels = vec![LABEL.to_owned()];
    labels.extend(settings.labels.iter().filter(|label| *label != LABEL).cloned());
    labels
}
