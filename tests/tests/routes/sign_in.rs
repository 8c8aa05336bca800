//! Coming in with a password, and going out.

use plumbline_core::role::Role;
use plumbline_tests::TestApp;
use plumbline_tests::app::PASSWORD;
use sqlx::PgPool;

#[sqlx::test(migrations = "../migrations")]
async fn signing_in_leads_to_the_page_that_was_asked_for(pool: PgPool) {
    let app = TestApp::start(pool).await;
    app.join(&app.tenant, Role::Auditor, "auditor@example.com").await;
    let mut browser = app.anonymous();

    let sent_away = browser.get("/audit?action=member.invited").await;
    assert_eq!(sent_away.location(), "/sign-in?then=%2Faudit%3Faction%3Dmember.invited");
    let form = browser.get(sent_away.location()).await;
    let then = form.attribute("input[name=then]", "value").expect("where to go");
    let answer = browser
        .submit("/sign-in", "/sign-in", &[("email", "Auditor@Example.com"), ("password", PASSWORD), ("then", &then)])
        .await;

    assert_eq!((answer.status, answer.location()), (303, "/audit?action=member.invited"));
    assert_eq!(browser.get("/audit").await.status, 200);
}

#[sqlx::test(migrations = "../migrations")]
async fn signing_in_never_leads_to_another_site(pool: PgPool) {
    let app = TestApp::start(pool).await;
    app.join(&app.tenant, Role::Auditor, "auditor@example.com").await;
    for elsewhere in ["https://elsewhere.example.com", "//elsewhere.example.com", "/\\elsewhere.example.com"] {
        let mut browser = app.anonymous();
        let fields = [("email", "auditor@example.com"), ("password", PASSWORD), ("then", elsewhere)];

        let answer = browser.submit("/sign-in", "/sign-in", &fields).await;

        assert_eq!(answer.location(), "/", "{elsewhere}");
    }
}

#[sqlx::test(migrations = "../migrations")]
async fn a_wrong_password_and_an_unknown_address_get_the_same_answer(pool: PgPool) {
    let app = TestApp::start(pool).await;
    app.join(&app.tenant, Role::Owner, "owner@example.com").await;

    let wrong = app.anonymous().sign_in("owner@example.com", "not the password").await;
    let unknown = app.anonymous().sign_in("nobody@example.com", "not the password").await;

    assert_eq!((wrong.status, unknown.status), (422, 422));
    assert_eq!(wrong.texts("[role=alert]"), ["That e-mail address and password do not belong together."]);
    assert_eq!(wrong.texts("main"), unknown.texts("main"));
    assert!(wrong.headers.get("set-cookie").is_none(), "no session is made");
}

#[sqlx::test(migrations = "../migrations")]
async fn signing_out_ends_the_session_at_the_server_too(pool: PgPool) {
    let app = TestApp::start(pool).await;
    let mut browser = app.owner().await;
    let mut copy = browser.clone();

    let answer = browser.send_form("/sign-out", &[]).await;

    assert_eq!((answer.status, answer.location()), (303, "/sign-in"));
    assert_eq!(copy.get("/account").await.status, 303, "a copy of the cookie opens nothing");
}

#[sqlx::test(migrations = "../migrations")]
async fn a_sign_in_is_in_the_audit_log(pool: PgPool) {
    let app = TestApp::start(pool).await;
    let mut owner = app.owner().await;

    let page = owner.get("/audit").await;

    let row = page.texts("tbody tr").remove(0);
    assert!(row.ends_with("UTC owner Person: signed in owner@harborlane.example.com with: password"), "{row}");
}
