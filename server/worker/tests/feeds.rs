//! Feeds that workers fetch, against a server that answers as real ones do and as broken ones do: what was there stays
//! unless something whole and no smaller came.

use chrono::TimeDelta;
use flate2::Compression;
use flate2::write::GzEncoder;
use plumbline_core::clock::FrozenClock;
use plumbline_core::id::Mint;
use plumbline_store::feed::{self, Wanted};
use plumbline_store::{Database, StoreError};
use plumbline_worker::feeds::{Downloads, Feed, FeedKind, Refresh, Tried, import_from};
use rand::SeedableRng;
use rand::rngs::StdRng;
use sqlx::PgPool;
use std::collections::VecDeque;
use std::io::{Cursor, Write};
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use url::Url;
use uuid::Uuid;
use zip::write::{SimpleFileOptions, ZipWriter};

/// A server that gives the next of these answers to each request, and notes the requests.
#[derive(Clone)]
struct Site {
    port: u16,
    answers: Arc<Mutex<VecDeque<Vec<u8>>>>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Site {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let site = Self {
            port: listener.local_addr().expect("an address").port(),
            answers: Arc::default(),
            asked: Arc::default(),
        };
        let this = site.clone();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    match stream.read_u8().await {
                        Ok(byte) => head.push(byte),
                        Err(_) => break,
                    }
                }
                this.asked.lock().expect("the requests").push(String::from_utf8_lossy(&head).to_ascii_lowercase());
                let answer =
                    this.answers.lock().expect("the answers").pop_front().unwrap_or_else(|| status("404 Not Found"));
                let _ = stream.write_all(&answer).await;
            }
        });
        site
    }

    fn answer(&self, answer: Vec<u8>) {
        self.answers.lock().expect("the answers").push_back(answer);
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().expect("the requests").clone()
    }

    fn url(&self, path: &str) -> Url {
        Url::parse(&format!("http://127.0.0.1:{}/{path}", self.port)).expect("an address")
    }
}

fn status(line: &str) -> Vec<u8> {
    format!("HTTP/1.1 {line}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").into_bytes()
}

fn whole(body: &[u8], headers: &str) -> Vec<u8> {
    claimed(body, body.len(), headers)
}

/// A body that claims to have so many bytes.
fn claimed(body: &[u8], length: usize, headers: &str) -> Vec<u8> {
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n{headers}\r\n");
    [head.as_bytes(), body].concat()
}

/// A body of which nobody says how long it is.
fn unmeasured(body: &[u8]) -> Vec<u8> {
    [b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n", body].concat()
}

fn kev(flaws: usize) -> Vec<u8> {
    let listed: Vec<_> =
        (0..flaws).map(|n| serde_json::json!({ "cveID": format!("CVE-2031-{:04}", 1000 + n) })).collect();
    let catalogue = serde_json::json!({ "catalogVersion": "2031.01.01", "dateReleased": "2031-01-01T00:00:00Z",
        "vulnerabilities": listed });
    catalogue.to_string().into_bytes()
}

fn osv(advisories: usize) -> Vec<u8> {
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    for n in 0..advisories {
        archive.start_file(format!("OSV-{n}.json"), SimpleFileOptions::default()).expect("an entry");
        let record = serde_json::json!({ "id": format!("OSV-{n}"), "modified": "2031-01-01T00:00:00Z", "affected": [
            { "package": { "ecosystem": "npm", "name": format!("part-{n}") }, "versions": ["1.0.0"] }] });
        archive.write_all(record.to_string().as_bytes()).expect("written");
    }
    archive.finish().expect("an archive").into_inner()
}

fn epss(flaws: usize) -> Vec<u8> {
    let mut packed = GzEncoder::new(Vec::new(), Compression::default());
    packed.write_all(b"#model_version:v1,score_date:2031-01-01T00:00:00+0000\ncve,epss,percentile\n").expect("written");
    for n in 0..flaws {
        packed.write_all(format!("CVE-2031-{},0.5,0.{n:04}\n", 1000 + n).as_bytes()).expect("written");
    }
    packed.finish().expect("packed")
}

struct Fetching {
    pool: PgPool,
    clock: FrozenClock,
    refresh: Refresh,
    site: Site,
    feed: Feed,
}

/// How a feed stands: refreshed, confirmed, its entries, and what was wrong last.
#[derive(Debug, Clone, PartialEq)]
struct Stand {
    refreshed: Option<chrono::DateTime<chrono::Utc>>,
    confirmed: Option<chrono::DateTime<chrono::Utc>>,
    entries: i64,
    error: Option<String>,
}

impl Fetching {
    async fn new(pool: PgPool, kind: FeedKind) -> Self {
        let clock = FrozenClock::at("2031-01-15T12:00:00Z".parse().expect("an instant"));
        let site = Site::start().await;
        let refresh = Refresh {
            database: Database::from_pool(pool.clone()),
            mint: Arc::new(Mint::new(Arc::new(clock.clone()), StdRng::seed_from_u64(7))),
            downloads: Downloads::new(true).expect("a client"),
            feeds: Vec::new(),
        };
        let feed = Feed { name: "one".to_owned(), kind, url: site.url("feed"), every: TimeDelta::hours(6) };
        Self { pool, clock, refresh, site, feed }
    }

    async fn once(&self) -> Tried {
        self.refresh.once(&self.feed).await.expect("the database answers")
    }

    /// As [`Self::once`], when the feed is due, with this answer.
    async fn answered(&self, answer: Vec<u8>) -> Tried {
        self.clock.advance(TimeDelta::hours(6));
        self.site.answer(answer);
        self.once().await
    }

    /// The words of a try that failed.
    async fn failed(&self, answer: Vec<u8>) -> String {
        match self.answered(answer).await {
            Tried::Failed(words) => words,
            other => panic!("it did not fail: {other:?}"),
        }
    }

    async fn stand(&self) -> Stand {
        let (refreshed, confirmed, entries, error) = sqlx::query_as(
            "select refreshed_at, confirmed_at, coalesce(entries, 0), error from feed_fetches left join feeds using (feed)",
        )
        .fetch_one(&self.pool)
        .await
        .expect("a feed");
        Stand { refreshed, confirmed, entries, error }
    }

    async fn count(&self, table: &'static str) -> i64 {
        let count = sqlx::AssertSqlSafe(format!("select count(*) from {table}"));
        sqlx::query_scalar(count).fetch_one(&self.pool).await.expect("a count")
    }
}

#[sqlx::test(migrations = "../../migrations")]
async fn a_feed_is_fetched_when_it_is_due_and_asked_only_for_what_is_newer(pool: PgPool) {
    let at = Fetching::new(pool, FeedKind::Osv).await;

    let first = at.answered(whole(&osv(5), "ETag: \"one\"\r\nLast-Modified: Wed, 01 Jan 2031 00:00:00 GMT\r\n")).await;
    assert!(matches!(first, Tried::Taken(taken) if taken.entries == 5), "{first:?}");
    let taken = at.stand().await;
    assert_eq!((taken.refreshed, taken.entries), (taken.confirmed, 5));
    at.clock.advance(TimeDelta::hours(5));
    assert_eq!((at.once().await, at.site.asked().len()), (Tried::NotDue, 1));

    assert_eq!(at.answered(status("304 Not Modified")).await, Tried::Unchanged);
    let request = at.site.asked()[1].clone();
    assert!(
        request.contains("if-none-match: \"one\"") && request.contains("if-modified-since: wed, 01 jan"),
        "{request}"
    );
    let unchanged = at.stand().await;
    assert_eq!(unchanged.refreshed, taken.refreshed);
    assert!(unchanged.confirmed > taken.confirmed, "it is known to be what it was");

    let newer = at.answered(whole(&osv(6), "ETag: \"two\"\r\n")).await;
    assert!(matches!(newer, Tried::Taken(taken) if taken.entries == 6));
    at.answered(status("304 Not Modified")).await;
    assert!(at.site.asked()[3].contains("if-none-match: \"two\"") && !at.site.asked()[3].contains("if-modified-since"));
}

#[sqlx::test(migrations = "../../migrations")]
async fn what_fails_is_cut_off_or_something_else_leaves_what_was_there(pool: PgPool) {
    let at = Fetching::new(pool, FeedKind::Kev).await;
    assert!(matches!(at.answered(whole(&kev(10), "ETag: \"one\"\r\n")).await, Tried::Taken(_)));
    let before = at.stand().await;

    let catalogue = kev(20);
    for (answer, why) in [
        (status("500 Internal Server Error"), "the answer was 500"),
        (status("404 Not Found"), "the answer was 404"),
        (claimed(&catalogue[..300], catalogue.len(), ""), "it was cut off"),
        (unmeasured(&catalogue[..300]), "EOF"),
        (whole(b"<html>Please sign in</html>", ""), "expected value"),
        (whole(b"", ""), "it is empty"),
        (claimed(b"", 65 << 20, ""), "it is larger than"),
        (whole(&kev(7), "ETag: \"small\"\r\n"), "it has 7 entries and had 10"),
        (
            b"HTTP/1.1 302 Found\r\nLocation: http://52.94.5.1/kev\r\nContent-Length: 0\r\n\r\n".to_vec(),
            "private addresses alone",
        ),
        (b"nonsense\r\n\r\n".to_vec(), "nobody answered"),
    ] {
        let words = at.failed(answer).await;
        assert!(words.contains(why), "{why}: {words}");
        assert_eq!(at.stand().await, Stand { error: Some(words), ..before.clone() }, "{why}");
        assert_eq!(at.count("exploited_flaws").await, 10, "{why}");
    }
    assert!(
        at.site.asked().last().is_some_and(|asked| asked.contains("\"one\"")),
        "what failed is no edition to go by"
    );

    assert!(matches!(at.answered(whole(&kev(9), "")).await, Tried::Taken(_)));
    let after = at.stand().await;
    assert_eq!((after.entries, after.error), (9, None));
}

#[sqlx::test(migrations = "../../migrations")]
async fn an_archive_that_shrank_or_was_cut_is_not_taken(pool: PgPool) {
    let at = Fetching::new(pool, FeedKind::Osv).await;
    at.answered(whole(&osv(10), "")).await;

    let archive = osv(30);
    let words = at.failed(unmeasured(&archive[..archive.len() / 2])).await;
    assert!(words.starts_with("invalid Zip archive"), "no path of ours is told: {words}");
    assert!(at.failed(whole(&osv(3), "")).await.contains("it has 3 entries and had 10"));
    assert_eq!((at.count("advisories").await, at.stand().await.entries), (10, 10));

    // Who looks after the installation may say that it is right.
    let (database, mint) = (&at.refresh.database, &at.refresh.mint);
    for (fewer, taken) in [(false, false), (true, true)] {
        at.site.answer(whole(&osv(3), ""));
        let done =
            import_from(database, mint, ("one", FeedKind::Osv), &at.feed.url, &at.refresh.downloads, fewer).await;
        assert_eq!(done.is_ok(), taken, "{done:?}");
    }
    assert_eq!((at.count("advisories").await, at.stand().await.entries), (10, 3), "what is missing from it stays");
}

#[sqlx::test(migrations = "../../migrations")]
async fn forecasts_are_taken_whole_or_not_at_all(pool: PgPool) {
    let at = Fetching::new(pool, FeedKind::Epss).await;
    assert!(matches!(at.answered(whole(&epss(10), "")).await, Tried::Taken(_)));

    let packed = epss(5000);
    at.failed(unmeasured(&packed[..packed.len() - 100])).await;
    assert_eq!(at.count("forecasts").await, 10);
    at.failed(whole(&epss(2), "")).await;
    assert!(matches!(at.answered(whole(&packed, "")).await, Tried::Taken(_)));
    assert_eq!(at.count("forecasts").await, 5000);
}

#[sqlx::test(migrations = "../../migrations")]
async fn one_worker_fetches_a_feed_and_one_that_wakes_up_late_keeps_nothing(pool: PgPool) {
    let at = Fetching::new(pool, FeedKind::Kev).await;
    let wanted = Wanted { feed: "one", kind: "kev", url: at.feed.url.as_str(), every: at.feed.every };
    let now = at.refresh.mint.now();
    let (until, after_death) = (now + TimeDelta::minutes(2), now + TimeDelta::minutes(15));
    let mut tx = at.refresh.database.feeds().await.expect("a door");
    let theirs = feed::lease(&mut tx, &wanted, Uuid::from_u128(1), now, until, after_death)
        .await
        .expect("asked")
        .expect("leased");
    tx.commit().await.expect("kept");

    assert_eq!((at.once().await, at.site.asked().len()), (Tried::NotDue, 0), "another worker has it");
    at.clock.advance(TimeDelta::minutes(16));
    at.site.answer(whole(&kev(3), ""));
    assert!(matches!(at.once().await, Tried::Taken(_)), "that one is dead");

    let mut tx = at.refresh.database.feeds().await.expect("a door");
    let late = feed::confirm(&mut tx, &theirs, None, at.refresh.mint.now()).await;
    assert!(matches!(late, Err(StoreError::Conflict(_))), "{late:?}");
    assert!(!feed::prolong(&mut tx, &theirs, until).await.expect("asked"));
}

#[sqlx::test(migrations = "../../migrations")]
async fn another_address_is_due_at_once_and_asked_for_everything(pool: PgPool) {
    let mut at = Fetching::new(pool, FeedKind::Kev).await;
    at.answered(whole(&kev(3), "ETag: \"one\"\r\n")).await;

    at.feed.url = at.site.url("moved");
    at.site.answer(b"HTTP/1.1 302 Found\r\nLocation: /newer\r\nContent-Length: 0\r\n\r\n".to_vec());
    at.site.answer(whole(&kev(3), ""));
    assert!(matches!(at.once().await, Tried::Taken(_)), "a redirect to an address that may be spoken to is followed");
    let asked = at.site.asked();
    assert!(asked[1].starts_with("get /moved") && asked[2].starts_with("get /newer"), "{asked:?}");
    assert!(!asked[1].contains("if-none-match"));
}

#[sqlx::test(migrations = "../../migrations")]
async fn without_the_operators_leave_nothing_inside_is_asked(pool: PgPool) {
    let mut at = Fetching::new(pool, FeedKind::Kev).await;
    at.refresh.downloads = Downloads::new(false).expect("a client");
    at.site.answer(whole(&kev(3), ""));

    let Tried::Failed(words) = at.once().await else { panic!("it was asked") };
    assert!(words.contains("the operator can allow it"), "{words}");
    at.feed.url = Url::parse(&format!("https://localhost:{}/feed", at.site.port)).expect("an address");
    assert!(matches!(at.once().await, Tried::Failed(_)));
    assert_eq!(at.site.asked().len(), 0);
}
