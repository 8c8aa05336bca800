//! One finding, and the acceptance of its risk.

use chrono::TimeDelta;
use plumbline_core::id::FindingId;
use plumbline_core::risk::Exposure;
use plumbline_core::verdict::Verdict;
use plumbline_tests::TestApp;
use plumbline_tests::builders::{Estate, NewResource, REGION, check};
use sqlx::PgPool;

async fn exposed(app: &TestApp) -> (Estate<'_>, FindingId) {
    let estate = Estate::of(app).await;
    let new = NewResource { exposure: Exposure::Internet, ..NewResource::of(check(0), "edge") };
    let resource = estate.resource(&new).await;
    let finding = estate.verdict(resource, check(0), Verdict::Fail).await;
    estate.add_up(40.0).await;
    (estate, finding)
}

#[sqlx::test(migrations = "../migrations")]
async fn a_finding_says_what_is_wrong_and_why_it_ranks_where_it_does(pool: PgPool) {
    let app = TestApp::start(pool).await;
    let (_, finding) = exposed(&app).await;

    let page = app.auditor().await.get(&format!("/findings/{finding}")).await;

    assert_eq!((page.status, page.texts("h1")), (200, vec![check(0).title.clone()]));
    assert!(page.texts(".against")[0].contains(check(0).expected.trim()));
    assert!(page.texts(".against")[1].contains("It was seen."));
    let factors = page.texts(".factors tbody tr");
    assert!(factors[2].contains("× 2.0") && factors[2].contains("Anyone on the internet"), "{factors:?}");
    assert!(factors[1].contains("Likelihood") && factors[3].contains("Blast radius"), "{factors:?}");
    assert!(page.texts(".remedy").len() == 1 && page.texts(".timeline li")[0].starts_with("First seen"));
    assert!(page.texts("form[action$=accept]").is_empty(), "an auditor accepts nothing");
}

#[sqlx::test(migrations = "../migrations")]
async fn a_finding_out_of_sight_says_since_when_and_what_is_missing(pool: PgPool) {
    let app = TestApp::start(pool).await;
    let (estate, finding) = exposed(&app).await;
    estate.blind(REGION, "s3:ListAllMyBuckets").await;
    app.pass(TimeDelta::hours(5));

    let page = app.analyst().await.get(&format!("/findings/{finding}")).await;

    let note = &page.texts(".flash-note")[0];
    assert!(note.contains("Not verified since 5 hours ago") && note.contains("s3:ListAllMyBuckets"), "{note}");
}

#[sqlx::test(migrations = "../migrations")]
async fn an_accepted_risk_leaves_the_net_score_and_comes_back_when_it_is_ended(pool: PgPool) {
    let app = TestApp::start(pool).await;
    let (_, finding) = exposed(&app).await;
    let (mut analyst, mut ciso) = (app.analyst().await, app.ciso().await);
    let page = format!("/findings/{finding}");

    let fields = [("reason", "Only reachable through the reviewed proxy"), ("days", "30")];
    let asked = analyst.submit(&page, &format!("{page}/accept"), &fields).await;
    let exception = asked.location().to_owned();
    assert_eq!(asked.status, 303);
    assert!(analyst.get(&page).await.texts(".page-head .badge").contains(&"open".to_owned()), "asking moves nothing");
    let approved = ciso.submit(&exception, &format!("{exception}/approve"), &[]).await;

    assert_eq!((approved.status, approved.location()), (303, exception.as_str()));
    let shown = ciso.get(&page).await;
    assert!(shown.texts(".page-head .badge").contains(&"accepted".to_owned()));
    assert!(shown.body.contains("Only reachable through the reviewed proxy"));
    let (net, gross): (i64, i64) = sqlx::query_as("select sum(net_loss)::bigint, sum(loss)::bigint from check_states")
        .fetch_one(&app.pool)
        .await
        .expect("sums");
    assert!(net == 0 && gross > 0, "net {net}, gross {gross}");
    assert!(ciso.get("/").await.texts(".list-line").iter().any(|line| line.contains("risk accepted")));
    assert!(ciso.get("/findings").await.texts("tbody tr").is_empty());

    let ended = ciso.submit(&page, &format!("{page}/reopen"), &[]).await;

    assert_eq!(ended.status, 303);
    let events = ciso.get(&page).await.texts(".timeline li");
    assert!(
        events[0].starts_with("Exception ended by ciso") && events[1].starts_with("Risk accepted by ciso"),
        "{events:?}"
    );
    let (net,): (i64,) =
        sqlx::query_as("select sum(net_loss)::bigint from check_states").fetch_one(&app.pool).await.expect("a sum");
    assert_eq!(net, gross);
    assert_eq!(ciso.send_form(&format!("{page}/reopen"), &[]).await.status, 409, "not twice");
}

#[sqlx::test(migrations = "../migrations")]
async fn a_risk_is_not_accepted_without_a_reason_an_end_or_the_right(pool: PgPool) {
    let app = TestApp::start(pool).await;
    let (_, finding) = exposed(&app).await;
    let path = format!("/findings/{finding}/accept");
    let mut ciso = app.ciso().await;

    let bare = ciso.send_form(&path, &[("reason", "because"), ("days", "9999")]).await;
    let auditor = app.auditor().await.send_form(&path, &[("reason", "a good enough reason"), ("days", "3")]).await;

    assert_eq!((bare.status, bare.texts(".field-error").len()), (422, 2));
    assert_eq!(bare.texts("textarea[name=reason]"), ["because"], "what was typed is kept");
    assert_eq!(auditor.status, 403);
    let sound = [("reason", "a good enough reason"), ("days", "3")];
    assert_eq!(ciso.send_form(&path, &sound).await.status, 303);
    assert_eq!(ciso.send_form(&path, &sound).await.status, 409, "not twice");
}
