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
