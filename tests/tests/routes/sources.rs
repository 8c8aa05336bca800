//! Sources and their runs.

use chrono::TimeDelta;
use plumbline_aws::{AwsCollector, Operator};
use plumbline_core::id::SourceId;
use plumbline_store::source;
use plumbline_tests::TestApp;
use plumbline_tests::builders::{Estate, NewResource, REGION, check};
use secrecy::ExposeSecret;
use sqlx::PgPool;
use std::sync::Arc;

const SECRET: &str = "wJalrXUtnFEMI/K7MDENG";

async fn start(pool: PgPool) -> TestApp {
    TestApp::configured(pool, |parts| parts.collectors = Arc::new([Arc::new(AwsCollector::new(Operator::default()))]))
        .await
}

fn by_key<'a>() -> Vec<(&'a str, &'a str)> {
    vec![
        ("name", "Production"),
        ("by", "access_key"),
        ("access_key_id", "AKIAIOSFODNN7EXAMPLE"),
        ("secret_access_key", SECRET),
        ("poll_seconds", "900"),
        ("home_region", "eu-west-1"),
    ]
}

async fn jobs(app: &TestApp) -> Vec<String> {
    let rows: Vec<(String,)> =
        sqlx::query_as("select split_part(same_as, ' ', 1) from jobs where state = 'queued' order by 1")
            .fetch_all(&app.pool)
            .await
            .expect("jobs");
    rows.into_iter().map(|(what,)| what).collect()
}

#[sqlx::test(migrations = "../migrations")]
async fn a_source_is_connected_its_secret_sealed_and_its_first_run_begun(pool: PgPool) {
    let app = start(pool).await;
    let mut owner = app.owner().await;
    let form = owner.get("/sources/new?provider=aws").await;
    assert!(form.body.contains("PlumblineRead") || form.body.contains("Statement"), "the policy is printed");

    let answer = owner.submit("/sources/new?provider=aws", "/sources", &by_key()).await;

    assert_eq!(answer.status, 303, "{}", answer.body);
    let page = owner.get(answer.location()).await;
    assert!(page.texts("h1") == ["Production"] && !page.body.contains(SECRET));
    assert_eq!(jobs(&app).await, ["collect", "probe"]);
    let id: SourceId = answer.location().rsplit('/').next().expect("an id").parse().expect("an id");
    let opened =
        source::open_connection(&mut app.tx().await, &plumbline_tests::app::keyring(), id).await.expect("opened");
    assert!(opened.secret.expose_secret().contains(SECRET));
    let stored: (Vec<u8>,) =
        sqlx::query_as("select sealed_secret from sources").fetch_one(&app.pool).await.expect("a row");
    assert!(!String::from_utf8_lossy(&stored.0).contains(SECRET));
}

#[sqlx::test(migrations = "../migrations")]
async fn what_is_wrong_is_said_what_was_typed_is_kept_and_the_secret_is_not(pool: PgPool) {
    let app = start(pool).await;
    let mut owner = app.owner().await;
    let mut fields = by_key();
    fields[0] = ("name", " ");
    fields.push(("endpoint", "http://127.0.0.1:1"));

    let answer = owner.send_form("/sources", &fields).await;

    assert_eq!(answer.status, 422);
    assert_eq!(answer.texts("#name-error").len(), 1);
    assert!(answer.texts("[role=alert]")[0].contains("endpoint"));
    assert!(answer.body.contains("AKIAIOSFODNN7EXAMPLE") && !answer.body.contains(SECRET));
    let half = owner.send_form("/sources", &[("name", "x"), ("by", "access_key"), ("poll_seconds", "900")]).await;
    assert_eq!((half.status, half.texts("#key-error").len()), (422, 1));
    let role = owner
        .send_form("/sources", &[("name", "x"), ("by", "role"), ("role_arn", "me"), ("poll_seconds", "900")])
        .await;
    assert_eq!(role.status, 422);
    assert!(jobs(&app).await.is_empty());
}

#[sqlx::test(migrations = "../migrations")]
async fn no_tenant_can_name_the_external_id_of_another(pool: PgPool) {
    let app = start(pool).await;
    let mut owner = app.owner().await;
    let role = "arn:aws:iam::111122223333:role/Reader";
    let fields = [
        ("name", "x"),
        ("by", "role"),
        ("role_arn", role),
        ("external_id", "plumbline-theirs"),
        ("poll_seconds", "900"),
    ];

    let answer = owner.send_form("/sources", &fields).await;

    assert_eq!(answer.status, 303, "{}", answer.body);
    let (settings,): (serde_json::Value,) =
        sqlx::query_as("select settings from sources").fetch_one(&app.pool).await.expect("a row");
    assert_eq!(settings["access"]["external_id"], format!("plumbline-{}", app.tenant.id.0.simple()));
}

#[sqlx::test(migrations = "../migrations")]
async fn a_source_is_changed_paused_resumed_and_removed(pool: PgPool) {
    let app = start(pool).await;
    let mut owner = app.owner().await;
    let here = owner.send_form("/sources", &by_key()).await.location().to_owned();
    let fields =
        [("name", "Ledger account"), ("poll_seconds", "3600"), ("home_region", "eu-west-1"), ("regions", "eu-west-1")];

    assert_eq!(owner.get(&format!("{here}/edit")).await.status, 200);
    assert_eq!(owner.send_form(&here, &fields).await.status, 303);
    assert_eq!(owner.get(&here).await.texts("h1"), ["Ledger account"]);
    assert_eq!(
        owner.send_form(&here, &[("name", "x"), ("poll_seconds", "3600"), ("regions", "Nowhere!")]).await.status,
        422
    );

    owner.send_form(&format!("{here}/pause"), &[]).await;
    assert_eq!(jobs(&app).await, ["probe"]);
    assert_eq!(owner.send_form(&format!("{here}/run"), &[]).await.status, 303);
    assert_eq!(jobs(&app).await, ["probe"], "a paused source does not run");
    owner.send_form(&format!("{here}/resume"), &[]).await;
    assert_eq!(jobs(&app).await, ["collect", "probe"]);

    owner.send_form(&format!("{here}/remove"), &[]).await;
    assert_eq!(owner.get("/sources").await.texts("tbody tr").len(), 1, "the box was not ticked");
    owner.send_form(&format!("{here}/remove"), &[("sure", "yes")]).await;
    assert!(owner.get("/sources").await.texts("tbody tr").is_empty());
    // What others were reached through may be gone with it.
    assert_eq!(jobs(&app).await, ["match"]);
    assert!(owner.get(&here).await.texts(".flash-note")[0].contains("removed"));
    assert_eq!(owner.send_form(&format!("{here}/test"), &[]).await.status, 409);
}

#[sqlx::test(migrations = "../migrations")]
async fn a_key_is_replaced_and_tried(pool: PgPool) {
    let app = start(pool).await;
    let mut owner = app.owner().await;
    let here = owner.send_form("/sources", &by_key()).await.location().to_owned();
    let id: SourceId = here.rsplit('/').next().expect("an id").parse().expect("an id");

    owner
        .send_form(&format!("{here}/credentials"), &[("access_key_id", "AKIANEW"), ("secret_access_key", "another")])
        .await;

    let opened =
        source::open_connection(&mut app.tx().await, &plumbline_tests::app::keyring(), id).await.expect("opened");
    assert!(opened.secret.expose_secret().contains("another") && !opened.secret.expose_secret().contains(SECRET));
    assert!(owner.get(&here).await.texts("#test")[0].contains("testing"));
    assert!(owner.fragment(&format!("{here}/test")).await.body.contains("hx-trigger"));
    app.pass(TimeDelta::minutes(6));
    assert!(owner.get(&here).await.texts("#test")[0].contains("No worker"), "nobody waits for ever");
}

#[sqlx::test(migrations = "../migrations")]
async fn a_run_moves_while_it_goes_on_and_can_be_cancelled(pool: PgPool) {
    let app = start(pool).await;
    let estate = Estate::of(&app).await;
    sqlx::query(
        "update runs set state = 'running', finished_at = null, scopes_planned = 40, scopes_complete = 9, scopes_denied = 1,
             notes = '[\"ap-east-1 is not enabled\"]'",
    )
    .execute(&app.pool)
    .await
    .expect("a run");
    sqlx::query("insert into run_scopes select tenant_id, run_id, '111122223333', 'eu-west-1', 'kms.keys', 'denied', 'kms:ListKeys', 'no' from runs")
        .execute(&app.pool)
        .await
        .expect("a scope");
    let mut analyst = app.analyst().await;
    let run = format!("/sources/{}/runs/{}", estate.source, estate.run);

    let page = analyst.get(&run).await;
    let part = analyst.fragment(&run).await;

    assert_eq!(page.attribute("progress", "value").as_deref(), Some("10"));
    assert!(part.body.contains("every 2s") && !part.body.contains("<html"));
    assert!(page.body.contains("kms:ListKeys") && page.body.contains("ap-east-1 is not enabled"));
    assert!(analyst.get("/").await.texts(".running-line")[0].contains("10 of 40 scopes"));

    assert_eq!(analyst.submit(&run, &format!("{run}/cancel"), &[]).await.status, 303);
    assert!(analyst.get(&run).await.body.contains("Stopping"));
    sqlx::query("update runs set state = 'cancelled', finished_at = started_at")
        .execute(&app.pool)
        .await
        .expect("ended");
    assert!(!analyst.fragment(&run).await.body.contains("every 2s"), "what is over is not asked for again");
}

#[sqlx::test(migrations = "../migrations")]
async fn a_source_says_what_of_it_is_not_seen(pool: PgPool) {
    let app = start(pool).await;
    let estate = Estate::of(&app).await;
    estate.resource(&NewResource::of(check(0), "ledger")).await;
    estate.blind(REGION, "s3:ListAllMyBuckets").await;
    let mut auditor = app.auditor().await;

    let page = auditor.get(&format!("/sources/{}", estate.source)).await;
    let list = auditor.get("/sources").await;

    assert!(page.texts("#blind-title").len() == 1 && page.body.contains("s3:ListAllMyBuckets"));
    assert!(list.texts("tbody tr")[0].contains("Partly blind") && list.texts("tbody tr")[0].contains("1 of 4 scopes"));
    assert!(page.texts("form[action$=run]").is_empty(), "an auditor starts nothing");
}
