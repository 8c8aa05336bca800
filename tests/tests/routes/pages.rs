//! What every page has in common.

use actix_web::test::TestRequest;
use plumbline_tests::TestApp;
use sqlx::PgPool;

#[sqlx::test(migrations = "../migrations")]
async fn an_error_is_a_page_for_people_and_a_problem_for_programs(pool: PgPool) {
    let app = TestApp::start(pool).await;
    let mut owner = app.owner().await;

    let page = owner.get("/no/such/page").await;
    let problem =
        owner.send(TestRequest::get().uri("/no/such/page").insert_header(("Accept", "application/json"))).await;

    assert_eq!((page.status, page.texts("h1")), (404, vec!["Not found".to_owned()]));
    assert_eq!(problem.header("content-type"), Some("application/problem+json"));
    assert_eq!((problem.json()["status"].as_i64(), problem.json()["title"].as_str()), (Some(404), Some("Not found")));
    assert_eq!(problem.json()["request_id"].as_str(), problem.header("x-request-id"));
}

#[sqlx::test(migrations = "../migrations")]
async fn what_breaks_inside_is_not_told_outside(pool: PgPool) {
    let app = TestApp::start(pool).await;
    let mut owner = app.owner().await;
    sqlx::query("drop table audit_log cascade").execute(&app.pool).await.expect("broken");

    let answer = owner.get("/audit").await;

    assert_eq!((answer.status, answer.texts("h1")), (500, vec!["Something went wrong".to_owned()]));
    assert!(answer.body.contains(answer.header("x-request-id").expect("an id")));
    assert!(!answer.body.contains("audit_log") && !answer.body.contains("relation"));
}

#[sqlx::test(migrations = "../migrations")]
async fn an_error_of_a_fragment_lands_where_messages_are(pool: PgPool) {
    let app = TestApp::start(pool).await;
    let mut analyst = app.analyst().await;

    let answer = analyst.fragment("/audit").await;

    assert_eq!((answer.status, answer.header("hx-retarget")), (403, Some("#flash")));
    assert!(!answer.body.contains("<html"));
}

#[sqlx::test(migrations = "../migrations")]
async fn a_static_file_is_kept_for_good_under_the_name_that_pages_give_it(pool: PgPool) {
    let app = TestApp::start(pool).await;
    let mut anonymous = app.anonymous();
    let page = anonymous.get("/sign-in").await;
    let style = page.attribute("link[rel=stylesheet]", "href").expect("a stylesheet");

    let named = anonymous.get(&style).await;
    let plain = anonymous.get("/static/style.css").await;

    assert_eq!(named.header("cache-control"), Some("public, max-age=31536000, immutable"));
    assert_eq!(plain.header("cache-control"), Some("no-cache"));
    assert_eq!(named.header("content-type"), Some("text/css; charset=utf-8"));
    assert_eq!(anonymous.get("/static/../Cargo.toml").await.status, 404);
}

#[sqlx::test(migrations = "../migrations")]
async fn the_theme_is_remembered(pool: PgPool) {
    let app = TestApp::start(pool).await;
    let mut owner = app.owner().await;
    assert_eq!(owner.get("/account").await.attribute("html", "data-theme").as_deref(), Some("auto"));

    let answer = owner.send_form("/theme", &[("theme", "dark"), ("back", "/account")]).await;

    assert_eq!((answer.status, answer.location()), (303, "/account"));
    assert_eq!(owner.get("/account").await.attribute("html", "data-theme").as_deref(), Some("dark"));
}

#[sqlx::test(migrations = "../migrations")]
async fn no_page_of_ours_has_a_script_or_a_style_in_it(pool: PgPool) {
    let app = TestApp::start(pool).await;
    let mut owner = app.owner().await;

    for path in ["/sign-in", "/account", "/members", "/provider", "/audit", "/no-such-page"] {
        let page = owner.get(path).await;
        assert!(page.texts("script:not([src])").is_empty() && page.texts("style").is_empty(), "{path}");
        for attribute in [" style=", " onclick=", " hx-on", "javascript:"] {
            assert!(!page.body.contains(attribute), "{path} has {attribute}");
        }
    }
}

#[sqlx::test(migrations = "../migrations")]
async fn the_server_says_when_it_can_answer(pool: PgPool) {
    let app = TestApp::start(pool).await;

    let answer = app.anonymous().get("/healthz").await;

    assert_eq!((answer.status, answer.body.as_str()), (200, "ok\n"));
}

#[sqlx::test(migrations = "../migrations")]
async fn a_large_answer_is_shrunk_and_a_small_one_is_sent_as_it_is(pool: PgPool) {
    let app = TestApp::start(pool).await;
    let mut anonymous = app.anonymous();
    let shrinking = |path: &str| TestRequest::get().uri(path).insert_header(("Accept-Encoding", "gzip"));

    let large = anonymous.send(shrinking("/static/style.css")).await;
    let small = anonymous.send(shrinking("/sign-in")).await;

    assert_eq!(large.header("content-encoding"), Some("gzip"));
    assert_eq!(small.header("content-encoding"), None);
    assert!(small.body.contains("<form"));
}
