//! A member's own inbox.

use chrono::{DateTime, Utc};
use plumbline_core::id::PersonId;
use plumbline_core::role::Role;
use plumbline_store::inbox::{self, Kind, Wanted};
use plumbline_tests::TestApp;
use plumbline_tests::app::noon;
use sqlx::PgPool;

async fn tell(app: &TestApp, person: PersonId, kind: Kind, subject: &str, at: DateTime<Utc>) {
    let mut tx = app.tx().await;
    inbox::tell(&mut tx, person, kind, subject, "/fixes", at).await.expect("told");
    tx.commit().await.expect("kept");
}

#[sqlx::test(migrations = "../migrations")]
async fn an_inbox_is_read_item_by_item_or_at_once(pool: PgPool) {
    let app = TestApp::start(pool).await;
    let ann = app.join(&app.tenant, Role::Auditor, "ann@harborlane.example.com").await;
    for number in 0..60 {
        tell(&app, ann, Kind::Assigned, &format!("Number {number}"), noon()).await;
    }
    let mut browser = app.signed_in("ann@harborlane.example.com").await;

    let first = browser.get("/inbox").await;
    assert_eq!((first.texts(".link-button").len(), first.texts(".link-button")[0].as_str()), (50, "Number 59"));
    assert_eq!(first.texts(".inbox-link"), ["Inbox 60 unread"]);
    let next = first.attribute(".pager a", "href").expect("a next page");
    assert_eq!(browser.get(&next).await.texts(".link-button").len(), 10);

    let open = first.attribute("form[action$='/open']", "action").expect("a way to open it");
    let opened = browser.submit("/inbox", &open, &[]).await;
    assert_eq!((opened.status, opened.location()), (303, "/fixes"));
    assert_eq!(browser.get("/inbox?unread=yes").await.texts(".link-button")[0], "Number 58");
    let newest = first.attribute("button[name=up_to]", "value").expect("up to where");
    tell(&app, ann, Kind::Proven, "Came meanwhile", noon()).await;
    browser.submit("/inbox", "/inbox/read", &[("up_to", &newest)]).await;
    assert_eq!(browser.get("/inbox?unread=yes").await.texts(".link-button"), ["Came meanwhile"]);

    let mut other = app.owner().await;
    assert_eq!(other.submit("/inbox", &open, &[]).await.status, 404, "another member's is not there");
    assert!(other.get("/inbox").await.texts(".link-button").is_empty());
}

#[sqlx::test(migrations = "../migrations")]
async fn what_goes_out_by_mail_is_each_persons_own_choice(pool: PgPool) {
    let app = TestApp::start(pool).await;
    let ann = app.join(&app.tenant, Role::Analyst, "ann@harborlane.example.com").await;
    let mut browser = app.signed_in("ann@harborlane.example.com").await;
    let page = browser.get("/inbox/settings").await;
    assert_eq!(page.attribute("#assigned option[selected]", "value").as_deref(), Some("at_once"));
    let fields = [("assigned", "never"), ("proven", "at_once"), ("mentioned", "nonsense")];
    assert_eq!(browser.submit("/inbox/settings", "/inbox/settings", &fields).await.status, 303);

    for kind in [Kind::Assigned, Kind::Proven, Kind::Mentioned] {
        tell(&app, ann, kind, kind.words(), noon()).await;
    }

    let mut tx = app.tx().await;
    let mails = inbox::waiting(&mut tx, noon()).await.expect("mails");
    let subjects: Vec<&str> = mails.iter().map(|mail| mail.subject.as_str()).collect();
    assert_eq!(subjects, [Kind::Proven.words(), Kind::Mentioned.words()]);
    inbox::sent(&mut tx, mails[0].number, noon()).await.expect("sent");
    inbox::failed(&mut tx, &mails[1], "later, please", false, noon()).await.expect("failed");
    assert!(inbox::waiting(&mut tx, noon()).await.expect("mails").is_empty(), "it is tried again later");
    let again = inbox::waiting(&mut tx, noon() + chrono::TimeDelta::minutes(2)).await.expect("mails");
    assert_eq!((again.len(), again[0].attempt), (1, 2));
    inbox::failed(&mut tx, &again[0], "no such address", true, noon()).await.expect("failed");
    assert_eq!(inbox::next_mail_at(&mut tx).await.expect("a time"), None);
    assert_eq!(Wanted::parse("daily"), Some(Wanted::Daily));
}
