//! The front page.

use chrono::TimeDelta;
use plumbline_core::verdict::Verdict;
use plumbline_tests::TestApp;
use plumbline_tests::app::noon;
use plumbline_tests::builders::{Estate, NewResource, check};
use sqlx::PgPool;

#[sqlx::test(migrations = "../migrations")]
async fn an_empty_tenant_is_told_what_to_do_next(pool: PgPool) {
    let app = TestApp::start(pool).await;

    let owner = app.owner().await.get("/").await;
    let analyst = app.analyst().await.get("/posture").await;

    assert_eq!((owner.status, owner.texts(".empty h2")), (200, vec!["Nothing is connected yet".to_owned()]));
    assert_eq!(owner.attribute(".empty a", "href").as_deref(), Some("/sources/new"));
    assert!(analyst.texts(".empty a").is_empty(), "an analyst cannot connect one");
}

#[sqlx::test(migrations = "../migrations")]
async fn the_score_is_rounded_down_and_stands_beside_what_it_does_not_see(pool: PgPool) {
    let app = TestApp::start(pool).await;
    let estate = Estate::of(&app).await;
    let resource = estate.resource(&NewResource::of(check(0), "ledger")).await;
    estate.verdict(resource, check(0), Verdict::Unknown).await;
    estate.add_up(71.97).await;

    let page = app.auditor().await.get("/").await;

    assert_eq!(page.texts(".figure-big"), ["71/100"]);
    assert!(page.body.contains("70 gross"), "accepted risk is told apart");
    assert_eq!(page.texts(".score-card .figure"), ["87 %"]);
    assert!(page.texts("#unknown-title ~ .grid-2 code").contains(&"s3:GetBucketPolicy".to_owned()));
}

#[sqlx::test(migrations = "../migrations")]
async fn a_key_without_a_source_says_what_would_connect_it(pool: PgPool) {
    let app = TestApp::start(pool).await;
    let estate = Estate::of(&app).await;
    let resource = estate.resource(&NewResource::of(check(0), "ledger")).await;
    estate.verdict(resource, check(0), Verdict::Fail).await;
    estate.add_up(50.0).await;

    let page = app.owner().await.get("/").await;

    assert_eq!(page.texts(".key h3").len(), 6);
    assert!(page.texts(".key").iter().any(|key| key.contains("Not connected") && key.contains("Connect a pipeline")));
    assert!(page.texts(".key").iter().any(|key| key.contains("50") && key.contains("1 fail")));
}

#[sqlx::test(migrations = "../migrations")]
async fn what_changed_is_said_in_words_and_the_trend_is_also_a_table(pool: PgPool) {
    let app = TestApp::start(pool).await;
    let estate = Estate::of(&app).await;
    estate.posture(noon() - TimeDelta::days(9), 80.0).await;
    estate.posture(noon() - TimeDelta::hours(1), 77.9).await;
    estate.changed("new_failure", -2.1, 3).await;

    let page = app.ciso().await.get("/").await;

    assert_eq!(page.texts("#changes-title"), ["What changed"]);
    assert!(page.texts(".list-line").iter().any(|line| line.contains("3 new failures") && line.contains("−2.1")));
    assert!(page.attribute(".trend svg", "aria-label").is_some_and(|label| label.contains("fell by 2.1 points")));
    assert!(!page.texts(".trend tbody tr").is_empty());
}
