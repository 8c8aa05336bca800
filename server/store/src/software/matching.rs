//! Packages held against advisories: which are to be judged, by what, and what came of it.

use crate::door::TenantTx;
use crate::error::StoreError;
use futures::TryStreamExt;
use plumbline_core::id::{ResourceId, SourceId};
use serde_json::Value;
use sqlx::types::Json;
use std::collections::BTreeSet;
use uuid::Uuid;

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
                 where a.change_no > (select change_no from known)
                 union all
                 select k.package_id from advisory_packages a
                 join package_keys k on k.tenant_id = $1 and k.base = a.ecosystem and k.name = a.name
                     and k.base <> k.ecosystem
                 where a.change_no > (select change_no from known))
             or p.unjudged is not null and exists (
                 select from advisory_packages where change_no > (select change_no from known))
                and exists (select from package_keys k where k.tenant_id = $1 and k.package_id = p.package_id))",
    )
    .bind(tx.tenant().0)
    .execute(tx.conn())
    .await?;
    // What is known to be exploited is a list of its own, and moves a flaw without any advisory. The list is short: it is
    // looked for among the flaws and their other names, and not they in it.
    sqlx::query(
        "with named as (
             select flaw_id, flaw_id as name from exploited_flaws
             union all
             select a.flaw_id, x.flaw_id from exploited_flaws x
             join flaw_aliases a on a.tenant_id = $1 and a.alias = x.flaw_id
         ), exploited as materialized (
             select distinct f.package_id, f.flaw_id, f.exploited as known from named n
             join package_flaws f on f.tenant_id = $1 and f.flaw_id = n.flaw_id and f.cves @> array[n.name]
         )
         update packages p set judged = false
         where p.tenant_id = $1 and p.judged and p.package_id in (
             select package_id from exploited where not known
             union all
             select f.package_id from package_flaws f
             where f.tenant_id = $1 and f.exploited and not exists (
                 select from exploited e where e.package_id = f.package_id and e.flaw_id = f.flaw_id))",
    )
    .bind(tx.tenant().0)
    .execute(tx.conn())
    .await?;
    // Forecasts move only what the list of open flaws is sorted by.
    sqlx::query(
        "update open_flaws o set probability = n.probability
         from (
             select o.flaw_id, max(c.probability) as probability
             from open_flaws o
             left join package_flaws p on p.tenant_id = $1 and p.flaw_id = o.flaw_id
             left join lateral unnest(p.cves) name on true
             left join forecasts c on c.flaw_id = name
             where o.tenant_id = $1 group by o.flaw_id
         ) n
         where o.tenant_id = $1 and o.flaw_id = n.flaw_id and o.probability is distinct from n.probability",
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

/// The ecosystems that any advisory tells of. There are some hundreds, found without reading what they hold.
///
/// # Errors
/// When the database does not answer.
pub async fn told_ecosystems(tx: &mut TenantTx) -> Result<BTreeSet<String>, StoreError> {
    let rows: Vec<String> = sqlx::query_scalar(
        "with recursive told as (
             (select ecosystem from advisory_packages order by ecosystem limit 1)
             union all
             select (select a.ecosystem from advisory_packages a where a.ecosystem > told.ecosystem
                 order by a.ecosystem limit 1)
             from told where told.ecosystem is not null
         )
         select ecosystem from told where ecosystem is not null",
    )
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().collect())
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

/// Hands on everything that advisories say of these packages, package by package and never all at once: thousands of
/// advisories tell of one kernel. An advisory that names no release counts for all of them.
///
/// # Errors
/// When the database does not answer.
pub async fn candidates(
    tx: &mut TenantTx,
    packages: &[Uuid],
    mut each: impl FnMut(Candidate),
) -> Result<(), StoreError> {
    // What advisories say of two thousand packages is sorted in memory.
    sqlx::query("set local work_mem = '64MB'").execute(tx.conn()).await?;
    let tenant = tx.tenant().0;
    let mut rows = sqlx::query_as(
        "with asked as materialized (
             select package_id, ecosystem, name, version from package_keys
             where tenant_id = $1 and package_id = any($2)
             union
             select package_id, base, name, version from package_keys
             where tenant_id = $1 and package_id = any($2) and base <> ecosystem
         )
         select k.package_id, p.type as kind, k.version, a.affected, v.notice
         from asked k
         join packages p on p.tenant_id = $1 and p.package_id = k.package_id
         join advisory_packages a on a.ecosystem = k.ecosystem and a.name = k.name
         join advisories v on v.advisory_id = a.advisory_id
         where a.affected is not null
         order by k.package_id, a.advisory_id, k.version",
    )
    .bind(tenant)
    .bind(packages)
    .fetch(tx.conn());
    while let Some(row) = rows.try_next().await? {
        each(row);
    }
    Ok(())
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
             exists (select from exploited_flaws x where x.flaw_id = any(cves_of(f.flaw_id,
                 array(select jsonb_array_elements_text(f.aliases)))))
                 as exploited
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

/// What any of these packages is installed in, be it an image, an application or a host: source, account, kind and id.
///
/// # Errors
/// When the database does not answer.
pub async fn holders_of(
    tx: &mut TenantTx,
    packages: &[Uuid],
) -> Result<Vec<(SourceId, String, String, ResourceId)>, StoreError> {
    let rows: Vec<(Uuid, String, String, Uuid)> = sqlx::query_as(
        "select distinct r.source_id, r.account, r.kind, r.resource_id
         from (select distinct software from installations where tenant_id = $1 and package_id = any($2)) i
         join resources r on r.tenant_id = $1 and r.software = i.software
             and r.retired_at is null and r.kind in ('image', 'application', 'host.machine')",
    )
    .bind(tx.tenant().0)
    .bind(packages)
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().map(|(source, account, kind, id)| (SourceId(source), account, kind, ResourceId(id))).collect())
}
