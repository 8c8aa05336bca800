//! Groups by tag: whatever happens, their sums are what a recount says.

use crate::estate::{Estate, all_read, bucket};
use plumbline_core::exception::{ExceptionKind, Scope};
use plumbline_core::id::{ExceptionId, FindingId};
use plumbline_core::resource::Resource;
use plumbline_store::job::{self, Task};
use plumbline_store::{group, reconcile};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use sqlx::PgPool;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

async fn name_keys(estate: &Estate, keys: &[&str]) {
    let keys: Vec<String> = keys.iter().map(|key| (*key).to_owned()).collect();
    let mut tx = estate.database.tenant(estate.tenant).await.expect("a door");
    group::name_keys(&mut tx, &keys).await.expect("named");
    job::enqueue(&mut tx, &Task::Regroup, estate.worker.mint.now(), &estate.worker.mint).await.expect("queued");
    tx.commit().await.expect("kept");
    assert!(estate.worker.work_once(&CancellationToken::new()).await.expect("worked"));
}

async fn lines(estate: &Estate, query: &'static str) -> Vec<(String, String, String, i64, i64, i64)> {
    sqlx::query_as(query).fetch_all(&estate.pool).await.expect("sums")
}

async fn kept(estate: &Estate) -> Vec<(String, String, String, i64, i64, i64)> {
    lines(
        estate,
        "select tag_key, tag_value, check_id, loss, net_loss, open_findings from group_losses order by 1, 2, 3",
    )
    .await
}

async fn recounted(estate: &Estate) -> Vec<(String, String, String, i64, i64, i64)> {
    lines(
        estate,
        "select k.tag_key, r.tags ->> k.tag_key, f.check_id, sum(f.loss)::bigint,
             coalesce(sum(f.loss) filter (where f.state = 'open'), 0)::bigint,
             count(*) filter (where f.state = 'open')
         from findings f join resources r using (tenant_id, resource_id) join group_keys k using (tenant_id)
         where f.state <> 'resolved' and r.tags ->> k.tag_key is not null group by 1, 2, 3 order by 1, 2, 3",
    )
    .await
}

fn tagged(name: &str, blocked: bool, tags: &[(&str, &str)]) -> Resource {
    let mut resource = bucket(name, blocked);
    resource.tags = tags.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    resource
}

#[sqlx::test(migrations = "../../migrations")]
async fn the_sums_of_groups_equal_a_recount_after_any_history(pool: PgPool) {
    let estate = Estate::new(pool).await;
    name_keys(&estate, &["team", "service"]).await;
    let mut chance = StdRng::seed_from_u64(11);
    let values = ["payments", "search", "platform"];
    for step in 0..14 {
        let listed: Vec<Resource> = (0..chance.random_range(1..9))
            .map(|at| {
                let (team, service) = (values[chance.random_range(0..3)], values[chance.random_range(0..3)]);
                let tags = [("team", team), ("service", service), ("env", "prod")];
                tagged(&format!("b{at}"), chance.random_range(0..3) == 0, &tags[chance.random_range(0..3)..])
            })
            .collect();
        estate.run(all_read(&listed)).await;
        if step % 3 == 0 {
            accept_one(&estate, step % 2 == 0).await;
        }
        assert_eq!(kept(&estate).await, recounted(&estate).await, "after step {step}");
    }
    assert!(!kept(&estate).await.is_empty());
    name_keys(&estate, &["env"]).await;
    assert_eq!(kept(&estate).await, recounted(&estate).await);
    let parts: serde_json::Value = sqlx::query_scalar("select parts from postures order by at desc limit 1")
        .fetch_one(&estate.pool)
        .await
        .expect("parts");
    assert!(parts["group:env=prod"]["score"].as_f64().is_some_and(|score| score <= 100.0));
}

#[sqlx::test(migrations = "../../migrations")]
async fn runs_between_the_batches_of_a_recount_leave_its_sums_right(pool: PgPool) {
    let estate = Estate::new(pool).await;
    let values = ["payments", "search"];
    let mut chance = StdRng::seed_from_u64(5);
    let mut listed = || -> Vec<Resource> {
        let one = |at: usize, team: usize, blocked: bool| tagged(&format!("b{at}"), blocked, &[("team", values[team])]);
        (0..8).map(|at| one(at, chance.random_range(0..2), chance.random_range(0..2) == 0)).collect()
    };
    estate.run(all_read(&listed())).await;
    let mut tx = estate.database.tenant(estate.tenant).await.expect("a door");
    group::name_keys(&mut tx, &["team".to_owned()]).await.expect("named");
    tx.commit().await.expect("kept");

    let mut batches = 0;
    loop {
        let mut tx = estate.database.tenant(estate.tenant).await.expect("a door");
        reconcile::lock(&mut tx).await.expect("held");
        let (weighing, now) = (&estate.worker.weighing, estate.worker.mint.now());
        let more = reconcile::regroup(&mut tx, weighing, 1, now).await.expect("a batch");
        let shown = group::list(&mut tx, None).await.expect("groups").len();
        tx.commit().await.expect("kept");
        estate.run(all_read(&listed())).await;
        if !more {
            break;
        }
        batches += 1;
        assert_eq!((groups_told(&estate).await, shown), (0, 0), "none is told of before it is whole");
    }
    assert!(batches >= 8);
    assert_eq!(kept(&estate).await, recounted(&estate).await);
    assert!(groups_told(&estate).await > 0);
}

/// Of how many groups the last posture tells.
async fn groups_told(estate: &Estate) -> i64 {
    sqlx::query_scalar(
        "select count(*) from (select parts from postures order by at desc limit 1) p, jsonb_object_keys(parts) part
         where part like 'group:%'",
    )
    .fetch_one(&estate.pool)
    .await
    .expect("parts")
}

/// Has an exception cover a finding, or ends one.
async fn accept_one(estate: &Estate, accepted: bool) {
    if !accepted {
        let ended: Option<Uuid> = sqlx::query_scalar(
            "select exception_id from exceptions where state = 'in_force' order by exception_id limit 1",
        )
        .fetch_optional(&estate.pool)
        .await
        .expect("a look-up");
        if let Some(exception) = ended {
            estate.end_exception(ExceptionId(exception)).await;
        }
        return;
    }
    let finding: Option<Uuid> =
        sqlx::query_scalar("select finding_id from findings where state = 'open' order by finding_id limit 1")
            .fetch_optional(&estate.pool)
            .await
            .expect("a look-up");
    if let Some(finding) = finding {
        estate.except(&Scope::Finding(FindingId(finding)), ExceptionKind::AcceptedRisk, 30).await;
    }
}
