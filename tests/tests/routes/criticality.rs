//! Criticality rules: written by those who may, refused with the line that is wrong, applied to what is stored.

use plumbline_policy::Catalogue;
use plumbline_store::Database;
use plumbline_tests::TestApp;
use plumbline_tests::builders::{Estate, NewResource, check};
use plumbline_worker::Worker;
use serde_json::json;
use sqlx::PgPool;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

const PATH: &str = "/settings/criticality";

/// Does the job that a change of rules leaves behind.
async fn work(app: &TestApp) {
    let catalogue = Catalogue::builtin();
    let worker = Worker {
        database: Database::from_pool(app.pool.clone()),
        keyring: Arc::new(plumbline_tests::app::keyring()),
        mint: app.mint.clone(),
        catalogue,
        weighing: Arc::new(catalogue.weighing()),
        collectors: Vec::new(),
        mailer: None,
        outside: plumbline_worker::tickets::Outside::new(true, None).expect("a client"),
        // A transaction a resource.
        batch: 1,
    };
    while worker.work_once(&CancellationToken::new()).await.expect("worked") {}
    let failed: Vec<Option<String>> =
        sqlx::query_scalar("select error from jobs where state = 'failed'").fetch_all(&app.pool).await.expect("jobs");
    assert!(failed.is_empty(), "{failed:?}");
}

#[sqlx::test(migrations = "../migrations")]
async fn the_first_rule_that_means_a_resource_decides(pool: PgPool) {
    let app = TestApp::start(pool).await;
    let estate = Estate::of(&app).await;
    for (name, tags) in
        [("ledger", json!({ "team": "payments" })), ("notes", json!({})), ("live", json!({ "env": "prod" }))]
    {
        estate.resource(&NewResource { tags, ..NewResource::of(check(0), name) }).await;
    }
    let mut ciso = app.ciso().await;

    let rules = "high tag:team=pay*\nlow name:note*";
    let kept = ciso.submit(PATH, PATH, &[("rules", rules)]).await;
    work(&app).await;

    assert_eq!((kept.status, kept.location()), (303, PATH));
    let levels: Vec<(String, String)> = sqlx::query_as("select name, criticality from resources order by name")
        .fetch_all(&app.pool)
        .await
        .expect("resources");
    let levels: Vec<(&str, &str)> = levels.iter().map(|(name, level)| (name.as_str(), level.as_str())).collect();
    assert_eq!(levels, [("ledger", "high"), ("live", "high"), ("notes", "low")]);
    assert_eq!(ciso.get(PATH).await.texts("textarea"), [rules.replace('\n', " ")]);
    assert!(ciso.get("/audit").await.body.contains("criticality.rules_changed"));
}

#[sqlx::test(migrations = "../migrations")]
async fn a_rule_that_cannot_be_read_is_refused_and_nothing_typed_is_lost(pool: PgPool) {
    let app = TestApp::start(pool).await;
    let typed = "high kind:image\nvital name:a";

    let refused = app.ciso().await.send_form(PATH, &[("rules", typed)]).await;
    let analyst = app.analyst().await.send_form(PATH, &[("rules", "high")]).await;

    assert_eq!((refused.status, refused.texts(".field-error").len()), (422, 1));
    assert!(refused.texts(".field-error")[0].starts_with("Line 2:"));
    assert_eq!(refused.texts("textarea"), [typed.replace('\n', " ")], "what was typed is kept");
    assert_eq!(analyst.status, 403);
}
