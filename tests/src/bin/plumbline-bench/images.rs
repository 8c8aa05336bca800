//! Images a second from a registry, by a worker in a process of its own: read layer by layer, matched and reconciled.

mod registry;

use crate::cluster::{Cluster, keyring};
use crate::collect::{DATABASE, peak_megabytes};
use crate::table::{Table, number, say};
use anyhow::{Context, bail};
use plumbline_core::clock::{SharedClock, SystemClock};
use plumbline_core::collect::{Collector, Connection};
use plumbline_core::id::Mint;
use plumbline_policy::Catalogue;
use plumbline_registry::{Operator, RegistryCollector};
use plumbline_store::job::{self, Task};
use plumbline_store::source::{self, NewSource};
use plumbline_store::{Database, PageRequest, tenant};
use plumbline_worker::Worker;
use rand::SeedableRng;
use rand::rngs::StdRng;
use registry::Registry;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::io::Write;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Instant;
use tokio_util::sync::CancellationToken;

/// What a poll did; printed by the child, read by its parent.
#[derive(Serialize, Deserialize)]
struct Polled {
    changed: i32,
    api_calls: i64,
    seconds: f64,
    peak_megabytes: u64,
}

#[expect(clippy::cast_precision_loss, reason = "counts of a benchmark")]
pub(crate) async fn measure(table: &mut Table, cluster: &Cluster, images: usize) -> anyhow::Result<()> {
    say(&format!("Making {images} images"));
    let registry = Registry::serve(images)?;
    let megabytes = registry.unpacked as f64 / 1e6;
    for polled in run_child(&cluster.app, &registry.host).await? {
        let again = if polled.changed == 0 { "again, nothing changed" } else { "first poll" };
        let mut result = format!(
            "{:.1} images/s, {} calls/s, peak {} MB",
            images as f64 / polled.seconds,
            number(polled.api_calls as f64 / polled.seconds),
            polled.peak_megabytes
        );
        if polled.changed > 0 {
            result = format!("{result}, {} MB/s of archives", number(megabytes / polled.seconds));
        }
        let measured = format!("{images} images, {} MB of archives, {again}, to the last finding", number(megabytes));
        table.row("images", measured, result);
    }
    registry.stop().await;
    Ok(())
}

async fn run_child(database: &str, host: &str) -> anyhow::Result<Vec<Polled>> {
    let output = tokio::process::Command::new(std::env::current_exe()?)
        .args(["--read", host])
        .env(DATABASE, database)
        .stderr(Stdio::inherit())
        .output()
        .await?;
    anyhow::ensure!(output.status.success(), "the reading process failed");
    String::from_utf8(output.stdout)?.lines().map(|line| Ok(serde_json::from_str(line)?)).collect()
}

/// The child: reads the registry twice into a tenant of its own.
pub(crate) async fn read(host: String) -> anyhow::Result<()> {
    let url = std::env::var(DATABASE).with_context(|| format!("{DATABASE} is not set"))?;
    // On every core, as `plumbline work` runs.
    tokio::task::spawn_blocking(move || {
        tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(read_twice(&url, &host))
    })
    .await?
}

async fn read_twice(url: &str, host: &str) -> anyhow::Result<()> {
    let clock: SharedClock = Arc::new(SystemClock);
    let mint = Arc::new(Mint::new(clock.clone(), StdRng::from_os_rng()));
    let database = Database::connect(url, 16).await?;
    let keyring = Arc::new(keyring()?);
    let mut tx = database.identity().await?;
    let tenant = tenant::create(&mut tx, "Read", &mint).await?.id;
    tx.commit().await?;
    let mut tx = database.tenant(tenant).await?;
    let settings = json!({ "host": host, "scheme": "http", "plain_http": true, "tags": { "policy": "all" } });
    let connection = Connection { settings, secret: SecretString::from("{}") };
    let new = NewSource { provider: "registry", name: "Stand-in", poll_seconds: 86_400, connection: &connection };
    let source = source::create(&mut tx, &new, &keyring, &mint).await?;
    tx.commit().await?;
    let collector: Arc<dyn Collector> = Arc::new(RegistryCollector::new(Operator { private_endpoints: true }, clock));
    let catalogue = Catalogue::builtin();
    let worker = Worker {
        database: database.clone(),
        keyring,
        mint: mint.clone(),
        catalogue,
        weighing: Arc::new(catalogue.weighing()),
        collectors: vec![collector],
    };
    for _ in 0..2 {
        let mut tx = database.tenant(tenant).await?;
        job::enqueue(&mut tx, &Task::Collect { source_id: source }, mint.now(), &mint).await?;
        tx.commit().await?;
        let began = Instant::now();
        anyhow::ensure!(worker.work_once(&CancellationToken::new()).await?, "there was no job");
        let seconds = began.elapsed().as_secs_f64();
        let mut tx = database.tenant(tenant).await?;
        let run = source::runs(&mut tx, source, &PageRequest { after: None, size: 1 }).await?;
        let Some(run) = run.items.first() else { bail!("there was no run") };
        anyhow::ensure!(run.state == "complete", "the run ended as {}: {:?}", run.state, run.error);
        let polled = Polled {
            changed: run.resources_changed,
            api_calls: run.api_calls,
            seconds,
            peak_megabytes: peak_megabytes()?,
        };
        writeln!(std::io::stdout(), "{}", serde_json::to_string(&polled)?)?;
    }
    Ok(())
}
