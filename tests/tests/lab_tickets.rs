//! Tickets over real HTTP: never two for a fix, whatever dies; in step both ways; nothing of the credential anywhere.

use anyhow::{Context, Result, ensure};
use chrono::TimeDelta;
use plumbline_core::id::{FixId, PersonId, TicketId, TrackerId};
use plumbline_core::signature::hmac_sha256;
use plumbline_core::ticket::{TrackerSettings, marker};
use plumbline_core::verdict::Verdict;
use plumbline_policy::Catalogue;
use plumbline_store::job::{self, Task};
use plumbline_store::ticket::{self, NewTracker, Ticket};
use plumbline_tests::TestApp;
use plumbline_tests::app::keyring;
use plumbline_tests::builders::{Estate, NewResource, check};
use plumbline_tests::trackers::{Fault, TOKEN, Trackers};
use plumbline_worker::Worker;
use plumbline_worker::tickets::Outside;
use secrecy::{ExposeSecret, SecretString};
use sqlx::PgPool;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// A product with one fix, and trackers to open its ticket in.
struct Lab {
    app: TestApp,
    trackers: Trackers,
    worker: Worker,
    fix: FixId,
}

impl Lab {
    async fn start(pool: PgPool) -> Result<Self> {
        let app = TestApp::start(pool).await;
        let estate = Estate::of(&app).await;
        for name in ["ledger", "@everybody"] {
            let resource = estate.resource(&NewResource::of(check(0), name)).await;
            estate.verdict(resource, check(0), Verdict::Fail).await;
        }
        estate.add_up(40.0).await;
        let fix = estate.fix(check(0));
        let catalogue = Catalogue::builtin();
        let links = Some("https://plumbline.example.com".parse()?);
        let worker = Worker {
            database: app.database.clone(),
            keyring: Arc::new(keyring()),
            mint: app.mint.clone(),
            catalogue,
            weighing: Arc::new(catalogue.weighing()),
            collectors: Vec::new(),
            mailer: None,
            outside: Outside::patient(true, links, Duration::from_secs(1))?,
            batch: plumbline_worker::BATCH,
        };
        Ok(Self { trackers: Trackers::start()?, app, worker, fix })
    }

    async fn tracker(&self, kind: &str, project: &str, secret: &str) -> Result<TrackerId> {
        let settings = TrackerSettings { email: "bot@example.com".to_owned(), ..TrackerSettings::default() };
        let base_url =
            if kind == "webhook" { format!("{}/hook", self.trackers.url) } else { self.trackers.url.clone() };
        let secret = SecretString::from(secret);
        let new = NewTracker { kind, name: kind, base_url: &base_url, project, settings: &settings, secret: &secret };
        let mut tx = self.app.tx().await;
        let id = ticket::create(&mut tx, &new, &keyring(), &self.app.mint).await?;
        tx.commit().await?;
        Ok(id)
    }

    async fn ask(&self, tracker: TrackerId) -> Result<TicketId> {
        let mut tx = self.app.tx().await;
        let by = PersonId(uuid::Uuid::from_u128(1));
        let id = ticket::ask(&mut tx, self.fix, tracker, by, &self.app.mint).await?;
        tx.commit().await?;
        Ok(id)
    }

    /// Does every job that is due.
    async fn work(&self) -> Result<()> {
        while self.worker.work_once(&CancellationToken::new()).await? {}
        Ok(())
    }

    /// Lets time pass, and does what is due then.
    async fn after(&self, minutes: i64) -> Result<()> {
        self.app.pass(TimeDelta::minutes(minutes));
        self.work().await
    }

    async fn ticket(&self, id: TicketId) -> Result<Ticket> {
        Ok(ticket::get(&mut self.app.tx().await, id).await?)
    }

    async fn sql(&self, text: &'static str) -> Result<()> {
        sqlx::raw_sql(text).execute(&self.app.pool).await?;
        Ok(())
    }

    async fn stages(&self) -> Result<Vec<String>> {
        Ok(sqlx::query_scalar("select distinct stage from findings order by 1").fetch_all(&self.app.pool).await?)
    }
}

const GONE: &str = "update findings set state = 'resolved', stage = 'resolved'; update fixes set open_findings = 0";
const BACK: &str = "update findings set state = 'open', stage = 'reopened'; update fixes set open_findings = 2";

/// Who asks for tickets here, as a member.
const ASKER: &str = "insert into people (person_id, email, name, created_at)
    values ('00000000-0000-0000-0000-000000000001', 'asker@example.com', 'Asker', now());
    insert into members (tenant_id, person_id, role, joined_at)
    select tenant_id, '00000000-0000-0000-0000-000000000001', 'analyst', now() from tenants";

/// From the request to the proof and back again, with each tracker that can be asked.
async fn in_step(lab: &Lab, tracker: TrackerId) -> Result<()> {
    let id = lab.ask(tracker).await?;
    lab.work().await?;
    let opened = lab.ticket(id).await?;
    ensure!(opened.state == "open", "{opened:?}");
    let issue = lab.trackers.issues().remove(0);
    assert!(issue.body.contains(&marker(lab.fix)) && issue.body.contains("ledger"), "{}", issue.body);
    assert!(issue.labels.contains(&"plumbline".to_owned()));

    lab.trackers.change(|issue| issue.closed = true);
    lab.after(6).await?;
    assert_eq!(lab.stages().await?, ["awaiting_proof"], "closed there is claimed here: {:?}", lab.ticket(id).await?);
    lab.after(6).await?;
    assert!(lab.trackers.issues()[0].comments.is_empty(), "nothing is said before a run");

    lab.sql("update findings set stage = 'reopened'").await?;
    lab.after(6).await?;
    let refuted = lab.trackers.issues().remove(0);
    assert!(!refuted.closed && refuted.comments.len() == 1, "{refuted:?}");

    lab.sql(GONE).await?;
    lab.after(6).await?;
    let proven = lab.trackers.issues().remove(0);
    assert!(proven.closed && proven.comments.len() == 2, "{proven:?}");
    assert_eq!(lab.ticket(id).await?.state, "done");
    lab.after(6).await?;
    assert_eq!(lab.trackers.issues()[0].comments.len(), 2, "said once");

    lab.sql(BACK).await?;
    lab.after(6).await?;
    let back = lab.trackers.issues().remove(0);
    assert!(!back.closed && back.comments.len() == 3, "{back:?}");
    assert_eq!((lab.trackers.issues().len(), lab.ticket(id).await?.state.as_str()), (1, "open"));
    Ok(())
}

/// A ticket never says that a run proved what an exception or a disconnected source took out of sight.
#[sqlx::test(migrations = "../migrations")]
async fn what_was_not_proven_is_not_called_so(pool: PgPool) -> Result<()> {
    let lab = Lab::start(pool).await?;
    let id = lab.ask(lab.tracker("github", "shop/api", TOKEN).await?).await?;
    lab.work().await?;

    lab.sql("update findings set state = 'accepted', stage = 'accepted'; update fixes set open_findings = 0").await?;
    lab.after(6).await?;
    let accepted = lab.trackers.issues().remove(0);
    ensure!(accepted.closed && lab.ticket(id).await?.state == "done", "{accepted:?}");
    ensure!(accepted.comments[0].contains("an exception leaves it out"), "{accepted:?}");

    lab.sql(BACK).await?;
    lab.after(6).await?;
    lab.sql("update sources set removed_at = now()").await?;
    lab.sql(GONE).await?;
    lab.after(6).await?;
    let comments = lab.trackers.issues().remove(0).comments;
    ensure!(comments.len() == 3 && comments[2].contains("was disconnected"), "{comments:?}");
    Ok(())
}

#[sqlx::test(migrations = "../migrations")]
async fn github_is_kept_in_step_both_ways(pool: PgPool) -> Result<()> {
    let lab = Lab::start(pool).await?;
    in_step(&lab, lab.tracker("github", "shop/api", TOKEN).await?).await?;
    let body = &lab.trackers.issues()[0].body;
    assert!(!body.contains("@everybody"), "a name in a tag calls nobody: {body}");
    assert!(body.contains("https://plumbline.example.com/fixes/"), "{body}");
    Ok(())
}

#[sqlx::test(migrations = "../migrations")]
async fn gitlab_is_kept_in_step_both_ways(pool: PgPool) -> Result<()> {
    let lab = Lab::start(pool).await?;
    in_step(&lab, lab.tracker("gitlab", "shop/api", TOKEN).await?).await
}

#[sqlx::test(migrations = "../migrations")]
async fn jira_is_kept_in_step_both_ways(pool: PgPool) -> Result<()> {
    let lab = Lab::start(pool).await?;
    in_step(&lab, lab.tracker("jira", "OPS", TOKEN).await?).await
}

/// The answer to the request that made it never came: it is found again and not made twice.
#[sqlx::test(migrations = "../migrations")]
async fn a_crash_after_creation_never_makes_two(pool: PgPool) -> Result<()> {
    let mut lab = Lab::start(pool).await?;
    for (kind, project) in [("github", "shop/api"), ("gitlab", "shop/api"), ("jira", "OPS")] {
        lab.trackers = Trackers::start()?;
        let tracker = lab.tracker(kind, project, TOKEN).await?;
        lab.trackers.fail_next(Fault::SilenceAfterwards);
        let id = lab.ask(tracker).await?;
        lab.work().await?;
        assert_eq!((lab.ticket(id).await?.state.as_str(), lab.trackers.issues().len()), ("asked", 1), "{kind}");
        lab.after(3).await?;
        let found = lab.ticket(id).await?;
        assert_eq!((found.state.as_str(), lab.trackers.issues().len()), ("open", 1), "{kind}: {found:?}");
    }
    Ok(())
}

#[sqlx::test(migrations = "../migrations")]
async fn a_tracker_that_asks_to_wait_is_waited_for_and_one_that_refuses_is_told(pool: PgPool) -> Result<()> {
    let lab = Lab::start(pool).await?;
    let tracker = lab.tracker("github", "shop/api", TOKEN).await?;
    lab.trackers.fail_next_question(Fault::Status(429, Some(600)));
    let id = lab.ask(tracker).await?;
    lab.work().await?;
    lab.after(5).await?;
    assert_eq!(lab.trackers.asked().len(), 1, "not before the time that it names");
    lab.trackers.fail_next(Fault::Status(500, None));
    lab.after(6).await?;
    assert_eq!(lab.ticket(id).await?.state, "asked");
    lab.after(10).await?;
    assert_eq!((lab.ticket(id).await?.state.as_str(), lab.trackers.issues().len()), ("open", 1));

    lab.trackers.fail_next_question(Fault::Silence);
    lab.after(6).await?;
    let seen = ticket::tracker(&mut lab.app.tx().await, tracker).await?;
    assert!(seen.poll_error.as_deref().is_some_and(|words| words.contains("in time")), "{seen:?}");
    lab.after(6).await?;
    assert_eq!(ticket::tracker(&mut lab.app.tx().await, tracker).await?.poll_error, None);
    Ok(())
}

#[sqlx::test(migrations = "../migrations")]
async fn what_cannot_be_opened_says_why_and_is_tried_again_when_asked(pool: PgPool) -> Result<()> {
    let lab = Lab::start(pool).await?;
    lab.sql(ASKER).await?;
    let wrong = lab.tracker("gitlab", "shop/api", "another-token-than-that").await?;
    let id = lab.ask(wrong).await?;
    lab.work().await?;
    let told: Vec<(String, String)> =
        sqlx::query_as("select kind, subject from inbox").fetch_all(&lab.app.pool).await?;
    assert_eq!(told, [("ticket".to_owned(), "The ticket in gitlab could not be opened".to_owned())]);
    let failed = lab.ticket(id).await?;
    assert_eq!(
        (failed.state.as_str(), failed.error.as_deref()),
        ("failed", Some("The tracker refuses the credential."))
    );
    let mut tx = lab.app.tx().await;
    ticket::replace_secret(&mut tx, wrong, &SecretString::from(TOKEN), &keyring(), &lab.app.mint).await?;
    tx.commit().await?;
    assert_eq!(lab.ask(wrong).await?, id, "the same ticket");
    lab.trackers.fail_next(Fault::Status(422, None));
    lab.work().await?;
    let refused = lab.ticket(id).await?;
    assert!(
        refused.state == "failed" && refused.error.as_deref().is_some_and(|words| words.contains("422")),
        "{refused:?}"
    );
    lab.ask(wrong).await?;
    lab.work().await?;
    assert_eq!(lab.ticket(id).await?.state, "open");
    assert!(lab.ask(wrong).await.is_err(), "never two for one fix");

    let missing = lab.tracker("github", "shop/gone", TOKEN).await?;
    let mut tx = lab.app.tx().await;
    let test = Task::TestTracker { tracker_id: missing };
    job::enqueue(&mut tx, &test, lab.app.mint.now(), &lab.app.mint).await?;
    tx.commit().await?;
    lab.work().await?;
    let tested = ticket::tracker(&mut lab.app.tx().await, missing).await?;
    assert!(tested.test_error.as_deref().is_some_and(|words| words.contains("no such thing")), "{tested:?}");
    Ok(())
}

/// What is written there follows the fix, at most once an hour.
#[sqlx::test(migrations = "../migrations")]
async fn the_text_follows_the_fix(pool: PgPool) -> Result<()> {
    let lab = Lab::start(pool).await?;
    let id = lab.ask(lab.tracker("github", "shop/api", TOKEN).await?).await?;
    lab.work().await?;
    lab.sql("update fixes set open_findings = 1; update findings set message = 'otherwise'").await?;
    lab.after(20).await?;
    assert!(lab.trackers.issues()[0].body.contains("Closes 2 findings"), "not within the hour");
    lab.after(50).await?;
    assert!(lab.trackers.issues()[0].body.contains("Closes 1 finding"), "{}", lab.trackers.issues()[0].body);
    let changes = |lab: &Lab| lab.trackers.asked().iter().filter(|asked| asked.method == "PATCH").count();
    let before = changes(&lab);
    lab.after(70).await?;
    assert_eq!(changes(&lab), before, "the same is not written again");
    assert_eq!(lab.ticket(id).await?.state, "open");
    Ok(())
}

#[sqlx::test(migrations = "../migrations")]
async fn a_webhook_is_signed_and_says_when_it_says_the_same_again(pool: PgPool) -> Result<()> {
    let lab = Lab::start(pool).await?;
    let tracker = lab.tracker("webhook", "", "a-secret-of-the-hook").await?;
    lab.trackers.fail_next(Fault::SilenceAfterwards);
    let id = lab.ask(tracker).await?;
    lab.work().await?;
    lab.after(3).await?;
    assert_eq!(lab.ticket(id).await?.state, "open");

    let asked = lab.trackers.asked();
    let keys: Vec<_> = asked.iter().map(|one| one.header("idempotency-key")).collect();
    assert_eq!(keys, [Some(lab.fix.to_string().as_str()); 2], "the receiver can tell that it has it");
    let last = asked.last().context("a request")?;
    let time = last.header("x-plumbline-timestamp").context("a time")?;
    let signed = hmac_sha256(b"a-secret-of-the-hook", format!("{time}.{}", last.body).as_bytes());
    assert_eq!(last.header("x-plumbline-signature"), Some(format!("sha256={signed}").as_str()));

    lab.sql(GONE).await?;
    lab.after(6).await?;
    let events: Vec<String> =
        lab.trackers.asked().iter().map(|one| one.json()["event"].as_str().unwrap_or_default().to_owned()).collect();
    assert_eq!(events[2..], ["ticket.commented", "ticket.closed"]);
    Ok(())
}

#[sqlx::test(migrations = "../migrations")]
async fn the_address_of_a_webhook_is_sealed_as_its_secret_is(pool: PgPool) -> Result<()> {
    let lab = Lab::start(pool).await?;
    let tracker = lab.tracker("webhook", "", "a-secret-of-the-hook").await?;
    let row: String = sqlx::query_scalar("select trackers::text from trackers").fetch_one(&lab.app.pool).await?;
    assert!(row.contains(&lab.trackers.url) && !row.contains("/hook"), "{row}");

    let mut tx = lab.app.tx().await;
    ticket::replace_secret(&mut tx, tracker, &"another-secret".into(), &keyring(), &lab.app.mint).await?;
    let opened = ticket::open_tracker(&mut tx, &keyring(), tracker).await?;
    assert_eq!(opened.tracker.base_url, format!("{}/hook", lab.trackers.url));
    assert_eq!(opened.secret.expose_secret(), "another-secret");

    tx.commit().await?;

    // One from before has its address in the row and its secret alone sealed.
    lab.sql("update trackers set kind = 'github'").await?;
    let mut tx = lab.app.tx().await;
    ticket::replace_secret(&mut tx, tracker, &"of-old-days".into(), &keyring(), &lab.app.mint).await?;
    tx.commit().await?;
    lab.sql("update trackers set kind = 'webhook', base_url = 'https://old.example.com/hook'").await?;
    let mut tx = lab.app.tx().await;
    let opened = ticket::open_tracker(&mut tx, &keyring(), tracker).await?;
    assert_eq!(opened.tracker.base_url, "https://old.example.com/hook");
    assert_eq!(opened.secret.expose_secret(), "of-old-days");
    Ok(())
}

#[sqlx::test(migrations = "../migrations")]
async fn a_credential_is_sealed_and_rotates_with_the_others(pool: PgPool) -> Result<()> {
    let lab = Lab::start(pool).await?;
    let tracker = lab.tracker("github", "shop/api", TOKEN).await?;
    let (stored,): (Vec<u8>,) = sqlx::query_as("select sealed_secret from trackers").fetch_one(&lab.app.pool).await?;
    assert!(!stored.windows(TOKEN.len()).any(|part| part == TOKEN.as_bytes()));

    let newer = format!("newer:{}A=,test:{}=", "B".repeat(42), "A".repeat(43));
    let newer = plumbline_store::seal::Keyring::parse(&SecretString::from(newer))?;
    let mut tx = lab.app.tx().await;
    assert_eq!(plumbline_store::reseal::reseal(&mut tx, &newer, &lab.app.mint).await?, 1);
    assert!(ticket::open_tracker(&mut tx, &newer, tracker).await.is_ok());
    Ok(())
}
