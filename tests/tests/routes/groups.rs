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
         insert into group_losses values ('{tenant}', 'team', 'payments', '{check}', 500, 400, 3)",
        check = check(0).id,
    );
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(&app.pool).await.expect("rows");
    for (days, score) in [(10, 80.0), (0, 82.5)] {
        estate.posture(noon() - TimeDelta::days(days), 60.0).await;
        let sql = format!(
            "update postures set parts = parts || '{{\"group:team=payments\": {{\"score\": {score}, \"gross\": 70}}}}'
             where at = '{}'",
            (noon() - TimeDelta::days(days)).to_rfc3339()
        );
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(&app.pool).await.expect("parts");
    }

    let page = app.auditor().await.get("/posture/groups?key=team").await;

    assert_eq!(page.texts("tbody th"), ["payments"]);
    assert_eq!(page.texts("tbody td"), ["team", "82", "70", "3", "+2.5", "not kept"]);
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
