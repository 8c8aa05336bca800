//! The fix queue: actions that close many findings.

mod list;

pub use list::{FixFilter, FixOwner, FixSort, list};

use crate::door::TenantTx;
use crate::error::StoreError;
use chrono::{DateTime, Utc};
use plumbline_core::fix::Place;
use plumbline_core::id::{FixId, PersonId};
use plumbline_core::stack::WORKLOADS;
use serde_json::Value;
use uuid::Uuid;

/// One fix.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct FixRow {
    pub fix_id: Uuid,
    pub source_id: Uuid,
    pub source_name: String,
    pub fix_key: String,
    pub target: String,
    pub account: String,
    pub region: String,
    pub open_findings: i64,
    pub resources: i64,
    /// Points of the unrounded score.
    pub gain: f64,
    /// Its place in the recommended order, see [`plumbline_core::fix::Place::rank`].
    pub rank: f64,
    /// The sum of the risks of the findings that it closes.
    pub risk: i64,
    /// The same risks taken together, as they count in the recommended order.
    pub joint_risk: f64,
    pub paths_cut: i32,
    /// The risks of those of these paths that take a step, taken together.
    pub joint_path_risk: f64,
    /// How light the work is, as it counts in the recommended order.
    pub ease: f64,
    pub upstream: bool,
    pub team_id: Option<Uuid>,
    pub assignee_id: Option<Uuid>,
    /// The name of the member whose most of its findings are.
    pub assignee_name: Option<String>,
    pub team_name: Option<String>,
    /// When the first of its findings is due.
    pub due_at: Option<DateTime<Utc>>,
    /// One of the checks it closes; all of them share the fix's key.
    pub check_id: Option<String>,
    /// The name of the resource that it is applied to, when it is applied to one.
    pub resource_id: Option<Uuid>,
    pub resource_name: Option<String>,
}

/// The columns of a [`FixRow`] out of `f`, a relation with those of `fixes`; `$1` is the tenant.
macro_rules! fix_rows {
    ($before:expr, $from:literal, $rest:expr) => {
        concat!(
            $before,
            "select f.fix_id, f.source_id, s.name as source_name, f.fix_key, f.target, f.account, f.region, f.open_findings,
                 f.resources, f.gain, f.rank, f.risk, f.joint_risk, f.paths_cut, f.joint_path_risk, f.ease, f.upstream, f.team_id, f.assignee_id,
                 (select p.name from members m join people p on p.person_id = m.person_id
                  where m.tenant_id = $1 and m.person_id = f.assignee_id) as assignee_name,
                 (select t.name from teams t where t.tenant_id = $1 and t.team_id = f.team_id) as team_name, f.due_at,
                 (select c.check_id from fix_checks c where c.tenant_id = $1 and c.fix_id = f.fix_id limit 1) as check_id,
                 r.resource_id, r.name as resource_name
             from ",
            $from,
            " join sources s on s.tenant_id = $1 and s.source_id = f.source_id
             left join lateral (
                 select resource_id, name from resources r
                 where r.tenant_id = $1 and r.uid = f.target and r.source_id = f.source_id limit 1
             ) r on true ",
            $rest
        )
    };
}
pub(crate) use fix_rows;

impl FixRow {
    /// What its place in the recommended order follows from.
    #[must_use]
    pub fn place(&self) -> Place {
        Place {
            risk: self.joint_risk,
            paths: self.joint_path_risk,
            gain: self.gain,
            upstream: self.upstream,
            resources: self.resources,
            ease: self.ease,
        }
    }

    /// Whose it is: the member, or else the team, that most of its findings are.
    #[must_use]
    pub fn owner(&self) -> Option<&str> {
        self.assignee_name.as_deref().or(self.team_name.as_deref())
    }
}

/// What a fix closes of one check.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct FixCheck {
    pub check_id: String,
    pub findings: i64,
    pub loss: i64,
}

/// One fix, if it is there: one that closes nothing any more may be gone.
///
/// # Errors
/// When the database does not answer.
pub async fn find(tx: &mut TenantTx, fix: FixId) -> Result<Option<FixRow>, StoreError> {
    let row = sqlx::query_as(fix_rows!("", "fixes f", "where f.tenant_id = $1 and f.fix_id = $2"))
        .bind(tx.tenant().0)
        .bind(fix.0)
        .fetch_optional(tx.conn())
        .await?;
    Ok(row)
}

/// One fix.
///
/// # Errors
/// [`StoreError::NotFound`] when this tenant has none of that id.
pub async fn get(tx: &mut TenantTx, fix: FixId) -> Result<FixRow, StoreError> {
    find(tx, fix).await?.ok_or(StoreError::NotFound)
}

/// These fixes, as far as they are there, in the recommended order.
///
/// # Errors
/// When the database does not answer.
pub async fn these(tx: &mut TenantTx, fixes: &[FixId]) -> Result<Vec<FixRow>, StoreError> {
    let rows = sqlx::query_as(fix_rows!(
        "",
        "fixes f",
        "where f.tenant_id = $1 and f.fix_id = any($2) order by f.rank desc, f.fix_id"
    ))
    .bind(tx.tenant().0)
    .bind(fixes.iter().map(|fix| fix.0).collect::<Vec<_>>())
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}

/// What a fix closes, by check, most findings first.
///
/// # Errors
/// When the database does not answer.
pub async fn checks(tx: &mut TenantTx, fix: FixId) -> Result<Vec<FixCheck>, StoreError> {
    let rows = sqlx::query_as(
        "select check_id, findings, loss from fix_checks
         where tenant_id = $1 and fix_id = $2 and findings > 0 order by loss desc, check_id",
    )
    .bind(tx.tenant().0)
    .bind(fix.0)
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}

/// How many workloads run the images that a fix mends.
///
/// # Errors
/// When the database does not answer.
pub async fn runners(tx: &mut TenantTx, fix: FixId) -> Result<i64, StoreError> {
    let count = sqlx::query_scalar(
        "with mended as (
             select distinct resource_id from findings where tenant_id = $1 and fix_id = $2 and state = 'open'
         )
         select count(distinct w.resource_id)
         from mended m
         join resources i on i.tenant_id = $1 and i.resource_id = m.resource_id and i.kind = 'image'
         join edges e on e.tenant_id = $1 and e.to_uid = i.uid and e.relation = 'image'
         join resources w on w.tenant_id = $1 and w.resource_id = e.from_id and w.retired_at is null
             and w.kind = any($3)",
    )
    .bind(tx.tenant().0)
    .bind(fix.0)
    .bind(WORKLOADS)
    .fetch_one(tx.conn())
    .await?;
    Ok(count)
}

/// A resource that a fix mends, as a remediation has to know it.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct FixSubject {
    pub check_id: String,
    pub kind: String,
    pub uid: String,
    pub name: String,
    pub account: String,
    pub region: String,
    /// Of a workload: its kind and its containers.
    pub attributes: Option<Value>,
    /// What the check saw of it.
    pub observed: Value,
}

/// The resources that a fix mends, by check: those of the forty greatest risks of each, a resource once a check.
///
/// # Errors
/// When the database does not answer.
pub async fn subjects(tx: &mut TenantTx, fix: FixId) -> Result<Vec<FixSubject>, StoreError> {
    let rows = sqlx::query_as(
        "with first as (
             select distinct on (c.check_id, f.resource_id) c.check_id, f.resource_id, f.observed, f.risk
             from fix_checks c
             cross join lateral (
                 select resource_id, observed, risk from findings f
                 where f.tenant_id = $1 and f.fix_id = $2 and f.state = 'open' and f.check_id = c.check_id
                 order by f.risk desc, f.finding_id limit 40
             ) f
             where c.tenant_id = $1 and c.fix_id = $2
             order by c.check_id, f.resource_id, f.risk desc
         )
         select n.check_id, r.kind, r.uid, r.name, r.account, r.region, n.observed,
             case when r.kind = 'kubernetes.workload' then jsonb_build_object('kind', r.attributes -> 'kind', 'template',
                 jsonb_build_object('spec', jsonb_build_object('containers', r.attributes #> '{template,spec,containers}')))
             end as attributes
         from first n join resources r on r.tenant_id = $1 and r.resource_id = n.resource_id
         order by n.check_id, n.risk desc, r.resource_id",
    )
    .bind(tx.tenant().0)
    .bind(fix.0)
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}

/// Somebody whose fixes there may be.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Owner {
    pub person_id: Uuid,
    pub name: String,
}

impl Owner {
    #[must_use]
    pub fn id(&self) -> PersonId {
        PersonId(self.person_id)
    }
}

/// The members of the tenant, by name: those whose a fix may be.
///
/// # Errors
/// When the database does not answer.
pub async fn owners(tx: &mut TenantTx) -> Result<Vec<Owner>, StoreError> {
    let rows = sqlx::query_as(
        "select m.person_id, p.name from members m join people p on p.person_id = m.person_id
         where m.tenant_id = $1 order by lower(p.name), m.person_id",
    )
    .bind(tx.tenant().0)
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}
