//! A stand-in for the API server of a Kubernetes cluster, kept to the API's own conventions: discovery, lists in pages,
//! watches with bookmarks, documents of status, and access by the roles and bindings that are loaded into it.
//!
//! It has no kubelets: what a deployment, a stateful set, a daemon set or a job would start is written at once as pods that
//! run. Bearer tokens: `admin`; `sa.<namespace>.<name>` for a service account; any other is refused, none is anonymous.

mod access;
mod answer;
mod controllers;
mod discovery;
mod faults;
mod kinds;
mod read;
mod request;
mod review;
mod state;
mod watch;
mod write;

pub use faults::Fault;

use actix_web::dev::ServerHandle;
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use anyhow::{Context, Result};
use plumbline_core::clock::SystemClock;
use plumbline_core::collect::{Collector, Connection};
use plumbline_kubernetes::{KubernetesCollector, Operator, Patience};
use secrecy::SecretString;
use serde_json::{Value, json};
use state::Shared;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// The token of the account that the printed manifest makes.
pub const TOKEN: &str = "sa.plumbline.plumbline";

/// Where the demonstration cluster's manifests are.
#[must_use]
pub fn estate() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/lab/cluster"))
}

/// The stand-in, until this is dropped.
pub struct Cluster {
    pub endpoint: String,
    shared: Arc<Shared>,
    handle: ServerHandle,
}

impl Cluster {
    /// Starts an empty cluster, but for what every cluster has, on a free port.
    ///
    /// # Errors
    /// When there is none.
    pub fn start() -> Result<Self> {
        Self::start_at(0)
    }

    /// # Errors
    /// When the port is taken, or a manifest that every cluster has cannot be read.
    pub fn start_at(port: u16) -> Result<Self> {
        let shared = Arc::new(Shared::default());
        let data = web::Data::from(shared.clone());
        let server = HttpServer::new(move || {
            App::new().app_data(data.clone()).app_data(web::PayloadConfig::new(8 << 20)).default_service(web::to(serve))
        })
        .workers(1)
        .shutdown_timeout(0)
        .disable_signals()
        .bind(("127.0.0.1", port))
        .context("the stand-in cluster finds no port")?;
        let address = server.addrs().first().copied().context("no address")?;
        let server = server.run();
        let handle = server.handle();
        std::thread::spawn(move || actix_web::rt::System::new().block_on(server));
        let cluster = Self { endpoint: format!("http://{address}"), shared, handle };
        cluster.load(&estate().join("bootstrap.yaml"))?;
        Ok(cluster)
    }

    /// Lets the collector in with the very manifest that it prints; its token is `sa.plumbline.plumbline`.
    ///
    /// # Errors
    /// When the manifest cannot be applied.
    pub fn grant(&self, settings: &Value) -> Result<()> {
        let recipes = collector().access(settings);
        self.apply(&recipes.first().context("a recipe")?.text)
    }

    /// Loads a file of manifests, or all of a folder.
    ///
    /// # Errors
    /// When one cannot be read, or is of a kind that the stand-in does not have.
    pub fn load(&self, path: &Path) -> Result<()> {
        self.load_with(path, &[])
    }

    /// The same, with other words for some of theirs.
    ///
    /// # Errors
    /// As [`Cluster::load`].
    pub fn load_with(&self, path: &Path, replacements: &[(String, String)]) -> Result<()> {
        if path.is_dir() {
            let mut files: Vec<_> =
                std::fs::read_dir(path)?.map(|entry| entry.map(|e| e.path())).collect::<Result<_, _>>()?;
            files.sort();
            return files
                .iter()
                .filter(|file| file.extension().is_some_and(|e| e == "yaml"))
                .try_for_each(|f| self.load_with(f, replacements));
        }
        let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
        let text = replacements.iter().fold(text, |text, (from, to)| text.replace(from, to));
        self.apply(&text).with_context(|| path.display().to_string())
    }

    /// Loads manifests as `kubectl apply` would.
    ///
    /// # Errors
    /// When one cannot be read, or is of a kind that the stand-in does not have.
    pub fn apply(&self, yaml: &str) -> Result<()> {
        self.shared.change(|state| state.apply(yaml))
    }

    /// Writes one object.
    ///
    /// # Errors
    /// When it is of a kind that the stand-in does not have.
    pub fn put(&self, object: Value) -> Result<()> {
        self.shared.change(|state| state.put(object))
    }

    /// Deletes an object and what it owns: `deployments.apps`, namespace, name.
    ///
    /// # Errors
    /// When there is none.
    pub fn delete(&self, resource: &str, namespace: &str, name: &str) -> Result<()> {
        self.shared.change(|state| state.delete(resource, namespace, name))
    }

    /// Goes wrong so many times where the path and its query contain this.
    pub fn fail(&self, path: &str, times: u32, fault: Fault) {
        self.shared.state().fail(path, times, fault);
    }

    /// Forgets what happened up to now: lists and watches from before cannot go on.
    pub fn compact(&self) {
        let _ = self.shared.change(|state| {
            state.compact();
            Ok(())
        });
    }

    /// Ends all watches that are open.
    pub fn cut_watches(&self) {
        let _ = self.shared.change(|state| {
            state.cut += 1;
            Ok(())
        });
    }

    /// How many requests there were whose method, path and query contain all of these.
    #[must_use]
    pub fn asked(&self, what: &[&str]) -> usize {
        self.shared.state().asked.iter().filter(|asked| what.iter().all(|part| asked.contains(part))).count()
    }

    /// The settings of a source that reads it with a token, and the secret.
    #[must_use]
    pub fn connection(&self, token: &str) -> Connection {
        self.connection_with(token, json!({}))
    }

    /// The same, with more settings.
    #[must_use]
    pub fn connection_with(&self, token: &str, more: Value) -> Connection {
        let mut settings = json!({ "server": self.endpoint, "plain_http": true, "auth": { "by": "token" } });
        if let (Some(settings), Value::Object(more)) = (settings.as_object_mut(), more) {
            settings.extend(more);
        }
        Connection { settings, secret: SecretString::from(json!({ "token": token }).to_string()) }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.shared.stop();
        drop(self.handle.stop(false));
    }
}

async fn serve(request: HttpRequest, body: web::Bytes, shared: web::Data<Shared>) -> HttpResponse {
    request::serve(&request, &body, shared.into_inner()).await
}

/// The collector as it ships, allowed to reach the loopback address and quick to try again.
#[must_use]
pub fn collector() -> KubernetesCollector {
    let operator = Operator { private_endpoints: true, own_cluster: None };
    let patience = Patience {
        attempts: 3,
        first_backoff: Duration::from_millis(20),
        longest_wait: Duration::from_secs(2),
        idle: Duration::from_secs(5),
        document: Duration::from_secs(20),
        debounce: Duration::from_millis(200),
        quiet: Duration::from_millis(500),
        ..Patience::default()
    };
    KubernetesCollector::new(operator, Arc::new(SystemClock)).patient(patience)
}
