//! A source that is polled twice, by a worker in a process of its own: so that its memory is its own too.

use crate::cluster::keyring;
use anyhow::{Context, bail};
use plumbline_core::clock::SystemClock;
use plumbline_core::collect::{Collector, Connection};
use plumbline_core::id::Mint;
use plumbline_policy::Catalogue;
use plumbline_store::job::{self, Task};
use plumbline_store::source::{self, NewSource};
use plumbline_store::{Database, PageRequest, tenant};
use plumbline_worker::Worker;
use rand::SeedableRng;
use rand::rngs::StdRng;
use serde::{Deserialize, Serialize};
use std::ffi::OsStr;
use std::io::Write;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Instant;
use tokio_util::sync::CancellationToken;

const DATABASE: &str = "PLUMBLINE_BENCH_DATABASE";

/// What a poll did; printed by the child, read by its parent.
#[derive(Serialize, Deserialize)]
pub(crate) struct Polled {
    first: bool,
    pub(crate) resources: i32,
    pub(crate) changed: i32,
    pub(crate) api_calls: i64,
    pub(crate) seconds: f64,
    pub(crate) peak_megabytes: u64,
}

impl Polled {
    #[expect(clippy::cast_precision_loss, reason = "counts of a benchmark")]
    pub(crate) fn calls_per_second(&self) -> f64 {
        self.api_calls as f64 / self.seconds
    }

    /// Which poll it was, and what it found changed.
    pub(crate) fn which(&self) -> String {
        match (self.first, self.changed) {
            (true, _) => "first poll".to_owned(),
            (false, 0) => "again, nothing changed".to_owned(),
            (false, changed) => format!("again, {changed} changed"),
        }
    }
}

/// Runs this program again as the child that polls, and reads what it prints.
pub(crate) async fn by_child(database: &str, flag: &str, value: impl AsRef<OsStr>) -> anyhow::Result<Vec<Polled>> {
    let output = tokio::process::Command::new(std::env::current_exe()?)
        .arg(flag)
        .arg(value)
        .env(DATABASE, database)
        .stderr(Stdio::inherit())
        .output()
        .await?;
    anyhow::ensure!(output.status.success(), "the polling process failed");
    String::from_utf8(output.stdout)?.lines().map(|line| Ok(serde_json::from_str(line)?)).collect()
}

/// The child: polls a source of a tenant of its own twice; each run has to end as one of `ends`.
pub(crate) async fn twice(
    collector: Arc<dyn Collector>,
    connection: Connection,
    ends: &'static [&'static str],
) -> anyhow::Result<()> {
    let url = std::env::var(DATABASE).with_context(|| format!("{DATABASE} is not set"))?;
    // On every core, as `plumbline work` runs.
    tokio::task::spawn_blocking(move || {
        let polls = poll_twice(&url, collector, &connection, ends);
        tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(polls)
    })
    .await?
}

async fn poll_twice(
    url: &str,
    collector: Arc<dyn Collector>,
    connection: &Connection,
    ends: &[&str],
) -> anyhow::Result<()> {
    let mint = Arc::new(Mint::new(Arc::new(SystemClock), StdRng::from_os_rng()));
    let database = Database::connect(url, 16).await?;
    let keyring = Arc::new(keyring()?);
    let mut tx = database.identity().await?;
    let tenant = tenant::create(&mut tx, "Polled", &mint).await?.id;
    tx.commit().await?;
    let mut tx = database.tenant(tenant).await?;
    let new = NewSource { provider: collector.provider(), name: "Stand-in", poll_seconds: 86_400, connection };
    let source = source::create(&mut tx, &new, &keyring, &mint).await?;
    tx.commit().await?;
    let catalogue = Catalogue::builtin();
    let worker = Worker {
        database: database.clone(),
        keyring,
        mint: mint.clone(),
        catalogue,
        weighing: Arc::new(catalogue.weighing()),
        collectors: vec![collector],
        mailer: None,
        outside: plumbline_worker::tickets::Outside::new(true, None).expect("a client"),
        batch: plumbline_worker::BATCH,
    };
    for first in [true, false] {
        let mut tx = database.tenant(tenant).await?;
        job::enqueue(&mut tx, &Task::Collect { source_id: source }, mint.now(), &mint).await?;
        tx.commit().await?;
        let began = Instant::now();
        anyhow::ensure!(worker.work_once(&CancellationToken::new()).await?, "there was no job");
        let seconds = began.elapsed().as_secs_f64();
        let mut tx = database.tenant(tenant).await?;
        let run = source::runs(&mut tx, source, &PageRequest { after: None, size: 1 }).await?;
        let Some(run) = run.items.first() else { bail!("there was no run") };
        anyhow::ensure!(ends.contains(&run.state.as_str()), "the run ended as {}: {:?}", run.state, run.error);
        let polled = Polled {
            first,
            resources: run.resources_seen,
            changed: run.resources_changed,
            api_calls: run.api_calls,
            seconds,
            peak_megabytes: peak_megabytes()?,
        };
        writeln!(std::io::stdout(), "{}", serde_json::to_string(&polled)?)?;
    }
    Ok(())
}

/// The most memory that this process ever held.
pub(crate) fn peak_megabytes() -> anyhow::Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("/proc/self/status has no VmHWM")?;
    Ok(line.trim().trim_end_matches("kB").trim().parse::<u64>()? / 1024)
}
