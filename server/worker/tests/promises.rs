//! The design's promises about a run, each with a test that fails without it. A scripted collector says what was seen; all
//! else is the product.

mod estate;
mod exceptions;
mod image_rules;
mod mail;
mod matching;
mod queue;
mod reach;
mod tags;
mod triage;
mod weighing;

use estate::{Estate, Step, account_settings, all_read, bucket, bucket_unreadable, buckets, settings};
use plumbline_core::exception::{ExceptionKind, Scope};
use plumbline_core::id::FindingId;
use plumbline_core::resource::{Resource, Unread};
use plumbline_core::scope::Outcome;
use plumbline_store::{job, ledger, reconcile};
use sqlx::{AssertSqlSafe, PgPool};
use tokio_util::sync::CancellationToken;

fn denied() -> Outcome {
    Outcome::Denied { permission: "s3:ListAllMyBuckets".to_owned(), detail: "AccessDenied".to_owned() }
}

/// Both scopes planned, the settings read, the buckets seen so far, and then an end.
fn cut_short(listed: &[Resource], end: Step) -> Vec<Step> {
    let mut steps = vec![
        Step::Plan(buckets()),
        Step::Plan(account_settings()),
        Step::See(Box::new(settings())),
        Step::End(account_settings(), Outcome::Complete),
    ];
    steps.extend(listed.iter().map(|resource| Step::See(Box::new(resource.clone()))));
    steps.push(end);
    steps
}

#[sqlx::test(migrations = "../../migrations")]
async fn a_failing_check_opens_a_finding_and_a_passing_one_resolves_it(pool: PgPool) {
    let estate = Estate::new(pool).await;

    estate.run(all_read(&[bucket("open", false), bucket("shut", true)])).await;
    assert_eq!(estate.open().await, ["open"]);
    assert!(estate.posture().await.0 < 100.0);

    estate.run(all_read(&[bucket("open", true), bucket("shut", true)])).await;
    assert!(estate.open().await.is_empty());
    assert_eq!(estate.posture().await.0.to_bits(), 100.0f64.to_bits());
}

#[sqlx::test(migrations = "../../migrations")]
async fn what_could_not_be_read_is_unknown_and_names_the_permission(pool: PgPool) {
    let estate = Estate::new(pool).await;

    estate.run(all_read(&[bucket_unreadable("dark"), bucket("shut", true)])).await;

    assert_eq!(estate.verdict("dark").await, "unknown");
    let missing: serde_json::Value = sqlx::query_scalar("select missing from verdicts where verdict = 'unknown'")
        .fetch_one(&estate.pool)
        .await
        .expect("one");
    assert_eq!(missing[0]["permission"], "s3:GetBucketPublicAccessBlock");
    let (_, _, coverage) = estate.posture().await;
    assert!((coverage - 0.5).abs() < 1e-9, "one of two is known: {coverage}");
}

#[sqlx::test(migrations = "../../migrations")]
async fn a_lost_sight_closes_nothing_and_turns_passes_into_unknown(pool: PgPool) {
    let estate = Estate::new(pool).await;
    estate.run(all_read(&[bucket("open", false), bucket("shut", true)])).await;

    for end in [
        Step::End(buckets(), denied()),
        Step::End(buckets(), Outcome::Failed { detail: "throttled".to_owned() }),
        Step::Break("connection reset".to_owned()),
    ] {
        estate.run(cut_short(&[], end)).await;
        assert_eq!(estate.open().await, ["open"]);
        assert_eq!(estate.verdict("shut").await, "unknown");
        assert_eq!(estate.verdict("open").await, "unknown");
    }

    estate.run(all_read(&[bucket("open", false), bucket("shut", true)])).await;
    assert_eq!(estate.verdict("shut").await, "pass");
    assert_eq!(estate.open().await, ["open"]);
}

#[sqlx::test(migrations = "../../migrations")]
async fn a_shrunken_listing_that_was_not_read_to_the_end_retires_nothing(pool: PgPool) {
    let estate = Estate::new(pool).await;
    estate.run(all_read(&[bucket("a", false), bucket("b", false)])).await;

    let failed = Outcome::Failed { detail: "truncated".to_owned() };
    estate.run(cut_short(&[bucket("a", false)], Step::End(buckets(), failed))).await;
    assert_eq!(estate.open().await, ["a", "b"]);

    estate.run(all_read(&[bucket("a", false)])).await;
    assert_eq!(estate.open().await, ["a"]);
}

#[sqlx::test(migrations = "../../migrations")]
async fn the_same_input_twice_changes_nothing_in_any_order(pool: PgPool) {
    let estate = Estate::new(pool).await;
    estate.run(all_read(&[bucket("a", false), bucket("b", true), bucket_unreadable("c")])).await;
    let before = fingerprint(&estate).await;

    estate.run(all_read(&[bucket_unreadable("c"), bucket("b", true), bucket("a", false), bucket("a", false)])).await;
    estate.run(all_read(&[bucket("b", true), bucket("a", false), bucket_unreadable("c")])).await;

    assert_eq!(fingerprint(&estate).await, before);
}

/// Everything that a run might write beside itself.
async fn fingerprint(estate: &Estate) -> Vec<String> {
    let mut lines = Vec::new();
    for table in [
        "resources",
        "edges",
        "verdicts",
        "findings",
        "finding_events",
        "finding_counts",
        "check_states",
        "fixes",
        "fix_checks",
        "postures",
        "score_ledger",
        "resource_counts",
    ] {
        let query = format!("select coalesce(md5(string_agg(t::text, '|' order by t::text)), '-') from {table} t");
        let hash: String = sqlx::query_scalar(AssertSqlSafe(query)).fetch_one(&estate.pool).await.expect("a hash");
        lines.push(format!("{table} {hash}"));
    }
    lines
}

#[sqlx::test(migrations = "../../migrations")]
async fn a_finding_that_comes_back_is_the_same_finding_reopened(pool: PgPool) {
    let estate = Estate::new(pool).await;
    for blocked in [false, true, false] {
        estate.run(all_read(&[bucket("a", blocked)])).await;
    }

    let (findings, reopened): (i64, i32) = sqlx::query_as("select count(*), max(times_reopened) from findings")
        .fetch_one(&estate.pool)
        .await
        .expect("one");
    assert_eq!((findings, reopened), (1, 1));
    let events: Vec<String> = sqlx::query_scalar("select event from finding_events order by event_no")
        .fetch_all(&estate.pool)
        .await
        .expect("events");
    assert_eq!(events, ["opened", "resolved", "reopened"]);
}

#[sqlx::test(migrations = "../../migrations")]
async fn passing_resources_do_not_move_the_score_and_a_failing_one_lowers_it(pool: PgPool) {
    let estate = Estate::new(pool).await;
    estate.run(all_read(&[bucket("a", false)])).await;
    let (one, ..) = estate.posture().await;

    let mut many: Vec<_> = (0..50).map(|n| bucket(&format!("fine-{n}"), true)).collect();
    many.push(bucket("a", false));
    estate.run(all_read(&many)).await;
    assert_eq!(estate.posture().await.0.to_bits(), one.to_bits());

    many.push(bucket("b", false));
    estate.run(all_read(&many)).await;
    assert!(estate.posture().await.0 < one);
}

#[sqlx::test(migrations = "../../migrations")]
async fn the_gain_of_a_fix_is_the_score_with_it_less_the_score_now(pool: PgPool) {
    let estate = Estate::new(pool).await;
    estate.run(all_read(&[bucket("a", false), bucket("b", false)])).await;
    let (now, ..) = estate.posture().await;
    let (gain, closes): (f64, i64) =
        sqlx::query_as("select gain, open_findings from fixes").fetch_one(&estate.pool).await.expect("one fix");

    estate.run(all_read(&[bucket("a", true), bucket("b", true)])).await;

    assert_eq!(closes, 2);
    assert!((estate.posture().await.0 - now - gain).abs() < 1e-9);
}

#[sqlx::test(migrations = "../../migrations")]
async fn every_change_of_the_score_is_in_the_ledger_and_the_deltas_add_up(pool: PgPool) {
    let estate = Estate::new(pool).await;
    estate.run(all_read(&[bucket("a", false)])).await;
    estate.run(all_read(&[bucket("a", true), bucket("b", false), bucket("c", true)])).await;
    estate.run(all_read(&[bucket("a", true), bucket("b", false), bucket("c", false)])).await;

    let sum: f64 =
        sqlx::query_scalar("select sum(delta) from score_ledger").fetch_one(&estate.pool).await.expect("a sum");
    assert!((100.0 + sum - estate.posture().await.0).abs() < 1e-9);
    let causes: Vec<String> = sqlx::query_scalar("select cause from score_ledger order by at, cause desc")
        .fetch_all(&estate.pool)
        .await
        .expect("causes");
    assert_eq!(causes, ["new_resource", "new_resource", "fixed", "new_failure"]);
}

#[sqlx::test(migrations = "../../migrations")]
async fn an_accepted_risk_leaves_the_net_score_and_expiry_brings_it_back(pool: PgPool) {
    let estate = Estate::new(pool).await;
    estate.run(all_read(&[bucket("a", false)])).await;
    let (before, gross, _) = estate.posture().await;
    accept(&estate).await;

    let (net, still_gross, _) = estate.posture().await;
    assert_eq!(net.to_bits(), 100.0f64.to_bits());
    assert_eq!(still_gross.to_bits(), gross.to_bits());
    estate.run(all_read(&[bucket("a", false)])).await;
    assert!(estate.open().await.is_empty(), "a run does not end an exception");

    estate.clock.advance(chrono::TimeDelta::days(8));
    let mut tx = estate.database.tenant(estate.tenant).await.expect("a door");
    assert_eq!(reconcile::end_expired(&mut tx, &estate.worker.weighing, &estate.worker.mint).await.expect("ended"), 1);
    tx.commit().await.expect("kept");
    assert_eq!(estate.posture().await.0.to_bits(), before.to_bits());
    assert_eq!(estate.open().await, ["a"]);
}

/// Accepts the one finding there is, for a week.
async fn accept(estate: &Estate) {
    let id: uuid::Uuid =
        sqlx::query_scalar("select finding_id from findings").fetch_one(&estate.pool).await.expect("one");
    estate.except(&Scope::Finding(FindingId(id)), ExceptionKind::AcceptedRisk, 7).await;
}

#[sqlx::test(migrations = "../../migrations")]
async fn an_exception_ends_by_itself(pool: PgPool) {
    let estate = Estate::new(pool).await;
    estate.run(all_read(&[bucket("a", false)])).await;
    accept(&estate).await;
    assert!(estate.open().await.is_empty());

    estate.clock.advance(chrono::TimeDelta::days(8));
    while estate.worker.work_once(&CancellationToken::new()).await.expect("worked") {}

    assert_eq!(estate.open().await, ["a"]);
}

#[sqlx::test(migrations = "../../migrations")]
async fn a_lost_sight_never_makes_a_finding_lighter(pool: PgPool) {
    let estate = Estate::new(pool).await;
    let mut production = bucket("a", false);
    production.tags.insert("environment".to_owned(), "production".to_owned());
    estate.run(all_read(&[production.clone()])).await;
    let (before, ..) = estate.posture().await;

    production.tags.clear();
    let why = Unread { permission: "s3:GetBucketTagging".to_owned(), denied: true, detail: "AccessDenied".to_owned() };
    production.unread.insert("TagSet".to_owned(), why);
    estate.run(all_read(&[production])).await;

    assert_eq!(estate.posture().await.0.to_bits(), before.to_bits());
}

#[sqlx::test(migrations = "../../migrations")]
async fn words_that_the_database_cannot_hold_break_nothing(pool: PgPool) {
    let estate = Estate::new(pool).await;
    let mut odd = bucket("a", false);
    odd.attributes.insert("Name".to_owned(), "nul \0 and the text \\u0000 and a \\ and a\ttab".into());
    odd.tags.insert("k\0".to_owned(), "v\0".to_owned());

    estate.run(all_read(&[odd])).await;

    assert_eq!(estate.open().await, ["a"]);
}

#[sqlx::test(migrations = "../../migrations")]
async fn the_posture_of_any_instant_is_recomputed_from_history(pool: PgPool) {
    let estate = Estate::new(pool).await;
    for listed in [
        vec![bucket("a", false)],
        vec![bucket("a", false), bucket("b", false)],
        vec![bucket("a", true), bucket("b", false)],
        vec![bucket("b", false)],
    ] {
        estate.run(all_read(&listed)).await;
    }

    let shown: Vec<(chrono::DateTime<chrono::Utc>, f64, f64)> =
        sqlx::query_as("select at, score, gross_score from postures order by at")
            .fetch_all(&estate.pool)
            .await
            .expect("all");
    assert!(shown.len() >= 3);
    for (at, score, gross) in shown {
        let mut tx = estate.database.tenant(estate.tenant).await.expect("a door");
        let then = ledger::score_at(&mut tx, at).await.expect("recomputed").expect("a posture");
        assert_eq!(then.score.to_bits(), score.to_bits());
        assert_eq!(then.gross_score.to_bits(), gross.to_bits());
    }
}

#[sqlx::test(migrations = "../../migrations")]
async fn a_worker_that_dies_leaves_no_trace_and_no_source_stuck(pool: PgPool) {
    let estate = Estate::new(pool).await;
    estate.run(all_read(&[bucket("a", false), bucket("b", true)])).await;
    let before = fingerprint(&estate).await;
    die_in_the_middle(&estate).await;
    assert_eq!(fingerprint(&estate).await, before);

    estate.clock.advance(chrono::TimeDelta::minutes(2));
    estate.script.play(all_read(&[bucket("a", false), bucket("b", false)]));
    assert!(estate.worker.work_once(&CancellationToken::new()).await.expect("worked"), "the lease ran out");

    assert_eq!(estate.open().await, ["a", "b"]);
    let states: Vec<String> = sqlx::query_scalar("select state from runs order by started_at, run_id")
        .fetch_all(&estate.pool)
        .await
        .expect("runs");
    assert_eq!(states, ["complete", "failed", "complete"]);
    let staged: i64 =
        sqlx::query_scalar("select count(*) from staged_resources").fetch_one(&estate.pool).await.expect("a count");
    assert_eq!(staged, 0);
}

/// A worker leases the job, sees half of the source, and is gone.
async fn die_in_the_middle(estate: &Estate) {
    estate.script.play(cut_short(&[bucket("b", false), bucket("z", false)], Step::Die));
    estate.clock.advance(chrono::TimeDelta::minutes(10));
    let stop = CancellationToken::new();
    let work = estate.worker.work_once(&stop);
    let died = tokio::time::timeout(std::time::Duration::from_secs(3), work).await;
    assert!(died.is_err(), "it was still at it when it died");
}

#[sqlx::test(migrations = "../../migrations")]
async fn a_worker_that_wakes_up_late_writes_nothing(pool: PgPool) {
    let estate = Estate::new(pool).await;
    estate.run(all_read(&[bucket("a", true)])).await;
    estate.clock.advance(chrono::TimeDelta::minutes(10));
    estate.script.play(all_read(&[bucket("a", false)]));
    let (late, second) = (uuid::Uuid::from_u128(9), chrono::TimeDelta::seconds(1));
    let mut queue = estate.database.queue().await.expect("a door");
    let lease = job::lease(&mut queue, late, estate.worker.mint.now(), second).await.expect("leased").expect("a job");
    queue.commit().await.expect("kept");

    estate.clock.advance(chrono::TimeDelta::seconds(5));
    assert!(estate.worker.work_once(&CancellationToken::new()).await.expect("worked"), "another took it over");

    let mut tx = estate.database.tenant(estate.tenant).await.expect("a door");
    assert!(job::fence(&mut tx, &lease).await.is_err());
}

#[sqlx::test(migrations = "../../migrations")]
async fn a_disconnected_source_no_longer_counts_and_the_ledger_says_why(pool: PgPool) {
    let estate = Estate::new(pool).await;
    estate.run(all_read(&[bucket("a", false), bucket_unreadable("b")])).await;

    let mut tx = estate.database.tenant(estate.tenant).await.expect("a door");
    reconcile::lock(&mut tx).await.expect("locked");
    let now = estate.worker.mint.now();
    reconcile::disconnect(&mut tx, estate.source, &estate.worker.weighing, now).await.expect("disconnected");
    tx.commit().await.expect("kept");

    assert!(estate.open().await.is_empty());
    assert_eq!(estate.posture().await.0.to_bits(), 100.0f64.to_bits());
    let causes: Vec<String> =
        sqlx::query_scalar("select cause from score_ledger order by at").fetch_all(&estate.pool).await.expect("causes");
    assert_eq!(causes, ["new_resource", "disconnected"]);
    let counted: i64 =
        sqlx::query_scalar("select coalesce(sum(passed + failed + unknown), 0)::bigint from check_states")
            .fetch_one(&estate.pool)
            .await
            .expect("a sum");
    assert_eq!(counted, 0);
}

#[sqlx::test(migrations = "../../migrations")]
async fn a_run_that_ends_after_its_source_was_removed_brings_nothing_back(pool: PgPool) {
    let estate = Estate::new(pool).await;
    estate.run(all_read(&[bucket("a", false)])).await;
    sqlx::query("update sources set removed_at = now()").execute(&estate.pool).await.expect("removed");

    estate.run(all_read(&[bucket("b", false)])).await;

    assert_eq!(estate.open().await, ["a"]);
    let waiting: i64 = sqlx::query_scalar("select count(*) from jobs where state = 'queued'")
        .fetch_one(&estate.pool)
        .await
        .expect("a count");
    assert_eq!(waiting, 0);
}

#[sqlx::test(migrations = "../../migrations")]
async fn a_check_that_the_content_no_longer_has_takes_its_findings_along_by_a_change_of_ours(pool: PgPool) {
    let mut estate = Estate::new(pool).await;
    estate.run(all_read(&[bucket("a", false), bucket("b", true)])).await;

    estate.forget_all_checks();
    estate.run(all_read(&[bucket("a", false), bucket("b", true)])).await;

    assert!(estate.open().await.is_empty());
    let verdicts: i64 =
        sqlx::query_scalar("select count(*) from verdicts").fetch_one(&estate.pool).await.expect("a count");
    assert_eq!(verdicts, 0);
    let causes: Vec<String> =
        sqlx::query_scalar("select cause from score_ledger order by at").fetch_all(&estate.pool).await.expect("causes");
    assert_eq!(causes, ["new_resource", "ours"]);
    let sum: f64 =
        sqlx::query_scalar("select sum(delta) from score_ledger").fetch_one(&estate.pool).await.expect("a sum");
    assert!((100.0 + sum - estate.posture().await.0).abs() < 1e-9);
}

#[sqlx::test(migrations = "../../migrations")]
async fn a_finding_that_weighs_more_moves_the_score_and_its_history(pool: PgPool) {
    let estate = Estate::new(pool).await;
    estate.run(all_read(&[bucket("a", false)])).await;
    let (before, ..) = estate.posture().await;

    let mut production = bucket("a", false);
    production.tags.insert("environment".to_owned(), "production".to_owned());
    estate.run(all_read(&[production])).await;

    assert!(estate.posture().await.0 < before);
    let events: Vec<String> = sqlx::query_scalar("select event from finding_events order by event_no")
        .fetch_all(&estate.pool)
        .await
        .expect("events");
    assert_eq!(events, ["opened", "weighed"]);
}

#[sqlx::test(migrations = "../../migrations")]
async fn a_secret_is_sealed_anew_and_the_old_key_can_go(pool: PgPool) {
    let estate = Estate::new(pool).await;
    let key = |text: &str| plumbline_store::seal::Keyring::parse(&secrecy::SecretString::from(text)).expect("keys");
    let (old, new) =
        ("test:AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=", "k2:AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI=");
    let mut tx = estate.database.tenant(estate.tenant).await.expect("a door");
    let mint = &estate.worker.mint;

    let both = key(&format!("{new} {old}"));
    assert_eq!(plumbline_store::reseal::reseal(&mut tx, &both, mint).await.expect("resealed"), 1);
    assert_eq!(plumbline_store::reseal::reseal(&mut tx, &both, mint).await.expect("resealed"), 0);

    assert!(plumbline_store::source::open_connection(&mut tx, &key(new), estate.source).await.is_ok());
    assert!(plumbline_store::source::open_connection(&mut tx, &key(old), estate.source).await.is_err());
}
