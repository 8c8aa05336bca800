//! Who asked, who approved and who holds what is covered hears of an exception's end: two weeks before, and when it came.

use super::by_name;
use crate::estate::{Estate, all_read, bucket};
use crate::triage::member;
use chrono::TimeDelta;
use plumbline_core::exception::ExceptionKind;
use plumbline_core::id::{ExceptionId, PersonId};
use plumbline_store::exception;
use sqlx::PgPool;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// An asker, an approver, a holder of one of the findings, and somebody whom it does not concern; as the exception's people.
async fn concern(estate: &Estate, id: ExceptionId) -> [PersonId; 3] {
    let asker = member(estate, 11, "asker@example.com").await;
    let approver = member(estate, 12, "approver@example.com").await;
    let holder = member(estate, 13, "holder@example.com").await;
    member(estate, 14, "other@example.com").await;
    sqlx::query("update exceptions set requested_by = $2, approved_by = $3 where exception_id = $1")
        .bind(id.0)
        .bind(asker.0)
        .bind(approver.0)
        .execute(&estate.pool)
        .await
        .expect("people");
    sqlx::query(
        "update findings f set assignee_id = $1 from resources r where r.resource_id = f.resource_id and r.name = 'sandbox-a'",
    )
    .bind(holder.0)
    .execute(&estate.pool)
    .await
    .expect("held");
    [asker, approver, holder]
}

/// Two workers at once do whatever is due.
async fn work(estate: &Estate) {
    let stop = CancellationToken::new();
    loop {
        let (one, two) = tokio::join!(estate.worker.work_once(&stop), estate.worker.work_once(&stop));
        if !one.expect("worked") && !two.expect("worked") {
            break;
        }
    }
}

async fn told(estate: &Estate) -> Vec<(Uuid, String, String)> {
    sqlx::query_as("select person_id, subject, link from inbox where kind = 'exception' order by item_no")
        .fetch_all(&estate.pool)
        .await
        .expect("told")
}

#[sqlx::test(migrations = "../../migrations")]
async fn an_end_is_told_two_weeks_before_and_when_it_came_and_once_each(pool: PgPool) {
    let estate = Estate::new(pool).await;
    estate.run(all_read(&[bucket("sandbox-a", false), bucket("sandbox-b", false), bucket("shop", false)])).await;
    sqlx::query("update jobs set run_at = '2099-01-01' where state = 'queued'")
        .execute(&estate.pool)
        .await
        .expect("quiet");
    let id = estate.except(&by_name("sandbox-*"), ExceptionKind::AcceptedRisk, 30).await;
    let second = estate.except(&by_name("sandbox-b"), ExceptionKind::AcceptedRisk, 300).await;
    let people = concern(&estate, id).await;

    estate.clock.advance(TimeDelta::days(16) - TimeDelta::minutes(1));
    work(&estate).await;
    assert!(told(&estate).await.is_empty(), "not before its time");

    estate.clock.advance(TimeDelta::minutes(2));
    work(&estate).await;
    let before = told(&estate).await;
    let mut heard: Vec<Uuid> = before.iter().map(|(person, ..)| *person).collect();
    heard.sort_unstable();
    let mut wanted = people.map(|person| person.0);
    wanted.sort_unstable();
    assert_eq!(heard, wanted);
    let link = format!("/exceptions/{id}");
    assert!(before.iter().all(|(_, subject, to)| subject.contains("ends on 2026-02-14") && *to == link), "{before:?}");
    assert!(before[0].1.contains("2 findings open again unless it is renewed"), "{before:?}");

    estate.clock.advance(TimeDelta::days(1));
    work(&estate).await;
    assert_eq!(told(&estate).await.len(), 3, "once each");

    estate.clock.advance(TimeDelta::days(14));
    work(&estate).await;
    work(&estate).await;
    let after = told(&estate).await;
    assert_eq!(after.len(), 6, "{after:?}");
    assert!(after[3..].iter().all(|(_, subject, _)| subject.contains("1 finding is open again")), "{after:?}");
    assert_eq!(estate.open().await, ["sandbox-a", "shop"], "the other still covers one");

    estate.end_exception(second).await;
    let last = told(&estate).await;
    assert_eq!(last.len(), 6, "nobody of this tenant had to do with it: {last:?}");
}

#[sqlx::test(migrations = "../../migrations")]
async fn whoever_ends_one_by_hand_is_not_told_and_a_short_one_is_told_at_its_end_alone(pool: PgPool) {
    let estate = Estate::new(pool).await;
    estate.run(all_read(&[bucket("sandbox-a", false)])).await;
    sqlx::query("update jobs set run_at = '2099-01-01' where state = 'queued'")
        .execute(&estate.pool)
        .await
        .expect("quiet");
    let id = estate.except(&by_name("sandbox-*"), ExceptionKind::AcceptedRisk, 9).await;
    let [asker, approver, holder] = concern(&estate, id).await;
    estate.clock.advance(TimeDelta::days(1));
    work(&estate).await;
    assert!(told(&estate).await.is_empty());

    let mint = &estate.worker.mint;
    let mut tx = estate.database.tenant(estate.tenant).await.expect("a door");
    exception::end(&mut tx, id, approver, mint.now()).await.expect("ended");
    plumbline_store::reconcile::lift(&mut tx, &[id], Some(approver), &estate.worker.weighing, mint)
        .await
        .expect("lifted");
    tx.commit().await.expect("kept");

    let mut heard: Vec<Uuid> = told(&estate).await.into_iter().map(|(person, ..)| person).collect();
    heard.sort_unstable();
    let mut wanted = [asker.0, holder.0];
    wanted.sort_unstable();
    assert_eq!(heard, wanted);
}
