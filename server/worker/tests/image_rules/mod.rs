//! What a tenant and its operator say of images is held against those that are known, without asking a registry.

use crate::estate::{Estate, Step};
use plumbline_core::allowed::AllowedSources;
use plumbline_core::resource::Resource;
use plumbline_core::scope::{Outcome, ScopeKey};
use plumbline_policy::Catalogue;
use plumbline_software::layer::{Executable, Software};
use plumbline_store::image_rules::{self, BadHash};
use plumbline_store::job::{self, Task};
use plumbline_store::memory;
use serde_json::json;
use sqlx::PgPool;
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

const HOST: &str = "registry.example.com";
const ALLOWED: &str = "image_comes_from_allowed_source";
const BAD: &str = "image_no_known_bad_files";

fn images(repository: &str) -> ScopeKey {
    ScopeKey { account: HOST.to_owned(), region: repository.to_owned(), reader: "registry.images".to_owned() }
}

fn image(repository: &str) -> Vec<Step> {
    let attributes = json!({ "Repository": repository, "Software": format!("software {repository}"), "Tags": [] });
    let resource = Resource {
        scope: images(repository),
        kind: "image".to_owned(),
        uid: format!("{HOST}/{repository}@sha256:a"),
        name: repository.to_owned(),
        region: repository.to_owned(),
        attributes: attributes.as_object().cloned().unwrap_or_default(),
        unread: BTreeMap::new(),
        tags: BTreeMap::new(),
        edges: Vec::new(),
    };
    vec![
        Step::Plan(images(repository)),
        Step::See(Box::new(resource)),
        Step::End(images(repository), Outcome::Complete),
    ]
}

/// Hashes that begin alike and end with a byte of their own.
fn hash(last: u8) -> [u8; 32] {
    let mut hash = [7; 32];
    hash[31] = last;
    hash
}

fn hex(last: u8) -> String {
    format!("{}{last:02x}", "07".repeat(31))
}

async fn estate(pool: PgPool) -> Estate {
    let mut estate = Estate::new(pool).await;
    let checks = [
        (ALLOWED, include_str!("../../../policy/checks/images/registry/image_comes_from_allowed_source.yaml")),
        (BAD, include_str!("../../../policy/checks/images/registry/image_no_known_bad_files.yaml")),
    ]
    .map(|(id, text)| (format!("images/registry/{id}.yaml"), text.to_owned()));
    let catalogue: &'static Catalogue = Box::leak(Box::new(Catalogue::read(&checks, &[], &[]).expect("content")));
    let worker = Arc::get_mut(&mut estate.worker).expect("the only holder");
    worker.catalogue = catalogue;
    worker.weighing = Arc::new(catalogue.weighing());
    estate
}

/// Keeps an image's software, as its collector would, with these files.
async fn remember(estate: &Estate, repository: &str, files: &[(&str, u8)], dropped: u64) {
    let executable = |(path, last): &(&str, u8)| (0, Executable { path: (*path).to_owned(), sha256: hex(*last) });
    let mut software = Software { executables: files.iter().map(executable).collect(), ..Software::default() };
    software.dropped.executables = dropped;
    let mut tx = estate.database.tenant(estate.tenant).await.expect("a door");
    let now = estate.worker.mint.now();
    memory::keep(&mut tx, &format!("software {repository}"), &software.pack(), now).await.expect("kept");
    tx.commit().await.expect("kept");
}

async fn work(estate: &Estate) {
    assert!(estate.worker.work_once(&CancellationToken::new()).await.expect("worked"), "there was a job");
    let failed: Vec<String> = sqlx::query_scalar("select error from jobs where state = 'failed'")
        .fetch_all(&estate.pool)
        .await
        .expect("jobs");
    assert!(failed.is_empty(), "{failed:?}");
}

async fn allow(estate: &Estate, typed: &str) {
    estate.clock.advance(chrono::TimeDelta::seconds(5));
    let sources = AllowedSources::parse(typed).expect("patterns");
    let now = estate.worker.mint.now();
    let mut tx = estate.database.tenant(estate.tenant).await.expect("a door");
    image_rules::allow(&mut tx, &sources, now).await.expect("allowed");
    job::enqueue(&mut tx, &Task::JudgeImages, now, &estate.worker.mint).await.expect("queued");
    tx.commit().await.expect("kept");
    work(estate).await;
}

/// Imports a list of the operator's. Returns how much of it changed.
async fn import(estate: &Estate, hashes: &[(u8, &str)]) -> u64 {
    estate.clock.advance(chrono::TimeDelta::seconds(5));
    let all: Vec<BadHash> =
        hashes.iter().map(|(last, name)| BadHash { sha256: hash(*last), name: (*name).to_owned() }).collect();
    let mut tx = estate.database.feeds().await.expect("a door");
    image_rules::begin(&mut tx).await.expect("begun");
    image_rules::add(&mut tx, &all).await.expect("added");
    let changed = image_rules::end(&mut tx, "miners", "a file", 0, estate.worker.mint.now()).await.expect("ended");
    tx.commit().await.expect("kept");
    changed
}

async fn verdict(estate: &Estate, check: &str, name: &str) -> String {
    sqlx::query_scalar(
        "select v.verdict from verdicts v join resources r using (tenant_id, resource_id)
         where v.check_id = $1 and r.name = $2",
    )
    .bind(check)
    .bind(name)
    .fetch_one(&estate.pool)
    .await
    .expect("a verdict")
}

async fn open(estate: &Estate, check: &str) -> Vec<(String, String, String)> {
    sqlx::query_as(
        "select r.name, f.subject, f.message from findings f join resources r using (tenant_id, resource_id)
         where f.state = 'open' and f.check_id = $1 order by 1, 2",
    )
    .bind(check)
    .fetch_all(&estate.pool)
    .await
    .expect("findings")
}

/// Why the score moved, each time, and whether it rose.
async fn ledger(estate: &Estate) -> Vec<(String, bool)> {
    sqlx::query_as("select cause, delta > 0 from score_ledger order by at, cause")
        .fetch_all(&estate.pool)
        .await
        .expect("the ledger")
}

#[sqlx::test(migrations = "../../migrations")]
async fn images_are_judged_anew_when_other_sources_are_allowed(pool: PgPool) {
    let estate = estate(pool).await;
    for repository in ["base/debian", "stranger/tool"] {
        remember(&estate, repository, &[], 0).await;
    }
    estate.run([image("base/debian"), image("stranger/tool")].concat()).await;
    assert_eq!(verdict(&estate, ALLOWED, "stranger/tool").await, "not_applicable");

    allow(&estate, "registry.example.com/base/**").await;
    assert_eq!(verdict(&estate, ALLOWED, "base/debian").await, "pass");
    let foreign = open(&estate, ALLOWED).await;
    let message = "None of the patterns of allowed sources means registry.example.com/stranger/tool.";
    assert_eq!(foreign, [("stranger/tool".to_owned(), String::new(), message.to_owned())]);

    allow(&estate, "registry.example.com/**").await;
    assert!(open(&estate, ALLOWED).await.is_empty());
    let rules = |rises| ("rules".to_owned(), rises);
    assert_eq!(ledger(&estate).await, [rules(false), rules(true)], "neither a failure nor a fix of anybody's");

    allow(&estate, "").await;
    assert_eq!(verdict(&estate, ALLOWED, "base/debian").await, "not_applicable");
}

#[sqlx::test(migrations = "../../migrations")]
async fn a_list_that_comes_later_finds_what_was_read_before(pool: PgPool) {
    let estate = estate(pool).await;
    remember(&estate, "shop", &[("usr/bin/ls", 1), ("tmp/.x", 2), ("opt/.x", 2)], 0).await;
    remember(&estate, "clean", &[("usr/bin/ls", 1)], 0).await;
    remember(&estate, "large", &[("usr/bin/ls", 1)], 3).await;
    estate.run([image("shop"), image("clean"), image("large")].concat()).await;
    assert_eq!(verdict(&estate, BAD, "clean").await, "unknown", "there is no list");

    assert_eq!(import(&estate, &[(2, "Miner"), (9, "Other")]).await, 2);
    work(&estate).await;
    let message = "/opt/.x and 1 more is Miner, by miners".to_owned();
    assert_eq!(open(&estate, BAD).await, [("shop".to_owned(), hex(2), message)], "and not what only begins like it");
    assert_eq!(verdict(&estate, BAD, "clean").await, "pass");
    assert_eq!(verdict(&estate, BAD, "large").await, "unknown", "not all of its files are known");

    assert_eq!(import(&estate, &[(2, "Miner"), (9, "Other")]).await, 0);
    let waiting: i64 =
        sqlx::query_scalar("select count(*) from jobs where state = 'queued' and same_as = 'judge-images'")
            .fetch_one(&estate.pool)
            .await
            .expect("a count");
    assert_eq!(waiting, 0, "the same list wakes nobody");

    import(&estate, &[(9, "Other")]).await;
    work(&estate).await;
    assert!(open(&estate, BAD).await.is_empty(), "it is listed no more");
    let rules = |rises| ("rules".to_owned(), rises);
    assert_eq!(ledger(&estate).await, [rules(false), rules(true)]);
}

#[sqlx::test(migrations = "../../migrations")]
async fn a_new_image_is_held_against_the_lists_when_it_comes(pool: PgPool) {
    let estate = estate(pool).await;
    let mut tx = estate.database.tenant(estate.tenant).await.expect("a door");
    let own = [BadHash { sha256: hash(2), name: String::new() }];
    image_rules::add_own(&mut tx, &own, estate.worker.mint.now()).await.expect("listed");
    tx.commit().await.expect("kept");

    remember(&estate, "shop", &[("tmp/.x", 2)], 0).await;
    estate.run(image("shop")).await;
    let message = "/tmp/.x by your own list".to_owned();
    assert_eq!(open(&estate, BAD).await, [("shop".to_owned(), hex(2), message)]);
    assert_eq!(ledger(&estate).await, [("new_resource".to_owned(), false)]);

    let run: Vec<Step> = image("shop");
    estate.run(run).await;
    assert_eq!(open(&estate, BAD).await.len(), 1, "the same again changes nothing");
}
