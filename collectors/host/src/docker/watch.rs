//! The events of engines: what happens in one brings its next poll forward, so that a container that lived two minutes is
//! seen too. An engine that tells of none, or refuses, is polled at its usual time.

use super::client::Client;
use plumbline_core::collect::Standing;
use plumbline_core::id::SourceId;
use plumbline_core::stir::Stir;
use serde_json::Value;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;
use tokio_util::sync::{CancellationToken, DropGuard};
use url::form_urlencoded;

/// Engines that are listened to at a time; more are polled alone.
const ENGINES: usize = 512;
/// How long a stream stays open before it is opened anew: a connection that died without a word is noticed by then.
const OPEN: Duration = Duration::from_secs(240);
/// From an event until a poll is asked for, so that what happens together is one poll.
const DEBOUNCE: Duration = Duration::from_secs(2);
/// The least from one poll to the next that an event asks for.
const QUIET: Duration = Duration::from_secs(10);
/// Before a stream that broke off is opened again; an engine that refuses is asked again after ten times as long.
const AGAIN: Duration = Duration::from_secs(30);
/// The longest event: the labels of a container are in it.
const LONGEST: usize = 4 << 20;
/// What happens to each type that a run reads. Health, execution and attachment change nothing that is read.
const TOLD: [(&str, &[&str]); 5] = [
    ("container", &["create", "start", "die", "destroy", "pause", "unpause", "rename", "update"]),
    ("image", &["pull", "push", "tag", "untag", "delete", "import", "load", "prune"]),
    ("network", &["create", "connect", "disconnect", "destroy", "remove", "prune"]),
    ("volume", &["create", "destroy", "prune"]),
    ("daemon", &["reload"]),
];

/// All engines that this process listens to.
#[derive(Default)]
pub(crate) struct Listening {
    engines: Mutex<HashMap<SourceId, Engine>>,
}

/// One of them, as long as it is polled.
struct Engine {
    /// What it was opened with: other settings open it anew.
    print: [u8; 32],
    stir: Arc<Stir>,
    _stop: DropGuard,
}

impl Listening {
    /// A poll of the source begins: goes on listening to its engine, or begins to.
    pub(crate) fn polled(self: &Arc<Self>, standing: &Standing, print: [u8; 32], client: &Client) {
        let mut engines = self.engines.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = engines.get(&standing.source).filter(|known| known.print == print) {
            known.stir.polled(standing.clone());
            return;
        }
        engines.remove(&standing.source);
        if engines.len() >= ENGINES {
            return;
        }
        let stop = CancellationToken::new();
        let stir = Arc::new(Stir::new(standing.clone()));
        engines.insert(standing.source, Engine { print, stir: stir.clone(), _stop: stop.clone().drop_guard() });
        let (listening, source, client) = (Arc::downgrade(self), standing.source, client.counted());
        tokio::spawn(async move {
            tokio::select! {
                () = stop.cancelled() => return,
                () = follow(&client, &stir) => {}
                () = stir.ask(DEBOUNCE, QUIET) => {}
            }
            // Nobody polls it any more. A later one of the same source is not ours to end.
            if let Some(listening) = listening.upgrade() {
                let mut engines = listening.engines.lock().unwrap_or_else(PoisonError::into_inner);
                if engines.get(&source).is_some_and(|engine| Arc::ptr_eq(&engine.stir, &stir)) {
                    engines.remove(&source);
                }
            }
        });
    }
}

/// Listens, one stream after another.
async fn follow(client: &Client, stir: &Stir) {
    // Nanoseconds by the engine's clock: the next stream begins after the last event.
    let mut last: Option<i64> = None;
    loop {
        let began = Instant::now();
        let wait = match client.events(&query(last), OPEN).await {
            Ok(Some(answer)) => {
                listen(answer, stir, &mut last).await;
                AGAIN.saturating_sub(began.elapsed())
            }
            Ok(None) => AGAIN * 10,
            Err(error) => {
                tracing::debug!(%error, "an engine's events cannot be listened to");
                AGAIN
            }
        };
        tokio::time::sleep(wait).await;
    }
}

/// The engine tells of these types alone.
fn query(last: Option<i64>) -> String {
    let types: Vec<&str> = TOLD.iter().map(|(kind, _)| *kind).collect();
    let filters = serde_json::json!({ "type": types }).to_string();
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair("filters", &filters);
    if let Some(nanos) = last.map(|nanos| nanos.saturating_add(1)) {
        query.append_pair("since", &format!("{}.{:09}", nanos / 1_000_000_000, nanos % 1_000_000_000));
    }
    query.finish()
}

/// One stream, from its opening to its end: JSON documents, one a line.
async fn listen(mut answer: reqwest::Response, stir: &Stir, last: &mut Option<i64>) {
    let mut rest: Vec<u8> = Vec::new();
    while let Ok(Some(chunk)) = answer.chunk().await {
        rest.extend_from_slice(&chunk);
        let Some(end) = rest.iter().rposition(|byte| *byte == b'\n') else {
            if rest.len() > LONGEST {
                return;
            }
            continue;
        };
        for line in rest[..end].split(|byte| *byte == b'\n') {
            if let Ok(event) = serde_json::from_slice::<Value>(line) {
                *last = event["timeNano"].as_i64().filter(|nanos| *nanos > 0).or(*last);
                if tells(&event) {
                    stir.stir();
                }
            }
        }
        rest.drain(..=end);
    }
}

/// Whether an event changes what a run reads. An action may say more behind a colon.
fn tells(event: &Value) -> bool {
    let (kind, action) = (event["Type"].as_str().unwrap_or_default(), event["Action"].as_str().unwrap_or_default());
    let action = action.split(':').next().unwrap_or_default();
    TOLD.iter().any(|(of, actions)| *of == kind && actions.contains(&action))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_changes_nothing_that_is_read_asks_for_no_poll() {
        assert!(tells(&json!({ "Type": "container", "Action": "start" })));
        assert!(tells(&json!({ "Type": "daemon", "Action": "reload" })));
        assert!(!tells(&json!({ "Type": "container", "Action": "exec_start: /bin/sh -c true" })));
        assert!(!tells(&json!({ "Type": "container", "Action": "health_status: healthy" })));
        assert!(!tells(&json!({})));
    }

    #[test]
    fn a_stream_goes_on_after_the_last_event() {
        let began = query(None);
        assert!(began.starts_with("filters=") && !began.contains("since="));
        assert!(query(Some(1_700_000_000_000_000_005)).ends_with("&since=1700000000.000000006"));
    }
}
