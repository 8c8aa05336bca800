//! The large tenant and the small ones, made by statements over whole tables.

use crate::table::say;
use anyhow::Context;
use plumbline_core::id::TenantId;
use plumbline_core::kind::Kinds;
use plumbline_core::risk::severity_points;
use plumbline_core::score::weight;
use plumbline_policy::check::FixTarget;
use plumbline_policy::{Catalogue, Check};
use sqlx::{AssertSqlSafe, PgConnection};
use std::collections::BTreeMap;
use std::time::Instant;
use uuid::Uuid;

/// What there is to be measured.
pub(crate) struct Made {
    pub(crate) heavy: TenantId,
    pub(crate) findings: usize,
}

/// How many findings a resource has, about, by how the statements draw lots.
const FINDINGS_EACH: i64 = 6;
/// Findings of one account, about.
const FINDINGS_AN_ACCOUNT: i64 = 25_000;
/// Resources of a small tenant.
const SMALL: i64 = 20;
/// Kinds with fewer checks are left out: an estate consists of what there is much of.
const CHECKS_OF_A_KIND: usize = 7;
/// Kinds of which an account has one, and the one with so many checks that all findings would be its own.
const LEFT_OUT: [&str; 5] =
    ["aws.account", "aws.region", "aws.organizations.organization", "aws.guardduty.detector", "aws.ec2.security_group"];

/// What a trigger would have looked up for each check while there was no index to look it up by.
const MISSING: &str = "
    insert into missing_permissions (tenant_id, check_id, permission)
    select distinct c.tenant_id, c.check_id, v.missing -> 0 ->> 'permission'
    from (select distinct tenant_id, check_id from check_states where unknown > 0) c
    cross join lateral (
        select missing from verdicts v where v.tenant_id = c.tenant_id and v.check_id = c.check_id and v.verdict = 'unknown'
        order by v.resource_id limit 20
    ) v
    on conflict do nothing";

/// Makes the tenants, unless they are there.
pub(crate) async fn ensure(admin: &mut PgConnection, findings: i64, small: i64) -> anyhow::Result<Made> {
    let known: Option<(Uuid,)> =
        sqlx::query_as("select tenant_id from tenants where slug = 'heavy'").fetch_optional(&mut *admin).await?;
    if known.is_none() {
        make(admin, findings, small).await?;
    }
    let (heavy, findings): (Uuid, i64) = sqlx::query_as(
        "select tenant_id, sum(findings)::bigint from finding_counts
         where tenant_id = (select tenant_id from tenants where slug = 'heavy') group by tenant_id",
    )
    .fetch_one(admin)
    .await?;
    Ok(Made { heavy: TenantId(heavy), findings: usize::try_from(findings)? })
}

async fn make(admin: &mut PgConnection, findings: i64, small: i64) -> anyhow::Result<()> {
    let began = Instant::now();
    say(&format!("Making {findings} findings of one tenant and {small} small tenants"));
    // Nothing of it has to survive a power cut.
    for setting in ["synchronous_commit = off", "work_mem = '256MB'", "maintenance_work_mem = '512MB'"] {
        sqlx::query(AssertSqlSafe(format!("set {setting}"))).execute(&mut *admin).await?;
    }
    describe(admin, findings, small).await?;
    let indexes = drop_indexes(admin).await?;
    for statement in include_str!("tenants.sql").split(";\n") {
        let began = Instant::now();
        sqlx::raw_sql(statement).execute(&mut *admin).await.with_context(|| statement.trim().to_owned())?;
        let title = statement.lines().find(|line| !line.is_empty() && !line.starts_with("--")).unwrap_or_default();
        if began.elapsed().as_secs() > 5 {
            say(&format!("{} s: {title}", began.elapsed().as_secs()));
        }
    }
    for index in indexes {
        sqlx::query(AssertSqlSafe(index)).execute(&mut *admin).await?;
    }
    sqlx::raw_sql(MISSING).execute(&mut *admin).await?;
    for table in ["bench_judged", "bench_found", "bench_made", "bench_drawn"] {
        sqlx::query(AssertSqlSafe(format!("drop table {table}"))).execute(&mut *admin).await?;
    }
    sqlx::query("vacuum analyze").execute(&mut *admin).await?;
    sqlx::query("checkpoint").execute(&mut *admin).await?;
    for setting in ["synchronous_commit", "work_mem", "maintenance_work_mem"] {
        sqlx::query(AssertSqlSafe(format!("reset {setting}"))).execute(&mut *admin).await?;
    }
    say(&format!("Made in {} s", began.elapsed().as_secs()));
    Ok(())
}

/// Fills the two tables that the statements read.
async fn describe(admin: &mut PgConnection, findings: i64, small: i64) -> anyhow::Result<()> {
    sqlx::raw_sql(
        "create temporary table bench_tenants (tenant_id uuid, slug text, resources bigint, accounts integer);
         create temporary table bench_checks (check_no integer, check_id text, severity text, points integer,
             weight double precision, kind text, reader text, fix_key text, fix_per text)",
    )
    .execute(&mut *admin)
    .await?;
    sqlx::query(
        "insert into bench_tenants
         select md5('heavy')::uuid, 'heavy', $1, greatest($2, 3)
         union all select md5('small' || i)::uuid, 'small-' || i, $3, 2 from generate_series(1, greatest($4, 2)) i",
    )
    .bind(findings / FINDINGS_EACH + 1)
    .bind(i32::try_from(findings / FINDINGS_AN_ACCOUNT)?)
    .bind(SMALL)
    .bind(i32::try_from(small)?)
    .execute(&mut *admin)
    .await?;
    for (number, check) in checks().into_iter().enumerate() {
        let reader = Kinds::builtin().get(&check.resource).map(|kind| kind.reader.clone());
        sqlx::query("insert into bench_checks values ($1, $2, $3, $4, $5, $6, $7, $8, $9)")
            .bind(i32::try_from(number)?)
            .bind(&check.id)
            .bind(check.severity.as_str())
            .bind(i32::try_from(severity_points(check.severity))?)
            .bind(weight(check.severity))
            .bind(&check.resource)
            .bind(reader.with_context(|| format!("{} is no kind", check.resource))?)
            .bind(&check.fix.key)
            .bind(match check.fix.per {
                FixTarget::Account => "account",
                FixTarget::Region => "region",
                FixTarget::Resource => "resource",
            })
            .execute(&mut *admin)
            .await?;
    }
    Ok(())
}

fn checks() -> Vec<&'static Check> {
    let catalogue = Catalogue::builtin();
    let mut of_kind: BTreeMap<&str, usize> = BTreeMap::new();
    for check in catalogue.checks() {
        *of_kind.entry(check.resource.as_str()).or_default() += 1;
    }
    let chosen = |check: &&Check| {
        of_kind[check.resource.as_str()] >= CHECKS_OF_A_KIND && !LEFT_OUT.contains(&check.resource.as_str())
    };
    catalogue.checks().filter(chosen).collect()
}

/// Takes away the indexes that no constraint needs: made at the end, in one go each. Returns what makes them.
async fn drop_indexes(admin: &mut PgConnection) -> anyhow::Result<Vec<String>> {
    let rows: Vec<(String, String)> = sqlx::query_as(
        "select i.indexrelid::regclass::text, pg_get_indexdef(i.indexrelid) from pg_index i
         where i.indrelid = any('{resources,edges,verdicts,findings,finding_events,fixes,fix_checks}'::regclass[])
           and not i.indisunique",
    )
    .fetch_all(&mut *admin)
    .await?;
    for (name, _) in &rows {
        sqlx::query(AssertSqlSafe(format!("drop index {name}"))).execute(&mut *admin).await?;
    }
    Ok(rows.into_iter().map(|(_, made_by)| made_by).collect())
}
