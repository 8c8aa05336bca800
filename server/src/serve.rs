//! Wiring: the parts of the product put together, and run until a signal comes.

use crate::config::{self, DatabaseUrls};
use crate::postgres::{APP, DATABASE, OWNER, PrivatePostgres};
use actix_web::cookie;
use anyhow::Context;
use plumbline_aws::{AwsCollector, Operator};
use plumbline_core::clock::{SharedClock, SystemClock};
use plumbline_core::collect::Collector;
use plumbline_core::id::Mint;
use plumbline_host::HostCollector;
use plumbline_host::docker::{self, DockerCollector};
use plumbline_kubernetes::KubernetesCollector;
use plumbline_policy::Catalogue;
use plumbline_registry::RegistryCollector;
use plumbline_store::reseal::reseal;
use plumbline_store::seal::Keyring;
use plumbline_store::{Database, identity, tenant};
use plumbline_web::state::{AppState, Config, Parts};
use plumbline_worker::Worker;
use plumbline_worker::feeds::{Downloads, Feed, Refresh};
use plumbline_worker::tickets::Outside;
use rand::SeedableRng;
use rand::rngs::StdRng;
use secrecy::ExposeSecret;
use std::net::TcpListener;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use url::Url;

/// Connections of one process. A page holds one for some milliseconds, a worker's job one or two.
const CONNECTIONS: u32 = 24;
/// Jobs that one worker process does at a time.
const SLOTS: usize = 4;

/// What every long-running command is made of.
pub struct Product {
    pub database: Database,
    pub keyring: Arc<Keyring>,
    pub clock: SharedClock,
    pub mint: Arc<Mint>,
    pub collectors: Arc<[Arc<dyn Collector>]>,
    pub catalogue: &'static Catalogue,
    private_endpoints: bool,
}

impl Product {
    /// Connects to a database whose schema is up to date.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn open(url: &str, keyring: Keyring, private_endpoints: bool) -> anyhow::Result<Self> {
        let database = Database::connect(url, CONNECTIONS).await.context("connecting to the database")?;
        let clock: SharedClock = Arc::new(SystemClock);
        let aws =
            AwsCollector::new(Operator { private_endpoints, identity: config::variable("PLUMBLINE_AWS_IDENTITY")? });
        let own_cluster = config::own_cluster()?;
        let kubernetes =
            KubernetesCollector::new(plumbline_kubernetes::Operator { private_endpoints, own_cluster }, clock.clone());
        let registry = RegistryCollector::new(plumbline_registry::Operator { private_endpoints }, clock.clone());
        let sockets = config::docker_sockets()?;
        let docker = DockerCollector::new(docker::Operator { private_endpoints, sockets });
        let host = HostCollector::new(clock.clone());
        Ok(Self {
            database,
            keyring: Arc::new(keyring),
            mint: Arc::new(Mint::new(clock.clone(), StdRng::from_os_rng())),
            clock,
            collectors: Arc::from(vec![
                Arc::new(aws) as Arc<dyn Collector>,
                Arc::new(registry),
                Arc::new(docker),
                Arc::new(host),
                Arc::new(kubernetes),
            ]),
            catalogue: Catalogue::builtin(),
            private_endpoints,
        })
    }

    /// Serves pages until told to stop.
    ///
    /// # Errors
    /// When the address cannot be listened on.
    pub async fn serve(&self, listener: TcpListener, public_url: Url, stop: CancellationToken) -> anyhow::Result<()> {
        let state = AppState::new(Parts {
            database: self.database.clone(),
            keyring: self.keyring.clone(),
            clock: self.clock.clone(),
            mint: self.mint.clone(),
            collectors: self.collectors.clone(),
            catalogue: self.catalogue,
            config: Config {
                public_url,
                cookie_key: self.cookie_key()?,
                behind_proxy: config::behind_proxy()?,
                private_issuers: self.private_endpoints,
            },
        });
        let threads = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
        let server = plumbline_web::server(listener, state, threads)?;
        let handle = server.handle();
        let stopping = tokio::spawn(async move {
            stop.cancelled().await;
            handle.stop(true).await;
        });
        let served = server.await;
        stopping.abort();
        Ok(served?)
    }

    /// Cookies are signed with a key that every web server of the installation derives from the same master key.
    fn cookie_key(&self) -> anyhow::Result<cookie::Key> {
        let seed = self.keyring.derive("cookies");
        Ok(cookie::Key::derive_from(seed.expose_secret()))
    }

    /// Works on jobs, and fetches these feeds, until told to stop.
    ///
    /// # Errors
    /// When the TLS library cannot be set up.
    pub async fn work(&self, feeds: Vec<Feed>, stop: CancellationToken) -> anyhow::Result<()> {
        let refresh =
            Refresh { database: self.database.clone(), mint: self.mint.clone(), downloads: self.downloads()?, feeds };
        let worker = Worker {
            database: self.database.clone(),
            keyring: self.keyring.clone(),
            mint: self.mint.clone(),
            catalogue: self.catalogue,
            weighing: Arc::new(self.catalogue.weighing()),
            collectors: self.collectors.to_vec(),
            mailer: config::mailer()?.map(Arc::new),
            outside: Outside::new(self.private_endpoints, config::links()?)?,
            batch: plumbline_worker::BATCH,
        };
        tokio::join!(Arc::new(worker).run(SLOTS, stop.clone()), refresh.run(stop));
        Ok(())
    }

    /// Downloads feeds, from where this installation lets it.
    ///
    /// # Errors
    /// When the TLS library cannot be set up.
    pub fn downloads(&self) -> anyhow::Result<Downloads> {
        Downloads::new(self.private_endpoints)
    }

    /// Seals every tenant's secrets with the current key; each tenant in a transaction of its own. Returns how many.
    ///
    /// # Errors
    /// When a secret's key is not in the ring, or the database does not answer.
    pub async fn reseal(&self) -> anyhow::Result<u64> {
        let mut identity = self.database.identity().await?;
        let tenants = tenant::all(&mut identity).await?;
        drop(identity);
        let mut count = 0;
        for tenant in tenants {
            let mut tx = self.database.tenant(tenant).await?;
            count += reseal(&mut tx, &self.keyring, &self.mint).await.with_context(|| format!("tenant {tenant}"))?;
            tx.commit().await?;
        }
        Ok(count)
    }

    /// The link of the first run, when there is no tenant yet.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn setup_link(&self, public_url: &Url) -> anyhow::Result<Option<String>> {
        let mut tx = self.database.identity().await?;
        let token = identity::setup::create_setup_link(&mut tx, &self.mint).await?;
        tx.commit().await?;
        Ok(token.map(|token| format!("{public_url}setup/{}", token.expose())))
    }
}

/// A token that is cancelled when the process is asked to stop.
///
/// # Errors
/// When signals cannot be listened for.
pub fn on_signal() -> anyhow::Result<CancellationToken> {
    let stop = CancellationToken::new();
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hangup = signal(SignalKind::hangup())?;
    let token = stop.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
        }
        token.cancel();
    });
    Ok(stop)
}

/// The databases that the environment names, or those of a private cluster in the data folder.
pub enum Home {
    Given(DatabaseUrls),
    Private { urls: DatabaseUrls, cluster: Box<PrivatePostgres> },
}

impl Home {
    /// Finds or starts the database.
    ///
    /// # Errors
    /// When neither can be had; says what to install.
    pub async fn open(data: &Path) -> anyhow::Result<Self> {
        std::fs::create_dir_all(data).with_context(|| format!("making the data folder {}", data.display()))?;
        if let Some(urls) = DatabaseUrls::from_environment()? {
            return Ok(Self::Given(urls));
        }
        let cluster = PrivatePostgres::start(data).await?;
        let urls = DatabaseUrls { app: cluster.url_for(APP, DATABASE), owner: cluster.url_for(OWNER, DATABASE) };
        Ok(Self::Private { urls, cluster: Box::new(cluster) })
    }

    #[must_use]
    pub fn urls(&self) -> &DatabaseUrls {
        match self {
            Self::Given(urls) | Self::Private { urls, .. } => urls,
        }
    }

    /// Returns when a private cluster has ended by itself; never for a given one.
    pub async fn died(&mut self) {
        match self {
            Self::Given(_) => std::future::pending().await,
            Self::Private { cluster, .. } => cluster.died().await,
        }
    }

    /// Stops what was started.
    ///
    /// # Errors
    /// When the private cluster does not stop.
    pub async fn close(self) -> anyhow::Result<()> {
        match self {
            Self::Given(_) => Ok(()),
            Self::Private { cluster, .. } => cluster.stop().await,
        }
    }
}

/// Binds the address to listen on.
///
/// # Errors
/// When it is taken or no address; says which.
pub fn listen(address: &str) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).with_context(|| format!("listening on {address}"))
}

/// Asks a running server whether it is well.
///
/// # Errors
/// When it does not answer, or not with 200.
pub async fn health(address: &str) -> anyhow::Result<()> {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let ask = async {
        let mut stream = tokio::net::TcpStream::connect(address).await?;
        stream.write_all(b"GET /healthz HTTP/1.0\r\nHost: localhost\r\n\r\n").await?;
        let mut answer = String::new();
        stream.take(4096).read_to_string(&mut answer).await?;
        anyhow::ensure!(answer.starts_with("HTTP/1.0 200") || answer.starts_with("HTTP/1.1 200"), "{answer}");
        Ok(())
    };
    tokio::time::timeout(Duration::from_secs(5), ask).await.context("no answer within five seconds")?
}
