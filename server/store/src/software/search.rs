//! "Are we affected?": from a flaw or a package to everything of the tenant's that has it.

use crate::door::TenantTx;
use crate::error::StoreError;
use crate::page::{Page, PageRequest};
use sqlx::types::Json;
use uuid::Uuid;

/// A package, with how many images have it.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct ComponentRow {
    pub package_id: Uuid,
    #[sqlx(rename = "type")]
    pub kind: String,
    pub name: String,
    pub version: String,
    pub distribution: String,
    pub licence: String,
    pub purl: String,
    pub unjudged: Option<String>,
    pub images: i64,
    pub flaws: i64,
    sought_name: String,
}

/// Packages whose name begins with a text, by name.
///
/// # Errors
/// When the database does not answer.
pub async fn components(tx: &mut TenantTx, text: &str, page: &PageRequest) -> Result<Page<ComponentRow>, StoreError> {
    let (name, id) = page
        .after
        .as_deref()
        .and_then(|after| after.rsplit_once('~'))
        .and_then(|(name, id)| Some((name.to_owned(), id.parse().ok()?)))
        .unwrap_or_else(|| (String::new(), Uuid::nil()));
    let rows = sqlx::query_as(
        "with found as (
             select package_id, type, name, version, distribution, licence, purl, unjudged, sought_name from packages
             where tenant_id = $1 and sought_name ~>=~ lower($2) and sought_name ~<~ (lower($2) || chr(1114111))
               and sought_name ~>=~ $3 and (sought_name <> $3 or package_id > $4)
             order by sought_name using ~<~, package_id limit $5
         )
         select f.*,
             (select count(*) from installations i join resources r on r.tenant_id = $1 and r.kind in ('image', 'application')
                  and r.retired_at is null and r.software = i.software
              where i.tenant_id = $1 and i.package_id = f.package_id) as images,
             (select count(*) from package_flaws x where x.tenant_id = $1 and x.package_id = f.package_id) as flaws
         from found f order by f.sought_name using ~<~, f.package_id",
    )
    .bind(tx.tenant().0)
    .bind(text)
    .bind(name)
    .bind(id)
    .bind(page.size + 1)
    .fetch_all(tx.conn())
    .await?;
    Ok(Page::cut(rows, page.size, |row: &ComponentRow| format!("{}~{}", row.sought_name, row.package_id)))
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

/// The images that have a package; at most two hundred.
///
/// # Errors
/// When the database does not answer.
pub async fn component_images(tx: &mut TenantTx, package: Uuid) -> Result<Vec<AffectedImage>, StoreError> {
    let rows = sqlx::query_as(
        "select r.resource_id, r.name, r.uid, r.account, r.region as repository, p.name as package, p.version, i.path,
             i.layer, null::text as fixed_in
         from installations i
         join packages p on p.tenant_id = $1 and p.package_id = i.package_id
         join resources r on r.tenant_id = $1 and r.kind in ('image', 'application') and r.retired_at is null
             and r.software = i.software
         where i.tenant_id = $1 and i.package_id = $2
         order by r.name, r.resource_id, i.path limit 200",
    )
    .bind(tx.tenant().0)
    .bind(package)
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}

/// One package.
///
/// # Errors
/// [`StoreError::NotFound`] when this tenant has none of that id.
pub async fn component(tx: &mut TenantTx, package: Uuid) -> Result<ComponentRow, StoreError> {
    sqlx::query_as(
        "select package_id, type, name, version, distribution, licence, purl, unjudged, sought_name,
             (select count(*) from installations i join resources r on r.tenant_id = $1 and r.kind in ('image', 'application')
                  and r.retired_at is null and r.software = i.software
              where i.tenant_id = $1 and i.package_id = $2) as images,
             (select count(*) from package_flaws x where x.tenant_id = $1 and x.package_id = $2) as flaws
         from packages where tenant_id = $1 and package_id = $2",
    )
    .bind(tx.tenant().0)
    .bind(package)
    .fetch_optional(tx.conn())
    .await?
    .ok_or(StoreError::NotFound)
}

/// A flaw of a package.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct ComponentFlaw {
    pub flaw_id: String,
    pub severity: String,
    pub cvss: Option<f32>,
    pub fixed_in: Option<String>,
    pub exploited: bool,
    pub probability: Option<f32>,
}

/// The flaws of a package, worst first; at most three hundred.
///
/// # Errors
/// When the database does not answer.
pub async fn component_flaws(tx: &mut TenantTx, package: Uuid) -> Result<Vec<ComponentFlaw>, StoreError> {
    let rows = sqlx::query_as(
        "select f.flaw_id, f.severity, f.cvss, f.fixed_in, x.flaw_id is not null as exploited, c.probability
         from package_flaws f
         left join exploited_flaws x on x.flaw_id = f.flaw_id
         left join forecasts c on c.flaw_id = f.flaw_id
         where f.tenant_id = $1 and f.package_id = $2
         order by exploited desc, array_position(array['critical', 'high', 'medium', 'low'], f.severity), f.cvss desc nulls last,
             f.flaw_id limit 300",
    )
    .bind(tx.tenant().0)
    .bind(package)
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}

/// A flaw, as the tenant has it.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct FlawRow {
    pub flaw_id: String,
    pub severity: String,
    pub cvss: Option<f32>,
    pub exploited: bool,
    pub probability: Option<f32>,
    pub open: i64,
}

/// The tenant's flaws with open findings, worst first: exploited ones, then by severity and forecast; at most `at_most`.
/// Other checks tell several things apart as well, such as secrets; those are no flaws.
///
/// # Errors
/// When the database does not answer.
pub async fn flaws(tx: &mut TenantTx, at_most: i64) -> Result<Vec<FlawRow>, StoreError> {
    let rows = sqlx::query_as(
        "with open as materialized (
             select subject as flaw_id, count(*) as open, max(risk) as risk from findings
             where tenant_id = $1 and subject <> '' and state = 'open'
             group by subject
             having exists (select from package_flaws p where p.tenant_id = $1 and p.flaw_id = subject)
             order by max(risk) desc, count(*) desc limit 1000
         )
         select o.flaw_id, coalesce(f.severity, 'medium') as severity, f.cvss, x.flaw_id is not null as exploited,
             c.probability, o.open
         from open o
         left join lateral (select severity, cvss from package_flaws p
             where p.tenant_id = $1 and p.flaw_id = o.flaw_id order by p.cvss desc nulls last limit 1) f on true
         left join exploited_flaws x on x.flaw_id = o.flaw_id
         left join forecasts c on c.flaw_id = o.flaw_id
         order by exploited desc, o.risk desc, c.probability desc nulls last, o.flaw_id limit $2",
    )
    .bind(tx.tenant().0)
    .bind(at_most)
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
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
         )
         select id.id as flaw_id,
             coalesce((select jsonb_agg(distinct x) from own, unnest(own.aliases) x), '[]') as aliases,
             coalesce((select jsonb_agg(distinct x) from own, unnest(own.advisories) x), '[]') as advisories,
             (select severity from own limit 1) as severity, (select rated from own limit 1) as rated,
             (select cvss from own limit 1) as cvss, (select vector from own limit 1) as vector,
             (select summary from told where summary <> '' limit 1) as summary,
             (select min(published) from told where published <> '') as published,
             coalesce((select jsonb_agg(distinct u) from told, jsonb_array_elements_text(reference_urls) u), '[]') as references,
             x.flaw_id is not null as exploited, x.added, x.due, coalesce(x.ransomware, false) as ransomware,
             c.probability, c.percentile, exists (select from told) or exists (select from own) as known
         from id left join exploited_flaws x on x.flaw_id = id.id left join forecasts c on c.flaw_id = id.id",
    )
    .bind(tx.tenant().0)
    .bind(name)
    .fetch_one(tx.conn())
    .await?;
    Ok(row)
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
         join resources r on r.tenant_id = $1 and r.kind in ('image', 'application') and r.retired_at is null
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
