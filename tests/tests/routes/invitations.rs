//! Inviting and accepting.

use chrono::TimeDelta;
use plumbline_core::role::Role;
use plumbline_tests::app::PASSWORD;
use plumbline_tests::browser::ORIGIN;
use plumbline_tests::{Browser, TestApp};
use sqlx::PgPool;

/// Invites and returns the path of the link.
async fn invite(owner: &mut Browser, email: &str, role: &str) -> String {
    let page = owner.send_form("/members/invite", &[("email", email), ("role", role)]).await;
    assert_eq!(page.status, 200, "{}", page.body);
    let link = page.texts(".once code").remove(0);
    link.strip_prefix(ORIGIN).expect("a link of ours").to_owned()
}

const NEW: [(&str, &str); 2] = [("name", "Robin Reed"), ("password", "four words make it long")];

#[sqlx::test(migrations = "../migrations")]
async fn somebody_new_accepts_with_a_name_and_a_password(pool: PgPool) {
    let app = TestApp::start(pool).await;
    let mut owner = app.owner().await;
    let link = invite(&mut owner, "Robin@example.com", "analyst").await;
    let mut robin = app.anonymous();

    let answer = robin.submit(&link, &link, &NEW).await;

    assert_eq!((answer.status, answer.location()), (303, "/"));
    assert_eq!(robin.get("/account").await.texts("h1"), ["Robin Reed"]);
    let members = owner.get("/members").await;
    assert!(members.texts("tbody .cell-title").contains(&"Robin Reed".to_owned()));
}

#[sqlx::test(migrations = "../migrations")]
async fn a_link_opens_once(pool: PgPool) {
    let app = TestApp::start(pool).await;
    let link = invite(&mut app.owner().await, "robin@example.com", "analyst").await;
    let mut robin = app.anonymous();
    robin.submit(&link, &link, &NEW).await;

    assert_eq!(app.anonymous().get(&link).await.status, 404);
}

#[sqlx::test(migrations = "../migrations")]
async fn a_link_is_shown_once_and_kept_as_a_hash(pool: PgPool) {
    let app = TestApp::start(pool).await;
    let mut owner = app.owner().await;
    let link = invite(&mut owner, "robin@example.com", "analyst").await;
    let token = link.rsplit('/').next().expect("a token").to_owned();

    assert!(!owner.get("/members").await.body.contains(&token));
    let (row, log): (String, String) = sqlx::query_as(
        "select (select string_agg(i::text, '') from invitations i), (select string_agg(a::text, '') from audit_log a)",
    )
    .fetch_one(&app.pool)
    .await
    .expect("rows");
    assert!(!row.contains(&token) && !log.contains(&token));
}

#[sqlx::test(migrations = "../migrations")]
async fn a_link_is_over_after_a_week_when_withdrawn_and_when_invited_again(pool: PgPool) {
    let app = TestApp::start(pool).await;
    let mut owner = app.owner().await;

    let first = invite(&mut owner, "robin@example.com", "analyst").await;
    let second = invite(&mut owner, "robin@example.com", "auditor").await;
    assert_eq!(app.anonymous().get(&first).await.status, 404, "invited again");
    assert_eq!(app.anonymous().get(&second).await.status, 200);

    owner.send_form("/members/withdraw", &[("email", "robin@example.com")]).await;
    assert_eq!(app.anonymous().get(&second).await.status, 404, "withdrawn");

    let third = invite(&mut owner, "robin@example.com", "auditor").await;
    app.pass(TimeDelta::days(7));
    assert_eq!(app.anonymous().get(&third).await.status, 404, "a week old");
}

#[sqlx::test(migrations = "../migrations")]
async fn somebody_known_has_to_sign_in_and_then_joins(pool: PgPool) {
    let app = TestApp::start(pool).await;
    let other = app.another_tenant("Quiet Cove").await;
    app.join(&other, Role::Owner, "robin@example.com").await;
    let link = invite(&mut app.owner().await, "robin@example.com", "analyst").await;
    let mut robin = app.anonymous();

    let asked = robin.get(&link).await;
    assert!(asked.body.contains("You already have an account"));
    robin.sign_in("robin@example.com", PASSWORD).await;
    let answer = robin.submit(&link, &link, &[]).await;

    assert_eq!(answer.status, 303);
    assert_eq!(
        robin.get("/account").await.texts("[aria-labelledby=tenants-title] .cell-title"),
        ["Harbor Lane", "Quiet Cove"]
    );
}

/// An invitation to somebody's address is no way to their password.
#[sqlx::test(migrations = "../migrations")]
async fn nobody_takes_over_a_known_person_by_inviting_them(pool: PgPool) {
    let app = TestApp::start(pool).await;
    let other = app.another_tenant("Quiet Cove").await;
    app.join(&other, Role::Owner, "robin@example.com").await;
    let mut owner = app.owner().await;
    let link = invite(&mut owner, "robin@example.com", "analyst").await;

    let token = app.anonymous().get("/sign-in").await.attribute("input[name=csrf]", "value").expect("a token");
    let mut attacker = app.anonymous();
    let fresh = attacker.token("/sign-in").await;
    let fields = [NEW[0], NEW[1], ("csrf", fresh.as_str())];
    assert_eq!(attacker.post(&link, &fields).await.status, 403, "as somebody new");
    assert_eq!(
        attacker.post(&link, &[NEW[0], NEW[1], ("csrf", &token)]).await.status,
        403,
        "with another visit's token"
    );

    assert!(owner.get(&link).await.body.contains("you are signed in as"), "as somebody else");
    assert_eq!(owner.submit("/account", &link, &NEW).await.status, 403);
    assert_eq!(app.anonymous().sign_in("robin@example.com", NEW[1].1).await.status, 422, "the password is as it was");
}

#[sqlx::test(migrations = "../migrations")]
async fn who_is_a_member_already_is_not_invited(pool: PgPool) {
    let app = TestApp::start(pool).await;
    app.join(&app.tenant, Role::Analyst, "robin@example.com").await;
    let mut owner = app.owner().await;

    owner.send_form("/members/invite", &[("email", "Robin@example.com"), ("role", "owner")]).await;

    assert_eq!(owner.get("/members").await.texts(".flash"), ["robin@example.com is a member already."]);
}

#[sqlx::test(migrations = "../migrations")]
async fn a_short_password_is_refused_and_the_link_still_opens(pool: PgPool) {
    let app = TestApp::start(pool).await;
    let link = invite(&mut app.owner().await, "robin@example.com", "analyst").await;
    let mut robin = app.anonymous();

    let answer = robin.submit(&link, &link, &[("name", "Robin Reed"), ("password", "short")]).await;

    assert_eq!(answer.status, 422);
    assert_eq!(answer.texts("[role=alert]"), ["A password has at least 12 characters. A few words will do."]);
    assert_eq!(robin.submit(&link, &link, &NEW).await.status, 303);
}
