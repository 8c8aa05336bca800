//! What people say of findings, and what a run makes of it.

use crate::estate::{ACCOUNT, Estate, Step, account_settings, all_read, bucket, bucket_unreadable, buckets, settings};
use chrono::{DateTime, Utc};
use plumbline_core::id::{FindingId, FixId, PersonId, TenantId};
use plumbline_core::risk::Exposure;
use plumbline_core::scope::Outcome;
use plumbline_core::triage::Move;
use plumbline_core::triage::sla::Policy;
use plumbline_core::verdict::Severity;
use plumbline_store::job::{self, Task};
use plumbline_store::triage::{self, Bulk, Change};
use plumbline_store::{finding, fix, inbox, reconcile};
use sqlx::{AssertSqlSafe, PgPool};
use std::collections::BTreeSet;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// Makes a member of the estate's tenant.
pub(crate) async fn member(estate: &Estate, number: u128, email: &str) -> PersonId {
    let (person, tenant) = (Uuid::from_u128(number), estate.tenant);
    let sql = format!(
        "insert into people (person_id, email, name, created_at) values ('{person}', '{email}', 'Somebody', now());
         insert into members (tenant_id, person_id, role, joined_at) values ('{tenant}', '{person}', 'analyst', now())"
    );
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(&estate.pool).await.expect("a member");
    PersonId(person)
}

async fn change(estate: &Estate, by: PersonId, change: &Change) -> i64 {
    let found: Vec<Uuid> =
        sqlx::query_scalar("select finding_id from findings").fetch_all(&estate.pool).await.expect("findings");
    let found: Vec<FindingId> = found.into_iter().map(FindingId).collect();
    let mut tx = estate.database.tenant(estate.tenant).await.expect("a door");
    reconcile::lock(&mut tx).await.expect("locked");
    finding::ticked(&mut tx, &found).await.expect("chosen");
    let done = triage::apply(&mut tx, change, None, by, "", estate.worker.mint.now()).await.expect("changed");
    tx.commit().await.expect("kept");
    done.changed
}

async fn stage(estate: &Estate, name: &str) -> String {
    sqlx::query_scalar(
        "select f.stage from findings f join resources r using (tenant_id, resource_id) where r.name = $1",
    )
    .bind(name)
    .fetch_one(&estate.pool)
    .await
    .expect("a finding")
}

async fn told(estate: &Estate) -> Vec<(Uuid, String)> {
    sqlx::query_as("select person_id, kind from inbox order by item_no").fetch_all(&estate.pool).await.expect("items")
}

async fn events(estate: &Estate) -> Vec<String> {
    sqlx::query_scalar("select event from finding_events order by event_no")
        .fetch_all(&estate.pool)
        .await
        .expect("events")
}

#[sqlx::test(migrations = "../../migrations")]
async fn a_claim_is_proven_by_the_run_that_sees_it_fixed(pool: PgPool) {
    let estate = Estate::new(pool).await;
    let ann = member(&estate, 1, "ann@example.com").await;
    estate.run(all_read(&[bucket("a", false)])).await;
    assert_eq!(change(&estate, ann, &Change::Move(Move::Claim)).await, 1);
    assert_eq!(stage(&estate, "a").await, "awaiting_proof");

    estate.run(all_read(&[bucket("a", true)])).await;

    assert_eq!(stage(&estate, "a").await, "resolved");
    assert_eq!(told(&estate).await, [(ann.0, "proven".to_owned())]);
    assert_eq!(events(&estate).await, ["opened", "claimed", "resolved"]);
}

#[sqlx::test(migrations = "../../migrations")]
async fn a_claim_is_refuted_by_the_run_that_still_sees_it_fail(pool: PgPool) {
    let estate = Estate::new(pool).await;
    let (ann, bo) = (member(&estate, 1, "ann@example.com").await, member(&estate, 2, "bo@example.com").await);
    estate.run(all_read(&[bucket("a", false), bucket("b", false)])).await;
    change(&estate, bo, &Change::Assign { team: None, assignee: Some(bo) }).await;
    assert_eq!(change(&estate, ann, &Change::Move(Move::Claim)).await, 2);

    estate.run(all_read(&[bucket("a", false), bucket("b", false)])).await;

    assert_eq!((stage(&estate, "a").await, stage(&estate, "b").await), ("reopened".to_owned(), "reopened".to_owned()));
    let refuted = "refuted".to_owned();
    assert_eq!(
        told(&estate).await,
        [(ann.0, refuted.clone()), (bo.0, refuted)],
        "one line a person, however many there are"
    );
    let again = events(&estate).await;
    estate.run(all_read(&[bucket("a", false), bucket("b", false)])).await;
    assert_eq!(events(&estate).await, again, "and it is refuted once");
}

#[sqlx::test(migrations = "../../migrations")]
async fn what_was_not_read_refutes_nothing(pool: PgPool) {
    let estate = Estate::new(pool).await;
    let ann = member(&estate, 1, "ann@example.com").await;
    estate.run(all_read(&[bucket("a", false)])).await;
    change(&estate, ann, &Change::Move(Move::Claim)).await;

    let denied = Outcome::Denied { permission: "s3:ListAllMyBuckets".to_owned(), detail: "AccessDenied".to_owned() };
    estate
        .run(vec![
            Step::Plan(buckets()),
            Step::Plan(account_settings()),
            Step::See(Box::new(settings())),
            Step::End(account_settings(), Outcome::Complete),
            Step::End(buckets(), denied),
        ])
        .await;
    assert_eq!(stage(&estate, "a").await, "awaiting_proof", "the scope was refused");
    estate.run(all_read(&[bucket_unreadable("a")])).await;
    assert_eq!(stage(&estate, "a").await, "awaiting_proof", "the check could not decide");
    assert!(told(&estate).await.is_empty());

    estate.run(all_read(&[bucket("a", false)])).await;
    assert_eq!(stage(&estate, "a").await, "reopened");
}

#[sqlx::test(migrations = "../../migrations")]
async fn work_on_a_finding_ends_when_it_is_resolved(pool: PgPool) {
    let estate = Estate::new(pool).await;
    let ann = member(&estate, 1, "ann@example.com").await;
    estate.run(all_read(&[bucket("a", false)])).await;
    assert_eq!(stage(&estate, "a").await, "open");
    change(&estate, ann, &Change::Move(Move::Start)).await;
    estate.run(all_read(&[bucket("a", false)])).await;
    assert_eq!(stage(&estate, "a").await, "in_progress", "a run changes nothing of it");

    estate.run(all_read(&[bucket("a", true)])).await;
    estate.run(all_read(&[bucket("a", false)])).await;
    assert_eq!(stage(&estate, "a").await, "reopened");
    assert_eq!(change(&estate, ann, &Change::Move(Move::Start)).await, 1);
    assert_eq!(change(&estate, ann, &Change::Move(Move::Start)).await, 0, "it is begun already");
    assert_eq!(change(&estate, ann, &Change::Move(Move::Stop)).await, 1);
    assert_eq!(stage(&estate, "a").await, "reopened");
}

async fn due(estate: &Estate, name: &str) -> Option<DateTime<Utc>> {
    sqlx::query_scalar(
        "select f.due_at from findings f join resources r using (tenant_id, resource_id) where r.name = $1",
    )
    .bind(name)
    .fetch_one(&estate.pool)
    .await
    .expect("a finding")
}

/// The sums of due dates, and what they must be.
async fn due_sums(estate: &Estate) -> [Vec<(DateTime<Utc>, i64)>; 2] {
    let of = |sql: &'static str| sqlx::query_as(sql).fetch_all(&estate.pool);
    let kept = of("select due_at, sum(findings)::bigint from due_counts where due_at < 'infinity' group by 1
        having sum(findings) <> 0 order by 1")
    .await
    .expect("sums");
    let counted =
        of("select due_at, count(*) from findings where state = 'open' and due_at is not null group by 1 order by 1");
    [kept, counted.await.expect("counts")]
}

async fn work(estate: &Estate, task: &Task) {
    let mut tx = estate.database.tenant(estate.tenant).await.expect("a door");
    job::enqueue(&mut tx, task, estate.worker.mint.now(), &estate.worker.mint).await.expect("queued");
    tx.commit().await.expect("kept");
    while estate.worker.work_once(&CancellationToken::new()).await.expect("worked") {}
}

#[sqlx::test(migrations = "../../migrations")]
async fn findings_are_due_by_the_policy_when_they_open_and_when_it_changes(pool: PgPool) {
    let estate = Estate::new(pool).await;
    let ann = member(&estate, 1, "ann@example.com").await;
    estate.run(all_read(&[bucket("a", false), bucket("b", false)])).await;
    let opened = estate.worker.mint.now();
    let (severity, exposure): (String, String) =
        sqlx::query_as("select severity, exposure from findings limit 1").fetch_one(&estate.pool).await.expect("one");
    let (severity, exposure) = (Severity::parse(&severity).expect("one"), Exposure::parse(&exposure).expect("one"));
    let at_end = |days: i64| {
        let day = opened.date_naive() + chrono::Days::new(u64::try_from(days).expect("days") + 1);
        Some(day.and_hms_opt(0, 0, 0).expect("midnight").and_utc())
    };
    let days = Policy::default().days(severity, exposure).expect("a term");
    assert_eq!(due(&estate, "a").await, at_end(days.into()));

    let by_hand = at_end(2);
    let chosen: Uuid = sqlx::query_scalar(
        "select finding_id from findings f join resources r using (tenant_id, resource_id) where r.name = 'b'",
    )
    .fetch_one(&estate.pool)
    .await
    .expect("b");
    let mut tx = estate.database.tenant(estate.tenant).await.expect("a door");
    reconcile::lock(&mut tx).await.expect("locked");
    finding::ticked(&mut tx, &[FindingId(chosen)]).await.expect("chosen");
    triage::apply(&mut tx, &Change::Due(by_hand), None, ann, "", opened).await.expect("changed");
    let five = Policy::of(|_, _| Some(5));
    triage::keep_policy(&mut tx, &five).await.expect("kept");
    tx.commit().await.expect("kept");
    work(&estate, &Task::ApplyDue).await;

    assert_eq!((due(&estate, "a").await, due(&estate, "b").await), (at_end(5), by_hand));
    let [kept, counted] = due_sums(&estate).await;
    assert_eq!(kept, counted);
    let mut tx = estate.database.tenant(estate.tenant).await.expect("a door");
    let later = opened + chrono::TimeDelta::days(4);
    assert_eq!(triage::overdue(&mut tx, later).await.expect("a sum"), 1, "what is due by hand is late");
    let preview = triage::preview_policy(&mut tx, &Policy::of(|_, _| Some(3)), later).await.expect("a preview");
    assert_eq!((preview.late, preview.more), (1, false), "the other would be late at once");
    drop(tx);

    estate.run(all_read(&[bucket("a", true), bucket("b", true)])).await;
    assert!(due_sums(&estate).await.iter().all(Vec::is_empty), "what is resolved is not due");
}

#[sqlx::test(migrations = "../../migrations")]
async fn findings_belong_to_whom_the_last_rule_that_matches_names(pool: PgPool) {
    let estate = Estate::new(pool).await;
    let ann = member(&estate, 1, "ann@example.com").await;
    let team = Uuid::from_u128(77);
    let mut tx = estate.database.tenant(estate.tenant).await.expect("a door");
    let now = estate.worker.mint.now();
    triage::create_team(&mut tx, team, "Payments", now).await.expect("a team");
    let text = format!("{ACCOUNT}/ @payments\nname:web-* kind:aws.s3.* @ann\ntag:team=shop @payments @ann");
    assert_eq!(triage::keep_rules(&mut tx, &text, now).await.expect("kept"), 3);
    let refused = triage::keep_rules(&mut tx, "* @nobody", now).await.expect_err("a name that is nobody's");
    assert!(refused.to_string().starts_with("Line 1: nobody here is called “nobody”"), "{refused}");
    tx.commit().await.expect("kept");
    let mut tagged = bucket("tagged", false);
    tagged.tags.insert("team".to_owned(), "shop".to_owned());

    estate.run(all_read(&[bucket("api", false), bucket("web-1", false), tagged])).await;

    let expected = vec![
        ("api".to_owned(), Some(team), None),
        ("tagged".to_owned(), Some(team), Some(ann.0)),
        ("web-1".to_owned(), None, Some(ann.0)),
    ];
    assert_eq!(owners(&estate).await, expected);

    let mut tx = estate.database.tenant(estate.tenant).await.expect("a door");
    triage::keep_rules(&mut tx, "* @ann", now).await.expect("kept");
    tx.commit().await.expect("kept");
    work(&estate, &Task::ApplyOwners).await;
    assert!(owners(&estate).await.iter().all(|(_, team, person)| team.is_none() && *person == Some(ann.0)));

    let mut tx = estate.database.tenant(estate.tenant).await.expect("a door");
    let (_, _, fix): (String, Uuid, Uuid) = sqlx::query_as("select state, finding_id, fix_id from findings limit 1")
        .fetch_one(&estate.pool)
        .await
        .expect("one");
    let fix = fix::get(&mut tx, FixId(fix)).await.expect("the fix");
    assert_eq!((fix.team_id, fix.assignee_id), (None, Some(ann.0)), "a fix is whose most of its findings are");
    drop(tx);
    sqlx::query("update members set role = 'owner'").execute(&estate.pool).await.expect("an owner");
    member(&estate, 3, "owner@example.com").await;
    sqlx::query("update members set role = 'owner'").execute(&estate.pool).await.expect("owners");
    let mut tx = estate.database.tenant(estate.tenant).await.expect("a door");
    plumbline_store::tenant::member::remove(&mut tx, ann).await.expect("gone");
    tx.commit().await.expect("kept");
    assert!(owners(&estate).await.iter().all(|(_, _, person)| person.is_none()), "what was theirs is nobody's");
    let left: i64 = sqlx::query_scalar("select count(*) from fixes where assignee_id is not null")
        .fetch_one(&estate.pool)
        .await
        .expect("a count");
    assert_eq!(left, 0, "and so are its fixes");
}

/// An undo gives back what the action changed: not to who left since, and nothing that other terms changed since.
/// The sums by term and day equal a recount.
async fn assert_terms_counted(estate: &Estate) {
    let of = |sql: &'static str| sqlx::query_scalar::<_, String>(sql).fetch_all(&estate.pool);
    let kept = of("select concat_ws(' ', due_at, team_id, severity, exposure, since, findings) from due_counts
        where findings <> 0 order by 1");
    let counted = of("select concat_ws(' ', coalesce(due_at, 'infinity'),
            coalesce(team_id, '00000000-0000-0000-0000-000000000000'), severity, exposure,
            case when due_by_hand then '-infinity' else (coalesce(due_from, opened_at) at time zone 'UTC')::date end, count(*))
        from findings where state = 'open'
        group by due_at, team_id, severity, exposure, due_by_hand, (coalesce(due_from, opened_at) at time zone 'UTC')::date
        order by 1");
    assert_eq!(kept.await.expect("sums"), counted.await.expect("counts"));
}

#[sqlx::test(migrations = "../../migrations")]
async fn what_is_forecast_of_other_terms_is_what_comes_about(pool: PgPool) {
    let estate = Estate::new(pool).await;
    let ann = member(&estate, 1, "ann@example.com").await;
    estate.run(all_read(&[bucket("a", false), bucket("b", false), bucket("c", false)])).await;
    let opened = estate.worker.mint.now();
    let later = opened + chrono::TimeDelta::days(4);
    change(&estate, ann, &Change::Due(Some(opened + chrono::TimeDelta::days(20)))).await;
    sqlx::query(
        "update findings f set due_by_hand = false, due_at = null from resources r
         where r.resource_id = f.resource_id and r.name <> 'c'",
    )
    .execute(&estate.pool)
    .await
    .expect("two that terms move");
    assert_terms_counted(&estate).await;

    for terms in [Some(2), Some(5), Some(25), None, Some(90)] {
        let next = Policy::of(|_, _| terms);
        let mut tx = estate.database.tenant(estate.tenant).await.expect("a door");
        let before = triage::forecast(&mut tx, &next, &[], later).await.expect("a forecast");
        triage::keep_policy(&mut tx, &next).await.expect("kept");
        tx.commit().await.expect("kept");
        work(&estate, &Task::ApplyDue).await;
        assert_terms_counted(&estate).await;

        let mut tx = estate.database.tenant(estate.tenant).await.expect("a door");
        let after = triage::forecast(&mut tx, &next, &[], later).await.expect("a forecast");
        let then = before.iter().map(|row| (row.late_then, row.week_then, row.month_then));
        let now = after.iter().map(|row| (row.late, row.week, row.month));
        assert_eq!(then.collect::<Vec<_>>(), now.collect::<Vec<_>>(), "{terms:?}");
        let expected = match terms {
            Some(2) => (2, 0, 1),
            Some(5) => (0, 2, 3),
            Some(25) => (0, 0, 3),
            _ => (0, 0, 1),
        };
        assert_eq!((after[0].late, after[0].week, after[0].month), expected, "{terms:?}");
        let fixes: Vec<Uuid> = sqlx::query_scalar(
            "select fix_id from findings f join resources r using (tenant_id, resource_id)
             where r.name = 'a'",
        )
        .fetch_all(&estate.pool)
        .await
        .expect("a fix");
        let fixes: Vec<_> = fixes.into_iter().map(plumbline_core::id::FixId).collect();
        let taken = triage::taken_off(&mut tx, estate.worker.catalogue.terms(), &fixes, &[]).await.expect("taken");
        assert!(!taken.findings.is_empty() && !taken.cut);
        let lines = ["severity>=low".to_owned(), "resource:a".to_owned()];
        let covered = triage::taken_off(&mut tx, estate.worker.catalogue.terms(), &fixes, &lines).await.expect("taken");
        assert!(
            covered.findings.len() >= 3
                && covered.findings.iter().collect::<BTreeSet<_>>().len() == covered.findings.len()
        );
        let none = triage::forecast(&mut tx, &next, &covered.findings, later).await.expect("a forecast");
        assert!(none.iter().all(|row| row.late_then + row.month_then == 0), "{none:?}");
        let less = triage::forecast(&mut tx, &next, &taken.findings, later).await.expect("a forecast");
        let then = less.first().map_or(0, |row| row.late_then + row.month_then);
        assert!(then < expected.0 + expected.2 || terms.is_none() || terms == Some(90), "{terms:?}: {less:?}");
    }
}

#[sqlx::test(migrations = "../../migrations")]
async fn an_undo_gives_nothing_to_who_is_gone_and_keeps_what_terms_changed(pool: PgPool) {
    let estate = Estate::new(pool).await;
    let (ann, bo) = (member(&estate, 1, "ann@example.com").await, member(&estate, 2, "bo@example.com").await);
    let (kept, now) = (member(&estate, 3, "owner@example.com").await, estate.worker.mint.now());
    sqlx::query("update members set role = 'owner'").execute(&estate.pool).await.expect("owners");
    estate.run(all_read(&[bucket("a", false)])).await;
    change(&estate, ann, &Change::Assign { team: None, assignee: Some(bo) }).await;
    let found: Uuid = sqlx::query_scalar("select finding_id from findings").fetch_one(&estate.pool).await.expect("one");
    let (id, given) = (Uuid::from_u128(9), Change::Assign { team: None, assignee: Some(kept) });
    let bulk = Bulk { id, by: ann, actor: "Ann", change: &given, q: "", detail: "given" };
    let mut tx = estate.database.tenant(estate.tenant).await.expect("a door");
    reconcile::lock(&mut tx).await.expect("locked");
    finding::ticked(&mut tx, &[FindingId(found)]).await.expect("chosen");
    assert_eq!(triage::record(&mut tx, &bulk, now).await.expect("given").changed, 1);
    tx.commit().await.expect("kept");
    let mut tx = estate.database.tenant(estate.tenant).await.expect("a door");
    plumbline_store::tenant::member::remove(&mut tx, bo).await.expect("gone");
    triage::keep_policy(&mut tx, &Policy::of(|_, _| Some(11))).await.expect("other terms");
    tx.commit().await.expect("kept");
    work(&estate, &Task::ApplyDue).await;
    let by_terms = due(&estate, "a").await;

    let mut tx = estate.database.tenant(estate.tenant).await.expect("a door");
    reconcile::lock(&mut tx).await.expect("locked");
    assert_eq!(triage::undo(&mut tx, id, ann, now).await.expect("undone"), 1);
    tx.commit().await.expect("kept");

    assert_eq!(owners(&estate).await, [("a".to_owned(), None, None)]);
    assert_eq!(due(&estate, "a").await, by_terms);
    let by_hand: bool =
        sqlx::query_scalar("select owned_by_hand from findings").fetch_one(&estate.pool).await.expect("one");
    assert!(!by_hand, "the rules may give it to somebody");
}

async fn owners(estate: &Estate) -> Vec<(String, Option<Uuid>, Option<Uuid>)> {
    sqlx::query_as(
        "select r.name, f.team_id, f.assignee_id from findings f join resources r using (tenant_id, resource_id)
         where r.kind = 'aws.s3.bucket' order by r.name",
    )
    .fetch_all(&estate.pool)
    .await
    .expect("findings")
}

#[sqlx::test(migrations = "../../migrations")]
async fn each_morning_people_are_told_what_is_late_and_mailed_once(pool: PgPool) {
    let estate = Estate::new(pool).await;
    let ann = member(&estate, 1, "ann@example.com").await;
    estate.run(all_read(&[bucket("a", false), bucket("b", false)])).await;
    change(&estate, ann, &Change::Assign { team: None, assignee: Some(ann) }).await;
    estate.clock.advance(chrono::TimeDelta::days(400));
    let now = estate.worker.mint.now();

    let mut tx = estate.database.tenant(estate.tenant).await.expect("a door");
    inbox::remind(&mut tx, now).await.expect("reminded");
    inbox::digest(&mut tx, now).await.expect("digested");
    inbox::digest(&mut tx, now).await.expect("digested");
    let mails = inbox::waiting(&mut tx, now).await.expect("mails");

    assert_eq!(mails.len(), 1, "the second digest has nothing new");
    assert_eq!((mails[0].email.as_str(), mails[0].lines.len()), ("ann@example.com", 1));
    assert_eq!(mails[0].lines[0].subject, "Of your findings 2 are overdue and 0 are due within three days");
    assert_eq!(inbox::unread(&mut tx, ann).await.expect("a count"), 1);
    let stranger = estate.database.tenant(TenantId(Uuid::from_u128(5))).await;
    let mut other = stranger.expect("a door");
    assert!(inbox::waiting(&mut other, now).await.expect("mails").is_empty());
}
