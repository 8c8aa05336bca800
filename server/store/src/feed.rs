//! Advisories and what else is known of flaws: the same for all tenants, brought in feed by feed.

mod fetch;

pub use fetch::{FetchLease, Validators, Wanted, confirm, fail, lease, prolong};

use crate::door::FeedTx;
use crate::error::StoreError;
use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use sqlx::types::Json;

/// One advisory on its way in.
#[derive(Debug, Clone)]
pub struct Entry {
    pub id: String,
    /// What matching needs to know of it; the shape is that of the matching.
    pub notice: Value,
    pub summary: String,
    pub published: String,
    pub modified: String,
    pub references: Vec<String>,
    /// Ecosystem and name of each package it tells of, with what it says of it.
    pub packages: Vec<(String, String, Value)>,
}

/// What a feed was when it was imported.
#[derive(Debug, Clone)]
pub struct Import<'a> {
    /// The feed's own name: `npm`, `debian`, `kev`.
    pub feed: &'a str,
    pub origin: &'a str,
    /// The date that it states of itself; empty when it states none.
    pub dated: &'a str,
    pub entries: i64,
    pub unreadable: i64,
    /// The first few entries that could not be read, with why.
    pub named: Vec<String>,
}

/// Begins an import: a place to put entries, for as long as the transaction lasts.
///
/// # Errors
/// When the database does not answer.
pub async fn begin(tx: &mut FeedTx) -> Result<(), StoreError> {
    // One import at a time: changes are numbered in the order in which they can be seen.
    sqlx::query("select pg_advisory_xact_lock(hashtext('plumbline advisories'))").execute(tx.conn()).await?;
    sqlx::query(
        "create temporary table staged_advisories (advisory_id text not null, notice jsonb not null, summary text not null,
             published text not null, modified text not null, reference_urls jsonb not null) on commit drop",
    )
    .execute(tx.conn())
    .await?;
    sqlx::query(
        "create temporary table staged_packages (advisory_id text not null, ecosystem text not null, name text not null,
             affected jsonb not null) on commit drop",
    )
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Adds entries to the import.
///
/// # Errors
/// When the database does not answer.
pub async fn add(tx: &mut FeedTx, entries: &[Entry]) -> Result<(), StoreError> {
    let column = |of: fn(&Entry) -> &str| entries.iter().map(|entry| of(entry).to_owned()).collect::<Vec<_>>();
    sqlx::query(
        "insert into staged_advisories
         select * from unnest($1::text[], $2::jsonb[], $3::text[], $4::text[], $5::text[], $6::jsonb[])",
    )
    .bind(column(|entry| &entry.id))
    .bind(entries.iter().map(|entry| Json(&entry.notice)).collect::<Vec<_>>())
    .bind(column(|entry| &entry.summary))
    .bind(column(|entry| &entry.published))
    .bind(column(|entry| &entry.modified))
    .bind(entries.iter().map(|entry| Json(json!(entry.references))).collect::<Vec<_>>())
    .execute(tx.conn())
    .await?;
    let packages = || entries.iter().flat_map(|entry| entry.packages.iter().map(move |package| (&entry.id, package)));
    sqlx::query("insert into staged_packages select * from unnest($1::text[], $2::text[], $3::text[], $4::jsonb[])")
        .bind(packages().map(|(id, _)| id.clone()).collect::<Vec<_>>())
        .bind(packages().map(|(_, (ecosystem, ..))| ecosystem.clone()).collect::<Vec<_>>())
        .bind(packages().map(|(_, (_, name, _))| name.clone()).collect::<Vec<_>>())
        .bind(packages().map(|(_, (.., affected))| Json(affected)).collect::<Vec<_>>())
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Ends an import: what differs is written under a new change number. Returns how many packages' advisories changed.
///
/// # Errors
/// When the database does not answer.
pub async fn merge(tx: &mut FeedTx, import: &Import<'_>, now: DateTime<Utc>) -> Result<u64, StoreError> {
    let number: i64 = sqlx::query_scalar("select nextval('advisory_changes')").fetch_one(tx.conn()).await?;
    for sql in [
        "create temporary table noticed on commit drop as
         select distinct s.advisory_id from staged_advisories s left join advisories a using (advisory_id)
         where a.advisory_id is null or a.notice <> s.notice",
        // One advisory may tell of a package in several parts.
        "create temporary table whole on commit drop as
         select ecosystem, name, advisory_id, jsonb_agg(affected order by affected) as affected
         from staged_packages group by ecosystem, name, advisory_id",
        "create unique index on whole (advisory_id, ecosystem, name)",
        // It is looked into for each package that was known before.
        "create unique index on noticed (advisory_id)",
        "analyze noticed, whole",
    ] {
        sqlx::query(sql).execute(tx.conn()).await?;
    }
    sqlx::query(
        "insert into advisories (advisory_id, feed, notice, summary, published, modified, reference_urls)
         select distinct on (advisory_id) advisory_id, $1, notice, summary, published, modified, reference_urls
         from staged_advisories order by advisory_id, modified desc
         on conflict (advisory_id) do update set feed = excluded.feed, notice = excluded.notice, summary = excluded.summary,
             published = excluded.published, modified = excluded.modified, reference_urls = excluded.reference_urls
         where (advisories.notice, advisories.summary, advisories.modified, advisories.reference_urls)
             is distinct from (excluded.notice, excluded.summary, excluded.modified, excluded.reference_urls)",
    )
    .bind(import.feed)
    .execute(tx.conn())
    .await?;
    let written = sqlx::query(
        "insert into advisory_packages (ecosystem, name, advisory_id, affected, change_no)
         select ecosystem, name, advisory_id, affected, $1 from whole
         on conflict (ecosystem, name, advisory_id) do update set affected = excluded.affected, change_no = excluded.change_no
         where advisory_packages.affected is distinct from excluded.affected
             or exists (select from noticed n where n.advisory_id = excluded.advisory_id)",
    )
    .bind(number)
    .execute(tx.conn())
    .await?;
    let withdrawn = sqlx::query(
        "update advisory_packages p set affected = null, change_no = $1
         where p.affected is not null and p.advisory_id in (select advisory_id from staged_advisories)
           and not exists (select from whole w
               where w.advisory_id = p.advisory_id and w.ecosystem = p.ecosystem and w.name = p.name)",
    )
    .bind(number)
    .execute(tx.conn())
    .await?;
    record(tx, import, now).await?;
    sqlx::query("drop table staged_advisories, staged_packages, noticed, whole").execute(tx.conn()).await?;
    Ok(written.rows_affected() + withdrawn.rows_affected())
}

/// Writes that a feed was brought in, and wakes the matching of every tenant.
async fn record(tx: &mut FeedTx, import: &Import<'_>, now: DateTime<Utc>) -> Result<(), StoreError> {
    sqlx::query(
        "insert into feeds (feed, origin, dated, refreshed_at, entries, unreadable, named)
         values ($1, $2, $3, $4, $5, $6, $7)
         on conflict (feed) do update set origin = excluded.origin, dated = excluded.dated,
             refreshed_at = excluded.refreshed_at, entries = excluded.entries, unreadable = excluded.unreadable,
             named = excluded.named",
    )
    .bind(import.feed)
    .bind(import.origin)
    .bind(import.dated)
    .bind(now)
    .bind(import.entries)
    .bind(import.unreadable)
    .bind(Json(&import.named))
    .execute(tx.conn())
    .await?;
    sqlx::query(
        "insert into jobs (tenant_id, job_id, task, same_as, state, run_at, created_at)
         select tenant_id, gen_random_uuid(), '{\"task\": \"match\"}', 'match', 'queued', $1, $1 from matchings
         on conflict do nothing",
    )
    .bind(now)
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// A flaw that is known to be exploited.
#[derive(Debug, Clone)]
pub struct Exploited {
    pub flaw: String,
    pub name: String,
    /// Dates as the catalogue writes them.
    pub added: String,
    pub due: String,
    pub ransomware: bool,
}

/// Replaces the catalogue of exploited flaws.
///
/// # Errors
/// When the database does not answer.
pub async fn replace_exploited(
    tx: &mut FeedTx,
    import: &Import<'_>,
    all: &[Exploited],
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query("delete from exploited_flaws").execute(tx.conn()).await?;
    sqlx::query(
        "insert into exploited_flaws select * from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bool[])
         on conflict do nothing",
    )
    .bind(all.iter().map(|one| one.flaw.clone()).collect::<Vec<_>>())
    .bind(all.iter().map(|one| one.name.clone()).collect::<Vec<_>>())
    .bind(all.iter().map(|one| one.added.clone()).collect::<Vec<_>>())
    .bind(all.iter().map(|one| one.due.clone()).collect::<Vec<_>>())
    .bind(all.iter().map(|one| one.ransomware).collect::<Vec<_>>())
    .execute(tx.conn())
    .await?;
    record(tx, import, now).await
}

/// How likely a flaw is to be exploited in the next thirty days, and how many others are less so; 0 to 1.
#[derive(Debug, Clone)]
pub struct Forecast {
    pub flaw: String,
    pub probability: f32,
    pub percentile: f32,
}

/// Writes forecasts; those of flaws that are not named stay.
///
/// # Errors
/// When the database does not answer.
pub async fn write_forecasts(tx: &mut FeedTx, forecasts: &[Forecast]) -> Result<(), StoreError> {
    sqlx::query(
        "insert into forecasts select * from unnest($1::text[], $2::real[], $3::real[])
         on conflict (flaw_id) do update set probability = excluded.probability, percentile = excluded.percentile
         where forecasts.probability <> excluded.probability or forecasts.percentile <> excluded.percentile",
    )
    .bind(forecasts.iter().map(|one| one.flaw.clone()).collect::<Vec<_>>())
    .bind(forecasts.iter().map(|one| one.probability).collect::<Vec<_>>())
    .bind(forecasts.iter().map(|one| one.percentile).collect::<Vec<_>>())
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Ends the import of forecasts.
///
/// # Errors
/// When the database does not answer.
pub async fn end_forecasts(tx: &mut FeedTx, import: &Import<'_>, now: DateTime<Utc>) -> Result<(), StoreError> {
    record(tx, import, now).await
}

/// How many entries a feed had when it was brought in last.
///
/// # Errors
/// When the database does not answer.
pub async fn entries(tx: &mut FeedTx, feed: &str) -> Result<Option<i64>, StoreError> {
    let entries =
        sqlx::query_scalar("select entries from feeds where feed = $1").bind(feed).fetch_optional(tx.conn()).await?;
    Ok(entries)
}

/// A feed, as it was brought in last, and how it is fetched.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct FeedRow {
    pub feed: String,
    pub origin: String,
    pub dated: String,
    /// None of a feed that was never brought in.
    pub refreshed_at: Option<DateTime<Utc>>,
    pub entries: i64,
    pub unreadable: i64,
    pub named: Json<Vec<String>>,
    /// When workers tried to fetch it last; none where they do not.
    pub attempted_at: Option<DateTime<Utc>>,
    /// When it was last fetched, or found to be unchanged.
    pub confirmed_at: Option<DateTime<Utc>>,
    /// Why the last try failed; none when it did not.
    pub error: Option<String>,
}

/// All feeds, by name.
///
/// # Errors
/// When the database does not answer.
pub async fn list(tx: &mut crate::TenantTx) -> Result<Vec<FeedRow>, StoreError> {
    let rows = sqlx::query_as(
        "select feed, coalesce(f.origin, x.url) as origin, coalesce(f.dated, '') as dated, f.refreshed_at,
             coalesce(f.entries, 0) as entries, coalesce(f.unreadable, 0) as unreadable, coalesce(f.named, '[]') as named,
             x.attempted_at, x.confirmed_at, x.error
         from feeds f full join feed_fetches x using (feed) order by feed",
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}
