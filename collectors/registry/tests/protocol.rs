//! The corners of the protocol that a well-behaved registry does not show: a stand-in that answers what a test tells it.

#![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

mod support;

use plumbline_core::collect::{CollectError, Collector, Errand};
use plumbline_core::scope::Outcome;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use support::{Shelf, Told, collector, connection, run};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

/// A request as the stand-in saw it.
#[derive(Debug, Clone)]
struct Seen {
    /// Path and query.
    target: String,
    authorization: String,
}

/// Status, headers, body.
type Reply = (u16, Vec<(&'static str, String)>, Vec<u8>);
type Answer = dyn Fn(&Seen, usize) -> Reply + Send + Sync;

/// Answers with `answer`, which is told the request and how often the same was asked before.
struct Standin {
    host: String,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Standin {
    async fn start(answer: impl Fn(&Seen, usize) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let host = listener.local_addr().unwrap().to_string();
        let seen: Arc<Mutex<Vec<Seen>>> = Arc::default();
        let (all, answer): (_, Arc<Answer>) = (seen.clone(), Arc::new(answer));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, all.clone(), answer.clone()));
            }
        });
        Self { host, seen }
    }

    fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    fn settings(&self, more: Value) -> Value {
        let mut settings = json!({ "host": self.host, "scheme": "http", "plain_http": true, "auth": { "by": "basic" },
            "repositories": ["team/api"], "tags": { "policy": "all" } });
        settings.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        settings
    }

    async fn read(&self, more: Value) -> Told {
        let secret = json!({ "username": "reader", "password": "swordfish" });
        run(&connection(self.settings(more), &secret), &Arc::new(Shelf::default())).await
    }
}

async fn serve(stream: TcpStream, all: Arc<Mutex<Vec<Seen>>>, answer: Arc<Answer>) -> Option<()> {
    let mut stream = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if stream.read_line(&mut head).await.ok()? == 0 {
            return None;
        }
    }
    let target = head.split(' ').nth(1)?.to_owned();
    let header = head.lines().find_map(|line| line.strip_prefix("authorization: "));
    let request = Seen { target, authorization: header.unwrap_or_default().to_owned() };
    let before = {
        let mut all = all.lock().unwrap();
        let before = all.iter().filter(|one| one.target == request.target).count();
        all.push(request.clone());
        before
    };
    let (status, headers, body) = answer(&request, before);
    let mut reply = format!("HTTP/1.1 {status} X\r\nconnection: close\r\n");
    if !headers.iter().any(|(name, _)| *name == "content-length") {
        reply.push_str(&format!("content-length: {}\r\n", body.len()));
    }
    for (name, value) in headers {
        reply.push_str(&format!("{name}: {value}\r\n"));
    }
    reply.push_str("\r\n");
    stream.write_all(reply.as_bytes()).await.ok()?;
    if !head.starts_with("HEAD") {
        stream.write_all(&body).await.ok()?;
    }
    stream.shutdown().await.ok()?;
    let _ = stream.read_to_end(&mut Vec::new()).await;
    Some(())
}

fn ok(value: &Value) -> Reply {
    (200, vec![("content-type", "application/json".to_owned())], value.to_string().into_bytes())
}

fn missing() -> Reply {
    (404, Vec::new(), Vec::new())
}

fn digest(bytes: &[u8]) -> String {
    format!("sha256:{}", hex::encode(Sha256::digest(bytes)))
}

/// A repository of one image, `team/api:1`, with one empty plain layer.
#[derive(Clone)]
struct Content {
    manifest: Vec<u8>,
    blobs: HashMap<String, Vec<u8>>,
}

impl Content {
    fn new() -> Self {
        let (layer, config) = (vec![0_u8; 1024], br#"{"os":"linux","architecture":"amd64"}"#.to_vec());
        let manifest = json!({
            "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": { "mediaType": "application/vnd.oci.image.config.v1+json", "digest": digest(&config), "size": config.len() },
            "layers": [{ "mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": digest(&layer), "size": layer.len() }],
        })
        .to_string()
        .into_bytes();
        Self { manifest, blobs: [layer, config].into_iter().map(|blob| (digest(&blob), blob)).collect() }
    }

    fn digest(&self) -> String {
        digest(&self.manifest)
    }

    fn answer(&self, seen: &Seen) -> Reply {
        let path = seen.target.split('?').next().unwrap_or_default();
        if path == "/v2/" {
            return ok(&json!({}));
        }
        let Some(rest) = path.strip_prefix("/v2/team/api/") else { return missing() };
        if rest == "tags/list" {
            return ok(&json!({ "tags": ["1"] }));
        }
        if rest == "manifests/1" || rest == format!("manifests/{}", self.digest()) {
            let kind = "application/vnd.oci.image.manifest.v1+json".to_owned();
            let headers = vec![("content-type", kind), ("docker-content-digest", self.digest())];
            return (200, headers, self.manifest.clone());
        }
        let blob = rest.strip_prefix("blobs/").and_then(|digest| self.blobs.get(digest));
        blob.map_or_else(missing, |blob| (200, Vec::new(), blob.clone()))
    }
}

#[tokio::test]
async fn tokens_are_asked_for_by_scope_and_kept() {
    let content = Content::new();
    let host: Arc<Mutex<String>> = Arc::default();
    let realm = host.clone();
    let standin = Standin::start(move |seen, _| {
        if seen.target.starts_with("/token") {
            return if seen.authorization.starts_with("Basic ") {
                ok(&json!({ "token": "good" }))
            } else {
                (401, Vec::new(), Vec::new())
            };
        }
        if seen.authorization == "Bearer good" {
            return content.answer(seen);
        }
        let scope = if seen.target == "/v2/" { "" } else { r#",scope="repository:team/api:pull,push""# };
        let challenge = format!(r#"Bearer realm="http://{}/token",service="here"{scope}"#, realm.lock().unwrap());
        (401, vec![("www-authenticate", challenge)], Vec::new())
    })
    .await;
    host.lock().unwrap().clone_from(&standin.host);

    let told = standin.read(json!({})).await;
    assert!(told.named("team/api:1").unread.is_empty(), "{told:#?}");
    let tokens: Vec<Seen> = standin.seen().into_iter().filter(|seen| seen.target.starts_with("/token")).collect();
    let targets: Vec<&str> = tokens.iter().map(|seen| seen.target.as_str()).collect();
    // The last is asked for by a stranger, to see whether one is let in.
    let scope = "/token?service=here&scope=repository%3Ateam%2Fapi%3Apull";
    assert_eq!(targets, ["/token?service=here", scope, scope]);
    let strangers = tokens.iter().filter(|seen| seen.authorization.is_empty()).count();
    assert_eq!(strangers, 1);
}

#[tokio::test]
async fn a_credential_stays_at_home() {
    let content = Content::new();
    let elsewhere = Standin::start({
        let content = content.clone();
        move |seen, _| content.answer(seen)
    })
    .await;
    let other = elsewhere.host.clone();
    let standin = Standin::start(move |seen, _| {
        if !seen.authorization.starts_with("Basic ") {
            return (401, vec![("www-authenticate", "Basic realm=x".to_owned())], Vec::new());
        }
        if seen.target.contains("/blobs/") {
            return (307, vec![("location", format!("http://{other}{}", seen.target))], Vec::new());
        }
        content.answer(seen)
    })
    .await;

    let told = standin.read(json!({})).await;
    assert!(told.named("team/api:1").unread.is_empty(), "{told:#?}");
    assert!(!elsewhere.seen().is_empty());
    assert!(elsewhere.seen().iter().all(|seen| seen.authorization.is_empty()), "{:?}", elsewhere.seen());
}

#[tokio::test]
async fn a_strange_token_service_gets_no_credential() {
    let thief = Standin::start(|_, _| ok(&json!({ "token": "good" }))).await;
    let port = thief.host.rsplit(':').next().unwrap().to_owned();
    let standin = Standin::start(move |_, _| {
        let challenge = format!(r#"Bearer realm="http://localhost:{port}/token",service="x""#);
        (401, vec![("www-authenticate", challenge)], Vec::new())
    })
    .await;

    let told = standin.read(json!({})).await;
    let Some(CollectError::Unreachable(words)) = told.result else { panic!("{told:#?}") };
    assert!(words.contains("localhost"), "{words}");
    assert!(thief.seen().is_empty(), "{:?}", thief.seen());
}

#[tokio::test]
async fn a_busy_registry_is_waited_for_and_a_closed_one_is_not() {
    let content = Content::new();
    let standin = Standin::start(move |seen, before| {
        if seen.target.contains("/manifests/1") && before == 0 {
            return (429, vec![("retry-after", "1".to_owned())], Vec::new());
        }
        if seen.target.contains("/tags/") && before == 0 {
            return (503, Vec::new(), Vec::new());
        }
        content.answer(seen)
    })
    .await;
    let began = Instant::now();
    let told = standin.read(json!({ "auth": { "by": "anonymous" } })).await;
    assert!(told.named("team/api:1").unread.is_empty(), "{told:#?}");
    assert!(began.elapsed() >= Duration::from_millis(900));

    let standin = Standin::start(|seen, _| match seen.target.as_str() {
        "/v2/" => ok(&json!({})),
        _ => (429, vec![("retry-after", "3600".to_owned())], Vec::new()),
    })
    .await;
    let told = standin.read(json!({ "auth": { "by": "anonymous" } })).await;
    let Outcome::Failed { detail } = told.outcome("team/api", "registry.images") else { panic!("{told:#?}") };
    assert!(detail.contains("rate limit"), "{detail}");
}

#[tokio::test]
async fn lists_end_and_stay_on_their_host() {
    for link in ["</v2/_catalog?n=1000>; rel=\"next\"", "<http://127.0.0.2:1/v2/_catalog>; rel=\"next\""] {
        let standin = Standin::start(move |seen, _| {
            if seen.target == "/v2/" {
                return ok(&json!({}));
            }
            let mut reply = ok(&json!({ "repositories": ["team/api"] }));
            reply.1.push(("link", link.to_owned()));
            reply
        })
        .await;
        let told = standin.read(json!({ "auth": { "by": "anonymous" }, "repositories": [] })).await;
        assert!(matches!(told.outcome("global", "registry.registry"), Outcome::Failed { .. }), "{told:#?}");
        assert!(told.notes.iter().any(|note| note.contains("catalogue")), "{told:#?}");
    }
}

#[tokio::test]
async fn what_has_another_digest_is_not_believed() {
    let content = Content::new();
    let wanted = format!("/v2/team/api/manifests/{}", content.digest());
    let standin = Standin::start(move |seen, _| {
        let mut reply = content.answer(seen);
        if seen.target == wanted {
            reply.2.push(b' ');
        }
        reply
    })
    .await;
    let told = standin.read(json!({ "auth": { "by": "anonymous" } })).await;
    let image = told.named("team/api:1");
    assert!(!image.attributes.contains_key("Layers"));
    assert!(image.unread["Layers"].detail.contains("another digest"), "{image:#?}");
}

#[tokio::test]
async fn a_first_schema_image_is_there_and_unread() {
    let old = json!({ "schemaVersion": 1, "name": "team/api", "fsLayers": [] }).to_string().into_bytes();
    let standin = Standin::start(move |seen, _| match seen.target.as_str() {
        "/v2/" => ok(&json!({})),
        target if target.contains("tags/list") => ok(&json!({ "tags": ["1"] })),
        target if target.contains("/manifests/") => (200, vec![("docker-content-digest", digest(&old))], old.clone()),
        _ => missing(),
    })
    .await;
    let told = standin.read(json!({ "auth": { "by": "anonymous" } })).await;
    assert_eq!(told.of_kind("image").len(), 1);
    let image = told.named("team/api:1");
    assert!(image.unread["Layers"].detail.contains("first schema"), "{image:#?}");
    assert!(!image.attributes.contains_key("Secrets"));
    assert!(told.outcome("team/api", "registry.images").is_complete());
}

#[tokio::test]
async fn a_layer_that_breaks_off_is_gone_on_with() {
    let content = Content::new();
    let layer = digest(&[0_u8; 1024]);
    let standin = Standin::start(move |seen, before| {
        let mut reply = content.answer(seen);
        if seen.target.ends_with(&layer) {
            if before == 0 {
                // Claims all of it and sends half.
                reply.1.push(("content-length", "1024".to_owned()));
                reply.2.truncate(512);
            } else {
                reply.0 = 206;
                reply.2.drain(..512);
            }
        }
        reply
    })
    .await;
    let told = standin.read(json!({ "auth": { "by": "anonymous" } })).await;
    assert!(told.named("team/api:1").unread.is_empty(), "{told:#?}");
}

#[tokio::test]
async fn a_run_ends_when_it_is_told_to() {
    let standin = Standin::start(|seen, _| match seen.target.as_str() {
        "/v2/" => ok(&json!({})),
        _ => (429, vec![("retry-after", "2".to_owned())], Vec::new()),
    })
    .await;
    let source = connection(standin.settings(json!({ "auth": { "by": "anonymous" } })), &json!({}));
    let (sink, _events) = tokio::sync::mpsc::channel(64);
    let cancel = CancellationToken::new();
    let errand = Errand { memory: Arc::new(Shelf::default()), cancel: cancel.clone(), ..Errand::alone(sink) };
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(100)).await;
        cancel.cancel();
    });
    let began = Instant::now();
    assert!(matches!(collector().collect(&source, errand).await, Err(CollectError::Cancelled)));
    assert!(began.elapsed() < Duration::from_secs(1));
}
