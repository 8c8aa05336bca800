//! `plumbline`: one binary, one command a role.

use anyhow::Context;
use clap::{Parser, Subcommand};
use plumbline_core::clock::SystemClock;
use plumbline_host::agent::{Agent, Options};
use plumbline_server::config::{self, DatabaseUrls};
use plumbline_server::serve::{self, Home, Product};
use plumbline_server::{demo, feeds};
use plumbline_store::Database;
use rand::SeedableRng;
use rand::rngs::StdRng;
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio_util::sync::CancellationToken;
use tracing_subscriber::EnvFilter;
use url::Url;

#[derive(Parser)]
#[command(name = "plumbline", version, about = "Security posture for the whole container stack")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Bring the database's schema up to date (DATABASE_OWNER_URL, or DATABASE_URL)
    Migrate,
    /// Serve the pages (DATABASE_URL, PLUMBLINE_MASTER_KEY, PLUMBLINE_LISTEN, PLUMBLINE_PUBLIC_URL)
    Serve {
        /// Address and port to listen on
        #[arg(long, env = "PLUMBLINE_LISTEN", default_value = "127.0.0.1:8080")]
        listen: String,
    },
    /// Work on jobs: poll sources, decide, reconcile (DATABASE_URL, PLUMBLINE_MASTER_KEY)
    Work,
    /// Everything in one process, with a private Postgres in the data folder unless DATABASE_URL is set
    Up {
        /// Folder for the private database and the master key
        #[arg(long, default_value = "data")]
        data: PathBuf,
        /// Address and port to listen on
        #[arg(long, env = "PLUMBLINE_LISTEN", default_value = "127.0.0.1:8080")]
        listen: String,
        /// Connect a demonstration estate: the file in which the stand-in cloud's seed describes itself
        #[arg(long)]
        demo_estate: Option<PathBuf>,
    },
    /// Bring in what is known of flaws: OSV advisories, the catalogue of exploited flaws, the exploitation forecast
    Import {
        /// What it is called where the age of feeds is shown: debian, npm, …
        #[arg(long)]
        feed: String,
        /// What is in it: osv (a zip, or a folder of records), kev (a JSON file) or epss (a CSV file)
        #[arg(long, default_value = "osv")]
        kind: feeds::FeedKind,
        /// Take a download even if it has far fewer entries than the last one
        #[arg(long)]
        fewer: bool,
        /// A zip, a folder or a file; or the address of one, https://…
        from: String,
    },
    /// Report this host to a server; enrolled once by the command that the host's page prints
    Agent {
        /// The server's address; needed to enrol
        #[arg(long)]
        server: Option<url::Url>,
        /// The one-time token; needed to enrol
        #[arg(long, env = "PLUMBLINE_AGENT_TOKEN", hide_env_values = true)]
        token: Option<String>,
        /// Folder for the credential, and for a report while the server is away
        #[arg(long, default_value = "/var/lib/plumbline-agent")]
        state: PathBuf,
        /// Where the host's files are; another folder than / in a container that has them mounted
        #[arg(long, default_value = "/")]
        root: PathBuf,
        /// A private authority of the server's certificate, as PEM
        #[arg(long)]
        ca: Option<PathBuf>,
        /// Say that plain HTTP to another machine is meant
        #[arg(long)]
        plain_http: bool,
        /// Report once and end
        #[arg(long)]
        once: bool,
    },
    /// Seal all stored secrets with the first of the keys in PLUMBLINE_MASTER_KEY, so that the others can be taken away
    Reseal,
    /// Ask a running server whether it is well; for health checks of containers
    Health {
        /// Where the server listens
        #[arg(long, env = "PLUMBLINE_LISTEN", default_value = "127.0.0.1:8080")]
        listen: String,
    },
}

#[actix_web::main]
async fn main() -> anyhow::Result<()> {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info,sqlx=warn,aws_config=warn"));
    // Colours are for people: what gathers logs would keep them as rubbish between the words.
    let colours = std::io::stderr().is_terminal();
    tracing_subscriber::fmt().with_env_filter(filter).with_ansi(colours).with_writer(std::io::stderr).init();
    rustls::crypto::aws_lc_rs::default_provider().install_default().ok().context("installing the TLS provider")?;
    match Arguments::parse().command {
        Command::Migrate => Ok(Database::migrate(&given()?.owner).await?),
        Command::Serve { listen } => web(&listen).await,
        Command::Work => work().await,
        Command::Up { data, listen, demo_estate } => up(&data, &listen, demo_estate.as_deref()).await,
        Command::Import { feed, kind, fewer, from } => import(&feed, kind, fewer, &from).await,
        Command::Agent { server, token, state, root, ca, plain_http, once } => {
            let token = token.map(secrecy::SecretString::from);
            let version = env!("CARGO_PKG_VERSION");
            agent(Options { state, root, server, token, ca, plain_http, version }, once).await
        }
        Command::Reseal => reseal().await,
        Command::Health { listen } => serve::health(&listen).await,
    }
}

fn given() -> anyhow::Result<DatabaseUrls> {
    DatabaseUrls::from_environment()?.context("DATABASE_URL is not set (nor DATABASE_URL_FILE)")
}

async fn web(listen: &str) -> anyhow::Result<()> {
    // Before anything that takes time: the first process of a container is deaf to signals that it does not listen for.
    let stop = serve::on_signal()?;
    let product = Product::open(&given()?.app, config::keyring()?, config::private_endpoints()?).await?;
    let url = config::public_url(listen)?;
    if let Some(link) = product.setup_link(&url).await? {
        say(&format!("No tenant yet. Create the first one within a day at {link}"))?;
    }
    product.serve(serve::listen(listen)?, url, stop).await
}

async fn work() -> anyhow::Result<()> {
    let stop = serve::on_signal()?;
    let product = Product::open(&given()?.app, config::keyring()?, config::private_endpoints()?).await?;
    // Apart from the web server's single-threaded runtime: jobs use every core.
    tracing::info!("waiting for jobs");
    in_background(product, config::feeds()?, stop).await
}

async fn import(feed: &str, kind: feeds::FeedKind, fewer: bool, from: &str) -> anyhow::Result<()> {
    let product = Product::open(&given()?.app, config::keyring()?, config::private_endpoints()?).await?;
    let (database, mint) = (&product.database, &product.mint);
    let done = match Url::parse(from).ok().filter(|url| matches!(url.scheme(), "https" | "http")) {
        Some(url) => feeds::import_from(database, mint, (feed, kind), &url, &product.downloads()?, fewer).await?,
        None => feeds::import(database, mint, feed, kind, Path::new(from)).await?,
    };
    let unreadable =
        if done.unreadable > 0 { format!(", {} could not be read", done.unreadable) } else { String::new() };
    say(&format!("{} entries of {feed}{unreadable}; {} packages' advisories changed", done.entries, done.changed))
}

async fn agent(options: Options, once: bool) -> anyhow::Result<()> {
    let mut agent = Agent::open(options, Arc::new(SystemClock)).await?;
    if once {
        agent.once().await?;
        return say("The host is reported");
    }
    Ok(agent.run(serve::on_signal()?).await?)
}

async fn reseal() -> anyhow::Result<()> {
    let product = Product::open(&given()?.app, config::keyring()?, false).await?;
    let count = product.reseal().await?;
    say(&format!("{count} secrets sealed anew with {}", product.keyring.current()))
}

async fn up(data: &Path, listen: &str, demo_estate: Option<&Path>) -> anyhow::Result<()> {
    let stop = serve::on_signal()?;
    let listener = serve::listen(listen)?;
    let address = listener.local_addr()?.to_string();
    let mut home = Home::open(data).await?;
    let urls = home.urls().clone();
    let result = tokio::select! {
        result = run(data, &address, listener, demo_estate, &urls, stop.clone()) => result,
        () = home.died() => Err(anyhow::anyhow!("the private database ended by itself; its log is in {}", data.display())),
    };
    stop.cancel();
    home.close().await?;
    result
}

async fn run(
    data: &Path,
    address: &str,
    listener: std::net::TcpListener,
    demo_estate: Option<&Path>,
    urls: &DatabaseUrls,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    Database::migrate(&urls.owner).await?;
    let keyring = config::keyring_in(data, &mut StdRng::from_os_rng())?;
    // A demonstration's cloud is on loopback, which an installation does not otherwise allow.
    let private = demo_estate.is_some() || config::private_endpoints()?;
    let product = Product::open(&urls.app, keyring, private).await?;
    let url = config::public_url(address)?;
    if let Some(estate) = demo_estate {
        say(&demo::connect(&product, estate, &url).await?)?;
    } else if let Some(link) = product.setup_link(&url).await? {
        say(&format!("Plumbline is at {url}\nNo tenant yet. Create the first one within a day at {link}"))?;
    } else {
        say(&format!("Plumbline is at {url}"))?;
    }
    let working = tokio::spawn(in_background(
        Product::open(&urls.app, config::keyring_in(data, &mut StdRng::from_os_rng())?, private).await?,
        config::feeds()?,
        stop.clone(),
    ));
    let served = product.serve(listener, url, stop.clone()).await;
    stop.cancel();
    working.await??;
    served
}

/// Works on a runtime of its own with a thread for every core, until told to stop.
async fn in_background(product: Product, feeds: Vec<feeds::Feed>, stop: CancellationToken) -> anyhow::Result<()> {
    let worker = std::thread::Builder::new().name("worker".to_owned()).spawn(move || {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        let worked = runtime.block_on(product.work(feeds, stop));
        runtime.shutdown_timeout(std::time::Duration::from_secs(5));
        worked
    })?;
    tokio::task::spawn_blocking(move || worker.join()).await?.map_err(|_| anyhow::anyhow!("the worker panicked"))?
}

fn say(text: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{text}")?;
    Ok(out.flush()?)
}
