//! Groups by tag: whatever happens, their sums are what a recount says.

use crate::estate::{Estate, all_read, bucket, bucket_unreadable};
use plumbline_core::exception::{ExceptionKind, Scope};
use plumbline_core::id::{ExceptionId, FindingId};
use plumbline_core::resource::Resource;
use plumbline_store::job::{self, Task};
use plumbline_store::{group, reconcile};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::Value;
use sqlx::PgPool;
use std::collections::BTreeMap;
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

/// Group, check and numbers, as text: kept ones beside those of a recount.
async fn both(estate: &Estate, queries: [&'static str; 2]) -> [Vec<String>; 2] {
    let mut found = [Vec::new(), Vec::new()];
    for (lines, query) in found.iter_mut().zip(queries) {
        *lines = sqlx::query_scalar(query).fetch_all(&estate.pool).await.expect("sums");
    }
    found
}

const LOSSES: [&str; 2] = [
    "select concat_ws(' ', tag_key, tag_value, check_id, loss, net_loss, open_findings, decided, unknown) from group_losses
     order by 1",
    "select concat_ws(' ', tag_key, tag_value, check_id, sum(loss), sum(net), sum(open), sum(decided), sum(unknown)) from (
         select k.tag_key, r.tags ->> k.tag_key as tag_value, f.check_id, f.loss,
             case when f.state = 'open' then f.loss else 0 end as net, (f.state = 'open')::int as open, 0 as decided,
             0 as unknown
         from findings f join resources r using (tenant_id, resource_id) join group_keys k using (tenant_id)
         where f.state <> 'resolved'
         union all
         select k.tag_key, r.tags ->> k.tag_key, v.check_id, 0, 0, 0, (v.verdict in ('pass', 'fail'))::int,
             (v.verdict = 'unknown')::int
         from verdicts v join resources r using (tenant_id, resource_id) join group_keys k using (tenant_id)
         where v.verdict <> 'not_applicable'
     ) all_of_it where tag_value is not null group by tag_key, tag_value, check_id order by 1",
];

const FIXES: [&str; 2] = [
    "select concat_ws(' ', tag_key, tag_value, fix_id, check_id, loss, open_findings) from group_fixes order by 1",
    "select concat_ws(' ', k.tag_key, r.tags ->> k.tag_key, f.fix_id, f.check_id, sum(f.loss), count(*))
     from findings f join resources r using (tenant_id, resource_id) join group_keys k using (tenant_id)
     where f.state = 'open' and r.tags ->> k.tag_key is not null
     group by k.tag_key, r.tags ->> k.tag_key, f.fix_id, f.check_id order by 1",
];

async fn assert_kept_as_recounted(estate: &Estate, when: &str) {
    for queries in [LOSSES, FIXES] {
        let [kept, recounted] = both(estate, queries).await;
        assert_eq!(kept, recounted, "{when}");
    }
    assert_eq!(wrong_sums(estate).await, (0, 0), "{when}");
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

/// How each group stands by the last posture, in a hundred thousandth of a point; a group that is gone has no loss.
async fn scores(estate: &Estate, word: &'static str) -> BTreeMap<String, f64> {
    let parts: BTreeMap<String, Value> = parts(estate).await;
    let of = |(name, part): (String, Value)| Some((name.strip_prefix("group:")?.to_owned(), part[word].as_f64()?));
    parts.into_iter().filter_map(of).collect()
}

async fn parts(estate: &Estate) -> BTreeMap<String, Value> {
    let parts: Value = sqlx::query_scalar("select parts from postures order by at desc limit 1")
        .fetch_one(&estate.pool)
        .await
        .expect("parts");
    serde_json::from_value(parts).expect("an object")
}

/// The points of each group's ledger add up to where its score is now, from the hundred that it had without any finding.
async fn assert_ledger_adds_up(estate: &Estate, when: &str) {
    let sums: Vec<(String, f64, f64)> =
        sqlx::query_as("select tag_key || '=' || tag_value, sum(delta), sum(gross_delta) from group_ledger group by 1")
            .fetch_all(&estate.pool)
            .await
            .expect("sums");
    let (net, gross) = (scores(estate, "score").await, scores(estate, "gross").await);
    for (group, points, gross_points) in sums {
        let stands = [&net, &gross].map(|scores| scores.get(&group).copied().unwrap_or(100.0));
        let apart = (stands[0] - 100.0 - points).abs().max((stands[1] - 100.0 - gross_points).abs());
        assert!(apart < 1e-6, "{when}: {group} stands at {stands:?}, its ledger says {points} and {gross_points}");
    }
}

fn tagged(mut resource: Resource, tags: &[(&str, &str)]) -> Resource {
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
                let (name, how) = (format!("b{at}"), chance.random_range(0..5));
                let seen = if how == 4 { bucket_unreadable(&name) } else { bucket(&name, how == 0) };
                tagged(seen, &tags[chance.random_range(0..3)..])
            })
            .collect();
        estate.run(all_read(&listed)).await;
        let when = format!("after step {step}");
        assert_ledger_adds_up(&estate, &when).await;
        if step % 3 == 0 {
            accept_one(&estate, step % 2 == 0).await;
        }
        assert_kept_as_recounted(&estate, &when).await;
        assert_ledger_adds_up(&estate, &when).await;
    }
    let causes: Vec<String> = sqlx::query_scalar("select distinct cause from group_ledger order by 1")
        .fetch_all(&estate.pool)
        .await
        .expect("causes");
    assert_eq!(causes, ["exception", "fixed", "new_failure", "new_resource", "retagged"]);

    name_keys(&estate, &["env"]).await;
    assert_kept_as_recounted(&estate, "with another key").await;
    assert!(scores(&estate, "score").await.contains_key("env=prod"));
}

#[sqlx::test(migrations = "../../migrations")]
async fn a_group_knows_what_could_not_be_decided_of_it(pool: PgPool) {
    let estate = Estate::new(pool).await;
    name_keys(&estate, &["team"]).await;
    let of = |seen: Resource, team: &str| tagged(seen, &[("team", team)]);
    estate
        .run(all_read(&[
            of(bucket("a", true), "shop"),
            of(bucket_unreadable("b"), "shop"),
            of(bucket("c", true), "till"),
        ]))
        .await;

    let stands = parts(&estate).await;
    let (shop, till) = (&stands["group:team=shop"], &stands["group:team=till"]);
    assert_eq!(
        (shop["coverage"].as_f64(), shop["score"].as_f64(), shop["open"].as_i64()),
        (Some(0.5), Some(100.0), Some(0))
    );
    assert!(shop["bound"].as_f64() < shop["score"].as_f64(), "{shop}");
    assert_eq!((till["coverage"].as_f64(), till["bound"].as_f64()), (Some(1.0), Some(100.0)));
}

#[sqlx::test(migrations = "../../migrations")]
async fn tags_that_change_alone_move_the_groups_of_the_posture(pool: PgPool) {
    let estate = Estate::new(pool).await;
    name_keys(&estate, &["team"]).await;
    let of = |team: &str| all_read(&[tagged(bucket("a", false), &[("team", team)])]);
    estate.run(of("shop")).await;
    let whole = scores(&estate, "score").await["team=shop"];
    estate.run(of("till")).await;

    assert_eq!(scores(&estate, "score").await, BTreeMap::from([("team=till".to_owned(), whole)]));
    assert_ledger_adds_up(&estate, "moved").await;
    let entries: Vec<(String, String)> =
        sqlx::query_as("select tag_value, cause from group_ledger order by at, tag_value")
            .fetch_all(&estate.pool)
            .await
            .expect("entries");
    let entry = |team: &str, cause: &str| (team.to_owned(), cause.to_owned());
    assert_eq!(entries, [entry("shop", "new_resource"), entry("shop", "retagged"), entry("till", "retagged")]);
}

#[sqlx::test(migrations = "../../migrations")]
async fn the_ledger_of_a_group_tells_of_other_weights(pool: PgPool) {
    let mut estate = Estate::new(pool).await;
    name_keys(&estate, &["team"]).await;
    let listed = all_read(&[tagged(bucket("a", false), &[("team", "shop")])]);
    estate.run(listed.clone()).await;
    let before = scores(&estate, "score").await["team=shop"];
    estate.judge_by_all_checks();
    estate.run(listed).await;

    assert!((scores(&estate, "score").await["team=shop"] - before).abs() > 0.1);
    assert_ledger_adds_up(&estate, "by all checks").await;
    assert_kept_as_recounted(&estate, "by all checks").await;
}

#[sqlx::test(migrations = "../../migrations")]
async fn runs_between_the_batches_of_a_recount_leave_its_sums_right(pool: PgPool) {
    let estate = Estate::new(pool).await;
    let values = ["payments", "search"];
    let mut chance = StdRng::seed_from_u64(5);
    let mut listed = || -> Vec<Resource> {
        let one = |at: usize, team: usize, blocked: bool| {
            tagged(bucket(&format!("b{at}"), blocked), &[("team", values[team])])
        };
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
    assert_kept_as_recounted(&estate, "after the last batch").await;
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
