//! A real Docker engine: what is read of it, which checks its containers fail, and what of that goes when they are mended.

#[path = "lab_docker/script.rs"]
mod script;

use anyhow::{Context, Result};
use async_trait::async_trait;
use plumbline_core::collect::{CollectError, Collector, Connection, Errand, Standing, Wake};
use plumbline_core::id::SourceId;
use plumbline_core::kind::Kinds;
use plumbline_tests::docker::{Engine, certificates, collector};
use plumbline_tests::lab::{Read, read};
use plumbline_tests::polling::{Picture, Polling};
use secrecy::SecretString;
use serde_json::json;
use sqlx::PgPool;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, mpsc};
use uuid::Uuid;

/// All that a careful person says of a container.
const CAREFUL: [&str; 24] = [
    "--network=none",
    "--read-only",
    "--cap-drop=ALL",
    "--security-opt=no-new-privileges",
    "--memory=64m",
    "--cpu-shares=512",
    "--pids-limit=50",
    "--restart=on-failure:3",
    "--user=10001:10001",
    "--health-cmd=/bin/busybox true",
    "--health-interval=30s",
    "--ipc=private",
    "--label=team=shop",
    "--log-driver=json-file",
    "--stop-timeout=1",
    "--hostname=clean",
    "--workdir=/",
    "--init=false",
    "--tty=false",
    "--interactive=false",
    "--oom-kill-disable=false",
    "--publish-all=false",
    "--privileged=false",
    "--name=clean",
];

/// What a careful container still fails where the host has no AppArmor; nothing of it is the container's own.
const OF_THE_HOST: [&str; 1] = ["docker_container_apparmor_on"];

fn engine() -> Result<Engine> {
    let engine = Engine::start(&[])?;
    engine.import("shop/api:1", &["ENV MODE=fast", "EXPOSE 8080"])?;
    engine.docker(&[&["run", "--detach"], &CAREFUL[..], &["shop/api:1", "/bin/busybox", "sleep", "600"]].concat())?;
    let secret = ["q7Vx2mZp9", "LrT4wBnK8s"].concat();
    let careless = [
        "create",
        "--name=careless",
        "--privileged",
        "--network=host",
        "--pid=host",
        "--ipc=host",
        "--uts=host",
        "--cap-add=SYS_ADMIN",
        "--volume=/var/run/docker.sock:/var/run/docker.sock",
        "--volume=/etc:/host/etc:shared",
        "--security-opt=seccomp=unconfined",
        "--restart=always",
        "--publish=80:80",
        "--ulimit=nproc=-1",
        "--cgroup-parent=/other",
    ];
    let variable = format!("--env=DB_PASSWORD={secret}");
    engine.docker(&[&careless[..], &[variable.as_str(), "shop/api:1", "/bin/busybox", "sleep", "600"]].concat())?;
    engine.docker(&["volume", "create", "data"])?;
    Ok(engine)
}

fn failing<'a>(picture: &'a Picture, name: &str) -> BTreeSet<&'a str> {
    let of = |uid: &str| uid.ends_with(&format!("/containers/{name}"));
    let failing = picture.verdicts.iter().filter(|((uid, _), verdict)| of(uid) && *verdict == "fail");
    failing.map(|((_, check), _)| check.as_str()).collect()
}

#[sqlx::test(migrations = "../migrations")]
async fn an_engine_is_read_judged_and_followed(pool: PgPool) -> Result<()> {
    let engine = engine()?;
    every_attribute_is_read(&read(&collector(), &engine.connection()).await?);

    let polling = Polling::new(pool, collector(), &engine.connection()).await?;
    let first = polling.poll().await?;
    let unknown: Vec<_> = first.verdicts.iter().filter(|(_, verdict)| *verdict == "unknown").collect();
    assert!(unknown.is_empty(), "everything is decided: {unknown:#?}");
    let clean: Vec<&str> = failing(&first, "clean").into_iter().filter(|c| !OF_THE_HOST.contains(c)).collect();
    assert!(clean.is_empty(), "{clean:?}");
    let careless = failing(&first, "careless");
    let all: BTreeSet<&str> =
        first.verdicts.keys().map(|(_, check)| check.as_str()).filter(|c| c.starts_with("docker_container_")).collect();
    let passed: Vec<&str> = all.difference(&careless).copied().collect();
    assert_eq!(passed, PASSED);

    let again = polling.poll().await?;
    assert_eq!(first, again, "the same engine twice changes nothing");

    engine.docker(&["rm", "careless"])?;
    engine.docker(&["create", "--name=careless", "--network=none", "shop/api:1", "/bin/busybox", "true"])?;
    let mended = failing(&polling.poll().await?, "careless").into_iter().map(str::to_owned).collect::<BTreeSet<_>>();
    for gone in
        ["docker_container_not_privileged", "docker_container_no_runtime_socket", "docker_container_no_host_pid"]
    {
        assert!(careless.contains(gone) && !mended.contains(gone), "{gone}");
    }
    assert!(mended.contains("docker_container_read_only_root"), "made anew it is the same container: {mended:?}");

    engine.docker(&["exec", "--detach", "--user=0:0", "clean", "/bin/busybox", "sleep", "600"])?;
    let entered = polling.poll().await?;
    assert!(failing(&entered, "clean").contains("docker_container_not_entered_as_root"), "{entered:?}");

    let before = polling.poll().await?;
    engine.stop();
    let dark = polling.poll().await?;
    assert_eq!(dark.findings, before.findings, "an engine that is away closes nothing");
    assert!(dark.scopes.values().all(|(outcome, _)| outcome == "failed"), "{:?}", dark.scopes);
    assert!(dark.verdicts.values().all(|verdict| verdict == "unknown"));
    Ok(())
}

/// What even the careless container passes: it has no SELinux to turn off, was made today, runs its image, has nobody in it,
/// and publishes nothing on a default bridge, for it has the host's network.
const PASSED: [&str; 7] = [
    "docker_container_no_host_users",
    "docker_container_not_entered_as_root",
    "docker_container_not_entered_with_privilege",
    "docker_container_not_left_over",
    "docker_container_not_on_default_bridge",
    "docker_container_runs_current_image",
    "docker_container_selinux_on",
];

fn every_attribute_is_read(told: &Read) {
    for one in &told.resources {
        let kind = Kinds::builtin().get(&one.kind).expect("a kind of the catalogue");
        let declared: BTreeSet<&String> = kind.attributes.iter().chain(kind.details.keys()).collect();
        let read: BTreeSet<&String> = one.attributes.keys().collect();
        assert_eq!(read, declared, "{} {}", one.kind, one.name);
        assert!(one.unread.is_empty(), "{} {}: {:?}", one.kind, one.name, one.unread);
        for edge in &one.edges {
            assert!(kind.edges.contains(&edge.relation), "{}: {edge:?}", one.kind);
        }
    }
    let mut count: BTreeMap<&str, usize> = BTreeMap::new();
    for one in &told.resources {
        *count.entry(one.kind.as_str()).or_default() += 1;
    }
    let wanted = [
        ("docker.container", 2),
        ("docker.daemon", 1),
        ("docker.image", 1),
        ("docker.network", 2),
        ("docker.volume", 1),
    ];
    assert_eq!(count, BTreeMap::from(wanted));
    let careless = told.resource("docker.container", "careless");
    assert_eq!(careless.attributes["Secrets"][0]["name"], "DB_PASSWORD");
    assert!(!serde_json::to_string(&told.resources).expect("JSON").contains("LrT4wBnK8s"), "no value is kept");
    assert!(told.ended.iter().all(|(_, outcome)| outcome.is_complete()), "{:#?}", told.ended);
}

/// Counts how often a poll is asked for.
#[derive(Default)]
struct Asked(Notify);

#[async_trait]
impl Wake for Asked {
    async fn wake(&self) -> Result<(), CollectError> {
        self.0.notify_one();
        Ok(())
    }
}

#[tokio::test]
async fn what_happens_in_an_engine_asks_for_a_poll() -> Result<()> {
    let engine = engine()?;
    let asked = Arc::new(Asked::default());
    let (sink, mut told) = mpsc::channel(100);
    let standing =
        Standing { source: SourceId(Uuid::from_u128(7)), every: Duration::from_secs(60), wake: asked.clone() };
    let collector = collector();
    let told = tokio::spawn(async move { while told.recv().await.is_some() {} });
    collector.collect(&engine.connection(), Errand { standing: Some(standing), ..Errand::alone(sink) }).await?;
    told.await?;

    let quiet = tokio::time::timeout(Duration::from_secs(2), asked.0.notified()).await;
    engine.docker(&["create", "--name=passing", "shop/api:1", "/bin/busybox", "true"])?;
    engine.docker(&["rm", "passing"])?;
    let woken = tokio::time::timeout(Duration::from_secs(40), asked.0.notified()).await;

    assert!(quiet.is_err(), "nothing has happened yet");
    assert!(woken.is_ok(), "a container came and went");
    Ok(())
}

#[tokio::test]
async fn lab_an_engine_over_tls_lets_in_whoever_has_its_authoritys_certificate() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let files = certificates(folder.path())?;
    let port = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let _engine = Engine::start(&[
        &format!("--host=tcp://127.0.0.1:{port}"),
        "--tlsverify",
        &format!("--tlscacert={}", path("ca.pem")),
        &format!("--tlscert={}", path("server.pem")),
        &format!("--tlskey={}", path("server-key.pem")),
    ])?;
    let settings = json!({ "engine": format!("tcp://127.0.0.1:{port}"), "ca": files.ca });
    let secret = json!({ "certificate": files.certificate, "key": files.key });
    let of = |settings: &serde_json::Value, secret: &serde_json::Value| Connection {
        settings: settings.clone(),
        secret: SecretString::from(secret.to_string()),
    };
    let told = read(&collector(), &of(&settings, &secret)).await?;
    let daemon = told.resources.iter().find(|one| one.kind == "docker.daemon").context("the daemon")?;
    assert_eq!(daemon.attributes["Endpoint"]["Scheme"], "https");
    let lines = collector().probe(&of(&settings, &secret)).await?;
    assert!(lines.iter().all(|line| line.ok) && lines.len() == 5, "{lines:?}");

    let nobody = read(&collector(), &of(&settings, &json!({}))).await;
    assert!(matches!(nobody, Err(CollectError::Unreachable(_))), "without a certificate nobody gets in");
    let strange = json!({ "engine": settings["engine"] });
    let stranger = read(&collector(), &of(&strange, &secret)).await;
    assert!(matches!(stranger, Err(CollectError::Unreachable(_))), "an authority that nobody knows is not believed");
    Ok(())
}
