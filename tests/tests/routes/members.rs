//! Members and their roles.

use plumbline_core::role::Role;
use plumbline_tests::TestApp;
use sqlx::PgPool;

#[sqlx::test(migrations = "../migrations")]
async fn an_owner_changes_a_role_and_it_is_audited(pool: PgPool) {
    let app = TestApp::start(pool).await;
    let mut owner = app.owner().await;
    let analyst = app.join(&app.tenant, Role::Analyst, "analyst@example.com").await;

    let answer = owner.send_form(&format!("/members/{analyst}/role"), &[("role", "ciso")]).await;

    assert_eq!((answer.status, answer.location()), (303, "/members"));
    assert_eq!(owner.get("/members").await.texts(".flash"), ["analyst is now a ciso."]);
    let log = owner.get("/audit?action=member.role_changed").await;
    assert!(log.texts("tbody tr")[0].ends_with("Member: role changed analyst@example.com from: analyst, to: ciso"));
}

#[sqlx::test(migrations = "../migrations")]
async fn the_last_owner_can_neither_be_demoted_nor_removed(pool: PgPool) {
    let app = TestApp::start(pool).await;
    let mut owner = app.owner().await;
    let id = app.join(&app.tenant, Role::Owner, "owner@harborlane.example.com").await;

    for (path, fields) in [("role", vec![("role", "auditor")]), ("remove", vec![])] {
        owner.send_form(&format!("/members/{id}/{path}"), &fields).await;
        let page = owner.get("/members").await;
        assert_eq!(page.texts(".flash"), ["A tenant keeps at least one owner. Make somebody else an owner first."]);
    }

    app.join(&app.tenant, Role::Owner, "second@example.com").await;
    owner.send_form(&format!("/members/{id}/role"), &[("role", "auditor")]).await;
    assert_eq!(owner.get("/provider").await.status, 403, "with a second owner it can be done");
}

#[sqlx::test(migrations = "../migrations")]
async fn two_owners_who_demote_each_other_at_once_leave_one(pool: PgPool) {
    let app = TestApp::start(pool).await;
    let one = app.join(&app.tenant, Role::Owner, "one@example.com").await;
    let two = app.join(&app.tenant, Role::Owner, "two@example.com").await;
    let (mut first, mut second) = (app.signed_in("one@example.com").await, app.signed_in("two@example.com").await);
    let (of_two, of_one) = (format!("/members/{two}/role"), format!("/members/{one}/role"));

    futures::join!(first.send_form(&of_two, &[("role", "auditor")]), second.send_form(&of_one, &[("role", "auditor")]));

    let (owners,): (i64,) = sqlx::query_as("select count(*) from members where role = 'owner'")
        .fetch_one(&app.pool)
        .await
        .expect("a count");
    assert_eq!(owners, 1);
}

#[sqlx::test(migrations = "../migrations")]
async fn an_auditor_reads_members_and_is_offered_nothing_to_change(pool: PgPool) {
    let app = TestApp::start(pool).await;
    app.join(&app.tenant, Role::Owner, "owner@example.com").await;
    let mut auditor = app.auditor().await;

    let page = auditor.get("/members").await;

    assert_eq!(page.status, 200);
    assert!(page.texts("main button").is_empty() && page.texts("main form").is_empty());
}
