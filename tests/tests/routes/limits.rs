//! How often somebody may try to come in.

use chrono::TimeDelta;
use plumbline_core::role::Role;
use plumbline_tests::TestApp;
use plumbline_tests::app::PASSWORD;
use sqlx::PgPool;

#[sqlx::test(migrations = "../migrations")]
async fn an_address_is_tried_five_times_and_then_once_a_minute(pool: PgPool) {
    let app = TestApp::start(pool).await;
    app.join(&app.tenant, Role::Owner, "owner@example.com").await;
    for _ in 0..5 {
        assert_eq!(app.anonymous().sign_in("owner@example.com", "a guess").await.status, 422);
    }

    let sixth = app.anonymous().sign_in("OWNER@example.com ", PASSWORD).await;

    assert_eq!((sixth.status, sixth.header("retry-after")), (429, Some("61")), "{}", sixth.body);
    app.pass(TimeDelta::seconds(61));
    assert_eq!(app.anonymous().sign_in("owner@example.com", PASSWORD).await.status, 303);
}

#[sqlx::test(migrations = "../migrations")]
async fn an_unknown_address_is_limited_like_a_known_one(pool: PgPool) {
    let app = TestApp::start(pool).await;
    for _ in 0..5 {
        app.anonymous().sign_in("nobody@example.com", "a guess").await;
    }

    assert_eq!(app.anonymous().sign_in("nobody@example.com", "a guess").await.status, 429);
}

#[sqlx::test(migrations = "../migrations")]
async fn one_computer_tries_twenty_addresses_and_then_waits(pool: PgPool) {
    let app = TestApp::start(pool).await;
    let mut browser = app.anonymous();
    for number in 0..20 {
        assert_eq!(browser.sign_in(&format!("{number}@example.com"), "a guess").await.status, 422);
    }

    let answer = browser.sign_in("another@example.com", "a guess").await;

    assert_eq!(answer.status, 429);
    assert_eq!(app.anonymous().sign_in("another@example.com", "a guess").await.status, 422, "another computer may");
}
