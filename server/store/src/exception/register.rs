//! The register of all exceptions, and what is to be looked at in it.

use super::{Exception, exception_rows};
use crate::door::TenantTx;
use crate::error::StoreError;
use crate::finding::{FindingRow, rows_of};
use crate::page::{Page, PageRequest};
use chrono::{DateTime, TimeDelta, Utc};
use plumbline_core::exception::{ExceptionState, Scope};
use plumbline_core::id::ExceptionId;
use std::collections::BTreeMap;
use uuid::Uuid;

/// So long before its end an exception is expiring.
pub const EXPIRING: TimeDelta = TimeDelta::days(14);
/// Above so many findings it is over-broad.
pub const MANY: i64 = 500;
/// And above so many hundredths of the gross loss.
pub const MUCH: i64 = 5;

/// What the register is narrowed to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    Of(ExceptionState),
    /// In force, and covers nothing.
    Unused,
    /// In force, and covers more than an exception should.
    OverBroad,
    /// In force, and about to end.
    Expiring,
}

impl Standing {
    fn word(self) -> &'static str {
        match self {
            Self::Of(state) => state.as_str(),
            Self::Unused => "unused",
            Self::OverBroad => "over_broad",
            Self::Expiring => "expiring",
        }
    }
}

impl Exception {
    /// Whether it is in force and covers nothing.
    #[must_use]
    pub fn is_unused(&self) -> bool {
        self.state == "in_force" && self.covers == 0
    }

    /// Whether it is in force and about to end.
    #[must_use]
    pub fn is_expiring(&self, now: DateTime<Utc>) -> bool {
        self.state == "in_force" && self.expires_at <= now + EXPIRING
    }

    /// Whether it is in force and covers more than an exception should: much of the loss, many findings, or a critical or
    /// exploited one.
    #[must_use]
    pub fn is_over_broad(&self, gross_loss: i64) -> bool {
        let much = self.covers_loss.saturating_mul(100) > gross_loss.saturating_mul(MUCH);
        self.state == "in_force" && (much || self.covers > MANY || self.covers_grave > 0)
    }
}

fn cursor(row: &Exception) -> String {
    format!("{}_{}", row.created_at.timestamp_micros(), row.exception_id)
}

/// Reads a cursor; one that is none begins at the newest.
fn position(after: Option<&str>) -> Option<(DateTime<Utc>, Uuid)> {
    let (at, id) = after?.split_once('_')?;
    Some((DateTime::from_timestamp_micros(at.parse().ok()?)?, id.parse().ok()?))
}

/// A page of the exceptions, newest first. `gross_loss` is what all findings that are not resolved lose.
///
/// # Errors
/// When the database does not answer.
pub async fn list(
    tx: &mut TenantTx,
    standing: Option<Standing>,
    gross_loss: i64,
    now: DateTime<Utc>,
    page: &PageRequest,
) -> Result<Page<Exception>, StoreError> {
    let (at, id) = position(page.after.as_deref()).unzip();
    let rows = sqlx::query_as(exception_rows!(
        "case $2
             when '' then true
             when 'unused' then e.state = 'in_force' and e.covers = 0
             when 'over_broad' then e.state = 'in_force'
                 and (e.covers_loss * 100 > $3::bigint * $8::bigint or e.covers > $9 or e.covers_grave > 0)
             when 'expiring' then e.state = 'in_force' and e.expires_at <= $4
             else e.state = $2 end
         and ($5::timestamptz is null or (e.created_at, e.exception_id) < ($5, $6))
         order by e.created_at desc, e.exception_id desc limit $7"
    ))
    .bind(tx.tenant().0)
    .bind(standing.map_or("", Standing::word))
    .bind(gross_loss)
    .bind(now + EXPIRING)
    .bind(at)
    .bind(id)
    .bind(page.size + 1)
    .bind(MUCH)
    .bind(MANY)
    .fetch_all(tx.conn())
    .await?;
    Ok(Page::cut(rows, page.size, cursor))
}

/// How many exceptions there are of each standing, and the loss that their shares are of.
#[derive(Debug, Clone, Copy, Default, sqlx::FromRow)]
pub struct Counts {
    pub all: i64,
    pub asked: i64,
    pub in_force: i64,
    pub refused: i64,
    pub withdrawn: i64,
    pub ended: i64,
    pub unused: i64,
    pub over_broad: i64,
    pub expiring: i64,
    pub gross_loss: i64,
}

/// Counts the register: there are as many rows as people asked for.
///
/// # Errors
/// When the database does not answer.
pub async fn counts(tx: &mut TenantTx, now: DateTime<Utc>) -> Result<Counts, StoreError> {
    let counts = sqlx::query_as(
        "with gross as (select coalesce(sum(loss), 0)::bigint as loss from check_states where tenant_id = $1)
         select count(e.exception_id) as all, count(*) filter (where state = 'asked') as asked,
             count(*) filter (where state = 'in_force') as in_force, count(*) filter (where state = 'refused') as refused,
             count(*) filter (where state = 'withdrawn') as withdrawn, count(*) filter (where state = 'ended') as ended,
             count(*) filter (where state = 'in_force' and covers = 0) as unused,
             count(*) filter (where state = 'in_force'
                 and (covers_loss * 100 > g.loss * $3 or covers > $4 or covers_grave > 0)) as over_broad,
             count(*) filter (where state = 'in_force' and expires_at <= $2) as expiring, g.loss as gross_loss
         from gross g left join exceptions e on e.tenant_id = $1 group by g.loss",
    )
    .bind(tx.tenant().0)
    .bind(now + EXPIRING)
    .bind(MUCH)
    .bind(MANY)
    .fetch_one(tx.conn())
    .await?;
    Ok(counts)
}

/// Some of the findings that an exception covers now; at most fifty.
///
/// # Errors
/// When the database does not answer.
pub async fn covered(tx: &mut TenantTx, exception: ExceptionId) -> Result<Vec<FindingRow>, StoreError> {
    let rows = sqlx::query_as(concat!(
        "with few as (
             select finding_id from exception_findings
             where tenant_id = $1 and exception_id = $2 and until is null order by finding_id limit 50
         ) ",
        rows_of!("few join findings f on f.tenant_id = $1 and f.finding_id = few.finding_id"),
        "order by f.risk desc, f.finding_id"
    ))
    .bind(tx.tenant().0)
    .bind(exception.0)
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}

/// What a scope's id stands for: the check or the fix's key, and the resource's name or the fix's target.
pub type Names = BTreeMap<Uuid, (String, String)>;

/// The names of what scopes name by an id.
///
/// # Errors
/// When the database does not answer.
pub async fn names<'a>(tx: &mut TenantTx, scopes: impl Iterator<Item = &'a Scope>) -> Result<Names, StoreError> {
    let ids: Vec<Uuid> = scopes.flat_map(Scope::ids).collect();
    let rows: Vec<(Uuid, String, String)> = sqlx::query_as(
        "select f.finding_id, f.check_id, r.name from findings f
         join resources r on r.tenant_id = f.tenant_id and r.resource_id = f.resource_id
         where f.tenant_id = $1 and f.finding_id = any($2)
         union all
         select resource_id, '', name from resources where tenant_id = $1 and resource_id = any($2)
         union all
         select fix_id, fix_key, target from fixes where tenant_id = $1 and fix_id = any($2)
         union all
         select source_id, '', name from sources where tenant_id = $1 and source_id = any($2)",
    )
    .bind(tx.tenant().0)
    .bind(ids)
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().map(|(id, of, name)| (id, (of, name))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_that_is_none_begins_at_the_newest() {
        for text in [None, Some(""), Some("x_y"), Some("7")] {
            assert_eq!(position(text), None, "{text:?}");
        }
    }
}
