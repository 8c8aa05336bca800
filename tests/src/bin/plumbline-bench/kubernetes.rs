//! A cluster read and watched by a process of its own: pods folded into workloads, and changes while it looks.

use crate::cluster::Cluster as Database;
use crate::polled;
use crate::table::{Table, number, say};
use anyhow::{Context, Result};
use async_trait::async_trait;
use plumbline_core::clock::SystemClock;
use plumbline_core::collect::{CollectError, Collector, Connection, Errand, Event, Standing, Wake};
use plumbline_core::id::SourceId;
use plumbline_kubernetes::{KubernetesCollector, Operator};
use plumbline_tests::cluster::{Cluster, TOKEN};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Notify;
use uuid::Uuid;

/// Nodes over which pods are spread.
const NODES: usize = 200;
/// How long changes go on, and how many there are in a second.
const WATCHED: Duration = Duration::from_secs(30);
const CHANGES: u32 = 50;

pub(crate) async fn measure(table: &mut Table, database: &Database, pods: &[u32]) -> Result<()> {
    for pods in pods {
        let workloads = 300.min(*pods);
        say(&format!("Making a cluster of {pods} pods in {workloads} workloads"));
        let cluster = tokio::task::spawn_blocking({
            let pods = *pods;
            move || made(pods, workloads)
        })
        .await??;
        for polled in polled::by_child(&database.app, "--poll-cluster", &cluster.endpoint).await? {
            let result = format!(
                "{:.1} s, {} resources, {} calls, peak {} MB",
                polled.seconds, polled.resources, polled.api_calls, polled.peak_megabytes
            );
            let measured = format!("{} pods in {workloads} workloads, {}", number(f64::from(*pods)), polled.which());
            table.row("kubernetes", measured, result);
        }
        watched(table, &cluster, *pods).await?;
    }
    Ok(())
}

/// A cluster whose deployments have so many pods together.
fn made(pods: u32, workloads: u32) -> Result<Cluster> {
    let cluster = Cluster::start()?;
    cluster.grant(&Value::Null)?;
    for node in 0..NODES {
        cluster.put(json!({
            "apiVersion": "v1", "kind": "Node", "metadata": { "name": format!("node-{node}") },
            "spec": { "providerID": format!("aws:///eu-west-1a/i-{node:017x}") }, "status": {},
        }))?;
        cluster.put(json!({ "kind": "KubeletConfiguration", "metadata": { "name": format!("node-{node}") } }))?;
    }
    for workload in 0..workloads {
        let replicas = pods / workloads + u32::from(workload < pods % workloads);
        cluster.put(deployment(workload, replicas, 1))?;
    }
    Ok(cluster)
}

fn deployment(workload: u32, replicas: u32, version: u32) -> Value {
    let name = format!("workload-{workload:04}");
    let image = format!("registry.example.com/team/{name}:{version}");
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": { "name": name, "namespace": format!("team-{}", workload % 20), "labels": { "app": name } },
        "spec": { "replicas": replicas, "template": {
            "metadata": { "labels": { "app": name } },
            "spec": {
                "securityContext": { "runAsNonRoot": true },
                "containers": [{
                    "name": "main", "image": image, "ports": [{ "containerPort": 8080 }],
                    "env": (0..10).map(|n| json!({ "name": format!("SETTING_{n}"), "value": "something" })).collect::<Vec<_>>(),
                    "resources": { "limits": { "cpu": "500m", "memory": "256Mi" } },
                    "livenessProbe": { "httpGet": { "path": "/healthz", "port": 8080 } },
                }],
            },
        }},
    })
}

/// The child: polls the cluster at an address twice, through a worker.
pub(crate) async fn poll(server: &str) -> Result<()> {
    polled::twice(Arc::new(collector()), connection(server), &["complete"]).await
}

fn collector() -> KubernetesCollector {
    KubernetesCollector::new(Operator { private_endpoints: true, own_cluster: None }, Arc::new(SystemClock))
}

fn connection(server: &str) -> Connection {
    let settings = json!({ "server": server, "plain_http": true, "auth": { "by": "token" } });
    Connection { settings, secret: SecretString::from(json!({ "token": TOKEN }).to_string()) }
}

/// What a watching process saw; printed by the child, read by its parent.
#[derive(Serialize, Deserialize)]
struct Seen {
    polls: u32,
    /// From the mark that was put into the cluster until a poll told of it, in seconds.
    seconds: f64,
    peak_megabytes: u64,
    processor_seconds: f64,
}

async fn watched(table: &mut Table, cluster: &Cluster, pods: u32) -> Result<()> {
    let before = cluster.asked(&["watch=1", "/pods"]);
    let child = tokio::process::Command::new(std::env::current_exe()?)
        .arg("--watch-cluster")
        .arg(&cluster.endpoint)
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()?;
    // The watches are open by then.
    while cluster.asked(&["watch=1", "/pods"]) == before {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    tokio::time::sleep(Duration::from_secs(3)).await;
    let began = Instant::now();
    let mut changes = 0_u32;
    while began.elapsed() < WATCHED {
        let name = format!("pod-{}", changes / 2);
        let image = "registry.example.com/team/passing:1";
        if changes.is_multiple_of(2) {
            cluster.put(json!({
                "apiVersion": "v1", "kind": "Pod", "metadata": { "name": name, "namespace": "team-0" },
                "spec": { "containers": [{ "name": "main", "image": image }] },
            }))?;
        } else {
            cluster.delete("pods", "team-0", &name)?;
        }
        changes += 1;
        tokio::time::sleep_until((began + Duration::from_secs(1) / CHANGES * changes).into()).await;
    }
    // Told apart from all before it by its name.
    cluster.put(json!({
        "apiVersion": "v1", "kind": "Service", "spec": { "type": "ClusterIP" },
        "metadata": { "name": "mark", "namespace": "team-0", "annotations": { "at": unix_seconds()?.to_string() } },
    }))?;
    let output = child.wait_with_output().await?;
    anyhow::ensure!(output.status.success(), "the watching process failed");
    let seen: Seen = serde_json::from_slice(&output.stdout)?;
    table.row(
        "kubernetes",
        format!("{} pods, watched with {CHANGES} changes/s for {} s", number(f64::from(pods)), WATCHED.as_secs()),
        format!(
            "a change told after {:.1} s, {} polls, {:.1} s of processor, peak {} MB",
            seen.seconds, seen.polls, seen.processor_seconds, seen.peak_megabytes
        ),
    );
    Ok(())
}

fn unix_seconds() -> Result<f64> {
    let text = std::fs::read_to_string("/proc/uptime")?;
    Ok(text.split_whitespace().next().context("an uptime")?.parse()?)
}

#[derive(Default)]
struct Bell(Notify);

#[async_trait]
impl Wake for Bell {
    async fn wake(&self) -> Result<(), CollectError> {
        self.0.notify_one();
        Ok(())
    }
}

/// The child: polls the cluster whenever it asks for it, until it tells of the mark.
pub(crate) async fn watch(server: &str) -> Result<()> {
    let (collector, connection, bell) = (collector(), connection(server), Arc::new(Bell::default()));
    let standing = || Standing { source: SourceId(Uuid::nil()), every: Duration::from_secs(3600), wake: bell.clone() };
    let mut polls = 0;
    loop {
        let (sink, mut events) = tokio::sync::mpsc::channel(512);
        let errand = Errand { standing: Some(standing()), ..Errand::alone(sink) };
        let gather = async {
            let mut marked = None;
            while let Some(event) = events.recv().await {
                if let Event::Resource(resource) = event
                    && resource.name == "team-0/mark"
                {
                    let at = resource.attributes["metadata"].pointer("/annotations/at").and_then(Value::as_str);
                    marked = at.and_then(|at| at.parse::<f64>().ok());
                }
            }
            marked
        };
        let (done, marked) = tokio::join!(collector.collect(&connection, errand), gather);
        done?;
        polls += 1;
        if let Some(at) = marked {
            let seen = Seen {
                polls,
                seconds: unix_seconds()? - at,
                peak_megabytes: polled::peak_megabytes()?,
                processor_seconds: processor_seconds()?,
            };
            use std::io::Write as _;
            writeln!(std::io::stdout(), "{}", serde_json::to_string(&seen)?)?;
            return Ok(());
        }
        bell.0.notified().await;
    }
}

/// How long this process has kept a processor busy.
fn processor_seconds() -> Result<f64> {
    let text = std::fs::read_to_string("/proc/self/stat")?;
    let fields: Vec<&str> = text.rsplit(')').next().context("a line")?.split_whitespace().collect();
    let ticks = |place: usize| fields.get(place).and_then(|ticks| ticks.parse::<f64>().ok());
    Ok((ticks(11).context("user time")? + ticks(12).context("system time")?) / 100.0)
}
