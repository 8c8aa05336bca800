//! The feeds that an operator wants fetched: one a line, with its name, what it holds, where it is, and how often.

use super::{FeedKind, check_name};
use anyhow::{Context, bail, ensure};
use chrono::TimeDelta;
use std::collections::HashSet;
use url::Url;

/// How often a feed is fetched where its line does not say.
const EVERY: TimeDelta = TimeDelta::hours(24);
/// The other side is to be spared: nothing changes sooner.
const LEAST: TimeDelta = TimeDelta::minutes(15);
const MOST: TimeDelta = TimeDelta::days(31);

/// A feed that is to be fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Feed {
    pub name: String,
    pub kind: FeedKind,
    pub url: Url,
    pub every: TimeDelta,
}

/// Reads lines such as `npm osv https://feeds.example.com/npm/all.zip 12h`. Empty ones and those that begin with `#` are
/// passed over.
///
/// # Errors
/// When a line is no such line; names it.
pub fn read(text: &str) -> anyhow::Result<Vec<Feed>> {
    let mut names = HashSet::new();
    let mut feeds = Vec::new();
    for (at, line) in text.lines().enumerate().map(|(at, line)| (at + 1, line.trim())) {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let feed = feed(line).with_context(|| format!("line {at}"))?;
        ensure!(names.insert(feed.name.clone()), "line {at}: {} is named twice", feed.name);
        feeds.push(feed);
    }
    Ok(feeds)
}

fn feed(line: &str) -> anyhow::Result<Feed> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let (name, kind, url, every) = match words[..] {
        [name, kind, url] => (name, kind, url, EVERY),
        [name, kind, url, every] => (name, kind, url, span(every)?),
        _ => bail!("a feed is its name, its kind, its address, and how often it is fetched"),
    };
    check_name(name)?;
    let kind = kind.parse().map_err(anyhow::Error::msg)?;
    let url = Url::parse(url).with_context(|| format!("{url} is no address"))?;
    Ok(Feed { name: name.to_owned(), kind, url, every })
}

/// `90m`, `12h`, `7d`.
fn span(text: &str) -> anyhow::Result<TimeDelta> {
    let unit = match text.chars().last() {
        Some('m') => 60,
        Some('h') => 3_600,
        Some('d') => 86_400,
        _ => bail!("{text} is no span of time: write 90m, 12h or 7d"),
    };
    let count: i64 =
        text.get(..text.len() - 1).unwrap_or_default().parse().with_context(|| format!("{text} is no span of time"))?;
    let span = count.checked_mul(unit).and_then(TimeDelta::try_seconds).filter(|span| (LEAST..=MOST).contains(span));
    span.with_context(|| format!("{text} is not between 15m and 31d"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_feed_is_a_line() {
        let text = "# Advisories\n\n npm osv https://feeds.example.com/npm/all.zip  12h \nkev kev https://feeds.example.com/kev.json";
        let feeds = read(text).unwrap();

        assert_eq!(
            (feeds[0].name.as_str(), feeds[0].kind, feeds[0].every),
            ("npm", FeedKind::Osv, TimeDelta::hours(12))
        );
        assert_eq!((feeds[1].url.path(), feeds[1].every), ("/kev.json", EVERY));
        assert_eq!(read("").unwrap(), []);
    }

    #[test]
    fn what_is_no_feed_is_refused_by_its_line() {
        for (line, why) in [
            ("npm osv", "a feed is its name"),
            ("npm zip https://feeds.example.com", "zip is none of"),
            ("npm osv feeds.example.com", "is no address"),
            ("npm osv https://feeds.example.com 5m", "between 15m and 31d"),
            ("npm osv https://feeds.example.com daily", "no span of time"),
            ("npm osv https://feeds.example.com 9223372036854775807d", "between"),
            ("npm osv https://feeds.example.com\nnpm osv https://feeds.example.com", "twice"),
        ] {
            let error = format!("{:#}", read(line).unwrap_err());
            assert!(error.starts_with("line ") && error.contains(why), "{line}: {error}");
        }
    }
}
