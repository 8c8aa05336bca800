//! One image: what its layers brought, what it is built on; and how far the tenant's images were looked into at all.

use crate::door::TenantTx;
use crate::error::StoreError;
use crate::fix::{FixRow, fix_rows};
use crate::page::{Page, PageRequest};
use chrono::{DateTime, Utc};
use plumbline_core::id::ResourceId;
use uuid::Uuid;

/// How far images were looked into. Whoever says "not affected" has to say this first.
#[derive(Debug, Clone, Default, sqlx::FromRow)]
pub struct ImageSight {
    /// Images that are there now.
    pub images: i64,
    /// Of those, the ones whose software was not read, or not to the end.
    pub unread: i64,
    /// Images whose software was read and is not taken apart yet, and packages that are not judged yet.
    pub waiting: i64,
    /// Packages that could not be judged; a thousand stands for more.
    pub unjudged: i64,
    /// The first few of them, each with why.
    pub examples: Vec<String>,
}

/// How far the tenant's images were looked into.
///
/// # Errors
/// When the database does not answer.
pub async fn sight_of_images(tx: &mut TenantTx) -> Result<ImageSight, StoreError> {
    let row = sqlx::query_as(
        "with image as materialized (
             select software, attributes ->> 'ComponentCount' as components,
                 coalesce(attributes -> 'Unreadable', '[]') <> '[]' as partly
             from resources where tenant_id = $1 and kind in ('image', 'application', 'host.machine') and retired_at is null
         ), unsure as materialized (
             select p.name || ' ' || p.version || ': ' || p.unjudged as words from packages p
             where p.tenant_id = $1 and p.unjudged is not null and exists (
                 select from installations i join resources r on r.tenant_id = $1 and r.kind in ('image', 'application', 'host.machine')
                     and r.retired_at is null and r.software = i.software
                 where i.tenant_id = $1 and i.package_id = p.package_id)
             order by p.package_id limit 1000
         )
         select (select count(*) from image) as images,
             (select count(*) from image where software is null or partly) as unread,
             (select count(*) from image where software is not null and components is distinct from '0' and not exists (
                 select from installations i where i.tenant_id = $1 and i.software = image.software))
             + (select count(*) from packages where tenant_id = $1 and not judged) as waiting,
             (select count(*) from unsure) as unjudged,
             array(select words from unsure order by words limit 5) as examples",
    )
    .bind(tx.tenant().0)
    .fetch_one(tx.conn())
    .await?;
    Ok(row)
}

/// A package of an image, where it is listed and how bad it is.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct ImageComponent {
    pub package_id: Uuid,
    #[sqlx(rename = "type")]
    pub kind: String,
    pub name: String,
    pub version: String,
    pub licence: String,
    pub path: String,
    pub layer: i32,
    pub unjudged: Option<String>,
    pub flaws: i64,
    /// How many of the flaws have a version that is free of them.
    pub fixable: i64,
    /// 5 where one of the flaws is exploited, then 4 for critical to 1 for low; 0 without flaws.
    pub worst: i32,
}

impl ImageComponent {
    fn cursor(&self) -> String {
        serde_json::json!([self.worst, self.name.to_lowercase(), self.package_id, self.path]).to_string()
    }
}

/// Reads a cursor; one that is none begins at the top.
fn position(after: Option<&str>) -> (i32, String, Uuid, String) {
    after
        .and_then(|after| serde_json::from_str(after).ok())
        .filter(|(worst, name, _, path): &(i32, String, Uuid, String)| {
            (0..=5).contains(worst) && !name.contains('\0') && !path.contains('\0')
        })
        .unwrap_or((6, String::new(), Uuid::nil(), String::new()))
}

/// The packages of an image's software, worst first and then by name; with `all` not only those with flaws or in doubt.
///
/// # Errors
/// When the database does not answer.
pub async fn components_of_image(
    tx: &mut TenantTx,
    software: &str,
    all: bool,
    page: &PageRequest,
) -> Result<Page<ImageComponent>, StoreError> {
    let (worst, name, id, path) = position(page.after.as_deref());
    let rows = sqlx::query_as(
        "with each as materialized (
             select i.package_id, i.path, i.layer, p.type, p.name, p.version, p.licence, p.unjudged, f.flaws, f.fixable, f.worst
             from installations i
             join packages p on p.tenant_id = $1 and p.package_id = i.package_id
             cross join lateral (
                 select count(*) as flaws, count(f.fixed_in) as fixable, coalesce(max(case
                     when exists (select from exploited_flaws x where x.flaw_id = any(f.cves)) then 5 when f.severity = 'critical' then 4 when f.severity = 'high' then 3
                     when f.severity = 'medium' then 2 else 1 end), 0) as worst
                 from package_flaws f where f.tenant_id = $1 and f.package_id = i.package_id
             ) f
             where i.tenant_id = $1 and i.software = $2
         )
         select * from each
         where ($3 or flaws > 0 or unjudged is not null)
           and (-worst, lower(name) collate \"C\", package_id, path collate \"C\") > (-$4::int, $5, $6, $7)
         order by -worst, lower(name) collate \"C\", package_id, path collate \"C\" limit $8",
    )
    .bind(tx.tenant().0)
    .bind(software)
    .bind(all)
    .bind(worst)
    .bind(name)
    .bind(id)
    .bind(path)
    .bind(page.size + 1)
    .fetch_all(tx.conn())
    .await?;
    Ok(Page::cut(rows, page.size, ImageComponent::cursor))
}

/// What one layer of an image brought.
#[derive(Debug, Clone, Default, sqlx::FromRow)]
pub struct LayerSum {
    pub layer: i32,
    pub components: i64,
    /// Flaws of those components, each once; one that is exploited is in its severity too.
    pub exploited: i64,
    pub critical: i64,
    pub high: i64,
    pub medium: i64,
    pub low: i64,
}

/// What the layers of an image's software brought; layers that brought no package are not in it.
///
/// # Errors
/// When the database does not answer.
pub async fn layer_sums(tx: &mut TenantTx, software: &str) -> Result<Vec<LayerSum>, StoreError> {
    let rows = sqlx::query_as(
        "select i.layer, count(distinct (i.package_id, i.path)) as components,
             count(distinct f.flaw_id) filter (where exists (
                 select from exploited_flaws x where x.flaw_id = any(f.cves))) as exploited,
             count(distinct f.flaw_id) filter (where f.severity = 'critical') as critical,
             count(distinct f.flaw_id) filter (where f.severity = 'high') as high,
             count(distinct f.flaw_id) filter (where f.severity = 'medium') as medium,
             count(distinct f.flaw_id) filter (where f.severity = 'low') as low
         from installations i
         left join package_flaws f on f.tenant_id = $1 and f.package_id = i.package_id
         where i.tenant_id = $1 and i.software = $2
         group by i.layer order by i.layer",
    )
    .bind(tx.tenant().0)
    .bind(software)
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}

/// The image that another one is built on.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct BaseImage {
    pub resource_id: Uuid,
    pub name: String,
    pub account: String,
    /// How many of the image's layers are the base's.
    pub layers: i32,
}

/// The known image of the same platform with the most layers that an image begins with, and has more than; one with a tag
/// before one without. The same that the worker gives to the checks.
///
/// # Errors
/// When the database does not answer.
pub async fn base_of(tx: &mut TenantTx, image: ResourceId) -> Result<Option<BaseImage>, StoreError> {
    let row = sqlx::query_as(
        "with image as materialized (
             select first_layer as first, attributes -> 'Platform' as platform, array(
                 select layer ->> 'digest' from jsonb_array_elements(attributes -> 'Layers') with ordinality l (layer, at)
                 order by at) as layers
             from resources
             where tenant_id = $1 and resource_id = $2 and jsonb_typeof(attributes -> 'Layers') = 'array'
         )
         select r.resource_id, r.name, r.account, cardinality(o.layers) as layers
         from image
         join resources r on r.tenant_id = $1 and r.kind = 'image' and r.retired_at is null and r.resource_id <> $2
             and r.first_layer = image.first
             and r.attributes -> 'Platform' is not distinct from image.platform
         cross join lateral (select array(
             select layer ->> 'digest' from jsonb_array_elements(r.attributes -> 'Layers') with ordinality l (layer, at)
             order by at) as layers) o
         where cardinality(o.layers) < cardinality(image.layers)
           and o.layers = image.layers[1:cardinality(o.layers)]
         order by cardinality(o.layers) desc, coalesce(r.attributes -> 'Tags', '[]') <> '[]' desc, r.uid limit 1",
    )
    .bind(tx.tenant().0)
    .bind(image.0)
    .fetch_optional(tx.conn())
    .await?;
    Ok(row)
}

/// The fixes that close open findings of a resource, greatest gain first; at most ten.
///
/// # Errors
/// When the database does not answer.
pub async fn fixes_of(tx: &mut TenantTx, resource: ResourceId) -> Result<Vec<FixRow>, StoreError> {
    let rows = sqlx::query_as(fix_rows!(
        "",
        "(select distinct fix_id from findings where tenant_id = $1 and resource_id = $2 and state = 'open') o
         join fixes f on f.tenant_id = $1 and f.fix_id = o.fix_id and f.open_findings > 0",
        "order by f.gain desc, f.fix_id limit 10"
    ))
    .bind(tx.tenant().0)
    .bind(resource.0)
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}

/// When an image's software was read; none when it is not kept.
///
/// # Errors
/// When the database does not answer.
pub async fn read_at(tx: &mut TenantTx, software: &str) -> Result<Option<DateTime<Utc>>, StoreError> {
    let at = sqlx::query_scalar("select kept_at from memories where tenant_id = $1 and key = $2")
        .bind(tx.tenant().0)
        .bind(software)
        .fetch_optional(tx.conn())
        .await?;
    Ok(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_comes_back_and_one_that_is_none_begins_at_the_top() {
        let row = ImageComponent {
            package_id: Uuid::max(),
            kind: "deb".to_owned(),
            name: "OpenSSL".to_owned(),
            version: "3.0.1".to_owned(),
            licence: String::new(),
            path: "var/lib/dpkg/status".to_owned(),
            layer: 0,
            unjudged: None,
            flaws: 1,
            fixable: 1,
            worst: 4,
        };
        let back = position(Some(&row.cursor()));
        assert_eq!(back, (4, "openssl".to_owned(), Uuid::max(), "var/lib/dpkg/status".to_owned()));

        let nil = "00000000-0000-0000-0000-000000000000";
        let odd = [format!("[-2147483648,\"a\",\"{nil}\",\"\"]"), format!("[4,\"\\u0000\",\"{nil}\",\"\"]")];
        for text in ["", "zz", "[]"].into_iter().chain(odd.iter().map(String::as_str)) {
            assert_eq!(position(Some(text)).0, 6, "{text}");
        }
    }
}
