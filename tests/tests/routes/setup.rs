//! The first run.

use chrono::TimeDelta;
use plumbline_store::identity::create_setup_link;
use plumbline_tests::TestApp;
use sqlx::PgPool;

const FIELDS: [(&str, &str); 4] = [
    ("tenant", "First Light"),
    ("name", "Robin Reed"),
    ("email", "robin@example.com"),
    ("password", "four words make it long"),
];

/// An installation of nobody yet, and its link.
async fn fresh(pool: PgPool) -> (TestApp, String) {
    let app = TestApp::start(pool).await;
    sqlx::query("delete from tenants").execute(&app.pool).await.expect("no tenant");
    let token = link(&app).await.expect("a link");
    (app, token)
}

async fn link(app: &TestApp) -> Option<String> {
    let mut tx = app.database.identity().await.expect("the door");
    let token = create_setup_link(&mut tx, &app.mint).await.expect("an answer");
    tx.commit().await.expect("committed");
    token.map(|token| format!("/setup/{}", token.expose()))
}

#[sqlx::test(migrations = "../migrations")]
async fn the_link_makes_the_first_tenant_and_its_owner_once(pool: PgPool) {
    let (app, link_path) = fresh(pool).await;
    let mut robin = app.anonymous();

    let answer = robin.submit(&link_path, &link_path, &FIELDS).await;

    assert_eq!((answer.status, answer.location()), (303, "/"), "{}", answer.body);
    let members = robin.get("/members").await;
    assert_eq!(members.texts("tbody .cell-title"), ["Robin Reed"]);
    assert_eq!(members.texts(".menu-label")[0], "First Light");
    assert_eq!(app.anonymous().get(&link_path).await.status, 404, "the link is used up");
    assert_eq!(link(&app).await, None, "and no other is made");
}

#[sqlx::test(migrations = "../migrations")]
async fn the_link_is_over_after_a_day(pool: PgPool) {
    let (app, link) = fresh(pool).await;
    app.pass(TimeDelta::hours(24));

    assert_eq!(app.anonymous().get(&link).await.status, 404);
}

#[sqlx::test(migrations = "../migrations")]
async fn of_two_links_used_at_once_one_makes_a_tenant(pool: PgPool) {
    let (app, one) = fresh(pool).await;
    let two = link(&app).await.expect("a second link");
    let (mut first, mut second) = (app.anonymous(), app.anonymous());
    let other = [FIELDS[0], FIELDS[1], ("email", "kim@example.com"), FIELDS[3]];

    let (a, b) = futures::join!(first.submit(&one, &one, &FIELDS), second.submit(&two, &two, &other));

    let mut statuses = [a.status, b.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [303, 404]);
    let (tenants,): (i64,) =
        sqlx::query_as("select count(*) from tenants").fetch_one(&app.pool).await.expect("a count");
    assert_eq!(tenants, 1);
}

#[sqlx::test(migrations = "../migrations")]
async fn what_is_typed_wrongly_is_said_and_the_link_still_opens(pool: PgPool) {
    let (app, link) = fresh(pool).await;
    let mut robin = app.anonymous();
    let wrong = [FIELDS[0], FIELDS[1], ("email", "robin"), FIELDS[3]];

    let answer = robin.submit(&link, &link, &wrong).await;

    assert_eq!((answer.status, answer.texts("[role=alert]")), (422, vec!["That is not an e-mail address.".to_owned()]));
    assert_eq!(answer.attribute("#tenant", "value").as_deref(), Some("First Light"), "what was typed is kept");
    assert_eq!(robin.submit(&link, &link, &FIELDS).await.status, 303);
}
