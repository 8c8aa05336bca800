//! Packages on their way in: taken apart from the software of images, each known once.

use crate::door::TenantTx;
use crate::error::StoreError;
use plumbline_core::id::RunId;
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
pub async fn unknown_of_run(tx: &mut TenantTx, run: RunId) -> Result<Vec<String>, StoreError> {
    let rows = sqlx::query_scalar(
        "with staged as materialized (
             select distinct attributes ->> 'Software' as software from staged_resources
             where tenant_id = $1 and run_id = $2 and kind in ('image', 'application', 'host.machine')
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
