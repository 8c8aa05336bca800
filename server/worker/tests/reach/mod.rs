//! The stack joined up: what one source sees to be on the internet makes what another source sees weigh more.

use super::estate::{Estate, Step, scope};
use plumbline_core::id::SourceId;
use plumbline_core::resource::{Edge, Resource};
use plumbline_core::scope::{Outcome, ScopeKey};
use plumbline_store::reconcile;
use serde_json::{Value, json};
use sqlx::PgPool;
use std::collections::BTreeMap;
use tokio_util::sync::CancellationToken;

const IMAGE: &str = "registry.example.com/shop@sha256:aa";

fn resource(scope: ScopeKey, kind: &str, uid: &str, attributes: &Value, edges: &[(&str, &str)]) -> Resource {
    Resource {
        region: scope.region.clone(),
        scope,
        kind: kind.to_owned(),
        uid: uid.to_owned(),
        name: uid.to_owned(),
        attributes: attributes.as_object().cloned().unwrap_or_default(),
        unread: BTreeMap::new(),
        tags: BTreeMap::new(),
        edges: edges.iter().map(|(name, to)| Edge { relation: (*name).to_owned(), to: (*to).to_owned() }).collect(),
    }
}

/// A load balancer in front of a service that runs the image.
fn cloud(scheme: &str) -> Vec<Step> {
    let all = [
        (
            "elb.load_balancers",
            "aws.elb.load_balancer",
            "lb",
            json!({ "Scheme": scheme }),
            vec![("target_group", "tg")],
        ),
        ("elb.target_groups", "aws.elb.target_group", "tg", json!({}), vec![("load_balancer", "lb")]),
        (
            "ecs.services",
            "aws.ecs.service",
            "shop",
            json!({}),
            vec![("target_group", "tg"), ("task_definition", "task")],
        ),
        ("ecs.task_definitions", "aws.ecs.task_definition", "task", json!({}), vec![("image", IMAGE)]),
    ];
    let read = all.iter().flat_map(|(reader, kind, uid, attributes, edges)| {
        let scope = scope("eu-west-1", reader);
        let seen = resource(scope.clone(), kind, uid, attributes, edges);
        [Step::Plan(scope.clone()), Step::See(Box::new(seen)), Step::End(scope, Outcome::Complete)]
    });
    read.collect()
}

/// A registry with an image that runs as root.
fn registry() -> Vec<Step> {
    let scope = ScopeKey {
        account: "registry.example.com".to_owned(),
        region: "shop".to_owned(),
        reader: "registry.images".to_owned(),
    };
    let image = resource(scope.clone(), "image", IMAGE, &json!({ "Config": { "User": "root" } }), &[]);
    vec![Step::Plan(scope.clone()), Step::See(Box::new(image)), Step::End(scope, Outcome::Complete)]
}

async fn exposure(estate: &Estate) -> String {
    sqlx::query_scalar("select exposure from findings where check_id = 'image_user_is_not_root' and state = 'open'")
        .fetch_one(&estate.pool)
        .await
        .expect("the finding")
}

/// A cloud and a registry, of which the registry was polled.
async fn two_sources(pool: PgPool) -> (Estate, SourceId, SourceId) {
    let mut estate = Estate::new(pool).await;
    estate.judge_by_all_checks();
    let (account, images) = (estate.connect("cloud").await, estate.connect("registry").await);
    estate.run_of(images, registry()).await;
    (estate, account, images)
}

#[sqlx::test(migrations = "../../migrations")]
async fn what_runs_behind_a_load_balancer_is_on_the_internet(pool: PgPool) {
    let (estate, account, _) = two_sources(pool).await;
    assert_eq!(exposure(&estate).await, "private");

    estate.run_of(account, cloud("internet-facing")).await;
    assert_eq!(exposure(&estate).await, "internet");
    let through: String = sqlx::query_scalar(
        "select t.name from resources r join resources t on t.resource_id = r.reached_through where r.uid = $1",
    )
    .bind(IMAGE)
    .fetch_one(&estate.pool)
    .await
    .expect("what it is reached through");
    assert_eq!(through, "task");

    estate.run_of(account, cloud("internal")).await;
    assert_eq!(exposure(&estate).await, "private");
}

#[sqlx::test(migrations = "../../migrations")]
async fn the_score_says_why_it_moved_when_something_becomes_reachable(pool: PgPool) {
    let (estate, account, images) = two_sources(pool).await;
    estate.run_of(account, cloud("internal")).await;
    let (before, _, _) = estate.posture().await;

    estate.run_of(account, cloud("internet-facing")).await;

    let (after, _, _) = estate.posture().await;
    assert!(after < before, "{after} is less than {before}");
    let told: f64 = sqlx::query_scalar(
        "select sum(delta) from score_ledger where at > (
             select at from postures where abs(score - $1) < 1e-12 order by at desc limit 1)",
    )
    .bind(before)
    .fetch_one(&estate.pool)
    .await
    .expect("the ledger");
    assert!((told - (after - before)).abs() < 1e-9, "{told} tells of {}", after - before);
    // And it does not move again for the same reason, whichever source is polled next.
    let findings = || async {
        let rows: Vec<(String, i64)> =
            sqlx::query_as("select check_id, loss from findings where state = 'open' order by check_id, finding_id")
                .fetch_all(&estate.pool)
                .await
                .expect("findings");
        rows
    };
    let once = findings().await;
    estate.run_of(images, registry()).await;
    estate.run_of(account, cloud("internet-facing")).await;
    assert_eq!(findings().await, once);
}

#[sqlx::test(migrations = "../../migrations")]
async fn a_source_that_is_disconnected_exposes_nothing_any_more(pool: PgPool) {
    let (estate, account, _) = two_sources(pool).await;
    estate.run_of(account, cloud("internet-facing")).await;
    assert_eq!(exposure(&estate).await, "internet");

    let now = estate.worker.mint.now();
    let mut tx = estate.database.tenant(estate.tenant).await.expect("a door");
    reconcile::lock(&mut tx).await.expect("locked");
    plumbline_store::source::remove(&mut tx, account, now).await.expect("removed");
    reconcile::disconnect(&mut tx, account, &estate.worker.weighing, now).await.expect("disconnected");
    plumbline_store::job::enqueue(&mut tx, &plumbline_store::job::Task::Match, now, &estate.worker.mint)
        .await
        .expect("queued");
    tx.commit().await.expect("kept");
    while estate.worker.work_once(&CancellationToken::new()).await.expect("worked") {}

    assert_eq!(exposure(&estate).await, "private");
}
