//! "Are we affected?": from a flaw to everything of the tenant's that has it.

use crate::door::TenantTx;
use crate::error::StoreError;
use crate::page::{Page, PageRequest};
use sqlx::types::Json;
use uuid::Uuid;

/// A flaw, as the tenant has it.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct FlawRow {
    pub flaw_id: String,
    pub severity: String,
    pub cvss: Option<f32>,
    pub exploited: bool,
    pub probability: Option<f32>,
    pub open: i64,
    place: i64,
}

/// The tenant's flaws with open findings, worst first: exploited ones, then by risk and forecast. Other checks tell several
/// things apart as well, such as secrets; those are no flaws.
///
/// # Errors
/// When the database does not answer.
pub async fn flaws(tx: &mut TenantTx, page: &PageRequest) -> Result<Page<FlawRow>, StoreError> {
    let (place, id) = position(page.after.as_deref());
    let rows = sqlx::query_as(
        "select o.flaw_id, coalesce(f.severity, 'medium') as severity, f.cvss, o.exploited, o.probability,
             o.findings as open, o.place
         from open_flaws o
         left join lateral (select severity, cvss from package_flaws p
             where p.tenant_id = $1 and p.flaw_id = o.flaw_id order by p.cvss desc nulls last limit 1) f on true
         where o.tenant_id = $1 and o.place <= $2 and (o.place < $2 or o.flaw_id > $3)
         order by o.place desc, o.flaw_id limit $4",
    )
    .bind(tx.tenant().0)
    .bind(place)
    .bind(id)
    .bind(page.size + 1)
    .fetch_all(tx.conn())
    .await?;
    Ok(Page::cut(rows, page.size, |row: &FlawRow| format!("{}~{}", row.place, row.flaw_id)))
}

/// Reads a cursor; one that is none begins at the top.
fn position(after: Option<&str>) -> (i64, String) {
    after
        .and_then(|after| after.split_once('~'))
        .filter(|(_, id)| !id.contains('\0'))
        .and_then(|(place, id)| Some((place.parse().ok()?, id.to_owned())))
        .unwrap_or((i64::MAX, String::new()))
}

/// How many flaws are open, up to a thousand; that many stand for more.
///
/// # Errors
/// When the database does not answer.
pub async fn open_flaws(tx: &mut TenantTx) -> Result<i64, StoreError> {
    let count = sqlx::query_scalar("select count(*) from (select from open_flaws where tenant_id = $1 limit 1000) o")
        .bind(tx.tenant().0)
        .fetch_one(tx.conn())
        .await?;
    Ok(count)
}

/// All that is known of a flaw.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct FlawDetail {
    pub flaw_id: String,
    pub aliases: Json<Vec<String>>,
    pub advisories: Json<Vec<String>>,
    pub severity: Option<String>,
    pub rated: Option<bool>,
    pub cvss: Option<f32>,
    pub vector: Option<String>,
    pub summary: Option<String>,
    pub published: Option<String>,
    pub references: Json<Vec<String>>,
    pub exploited: bool,
    pub added: Option<String>,
    pub due: Option<String>,
    pub ransomware: bool,
    pub probability: Option<f32>,
    pub percentile: Option<f32>,
    /// Whether any advisory that was brought in tells of it: a flaw that nobody told of is not one that we do not have.
    pub known: bool,
}

/// One flaw, by its id or by any of its other names.
///
/// # Errors
/// When the database does not answer.
pub async fn flaw(tx: &mut TenantTx, name: &str) -> Result<FlawDetail, StoreError> {
    let row = sqlx::query_as(
        "with id as (
             select coalesce(
                 (select flaw_id from package_flaws where tenant_id = $1 and flaw_id = $2 limit 1),
                 (select flaw_id from flaw_aliases where tenant_id = $1 and alias = $2 order by flaw_id limit 1), $2) as id
         ), own as (
             select f.* from id join package_flaws f on f.tenant_id = $1 and f.flaw_id = id.id
             order by f.cvss desc nulls last limit 200
         ), told as (
             select a.* from advisories a
             where a.advisory_id in (
                 select unnest(advisories) from own
                 union select id from id
                 union select $2
                 union (select advisory_id from advisories
                     where notice -> 'flaws' @> jsonb_build_array(jsonb_build_array($2::text)) limit 50)
             ) and not coalesce((a.notice ->> 'withdrawn')::boolean, false)
             order by length(a.summary) desc limit 20
         ), names as (
             select id as name from id
             union select unnest(cves) from own
             union select name from id, told, jsonb_array_elements(told.notice -> 'flaws') ids,
                 jsonb_array_elements_text(ids) name
             where ids ? id.id
         )
         select id.id as flaw_id,
             coalesce((select jsonb_agg(distinct x) from own, unnest(own.aliases) x), '[]') as aliases,
             coalesce((select jsonb_agg(distinct x) from own, unnest(own.advisories) x), '[]') as advisories,
             (select severity from own limit 1) as severity, (select rated from own limit 1) as rated,
             (select cvss from own limit 1) as cvss, (select vector from own limit 1) as vector,
             (select summary from told where summary <> '' limit 1) as summary,
             (select min(published) from told where published <> '') as published,
             coalesce((select jsonb_agg(distinct u) from told, jsonb_array_elements_text(reference_urls) u), '[]') as references,
             x.flaws > 0 as exploited, x.added, x.due, coalesce(x.ransomware, false) as ransomware,
             c.probability, c.percentile, exists (select from told) or exists (select from own) as known
         from id
         cross join lateral (select count(*) as flaws, min(added) as added, min(due) as due, bool_or(ransomware) as ransomware
             from exploited_flaws where flaw_id in (select name from names)) x
         cross join lateral (select max(probability) as probability, max(percentile) as percentile
             from forecasts where flaw_id in (select name from names)) c",
    )
    .bind(tx.tenant().0)
    .bind(name)
    .fetch_one(tx.conn())
    .await?;
    Ok(row)
}

/// An image that has a package.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct AffectedImage {
    pub resource_id: Uuid,
    pub name: String,
    pub uid: String,
    pub account: String,
    pub repository: String,
    pub package: String,
    pub version: String,
    pub path: String,
    pub layer: i32,
    pub fixed_in: Option<String>,
}

/// The images that have a flaw; at most five hundred rows, one for each package that brings it.
///
/// # Errors
/// When the database does not answer.
pub async fn affected_images(tx: &mut TenantTx, flaw: &str) -> Result<Vec<AffectedImage>, StoreError> {
    let rows = sqlx::query_as(
        "select r.resource_id, r.name, r.uid, r.account, r.region as repository, p.name as package, p.version, i.path,
             i.layer, f.fixed_in
         from package_flaws f
         join packages p on p.tenant_id = $1 and p.package_id = f.package_id
         join installations i on i.tenant_id = $1 and i.package_id = f.package_id
         join resources r on r.tenant_id = $1 and r.kind in ('image', 'application', 'host.machine') and r.retired_at is null
             and r.software = i.software
         where f.tenant_id = $1 and f.flaw_id = $2
         order by r.name, r.resource_id, p.name, i.path limit 500",
    )
    .bind(tx.tenant().0)
    .bind(flaw)
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}

/// The finding that a flaw of an image is.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct FlawFinding {
    pub resource_id: Uuid,
    pub finding_id: Uuid,
    pub state: String,
    pub risk: i16,
}

/// The findings that tell of a flaw, open ones first; at most five hundred.
///
/// # Errors
/// When the database does not answer.
pub async fn findings_of_flaw(tx: &mut TenantTx, flaw: &str) -> Result<Vec<FlawFinding>, StoreError> {
    let rows = sqlx::query_as(
        "select resource_id, finding_id, state, risk from findings
         where tenant_id = $1 and subject = $2 and subject <> ''
         order by array_position(array['open', 'accepted', 'resolved'], state), risk desc, finding_id limit 500",
    )
    .bind(tx.tenant().0)
    .bind(flaw)
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}

/// What of the knowledge of flaws was brought in at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, sqlx::FromRow)]
pub struct FeedsIn {
    pub advisories: bool,
    pub exploited: bool,
    pub forecasts: bool,
}

/// Which kinds of feeds have entries.
///
/// # Errors
/// When the database does not answer.
pub async fn feeds_in(tx: &mut TenantTx) -> Result<FeedsIn, StoreError> {
    let row = sqlx::query_as(
        "select exists (select from advisories) as advisories, exists (select from exploited_flaws) as exploited,
             exists (select from forecasts) as forecasts",
    )
    .fetch_one(tx.conn())
    .await?;
    Ok(row)
}
