//! How long a session lasts, and what its cookie is.

use chrono::TimeDelta;
use plumbline_core::role::Role;
use plumbline_tests::TestApp;
use plumbline_tests::app::PASSWORD;
use sqlx::PgPool;

const COOKIE: &str = "plumbline-session";

#[sqlx::test(migrations = "../migrations")]
async fn an_unused_session_ends_after_eight_hours(pool: PgPool) {
    let app = TestApp::start(pool).await;
    let mut browser = app.owner().await;

    app.pass(TimeDelta::minutes(8 * 60 - 1));
    assert_eq!(browser.get("/account").await.status, 200);
    app.pass(TimeDelta::minutes(8 * 60));
    assert_eq!(browser.get("/account").await.status, 303);
}

#[sqlx::test(migrations = "../migrations")]
async fn a_busy_session_ends_after_a_day(pool: PgPool) {
    let app = TestApp::start(pool).await;
    let mut browser = app.owner().await;

    for hour in 1..24 {
        app.pass(TimeDelta::hours(1));
        assert_eq!(browser.get("/account").await.status, 200, "after {hour} hours");
    }
    app.pass(TimeDelta::hours(1));
    assert_eq!(browser.get("/account").await.status, 303);
}

#[sqlx::test(migrations = "../migrations")]
async fn changing_the_tenant_does_not_lengthen_a_session(pool: PgPool) {
    let app = TestApp::start(pool).await;
    let other = app.another_tenant("Quiet Cove").await;
    app.join(&other, Role::Owner, "owner@harborlane.example.com").await;
    let mut browser = app.owner().await;

    for _ in 0..4 {
        app.pass(TimeDelta::hours(6) - TimeDelta::minutes(1));
        browser.send_form("/tenant", &[("slug", "quiet-cove")]).await;
    }
    app.pass(TimeDelta::minutes(5));

    assert_eq!(browser.get("/account").await.status, 303);
}

#[sqlx::test(migrations = "../migrations")]
async fn signing_in_gives_a_new_key_and_ends_the_session_before(pool: PgPool) {
    let app = TestApp::start(pool).await;
    let mut browser = app.owner().await;
    let mut before = browser.clone();

    browser.sign_in("owner@harborlane.example.com", PASSWORD).await;

    assert_ne!(before.cookies[COOKIE], browser.cookies[COOKIE]);
    assert_eq!(before.get("/account").await.status, 303);
    assert_eq!(browser.get("/account").await.status, 200);
}

#[sqlx::test(migrations = "../migrations")]
async fn the_key_is_stored_as_a_hash(pool: PgPool) {
    let app = TestApp::start(pool).await;
    let browser = app.owner().await;

    let (state, hash): (String, String) =
        sqlx::query_as("select state::text, encode(key_hash, 'escape') from sessions")
            .fetch_one(&app.pool)
            .await
            .expect("one session");

    let cookie = browser.cookies[COOKIE].replace("%3D", "=").replace("%2F", "/").replace("%2B", "+");
    let key = &cookie[cookie.len() - 43..];
    assert!(!state.contains(key) && !hash.contains(key));
}

#[sqlx::test(migrations = "../migrations")]
async fn a_cookie_that_we_did_not_sign_is_nobodys(pool: PgPool) {
    let app = TestApp::start(pool).await;
    let mut browser = app.owner().await;
    let mut bent = browser.cookies[COOKIE].clone();
    let last = bent.pop().expect("a character");
    bent.push(if last == 'A' { 'B' } else { 'A' });
    browser.cookies.insert(COOKIE.to_owned(), bent);

    assert_eq!(browser.get("/account").await.status, 303);
}

#[sqlx::test(migrations = "../migrations")]
async fn over_https_cookies_are_bound_to_the_host_and_secure(pool: PgPool) {
    let app = TestApp::configured(pool, |parts| {
        parts.config.public_url = "https://plumbline.example.com".parse().expect("a URL");
    })
    .await;
    app.join(&app.tenant, Role::Owner, "owner@example.com").await;
    let mut browser = app.anonymous();
    let form = browser.get("/sign-in").await;
    let token = form.attribute("input[name=csrf]", "value").expect("a token");
    let post = actix_web::test::TestRequest::post()
        .uri("/sign-in")
        .insert_header(("Origin", "https://plumbline.example.com"))
        .set_form([("email", "owner@example.com"), ("password", PASSWORD), ("csrf", &token)]);

    let answer = browser.send(post).await;

    for cookie in form.headers.get_all("set-cookie").chain(answer.headers.get_all("set-cookie")) {
        let cookie = cookie.to_str().expect("ASCII");
        assert!(cookie.starts_with("__Host-plumbline-"), "{cookie}");
        for attribute in ["HttpOnly", "Secure", "SameSite=Lax", "Path=/"] {
            assert!(cookie.contains(attribute), "{cookie} is {attribute}");
        }
        assert!(!cookie.contains("Domain"), "{cookie}");
    }
    assert_eq!(answer.status, 303);
    assert!(answer.header("strict-transport-security").is_some());
}
