//! Attack paths as pages read them; [`crate::reconcile::find_paths`] finds and keeps them.

use crate::door::TenantTx;
use crate::error::StoreError;
use crate::page::{Page, PageRequest};
use chrono::{DateTime, Utc};
use plumbline_core::id::{FindingId, FixId, PathId, ResourceId};
use serde::Deserialize;
use sqlx::types::Json;
use std::collections::HashMap;
use uuid::Uuid;

/// Resources that are followed from, the riskiest first.
pub const MOST_FOOTHOLDS: i64 = 5000;
/// Paths that are kept, the riskiest first.
pub const MOST_PATHS: i64 = 10_000;

/// One path in a list.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct PathRow {
    pub path_id: Uuid,
    pub entrance_name: String,
    pub entrance_kind: String,
    pub foothold_name: String,
    pub foothold_kind: String,
    pub target_name: String,
    pub target_kind: String,
    /// What it leads to: admin, data, machine or secrets.
    pub goal: String,
    pub likelihood: String,
    pub risk: i16,
    /// Steps from the foothold to the target.
    pub length: i32,
    pub first_seen: DateTime<Utc>,
    pub steps: Json<Vec<Step>>,
    /// Of the fixes that cut it, the one that cuts most paths.
    pub fix_id: Option<Uuid>,
}

/// One place on a path, from the outside in.
#[derive(Debug, Clone, Deserialize)]
pub struct Step {
    pub resource: Uuid,
    /// The relation by which one comes here from the step before; `reach` on the way to the foothold, empty at it.
    pub relation: String,
    /// What has to be open here for the path to go on.
    pub needs: Vec<Need>,
}

/// What a step needs.
#[derive(Debug, Clone, Deserialize)]
pub struct Need {
    pub opens: String,
    /// The riskiest few of the findings, each of which is enough.
    pub findings: Vec<Uuid>,
    pub count: i64,
}

/// How many there were when they were last looked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, sqlx::FromRow)]
pub struct PathSums {
    pub footholds: i64,
    pub paths: i64,
}

/// A resource on a path.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Place {
    pub resource_id: Uuid,
    pub kind: String,
    pub uid: String,
    pub name: String,
}

/// A finding that a path hangs on.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Hold {
    pub finding_id: Uuid,
    pub check_id: String,
    pub subject: String,
    pub severity: String,
    pub risk: i16,
}

/// What stands around a finding: the factors of its risk that are not in its line, and where they come from.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Around {
    pub likelihood: String,
    pub blast: String,
    pub guards: Vec<String>,
    pub blast_through: Option<Uuid>,
    pub blast_name: Option<String>,
    pub reached_through: Option<Uuid>,
    pub reached_name: Option<String>,
    pub paths: i64,
}

macro_rules! rows {
    ($more:literal) => {
        concat!(
            "select a.path_id, e.name as entrance_name, e.kind as entrance_kind, f.name as foothold_name,
                 f.kind as foothold_kind, t.name as target_name, t.kind as target_kind, a.goal, a.likelihood, a.risk, a.length,
                 a.first_seen, a.steps, x.fix_id
             from attack_paths a
             join resources e on e.tenant_id = $1 and e.resource_id = a.entrance_id
             join resources f on f.tenant_id = $1 and f.resource_id = a.foothold_id
             join resources t on t.tenant_id = $1 and t.resource_id = a.target_id
             left join lateral (
                 select c.fix_id from path_cuts c join fixes k on k.tenant_id = $1 and k.fix_id = c.fix_id
                 where c.tenant_id = $1 and c.path_id = a.path_id
                 order by k.paths_cut desc, k.gain desc, k.fix_id limit 1
             ) x on true
             where a.tenant_id = $1",
            $more
        )
    };
}

fn cursor(row: &PathRow) -> String {
    format!("{}-{}", row.risk, row.path_id)
}

/// Reads a cursor; one that is none begins at the top.
fn position(after: Option<&str>) -> (i16, Uuid) {
    after
        .and_then(|text| text.split_once('-'))
        .and_then(|(risk, id)| Some((risk.parse().ok()?, id.parse().ok()?)))
        .unwrap_or((i16::MAX, Uuid::nil()))
}

/// A page of paths, riskiest first.
///
/// # Errors
/// When the database does not answer.
pub async fn list(tx: &mut TenantTx, page: &PageRequest) -> Result<Page<PathRow>, StoreError> {
    let (risk, id) = position(page.after.as_deref());
    let rows = sqlx::query_as(rows!(
        " and a.risk <= $2 and (a.risk < $2 or a.path_id > $3) order by a.risk desc, a.path_id limit $4"
    ))
    .bind(tx.tenant().0)
    .bind(risk)
    .bind(id)
    .bind(page.size + 1)
    .fetch_all(tx.conn())
    .await?;
    Ok(Page::cut(rows, page.size, cursor))
}

/// One path.
///
/// # Errors
/// [`StoreError::NotFound`] when this tenant has none of that id.
pub async fn get(tx: &mut TenantTx, path: PathId) -> Result<PathRow, StoreError> {
    sqlx::query_as(rows!(" and a.path_id = $2"))
        .bind(tx.tenant().0)
        .bind(path.0)
        .fetch_optional(tx.conn())
        .await?
        .ok_or(StoreError::NotFound)
}

/// How many paths and footholds there are.
///
/// # Errors
/// When the database does not answer.
pub async fn sums(tx: &mut TenantTx) -> Result<PathSums, StoreError> {
    let sums = sqlx::query_as("select footholds, paths from path_sums where tenant_id = $1")
        .bind(tx.tenant().0)
        .fetch_optional(tx.conn())
        .await?;
    Ok(sums.unwrap_or_default())
}

/// The fixes that cut a path, those first that cut most paths: each with how many it cuts.
///
/// # Errors
/// When the database does not answer.
pub async fn cuts(tx: &mut TenantTx, path: PathId) -> Result<Vec<(FixId, i32)>, StoreError> {
    let rows: Vec<(Uuid, i32)> = sqlx::query_as(
        "select c.fix_id, f.paths_cut from path_cuts c join fixes f on f.tenant_id = $1 and f.fix_id = c.fix_id
         where c.tenant_id = $1 and c.path_id = $2 order by f.paths_cut desc, f.gain desc, c.fix_id limit 50",
    )
    .bind(tx.tenant().0)
    .bind(path.0)
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().map(|(fix, paths)| (FixId(fix), paths)).collect())
}

/// How many paths a fix cuts.
///
/// # Errors
/// When the database does not answer.
pub async fn cut_by(tx: &mut TenantTx, fix: FixId) -> Result<i32, StoreError> {
    let paths = sqlx::query_scalar("select paths_cut from fixes where tenant_id = $1 and fix_id = $2")
        .bind(tx.tenant().0)
        .bind(fix.0)
        .fetch_optional(tx.conn())
        .await?;
    Ok(paths.unwrap_or(0))
}

/// The riskiest paths that hang on a finding.
///
/// # Errors
/// When the database does not answer.
pub async fn of_finding(tx: &mut TenantTx, finding: FindingId) -> Result<Vec<PathRow>, StoreError> {
    let rows = sqlx::query_as(rows!(
        " and a.path_id in (select p.path_id from path_findings p where p.tenant_id = $1 and p.finding_id = $2)
          order by a.risk desc, a.path_id limit 3"
    ))
    .bind(tx.tenant().0)
    .bind(finding.0)
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}

/// What stands around a finding.
///
/// # Errors
/// [`StoreError::NotFound`] when this tenant has none of that id.
pub async fn around(tx: &mut TenantTx, finding: FindingId) -> Result<Around, StoreError> {
    sqlx::query_as(
        "select f.likelihood, f.blast, f.guards, r.blast_through, b.name as blast_name, r.reached_through,
             u.name as reached_name,
             (select count(*) from path_findings p where p.tenant_id = $1 and p.finding_id = f.finding_id) as paths
         from findings f
         join resources r on r.tenant_id = $1 and r.resource_id = f.resource_id
         left join resources b on b.tenant_id = $1 and b.resource_id = r.blast_through
         left join resources u on u.tenant_id = $1 and u.resource_id = r.reached_through
         where f.tenant_id = $1 and f.finding_id = $2",
    )
    .bind(tx.tenant().0)
    .bind(finding.0)
    .fetch_optional(tx.conn())
    .await?
    .ok_or(StoreError::NotFound)
}

/// The resources of steps, by id.
///
/// # Errors
/// When the database does not answer.
pub async fn places(tx: &mut TenantTx, ids: &[ResourceId]) -> Result<HashMap<Uuid, Place>, StoreError> {
    let rows: Vec<Place> = sqlx::query_as(
        "select resource_id, kind, uid, name from resources where tenant_id = $1 and resource_id = any($2)",
    )
    .bind(tx.tenant().0)
    .bind(ids.iter().map(|id| id.0).collect::<Vec<_>>())
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().map(|place| (place.resource_id, place)).collect())
}

/// The findings that steps name, by id.
///
/// # Errors
/// When the database does not answer.
pub async fn holds(tx: &mut TenantTx, ids: &[Uuid]) -> Result<HashMap<Uuid, Hold>, StoreError> {
    let rows: Vec<Hold> = sqlx::query_as(
        "select finding_id, check_id, subject, severity, risk from findings where tenant_id = $1 and finding_id = any($2)",
    )
    .bind(tx.tenant().0)
    .bind(ids)
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().map(|hold| (hold.finding_id, hold)).collect())
}
