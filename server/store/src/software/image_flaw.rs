//! What the checks of images need: the flaws of each, what could not be judged, and the layers that tell its base.

use crate::door::TenantTx;
use crate::error::StoreError;
use serde_json::Value;
use sqlx::types::Json;
use uuid::Uuid;

/// A flaw of an image: of one of its packages.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct ImageFlaw {
    pub software: String,
    pub flaw_id: String,
    pub severity: String,
    pub rated: bool,
    pub cvss: Option<f32>,
    pub fixed_in: Option<String>,
    pub kind: String,
    pub name: String,
    pub version: String,
    pub source_name: String,
    pub path: String,
    pub layer: i32,
    pub exploited: bool,
    pub ransomware: bool,
    pub probability: Option<f32>,
}

/// The flaws of the images with this software.
///
/// # Errors
/// When the database does not answer.
pub async fn of_images(tx: &mut TenantTx, software: &[String]) -> Result<Vec<ImageFlaw>, StoreError> {
    let rows = sqlx::query_as(
        "select i.software, f.flaw_id, f.severity, f.rated, f.cvss, f.fixed_in, p.type as kind, p.name, p.version,
             p.source_name, i.path, i.layer, f.exploited, coalesce(x.ransomware, false) as ransomware,
             c.probability
         from installations i
         join package_flaws f on f.tenant_id = $1 and f.package_id = i.package_id
         join packages p on p.tenant_id = $1 and p.package_id = i.package_id
         cross join lateral (select bool_or(ransomware) as ransomware from exploited_flaws where flaw_id = any(f.cves)) x
         cross join lateral (select max(probability) as probability from forecasts where flaw_id = any(f.cves)) c
         where i.tenant_id = $1 and i.software = any($2)
         order by i.software, f.flaw_id, p.name, i.path",
    )
    .bind(tx.tenant().0)
    .bind(software)
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}

/// How many rows [`of_images`] gives of each software that has any.
///
/// # Errors
/// When the database does not answer.
pub async fn flaw_rows(tx: &mut TenantTx, software: &[String]) -> Result<Vec<(String, i64)>, StoreError> {
    let rows = sqlx::query_as(
        "select i.software, count(*) from installations i
         join package_flaws f on f.tenant_id = $1 and f.package_id = i.package_id
         where i.tenant_id = $1 and i.software = any($2) group by i.software",
    )
    .bind(tx.tenant().0)
    .bind(software)
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}

/// How many flaws of each sort a software has: software, `exploited` or the severity, and how many; each flaw once, as the
/// worst of what its packages say.
///
/// # Errors
/// When the database does not answer.
pub async fn flaw_classes(tx: &mut TenantTx, software: &[String]) -> Result<Vec<(String, String, i64)>, StoreError> {
    let rows = sqlx::query_as(
        "select software, classes[worst] as class, count(*)
         from (
             select i.software, c.classes, min(case when f.exploited then 1
                 else array_position(c.classes, f.severity) end) as worst
             from installations i
             join package_flaws f on f.tenant_id = $1 and f.package_id = i.package_id
             cross join (select array['exploited', 'critical', 'high', 'medium', 'low'] as classes) c
             where i.tenant_id = $1 and i.software = any($2)
             group by i.software, f.flaw_id, c.classes
         ) each
         group by software, class",
    )
    .bind(tx.tenant().0)
    .bind(software)
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}

/// The ids of the flaws that each software has.
///
/// # Errors
/// When the database does not answer.
pub async fn flaw_ids(tx: &mut TenantTx, software: &[String]) -> Result<Vec<(String, String)>, StoreError> {
    let rows = sqlx::query_as(
        "select distinct i.software, f.flaw_id from installations i
         join package_flaws f on f.tenant_id = $1 and f.package_id = i.package_id
         where i.tenant_id = $1 and i.software = any($2)",
    )
    .bind(tx.tenant().0)
    .bind(software)
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}

/// Packages of images that could not be judged: software, package, why; at most a few of each image.
///
/// # Errors
/// When the database does not answer.
pub async fn unjudged_of_images(
    tx: &mut TenantTx,
    software: &[String],
) -> Result<Vec<(String, i64, Vec<String>)>, StoreError> {
    let rows = sqlx::query_as(
        "select i.software, count(*), (array_agg(distinct p.name || ' ' || p.version || ': ' || p.unjudged))[1:5]
         from installations i join packages p on p.tenant_id = $1 and p.package_id = i.package_id
         where i.tenant_id = $1 and i.software = any($2) and p.unjudged is not null
         group by i.software",
    )
    .bind(tx.tenant().0)
    .bind(software)
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}

/// An image as far as finding what it is built on takes.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct ImageLayers {
    pub resource_id: Uuid,
    pub uid: String,
    pub account: String,
    pub repository: String,
    pub software: Option<String>,
    pub tags: Json<Vec<String>>,
    pub created: Option<String>,
    pub platform: Option<Json<Value>>,
    pub layers: Json<Vec<String>>,
}

/// All images of the tenant, at most twenty thousand.
///
/// # Errors
/// When the database does not answer.
pub async fn image_layers(tx: &mut TenantTx) -> Result<Vec<ImageLayers>, StoreError> {
    let rows = sqlx::query_as(
        "select resource_id, uid, account, region as repository, software,
             coalesce(attributes -> 'Tags', '[]') as tags, attributes ->> 'Created' as created,
             attributes -> 'Platform' as platform,
             coalesce((select jsonb_agg(layer ->> 'digest' order by at)
                 from jsonb_array_elements(attributes -> 'Layers') with ordinality l (layer, at)), '[]') as layers
         from resources where tenant_id = $1 and kind = 'image' and retired_at is null
         order by resource_id limit 20000",
    )
    .bind(tx.tenant().0)
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}
