//! Connecting a Docker engine, and a container host.

use plumbline_core::id::SourceId;
use plumbline_host::HostCollector;
use plumbline_host::docker::{DockerCollector, Operator};
use plumbline_store::source;
use plumbline_tests::app::keyring;
use plumbline_tests::{TestApp, docker};
use secrecy::ExposeSecret;
use serde_json::Value;
use sqlx::PgPool;
use std::sync::Arc;

async fn start(pool: PgPool, operator: Operator) -> TestApp {
    TestApp::configured(pool, |parts| {
        let host = HostCollector::new(parts.clock.clone());
        parts.collectors = Arc::new([Arc::new(DockerCollector::new(operator)), Arc::new(host)]);
    })
    .await
}

/// What a browser sends of the whole form, with some fields typed over.
fn typed<'a>(over: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let fields = [
        ("provider", "docker"),
        ("name", "Build server"),
        ("poll_seconds", "3600"),
        ("engine", "tcp://host.example.com"),
        ("docker_certificate", ""),
        ("docker_key", ""),
        ("docker_ca", ""),
    ];
    let kept = fields.into_iter().filter(|(name, _)| !over.iter().any(|(typed, _)| typed == name));
    kept.chain(over.iter().copied()).collect()
}

async fn stored(app: &TestApp) -> (Value, String) {
    let (id, settings): (sqlx::types::Uuid, Value) =
        sqlx::query_as("select source_id, settings from sources").fetch_one(&app.pool).await.expect("a source");
    let opened = source::open_connection(&mut app.tx().await, &keyring(), SourceId(id)).await.expect("opened");
    (settings, opened.secret.expose_secret().to_owned())
}

#[sqlx::test(migrations = "../migrations")]
async fn an_engine_is_connected_by_certificate_and_its_key_is_sealed(pool: PgPool) {
    let app = start(pool, Operator::default()).await;
    let mut owner = app.owner().await;
    let folder = tempfile::tempdir().expect("a folder");
    let files = docker::certificates(folder.path()).expect("openssl");
    let form = owner.get("/sources/new?provider=docker").await;
    assert_eq!(form.texts("h1"), ["Connect a Docker engine"]);
    assert!(form.body.contains("/containers/{id}/json"), "the calls are printed");

    let over =
        [("docker_certificate", files.certificate.as_str()), ("docker_key", &files.key), ("docker_ca", &files.ca)];
    let answer = owner.send_form("/sources", &typed(&over)).await;

    assert_eq!(answer.status, 303, "{}", answer.body);
    let page = owner.get(answer.location()).await;
    assert!(page.body.contains("by client certificate") && page.body.contains("an authority of your own alone"));
    let (settings, secret) = stored(&app).await;
    assert_eq!(settings["engine"], "tcp://host.example.com");
    assert!(secret.contains("PRIVATE KEY") && !settings.to_string().contains("PRIVATE KEY"));
    let edit = owner.get(&format!("{}/edit", answer.location())).await;
    assert!(!edit.body.contains("BEGIN PRIVATE KEY-----\n"), "a key never comes back");

    let change = typed(&[("name", "Builder"), ("docker_ca", &files.ca)]);
    assert_eq!(owner.send_form(answer.location(), &change).await.status, 303);
    assert_eq!(stored(&app).await.1, secret, "what is left empty stays as it is");
}

#[sqlx::test(migrations = "../migrations")]
async fn what_the_operator_does_not_allow_is_refused_beside_its_field(pool: PgPool) {
    let app = start(pool, Operator::default()).await;
    let mut owner = app.owner().await;
    for (engine, words) in [
        ("unix:///var/run/docker.sock", "not allowed in this installation"),
        ("https://127.0.0.1:2376", "not allowed in this installation"),
        ("http://host.example.com:2375", "without TLS"),
        ("nonsense", "no address of an engine"),
    ] {
        let answer = owner.send_form("/sources", &typed(&[("engine", engine)])).await;
        assert_eq!(answer.status, 422, "{engine}");
        assert!(
            answer.texts("#engine-error").join(" ").contains(words),
            "{engine}: {:?}",
            answer.texts("#engine-error")
        );
    }
    let half = owner.send_form("/sources", &typed(&[("docker_key", "-----BEGIN PRIVATE KEY-----")])).await;
    assert_eq!(half.texts("#secret-error"), ["Paste both the certificate and its key."]);
}

#[sqlx::test(migrations = "../migrations")]
async fn a_socket_takes_no_certificate_where_it_is_allowed(pool: PgPool) {
    let app = start(pool, Operator { sockets: true, private_endpoints: false }).await;
    let mut owner = app.owner().await;

    let answer = owner.send_form("/sources", &typed(&[("engine", "unix:///var/run/docker.sock")])).await;

    assert_eq!(answer.status, 303, "{}", answer.body);
    assert!(owner.get(answer.location()).await.body.contains("by its socket"));
    assert_eq!(stored(&app).await.1, "{}");
}

#[sqlx::test(migrations = "../migrations")]
async fn a_host_is_connected_by_name_and_waits_for_its_agent(pool: PgPool) {
    let app = start(pool, Operator::default()).await;
    let mut owner = app.owner().await;
    let choice = owner.get("/sources/new").await;
    assert!(choice.body.contains("/sources/new?provider=host") && choice.body.contains("/sources/new?provider=docker"));
    assert!(!choice.body.contains("provider=aws"), "nothing here reads AWS");

    let answer = owner.send_form("/sources", &[("provider", "host"), ("name", "web-1"), ("poll_seconds", "900")]).await;

    assert_eq!(answer.status, 303, "{}", answer.body);
    let page = owner.get(answer.location()).await;
    assert!(page.body.contains("not yet") && page.body.contains("plumbline-agent.service"));
    let (jobs,): (i64,) = sqlx::query_as("select count(*) from jobs").fetch_one(&app.pool).await.expect("jobs");
    assert_eq!(jobs, 0, "there is nothing to read yet");
    let printed = owner.send_form(&format!("{}/agent/token", answer.location()), &[]).await;
    assert!(printed.texts("pre").join(" ").contains("--server http://127.0.0.1:8080"));
    let again = owner.get(answer.location()).await;
    assert!(again.body.contains("waits until"));
}
