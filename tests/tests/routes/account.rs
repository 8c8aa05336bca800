//! A person's own account.

use plumbline_tests::TestApp;
use plumbline_tests::app::PASSWORD;
use sqlx::PgPool;

#[sqlx::test(migrations = "../migrations")]
async fn a_new_password_ends_the_other_sessions_and_keeps_this_one(pool: PgPool) {
    let app = TestApp::start(pool).await;
    let mut here = app.owner().await;
    let mut elsewhere = app.owner().await;
    let fields = [("current", PASSWORD), ("new", "quite another lead weight")];

    let answer = here.send_form("/account/password", &fields).await;

    assert_eq!(answer.status, 303);
    let page = here.get("/account").await;
    assert_eq!(page.texts(".flash"), ["Your password is changed, and your other sessions have ended."]);
    assert_eq!(elsewhere.get("/account").await.status, 303);
    assert_eq!(app.anonymous().sign_in("owner@harborlane.example.com", PASSWORD).await.status, 422);
    assert_eq!(app.anonymous().sign_in("owner@harborlane.example.com", fields[1].1).await.status, 303);
}

#[sqlx::test(migrations = "../migrations")]
async fn a_password_is_changed_only_by_who_knows_the_current_one(pool: PgPool) {
    let app = TestApp::start(pool).await;
    let mut browser = app.owner().await;

    browser.send_form("/account/password", &[("current", "a guess at it"), ("new", "quite another lead weight")]).await;

    assert_eq!(browser.get("/account").await.texts(".flash"), ["The current password is not right."]);
    assert_eq!(app.anonymous().sign_in("owner@harborlane.example.com", PASSWORD).await.status, 303);
}

#[sqlx::test(migrations = "../migrations")]
async fn a_person_ends_a_session_of_theirs_and_nobody_elses(pool: PgPool) {
    let app = TestApp::start(pool).await;
    let mut here = app.owner().await;
    let mut elsewhere = app.owner().await;
    let mut analyst = app.analyst().await;
    let key = here.get("/account").await.attribute("button[name=key]", "value").expect("another session");

    assert_eq!(analyst.send_form("/account/sessions/end", &[("key", &key)]).await.status, 404);
    assert_eq!(elsewhere.get("/account").await.status, 200);
    here.send_form("/account/sessions/end", &[("key", &key)]).await;
    assert_eq!(elsewhere.get("/account").await.status, 303);
    assert_eq!(here.get("/account").await.status, 200);
}
