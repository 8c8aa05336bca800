//! Connecting a cluster, and changing how it is read.

use plumbline_core::id::SourceId;
use plumbline_kubernetes::{KubernetesCollector, Operator};
use plumbline_store::source;
use plumbline_tests::app::keyring;
use plumbline_tests::{Answer, Browser, TestApp};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use sqlx::PgPool;
use std::sync::Arc;

const TOKEN: &str = "a service account's own token";

async fn start(pool: PgPool) -> TestApp {
    TestApp::configured(pool, |parts| {
        let kubernetes = KubernetesCollector::new(Operator::default(), parts.clock.clone());
        parts.collectors = Arc::new([Arc::new(kubernetes)]);
    })
    .await
}

/// What a browser sends of the whole form, with some fields typed over.
fn typed<'a>(over: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let fields = [
        ("provider", "kubernetes"),
        ("name", "Production"),
        ("poll_seconds", "3600"),
        ("cluster_by", "token"),
        ("cluster_server", "https://cluster.example.com:6443"),
        ("cluster_ca", ""),
        ("cluster_token", TOKEN),
        ("kubeconfig", ""),
        ("cluster_context", ""),
        ("eks_cluster", ""),
        ("eks_region", ""),
        ("eks_key_id", ""),
        ("eks_secret_key", ""),
        ("eks_role", ""),
        ("namespaces", "shop\r\nweb"),
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

async fn connect(owner: &mut Browser, over: &[(&str, &str)]) -> Answer {
    owner.send_form("/sources", &typed(over)).await
}

#[sqlx::test(migrations = "../migrations")]
async fn the_form_prints_the_manifest_before_anything_is_typed(pool: PgPool) {
    let app = start(pool).await;
    let mut owner = app.owner().await;

    let choice = owner.get("/sources/new").await;
    let form = owner.get("/sources/new?provider=kubernetes").await;

    assert!(choice.body.contains("/sources/new?provider=kubernetes"));
    assert_eq!(form.texts("h1"), ["Connect a Kubernetes cluster"]);
    assert_eq!(form.attribute("input[name=cluster_by][checked]", "value").as_deref(), Some("token"));
    assert!(form.body.contains("kind: ClusterRole") && form.body.contains("without secrets"), "both manifests");
    assert!(form.body.contains("eks:DescribeCluster"), "and what EKS takes");
}

#[sqlx::test(migrations = "../migrations")]
async fn a_cluster_is_connected_and_its_settings_read_well(pool: PgPool) {
    let app = start(pool).await;
    let mut owner = app.owner().await;

    let answer = connect(&mut owner, &[("no_secrets", "yes")]).await;

    assert_eq!(answer.status, 303, "{}", answer.body);
    let (settings, secret) = stored(&app).await;
    let expected = json!({
        "auth": { "by": "token" }, "server": "https://cluster.example.com:6443", "namespaces": ["shop", "web"],
        "secrets": false, "watch": true, "plain_http": false,
    });
    assert_eq!(settings, expected);
    assert_eq!(secret, json!({ "token": TOKEN }).to_string());
    let page = owner.get(answer.location()).await;
    assert!(page.body.contains("https://cluster.example.com:6443") && page.body.contains("shop, web"));
    assert!(page.body.contains("plumbline-namespace"), "the manifest is for its namespaces");
    assert!(!page.body.contains(TOKEN));
}

#[sqlx::test(migrations = "../migrations")]
async fn what_would_lead_inside_or_run_a_command_is_refused_beside_its_field(pool: PgPool) {
    let app = start(pool).await;
    let mut owner = app.owner().await;

    let inside = connect(&mut owner, &[("cluster_server", "https://10.0.0.1:6443")]).await;
    let plain = connect(&mut owner, &[("cluster_server", "http://cluster.example.com")]).await;
    let nowhere = connect(&mut owner, &[("cluster_server", "")]).await;
    let odd = connect(&mut owner, &[("namespaces", "../etc")]).await;
    let own = connect(&mut owner, &[("cluster_by", "in_cluster")]).await;
    let exec = "current-context: a\ncontexts: [{name: a, context: {cluster: c, user: u}}]\n\
                clusters: [{name: c, cluster: {server: 'https://c.example.com'}}]\n\
                users: [{name: u, user: {exec: {command: aws}}}]\n";
    let command = connect(&mut owner, &[("cluster_by", "kubeconfig"), ("kubeconfig", exec)]).await;
    let empty = connect(&mut owner, &[("cluster_token", "")]).await;

    for (answer, field) in [
        (&inside, "cluster_server"),
        (&plain, "cluster_server"),
        (&nowhere, "cluster_server"),
        (&odd, "namespaces"),
        (&own, "cluster_by"),
    ] {
        assert_eq!(answer.status, 422);
        assert_eq!(answer.texts(&format!("#{field}-error")).len(), 1, "{field}: {}", answer.body);
    }
    assert_eq!((command.status, empty.status), (422, 422));
    assert!(command.body.contains("runs a command"), "{}", command.body);
    assert!(!command.body.contains("command: aws"), "what was typed is not written back");
    assert!(empty.body.contains("Type the token."));
    let sources: i64 = sqlx::query_scalar("select count(*) from sources").fetch_one(&app.pool).await.expect("a count");
    assert_eq!(sources, 0);
}

#[sqlx::test(migrations = "../migrations")]
async fn a_token_is_not_sent_elsewhere_than_it_was_typed_for(pool: PgPool) {
    let app = start(pool).await;
    let mut owner = app.owner().await;
    let href = connect(&mut owner, &[]).await.location().to_owned();

    let elsewhere =
        owner.send_form(&href, &typed(&[("cluster_server", "https://other.example.com"), ("cluster_token", "")])).await;
    let narrower = owner.send_form(&href, &typed(&[("namespaces", "shop"), ("cluster_token", "")])).await;

    assert_eq!(elsewhere.status, 422);
    assert!(elsewhere.body.contains("type it again"), "{}", elsewhere.body);
    assert_eq!(narrower.status, 303, "{}", narrower.body);
    let (settings, secret) = stored(&app).await;
    assert_eq!(settings["namespaces"], json!(["shop"]));
    assert_eq!(secret, json!({ "token": TOKEN }).to_string());
}
