//! The fix queue: actions that close many findings, by what they gain.

use crate::door::TenantTx;
use crate::error::StoreError;
use crate::page::{Page, PageRequest};
use plumbline_core::id::FixId;
use plumbline_core::stack::WORKLOADS;
use uuid::Uuid;

/// One fix.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct FixRow {
    pub fix_id: Uuid,
    pub source_id: Uuid,
    pub source_name: String,
    pub fix_key: String,
    pub target: String,
    pub account: String,
    pub region: String,
    pub open_findings: i64,
    pub resources: i64,
    /// Points of the unrounded score.
    pub gain: f64,
    /// One of the checks it closes; all of them share the fix's key.
    pub check_id: Option<String>,
    /// The name of the resource that it is applied to, when it is applied to one.
    pub resource_id: Option<Uuid>,
    pub resource_name: Option<String>,
}

/// What a fix closes of one check.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct FixCheck {
    pub check_id: String,
    pub findings: i64,
    pub loss: i64,
}

fn cursor(row: &FixRow) -> String {
    format!("{:016x}-{}", row.gain.to_bits(), row.fix_id)
}

/// Reads a cursor; one that is none begins at the top.
fn position(after: Option<&str>) -> (f64, Uuid) {
    after
        .and_then(|text| text.split_once('-'))
        .and_then(|(gain, id)| Some((u64::from_str_radix(gain, 16).ok()?, id.parse().ok()?)))
        .map(|(bits, id)| (f64::from_bits(bits), id))
        .filter(|(gain, _)| gain.is_finite())
        .unwrap_or((f64::MAX, Uuid::nil()))
}

/// A page of the fixes that close something, greatest gain first; of the given keys alone when there are any.
///
/// # Errors
/// When the database does not answer.
pub async fn list(tx: &mut TenantTx, keys: Option<&[String]>, page: &PageRequest) -> Result<Page<FixRow>, StoreError> {
    let (gain, id) = position(page.after.as_deref());
    let rows = sqlx::query_as(
        "with top as (
             select * from fixes
             where tenant_id = $1 and open_findings > 0 and gain <= $2 and (gain < $2 or fix_id > $3)
               and ($4::text[] is null or fix_key = any($4))
             order by gain desc, fix_id limit $5
         )
         select f.fix_id, f.source_id, s.name as source_name, f.fix_key, f.target, f.account, f.region, f.open_findings,
             f.resources, f.gain,
             (select c.check_id from fix_checks c where c.tenant_id = $1 and c.fix_id = f.fix_id limit 1) as check_id,
             r.resource_id, r.name as resource_name
         from top f
         join sources s on s.tenant_id = f.tenant_id and s.source_id = f.source_id
         left join lateral (
             select resource_id, name from resources r
             where r.tenant_id = $1 and r.uid = f.target and r.source_id = f.source_id limit 1
         ) r on true
         order by f.gain desc, f.fix_id",
    )
    .bind(tx.tenant().0)
    .bind(gain)
    .bind(id)
    .bind(keys)
    .bind(page.size + 1)
    .fetch_all(tx.conn())
    .await?;
    Ok(Page::cut(rows, page.size, cursor))
}

/// One fix, if it is there: one that closes nothing any more may be gone.
///
/// # Errors
/// When the database does not answer.
pub async fn find(tx: &mut TenantTx, fix: FixId) -> Result<Option<FixRow>, StoreError> {
    let row = sqlx::query_as(
        "select f.fix_id, f.source_id, s.name as source_name, f.fix_key, f.target, f.account, f.region, f.open_findings,
             f.resources, f.gain,
             (select c.check_id from fix_checks c where c.tenant_id = $1 and c.fix_id = f.fix_id limit 1) as check_id,
             r.resource_id, r.name as resource_name
         from fixes f
         join sources s on s.tenant_id = f.tenant_id and s.source_id = f.source_id
         left join lateral (
             select resource_id, name from resources r
             where r.tenant_id = $1 and r.uid = f.target and r.source_id = f.source_id limit 1
         ) r on true
         where f.tenant_id = $1 and f.fix_id = $2",
    )
    .bind(tx.tenant().0)
    .bind(fix.0)
    .fetch_optional(tx.conn())
    .await?;
    Ok(row)
}

/// One fix.
///
/// # Errors
/// [`StoreError::NotFound`] when this tenant has none of that id.
pub async fn get(tx: &mut TenantTx, fix: FixId) -> Result<FixRow, StoreError> {
    find(tx, fix).await?.ok_or(StoreError::NotFound)
}

/// What a fix closes, by check, most findings first.
///
/// # Errors
/// When the database does not answer.
pub async fn checks(tx: &mut TenantTx, fix: FixId) -> Result<Vec<FixCheck>, StoreError> {
    let rows = sqlx::query_as(
        "select check_id, findings, loss from fix_checks
         where tenant_id = $1 and fix_id = $2 and findings > 0 order by loss desc, check_id",
    )
    .bind(tx.tenant().0)
    .bind(fix.0)
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}

/// How many workloads run the images that a fix mends.
///
/// # Errors
/// When the database does not answer.
pub async fn runners(tx: &mut TenantTx, fix: FixId) -> Result<i64, StoreError> {
    let count = sqlx::query_scalar(
        "with mended as (
             select distinct resource_id from findings where tenant_id = $1 and fix_id = $2 and state = 'open'
         )
         select count(distinct w.resource_id)
         from mended m
         join resources i on i.tenant_id = $1 and i.resource_id = m.resource_id and i.kind = 'image'
         join edges e on e.tenant_id = $1 and e.to_uid = i.uid and e.relation = 'image'
         join resources w on w.tenant_id = $1 and w.resource_id = e.from_id and w.retired_at is null
             and w.kind = any($3)",
    )
    .bind(tx.tenant().0)
    .bind(fix.0)
    .bind(WORKLOADS)
    .fetch_one(tx.conn())
    .await?;
    Ok(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_that_is_none_begins_at_the_top() {
        for text in [None, Some(""), Some("x-y"), Some("7ff8000000000000-00000000-0000-0000-0000-000000000000")] {
            assert_eq!(position(text), (f64::MAX, Uuid::nil()), "{text:?}");
        }
    }
}
