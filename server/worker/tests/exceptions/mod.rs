//! Exceptions over whole histories: they move the net score and nothing else, cover what opens later, and leave no trace
//! once they are over.

mod agree;
mod kept;
mod told;

use crate::estate::{Estate, all_read, bucket};
use chrono::TimeDelta;
use plumbline_core::exception::{ExceptionKind, Scope};
use plumbline_core::id::{FindingId, PersonId};
use plumbline_core::resource::Resource;
use plumbline_core::score::{Losses, score};
use plumbline_store::{StoreError, exception, reconcile};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use sqlx::PgPool;
use uuid::Uuid;

fn by_name(pattern: &str) -> Scope {
    Scope::Filter(format!("resource:{pattern}"))
}

fn by_tag(key: &str, value: &str) -> Scope {
    Scope::Filter(format!("tag:{key}={value}"))
}

async fn sums(pool: &PgPool) -> (i64, i64) {
    sqlx::query_as("select coalesce(sum(net_loss), 0)::bigint, coalesce(sum(loss), 0)::bigint from check_states")
        .fetch_one(pool)
        .await
        .expect("sums")
}

/// What is kept of exceptions is what counting would say.
async fn assert_kept(pool: &PgPool) {
    let (wrong,): (i64,) = sqlx::query_as(
        "select count(*) from exceptions e left join (
             select x.exception_id, count(*) as n, sum(f.loss) as loss
             from exception_findings x join findings f using (tenant_id, finding_id)
             where x.until is null and f.state = 'accepted' group by 1
         ) x using (exception_id)
         where e.covers <> coalesce(x.n, 0) or e.covers_loss <> coalesce(x.loss, 0)
             or (e.state <> 'in_force' and x.n is not null)",
    )
    .fetch_one(pool)
    .await
    .expect("a comparison");
    assert_eq!(wrong, 0, "what exceptions cover is what is kept of them");
    let (loose,): (i64,) = sqlx::query_as(
        "select count(*) from findings f
         where (f.state = 'accepted') <> exists (select from exception_findings x
             where x.finding_id = f.finding_id and x.until is null)
           or (f.state = 'accepted') <> (f.stage in ('accepted', 'false_positive'))",
    )
    .fetch_one(pool)
    .await
    .expect("a comparison");
    assert_eq!(loose, 0, "a finding is accepted exactly while an exception covers it");
}

#[sqlx::test(migrations = "../../migrations")]
async fn what_opens_later_under_an_exception_never_counts_in_the_net_score(pool: PgPool) {
    let estate = Estate::new(pool).await;
    estate.run(all_read(&[bucket("sandbox-a", false), bucket("shop", false)])).await;
    estate.except(&by_name("sandbox-*"), ExceptionKind::FalsePositive, 30).await;
    assert_eq!(estate.open().await, ["shop"]);

    estate.run(all_read(&[bucket("sandbox-a", false), bucket("sandbox-b", false), bucket("shop", false)])).await;

    assert_eq!(estate.open().await, ["shop"]);
    let events: Vec<String> = sqlx::query_scalar(
        "select e.event from finding_events e join findings f using (tenant_id, finding_id)
         join resources r using (tenant_id, resource_id) where r.name = 'sandbox-b' order by e.event_no",
    )
    .fetch_all(&estate.pool)
    .await
    .expect("events");
    assert_eq!(events, ["opened", "false_positive"]);
    assert_kept(&estate.pool).await;

    estate.run(all_read(&[bucket("sandbox-a", false), bucket("sandbox-b", true), bucket("shop", false)])).await;
    estate.run(all_read(&[bucket("sandbox-a", false), bucket("sandbox-b", false), bucket("shop", false)])).await;
    assert_eq!(estate.open().await, ["shop"], "one that comes back is covered too");
    assert_kept(&estate.pool).await;
}

#[sqlx::test(migrations = "../../migrations")]
async fn a_resource_that_is_tagged_otherwise_is_covered_otherwise(pool: PgPool) {
    let estate = Estate::new(pool).await;
    let tagged = |team: &str| {
        let mut one = bucket("a", false);
        one.tags.insert("team".to_owned(), team.to_owned());
        one
    };
    estate.run(all_read(&[tagged("lab")])).await;
    estate.except(&by_tag("team", "lab"), ExceptionKind::AcceptedRisk, 30).await;
    assert!(estate.open().await.is_empty());
    let (net, ..) = estate.posture().await;

    estate.run(all_read(&[tagged("shop")])).await;
    assert_eq!(estate.open().await, ["a"]);
    assert!(estate.posture().await.0 < net, "and the posture says so");
    estate.run(all_read(&[tagged("lab")])).await;
    assert!(estate.open().await.is_empty());
    assert_kept(&estate.pool).await;
}

#[sqlx::test(migrations = "../../migrations")]
async fn a_finding_stays_accepted_until_the_last_of_its_exceptions_ends(pool: PgPool) {
    let estate = Estate::new(pool).await;
    estate.run(all_read(&[bucket("sandbox-a", false)])).await;
    let first = estate.except(&by_name("sandbox-*"), ExceptionKind::AcceptedRisk, 30).await;
    let second = estate.except(&by_name("*-a"), ExceptionKind::FalsePositive, 30).await;
    let stage = async || -> String {
        sqlx::query_scalar("select stage from findings").fetch_one(&estate.pool).await.expect("one")
    };
    assert_eq!(stage().await, "accepted");

    estate.end_exception(first).await;
    assert_eq!((estate.open().await.len(), stage().await.as_str()), (0, "false_positive"));
    assert_kept(&estate.pool).await;
    estate.end_exception(second).await;
    assert_eq!((estate.open().await.len(), stage().await.as_str()), (1, "open"));
    assert_kept(&estate.pool).await;
}

#[sqlx::test(migrations = "../../migrations")]
async fn nobody_approves_their_own(pool: PgPool) {
    let estate = Estate::new(pool).await;
    estate.run(all_read(&[bucket("a", false)])).await;
    let id: Uuid = sqlx::query_scalar("select finding_id from findings").fetch_one(&estate.pool).await.expect("one");
    let (by, mint) = (PersonId(Uuid::from_u128(1)), &estate.worker.mint);
    let mut tx = estate.database.tenant(estate.tenant).await.expect("a door");
    let new = exception::NewException {
        kind: ExceptionKind::AcceptedRisk,
        scope: &Scope::Finding(FindingId(id)),
        reason: "long enough to be a reason",
        by,
        expires_at: mint.now() + TimeDelta::days(3),
        renews: None,
        attachment: None,
    };
    let asked = exception::ask(&mut tx, new, mint).await.expect("asked");

    let own = exception::approve(&mut tx, asked, by, mint).await;
    assert!(matches!(own, Err(StoreError::Conflict(_))));
    exception::set_four_eyes(&mut tx, false, by, mint.now()).await.expect("nobody else could");
    assert!(exception::approve(&mut tx, asked, by, mint).await.is_ok());
    assert!(exception::get(&mut tx, asked).await.expect("it").two_eyes, "and the register says so");
}

/// A check that is named twice is covered once, in the preview and in the sums.
#[sqlx::test(migrations = "../../migrations")]
async fn what_is_named_twice_is_covered_once(pool: PgPool) {
    let estate = Estate::new(pool).await;
    estate.run(all_read(&[bucket("a", false), bucket("b", false)])).await;
    let check = "aws_s3_bucket_blocks_public_access";
    let scope = Scope::Filter(format!("check:{check},aws_s3_* check:{check} key:cloud"));
    let mut tx = estate.database.tenant(estate.tenant).await.expect("a door");
    let preview = exception::preview(&mut tx, &scope, &estate.worker.weighing).await.expect("a preview");
    assert_eq!((preview.findings, preview.riskiest.len()), (2, 2));
    drop(tx);

    estate.except(&scope, ExceptionKind::AcceptedRisk, 30).await;

    assert!(estate.open().await.is_empty());
    assert_invariants(&estate).await;
}

/// Random histories: the gross loss is what it would be without exceptions, the net one never more, and when all exceptions
/// are over it is the gross one again.
#[sqlx::test(migrations = "../../migrations")]
async fn exceptions_move_the_net_score_alone_and_leave_no_trace(pool: PgPool) {
    let estate = Estate::new(pool).await;
    let mut rng = StdRng::seed_from_u64(41);
    let mut ours = Vec::new();
    for _ in 0..24 {
        let (_, gross_before) = sums(&estate.pool).await;
        match rng.random_range(0..4) {
            0 => ours.push(
                estate
                    .except(&by_name(&format!("b{}*", rng.random_range(0..3))), ExceptionKind::AcceptedRisk, 300)
                    .await,
            ),
            1 if !ours.is_empty() => {
                let at = rng.random_range(0..ours.len());
                estate.end_exception(ours.swap_remove(at)).await;
            }
            _ => {
                let buckets: Vec<Resource> =
                    (0..9).map(|at| bucket(&format!("b{}{at}", at % 3), rng.random_bool(0.4))).collect();
                estate.run(all_read(&buckets)).await;
                assert_invariants(&estate).await;
                continue;
            }
        }
        assert_eq!(sums(&estate.pool).await.1, gross_before, "the gross loss does not move by an exception");
        assert_invariants(&estate).await;
    }

    estate.clock.advance(TimeDelta::days(301));
    let mut tx = estate.database.tenant(estate.tenant).await.expect("a door");
    reconcile::end_expired(&mut tx, &estate.worker.weighing, &estate.worker.mint).await.expect("ended");
    tx.commit().await.expect("kept");
    let (net, gross) = sums(&estate.pool).await;
    assert_eq!(net, gross, "nothing is left out any more");
    assert_invariants(&estate).await;
}

async fn assert_invariants(estate: &Estate) {
    let (net, gross) = sums(&estate.pool).await;
    assert!(net <= gross, "net {net}, gross {gross}");
    assert_kept(&estate.pool).await;
    let rows: Vec<(String, i64, i64)> = sqlx::query_as(
        "select check_id, coalesce(sum(loss) filter (where state = 'open'), 0)::bigint,
             coalesce(sum(loss) filter (where state <> 'resolved'), 0)::bigint from findings group by 1",
    )
    .fetch_all(&estate.pool)
    .await
    .expect("losses");
    let of = |losses: Losses| score(&estate.worker.weighing.whole, &losses).0;
    let net = of(rows.iter().map(|(check, net, _)| (check.clone(), *net)).collect());
    let gross = of(rows.iter().map(|(check, _, gross)| (check.clone(), *gross)).collect());
    if sqlx::query("select 1 from postures").fetch_optional(&estate.pool).await.expect("postures").is_none() {
        return;
    }
    let shown = estate.posture().await;
    assert!((shown.0 - net).abs() < 1e-9 && (shown.1 - gross).abs() < 1e-9, "{shown:?} is {net} net and {gross} gross");
    assert!(shown.0 >= shown.1, "the net score is never below the gross one");
}
