//! "Are we affected?": a search for one flaw, the worst that are open, and how old what is known of flaws is.

use crate::call::{Call, ReadPosture};
use crate::error::WebError;
use crate::frame::{Frame, Nav};
use crate::route::Route;
use crate::{flaw, text, words};
use actix_web::HttpResponse;
use askama::Template;
use chrono::{DateTime, NaiveDate, NaiveTime, TimeDelta, Utc};
use plumbline_store::feed::{self, FeedRow};
use plumbline_store::software::{self, FeedsIn, FlawRow};
use plumbline_store::{PageRequest, StoreError, TenantTx};
use url::form_urlencoded;

/// Flaws of one page.
const PAGE: i64 = 100;
/// So many days after its own date a feed is old.
const OLD_DAYS: i64 = 7;

pub(crate) fn routes() -> Vec<Route> {
    vec![Route::get("/flaws", index)]
}

async fn index(mut call: Call<ReadPosture>) -> Result<HttpResponse, WebError> {
    let asked = words::query(&call.visit().here).find(|(key, _)| key == "q").map(|(_, value)| value);
    if let Some(id) = asked.as_deref().and_then(flaw::id) {
        return Ok(call.visit().go(&flaw::href(&id)));
    }
    let after = words::query(&call.visit().here).find(|(key, _)| key == "after").map(|(_, value)| value);
    let list = List::read(&mut call.tx, after).await?;
    if call.wants_fragment() {
        return call.page(&list);
    }
    let feeds = feed::list(&mut call.tx).await?;
    let page = Page {
        frame: call.frame(Nav::Flaws),
        asked,
        list,
        missing: Missing::of(software::feeds_in(&mut call.tx).await?),
        feeds: feeds.iter().map(|row| FeedLine::of(row, call.now)).collect(),
    };
    call.page(&page)
}

#[derive(Template)]
#[template(path = "flaws/index.html")]
struct Page {
    frame: Frame,
    /// What was asked for and is no id.
    asked: Option<String>,
    list: List,
    feeds: Vec<FeedLine>,
    missing: Vec<Missing>,
}

/// The open flaws, or their further pages.
#[derive(Template)]
#[template(path = "flaws/_list.html")]
struct List {
    flaws: Vec<FlawLine>,
    /// How many there are in all.
    count: String,
    next: Option<String>,
    first: bool,
}

impl List {
    async fn read(tx: &mut TenantTx, after: Option<String>) -> Result<Self, StoreError> {
        let first = after.is_none();
        let found = software::flaws(tx, &PageRequest { after, size: PAGE }).await?;
        let count = match software::open_flaws(tx).await? {
            1000.. => "More than 999".to_owned(),
            count => text::number(count),
        };
        let href = |after: String| {
            format!("/flaws?{}", form_urlencoded::Serializer::new(String::new()).append_pair("after", &after).finish())
        };
        Ok(Self { flaws: found.items.iter().map(FlawLine::of).collect(), count, next: found.next.map(href), first })
    }
}

/// One flaw in a list.
pub(crate) struct FlawLine {
    pub(crate) id: String,
    pub(crate) href: String,
    pub(crate) severity: String,
    pub(crate) cvss: Option<String>,
    pub(crate) exploited: bool,
    pub(crate) epss: Option<String>,
    pub(crate) open: String,
}

impl FlawLine {
    fn of(row: &FlawRow) -> Self {
        Self {
            id: row.flaw_id.clone(),
            href: flaw::href(&row.flaw_id),
            severity: row.severity.clone(),
            cvss: row.cvss.map(score),
            exploited: row.exploited,
            epss: row.probability.map(percent),
            open: text::number(row.open),
        }
    }
}

/// A CVSS score, with its one decimal.
pub(crate) fn score(cvss: f32) -> String {
    format!("{cvss:.1}")
}

/// A probability from 0 to 1 as percent; what is next to nothing is not shown as nothing.
pub(crate) fn percent(probability: f32) -> String {
    let percent = f64::from(probability) * 100.0;
    if percent > 0.0 && percent < 0.1 { "< 0.1 %".to_owned() } else { format!("{percent:.1} %") }
}

/// A feed, and how old it is.
struct FeedLine {
    name: String,
    origin: String,
    /// The date that it states of itself, and how long ago that was.
    dated: Option<(String, String)>,
    /// When it was brought in, or found to be unchanged: how long ago, and when.
    current: Option<(String, String)>,
    /// When workers tried to fetch it last; none where they do not.
    tried: Option<(String, String)>,
    /// Why the last try failed.
    error: Option<String>,
    old: bool,
    entries: String,
    unreadable: Option<String>,
    named: Vec<String>,
}

impl FeedLine {
    fn of(row: &FeedRow, now: DateTime<Utc>) -> Self {
        let own = instant(&row.dated);
        let stated = (!row.dated.is_empty()).then(|| match own {
            Some(at) => (text::day(at), text::ago(at, now)),
            None => (row.dated.clone(), String::new()),
        });
        let told = |at: DateTime<Utc>| (text::ago(at, now), text::when(at));
        let current = row.refreshed_at.map(|at| row.confirmed_at.map_or(at, |confirmed| confirmed.max(at)));
        Self {
            name: row.feed.clone(),
            origin: origin(&row.origin),
            dated: stated,
            current: current.map(told),
            tried: row.attempted_at.map(told),
            error: row.error.clone(),
            old: own.or(current).is_none_or(|at| now - at > TimeDelta::days(OLD_DAYS)),
            entries: text::number(row.entries),
            unreadable: (row.unreadable > 0).then(|| text::number(row.unreadable)),
            named: row.named.0.clone(),
        }
    }
}

/// Where a feed comes from. Of a file its name will do: where the operator keeps it is nobody else's business.
fn origin(of: &str) -> String {
    let name = if of.contains("://") { None } else { of.trim_end_matches('/').rsplit('/').next() };
    name.unwrap_or(of).to_owned()
}

/// The instant that a feed's date names: with a time, or a day alone.
fn instant(dated: &str) -> Option<DateTime<Utc>> {
    let whole = DateTime::parse_from_rfc3339(dated).ok().map(|at| at.with_timezone(&Utc));
    whole.or_else(|| {
        let day = NaiveDate::parse_from_str(dated.get(..10)?, "%Y-%m-%d").ok()?;
        Some(day.and_time(NaiveTime::MIN).and_utc())
    })
}

/// A kind of feed of which nothing was brought in: what is not known without it, and how to bring it in.
pub(crate) struct Missing {
    pub(crate) what: &'static str,
    pub(crate) without: &'static str,
    pub(crate) command: &'static str,
}

impl Missing {
    pub(crate) fn of(present: FeedsIn) -> Vec<Self> {
        let all = [
            (
                present.advisories,
                Self {
                    what: "Advisories",
                    without: "No package can be judged without them.",
                    command: "plumbline import --feed npm --kind osv npm.zip",
                },
            ),
            (
                present.exploited,
                Self {
                    what: "The catalogue of exploited flaws",
                    without: "A flaw that attackers use is not told from any other without it.",
                    command: "plumbline import --feed exploited --kind kev known_exploited_vulnerabilities.json",
                },
            ),
            (
                present.forecasts,
                Self {
                    what: "Forecasts of exploitation",
                    without: "How likely a flaw is to be used soon is not known without them.",
                    command: "plumbline import --feed forecasts --kind epss epss_scores.csv.gz",
                },
            ),
        ];
        all.into_iter().filter(|(there, _)| !there).map(|(_, missing)| missing).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A feed that was imported at an instant and states a date.
    fn feed(dated: &str, refreshed_at: DateTime<Utc>) -> FeedLine {
        let row = FeedRow {
            feed: "npm".to_owned(),
            origin: "npm.zip".to_owned(),
            dated: dated.to_owned(),
            refreshed_at: Some(refreshed_at),
            entries: 1,
            unreadable: 0,
            named: serde_json::from_value(serde_json::json!([])).expect("a list"),
            attempted_at: None,
            confirmed_at: None,
            error: None,
        };
        FeedLine::of(&row, DateTime::UNIX_EPOCH + TimeDelta::days(100))
    }

    #[test]
    fn a_file_is_told_by_its_name() {
        let told = ["/srv/feeds/debian.zip", "feeds/osv/", "npm.zip", "https://example.com/a/b.zip"].map(origin);
        assert_eq!(told, ["debian.zip", "osv", "npm.zip", "https://example.com/a/b.zip"]);
    }

    #[test]
    fn a_small_chance_is_not_shown_as_none() {
        assert_eq!([0.0, 0.0004, 0.5, 0.976].map(percent), ["0.0 %", "< 0.1 %", "50.0 %", "97.6 %"]);
    }

    #[test]
    fn a_feed_is_as_old_as_it_says_and_else_as_its_import() {
        let day = |days| DateTime::UNIX_EPOCH + TimeDelta::days(days);
        assert!(feed("1970-03-01", day(99)).old, "imported yesterday, but written long before");
        assert!(!feed("1970-04-10T03:00:00+02:00", day(99)).old);
        assert!(!feed("", day(99)).old);
        assert!(feed("some day", day(90)).old);
    }

    #[test]
    fn what_was_never_brought_in_is_named() {
        let none = Missing::of(FeedsIn { advisories: false, exploited: false, forecasts: false });
        assert_eq!(none.len(), 3);
        assert!(Missing::of(FeedsIn { advisories: true, exploited: true, forecasts: true }).is_empty());
    }
}
