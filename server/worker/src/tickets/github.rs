//! GitHub's issues, by its REST API of 2022-11-28.

use super::client::{Changes, Client, PAGES, Theirs, labels};
use super::wire::{TrackerError, Wire, instant, text};
use async_trait::async_trait;
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use plumbline_core::id::FixId;
use plumbline_core::ticket::{TicketText, TrackerSettings, marker};
use reqwest::{Method, RequestBuilder};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

/// Issues of a page.
const PAGE: usize = 100;

pub(super) struct Github {
    pub(super) wire: Wire,
    /// `owner/repository`.
    pub(super) project: String,
    pub(super) settings: TrackerSettings,
    pub(super) secret: SecretString,
}

impl Github {
    fn request(&self, method: Method, path: &str) -> Result<RequestBuilder, TrackerError> {
        Ok(self
            .wire
            .request(method, path)?
            .bearer_auth(self.secret.expose_secret())
            .header("accept", "application/vnd.github+json")
            .header("x-github-api-version", "2022-11-28"))
    }

    fn of_repository(&self, method: Method, path: &str) -> Result<RequestBuilder, TrackerError> {
        self.request(method, &format!("/repos/{}{path}", self.project))
    }

    /// Issues that changed since then, oldest change first, page by page.
    async fn since(&self, since: DateTime<Utc>, page: u32) -> Result<Vec<Value>, TrackerError> {
        let since = since.to_rfc3339_opts(SecondsFormat::Secs, true);
        let request = self.of_repository(Method::GET, "/issues")?.query(&[
            ("state", "all"),
            ("sort", "updated"),
            ("direction", "asc"),
            ("since", &since),
            ("per_page", "100"),
            ("page", &page.to_string()),
        ]);
        let answer = self.wire.send(request, "for issues that changed").await?;
        Ok(answer.as_array().cloned().unwrap_or_default())
    }

    async fn patch(&self, key: &str, body: &Value, what: &str) -> Result<(), TrackerError> {
        let request = self.of_repository(Method::PATCH, &format!("/issues/{key}"))?.json(body);
        self.wire.send(request, what).await.map(|_| ())
    }
}

/// An issue; none for a pull request, which the API lists among them.
fn theirs(issue: &Value) -> Option<Theirs> {
    if issue.get("pull_request").is_some() {
        return None;
    }
    let state = text(issue, "/state");
    Some(Theirs {
        key: issue.get("number")?.as_u64()?.to_string(),
        url: issue.get("html_url").and_then(Value::as_str).map(str::to_owned),
        closed: state == "closed",
        state,
    })
}

#[async_trait]
impl Client for Github {
    async fn test(&self) -> Result<(), TrackerError> {
        let found = self.wire.send(self.of_repository(Method::GET, "")?, "for the repository").await?;
        if found.get("has_issues") == Some(&Value::Bool(false)) {
            return Err(TrackerError::Refused("The repository has its issues switched off.".to_owned()));
        }
        let request = self.of_repository(Method::GET, "/issues")?.query(&[("per_page", "1")]);
        self.wire.send(request, "for its issues").await.map(|_| ())
    }

    async fn find(&self, fix: FixId, since: DateTime<Utc>) -> Result<Option<Theirs>, TrackerError> {
        let marker = marker(fix);
        let has = |issue: &&Value| text(issue, "/body").contains(&marker);
        // The search knows old issues; the list knows those that it has not come to yet.
        let query = format!("\"{marker}\" repo:{} in:body is:issue", self.project);
        let request = self.request(Method::GET, "/search/issues")?.query(&[("q", query.as_str())]);
        let found = self.wire.send(request, "for an issue that was made before").await?;
        let items = found.get("items").and_then(Value::as_array).cloned().unwrap_or_default();
        if let Some(known) = items.iter().find(has).and_then(theirs) {
            return Ok(Some(known));
        }
        for page in 1..=PAGES {
            let issues = self.since(since - TimeDelta::minutes(5), page).await?;
            if let Some(known) = issues.iter().find(has).and_then(theirs) {
                return Ok(Some(known));
            }
            if issues.len() < PAGE {
                break;
            }
        }
        Ok(None)
    }

    async fn create(&self, _: FixId, text: &TicketText) -> Result<Theirs, TrackerError> {
        let body = json!({ "title": text.title, "body": text.markdown(), "labels": labels(&self.settings) });
        let request = self.of_repository(Method::POST, "/issues")?.json(&body);
        let made = self.wire.send(request, "to open an issue").await?;
        theirs(&made).ok_or_else(|| TrackerError::Refused("GitHub's answer names no issue.".to_owned()))
    }

    async fn changed(&self, since: DateTime<Utc>) -> Result<Changes, TrackerError> {
        let mut changes = Changes::default();
        for page in 1..=PAGES {
            let issues = self.since(since, page).await?;
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
        self.patch(key, &json!({ "title": text.title, "body": text.markdown() }), "to change an issue").await
    }

    async fn comment(&self, key: &str, words: &str) -> Result<(), TrackerError> {
        let request =
            self.of_repository(Method::POST, &format!("/issues/{key}/comments"))?.json(&json!({ "body": words }));
        self.wire.send(request, "to comment on an issue").await.map(|_| ())
    }

    async fn close(&self, key: &str) -> Result<(), TrackerError> {
        self.patch(key, &json!({ "state": "closed", "state_reason": "completed" }), "to close an issue").await
    }

    async fn reopen(&self, key: &str) -> Result<(), TrackerError> {
        self.patch(key, &json!({ "state": "open" }), "to reopen an issue").await
    }
}
