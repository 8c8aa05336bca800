//! The list of findings.

use plumbline_core::risk::Exposure;
use plumbline_core::verdict::Verdict;
use plumbline_tests::builders::{Estate, NewResource, check};
use plumbline_tests::{Answer, TestApp};
use sqlx::PgPool;

/// Three failures: two of one check (one of them on the internet), one of another.
async fn three(app: &TestApp) -> Estate<'_> {
    let estate = Estate::of(app).await;
    let exposed = NewResource { exposure: Exposure::Internet, ..NewResource::of(check(0), "edge") };
    let far = NewResource { region: "eu-central-1", ..NewResource::of(check(0), "inner") };
    for new in [exposed, far] {
        let resource = estate.resource(&new).await;
        estate.verdict(resource, check(0), Verdict::Fail).await;
    }
    let resource = estate.resource(&NewResource::of(check(7), "other")).await;
    estate.verdict(resource, check(7), Verdict::Fail).await;
    estate.add_up(40.0).await;
    estate
}

fn resources(page: &Answer) -> Vec<String> {
    page.texts("tbody .cell-sub .strong")
}

#[sqlx::test(migrations = "../migrations")]
async fn the_list_shows_what_is_open_riskiest_first(pool: PgPool) {
    let app = TestApp::start(pool).await;
    three(&app).await;

    let page = app.analyst().await.get("/findings").await;

    assert!(page.texts("caption")[0].starts_with("3 findings"));
    let risks: Vec<i64> = page.texts("tbody .risk").iter().map(|risk| risk.parse().expect("a number")).collect();
    assert!(risks.is_sorted_by(|a, b| a >= b), "{risks:?}");
    assert_eq!(page.texts(".chip").len(), 1, "that it is open is said");
}

#[sqlx::test(migrations = "../migrations")]
async fn a_facet_narrows_the_list_and_counts_under_the_other_filters(pool: PgPool) {
    let app = TestApp::start(pool).await;
    three(&app).await;
    let mut analyst = app.analyst().await;

    let page = analyst.get("/findings?exposure=internet").await;

    assert_eq!(resources(&page), ["edge"]);
    let facets = page.texts(".facet");
    let of = |title: &str| facets.iter().find(|facet| facet.starts_with(title)).cloned().unwrap_or_default();
    assert!(of("Reachable from").contains("A private network2"), "its own filter does not count: {facets:?}");
    assert!(!of("Region").contains("eu-central-1"), "the others do: {facets:?}");
    assert!(page.texts(".chip").iter().any(|chip| chip.contains("The internet")));
}

#[sqlx::test(migrations = "../migrations")]
async fn filters_work_together_and_by_what_the_catalogue_says_of_the_check(pool: PgPool) {
    let app = TestApp::start(pool).await;
    three(&app).await;
    let mut analyst = app.analyst().await;
    let (id, severity, layer) = (&check(0).id, check(0).severity.as_str(), check(0).layer.as_str());

    let page =
        analyst.get(&format!("/findings?check={id}&severity={severity}&layer={layer}&region=eu-central-1")).await;
    let none = analyst.get(&format!("/findings?check={id}&region=nowhere")).await;

    assert_eq!(resources(&page), ["inner"]);
    assert!(page.texts("caption")[0].starts_with("1 finding,"));
    assert_eq!(none.texts(".empty h2"), ["Nothing matches"]);
}

#[sqlx::test(migrations = "../migrations")]
async fn a_search_finds_by_the_beginning_of_a_name_by_uid_and_by_the_checks_words(pool: PgPool) {
    let app = TestApp::start(pool).await;
    three(&app).await;
    let mut analyst = app.analyst().await;

    assert_eq!(resources(&analyst.get("/findings?q=INN").await), ["inner"]);
    let uid = plumbline_tests::builders::uid("edge");
    assert_eq!(resources(&analyst.get(&format!("/findings?q={uid}")).await), ["edge"]);
    let by_check = analyst.get(&format!("/findings?q={}", check(7).id)).await;
    assert_eq!(resources(&by_check), ["other"]);
    assert!(by_check.texts("caption")[0].starts_with("1 finding,"));
}

#[sqlx::test(migrations = "../migrations")]
async fn pages_follow_each_other_without_gap_or_repetition(pool: PgPool) {
    let app = TestApp::start(pool).await;
    let estate = Estate::of(&app).await;
    for at in 0..120 {
        let check = if at % 3 == 0 { check(0) } else { check(7) };
        let resource = estate.resource(&NewResource::of(check, &format!("r{at:03}"))).await;
        estate.verdict(resource, check, Verdict::Fail).await;
    }
    estate.add_up(1.0).await;
    let mut analyst = app.analyst().await;

    for filter in ["", &format!("&check={}&check={}", check(0).id, check(7).id), "&account=111122223333", "&q=r"] {
        let mut path = Some(format!("/findings?state=open{filter}"));
        let mut seen = Vec::new();
        while let Some(next) = path {
            let page = analyst.get(&next).await;
            seen.extend(resources(&page));
            path = page.attribute(".pager a.button", "href");
        }
        assert_eq!(seen.len(), 120, "{filter}");
        seen.sort();
        seen.dedup();
        assert_eq!(seen.len(), 120, "{filter}");
    }
}

#[sqlx::test(migrations = "../migrations")]
async fn nonsense_in_the_address_is_left_out_and_a_fragment_is_the_list_alone(pool: PgPool) {
    let app = TestApp::start(pool).await;
    three(&app).await;
    let mut analyst = app.analyst().await;

    let odd = analyst.get("/findings?severity=huge&source=1&after=%27%3B&state=broken&account=%00&q=%25_%5C%27").await;
    let fragment = analyst.fragment("/findings?state=any").await;

    assert_eq!(odd.status, 200);
    assert!(fragment.body.trim_start().starts_with("<div id=\"list\"") && !fragment.body.contains("<html"));
}

/// The sums beside the filters, whatever happened to the counts, are what counting would say.
#[sqlx::test(migrations = "../migrations")]
async fn the_sums_of_the_facets_follow_the_counts(pool: PgPool) {
    let app = TestApp::start(pool).await;
    three(&app).await;
    let counts = [
        "insert into finding_counts select tenant_id, check_id, 'resolved', source_id, account, region, exposure, criticality, 7, 1 from finding_counts",
        "update finding_counts set findings = findings + 3 where exposure = 'internet'",
        "update finding_counts set region = 'us-east-1' where region = 'eu-central-1' and state = 'open'",
        "delete from finding_counts where state = 'resolved' and exposure = 'private'",
    ];

    for change in counts {
        sqlx::query(change).execute(&app.pool).await.expect("a change");
        let (wrong,): (i64,) = sqlx::query_as(
            "with counted as (
                 select '' as by_facet, '' as by_value, state, 'region' as facet, region as value, sum(findings) as n
                 from finding_counts group by state, region
                 union all
                 select 'check', check_id, state, 'exposure', exposure, sum(findings) from finding_counts group by check_id, state, exposure
                 union all
                 select 'exposure', exposure, state, 'check', check_id, sum(findings) from finding_counts group by check_id, state, exposure
             )
             select count(*) from counted c full join (
                 select * from finding_facets where findings <> 0 and (by_facet, facet) in (('', 'region'), ('check', 'exposure'), ('exposure', 'check'))
             ) f using (by_facet, by_value, state, facet, value)
             where c.n is distinct from f.findings",
        )
        .fetch_one(&app.pool)
        .await
        .expect("a comparison");
        assert_eq!(wrong, 0, "{change}");
    }
}
