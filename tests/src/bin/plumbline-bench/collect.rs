//! Resources a second from the stand-in cloud, by a worker in a process of its own: polled, decided and reconciled.

use crate::cluster::{Cluster, keyring};
use crate::table::{Table, number, say};
use anyhow::{Context, bail};
use plumbline_aws::{AwsCollector, Operator};
use plumbline_core::clock::{SharedClock, SystemClock};
use plumbline_core::collect::{Collector, Connection};
use plumbline_core::id::Mint;
use plumbline_policy::Catalogue;
use plumbline_store::job::{self, Task};
use plumbline_store::source::{self, NewSource};
use plumbline_store::{Database, tenant};
use plumbline_worker::Worker;
use rand::SeedableRng;
use rand::rngs::StdRng;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Instant;
use tokio_util::sync::CancellationToken;

const LAB: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/lab/aws");
pub(crate) const DATABASE: &str = "PLUMBLINE_BENCH_DATABASE";

/// What a poll did; printed by the child, read by its parent.
#[derive(Serialize, Deserialize)]
struct Polled {
    resources: i32,
    changed: i32,
    api_calls: i64,
    seconds: f64,
    peak_megabytes: u64,
}

#[derive(Deserialize)]
struct Estate {
    endpoint: String,
    access_key_id: String,
    secret_access_key: String,
    external_id: String,
    role_name: String,
    regions: Vec<String>,
}

pub(crate) async fn measure(table: &mut Table, cluster: &Cluster, scale: &[u32]) -> anyhow::Result<()> {
    for extra in scale {
        let folder = tempfile::tempdir()?;
        let estate = folder.path().join("estate.json");
        let cloud = StandIn::start()?;
        say(&format!("Seeding an estate with {extra} resources more"));
        cloud.seed(*extra, &estate)?;
        for polled in run_child(&cluster.app, &estate).await? {
            let again = if polled.changed == 0 { "again, nothing changed" } else { "first poll" };
            let result = format!(
                "{} resources/s, {} calls/s, peak {} MB",
                number(f64::from(polled.resources) / polled.seconds),
                calls(&polled),
                polled.peak_megabytes
            );
            table.row(
                "collect",
                format!("{} resources, {again}, to the last finding", number(polled.resources.into())),
                result,
            );
        }
    }
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "counts of a benchmark")]
fn calls(polled: &Polled) -> String {
    number(polled.api_calls as f64 / polled.seconds)
}

async fn run_child(database: &str, estate: &Path) -> anyhow::Result<Vec<Polled>> {
    let output = tokio::process::Command::new(std::env::current_exe()?)
        .arg("--poll")
        .arg(estate)
        .env(DATABASE, database)
        .stderr(Stdio::inherit())
        .output()
        .await?;
    anyhow::ensure!(output.status.success(), "the polling process failed");
    String::from_utf8(output.stdout)?.lines().map(|line| Ok(serde_json::from_str(line)?)).collect()
}

/// The child: polls the estate twice into a tenant of its own.
pub(crate) async fn poll(estate: &Path) -> anyhow::Result<()> {
    let url = std::env::var(DATABASE).with_context(|| format!("{DATABASE} is not set"))?;
    let estate: Estate = serde_json::from_str(&std::fs::read_to_string(estate)?)?;
    // On every core, as `plumbline work` runs.
    tokio::task::spawn_blocking(move || {
        tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(poll_twice(&url, &estate))
    })
    .await?
}

async fn poll_twice(url: &str, estate: &Estate) -> anyhow::Result<()> {
    let clock: SharedClock = Arc::new(SystemClock);
    let mint = Arc::new(Mint::new(clock, StdRng::from_os_rng()));
    let database = Database::connect(url, 8).await?;
    let keyring = Arc::new(keyring()?);
    let mut tx = database.identity().await?;
    let tenant = tenant::create(&mut tx, "Collected", &mint).await?.id;
    tx.commit().await?;
    let mut tx = database.tenant(tenant).await?;
    let connection = estate.connection();
    let new = NewSource { provider: "aws", name: "Stand-in", poll_seconds: 86_400, connection: &connection };
    let source = source::create(&mut tx, &new, &keyring, &mint).await?;
    tx.commit().await?;
    let collector: Arc<dyn Collector> =
        Arc::new(AwsCollector::new(Operator { private_endpoints: true, identity: None }));
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
        let run = source::runs(&mut tx, source, &plumbline_store::PageRequest { after: None, size: 1 }).await?;
        let Some(run) = run.items.first() else { bail!("there was no run") };
        anyhow::ensure!(
            matches!(run.state.as_str(), "complete" | "partial"),
            "the run ended as {}: {:?}",
            run.state,
            run.error
        );
        let polled = Polled {
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

impl Estate {
    fn connection(&self) -> Connection {
        let settings = json!({
            "access": { "by": "organization", "member_role": self.role_name, "external_id": self.external_id },
            "endpoint": self.endpoint,
            "home_region": "us-east-1",
            "regions": self.regions,
        });
        let secret = json!({ "access_key_id": self.access_key_id, "secret_access_key": self.secret_access_key });
        Connection { settings, secret: SecretString::from(secret.to_string()) }
    }
}

/// The most memory that this process ever held.
pub(crate) fn peak_megabytes() -> anyhow::Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).context("/proc/self/status has no VmHWM")?;
    Ok(line.trim().trim_end_matches("kB").trim().parse::<u64>()? / 1024)
}

/// A stand-in cloud of our own.
struct StandIn {
    child: Child,
    endpoint: String,
    python: String,
}

impl StandIn {
    fn start() -> anyhow::Result<Self> {
        let python = std::env::var("PLUMBLINE_LAB_PYTHON")
            .context("PLUMBLINE_LAB_PYTHON is not set: the Python that has moto; ./dev bench sees to it")?;
        let mut child = Command::new(&python)
            .args([&format!("{LAB}/server.py"), "--regions", "eu-west-1,us-east-1,ap-southeast-2"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .with_context(|| format!("starting {python}"))?;
        let mut line = String::new();
        let out = child.stdout.take().context("the stand-in has no output")?;
        BufReader::new(out).read_line(&mut line)?;
        let said: serde_json::Value = serde_json::from_str(&line).context("the stand-in did not start")?;
        let endpoint = said["endpoint"].as_str().context("the stand-in gave no endpoint")?.to_owned();
        Ok(Self { child, endpoint, python })
    }

    fn seed(&self, extra: u32, into: &Path) -> anyhow::Result<()> {
        let output = Command::new(&self.python)
            .args([&format!("{LAB}/estate.py"), &self.endpoint, "--scale", &extra.to_string()])
            .stderr(Stdio::inherit())
            .output()?;
        anyhow::ensure!(output.status.success(), "the estate could not be seeded");
        Ok(std::fs::write(into, output.stdout)?)
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        // It is thrown away in any case; that it is gone already is fine.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
