//! The fix queue.

use plumbline_core::verdict::Verdict;
use plumbline_tests::TestApp;
use plumbline_tests::builders::{Estate, NewResource, check};
use sqlx::PgPool;

#[sqlx::test(migrations = "../migrations")]
async fn the_queue_is_ordered_by_gain_and_says_what_each_closes(pool: PgPool) {
    let app = TestApp::start(pool).await;
    let estate = Estate::of(&app).await;
    for name in ["one", "two"] {
        let resource = estate.resource(&NewResource::of(check(0), name)).await;
        estate.verdict(resource, check(0), Verdict::Fail).await;
    }
    estate.add_up(60.0).await;

    let page = app.analyst().await.get("/fixes").await;

    assert_eq!(page.texts("tbody .cell-title"), [check(0).fix.title.clone()]);
    assert!(page.texts("tbody tr")[0].contains("2 findings on 2 resources"));
}

#[sqlx::test(migrations = "../migrations")]
async fn a_fix_says_what_to_do_and_what_the_score_becomes(pool: PgPool) {
    let app = TestApp::start(pool).await;
    let estate = Estate::of(&app).await;
    let resource = estate.resource(&NewResource::of(check(0), "one")).await;
    estate.verdict(resource, check(0), Verdict::Fail).await;
    estate.add_up(60.0).await;

    let page = app.analyst().await.get(&format!("/fixes/{}", estate.fix(check(0)))).await;

    assert_eq!((page.status, page.texts("h1")), (200, vec![check(0).fix.title.clone()]));
    assert!(page.texts(".figures")[0].contains("60.0"));
    assert_eq!(page.texts("article h2"), [check(0).title.clone()]);
    assert!(!page.body.contains("--account-id ACCOUNT "), "the account is filled in");
    assert_eq!(page.texts(".list-line .cell-title"), ["one"]);
}

#[sqlx::test(migrations = "../migrations")]
async fn nonsense_in_the_address_shows_the_queue_and_a_fix_that_is_none_is_not_there(pool: PgPool) {
    let app = TestApp::start(pool).await;
    let mut analyst = app.analyst().await;

    assert_eq!(analyst.get("/fixes?layer=attic&after=x%00y").await.status, 200);
    assert_eq!(analyst.get("/fixes/none-such").await.status, 404);
    assert_eq!(analyst.get("/fixes/01900000-0000-7000-8000-000000000000").await.status, 404);
    assert!(!analyst.fragment("/fixes").await.body.contains("<html"));
}
