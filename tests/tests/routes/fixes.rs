//! The fix queue.

use plumbline_core::verdict::Verdict;
use plumbline_tests::TestApp;
use plumbline_tests::builders::{Estate, NewResource, check};
use sqlx::PgPool;

#[sqlx::test(migrations = "../migrations")]
async fn the_queue_says_what_each_closes(pool: PgPool) {
    let app = TestApp::start(pool).await;
    let estate = Estate::of(&app).await;
    for name in ["one", "two"] {
        let resource = estate.resource(&NewResource::of(check(0), name)).await;
        estate.verdict(resource, check(0), Verdict::Fail).await;
    }
    estate.add_up(60.0).await;

    let page = app.analyst().await.get("/fixes").await;

    assert_eq!(page.texts("tbody .cell-title"), [check(0).fix.title.clone()]);
    assert!(page.texts("tbody tr")[0].contains("2 findings on 2 resources"));
}

#[sqlx::test(migrations = "../migrations")]
async fn a_fix_says_what_to_do_and_what_the_score_becomes(pool: PgPool) {
    let app = TestApp::start(pool).await;
    let estate = Estate::of(&app).await;
    let resource = estate.resource(&NewResource::of(check(0), "one")).await;
    estate.verdict(resource, check(0), Verdict::Fail).await;
    estate.add_up(60.0).await;

    let page = app.analyst().await.get(&format!("/fixes/{}", estate.fix(check(0)))).await;

    assert_eq!((page.status, page.texts("h1")), (200, vec![check(0).fix.title.clone()]));
    assert!(page.texts(".figures")[0].contains("60.0"));
    assert_eq!(page.texts("article h2"), [check(0).title.clone()]);
    assert!(!page.body.contains("--account-id ACCOUNT "), "the account is filled in");
    assert_eq!(page.texts(".list-line .cell-title"), ["one"]);
}

#[sqlx::test(migrations = "../migrations")]
async fn a_fix_says_why_it_stands_where_it_stands_and_calls_an_image_by_its_name(pool: PgPool) {
    let app = TestApp::start(pool).await;
    let estate = Estate::of(&app).await;
    let resource = estate.resource(&NewResource::of(check(0), "one")).await;
    estate.verdict(resource, check(0), Verdict::Fail).await;
    estate.add_up(60.0).await;
    let digest = "ab".repeat(32);
    sqlx::query(
        "update fixes set joint_risk = 60, paths_cut = 2, joint_path_risk = 80, gain = 0.4, upstream = true, ease = 0.9,
             target = 'registry.example.com/base@sha256:' || $1 || ' → registry.example.com/base:2'",
    )
    .bind(&digest)
    .execute(&app.pool)
    .await
    .expect("a place");
    let mut analyst = app.analyst().await;

    let queue = analyst.get("/fixes").await;
    let page = analyst.get(&format!("/fixes/{}", estate.fix(check(0)))).await;

    assert_eq!(page.texts(".factors tbody .num"), ["60.0", "+ 40.0", "+ 2.0", "× 1.25", "× 0.9", "= 114.8"]);
    assert!(page.texts(".factors tbody tr")[1].contains("2 paths"));
    assert!(page.texts(".lede")[0].starts_with("From registry.example.com/base@sha256:abababababab "));
    assert!(queue.texts("tbody .cell-sub")[0].contains("base@sha256:abababababab → registry.example.com/base:2"));
    assert!(!page.body.contains(&digest) && !queue.body.contains(&digest));
}

#[sqlx::test(migrations = "../migrations")]
async fn nonsense_in_the_address_shows_the_queue_and_a_fix_that_is_none_is_not_there(pool: PgPool) {
    let app = TestApp::start(pool).await;
    let mut analyst = app.analyst().await;

    assert_eq!(analyst.get("/fixes?layer=attic&after=x%00y").await.status, 200);
    assert_eq!(analyst.get("/fixes/none-such").await.status, 404);
    assert_eq!(analyst.get("/fixes/01900000-0000-7000-8000-000000000000").await.status, 404);
    assert!(!analyst.fragment("/fixes").await.body.contains("<html"));
}

#[sqlx::test(migrations = "../migrations")]
async fn the_queue_is_read_in_five_orders_page_by_page(pool: PgPool) {
    let app = TestApp::start(pool).await;
    let estate = Estate::of(&app).await;
    for at in 0..45 {
        let resource = estate.resource(&NewResource::of(check(at), &format!("thing-{at}"))).await;
        estate.verdict(resource, check(at), Verdict::Fail).await;
    }
    estate.add_up(60.0).await;
    let spread = "update fixes f set gain = n / 10.0, risk = 100 - n, paths_cut = n % 7,
             due_at = case when n % 3 > 0 then '2026-11-01'::timestamptz + n * interval '1 day' end
         from (select fix_id, row_number() over (order by fix_id) as n from fixes) r where r.fix_id = f.fix_id";
    sqlx::query(spread).execute(&app.pool).await.expect("spread");
    let mut analyst = app.analyst().await;
    let count: i64 =
        sqlx::query_scalar("select count(*) from fixes where open_findings > 0").fetch_one(&app.pool).await.expect("n");

    for (sort, order) in [
        ("recommended", "rank desc"),
        ("gain", "gain desc"),
        ("risk", "risk desc"),
        ("paths", "paths_cut desc"),
        ("due", "coalesce(due_at, 'infinity')"),
    ] {
        let query = format!("select fix_id::text from fixes where open_findings > 0 order by {order}, fix_id");
        let wanted: Vec<String> =
            sqlx::query_scalar(sqlx::AssertSqlSafe(query)).fetch_all(&app.pool).await.expect("an order");
        let (mut seen, mut address) = (Vec::new(), Some(format!("/fixes?sort={sort}")));
        while let Some(here) = address {
            let page = analyst.get(&here).await;
            seen.extend(page.attributes("tbody input", "value"));
            address = page.attribute(".pager > a", "href");
        }
        assert_eq!(seen, wanted, "{sort}");
        assert_eq!(i64::try_from(seen.len()), Ok(count));
    }
}

#[sqlx::test(migrations = "../migrations")]
async fn the_queue_is_narrowed_by_source_owner_and_effort(pool: PgPool) {
    let app = TestApp::start(pool).await;
    let estate = Estate::of(&app).await;
    let person = app.join(&app.tenant, plumbline_core::role::Role::Analyst, "mara@harborlane.example.com").await;
    let other = (1..200).map(check).find(|one| one.fix.key != check(0).fix.key).expect("another fix");
    for one in [check(0), other] {
        let resource = estate.resource(&NewResource::of(one, &one.id)).await;
        estate.verdict(resource, one, Verdict::Fail).await;
    }
    estate.add_up(60.0).await;
    sqlx::query("update fixes set assignee_id = $1, due_at = '2026-01-01' where fix_key = $2")
        .bind(person.0)
        .bind(&other.fix.key)
        .execute(&app.pool)
        .await
        .expect("assigned");
    let mut analyst = app.analyst().await;

    let theirs = analyst.get(&format!("/fixes?owner={person}")).await;
    assert_eq!(theirs.texts("tbody .cell-title"), std::slice::from_ref(&other.fix.title));
    assert!(theirs.texts("tbody tr")[0].contains("mara") && theirs.texts("tbody tr")[0].contains("overdue"));
    let nobody = analyst.get("/fixes?owner=nobody").await;
    assert_eq!(nobody.texts("tbody .cell-title"), [check(0).fix.title.clone()]);
    let here = analyst.get(&format!("/fixes?source={}", estate.source)).await;
    assert_eq!(here.texts("tbody .cell-title").len(), 2);
    let elsewhere = analyst.get("/fixes?source=01900000-0000-7000-8000-000000000000").await;
    assert_eq!(elsewhere.texts(".empty a"), ["All fixes"]);
    assert_eq!(theirs.texts("#owner option[selected]"), ["mara"]);
}
