//! By when findings are to be fixed, and which are late.

use crate::door::TenantTx;
use crate::error::StoreError;
use chrono::{DateTime, TimeDelta, Utc};
use plumbline_core::risk::Exposure;
use plumbline_core::triage::sla::Policy;
use plumbline_core::verdict::Severity;
use std::collections::BTreeMap;
use uuid::Uuid;

/// Findings that one transaction gives their due dates.
const BATCH: i64 = 50_000;
/// The most that a preview counts.
const MOST: i64 = 10_000;

/// A policy as parameters of a statement.
pub(crate) struct Days {
    pub(crate) severities: Vec<&'static str>,
    pub(crate) exposures: Vec<&'static str>,
    pub(crate) days: Vec<Option<i32>>,
}

impl Days {
    pub(crate) fn of(policy: &Policy) -> Self {
        let terms = policy.terms();
        Self {
            severities: terms.iter().map(|term| term.severity.as_str()).collect(),
            exposures: terms.iter().map(|term| term.exposure.as_str()).collect(),
            days: terms.iter().map(|term| term.days).collect(),
        }
    }

    /// The tenant's, as it holds now.
    pub(crate) async fn read(tx: &mut TenantTx) -> Result<Self, StoreError> {
        Ok(Self::of(&policy(tx).await?))
    }
}

/// The tenant's policy; the core's as long as it has none.
///
/// # Errors
/// When the database does not answer.
pub async fn policy(tx: &mut TenantTx) -> Result<Policy, StoreError> {
    let rows: Vec<(String, String, Option<i32>)> =
        sqlx::query_as("select severity, exposure, days from sla_policies where tenant_id = $1")
            .bind(tx.tenant().0)
            .fetch_all(tx.conn())
            .await?;
    if rows.is_empty() {
        return Ok(Policy::default());
    }
    let days: BTreeMap<(String, String), Option<i32>> =
        rows.into_iter().map(|(severity, exposure, days)| ((severity, exposure), days)).collect();
    let of = |severity: Severity, exposure: Exposure| {
        days.get(&(severity.as_str().to_owned(), exposure.as_str().to_owned())).copied().flatten()
    };
    Ok(Policy::of(of))
}

/// Keeps another policy. [`apply_due`] gives what is open its due date by it.
///
/// # Errors
/// When the database does not answer.
pub async fn keep_policy(tx: &mut TenantTx, policy: &Policy) -> Result<(), StoreError> {
    let days = Days::of(policy);
    sqlx::query(
        "insert into sla_policies (tenant_id, severity, exposure, days)
         select $1, * from unnest($2::text[], $3::text[], $4::int[])
         on conflict (tenant_id, severity, exposure) do update set days = excluded.days",
    )
    .bind(tx.tenant().0)
    .bind(days.severities)
    .bind(days.exposures)
    .bind(days.days)
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// What another policy would do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Preview {
    /// Findings that are in time now and would be late; at most `MOST` are counted.
    pub late: i64,
    /// Whether there are more.
    pub more: bool,
}

/// How many findings would be late by another policy that are not now. Reads the part of the ranking by due date that
/// becomes late, and no more of it than it counts.
///
/// # Errors
/// When the database does not answer.
pub async fn preview_policy(tx: &mut TenantTx, next: &Policy, now: DateTime<Utc>) -> Result<Preview, StoreError> {
    let current = policy(tx).await?;
    let mut late = 0;
    for (was, is) in current.terms().iter().zip(next.terms()) {
        let Some(days) = is.days.filter(|days| was.days.is_none_or(|was| *days < was)) else { continue };
        let sooner = was.days.map(|was| now + TimeDelta::days(i64::from(was - days)));
        let found: i64 = sqlx::query_scalar(
            "select count(*) from (
                 select from findings f
                 where f.tenant_id = $1 and f.state = 'open' and not f.due_by_hand and f.severity = $2 and f.exposure = $3
                   and ($6::timestamptz is null and f.due_at is null or f.due_at > $4 and f.due_at <= $6)
                   and due_after(coalesce(f.due_from, f.opened_at), $5) <= $4
                 limit $7
             ) late",
        )
        .bind(tx.tenant().0)
        .bind(is.severity.as_str())
        .bind(is.exposure.as_str())
        .bind(now)
        .bind(days)
        .bind(sooner)
        .bind(MOST + 1 - late)
        .fetch_one(tx.conn())
        .await?;
        late += found;
        if late > MOST {
            return Ok(Preview { late: MOST, more: true });
        }
    }
    Ok(Preview { late, more: false })
}

/// Gives the next open findings the due date of the policy, except where a person set one. Returns after which finding the
/// next batch begins; none when all are done. The caller holds [`crate::reconcile::lock`].
///
/// # Errors
/// When the database does not answer.
pub async fn apply_due(tx: &mut TenantTx, after: Uuid) -> Result<Option<Uuid>, StoreError> {
    let days = Days::read(tx).await?;
    let last: Option<Uuid> = sqlx::query_scalar(
        "select finding_id from findings where tenant_id = $1 and finding_id > $2 order by finding_id offset $3 limit 1",
    )
    .bind(tx.tenant().0)
    .bind(after)
    .bind(BATCH - 1)
    .fetch_optional(tx.conn())
    .await?;
    sqlx::query(
        "update findings f set due_at = due_after(coalesce(f.due_from, f.opened_at), p.days)
         from unnest($4::text[], $5::text[], $6::int[]) as p (severity, exposure, days)
         where f.tenant_id = $1 and f.finding_id > $2 and f.finding_id <= $3 and f.state = 'open' and not f.due_by_hand
           and p.severity = f.severity and p.exposure = f.exposure
           and f.due_at is distinct from due_after(coalesce(f.due_from, f.opened_at), p.days)",
    )
    .bind(tx.tenant().0)
    .bind(after)
    .bind(last.unwrap_or(Uuid::max()))
    .bind(days.severities)
    .bind(days.exposures)
    .bind(days.days)
    .execute(tx.conn())
    .await?;
    Ok(last)
}

/// How many open findings of a team and severity are late, and how many will be within a week.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Breach {
    /// None for findings of no team.
    pub team_id: Option<Uuid>,
    pub team: Option<String>,
    pub severity: String,
    pub late: i64,
    pub soon: i64,
}

/// Late and soon due findings, by team and severity; from sums.
///
/// # Errors
/// When the database does not answer.
pub async fn breaches(tx: &mut TenantTx, now: DateTime<Utc>) -> Result<Vec<Breach>, StoreError> {
    let rows = sqlx::query_as(
        "select t.team_id, t.name as team, c.severity, c.late, c.soon from (
             select team_id, severity, coalesce(sum(findings) filter (where due_at <= $2), 0)::bigint as late,
                 coalesce(sum(findings) filter (where due_at > $2), 0)::bigint as soon
             from due_counts where tenant_id = $1 and due_at <= $3 group by team_id, severity
         ) c left join teams t on t.tenant_id = $1 and t.team_id = c.team_id
         where c.late > 0 or c.soon > 0
         order by t.name is null, lower(t.name), array_position(array['critical', 'high', 'medium', 'low'], c.severity)",
    )
    .bind(tx.tenant().0)
    .bind(now)
    .bind(now + TimeDelta::days(7))
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}

/// How many open findings are late; from sums.
///
/// # Errors
/// When the database does not answer.
pub async fn overdue(tx: &mut TenantTx, now: DateTime<Utc>) -> Result<i64, StoreError> {
    let late = sqlx::query_scalar(
        "select coalesce(sum(findings), 0)::bigint from due_counts where tenant_id = $1 and due_at <= $2",
    )
    .bind(tx.tenant().0)
    .bind(now)
    .fetch_one(tx.conn())
    .await?;
    Ok(late)
}

/// A finding with its due date.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct DueRow {
    pub finding_id: Uuid,
    pub check_id: String,
    pub subject: String,
    pub severity: String,
    pub stage: String,
    pub risk: i16,
    pub resource_name: String,
    pub due_at: DateTime<Utc>,
    pub team: Option<String>,
    pub assignee: Option<String>,
}

/// The fifty open findings that are due first, up to a week from now.
///
/// # Errors
/// When the database does not answer.
pub async fn due_first(tx: &mut TenantTx, now: DateTime<Utc>) -> Result<Vec<DueRow>, StoreError> {
    let rows = sqlx::query_as(
        "with first as (
             select finding_id from findings where tenant_id = $1 and state = 'open' and due_at <= $2
             order by due_at, finding_id limit 50
         )
         select f.finding_id, f.check_id, f.subject, f.severity, f.stage, f.risk, r.name as resource_name, f.due_at,
             t.name as team, p.name as assignee
         from first x
         join findings f on f.tenant_id = $1 and f.finding_id = x.finding_id
         join resources r on r.tenant_id = $1 and r.resource_id = f.resource_id
         left join teams t on t.tenant_id = $1 and t.team_id = f.team_id
         left join people p on p.person_id = f.assignee_id
         order by f.due_at, f.finding_id",
    )
    .bind(tx.tenant().0)
    .bind(now + TimeDelta::days(7))
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}
