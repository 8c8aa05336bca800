//! A person in several tenants.

use plumbline_core::role::Role;
use plumbline_tests::TestApp;
use sqlx::PgPool;

#[sqlx::test(migrations = "../migrations")]
async fn a_person_of_two_tenants_changes_between_them_and_has_each_ones_role(pool: PgPool) {
    let app = TestApp::start(pool).await;
    let other = app.another_tenant("Quiet Cove").await;
    app.join(&other, Role::Analyst, "owner@harborlane.example.com").await;
    let mut browser = app.owner().await;
    assert_eq!(browser.get("/members").await.status, 200);
    let before = browser.cookies["plumbline-session"].clone();

    let answer = browser.send_form("/tenant", &[("slug", "quiet-cove")]).await;

    assert_eq!((answer.status, answer.location()), (303, "/"));
    assert_ne!(before, browser.cookies["plumbline-session"], "the session gets a new key");
    assert_eq!(browser.get("/members").await.status, 403, "an analyst there");
}

#[sqlx::test(migrations = "../migrations")]
async fn a_tenant_that_one_is_no_member_of_is_not_there(pool: PgPool) {
    let app = TestApp::start(pool).await;
    app.another_tenant("Quiet Cove").await;
    let mut browser = app.owner().await;

    assert_eq!(browser.send_form("/tenant", &[("slug", "quiet-cove")]).await.status, 404);
    assert_eq!(browser.send_form("/tenant", &[("slug", "no-such-tenant")]).await.status, 404);
}

#[sqlx::test(migrations = "../migrations")]
async fn a_form_left_open_in_one_tenant_does_nothing_in_the_next(pool: PgPool) {
    let app = TestApp::start(pool).await;
    let other = app.another_tenant("Quiet Cove").await;
    app.join(&other, Role::Owner, "owner@harborlane.example.com").await;
    let mut browser = app.owner().await;
    let left_open = browser.token("/members").await;
    browser.send_form("/tenant", &[("slug", "quiet-cove")]).await;

    let fields = [("email", "new@example.com"), ("role", "owner"), ("csrf", &left_open)];
    let answer = browser.post("/members/invite", &fields).await;

    assert_eq!(answer.texts("h1"), ["This form is out of date"]);
}

#[sqlx::test(migrations = "../migrations")]
async fn whoever_is_removed_is_out_at_once_and_is_asked_to_choose(pool: PgPool) {
    let app = TestApp::start(pool).await;
    let mut owner = app.owner().await;
    let mut analyst = app.analyst().await;
    let id = app.join(&app.tenant, Role::Analyst, "analyst@harborlane.example.com").await;

    owner.send_form(&format!("/members/{id}/remove"), &[]).await;

    let answer = analyst.get("/posture").await;
    assert_eq!((answer.status, answer.location()), (303, "/account"));
    assert!(analyst.get("/account").await.body.contains("You are a member of no tenant"));
}
