//! Rules of criticality that change while a run is under way.

use crate::estate::{Estate, Step, all_read, bucket};
use plumbline_core::criticality::Rules;
use plumbline_store::criticality;
use sqlx::PgPool;
use std::sync::Arc;
use tokio::sync::Barrier;
use tokio_util::sync::CancellationToken;

#[sqlx::test(migrations = "../../migrations")]
async fn what_a_run_saw_is_weighed_by_rules_that_changed_meanwhile(pool: PgPool) {
    let estate = Estate::new(pool).await;
    let met = Arc::new(Barrier::new(2));
    let mut steps = vec![Step::Meet(met.clone())];
    steps.extend(all_read(&[bucket("ledger", false)]));
    let change = async {
        met.wait().await;
        let mut tx = estate.database.tenant(estate.tenant).await.expect("a door");
        let rules = Rules::parse("high name:ledger").expect("rules");
        criticality::replace(&mut tx, &rules).await.expect("other rules");
        tx.commit().await.expect("kept");
        met.wait().await;
    };

    tokio::join!(estate.run(steps), change);
    while estate.worker.work_once(&CancellationToken::new()).await.expect("worked") {}

    let levels: Vec<String> = sqlx::query_scalar(
        "select r.criticality from resources r where r.name = 'ledger'
         union all
         select f.criticality from findings f",
    )
    .fetch_all(&estate.pool)
    .await
    .expect("levels");
    assert_eq!(levels, ["high", "high"]);
}

#[sqlx::test(migrations = "../../migrations")]
async fn other_weights_of_the_ranking_are_in_the_ledger_once_and_move_no_score(pool: PgPool) {
    let estate = Estate::new(pool).await;
    let listed = all_read(&[bucket("a", false)]);
    estate.run(listed.clone()).await;
    let before = estate.posture().await;
    // As a version of before would have left it, which does not know of versions of the ranking either.
    for sql in [
        "insert into catalogue_versions (version, first_used, weights)
         select 'before', first_used, weights - 'ranking' from catalogue_versions",
        "update postures set catalogue_version = 'before'",
        "update sources set evaluated_version = 'before'",
    ] {
        sqlx::query(sql).execute(&estate.pool).await.expect("an older version");
    }
    estate.run(listed.clone()).await;
    estate.run(listed).await;

    let told: Vec<(f64, f64, i64, serde_json::Value)> = sqlx::query_as(
        "select delta, gross_delta, findings, detail -> 'ranking' from score_ledger where cause = 'ours'",
    )
    .fetch_all(&estate.pool)
    .await
    .expect("entries");
    let now = estate.worker.weighing.ranking;
    assert_eq!(told, [(0.0, 0.0, 0, serde_json::json!([1, now]))]);
    assert_eq!(estate.posture().await, before);
}
