//! Feeds that workers fetch: who does at this moment, and how the last try went. Jobs belong to tenants and feeds to none,
//! so that each feed's row is its own job.

use crate::door::FeedTx;
use crate::error::StoreError;
use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

/// A feed that is to be fetched.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    pub feed: &'a str,
    pub kind: &'a str,
    pub url: &'a str,
    pub every: TimeDelta,
}

/// By what the other side tells whether it has anything newer.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Validators {
    pub etag: Option<String>,
    pub last_modified: Option<String>,
}

/// A feed that a worker fetches until `leased_until`.
#[derive(Debug, Clone)]
pub struct FetchLease {
    pub feed: String,
    pub holder: Uuid,
    /// Of what was taken last from this address.
    pub known: Validators,
    /// Tries in a row that failed.
    pub failures: i32,
}

/// Leases a feed if it is due and no other worker has it. Should its holder die, it is due again `after_death`.
///
/// # Errors
/// When the database does not answer.
pub async fn lease(
    tx: &mut FeedTx,
    wanted: &Wanted<'_>,
    holder: Uuid,
    now: DateTime<Utc>,
    until: DateTime<Utc>,
    after_death: DateTime<Utc>,
) -> Result<Option<FetchLease>, StoreError> {
    // Another address is another feed: it is due at once, and what is known of the old one does not count.
    let row: Option<(Option<String>, Option<String>, i32)> = sqlx::query_as(
        "insert into feed_fetches as x (feed, kind, url, every_seconds, due_at, leased_by, leased_until, attempted_at)
         values ($1, $2, $3, $4, $8, $5, $7, $6)
         on conflict (feed) do update set kind = excluded.kind, url = excluded.url, every_seconds = excluded.every_seconds,
             due_at = excluded.due_at, leased_by = excluded.leased_by, leased_until = excluded.leased_until,
             attempted_at = excluded.attempted_at,
             etag = case when x.url = excluded.url and x.kind = excluded.kind then x.etag end,
             last_modified = case when x.url = excluded.url and x.kind = excluded.kind then x.last_modified end
         where (x.leased_until is null or x.leased_until <= $6)
           and (x.due_at <= $6 or x.url <> excluded.url or x.kind <> excluded.kind
                or x.error is null and x.attempted_at + make_interval(secs => excluded.every_seconds) <= $6)
         returning etag, last_modified, failures",
    )
    .bind(wanted.feed)
    .bind(wanted.kind)
    .bind(wanted.url)
    .bind(wanted.every.num_seconds())
    .bind(holder)
    .bind(now)
    .bind(until)
    .bind(after_death)
    .fetch_optional(tx.conn())
    .await?;
    Ok(row.map(|(etag, last_modified, failures)| FetchLease {
        feed: wanted.feed.to_owned(),
        holder,
        known: Validators { etag, last_modified },
        failures,
    }))
}

/// Prolongs a lease. False when it is no longer ours.
///
/// # Errors
/// When the database does not answer.
pub async fn prolong(tx: &mut FeedTx, lease: &FetchLease, until: DateTime<Utc>) -> Result<bool, StoreError> {
    let done = sqlx::query("update feed_fetches set leased_until = $3 where feed = $1 and leased_by = $2")
        .bind(&lease.feed)
        .bind(lease.holder)
        .bind(until)
        .execute(tx.conn())
        .await?;
    Ok(done.rows_affected() == 1)
}

/// Ends a fetch that did well, in the transaction that holds what it brought. None are the validators of one that found
/// nothing newer.
///
/// # Errors
/// [`StoreError::Conflict`] when another worker has taken the feed over: nothing may be kept then.
pub async fn confirm(
    tx: &mut FeedTx,
    lease: &FetchLease,
    taken: Option<&Validators>,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let done = sqlx::query(
        "update feed_fetches set leased_by = null, leased_until = null, confirmed_at = $3, failures = 0, error = null,
             due_at = $3 + make_interval(secs => every_seconds),
             etag = case when $4 then $5 else etag end, last_modified = case when $4 then $6 else last_modified end
         where feed = $1 and leased_by = $2",
    )
    .bind(&lease.feed)
    .bind(lease.holder)
    .bind(now)
    .bind(taken.is_some())
    .bind(taken.and_then(|taken| taken.etag.clone()))
    .bind(taken.and_then(|taken| taken.last_modified.clone()))
    .execute(tx.conn())
    .await?;
    match done.rows_affected() {
        1 => Ok(()),
        _ => Err(StoreError::Conflict("another worker has taken this feed over".to_owned())),
    }
}

/// Ends a fetch that failed; it is due again at `again`. What was there before stays.
///
/// # Errors
/// When the database does not answer.
pub async fn fail(tx: &mut FeedTx, lease: &FetchLease, error: &str, again: DateTime<Utc>) -> Result<(), StoreError> {
    sqlx::query(
        "update feed_fetches set leased_by = null, leased_until = null, failures = failures + 1, error = $3, due_at = $4
         where feed = $1 and leased_by = $2",
    )
    .bind(&lease.feed)
    .bind(lease.holder)
    .bind(error)
    .bind(again)
    .execute(tx.conn())
    .await?;
    Ok(())
}
