//! Connecting a registry, and changing how it is read.

use plumbline_core::id::SourceId;
use plumbline_registry::{Operator, RegistryCollector};
use plumbline_store::source;
use plumbline_tests::app::keyring;
use plumbline_tests::{Answer, Browser, TestApp};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use sqlx::PgPool;
use std::sync::Arc;

const PASSWORD: &str = "a robot's own password";
const KEY: &str = "-----BEGIN PUBLIC KEY-----\n\
    MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n\
    -----END PUBLIC KEY-----";

async fn start(pool: PgPool) -> TestApp {
    TestApp::configured(pool, |parts| {
        let registry = RegistryCollector::new(Operator::default(), parts.clock.clone());
        parts.collectors = Arc::new([Arc::new(registry)]);
    })
    .await
}

/// What a browser sends of the whole form, with some fields typed over.
fn typed<'a>(over: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let fields = [
        ("provider", "registry"),
        ("name", "Images"),
        ("poll_seconds", "3600"),
        ("host", "registry.example.com"),
        ("scheme", "https"),
        ("auth", "harbor"),
        ("username", "robot$plumbline"),
        ("password", PASSWORD),
        ("token", ""),
        ("ecr_key_id", ""),
        ("ecr_secret_key", ""),
        ("ecr_region", ""),
        ("token_host", ""),
        ("repositories", "team/*\r\n!team/old-*"),
        ("tags", "newest"),
        ("tag_count", "5"),
        ("tag_patterns", ""),
        ("platforms", ""),
        ("ca", ""),
        ("trusted_keys", ""),
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
async fn what_is_connected_is_chosen_first(pool: PgPool) {
    let app = start(pool).await;
    let mut owner = app.owner().await;

    let choice = owner.get("/sources/new").await;
    let form = owner.get("/sources/new?provider=registry").await;

    assert!(choice.body.contains("/sources/new?provider=registry"));
    assert!(!choice.body.contains("/sources/new?provider=aws"), "nothing here reads AWS");
    assert_eq!(form.texts("h1"), ["Connect a container registry"]);
    assert_eq!(form.attribute("input[name=auth][checked]", "value").as_deref(), Some("basic"));
    assert!(form.texts("#access-title").len() == 1 && form.body.contains("ecr:GetAuthorizationToken"));
    assert!(form.body.contains("AcrPull") && form.body.contains("read:packages"), "each registry's recipe is there");
}

#[sqlx::test(migrations = "../migrations")]
async fn a_registry_is_connected_and_its_settings_read_well(pool: PgPool) {
    let app = start(pool).await;
    let mut owner = app.owner().await;
    let keys = format!("{KEY}\r\n{KEY}\r\n");
    let over = [("tags", "semver"), ("tag_count", "3"), ("platforms", "linux/amd64"), ("trusted_keys", keys.as_str())];

    let answer = connect(&mut owner, &over).await;

    assert_eq!(answer.status, 303, "{}", answer.body);
    let page = owner.get(answer.location()).await;
    let facts = page.texts(".facts").join(" ");
    for words in ["registry.example.com", "team/*, !team/old-*", "the 3 highest versions", "linux/amd64", "with 2 keys"]
    {
        assert!(facts.contains(words), "{words}: {facts}");
    }
    assert!(!page.body.contains(PASSWORD) && page.body.contains("robot account"));
    let (settings, secret) = stored(&app).await;
    assert_eq!(settings["auth"], json!({ "by": "harbor" }));
    assert_eq!(settings["tags"], json!({ "policy": "semver", "count": 3 }));
    assert!(secret.contains(PASSWORD));
    let list = owner.get("/sources").await;
    assert!(list.texts("tbody tr")[0].contains("Registry by a robot account of Harbor"));
}

#[sqlx::test(migrations = "../migrations")]
async fn what_is_wrong_stands_beside_its_field_and_nothing_typed_is_lost(pool: PgPool) {
    let app = start(pool).await;
    let mut owner = app.owner().await;
    let over = [
        ("name", ""),
        ("host", "registry.example.com/path"),
        ("scheme", "http"),
        ("username", ""),
        ("tag_count", "many"),
        ("platforms", "amd64"),
        ("trusted_keys", "no key"),
        ("ca", "no certificate"),
        ("token_host", "a b"),
    ];

    let answer = connect(&mut owner, &over).await;

    assert_eq!(answer.status, 422);
    for field in ["name", "host", "plain_http", "secret", "tags", "platforms", "trusted_keys", "ca", "token_host"] {
        assert_eq!(answer.texts(&format!("#{field}-error")).len(), 1, "{field}");
    }
    assert!(answer.texts("[role=alert]").is_empty(), "nothing is said twice");
    assert_eq!(answer.attribute("#host", "value").as_deref(), Some("registry.example.com/path"));
    assert_eq!(answer.attribute("#tag_count", "value").as_deref(), Some("many"));
    assert_eq!(answer.texts("#trusted_keys"), ["no key"]);
    assert!(answer.texts("#repositories")[0].contains("!team/old-*"));
    assert_eq!(answer.attribute("input[name=auth][checked]", "value").as_deref(), Some("harbor"));
    assert!(!answer.body.contains(PASSWORD));
    let none: (i64,) = sqlx::query_as("select count(*) from sources").fetch_one(&app.pool).await.expect("a count");
    assert_eq!(none.0, 0);
}

#[sqlx::test(migrations = "../migrations")]
async fn a_registry_without_a_catalogue_has_its_repositories_named(pool: PgPool) {
    let app = start(pool).await;
    let mut owner = app.owner().await;
    for auth in ["github", "docker_hub"] {
        for repositories in ["", "team/*"] {
            let answer = connect(&mut owner, &[("auth", auth), ("host", ""), ("repositories", repositories)]).await;
            assert_eq!((answer.status, answer.texts("#repositories-error").len()), (422, 1), "{auth} {repositories}");
        }
    }

    let named = connect(&mut owner, &[("auth", "github"), ("host", ""), ("repositories", "harborlane/api")]).await;

    assert_eq!(named.status, 303, "{}", named.body);
    assert_eq!(stored(&app).await.0["host"], "ghcr.io");
}

#[sqlx::test(migrations = "../migrations")]
async fn plain_http_takes_a_tick(pool: PgPool) {
    let app = start(pool).await;
    let mut owner = app.owner().await;

    let unmeant = connect(&mut owner, &[("scheme", "http")]).await;
    let meant = connect(&mut owner, &[("scheme", "http"), ("plain_http", "yes")]).await;

    assert_eq!((unmeant.status, unmeant.texts("#plain_http-error").len()), (422, 1));
    assert_eq!(meant.status, 303, "{}", meant.body);
    assert!(owner.get(meant.location()).await.texts(".facts")[0].contains("plain HTTP"));
}

#[sqlx::test(migrations = "../migrations")]
async fn each_way_in_stores_what_it_takes_and_no_more(pool: PgPool) {
    let app = start(pool).await;
    let mut owner = app.owner().await;
    let ecr = [("ecr_key_id", "AKIAEXAMPLE"), ("ecr_secret_key", "half of a key"), ("ecr_region", "eu-west-1")];
    for (auth, secret) in [
        ("anonymous", json!({})),
        ("token", json!({ "token": "a bearer token" })),
        ("ecr", json!({ "access_key_id": "AKIAEXAMPLE", "secret_access_key": "half of a key" })),
        ("quay", json!({ "username": "robot$plumbline", "password": PASSWORD })),
    ] {
        let mut over = vec![("auth", auth), ("name", auth), ("token", "a bearer token")];
        over.extend(ecr);
        let answer = connect(&mut owner, &over).await;
        assert_eq!(answer.status, 303, "{auth}: {}", answer.body);
        let stored: Value = serde_json::from_str(&stored(&app).await.1).expect("JSON");
        assert_eq!(stored, secret, "{auth}");
        sqlx::query("delete from sources").execute(&app.pool).await.expect("deleted");
    }
    let without = connect(&mut owner, &[("auth", "ecr"), ("ecr_key_id", "AKIAEXAMPLE"), ("ecr_secret_key", "x")]).await;
    assert_eq!((without.status, without.texts("#auth-error").len()), (422, 1), "the host does not say the region");
}

#[sqlx::test(migrations = "../migrations")]
async fn a_registry_is_changed_and_its_secret_kept(pool: PgPool) {
    let app = start(pool).await;
    let mut owner = app.owner().await;
    let here = connect(&mut owner, &[]).await.location().to_owned();
    let edit = owner.get(&format!("{here}/edit")).await;
    assert!(edit.status == 200 && edit.texts("#host").is_empty() && !edit.body.contains(PASSWORD));
    assert!(edit.texts("#repositories")[0].contains("team/*"));

    let over = [("username", ""), ("password", ""), ("repositories", "team/api"), ("host", "elsewhere.example.com")];
    let answer = owner.send_form(&here, &typed(&over)).await;

    assert_eq!(answer.status, 303, "{}", answer.body);
    let (settings, secret) = stored(&app).await;
    assert_eq!(settings["repositories"], json!(["team/api"]));
    assert_eq!(settings["host"], "registry.example.com", "another host is another source");
    assert!(secret.contains(PASSWORD));
}

#[sqlx::test(migrations = "../migrations")]
async fn a_stored_secret_is_not_sent_elsewhere_by_who_does_not_know_it(pool: PgPool) {
    let app = start(pool).await;
    let mut owner = app.owner().await;
    let here = connect(&mut owner, &[]).await.location().to_owned();
    for change in [
        vec![("token_host", "tokens.example.org")],
        vec![("scheme", "http"), ("plain_http", "yes")],
        vec![("auth", "quay")],
    ] {
        let mut over = vec![("username", ""), ("password", "")];
        over.extend(change);
        let answer = owner.send_form(&here, &typed(&over)).await;
        assert_eq!((answer.status, answer.texts("#secret-error").len()), (422, 1), "{over:?}");
    }

    let known = [("token_host", "tokens.example.org"), ("password", "typed again")];
    assert_eq!(owner.send_form(&here, &typed(&known)).await.status, 303);
    let (settings, secret) = stored(&app).await;
    assert!(settings["token_host"] == "tokens.example.org" && secret.contains("typed again"));
    assert!(owner.get(&here).await.texts("#test")[0].contains("testing"), "what is new is tried");

    assert_eq!(owner.send_form(&here, &typed(&[("auth", "anonymous")])).await.status, 303);
    assert_eq!(stored(&app).await.1, "{}", "a secret that is not used any more is forgotten");
}

#[sqlx::test(migrations = "../migrations")]
async fn a_password_is_replaced_and_tried(pool: PgPool) {
    let app = start(pool).await;
    let mut owner = app.owner().await;
    let here = connect(&mut owner, &[]).await.location().to_owned();
    assert_eq!(owner.get(&here).await.texts("form[action$=credentials] #password").len(), 1);

    owner.send_form(&format!("{here}/credentials"), &[("username", "robot$new"), ("password", "")]).await;
    assert!(stored(&app).await.1.contains(PASSWORD), "half of a credential replaces nothing");
    owner.send_form(&format!("{here}/credentials"), &[("username", "robot$new"), ("password", "another")]).await;

    let (settings, secret) = stored(&app).await;
    assert!(secret.contains("another") && secret.contains("robot$new") && !secret.contains(PASSWORD));
    assert_eq!(settings["auth"]["by"], "harbor");
    assert!(owner.get(&here).await.texts("#test")[0].contains("testing"));
}

#[sqlx::test(migrations = "../migrations")]
async fn only_an_owner_connects_a_registry(pool: PgPool) {
    let app = start(pool).await;
    let mut analyst = app.analyst().await;

    assert_eq!(analyst.get("/sources/new?provider=registry").await.status, 403);
    assert_eq!(connect(&mut analyst, &[]).await.status, 403);
}
