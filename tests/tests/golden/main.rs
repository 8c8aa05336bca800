//! Small estates in the order in which an expert would take them: what is found, `estates.yaml`, and what is to be done,
//! `queue.yaml`; each read through the real worker.

mod estate;
mod queue;

use estate::{Shapes, Small};
use serde::Deserialize;
use sqlx::PgPool;

#[derive(Deserialize)]
struct Golden {
    shapes: Shapes,
    estates: Vec<Small>,
}

fn golden() -> Golden {
    serde_yaml_ng::from_str(include_str!("estates.yaml")).expect("the page of estates")
}

/// The findings that the order names, with their risks, as the list has them.
async fn ranked(small: &Small, pool: &PgPool) -> Vec<(String, i16)> {
    let all: Vec<(String, i16)> = sqlx::query_as(
        "select case when f.subject = '' then f.check_id else f.subject end || ' on ' || r.name, f.risk
         from findings f join resources r using (tenant_id, resource_id) where f.state = 'open'
         order by f.risk desc, f.finding_id",
    )
    .fetch_all(pool)
    .await
    .expect("findings");
    all.into_iter().filter(|(name, _)| small.order.contains(name)).collect()
}

async fn paths(pool: &PgPool) -> Vec<String> {
    sqlx::query_scalar(
        "select a.goal || ' at ' || t.name || ' by ' || f.name from attack_paths a
         join resources t on t.resource_id = a.target_id join resources f on f.resource_id = a.foothold_id
         order by a.risk desc, a.path_id",
    )
    .fetch_all(pool)
    .await
    .expect("paths")
}

/// Every version of every row that a second look might touch.
async fn written(pool: &PgPool) -> Vec<String> {
    sqlx::query_scalar(
        "select xmin::text from attack_paths union all select xmin::text from path_findings
         union all select xmin::text from path_cuts union all select xmin::text from path_sums
         union all select xmin::text from fixes union all select xmin::text from findings
         union all select xmin::text from resources order by 1",
    )
    .fetch_all(pool)
    .await
    .expect("rows")
}

async fn holds(pool: PgPool, number: usize) {
    let golden = golden();
    let small = &golden.estates[number];
    let polling = small.polling(&pool, &golden.shapes).await;

    polling.poll().await.expect("polled");

    let ranked = ranked(small, &pool).await;
    let names: Vec<&String> = ranked.iter().map(|(name, _)| name).collect();
    assert_eq!(names, small.order.iter().collect::<Vec<_>>(), "{}: {} {ranked:?}", small.name, small.why);
    assert!(ranked.is_sorted_by(|a, b| a.1 > b.1), "{}: each is riskier than the next: {ranked:?}", small.name);
    assert_eq!(paths(&pool).await, small.paths, "{}: {}", small.name, small.why);
    let before = written(&pool).await;
    polling.poll().await.expect("polled again");
    assert_eq!(written(&pool).await, before, "{}: the same again writes nothing", small.name);
}

macro_rules! estates {
    ($($name:ident: $number:literal),+ $(,)?) => {
        $(#[sqlx::test(migrations = "../migrations")]
        async fn $name(pool: PgPool) {
            holds(pool, $number).await;
        })+

        #[test]
        fn every_estate_is_tried() {
            assert_eq!(golden().estates.len(), [$($number),+].len());
        }
    };
}

estates! {
    exploited_before_feared: 0,
    internet_before_inside: 1,
    production_before_development: 2,
    administrator_behind_before_none: 3,
    not_running_last: 4,
    confined_after_lax: 5,
    likely_before_unlikely: 6,
    public_data_before_escape: 7,
    path_to_administrator_before_secret: 8,
    escape_leads_to_the_cloud: 9,
    no_escape_no_path: 10,
    shorter_and_exploited_first: 11,
}
