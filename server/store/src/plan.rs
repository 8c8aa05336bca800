//! Plans: what there is to plan with, and plans that are kept.

mod within;

pub use within::{Within, candidates, losses};

use crate::door::TenantTx;
use crate::error::StoreError;
use crate::fix::{FixRow, fix_rows};
use chrono::{DateTime, NaiveDate, Utc};
use plumbline_core::id::{FixId, Mint, PersonId, PlanId};
use plumbline_core::score::Losses;
use std::collections::BTreeMap;
use uuid::Uuid;

/// How many fixes a plan is made of at most, and how many it is chosen from.
pub const MOST: i64 = 2000;

/// What fixes take, by check.
pub type Removals = BTreeMap<FixId, Losses>;

/// What these fixes take.
///
/// # Errors
/// When the database does not answer.
pub async fn removals(tx: &mut TenantTx, fixes: &[FixId]) -> Result<Removals, StoreError> {
    let rows: Vec<(Uuid, String, i64)> =
        sqlx::query_as("select fix_id, check_id, loss from fix_checks where tenant_id = $1 and fix_id = any($2)")
            .bind(tx.tenant().0)
            .bind(fixes.iter().map(|fix| fix.0).collect::<Vec<_>>())
            .fetch_all(tx.conn())
            .await?;
    Ok(by_fix(rows))
}

fn by_fix(rows: Vec<(Uuid, String, i64)>) -> Removals {
    let mut removals = Removals::new();
    for (fix, check, loss) in rows {
        removals.entry(FixId(fix)).or_default().insert(check, loss);
    }
    removals
}

/// A plan to be kept.
#[derive(Debug)]
pub struct NewPlan<'a> {
    pub name: &'a str,
    pub part: &'a str,
    pub target: i16,
    pub due: NaiveDate,
    pub score_then: f64,
    pub score_planned: f64,
    pub at_least: i32,
    /// In the order in which they gain most.
    pub fixes: &'a [FixId],
    pub made_by: PersonId,
}

/// Keeps a plan.
///
/// # Errors
/// When the database does not answer.
pub async fn keep(tx: &mut TenantTx, new: &NewPlan<'_>, mint: &Mint) -> Result<PlanId, StoreError> {
    let id = PlanId::mint(mint);
    sqlx::query(
        "insert into plans (tenant_id, plan_id, name, part, target, due, score_then, score_planned, at_least, made_by, made_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
    )
    .bind(tx.tenant().0)
    .bind(id.0)
    .bind(new.name)
    .bind(new.part)
    .bind(new.target)
    .bind(new.due)
    .bind(new.score_then)
    .bind(new.score_planned)
    .bind(new.at_least)
    .bind(new.made_by.0)
    .bind(mint.now())
    .execute(tx.conn())
    .await?;
    sqlx::query(
        "insert into plan_fixes (tenant_id, plan_id, fix_id, place)
         select $1, $2, fix_id, place from unnest($3::uuid[]) with ordinality as f (fix_id, place)",
    )
    .bind(tx.tenant().0)
    .bind(id.0)
    .bind(new.fixes.iter().map(|fix| fix.0).collect::<Vec<_>>())
    .execute(tx.conn())
    .await?;
    Ok(id)
}

/// A plan as it was kept, with how far it has come.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct PlanRow {
    pub plan_id: Uuid,
    pub name: String,
    pub part: String,
    pub target: i16,
    pub due: NaiveDate,
    pub score_then: f64,
    pub score_planned: f64,
    pub at_least: i32,
    pub made_by: Option<String>,
    pub made_at: DateTime<Utc>,
    pub fixes: i64,
    /// Of those, the ones of which nothing is open any more.
    pub done: i64,
}

macro_rules! plan_rows {
    ($rest:literal) => {
        concat!(
            "select l.plan_id, l.name, l.part, l.target, l.due, l.score_then, l.score_planned, l.at_least,
                 (select p.name from members m join people p on p.person_id = m.person_id
                  where m.tenant_id = $1 and m.person_id = l.made_by) as made_by, l.made_at, n.fixes, n.done
             from plans l
             cross join lateral (
                 select count(*) as fixes, count(*) filter (where coalesce(f.open_findings, 0) = 0) as done
                 from plan_fixes x left join fixes f on f.tenant_id = $1 and f.fix_id = x.fix_id
                 where x.tenant_id = $1 and x.plan_id = l.plan_id
             ) n
             where l.tenant_id = $1 ",
            $rest
        )
    };
}

/// The plans that were made last, newest first; at most twenty.
///
/// # Errors
/// When the database does not answer.
pub async fn latest(tx: &mut TenantTx) -> Result<Vec<PlanRow>, StoreError> {
    let rows = sqlx::query_as(plan_rows!("order by l.made_at desc, l.plan_id limit 20"))
        .bind(tx.tenant().0)
        .fetch_all(tx.conn())
        .await?;
    Ok(rows)
}

/// One plan.
///
/// # Errors
/// [`StoreError::NotFound`] when this tenant has none of that id.
pub async fn get(tx: &mut TenantTx, plan: PlanId) -> Result<PlanRow, StoreError> {
    let row = sqlx::query_as(plan_rows!("and l.plan_id = $2"))
        .bind(tx.tenant().0)
        .bind(plan.0)
        .fetch_optional(tx.conn())
        .await?;
    row.ok_or(StoreError::NotFound)
}

/// The fixes of a plan that are there still, in its order.
///
/// # Errors
/// When the database does not answer.
pub async fn fixes(tx: &mut TenantTx, plan: PlanId) -> Result<Vec<FixRow>, StoreError> {
    let rows = sqlx::query_as(fix_rows!(
        "",
        "plan_fixes x join fixes f on f.tenant_id = $1 and f.fix_id = x.fix_id",
        "where x.tenant_id = $1 and x.plan_id = $2 order by x.place"
    ))
    .bind(tx.tenant().0)
    .bind(plan.0)
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}

/// Forgets a plan.
///
/// # Errors
/// [`StoreError::NotFound`] when this tenant has none of that id.
pub async fn remove(tx: &mut TenantTx, plan: PlanId) -> Result<(), StoreError> {
    sqlx::query("delete from plan_fixes where tenant_id = $1 and plan_id = $2")
        .bind(tx.tenant().0)
        .bind(plan.0)
        .execute(tx.conn())
        .await?;
    let done = sqlx::query("delete from plans where tenant_id = $1 and plan_id = $2")
        .bind(tx.tenant().0)
        .bind(plan.0)
        .execute(tx.conn())
        .await?;
    if done.rows_affected() == 0 { Err(StoreError::NotFound) } else { Ok(()) }
}

/// The most overdue findings of fixes that are counted.
pub const MOST_OVERDUE: i64 = 10_000;

/// How many open findings of these fixes should have been closed by now; [`MOST_OVERDUE`] stands for more.
///
/// # Errors
/// When the database does not answer.
pub async fn overdue(tx: &mut TenantTx, fixes: &[FixId], now: DateTime<Utc>) -> Result<i64, StoreError> {
    let count = sqlx::query_scalar(
        "select count(*) from (
             select 1 from fixes x join findings f on f.tenant_id = $1 and f.fix_id = x.fix_id and f.state = 'open'
             where x.tenant_id = $1 and x.fix_id = any($2) and x.due_at < $3 and f.due_at < $3 limit $4
         ) late",
    )
    .bind(tx.tenant().0)
    .bind(fixes.iter().map(|fix| fix.0).collect::<Vec<_>>())
    .bind(now)
    .bind(MOST_OVERDUE)
    .fetch_one(tx.conn())
    .await?;
    Ok(count)
}
