//! Groups by tag, and why the score changed.

use chrono::TimeDelta;
use plumbline_tests::TestApp;
use plumbline_tests::app::noon;
use plumbline_tests::builders::{Estate, check};
use sqlx::{AssertSqlSafe, PgPool};

#[sqlx::test(migrations = "../migrations")]
async fn keys_are_named_by_those_who_may_and_reckoned_by_a_job(pool: PgPool) {
    let app = TestApp::start(pool).await;
    let mut ciso = app.ciso().await;

    assert_eq!(ciso.get("/posture/groups").await.texts(".empty h2"), ["No tag key is named"]);
    let many = ciso.submit("/settings/groups", "/settings/groups", &[("keys", "a\nb\nc\nd\ne\nf")]).await;
    assert_eq!((many.status, many.texts("#keys-error").len()), (422, 1));
    assert_eq!(many.texts("textarea"), ["a b c d e f"]);
    let kept = ciso.submit("/settings/groups", "/settings/groups", &[("keys", "team\n service ")]).await;
    assert_eq!(kept.location(), "/posture/groups");
    let jobs: Vec<String> =
        sqlx::query_scalar("select same_as from jobs where state = 'queued'").fetch_all(&app.pool).await.expect("jobs");
    assert_eq!(jobs, ["regroup"]);
    assert_eq!(ciso.get("/settings/groups").await.texts("textarea"), ["team service"]);
    assert_eq!(app.analyst().await.submit("/account", "/settings/groups", &[("keys", "x")]).await.status, 403);
}

#[sqlx::test(migrations = "../migrations")]
async fn a_group_shows_its_score_and_where_it_is_going(pool: PgPool) {
    let app = TestApp::start(pool).await;
    let estate = Estate::of(&app).await;
    let tenant = app.tenant.id;
    let sql = format!(
        "insert into group_keys values ('{tenant}', 'team', 1);
         insert into group_losses values ('{tenant}', 'team', 'payments', '{check}', 500, 400, 3, 8, 2);
         insert into group_ledger values ('{tenant}', 'team', 'payments', '{at}', 'retagged', -1.5, -1.5, 2)",
        check = check(0).id,
        at = noon().to_rfc3339(),
    );
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(&app.pool).await.expect("rows");
    for (days, score) in [(10, 80.0), (0, 82.5)] {
        estate.posture(noon() - TimeDelta::days(days), 60.0).await;
        let sql = format!(
            "update postures set parts = parts || '{{\"group:team=payments\": {{\"score\": {score}, \"gross\": 70, \"coverage\": 0.8, \"bound\": 61.5, \"open\": 3}}}}'
             where at = '{}'",
            (noon() - TimeDelta::days(days)).to_rfc3339()
        );
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(&app.pool).await.expect("parts");
    }

    let page = app.auditor().await.get("/posture/groups?key=team").await;

    assert_eq!(page.texts("tbody th"), ["payments"]);
    assert_eq!(page.texts("tbody td"), ["team", "82", "70", "80 %", "61", "3", "+2.5", "not kept"]);
    let one = page.attribute("tbody th a", "href").expect("a page of its own");
    let one = app.auditor().await.get(&one).await;
    assert_eq!((one.status, one.texts("h1")), (200, vec!["team payments".to_owned()]));
    assert_eq!(one.texts(".figures .figure"), ["82", "70", "80 %", "61"]);
    assert_eq!(one.texts(".trend-svg").len(), 1, "where it is going, drawn");
    assert_eq!(one.texts(".plain-list .list-line"), ["Tags changed: 2 findingsjust now−1.5"]);
    assert_eq!(app.auditor().await.get("/posture/part?part=group:team%3Dnone").await.status, 404);
}

#[sqlx::test(migrations = "../migrations")]
async fn changes_are_listed_by_day_narrowed_by_cause_and_opened(pool: PgPool) {
    let app = TestApp::start(pool).await;
    let estate = Estate::of(&app).await;
    estate.changed("new_failure", -2.1, 3).await;
    estate.changed("fixed", 1.0, 2).await;
    let mut auditor = app.auditor().await;

    let all = auditor.get("/posture/changes").await;
    assert_eq!(all.texts(".list-line .cell-title"), ["2 findings fixed", "3 new failures"]);
    assert_eq!(all.texts(".card-head > span"), ["−1.1"], "the points of a day add up");
    let fixed = auditor.get("/posture/changes?cause=fixed").await;
    assert_eq!(fixed.texts(".list-line .cell-title"), ["2 findings fixed"]);
    let one = fixed.attribute(".list-line .cell-title", "href").expect("a link");
    let one = auditor.get(&one).await;
    assert_eq!((one.status, one.texts("h1")), (200, vec!["2 findings fixed".to_owned()]));
    assert_eq!(auditor.get("/posture/change?at=never&cause=fixed").await.status, 404);
    assert_eq!(auditor.get("/posture/changes?cause=weather&after=x").await.status, 200);
}

#[sqlx::test(migrations = "../migrations")]
async fn each_source_and_key_has_a_page_that_says_how_it_stands(pool: PgPool) {
    let app = TestApp::start(pool).await;
    let estate = Estate::of(&app).await;
    for days in [9, 0] {
        let at = noon() - TimeDelta::days(days);
        estate.posture(at, 60.0).await;
        let sql = format!(
            "update postures set parts = parts || '{{\"source:{}\": {{\"score\": 71.2, \"gross\": 70.1, \"coverage\": 0.9,
             \"bound\": 50.0}}}}' where at = '{}'",
            estate.source,
            at.to_rfc3339()
        );
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(&app.pool).await.expect("parts");
    }
    let mut auditor = app.auditor().await;

    let source = auditor.get(&format!("/sources/{}", estate.source)).await;
    let link = source.attribute("#posture-title ~ p a", "href").expect("a way to its score");
    let own = auditor.get(&link).await;
    assert_eq!(own.texts(".figures .figure"), ["71", "70", "90 %", "50"]);
    assert_eq!(own.texts(".trend-svg").len(), 1);
    assert_eq!(own.attributes(".page-head .button", "href")[1], format!("/plan?part=source%3A{}", estate.source));
    let key = auditor.get("/posture/part?part=layer:cloud").await;
    assert_eq!(key.texts(".figures .figure"), ["60", "not kept", "not kept", "not kept"], "postures from before");
    for nonsense in ["", "attic", "layer:attic", "source:01900000-0000-7000-8000-000000000000", "group:a=b"] {
        assert_eq!(auditor.get(&format!("/posture/part?part={nonsense}")).await.status, 404, "{nonsense}");
    }
}
