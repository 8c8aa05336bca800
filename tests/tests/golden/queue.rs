//! The queue of fixes of small estates, against `queue.yaml`.

use crate::estate::{Shapes, Small};
use chrono::TimeDelta;
use plumbline_core::clock::FrozenClock;
use plumbline_core::exception::{ExceptionKind, Scope};
use plumbline_core::id::{FindingId, Mint, PersonId};
use plumbline_policy::Catalogue;
use plumbline_store::fix::{self, FixFilter, FixRow, FixSort};
use plumbline_store::{PageRequest, exception, reconcile};
use plumbline_tests::polling::Polling;
use rand::SeedableRng;
use rand::rngs::StdRng;
use serde::Deserialize;
use sqlx::PgPool;
use std::sync::Arc;
use uuid::Uuid;

/// `queue.yaml`; the shapes are those of `estates.yaml` and its own.
#[derive(Deserialize)]
struct Queues {
    shapes: Shapes,
    estates: Vec<Small>,
}

fn queues() -> Queues {
    let mut queues: Queues = serde_yaml_ng::from_str(include_str!("queue.yaml")).expect("the page of queues");
    queues.shapes.extend(crate::golden().shapes);
    queues
}

/// Has the risk of a finding accepted for a month.
async fn accept(polling: &Polling, pool: &PgPool, name: &str) {
    let finding: Uuid = sqlx::query_scalar(
        "select f.finding_id from findings f join resources r using (tenant_id, resource_id)
         where case when f.subject = '' then f.check_id else f.subject end || ' on ' || r.name = $1",
    )
    .bind(name)
    .fetch_one(pool)
    .await
    .expect("a finding");
    let mint = Mint::new(Arc::new(FrozenClock::at(polling.now())), StdRng::seed_from_u64(11));
    let (asker, approver) = (PersonId(Uuid::from_u128(1)), PersonId(Uuid::from_u128(2)));
    let mut tx = polling.tenant().await.expect("a door");
    reconcile::lock(&mut tx).await.expect("locked");
    let new = exception::NewException {
        kind: ExceptionKind::AcceptedRisk,
        scope: &Scope::Finding(FindingId(finding)),
        reason: "known, and left as it is for a while",
        by: asker,
        expires_at: polling.now() + TimeDelta::days(30),
        renews: None,
        attachment: None,
    };
    let id = exception::ask(&mut tx, new, &mint).await.expect("asked");
    exception::approve(&mut tx, id, approver, &mint).await.expect("approved");
    let weighing = Catalogue::builtin().weighing();
    reconcile::put_in_force(&mut tx, id, Some(approver), &weighing, polling.now()).await.expect("in force");
    tx.commit().await.expect("kept");
}

/// What a fix is called in `queue.yaml`: its key and what it is applied to.
fn named(row: &FixRow) -> String {
    format!("{} on {}", row.fix_key, row.resource_name.as_ref().unwrap_or(&row.target))
}

async fn holds(pool: PgPool, number: usize) {
    let queues = queues();
    let small = &queues.estates[number];
    let polling = small.polling(&pool, &queues.shapes).await;

    polling.poll().await.expect("polled");
    for name in &small.accepted {
        accept(&polling, &pool, name).await;
    }

    let mut tx = polling.tenant().await.expect("a door");
    let page = PageRequest { after: None, size: 500 };
    let rows = fix::list(&mut tx, &FixFilter::default(), FixSort::Recommended, &page).await.expect("the queue").items;
    let told: Vec<String> =
        rows.iter().map(|row| format!("{:8.3} {} {:?}", row.rank, named(row), row.place())).collect();
    let order: Vec<String> = rows.iter().map(named).filter(|name| small.order.contains(name)).collect();
    assert_eq!(order, small.order, "{}: {}\n{}", small.name, small.why, told.join("\n"));
    assert!(rows.iter().all(|row| row.rank.to_bits() == row.place().rank().to_bits()), "the same formula in both");
    let of = |name: &String| rows.iter().find(|row| named(row) == *name).expect("in the queue").rank;
    let ranks: Vec<f64> = small.order.iter().map(of).collect();
    assert!(ranks.is_sorted_by(|a, b| a > b), "{}: each stands before the next: {ranks:?}", small.name);
}

macro_rules! queues {
    ($($name:ident: $number:literal),+ $(,)?) => {
        $(#[sqlx::test(migrations = "../migrations")]
        async fn $name(pool: PgPool) {
            holds(pool, $number).await;
        })+

        #[test]
        fn every_queue_is_tried() {
            assert_eq!(queues().estates.len(), [$($number),+].len());
        }
    };
}

queues! {
    exploited_before_public_data_of_a_test: 0,
    a_switch_of_the_account_before_ten_buckets: 1,
    only_path_to_administrator_before_more_gain: 2,
    one_fix_of_many_paths_before_one_of_one: 3,
    less_work_breaks_a_tie: 4,
    accepted_risk_is_not_counted: 5,
    not_running_last: 6,
    exploited_before_a_hundred_lesser: 7,
    what_takes_longer_but_is_used_first: 8,
    where_many_paths_meet_first: 9,
}
