//! One run over a cluster: what is held is brought up to date, and told.

use crate::client::Client;
use crate::connect;
use crate::credential::Secret;
use crate::discovery::Discovered;
use crate::live::{Cluster, Live};
use crate::operator::{Operator, Patience};
use crate::settings::{Auth, Settings};
use crate::tell::Telling;
use crate::{access, probe};
use async_trait::async_trait;
use plumbline_core::clock::SharedClock;
use plumbline_core::collect::{AccessRecipe, CollectError, Collector, Connection, Errand, ProbeLine};

use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;

/// The permission without which a cluster cannot be told from another.
pub(crate) const ENTRY: &str = "get namespaces";
/// How long a role that was assumed may be used.
const SESSION: Duration = Duration::from_secs(45 * 60);

/// The collector of Kubernetes clusters.
#[derive(Clone)]
pub struct KubernetesCollector {
    operator: Operator,
    patience: Patience,
    clock: SharedClock,
    live: Arc<Live>,
}

impl KubernetesCollector {
    #[must_use]
    pub fn new(operator: Operator, clock: SharedClock) -> Self {
        Self { operator, patience: Patience::default(), clock, live: Arc::default() }
    }

    /// The same with another patience than the usual one.
    #[must_use]
    pub fn patient(self, patience: Patience) -> Self {
        Self { patience, ..self }
    }

    async fn open(&self, settings: &Settings, secret: &Secret) -> Result<(Client, Option<String>), CollectError> {
        let endpoint = connect::endpoint(settings, secret, &self.operator, &self.clock).await?;
        settings.may_ask(&endpoint.server, &self.allowed(settings)).map_err(CollectError::Settings)?;
        let name = endpoint.name.clone();
        Ok((Client::open(endpoint, &self.patience)?, name))
    }

    /// What is allowed of a cluster: the one that this server runs in is inside by its nature.
    fn allowed(&self, settings: &Settings) -> Operator {
        let private_endpoints = self.operator.private_endpoints || settings.auth == Auth::InCluster;
        Operator { private_endpoints, ..self.operator.clone() }
    }

    /// The cluster of a run: the one that is watched, or one that is opened for it.
    async fn cluster(
        &self,
        connection: &Connection,
        settings: &Settings,
        secret: &Secret,
        errand: &Errand,
    ) -> Result<Arc<Cluster>, CollectError> {
        let standing = errand.standing.as_ref().filter(|_| settings.watch);
        let print = connection.print();
        let session = matches!(settings.auth, Auth::Eks { role: Some(_), .. });
        let no_older = if session { SESSION } else { Duration::MAX };
        if let Some(held) = standing.and_then(|standing| self.live.held(standing, &print, no_older)) {
            return Ok(held);
        }
        let (client, name) = self.open(settings, secret).await?;
        Ok(match standing {
            Some(standing) => self.live.hold(standing, print, client, name, &self.patience),
            None => Arc::new(Cluster::once(client, name)),
        })
    }
}

#[async_trait]
impl Collector for KubernetesCollector {
    fn provider(&self) -> &'static str {
        "kubernetes"
    }

    fn entry_permission(&self) -> &'static str {
        ENTRY
    }

    fn check(&self, connection: &Connection) -> Result<(), CollectError> {
        Settings::of(connection, &self.operator).map(|_| ())
    }

    fn access(&self, settings: &Value) -> Vec<AccessRecipe> {
        access::recipes(settings)
    }

    async fn probe(&self, connection: &Connection) -> Result<Vec<ProbeLine>, CollectError> {
        let (settings, secret) = Settings::of(connection, &self.operator)?;
        let (client, _) = self.open(&settings, &secret).await?;
        Ok(probe::probe(&settings, &client).await)
    }

    async fn collect(&self, connection: &Connection, errand: Errand) -> Result<(), CollectError> {
        let (settings, secret) = Settings::of(connection, &self.operator)?;
        let reading = async {
            let cluster = self.cluster(connection, &settings, &secret, &errand).await?;
            let _alone = cluster.polling.lock().await;
            read(&cluster, &settings, &errand).await
        };
        tokio::select! {
            done = reading => done,
            () = errand.cancel.cancelled() => Err(CollectError::Cancelled),
        }
    }
}

async fn read(cluster: &Cluster, settings: &Settings, errand: &Errand) -> Result<(), CollectError> {
    let client = &cluster.client;
    client.take_calls();
    let uid = uid(client).await?;
    let discovered = Discovered::of(client).await.map_err(|error| error.whole("get /apis"))?;
    Telling::new(cluster, settings, uid, discovered, errand.sink.clone()).all().await
}

/// What names the cluster for good.
async fn uid(client: &Client) -> Result<String, CollectError> {
    let namespace = client.value("/api/v1/namespaces/kube-system").await.map_err(|error| error.whole(ENTRY))?;
    let uid = namespace.pointer("/metadata/uid").and_then(Value::as_str).unwrap_or_default();
    let sound = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
    if uid.is_empty() || uid.len() > 64 || !uid.bytes().all(sound) {
        return Err(CollectError::Unreachable("The cluster does not say which it is: kube-system has no uid.".into()));
    }
    Ok(uid.to_owned())
}
