//! GitLab's issues, by its REST API v4.

use super::client::{Changes, Client, PAGES, Theirs, labels};
use super::wire::{TrackerError, Wire, instant, text};
use async_trait::async_trait;
use chrono::{DateTime, SecondsFormat, Utc};
use plumbline_core::id::FixId;
use plumbline_core::ticket::{LABEL, TicketText, TrackerSettings, marker};
use reqwest::{Method, RequestBuilder};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use url::form_urlencoded::byte_serialize;

/// Issues of a page.
const PAGE: usize = 100;

pub(super) struct Gitlab {
    pub(super) wire: Wire,
    /// The path or the id of a project.
    pub(super) project: String,
    pub(super) settings: TrackerSettings,
    pub(super) secret: SecretString,
}

impl Gitlab {
    fn request(&self, method: Method, path: &str) -> Result<RequestBuilder, TrackerError> {
        let project: String = byte_serialize(self.project.as_bytes()).collect();
        let request = self.wire.request(method, &format!("/api/v4/projects/{project}{path}"))?;
        Ok(request.header("private-token", self.secret.expose_secret()))
    }

    async fn put(&self, key: &str, body: &Value, what: &str) -> Result<(), TrackerError> {
        let request = self.request(Method::PUT, &format!("/issues/{key}"))?.json(body);
        self.wire.send(request, what).await.map(|_| ())
    }
}

fn theirs(issue: &Value) -> Option<Theirs> {
    let state = text(issue, "/state");
    Some(Theirs {
        key: issue.get("iid")?.as_u64()?.to_string(),
        url: issue.get("web_url").and_then(Value::as_str).map(str::to_owned),
        closed: state == "closed",
        state,
    })
}

#[async_trait]
impl Client for Gitlab {
    async fn test(&self) -> Result<(), TrackerError> {
        let found = self.wire.send(self.request(Method::GET, "")?, "for the project").await?;
        if text(&found, "/issues_access_level") == "disabled" {
            return Err(TrackerError::Refused("The project has its issues switched off.".to_owned()));
        }
        let request = self.request(Method::GET, "/issues")?.query(&[("per_page", "1")]);
        self.wire.send(request, "for its issues").await.map(|_| ())
    }

    async fn find(&self, fix: FixId, _: DateTime<Utc>) -> Result<Option<Theirs>, TrackerError> {
        let marker = marker(fix);
        let query = [("search", marker.as_str()), ("in", "description"), ("state", "all"), ("per_page", "20")];
        let found = self
            .wire
            .send(self.request(Method::GET, "/issues")?.query(&query), "for an issue that was made before")
            .await?;
        let issues = found.as_array().cloned().unwrap_or_default();
        Ok(issues.iter().find(|issue| text(issue, "/description").contains(&marker)).and_then(theirs))
    }

    async fn create(&self, _: FixId, text: &TicketText) -> Result<Theirs, TrackerError> {
        let labels = labels(&self.settings).join(",");
        let body = json!({ "title": text.title, "description": text.markdown(), "labels": labels });
        let made = self.wire.send(self.request(Method::POST, "/issues")?.json(&body), "to open an issue").await?;
        theirs(&made).ok_or_else(|| TrackerError::Refused("GitLab's answer names no issue.".to_owned()))
    }

    async fn changed(&self, since: DateTime<Utc>) -> Result<Changes, TrackerError> {
        let mut changes = Changes::default();
        let since = since.to_rfc3339_opts(SecondsFormat::Millis, true);
        for page in 1..=PAGES {
            let request = self.request(Method::GET, "/issues")?.query(&[
                ("labels", LABEL),
                ("updated_after", &since),
                ("order_by", "updated_at"),
                ("sort", "asc"),
                ("state", "all"),
                ("per_page", "100"),
                ("page", &page.to_string()),
            ]);
            let found = self.wire.send(request, "for issues that changed").await?;
            let issues = found.as_array().cloned().unwrap_or_default();
            changes.tickets.extend(issues.iter().filter_map(theirs));
            if issues.len() < PAGE {
                changes.until = None;
                break;
            }
            changes.until = issues.last().and_then(|issue| instant(issue, "/updated_at"));
        }
        Ok(changes)
    }

    async fn write(&self, key: &str, text: &TicketText) -> Result<(), TrackerError> {
        self.put(key, &json!({ "title": text.title, "description": text.markdown() }), "to change an issue").await
    }

    async fn comment(&self, key: &str, words: &str) -> Result<(), TrackerError> {
        let request = self.request(Method::POST, &format!("/issues/{key}/notes"))?.json(&json!({ "body": words }));
        self.wire.send(request, "to comment on an issue").await.map(|_| ())
    }

    async fn close(&self, key: &str) -> Result<(), TrackerError> {
        self.put(key, &json!({ "state_event": "close" }), "to close an issue").await
    }

    async fn reopen(&self, key: &str) -> Result<(), TrackerError> {
        self.put(key, &json!({ "state_event": "reopen" }), "to reopen an issue").await
    }
}
