//! Connecting trackers, and asking for the ticket of a fix.

use plumbline_core::verdict::Verdict;
use plumbline_tests::TestApp;
use plumbline_tests::builders::{Estate, NewResource, check};
use sqlx::PgPool;

const SECRET: &str = "github_pat_0123456789";

fn github<'a>(project: &'a str, credential: &'a str) -> [(&'a str, &'a str); 4] {
    [("tracker_kind", "github"), ("name", "Platform issues"), ("project", project), ("credential", credential)]
}

#[sqlx::test(migrations = "../migrations")]
async fn a_tracker_is_connected_and_its_credential_never_shown_again(pool: PgPool) {
    let app = TestApp::start(pool).await;
    let mut owner = app.owner().await;
    let path = "/settings/trackers";

    let wrong = owner.submit(path, path, &github("shop", "short")).await;
    assert_eq!((wrong.status, wrong.texts(".field-error").len()), (422, 2), "{}", wrong.body);
    assert_eq!(wrong.attribute("#project", "value").as_deref(), Some("shop"), "what was typed is kept");
    let inside = [&github("shop/api", SECRET)[..], &[("address", "https://169.254.169.254/")]].concat();
    let inside = owner.submit(path, path, &inside).await;
    assert!(inside.status == 422 && !inside.body.contains(SECRET), "{}", inside.body);

    assert_eq!(owner.submit(path, path, &github("shop/api", SECRET)).await.status, 303);
    assert_eq!(owner.submit(path, path, &github("shop/api", SECRET)).await.status, 422, "a name is of one");
    let shown = owner.get(path).await;
    assert!(shown.texts("tbody .cell-sub")[0].contains("shop/api, https://api.github.com"));
    assert!(!shown.body.contains(SECRET));
    let kept: Vec<String> =
        sqlx::query_scalar("select detail::text from audit_log").fetch_all(&app.pool).await.expect("a log");
    assert!(kept.iter().all(|line| !line.contains(SECRET)));
    for mut other in [app.ciso().await, app.analyst().await, app.auditor().await] {
        assert_eq!(other.get(path).await.status, 403);
    }

    let remove = shown.attribute("form[action$=remove]", "action").expect("a button");
    assert_eq!(owner.submit(path, &remove, &[]).await.status, 303);
    let (left,): (i64,) = sqlx::query_as("select count(*) from trackers where sealed_secret is not null")
        .fetch_one(&app.pool)
        .await
        .expect("a count");
    assert_eq!(left, 0, "its credential is gone");
    assert_eq!(owner.send_form(&remove, &[]).await.status, 404);
}

/// Whoever knows the address of some webhooks may write there.
#[sqlx::test(migrations = "../migrations")]
async fn the_path_of_a_webhook_is_shown_to_nobody(pool: PgPool) {
    let app = TestApp::start(pool).await;
    let (mut owner, path) = (app.owner().await, "/settings/trackers");
    let hook = [
        ("tracker_kind", "webhook"),
        ("name", "Chat"),
        ("address", "https://hooks.example.com/services/T0/hush"),
        ("credential", SECRET),
    ];

    assert_eq!(owner.submit(path, path, &hook).await.status, 303);

    let shown = owner.get(path).await;
    assert!(shown.texts("tbody .cell-sub")[0].contains("https://hooks.example.com/…"), "{}", shown.body);
    let log: Vec<String> =
        sqlx::query_scalar("select detail::text from audit_log").fetch_all(&app.pool).await.expect("a log");
    assert!(!shown.body.contains("hush") && log.iter().all(|line| !line.contains("hush")), "{log:?}");
}

#[sqlx::test(migrations = "../migrations")]
async fn a_fix_has_one_ticket_in_a_tracker(pool: PgPool) {
    let app = TestApp::start(pool).await;
    let estate = Estate::of(&app).await;
    let resource = estate.resource(&NewResource::of(check(0), "ledger")).await;
    estate.verdict(resource, check(0), Verdict::Fail).await;
    estate.add_up(40.0).await;
    let (mut owner, mut analyst) = (app.owner().await, app.analyst().await);
    owner.submit("/settings/trackers", "/settings/trackers", &github("shop/api", SECRET)).await;
    let page = format!("/fixes/{}", estate.fix(check(0)));

    let offered = analyst.get(&page).await;
    let tracker = offered.attribute("button[name=tracker]", "value").expect("a button");
    assert!(app.auditor().await.get(&page).await.texts("button[name=tracker]").is_empty());
    let asked = analyst.submit(&page, &format!("{page}/ticket"), &[("tracker", &tracker)]).await;
    assert_eq!(asked.status, 303);
    analyst.submit(&page, &format!("{page}/ticket"), &[("tracker", &tracker)]).await;

    let shown = analyst.get(&page).await;
    assert_eq!(shown.texts("[aria-labelledby=tickets-title] .badge"), ["being opened"]);
    assert!(shown.texts("button[name=tracker]").is_empty());
    let (tickets,): (i64,) =
        sqlx::query_as("select count(*) from tickets").fetch_one(&app.pool).await.expect("a count");
    assert_eq!(tickets, 1);
}
