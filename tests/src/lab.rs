//! The stand-in cloud, started for a test, and the real collector over it.

use anyhow::{Context, Result, bail, ensure};
use plumbline_aws::{AwsCollector, Operator, Patience};
use plumbline_core::collect::{CollectError, Collector, Connection, Errand, Event};
use plumbline_core::resource::Resource;
use plumbline_core::scope::{Outcome, ScopeKey};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

/// The stand-in AWS, until this is dropped.
pub struct StandIn {
    process: Child,
    // Kept open: the server would die of a closed pipe.
    _output: BufReader<ChildStdout>,
    pub endpoint: String,
}

/// How a seeded estate describes itself.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Estate {
    pub endpoint: String,
    pub access_key_id: String,
    pub secret_access_key: String,
    pub external_id: String,
    pub role_name: String,
    pub accounts: Vec<String>,
    pub regions: Vec<String>,
}

pub(crate) fn python() -> Result<String> {
    std::env::var("PLUMBLINE_LAB_PYTHON")
        .context("PLUMBLINE_LAB_PYTHON names no Python with moto's server in it: run `./dev test`")
}

fn script(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("lab/aws").join(name)
}

impl StandIn {
    /// Starts one with these regions enabled, on a free port, with nothing in it.
    ///
    /// # Errors
    /// When Python or moto is not there; says how to get them.
    pub fn start(regions: &str) -> Result<Self> {
        let python = python()?;
        let mut process = Command::new(&python)
            .arg(script("server.py"))
            .args(["--regions", regions])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .with_context(|| format!("{python} does not start: run `./dev test`"))?;
        let mut output = BufReader::new(process.stdout.take().context("the server's output")?);
        let mut line = String::new();
        output.read_line(&mut line)?;
        #[derive(Deserialize)]
        struct Ready {
            endpoint: String,
        }
        let ready: Ready = serde_json::from_str(&line)
            .with_context(|| format!("the stand-in said {line:?}: is moto[server] in {python}?"))?;
        Ok(Self { process, _output: output, endpoint: ready.endpoint })
    }

    /// Seeds the whole estate: three accounts, three regions.
    ///
    /// # Errors
    /// When the seed fails; says what it said.
    pub fn seed(&self) -> Result<Estate> {
        self.run_seed(&[])
    }

    /// Seeds one account in one region, with things done well and badly.
    ///
    /// # Errors
    /// When the seed fails; says what it said.
    pub fn seed_small(&self) -> Result<Estate> {
        self.run_seed(&["--small"])
    }

    fn run_seed(&self, words: &[&str]) -> Result<Estate> {
        let done = Command::new(python()?).arg(script("estate.py")).arg(&self.endpoint).args(words).output()?;
        ensure!(done.status.success(), "the seed failed: {}", String::from_utf8_lossy(&done.stderr));
        serde_json::from_slice(&done.stdout).context("the estate's description")
    }
}

impl StandIn {
    /// Gives the estate's user this policy and no other, and from now on lets nobody do what no policy allows.
    ///
    /// # Errors
    /// When the stand-in does not take it.
    pub async fn allow_only(&self, estate: &Estate, policy: &str) -> Result<()> {
        let client = reqwest::Client::builder().no_proxy().build()?;
        // Until policies are enforced, no signature is looked at: it only says whose account is meant.
        let signed = format!(
            "AWS4-HMAC-SHA256 Credential={}/20260101/us-east-1/iam/aws4_request, SignedHeaders=host, Signature=none",
            estate.access_key_id
        );
        let question = [
            ("Action", "PutUserPolicy"),
            ("Version", "2010-05-08"),
            ("UserName", "plumbline-reader"),
            ("PolicyName", "all-it-may"),
            ("PolicyDocument", policy),
        ];
        let call = client.post(&self.endpoint).header("authorization", signed).form(&question);
        call.send().await?.error_for_status()?;
        let enforce = client.post(format!("{}/moto-api/reset-auth", self.endpoint)).body("0");
        enforce.send().await?.error_for_status()?;
        Ok(())
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Estate {
    /// The whole organization, as the demonstration connects it.
    #[must_use]
    pub fn organization(&self) -> Connection {
        let access = json!({ "by": "organization", "member_role": self.role_name, "external_id": self.external_id });
        self.connection(access, &self.endpoint, &self.regions)
    }

    /// The key's own account alone, in some regions, at another endpoint than the stand-in's own.
    #[must_use]
    pub fn one_account(&self, endpoint: &str, regions: &[&str]) -> Connection {
        let regions: Vec<String> = regions.iter().map(|region| (*region).to_owned()).collect();
        self.connection(json!({ "by": "access_key" }), endpoint, &regions)
    }

    fn connection(&self, access: serde_json::Value, endpoint: &str, regions: &[String]) -> Connection {
        let secret = json!({ "access_key_id": self.access_key_id, "secret_access_key": self.secret_access_key });
        Connection {
            settings: json!({ "access": access, "endpoint": endpoint, "home_region": "eu-west-1", "regions": regions }),
            secret: SecretString::from(secret.to_string()),
        }
    }
}

/// The collector as it ships, allowed to reach the stand-in.
#[must_use]
pub fn collector() -> AwsCollector {
    AwsCollector::new(Operator { private_endpoints: true, ..Operator::default() })
}

/// The same with little patience: faults that last are found to last within seconds.
#[must_use]
pub fn hasty_collector() -> AwsCollector {
    let wait = Duration::from_secs(7);
    collector().patient(Patience { attempt: wait, operation: wait, ..quick_retries() })
}

/// The same with the usual patience and short waits in between.
#[must_use]
pub fn retrying_collector() -> AwsCollector {
    collector().patient(quick_retries())
}

fn quick_retries() -> Patience {
    let (first_backoff, longest_backoff) = (Duration::from_millis(20), Duration::from_millis(100));
    Patience { attempts: 3, first_backoff, longest_backoff, ..Patience::default() }
}

/// All that a run said.
#[derive(Debug, Default)]
pub struct Read {
    pub planned: Vec<ScopeKey>,
    pub resources: Vec<Resource>,
    /// In order; more than one end of a scope is a fault of the collector.
    pub ended: Vec<(ScopeKey, Outcome)>,
    pub notes: Vec<String>,
}

impl Read {
    /// How each scope ended.
    #[must_use]
    pub fn outcomes(&self) -> BTreeMap<&ScopeKey, &Outcome> {
        self.ended.iter().map(|(scope, outcome)| (scope, outcome)).collect()
    }

    /// The resource of this kind and name.
    ///
    /// # Panics
    /// When there is none, or several.
    #[must_use]
    pub fn resource(&self, kind: &str, name: &str) -> &Resource {
        let found: Vec<&Resource> = self.resources.iter().filter(|one| one.kind == kind && one.name == name).collect();
        assert_eq!(found.len(), 1, "{kind} {name}");
        found[0]
    }
}

/// Runs a collector to its end.
///
/// # Errors
/// When the run as a whole could not be done.
pub async fn read<C: Collector + Clone + 'static>(
    collector: &C,
    connection: &Connection,
) -> Result<Read, CollectError> {
    let (sink, mut events) = tokio::sync::mpsc::channel(256);
    let run = tokio::spawn({
        let (collector, connection) = (collector.clone(), connection.clone());
        async move { collector.collect(&connection, Errand::alone(sink)).await }
    });
    let mut read = Read::default();
    while let Some(event) = events.recv().await {
        match event {
            Event::Planned(scopes) => read.planned.extend(scopes),
            Event::Resource(resource) => read.resources.push(*resource),
            Event::Ended { scope, outcome, .. } => read.ended.push((scope, outcome)),
            Event::Note(note) => read.notes.push(note),
        }
    }
    run.await.expect("the collector does not panic")?;
    Ok(read)
}

/// The product's own binary, beside the test's own executable.
///
/// # Errors
/// When it has not been built.
pub fn product_binary() -> Result<PathBuf> {
    let own = std::env::current_exe()?;
    // target/<profile>/deps/<test>
    let folder = own.parent().and_then(|deps| deps.parent()).context("the test's own folder")?;
    let binary = folder.join("plumbline");
    if !binary.exists() {
        bail!("{} is not there: `cargo build --workspace --bins`, or `./dev test`", binary.display());
    }
    Ok(binary)
}
