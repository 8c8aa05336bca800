//! Lists that are kept under a name.

use plumbline_core::role::Role;
use plumbline_tests::TestApp;
use sqlx::PgPool;

const CRITICAL: [(&str, &str); 3] = [("name", "Worst first"), ("q", "severity:critical"), ("sort", "newest")];

#[sqlx::test(migrations = "../migrations")]
async fn a_kept_list_opens_again_under_its_name_and_alone_for_who_kept_it(pool: PgPool) {
    let app = TestApp::start(pool).await;
    let (mut analyst, mut ciso) = (app.analyst().await, app.ciso().await);

    let kept = analyst.submit("/views", "/views", &CRITICAL).await;
    assert_eq!((kept.status, kept.location()), (303, "/findings?q=severity%3Acritical&sort=newest"));

    let list = analyst.get("/views").await;
    let href = list.attribute("td a", "href").expect("a link");
    assert_eq!(href, "/findings?q=severity%3Acritical&sort=newest");
    let form = list.attribute("td form", "action").expect("a form");
    let path = form.trim_end_matches("/default").to_owned();
    assert_eq!(analyst.get(&path).await.location(), href);
    assert!(analyst.get(&href).await.texts(".views a[aria-current]").concat().contains("Worst first"));
    assert_eq!(ciso.get(&path).await.status, 404, "it is nobody else's");
    assert!(ciso.get("/views").await.texts("td a").is_empty());
}

#[sqlx::test(migrations = "../migrations")]
async fn a_shared_list_is_seen_by_all_and_changed_by_who_kept_it(pool: PgPool) {
    let app = TestApp::start(pool).await;
    let (mut analyst, mut auditor) = (app.analyst().await, app.auditor().await);
    let shared: Vec<(&str, &str)> = CRITICAL.into_iter().chain([("shared", "yes")]).collect();

    assert_eq!(auditor.submit("/views", "/views", &shared).await.status, 403, "sharing takes triage");
    analyst.submit("/views", "/views", &shared).await;
    let seen = auditor.get("/views").await;
    assert_eq!(seen.texts("td a"), ["Worst first"]);
    let path = seen.attribute("td form", "action").expect("a form").trim_end_matches("/default").to_owned();
    assert_eq!(auditor.submit("/views", &path, &[("name", "Mine")]).await.status, 403);
    assert_eq!(auditor.submit("/views", &format!("{path}/remove"), &[]).await.status, 403);

    auditor.submit("/views", &format!("{path}/default"), &[]).await;
    assert_eq!(auditor.get("/findings").await.location(), "/findings?q=severity%3Acritical&sort=newest");
    analyst.submit("/views", &path, &[("name", "Worst of all")]).await;
    assert!(auditor.get("/views").await.texts("td a").is_empty(), "it is shared no longer");
    assert_eq!(auditor.get("/findings").await.status, 200, "and opens nobody else's list");
    analyst.submit("/views", &format!("{path}/remove"), &[]).await;
    assert!(analyst.get("/views").await.texts("td a").is_empty());
}

#[sqlx::test(migrations = "../migrations")]
async fn what_cannot_be_kept_is_said_beside_what_was_typed(pool: PgPool) {
    let app = TestApp::start(pool).await;
    let mut analyst = app.analyst().await;
    analyst.submit("/views", "/views", &CRITICAL).await;

    let twice = analyst.submit("/views", "/views", &CRITICAL).await;
    assert_eq!(twice.status, 422);
    assert_eq!(twice.texts("#view-error"), ["You keep a view of that name already."]);
    assert_eq!(twice.attribute("#filter", "value").as_deref(), Some("severity:critical"));
    let odd = analyst.submit("/views", "/views", &[("name", "Odd"), ("q", "severty:high")]).await;
    assert_eq!((odd.status, odd.attribute("#name", "value").as_deref()), (422, Some("Odd")));
    assert!(odd.texts("#view-error")[0].contains("Did you mean “severity”?"));
    let nameless = analyst.submit("/views", "/views", &[("name", " "), ("q", "")]).await;
    assert_eq!(nameless.status, 422);
}

#[sqlx::test(migrations = "../migrations")]
async fn each_member_has_a_start_of_their_own(pool: PgPool) {
    let app = TestApp::start(pool).await;
    let mut analyst = app.analyst().await;
    let mut other = app.member_of(&app.tenant, Role::Analyst, "second@harborlane.example.com").await;
    analyst.submit("/views", "/views", &CRITICAL).await;
    let form = analyst.get("/views").await.attribute("td form", "action").expect("a form");

    analyst.submit("/views", &form, &[]).await;

    assert_eq!(analyst.get("/findings").await.status, 303);
    assert_eq!(analyst.get("/findings?q=").await.status, 200, "the bare list is a link away");
    assert_eq!(other.get("/findings").await.status, 200);
    analyst.submit("/views", &form, &[]).await;
    assert_eq!(analyst.get("/findings").await.status, 200);
}
