//! The feeds that are fetched by themselves: each when it is due, by one worker at a time.

use super::{Downloads, Feed, Imported, Intake};
use anyhow::bail;
use chrono::{DateTime, TimeDelta, Utc};
use plumbline_core::id::Mint;
use plumbline_store::feed::{self, FetchLease, Wanted};
use plumbline_store::{Database, StoreError};
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// How long a feed is ours without a sign of life, and how often we give one.
const LEASE: TimeDelta = TimeDelta::minutes(2);
const BEAT: Duration = Duration::from_secs(20);
/// How often is looked for what is due.
const LOOK: Duration = Duration::from_secs(30);
/// After a failure a feed is tried again so soon, and each further time after twice as long, up to its own interval.
const AGAIN: TimeDelta = TimeDelta::minutes(15);
/// Letters of an error that are kept.
const WORDS: usize = 500;

/// Fetches feeds.
#[derive(Debug)]
pub struct Refresh {
    pub database: Database,
    pub mint: Arc<Mint>,
    pub downloads: Downloads,
    pub feeds: Vec<Feed>,
}

/// What came of trying a feed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tried {
    /// It is not due, or another worker has it.
    NotDue,
    Unchanged,
    Taken(Imported),
    /// What was there stays.
    Failed(String),
}

impl Refresh {
    /// Fetches what is due until told to stop. A download under way is broken off then; its lease runs out.
    pub async fn run(&self, stop: CancellationToken) {
        while !self.feeds.is_empty() && !stop.is_cancelled() {
            tokio::select! {
                () = self.round() => {}
                () = stop.cancelled() => return,
            }
            tokio::select! {
                () = tokio::time::sleep(LOOK) => {}
                () = stop.cancelled() => return,
            }
        }
    }

    async fn round(&self) {
        for one in &self.feeds {
            match self.once(one).await {
                Ok(Tried::NotDue) => {}
                Ok(tried) => tracing::info!(feed = one.name, ?tried, "feed tried"),
                Err(error) => tracing::warn!(feed = one.name, %error, "the feeds cannot be asked for"),
            }
        }
    }

    /// Fetches a feed if it is due.
    ///
    /// # Errors
    /// When the database does not answer; what is wrong with the feed itself is written beside it.
    pub async fn once(&self, one: &Feed) -> Result<Tried, StoreError> {
        let Some(lease) = self.lease(one).await? else { return Ok(Tried::NotDue) };
        let done = tokio::select! {
            biased;
            done = self.fetch(one, &lease) => done,
            lost = self.hold(&lease) => lost,
        };
        match done {
            Ok(Some(imported)) => Ok(Tried::Taken(imported)),
            Ok(None) => Ok(Tried::Unchanged),
            Err(error) => {
                let words: String = format!("{error:#}").chars().filter(|c| !c.is_control()).take(WORDS).collect();
                let again = self.mint.now() + pause(one.every, lease.failures);
                let mut tx = self.database.feeds().await?;
                feed::fail(&mut tx, &lease, &words, again).await?;
                tx.commit().await?;
                Ok(Tried::Failed(words))
            }
        }
    }

    async fn lease(&self, one: &Feed) -> Result<Option<FetchLease>, StoreError> {
        let mut holder = [0u8; 16];
        self.mint.fill(&mut holder);
        let now: DateTime<Utc> = self.mint.now();
        let wanted = Wanted { feed: &one.name, kind: one.kind.as_str(), url: one.url.as_str(), every: one.every };
        let mut tx = self.database.feeds().await?;
        let lease = feed::lease(&mut tx, &wanted, Uuid::from_bytes(holder), now, now + LEASE, now + AGAIN).await?;
        tx.commit().await?;
        Ok(lease)
    }

    /// None when the other side has nothing newer.
    async fn fetch(&self, one: &Feed, lease: &FetchLease) -> anyhow::Result<Option<Imported>> {
        let Some(fetched) = self.downloads.get(&one.url, one.kind, &lease.known).await? else {
            let mut tx = self.database.feeds().await?;
            feed::confirm(&mut tx, lease, None, self.mint.now()).await?;
            tx.commit().await?;
            return Ok(None);
        };
        let intake = Intake {
            database: &self.database,
            mint: &self.mint,
            name: &one.name,
            kind: one.kind,
            path: fetched.path(),
            origin: one.url.as_str(),
            fewer: false,
            lease: Some((lease, &fetched.validators)),
        };
        intake.take().await.map(Some)
    }

    /// Prolongs the lease for as long as it is ours; returns when it is not.
    async fn hold(&self, lease: &FetchLease) -> anyhow::Result<Option<Imported>> {
        loop {
            tokio::time::sleep(BEAT).await;
            let mut tx = self.database.feeds().await?;
            if !feed::prolong(&mut tx, lease, self.mint.now() + LEASE).await? {
                bail!("another worker has taken this feed over");
            }
            tx.commit().await?;
        }
    }
}

/// How long a feed rests after so many failures and one.
fn pause(every: TimeDelta, failures: i32) -> TimeDelta {
    let doubled = 1 << failures.clamp(0, 10);
    every.min(AGAIN * doubled)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_feed_that_fails_rests_longer_each_time_and_no_longer_than_its_interval() {
        let minutes = [0, 1, 2, 20, -1].map(|failures| pause(TimeDelta::hours(2), failures).num_minutes());
        assert_eq!(minutes, [15, 30, 60, 120, 15]);
    }
}
