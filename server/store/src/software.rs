//! Packages, what they are installed in, and what is known to be wrong with them.

mod image;
mod search;

pub use image::{
    BaseImage, ImageComponent, ImageSight, LayerSum, base_of, components_of_image, fixes_of, layer_sums, read_at,
    sight_of_images,
};
pub use search::{
    AffectedImage, ComponentFlaw, ComponentRow, FeedsIn, FlawDetail, FlawFinding, FlawRow, affected_images, component,
    component_flaws, component_images, components, feeds_in, findings_of_flaw, flaw, flaws,
};

use crate::door::TenantTx;
use crate::error::StoreError;
use plumbline_core::id::{ResourceId, SourceId};
use serde_json::Value;
use sqlx::types::Json;
use uuid::Uuid;

/// A package on its way in.
#[derive(Debug, Clone)]
pub struct NewPackage {
    /// Derived from all of the following, so that the same package is known once.
    pub id: Uuid,
    pub kind: &'static str,
    pub name: String,
    pub version: String,
    pub architecture: String,
    pub source: (String, String),
    pub licence: String,
    pub distribution: String,
    pub purl: String,
    /// Ecosystem, name and version under which advisories tell of it.
    pub keys: Vec<(String, String, String)>,
    /// Why no advisories can be held against it.
    pub unjudged: Option<String>,
}

/// A package of an image: where it is listed, and which layer brought it.
#[derive(Debug, Clone)]
pub struct Installation {
    pub package: Uuid,
    pub path: String,
    pub layer: i32,
}

/// Which of a run's images have software that is not taken apart yet: the keys under which the memory has it.
///
/// # Errors
/// When the database does not answer.
pub async fn unknown_of_run(tx: &mut TenantTx, run: plumbline_core::id::RunId) -> Result<Vec<String>, StoreError> {
    let rows = sqlx::query_scalar(
        "with staged as materialized (
             select distinct attributes ->> 'Software' as software from staged_resources
             where tenant_id = $1 and run_id = $2 and kind in ('image', 'application')
         )
         select s.software from staged s
         where s.software is not null and not exists (
             select from installations i where i.tenant_id = $1 and i.software = s.software)
         order by 1",
    )
    .bind(tx.tenant().0)
    .bind(run.0)
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}

/// Writes the packages of one image's software.
///
/// # Errors
/// When the database does not answer.
pub async fn install(
    tx: &mut TenantTx,
    software: &str,
    packages: &[NewPackage],
    installations: &[Installation],
) -> Result<(), StoreError> {
    let tenant = tx.tenant().0;
    let text = |of: fn(&NewPackage) -> &str| packages.iter().map(|p| of(p).to_owned()).collect::<Vec<_>>();
    sqlx::query(
        "insert into packages (tenant_id, package_id, type, name, version, architecture, source_name, source_version,
             licence, distribution, purl, unjudged, judged)
         select $1, p.*, p.unjudged is not null
         from unnest($2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[],
             $10::text[], $11::text[], $12::text[])
             as p (package_id, type, name, version, architecture, source_name, source_version, licence, distribution, purl,
                 unjudged)
         order by p.package_id
         on conflict do nothing",
    )
    .bind(tenant)
    .bind(packages.iter().map(|p| p.id).collect::<Vec<_>>())
    .bind(text(|p| p.kind))
    .bind(text(|p| &p.name))
    .bind(text(|p| &p.version))
    .bind(text(|p| &p.architecture))
    .bind(text(|p| &p.source.0))
    .bind(text(|p| &p.source.1))
    .bind(text(|p| &p.licence))
    .bind(text(|p| &p.distribution))
    .bind(text(|p| &p.purl))
    .bind(packages.iter().map(|p| p.unjudged.clone()).collect::<Vec<_>>())
    .execute(tx.conn())
    .await?;
    let keys = || packages.iter().flat_map(|p| p.keys.iter().map(move |key| (p.id, key)));
    sqlx::query(
        "insert into package_keys (tenant_id, ecosystem, name, package_id, version)
         select $1, * from unnest($2::text[], $3::text[], $4::uuid[], $5::text[]) k order by 2, 3, 4
         on conflict do nothing",
    )
    .bind(tenant)
    .bind(keys().map(|(_, key)| key.0.clone()).collect::<Vec<_>>())
    .bind(keys().map(|(_, key)| key.1.clone()).collect::<Vec<_>>())
    .bind(keys().map(|(id, _)| id).collect::<Vec<_>>())
    .bind(keys().map(|(_, key)| key.2.clone()).collect::<Vec<_>>())
    .execute(tx.conn())
    .await?;
    sqlx::query(
        "insert into installations (tenant_id, software, package_id, path, layer)
         select $1, $2, * from unnest($3::uuid[], $4::text[], $5::int[]) i order by 3, 4
         on conflict do nothing",
    )
    .bind(tenant)
    .bind(software)
    .bind(installations.iter().map(|i| i.package).collect::<Vec<_>>())
    .bind(installations.iter().map(|i| i.path.clone()).collect::<Vec<_>>())
    .bind(installations.iter().map(|i| i.layer).collect::<Vec<_>>())
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// From now on the tenant's packages follow the advisories. Those that it has before are to be judged by all that are known.
///
/// # Errors
/// When the database does not answer.
pub async fn follow(tx: &mut TenantTx) -> Result<(), StoreError> {
    sqlx::query(
        "insert into matchings (tenant_id, change_no) select $1, coalesce(max(change_no), 0) from advisory_packages
         on conflict do nothing",
    )
    .bind(tx.tenant().0)
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Marks the packages that changed advisories tell of as to be judged, and remembers up to which change.
///
/// # Errors
/// When the database does not answer.
pub async fn note_changes(tx: &mut TenantTx) -> Result<(), StoreError> {
    // Asked first: what is imported while we mark is noted the next time.
    let latest: i64 =
        sqlx::query_scalar("select coalesce(max(change_no), 0) from advisory_packages").fetch_one(tx.conn()).await?;
    // One that could not be judged may be now: the first advisories of its ecosystem may have come.
    sqlx::query(
        "with known as (select change_no from matchings where tenant_id = $1)
         update packages p set judged = false
         where p.tenant_id = $1 and p.judged and (p.package_id in (
                 select k.package_id from advisory_packages a
                 join package_keys k on k.tenant_id = $1 and k.ecosystem = a.ecosystem and k.name = a.name
                 where a.change_no > (select change_no from known))
             or p.unjudged is not null and exists (
                 select from advisory_packages where change_no > (select change_no from known))
                and exists (select from package_keys k where k.tenant_id = $1 and k.package_id = p.package_id))",
    )
    .bind(tx.tenant().0)
    .execute(tx.conn())
    .await?;
    // What is known to be exploited is a list of its own, and moves a flaw without any advisory.
    sqlx::query(
        "update packages p set judged = false
         where p.tenant_id = $1 and p.judged and p.package_id in (
             select f.package_id from package_flaws f left join exploited_flaws x on x.flaw_id = f.flaw_id
             where f.tenant_id = $1 and f.exploited <> (x.flaw_id is not null))",
    )
    .bind(tx.tenant().0)
    .execute(tx.conn())
    .await?;
    sqlx::query(
        "insert into matchings (tenant_id, change_no) values ($1, $2)
         on conflict (tenant_id) do update set change_no = greatest(matchings.change_no, excluded.change_no)",
    )
    .bind(tx.tenant().0)
    .bind(latest)
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Which of these ecosystems any advisory tells of.
///
/// # Errors
/// When the database does not answer.
pub async fn covered(tx: &mut TenantTx, ecosystems: &[String]) -> Result<Vec<String>, StoreError> {
    let rows = sqlx::query_scalar(
        "select e from unnest($1::text[]) e where exists (select from advisory_packages a where a.ecosystem = e)",
    )
    .bind(ecosystems)
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}

/// The ecosystems under which advisories would tell of these packages.
///
/// # Errors
/// When the database does not answer.
pub async fn ecosystems_of(tx: &mut TenantTx, packages: &[Uuid]) -> Result<Vec<(Uuid, String)>, StoreError> {
    let rows =
        sqlx::query_as("select package_id, ecosystem from package_keys where tenant_id = $1 and package_id = any($2)")
            .bind(tx.tenant().0)
            .bind(packages)
            .fetch_all(tx.conn())
            .await?;
    Ok(rows)
}

/// What an advisory says of a package that is to be judged.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Candidate {
    pub package_id: Uuid,
    pub kind: String,
    pub version: String,
    pub advisory_id: String,
    pub affected: Json<Vec<Value>>,
    pub notice: Json<Value>,
}

/// The next packages to be judged; none when all are.
///
/// # Errors
/// When the database does not answer.
pub async fn to_judge(tx: &mut TenantTx, at_most: i64) -> Result<Vec<(Uuid, String)>, StoreError> {
    let rows = sqlx::query_as(
        "select package_id, type from packages where tenant_id = $1 and not judged order by package_id limit $2",
    )
    .bind(tx.tenant().0)
    .bind(at_most)
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}

/// Everything that advisories say of these packages.
///
/// # Errors
/// When the database does not answer.
pub async fn candidates(tx: &mut TenantTx, packages: &[Uuid]) -> Result<Vec<Candidate>, StoreError> {
    // What advisories say of two thousand packages is sorted in memory.
    sqlx::query("set local work_mem = '64MB'").execute(tx.conn()).await?;
    let rows = sqlx::query_as(
        "select k.package_id, p.type as kind, k.version, a.advisory_id, a.affected, v.notice
         from package_keys k
         join packages p on p.tenant_id = $1 and p.package_id = k.package_id
         join advisory_packages a on a.ecosystem = k.ecosystem and a.name = k.name
         join advisories v on v.advisory_id = a.advisory_id
         where k.tenant_id = $1 and k.package_id = any($2) and a.affected is not null
         order by k.package_id, a.advisory_id",
    )
    .bind(tx.tenant().0)
    .bind(packages)
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}

/// A flaw of a package.
#[derive(Debug, Clone)]
pub struct PackageFlaw {
    pub package: Uuid,
    pub flaw: String,
    pub aliases: Vec<String>,
    pub advisories: Vec<String>,
    pub severity: &'static str,
    pub rated: bool,
    pub cvss: Option<f32>,
    pub vector: Option<String>,
    pub fixed_in: Option<String>,
}

/// Replaces what is known to be wrong with the packages, and marks them as judged; `unjudged` are those of which something
/// could not be told, with why. Returns the packages of which something changed.
///
/// # Errors
/// When the database does not answer.
pub async fn judge(
    tx: &mut TenantTx,
    packages: &[Uuid],
    flaws: &[PackageFlaw],
    unjudged: &[(Uuid, String)],
) -> Result<Vec<Uuid>, StoreError> {
    let tenant = tx.tenant().0;
    sqlx::query(
        "create temporary table judged_flaws on commit drop as
         select package_id, flaw_id, array(select jsonb_array_elements_text(aliases)) as aliases,
             array(select jsonb_array_elements_text(advisories)) as advisories, severity, rated, cvss, vector, fixed_in,
             exists (select from exploited_flaws x where x.flaw_id = f.flaw_id) as exploited
         from unnest($1::uuid[], $2::text[], $3::jsonb[], $4::jsonb[], $5::text[], $6::bool[], $7::real[], $8::text[],
             $9::text[]) as f (package_id, flaw_id, aliases, advisories, severity, rated, cvss, vector, fixed_in)",
    )
    .bind(flaws.iter().map(|f| f.package).collect::<Vec<_>>())
    .bind(flaws.iter().map(|f| f.flaw.clone()).collect::<Vec<_>>())
    .bind(flaws.iter().map(|f| Json(f.aliases.clone())).collect::<Vec<_>>())
    .bind(flaws.iter().map(|f| Json(f.advisories.clone())).collect::<Vec<_>>())
    .bind(flaws.iter().map(|f| f.severity.to_owned()).collect::<Vec<_>>())
    .bind(flaws.iter().map(|f| f.rated).collect::<Vec<_>>())
    .bind(flaws.iter().map(|f| f.cvss).collect::<Vec<_>>())
    .bind(flaws.iter().map(|f| f.vector.clone()).collect::<Vec<_>>())
    .bind(flaws.iter().map(|f| f.fixed_in.clone()).collect::<Vec<_>>())
    .execute(tx.conn())
    .await?;
    let mut changed: Vec<Uuid> = sqlx::query_scalar(
        "select distinct package_id from (
             (select package_id, flaw_id, aliases, advisories, severity, rated, cvss, vector, fixed_in, exploited from judged_flaws
              except select package_id, flaw_id, aliases, advisories, severity, rated, cvss, vector, fixed_in, exploited
              from package_flaws where tenant_id = $1 and package_id = any($2))
             union all
             (select package_id, flaw_id, aliases, advisories, severity, rated, cvss, vector, fixed_in, exploited
              from package_flaws where tenant_id = $1 and package_id = any($2)
              except select package_id, flaw_id, aliases, advisories, severity, rated, cvss, vector, fixed_in, exploited
              from judged_flaws)
         ) d",
    )
    .bind(tenant)
    .bind(packages)
    .fetch_all(tx.conn())
    .await?;
    for sql in [
        "delete from package_flaws where tenant_id = $1 and package_id = any($2)",
        "insert into package_flaws (tenant_id, package_id, flaw_id, aliases, advisories, severity, rated, cvss, vector,
             fixed_in, exploited)
         select $1, * from judged_flaws where package_id = any($2) order by package_id, flaw_id",
        "insert into flaw_aliases (tenant_id, alias, flaw_id)
         select distinct $1::uuid, a, flaw_id from judged_flaws, unnest(aliases) a where package_id = any($2)
         on conflict do nothing",
    ] {
        sqlx::query(sql).bind(tenant).bind(&changed).execute(tx.conn()).await?;
    }
    sqlx::query("drop table judged_flaws").execute(tx.conn()).await?;
    let unsure: Vec<Option<Uuid>> = sqlx::query_scalar(
        "with old as (select package_id, unjudged from packages where tenant_id = $1 and package_id = any($2))
         update packages p set judged = true, unjudged = u.why
         from old left join unnest($3::uuid[], $4::text[]) u (package_id, why) using (package_id)
         where p.tenant_id = $1 and p.package_id = old.package_id
         returning case when old.unjudged is distinct from u.why then p.package_id end",
    )
    .bind(tenant)
    .bind(packages)
    .bind(unjudged.iter().map(|(id, _)| *id).collect::<Vec<_>>())
    .bind(unjudged.iter().map(|(_, why)| why.clone()).collect::<Vec<_>>())
    .fetch_all(tx.conn())
    .await?;
    changed.extend(unsure.into_iter().flatten());
    changed.sort_unstable();
    changed.dedup();
    Ok(changed)
}

/// What any of these packages is installed in: source, account, kind and id.
///
/// # Errors
/// When the database does not answer.
pub async fn images_with(
    tx: &mut TenantTx,
    packages: &[Uuid],
) -> Result<Vec<(SourceId, String, String, ResourceId)>, StoreError> {
    let rows: Vec<(Uuid, String, String, Uuid)> = sqlx::query_as(
        "select distinct r.source_id, r.account, r.kind, r.resource_id
         from (select distinct software from installations where tenant_id = $1 and package_id = any($2)) i
         join resources r on r.tenant_id = $1 and r.software = i.software
             and r.retired_at is null and r.kind in ('image', 'application')",
    )
    .bind(tx.tenant().0)
    .bind(packages)
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().map(|(source, account, kind, id)| (SourceId(source), account, kind, ResourceId(id))).collect())
}

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
             p.source_name, i.path, i.layer, x.flaw_id is not null as exploited, coalesce(x.ransomware, false) as ransomware,
             c.probability
         from installations i
         join package_flaws f on f.tenant_id = $1 and f.package_id = i.package_id
         join packages p on p.tenant_id = $1 and p.package_id = i.package_id
         left join exploited_flaws x on x.flaw_id = f.flaw_id
         left join forecasts c on c.flaw_id = f.flaw_id
         where i.tenant_id = $1 and i.software = any($2)
         order by i.software, f.flaw_id, p.name, i.path",
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
