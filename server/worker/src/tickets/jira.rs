//! Jira Cloud's issues, by its REST API v3: texts are documents, and states are reached by transitions.

use super::client::{Changes, Client, PAGES, Theirs, labels};
use super::wire::{TrackerError, Wire, instant, text};
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use plumbline_core::id::FixId;
use plumbline_core::ticket::{Block, LABEL, TicketText, TrackerSettings, marker};
use reqwest::{Method, RequestBuilder};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

pub(super) struct Jira {
    pub(super) wire: Wire,
    /// The key of a project.
    pub(super) project: String,
    pub(super) settings: TrackerSettings,
    pub(super) secret: SecretString,
}

impl Jira {
    fn request(&self, method: Method, path: &str) -> Result<RequestBuilder, TrackerError> {
        let request = self.wire.request(method, &format!("/rest/api/3{path}"))?;
        Ok(request
            .basic_auth(&self.settings.email, Some(self.secret.expose_secret()))
            .header("accept", "application/json"))
    }

    /// What a query finds; where that is more than is read at once, up to when of what is in the order of its change.
    async fn search(&self, jql: &str, what: &str) -> Result<Changes, TrackerError> {
        let (mut found, mut next) = (Changes::default(), Value::Null);
        for _ in 0..PAGES {
            let mut body = json!({ "jql": jql, "fields": ["status", "updated"], "maxResults": 100 });
            if let Some(asked) = body.as_object_mut().filter(|_| next.is_string()) {
                asked.insert("nextPageToken".to_owned(), next.clone());
            }
            let answer = self.wire.send(self.request(Method::POST, "/search/jql")?.json(&body), what).await?;
            let issues = answer.get("issues").and_then(Value::as_array).cloned().unwrap_or_default();
            found.tickets.extend(issues.iter().map(|issue| self.theirs(issue)));
            next = answer.get("nextPageToken").cloned().unwrap_or(Value::Null);
            if !next.is_string() {
                found.until = None;
                break;
            }
            found.until = last_change(&issues);
        }
        Ok(found)
    }

    fn theirs(&self, issue: &Value) -> Theirs {
        let key = text(issue, "/key");
        Theirs {
            url: Some(format!("{}/browse/{key}", self.wire.base())),
            key,
            closed: text(issue, "/fields/status/statusCategory/key") == "done",
            state: text(issue, "/fields/status/name"),
        }
    }

    /// Takes the first transition that fits.
    async fn transit(&self, key: &str, fits: impl Fn(&Value) -> bool, what: &str) -> Result<(), TrackerError> {
        let path = format!("/issue/{key}/transitions");
        let found = self.wire.send(self.request(Method::GET, &path)?, "for the transitions of an issue").await?;
        let all = found.get("transitions").and_then(Value::as_array).cloned().unwrap_or_default();
        let Some(one) = all.iter().find(|one| fits(one)) else {
            return Err(TrackerError::Refused(format!(
                "Jira was asked {what}, and the issue has no transition for it."
            )));
        };
        let body = json!({ "transition": { "id": one.get("id") } });
        self.wire.send(self.request(Method::POST, &path)?.json(&body), what).await.map(|_| ())
    }

    async fn is_done(&self, key: &str) -> Result<bool, TrackerError> {
        let request = self.request(Method::GET, &format!("/issue/{key}"))?.query(&[("fields", "status")]);
        let issue = self.wire.send(request, "for an issue").await?;
        Ok(self.theirs(&issue).closed)
    }
}

/// When the last of these issues changed.
fn last_change(issues: &[Value]) -> Option<DateTime<Utc>> {
    issues.iter().filter_map(|issue| instant(issue, "/fields/updated")).max()
}

fn leads_to_done(transition: &Value) -> bool {
    text(transition, "/to/statusCategory/key") == "done"
}

/// A label of Jira takes no white space.
fn label(words: &str) -> String {
    words.split_whitespace().collect::<Vec<_>>().join("-")
}

fn words(words: &str) -> Value {
    json!({ "type": "text", "text": words })
}

fn paragraph(inside: Value) -> Value {
    json!({ "type": "paragraph", "content": [inside] })
}

/// A text as Atlassian's document format has it; a text of no letters is none there.
fn document(blocks: &[Block]) -> Value {
    let content: Vec<Value> = blocks
        .iter()
        .filter_map(|block| match block {
            Block::Heading(title) if !title.is_empty() => {
                Some(json!({ "type": "heading", "attrs": { "level": 3 }, "content": [words(title)] }))
            }
            Block::Words(said) if !said.is_empty() => Some(paragraph(words(said))),
            Block::Code(code) if !code.is_empty() => Some(json!({ "type": "codeBlock", "content": [words(code)] })),
            Block::Link(title, to) => Some(paragraph(
                json!({ "type": "text", "text": title, "marks": [{ "type": "link", "attrs": { "href": to } }] }),
            )),
            Block::List(lines) => {
                let item = |line: &String| json!({ "type": "listItem", "content": [paragraph(words(line))] });
                let items: Vec<Value> = lines.iter().filter(|line| !line.is_empty()).map(item).collect();
                (!items.is_empty()).then(|| json!({ "type": "bulletList", "content": items }))
            }
            _ => None,
        })
        .collect();
    json!({ "type": "doc", "version": 1, "content": content })
}

#[async_trait]
impl Client for Jira {
    async fn test(&self) -> Result<(), TrackerError> {
        let request = self.request(Method::GET, &format!("/project/{}", self.project))?;
        self.wire.send(request, "for the project").await.map(|_| ())
    }

    async fn find(&self, fix: FixId, _: DateTime<Utc>) -> Result<Option<Theirs>, TrackerError> {
        let jql = format!("project = \"{}\" AND labels = \"{}\"", self.project, marker(fix));
        Ok(self.search(&jql, "for an issue that was made before").await?.tickets.into_iter().next())
    }

    async fn create(&self, fix: FixId, text: &TicketText) -> Result<Theirs, TrackerError> {
        let kind = if self.settings.issue_type.is_empty() { "Task" } else { &self.settings.issue_type };
        let labels: Vec<String> = labels(&self.settings).iter().map(|one| label(one)).chain([marker(fix)]).collect();
        let body = json!({ "fields": {
            "project": { "key": self.project },
            "issuetype": { "name": kind },
            "summary": text.title,
            "description": document(&text.blocks),
            "labels": labels,
        } });
        let made = self.wire.send(self.request(Method::POST, "/issue")?.json(&body), "to open an issue").await?;
        let theirs = self.theirs(&made);
        if theirs.key.is_empty() {
            return Err(TrackerError::Refused("Jira's answer names no issue.".to_owned()));
        }
        Ok(Theirs { state: "open".to_owned(), ..theirs })
    }

    async fn changed(&self, since: DateTime<Utc>) -> Result<Changes, TrackerError> {
        // Dates in a query are in the time zone of the token's owner; minutes before now are the same everywhere.
        let minutes = (self.wire.now - since).num_minutes().max(0) + 1;
        let jql = format!(
            "project = \"{}\" AND labels = \"{LABEL}\" AND updated >= \"-{minutes}m\" ORDER BY updated ASC",
            self.project
        );
        self.search(&jql, "for issues that changed").await
    }

    async fn write(&self, key: &str, text: &TicketText) -> Result<(), TrackerError> {
        let body = json!({ "fields": { "summary": text.title, "description": document(&text.blocks) } });
        let request = self.request(Method::PUT, &format!("/issue/{key}"))?.json(&body);
        self.wire.send(request, "to change an issue").await.map(|_| ())
    }

    async fn comment(&self, key: &str, said: &str) -> Result<(), TrackerError> {
        let body = json!({ "body": document(&[Block::Words(said.to_owned())]) });
        let request = self.request(Method::POST, &format!("/issue/{key}/comment"))?.json(&body);
        self.wire.send(request, "to comment on an issue").await.map(|_| ())
    }

    async fn close(&self, key: &str) -> Result<(), TrackerError> {
        if self.is_done(key).await? {
            return Ok(());
        }
        let named = self.settings.done_transition.as_str();
        let fits = |one: &Value| {
            if named.is_empty() { leads_to_done(one) } else { text(one, "/name").eq_ignore_ascii_case(named) }
        };
        self.transit(key, fits, "to close an issue").await
    }

    async fn reopen(&self, key: &str) -> Result<(), TrackerError> {
        if !self.is_done(key).await? {
            return Ok(());
        }
        self.transit(key, |one| !leads_to_done(one), "to reopen an issue").await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// So that what is beyond the pages that are read at once is asked for the next time.
    #[test]
    fn the_last_change_is_the_latest_of_a_page() {
        let of = |at: &str| json!({ "fields": { "updated": at } });
        let page = [of("2026-11-29T12:00:00.000+0200"), of("2026-11-29T10:30:00.000+0000"), json!({})];
        assert_eq!(last_change(&page), "2026-11-29T10:30:00Z".parse().ok());
        assert_eq!(last_change(&[]), None);
    }

    #[test]
    fn a_document_has_no_empty_text() {
        let blocks = [Block::Words(String::new()), Block::List(vec![String::new()]), Block::Words("one".to_owned())];
        assert_eq!(document(&blocks)["content"], json!([paragraph(words("one"))]));
    }
}
