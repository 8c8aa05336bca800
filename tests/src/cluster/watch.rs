//! Watches: a line for each change from a version on, and bookmarks in between.

use super::answer;
use super::kinds::Kind;
use super::request::{Query, Target};
use super::state::Shared;
use actix_web::HttpResponse;
use actix_web::web::Bytes;
use futures::stream;
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch::Receiver;
use tokio::time::{Instant, timeout};

/// How long it is quiet before a bookmark comes.
const QUIET: Duration = Duration::from_secs(1);

struct Watching {
    shared: Arc<Shared>,
    changed: Receiver<u64>,
    resource: String,
    namespace: String,
    bookmark: Value,
    from: u64,
    cut: u64,
    until: Instant,
    waiting: VecDeque<Value>,
    over: bool,
}

pub(super) fn watch(shared: &Arc<Shared>, kind: &Kind, target: &Target, query: &Query) -> HttpResponse {
    let number = |name: &str| query.get(name).and_then(|text| text.parse::<u64>().ok());
    let (cut, now) = {
        let state = shared.state();
        (state.cut, state.version)
    };
    let watching = Watching {
        shared: shared.clone(),
        changed: shared.listen(),
        resource: kind.resource(),
        namespace: target.namespace.clone(),
        bookmark: json!({ "kind": kind.kind, "apiVersion": kind.api_version() }),
        from: number("resourceVersion").filter(|from| *from > 0).unwrap_or(now),
        cut,
        until: Instant::now() + Duration::from_secs(number("timeoutSeconds").unwrap_or(300)),
        waiting: VecDeque::new(),
        over: false,
    };
    let lines = stream::unfold(watching, |mut watching| async move {
        let line = watching.next().await?;
        Some((Ok::<_, actix_web::Error>(Bytes::from(format!("{line}\n"))), watching))
    });
    HttpResponse::Ok().content_type("application/json").streaming(lines)
}

impl Watching {
    /// The next line; none at the end.
    async fn next(&mut self) -> Option<Value> {
        loop {
            if let Some(line) = self.waiting.pop_front() {
                return Some(line);
            }
            if self.over || Instant::now() >= self.until || !self.gather() {
                return None;
            }
            if self.waiting.is_empty() && timeout(QUIET, self.changed.changed()).await.is_err() {
                let mut object = self.bookmark.clone();
                object["metadata"] = json!({ "resourceVersion": self.from.to_string(), "creationTimestamp": null });
                return Some(json!({ "type": "BOOKMARK", "object": object }));
            }
        }
    }

    /// Takes in what has happened. False when the watch is to end.
    fn gather(&mut self) -> bool {
        self.changed.borrow_and_update();
        let state = self.shared.state();
        if state.stopped || state.cut > self.cut {
            return false;
        }
        if self.from < state.floor {
            self.waiting.push_back(json!({ "type": "ERROR", "object": answer::expired() }));
            self.over = true;
            return true;
        }
        let begin = state.events.partition_point(|event| event.version <= self.from);
        for event in state.events.range(begin..) {
            if event.at.0 == self.resource && (self.namespace.is_empty() || event.at.1 == self.namespace) {
                self.waiting.push_back(json!({ "type": event.word, "object": *event.object }));
            }
        }
        self.from = state.version;
        true
    }
}
