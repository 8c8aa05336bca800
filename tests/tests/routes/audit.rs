//! The audit log.

use chrono::TimeDelta;
use plumbline_core::role::Role;
use plumbline_store::tenant::audit::{self, Entry};
use plumbline_tests::TestApp;
use serde_json::json;
use sqlx::PgPool;

async fn log(app: &TestApp, action: &str, object: &str) {
    let mut tx = app.tx().await;
    let entry = Entry { person: None, actor: "Plumbline", action, object, detail: json!({}) };
    audit::append(&mut tx, &entry, &app.mint).await.expect("appended");
    tx.commit().await.expect("committed");
}

#[sqlx::test(migrations = "../migrations")]
async fn the_log_pages_from_the_newest_to_the_oldest_without_gap_or_repetition(pool: PgPool) {
    let app = TestApp::start(pool).await;
    for number in 0..120 {
        app.pass(TimeDelta::seconds(1));
        log(&app, "thing.done", &format!("thing {number}")).await;
    }
    let mut auditor = app.auditor().await;
    let mut path = "/audit?action=thing.done".to_owned();
    let mut seen = Vec::new();

    for _ in 0..3 {
        let page = auditor.get(&path).await;
        seen.extend(page.texts("tbody td:nth-child(4)"));
        path = page.attribute(".pager a", "href").unwrap_or_default();
    }

    let all: Vec<String> = (0..120).rev().map(|number| format!("thing {number}")).collect();
    assert_eq!(seen, all);
    assert_eq!(path, "", "and there is no page after the last");
}

#[sqlx::test(migrations = "../migrations")]
async fn the_log_is_narrowed_by_person_action_and_day(pool: PgPool) {
    let app = TestApp::start(pool).await;
    log(&app, "thing.done", "early").await;
    app.pass(TimeDelta::days(2));
    log(&app, "thing.done", "late").await;
    let mut auditor = app.auditor().await;
    let person = app.join(&app.tenant, Role::Auditor, "auditor@harborlane.example.com").await;
    let early = plumbline_tests::app::noon().format("%Y-%m-%d");

    let day = auditor.get(&format!("/audit?action=thing.done&from={early}&until={early}")).await;
    assert_eq!(day.texts("tbody td:nth-child(4)"), ["early"]);
    let by_person = auditor.get(&format!("/audit?person={person}")).await;
    assert_eq!(by_person.texts("tbody td:nth-child(3)"), ["Person: signed in"]);
    let nothing = auditor.get("/audit?action=no.such").await;
    assert_eq!(nothing.texts(".empty h2"), ["No entries"]);
}

#[sqlx::test(migrations = "../migrations")]
async fn htmx_gets_the_entries_alone(pool: PgPool) {
    let app = TestApp::start(pool).await;
    let mut auditor = app.auditor().await;

    let part = auditor.fragment("/audit").await;

    assert!(!part.body.contains("<html") && part.body.contains("Person: signed in"));
    assert!(auditor.get("/audit").await.body.contains(part.body.trim()), "the page includes the very same");
}

#[sqlx::test(migrations = "../migrations")]
async fn what_is_shown_is_escaped(pool: PgPool) {
    let app = TestApp::start(pool).await;
    log(&app, "thing.done", "<script>alert(1)</script>").await;
    let mut auditor = app.auditor().await;

    let page = auditor.get("/audit").await;

    assert!(!page.body.contains("<script>alert") && page.body.contains("&#60;script&#62;alert"));
}
