//! Plans: what it takes to reach a score, and plans that are kept.

use plumbline_core::verdict::Verdict;
use plumbline_policy::Catalogue;
use plumbline_tests::TestApp;
use plumbline_tests::builders::{Estate, NewResource, check};
use sqlx::PgPool;

/// Five checks of the cloud that fail, each with a fix of its own.
async fn five_failures<'a>(app: &'a TestApp) -> Estate<'a> {
    let estate = Estate::of(app).await;
    let mut keys: Vec<&str> = Vec::new();
    for one in (0..200).map(check) {
        if keys.len() < 5 && !keys.contains(&one.fix.key.as_str()) {
            keys.push(&one.fix.key);
            let resource = estate.resource(&NewResource::of(one, &one.id)).await;
            estate.verdict(resource, one, Verdict::Fail).await;
        }
    }
    estate.add_up(60.0).await;
    estate
}

#[sqlx::test(migrations = "../migrations")]
async fn a_target_is_answered_with_the_smallest_set_and_what_it_takes(pool: PgPool) {
    let app = TestApp::start(pool).await;
    five_failures(&app).await;
    let mut analyst = app.analyst().await;

    let asked = analyst.get("/plan").await;
    assert!(asked.texts("#answer-title").is_empty());
    let all = analyst.get("/plan?part=whole&target=100&by=2026-12-24").await;
    assert_eq!(all.texts("#answer-title"), ["5 fixes do it, and no smaller set can."]);
    assert!(all.texts(".figure")[0].ends_with("100.0"));
    assert!(all.texts(".figures")[0].contains("days of work"));
    let done = analyst.get("/plan?part=layer:cloud&target=1&by=2026-12-24").await;
    assert_eq!(done.texts("#answer-title"), ["The score is 1 or more already."]);
}

#[sqlx::test(migrations = "../migrations")]
async fn what_is_not_in_the_part_is_not_in_its_plan(pool: PgPool) {
    let app = TestApp::start(pool).await;
    let estate = five_failures(&app).await;
    let mut analyst = app.analyst().await;
    let framework = Catalogue::builtin().frameworks().next().expect("one").id.clone();

    for (part, fixes) in [("layer:images".to_owned(), 0), (format!("source:{}", estate.source), 5)] {
        let page = analyst.get(&format!("/plan?part={part}&target=100&by=2026-12-24")).await;
        assert_eq!(page.texts("tbody input").len(), fixes, "{part}");
    }
    assert_eq!(analyst.get(&format!("/plan?part=framework:{framework}&target=100&by=2026-12-24")).await.status, 200);
}

#[sqlx::test(migrations = "../migrations")]
async fn a_plan_for_a_group_takes_what_is_in_the_group_and_no_more(pool: PgPool) {
    let app = TestApp::start(pool).await;
    five_failures(&app).await;
    // Two of the failures are in the group.
    sqlx::raw_sql(
        "insert into group_keys select tenant_id, 'team', 1 from tenants;
         update resources set tags = '{\"team\": \"shop\"}'
         where resource_id in (select resource_id from findings order by finding_id limit 2);
         insert into group_losses select f.tenant_id, 'team', 'shop', f.check_id, sum(f.loss), sum(f.loss), count(*), count(*), 0
         from findings f join resources r using (tenant_id, resource_id) where r.tags ? 'team' group by 1, 4;
         insert into group_fixes select f.tenant_id, 'team', 'shop', f.fix_id, f.check_id, sum(f.loss), count(*)
         from findings f join resources r using (tenant_id, resource_id) where r.tags ? 'team' group by 1, 4, 5",
    )
    .execute(&app.pool)
    .await
    .expect("a group");
    let mut analyst = app.analyst().await;

    let page = analyst.get("/plan?part=group:team%3Dshop&target=100&by=2026-12-24").await;
    assert_eq!(page.texts("#answer-title"), ["2 fixes do it, and no smaller set can."]);
    assert!(page.texts(".figure")[0].ends_with("100.0"));
    assert_eq!(page.texts("#part option[selected]"), ["team shop"]);
    let none = analyst.get("/plan?part=group:team%3Dtill&target=100&by=2026-12-24").await;
    assert_eq!(none.texts("#part-error"), ["Choose what the score is of."]);
    let wish = [("part", "group:team=shop"), ("target", "100"), ("by", "2026-12-24"), ("name", "The shop")];
    let kept = analyst.submit("/plan", "/plan", &wish).await;
    let kept = analyst.get(kept.location()).await;
    assert!(kept.texts(".lede")[0].starts_with("team shop to 100 by 24 Dec 2026"), "{:?}", kept.texts(".lede"));
}

#[sqlx::test(migrations = "../migrations")]
async fn nonsense_is_refused_beside_its_field_and_nothing_typed_is_lost(pool: PgPool) {
    let app = TestApp::start(pool).await;
    let mut analyst = app.analyst().await;

    let page = analyst.get("/plan?part=attic&target=101&by=yesterday").await;

    assert_eq!(page.status, 200);
    assert_eq!(page.texts(".field-error").len(), 3);
    assert_eq!(page.attribute("#target", "value").as_deref(), Some("101"));
}

#[sqlx::test(migrations = "../migrations")]
async fn a_plan_is_kept_and_says_how_far_it_has_come(pool: PgPool) {
    let app = TestApp::start(pool).await;
    five_failures(&app).await;
    let mut analyst = app.analyst().await;
    let wish = [("part", "whole"), ("target", "100"), ("by", "2026-12-24"), ("name", "Before the holidays")];

    let answer = analyst.submit("/plan", "/plan", &wish).await;
    assert_eq!(answer.status, 303, "{}", answer.body);
    let place = answer.location().to_owned();
    assert!(analyst.get(&place).await.texts(".figures")[0].contains("0 of 5 fixes done"));

    sqlx::query(
        "update fixes set open_findings = 0 where fix_id in (select fix_id from plan_fixes order by fix_id limit 2)",
    )
    .execute(&app.pool)
    .await
    .expect("done");
    let later = analyst.get(&place).await;
    assert!(later.texts(".figures")[0].contains("2 of 5 fixes done"));
    assert_eq!(later.texts("tbody .is-pass").len(), 2);
    assert!(analyst.get("/plan").await.texts("tbody tr")[0].contains("Before the holidays"));

    let nameless = [("part", "whole"), ("target", "100"), ("by", "2026-12-24"), ("name", " ")];
    assert_eq!(analyst.submit("/plan", "/plan", &nameless).await.status, 422);
    let gone = analyst.submit(&place, &format!("{place}/remove"), &[]).await;
    assert_eq!((gone.status, analyst.get(&place).await.status), (303, 404));
    assert_eq!(app.auditor().await.submit("/account", "/plan", &wish).await.status, 403);
}
