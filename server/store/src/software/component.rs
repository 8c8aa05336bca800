//! Packages by name, and the images and flaws of one.

use super::AffectedImage;
use crate::door::TenantTx;
use crate::error::StoreError;
use crate::page::{Page, PageRequest};
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
             (select count(*) from installations i join resources r on r.tenant_id = $1 and r.kind in ('image', 'application', 'host.machine')
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
         join resources r on r.tenant_id = $1 and r.kind in ('image', 'application', 'host.machine') and r.retired_at is null
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
             (select count(*) from installations i join resources r on r.tenant_id = $1 and r.kind in ('image', 'application', 'host.machine')
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
        "select f.flaw_id, f.severity, f.cvss, f.fixed_in,
             exists (select from exploited_flaws x where x.flaw_id = any(f.cves)) as exploited,
             (select max(c.probability) from forecasts c where c.flaw_id = any(f.cves)) as probability
         from package_flaws f
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
