//! Resources a second from the stand-in cloud, by a worker in a process of its own: polled, decided and reconciled.

use crate::cluster::Cluster;
use crate::polled;
use crate::table::{Table, number, say};
use anyhow::Context;
use plumbline_aws::{AwsCollector, Operator};
use plumbline_core::collect::Connection;
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::json;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

const LAB: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/lab/aws");

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
        for polled in polled::by_child(&cluster.app, "--poll", &estate).await? {
            let again = polled.which();
            let result = format!(
                "{} resources/s, {} calls/s, peak {} MB",
                number(f64::from(polled.resources) / polled.seconds),
                number(polled.calls_per_second()),
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

/// The child: polls the estate of a description.
pub(crate) async fn poll(estate: &Path) -> anyhow::Result<()> {
    let estate: Estate = serde_json::from_str(&std::fs::read_to_string(estate)?)?;
    let collector = AwsCollector::new(Operator { private_endpoints: true, identity: None });
    polled::twice(Arc::new(collector), estate.connection(), &["complete", "partial"]).await
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
