//! What is known of flaws, brought in feed by feed: from files, which works without a way out, and from addresses that the
//! operator names, which workers fetch by themselves.
//!
//! A feed is taken whole or not at all. A download that fails, is cut off, holds something else or has shrunk leaves
//! everything as it was, and the feed says so.

mod download;
mod hashes;
mod intake;
mod refresh;
mod wanted;

pub use download::Downloads;
pub use intake::entry;
pub use refresh::{Refresh, Tried};
pub use wanted::{Feed, read as read_wanted};

use anyhow::{Context, ensure};
use plumbline_core::id::Mint;
use plumbline_store::feed::{self, FetchLease, Validators};
use plumbline_store::{Database, FeedTx};
use std::path::Path;
use std::str::FromStr;
use url::Url;

/// Of so many parts one may be gone from a download before it counts as shrunken.
const MAY_GO: u64 = 5;

/// What a feed holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FeedKind {
    /// Advisories in the OSV format: a zip, or a folder of JSON files.
    Osv,
    /// The catalogue of known exploited vulnerabilities: its JSON file.
    Kev,
    /// The exploit prediction scores: their CSV file, plain or gzipped.
    Epss,
    /// Known bad files: their SHA-256 hashes, as sha256sum or a public list writes them.
    Hashes,
}

impl FeedKind {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Osv => "osv",
            Self::Kev => "kev",
            Self::Epss => "epss",
            Self::Hashes => "hashes",
        }
    }
}

impl FromStr for FeedKind {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        let all = [Self::Osv, Self::Kev, Self::Epss, Self::Hashes];
        let found = all.into_iter().find(|kind| kind.as_str() == word);
        found.ok_or_else(|| format!("{word} is none of osv, kev, epss and hashes"))
    }
}

/// What came of an import.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Imported {
    pub entries: u64,
    pub unreadable: u64,
    /// Packages of which an advisory now says something else.
    pub changed: u64,
}

/// A file on its way in.
struct Intake<'a> {
    database: &'a Database,
    mint: &'a Mint,
    name: &'a str,
    kind: FeedKind,
    path: &'a Path,
    /// Where it came from, as people are told.
    origin: &'a str,
    /// Whether it may have far fewer entries than the last time.
    fewer: bool,
    /// Under which a worker fetched it, and what the other side calls this edition.
    lease: Option<(&'a FetchLease, &'a Validators)>,
}

impl Intake<'_> {
    async fn take(&self) -> anyhow::Result<Imported> {
        check_name(self.name)?;
        let taken = match self.kind {
            FeedKind::Osv => intake::advisories(self).await,
            FeedKind::Kev => intake::exploited(self).await,
            FeedKind::Epss => intake::forecasts(self).await,
            FeedKind::Hashes => hashes::take(self).await,
        };
        // Where the file lies for the moment is nobody's business.
        let path = format!("{}: ", self.path.display());
        taken.map_err(|error| anyhow::anyhow!(format!("{error:#}").replace(&path, "")))
    }

    /// Refuses what has shrunk.
    async fn check(&self, tx: &mut FeedTx, entries: u64) -> anyhow::Result<()> {
        if self.fewer {
            return Ok(());
        }
        let before = feed::entries(tx, self.name).await?.unwrap_or(0).cast_unsigned();
        ensure!(
            entries >= before - before / MAY_GO,
            "it has {entries} entries and had {before}: nothing of it was taken. If that is right, import it once with --fewer"
        );
        Ok(())
    }

    /// Keeps what was taken. A worker that lost its lease meanwhile keeps nothing.
    async fn close(&self, mut tx: FeedTx) -> anyhow::Result<()> {
        if let Some((lease, validators)) = self.lease {
            feed::confirm(&mut tx, lease, Some(validators), self.mint.now()).await?;
        }
        Ok(tx.commit().await?)
    }
}

/// A feed's name is 1 to 60 letters long.
fn check_name(name: &str) -> anyhow::Result<()> {
    ensure!(!name.is_empty() && name.len() <= 60, "a feed's name has 1 to 60 letters");
    Ok(())
}

/// Imports a feed from a path.
///
/// # Errors
/// When nothing of it can be read, or the database does not answer; nothing is changed then.
pub async fn import(
    database: &Database,
    mint: &Mint,
    name: &str,
    kind: FeedKind,
    path: &Path,
) -> anyhow::Result<Imported> {
    let origin = path.display().to_string();
    let intake = Intake { database, mint, name, kind, path, origin: &origin, fewer: true, lease: None };
    intake.take().await.with_context(|| origin.clone())
}

/// Downloads a feed once and imports it. `fewer` lets it have far fewer entries than the last time.
///
/// # Errors
/// When it cannot be had, nothing of it can be read, it has shrunk, or the database does not answer; nothing is changed
/// then.
pub async fn import_from(
    database: &Database,
    mint: &Mint,
    (name, kind): (&str, FeedKind),
    url: &Url,
    downloads: &Downloads,
    fewer: bool,
) -> anyhow::Result<Imported> {
    check_name(name)?;
    let fetched = downloads.get(url, kind, &Validators::default()).await?.context("there is nothing")?;
    let intake = Intake { database, mint, name, kind, path: fetched.path(), origin: url.as_str(), fewer, lease: None };
    intake.take().await.with_context(|| url.to_string())
}
