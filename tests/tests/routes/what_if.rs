//! What if: the score before anything is done.

use chrono::TimeDelta;
use plumbline_core::verdict::Verdict;
use plumbline_tests::TestApp;
use plumbline_tests::app::noon;
use plumbline_tests::builders::{Estate, NewResource, check};
use sqlx::PgPool;

#[sqlx::test(migrations = "../migrations")]
async fn a_draft_shows_what_becomes_of_the_score_and_writes_nothing(pool: PgPool) {
    let app = TestApp::start(pool).await;
    let estate = Estate::of(&app).await;
    let other = (1..200).map(check).find(|one| one.fix.key != check(0).fix.key).expect("another fix");
    for one in [check(0), other] {
        let resource = estate.resource(&NewResource::of(one, &one.id)).await;
        estate.verdict(resource, one, Verdict::Fail).await;
    }
    estate.add_up(60.0).await;
    sqlx::query("update findings set due_at = '2026-01-01'").execute(&app.pool).await.expect("overdue");
    sqlx::query("update fixes set due_at = '2026-01-01'").execute(&app.pool).await.expect("overdue");
    let mut analyst = app.analyst().await;

    let empty = analyst.get("/what-if").await;
    assert!(empty.texts("#outcome-title").is_empty());

    let fixed = analyst.get(&format!("/what-if?fix={}&target=100", estate.fix(check(0)))).await;
    assert_eq!(fixed.texts("#outcome-title"), ["Then"]);
    assert_eq!(fixed.texts(".figures .badge"), ["not reached"]);
    assert!(fixed.texts(".figures > div")[2].ends_with('1'), "{:?}", fixed.texts(".figures > div"));

    let both = format!("/what-if?fix={}&except=check:{}&target=100", estate.fix(check(0)), other.id);
    let both = analyst.get(&both).await;
    assert_eq!(both.texts(".figures .badge"), ["reached"]);
    let figures = both.texts(".figures .figure");
    assert!(figures[0].ends_with("100.0") && !figures[1].ends_with("100.0"), "accepted risk stays gross: {figures:?}");
    assert_eq!(both.texts(".list-line .button").len(), 3);
    assert!(both.body.contains("turns no control"));

    let drafted = format!("/what-if?fix={}&q=key:cloud+severity%3C%3Dcritical&target=100", estate.fix(check(0)));
    let drafted = analyst.get(&drafted).await;
    assert_eq!(drafted.texts("#outcome-title"), ["Then"], "what a fix and an exception both take is known");
    assert_eq!(drafted.texts(".figures .figure")[0], figures[0]);
    assert_eq!(drafted.texts(".list-line .cell-sub").last().map(String::as_str), Some("2 open findings"));
    let wrong = format!("/what-if?fix={}&except=check:{}&q=overdue", estate.fix(check(0)), other.id);
    let wrong = analyst.get(&wrong).await;
    assert!(wrong.status == 200 && wrong.texts("#q-error")[0].contains("as time goes by"), "{}", wrong.body);
    assert_eq!(
        (wrong.attribute("#q", "value").as_deref(), wrong.texts(".list-line .button").len()),
        (Some("overdue"), 3)
    );

    let states: i64 = sqlx::query_scalar("select count(*) from findings where state <> 'open'")
        .fetch_one(&app.pool)
        .await
        .expect("n");
    assert_eq!(states, 0);
}

#[sqlx::test(migrations = "../migrations")]
async fn other_terms_show_what_would_be_overdue_and_are_not_kept(pool: PgPool) {
    let app = TestApp::start(pool).await;
    let estate = Estate::of(&app).await;
    let other = (1..200).map(check).find(|one| one.fix.key != check(0).fix.key).expect("another fix");
    for one in [check(0), other] {
        let resource = estate.resource(&NewResource::of(one, &one.id)).await;
        estate.verdict(resource, one, Verdict::Fail).await;
    }
    estate.add_up(60.0).await;
    // Noon is the second; opened ten days before, and due in ninety.
    sqlx::query("update findings set opened_at = $1, due_at = $2, severity = 'high', exposure = 'private'")
        .bind(noon() - TimeDelta::days(10))
        .bind(noon() + TimeDelta::days(90))
        .execute(&app.pool)
        .await
        .expect("dated");
    let mut analyst = app.analyst().await;

    let sooner = analyst.get("/what-if?high_private=3").await;
    assert_eq!(sooner.texts("#due-title"), ["Due dates, by other terms"]);
    assert_eq!(sooner.texts("#due-all td"), ["0 →to 2", "0", "0"]);
    let soon = analyst.get("/what-if?high_private=12&high_internet=14").await;
    assert_eq!(soon.texts("#due-all td"), ["0", "0 →to 2", "0 →to 2"]);
    assert_eq!(
        soon.attributes("input[name=high_internet]", "value"),
        ["14"],
        "only the term that is another is carried"
    );
    let fixed = analyst.get(&format!("/what-if?high_private=3&fix={}", estate.fix(check(0)))).await;
    assert_eq!(fixed.texts("#due-all td")[0], "0 →to 1");
    let covered = analyst.get(&format!("/what-if?high_private=3&except=check%3A{}", check(0).id)).await;
    assert_eq!(covered.texts("#due-all td")[0], "0 →to 1");
    let kept = analyst.get(&format!("/what-if?fix={}", estate.fix(check(0)))).await;
    assert_eq!(kept.texts("#due-all td"), ["0", "0", "0"], "terms that stay move nothing");
    let never = analyst.get("/what-if?high_private=").await;
    assert_eq!(never.texts("#due-all td"), ["0", "0", "0"]);

    let nonsense = analyst.get(&format!("/what-if?high_private=soon&fix={}", estate.fix(check(0)))).await;
    assert!(nonsense.texts("#terms-error")[0].starts_with("High, in a private network: a whole number of days"));
    assert!(nonsense.texts("#due-title").is_empty());
    assert!(nonsense.attributes("input[name=high_private]", "value").iter().all(|typed| typed == "soon"));
    assert_eq!(nonsense.texts("#outcome-title"), ["Then"], "the rest of the draft is reckoned");
    let kept: i64 =
        sqlx::query_scalar("select count(*) from sla_policies").fetch_one(&app.pool).await.expect("a count");
    assert_eq!(kept, 0);
}

#[sqlx::test(migrations = "../migrations")]
async fn another_tenants_fix_is_no_part_of_a_draft(pool: PgPool) {
    let app = TestApp::start(pool).await;
    let other = app.another_tenant("Quiet Cove").await;
    let estate = Estate::in_tenant(&app, other.id).await;
    let resource = estate.resource(&NewResource::of(check(0), "one")).await;
    estate.verdict(resource, check(0), Verdict::Fail).await;
    estate.add_up(60.0).await;

    let page = app.analyst().await.get(&format!("/what-if?fix={}&fix=nonsense", estate.fix(check(0)))).await;

    assert_eq!((page.status, page.texts(".list-line").len()), (200, 0));
}
