//! Groups by tag: whatever happens, their sums are what a recount says.

use crate::estate::{Estate, all_read, bucket};
use plumbline_core::exception::{ExceptionKind, Scope};
use plumbline_core::id::{ExceptionId, FindingId};
use plumbline_core::resource::Resource;
use plumbline_store::group;
use plumbline_store::job::{self, Task};
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

/// How many sums of whole groups are not what their checks come to, and how many of severities not what counting says.
async fn wrong_sums(estate: &Estate) -> (i64, i64) {
    let groups = "with summed as (
             select tag_key, tag_value, count(*) as checks, sum(open_findings) as n, sum(loss) as loss
             from group_losses group by 1, 2
         )
         select count(*) from summed s full join group_sums g using (tag_key, tag_value)
         where (s.checks, s.n, s.loss) is distinct from (g.checks, g.open_findings, g.loss)";
    let severities = "with counted as (
             select '' as by_facet, '' as by_value, state, 'severity' as facet, severity as value, count(*) as n
             from findings group by 3, 5
             union all
             select 'severity', severity, state, 'region', region, count(*) from findings group by 2, 3, 5
             union all
             select 'exposure', exposure, state, 'severity', severity, count(*) from findings group by 2, 3, 5
         )
         select count(*) from counted c full join (
             select * from finding_facets where findings <> 0
                 and (by_facet, facet) in (('', 'severity'), ('severity', 'region'), ('exposure', 'severity'))
         ) f using (by_facet, by_value, state, facet, value)
         where c.n is distinct from f.findings";
    let count = async |query: &'static str| sqlx::query_scalar(query).fetch_one(&estate.pool).await.expect("a count");
    (count(groups).await, count(severities).await)
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
        assert_eq!(wrong_sums(&estate).await, (0, 0), "after step {step}");
    }
    assert!(!kept(&estate).await.is_empty());
    name_keys(&estate, &["env"]).await;
    assert_eq!(kept(&estate).await, recounted(&estate).await);
    assert_eq!(wrong_sums(&estate).await, (0, 0));
    let parts: serde_json::Value = sqlx::query_scalar("select parts from postures order by at desc limit 1")
        .fetch_one(&estate.pool)
        .await
        .expect("parts");
    assert!(parts["group:env=prod"]["score"].as_f64().is_some_and(|score| score <= 100.0));
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
