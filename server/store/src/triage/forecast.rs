//! What other terms would make of due dates, and what is taken off by fixes and exceptions of a draft.

use super::sla::{Days, policy};
use crate::door::TenantTx;
use crate::error::StoreError;
use crate::exception::covered_by;
use chrono::{DateTime, TimeDelta, Utc};
use plumbline_core::filter::Terms;
use plumbline_core::id::{FindingId, FixId};
use plumbline_core::triage::sla::Policy;
use std::collections::BTreeSet;
use uuid::Uuid;

/// The most findings of fixes, and of exceptions, that are taken off.
pub const MOST_TAKEN: i64 = 20_000;

/// Open findings of a team that are late, and that are due within a week and within thirty days; today, and by other terms.
#[derive(Debug, Clone, Default, PartialEq, Eq, sqlx::FromRow)]
pub struct Forecast {
    /// None for findings of no team.
    pub team: Option<String>,
    pub late: i64,
    pub week: i64,
    pub month: i64,
    pub late_then: i64,
    pub week_then: i64,
    pub month_then: i64,
}

/// What is taken off by a draft, and whether that is all of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TakenOff {
    pub findings: Vec<FindingId>,
    /// No more than [`MOST_TAKEN`] were looked at.
    pub cut: bool,
}

/// The open findings that fixes close and lines of exceptions leave, each once: [`MOST_TAKEN`] of either at most.
///
/// # Errors
/// When the database does not answer.
pub async fn taken_off(
    tx: &mut TenantTx,
    terms: &Terms,
    fixes: &[FixId],
    lines: &[String],
) -> Result<TakenOff, StoreError> {
    let mut findings = covered_by(tx, terms, lines, MOST_TAKEN + 1).await?;
    let fixed: Vec<Uuid> = sqlx::query_scalar(
        "select finding_id from findings where tenant_id = $1 and fix_id = any($2) and state = 'open' limit $3",
    )
    .bind(tx.tenant().0)
    .bind(fixes.iter().map(|fix| fix.0).collect::<Vec<_>>())
    .bind(MOST_TAKEN + 1)
    .fetch_all(tx.conn())
    .await?;
    let most = usize::try_from(MOST_TAKEN).unwrap_or(usize::MAX);
    let cut = findings.len() > most || fixed.len() > most;
    findings.truncate(most);
    let findings: BTreeSet<Uuid> = findings.into_iter().chain(fixed.into_iter().take(most)).collect();
    Ok(TakenOff { findings: findings.into_iter().map(FindingId).collect(), cut })
}

/// How many findings of each team are late and soon due, and would be by other terms with these taken off; from sums. A
/// term that stays as it is moves nothing. Teams by name, nobody's last; those of which nothing is due within thirty days in either case are left out.
///
/// # Errors
/// When the database does not answer.
pub async fn forecast(
    tx: &mut TenantTx,
    next: &Policy,
    taken: &[FindingId],
    now: DateTime<Utc>,
) -> Result<Vec<Forecast>, StoreError> {
    let days = Days::of(next);
    let changed: Vec<bool> =
        policy(tx).await?.terms().iter().zip(next.terms()).map(|(was, is)| was.days != is.days).collect();
    let rows = sqlx::query_as(
        "with dated as (
             select team_id, severity, exposure, since, due_at, findings, findings as today from due_counts
             where tenant_id = $1 and findings <> 0
             union all
             select coalesce(f.team_id, '00000000-0000-0000-0000-000000000000'), f.severity, f.exposure,
                 case when f.due_by_hand then '-infinity' else (coalesce(f.due_from, f.opened_at) at time zone 'UTC')::date end,
                 coalesce(f.due_at, 'infinity'), -count(*), 0
             from unnest($8::uuid[]) as x (finding_id)
             join findings f on f.tenant_id = $1 and f.finding_id = x.finding_id and f.state = 'open'
             group by 1, 2, 3, 4, 5
         ), moved as (
             select d.team_id, d.findings, d.today, d.due_at,
                 case when d.since = '-infinity' or not p.changed then d.due_at
                     else coalesce(due_after(d.since::timestamp at time zone 'UTC', p.days), 'infinity') end as due_then
             from dated d join unnest($2::text[], $3::text[], $4::int[], $9::bool[])
                 as p (severity, exposure, days, changed)
                 on p.severity = d.severity and p.exposure = d.exposure
         ), sums as (
             select team_id,
                 coalesce(sum(today) filter (where due_at <= $5), 0)::bigint as late,
                 coalesce(sum(today) filter (where due_at > $5 and due_at <= $6), 0)::bigint as week,
                 coalesce(sum(today) filter (where due_at > $5 and due_at <= $7), 0)::bigint as month,
                 coalesce(sum(findings) filter (where due_then <= $5), 0)::bigint as late_then,
                 coalesce(sum(findings) filter (where due_then > $5 and due_then <= $6), 0)::bigint as week_then,
                 coalesce(sum(findings) filter (where due_then > $5 and due_then <= $7), 0)::bigint as month_then
             from moved group by team_id
         )
         select t.name as team, s.late, s.week, s.month, s.late_then, s.week_then, s.month_then
         from sums s left join teams t on t.tenant_id = $1 and t.team_id = s.team_id
         where s.late <> 0 or s.month <> 0 or s.late_then <> 0 or s.month_then <> 0
         order by t.name is null, lower(t.name)",
    )
    .bind(tx.tenant().0)
    .bind(days.severities)
    .bind(days.exposures)
    .bind(days.days)
    .bind(now)
    .bind(now + TimeDelta::days(7))
    .bind(now + TimeDelta::days(30))
    .bind(taken.iter().map(|finding| finding.0).collect::<Vec<_>>())
    .bind(changed)
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}

/// Forgets sums of nothing, which due dates that passed leave behind.
///
/// # Errors
/// When the database does not answer.
pub async fn forget_empty_sums(tx: &mut TenantTx) -> Result<(), StoreError> {
    sqlx::query("delete from due_counts where tenant_id = $1 and findings = 0")
        .bind(tx.tenant().0)
        .execute(tx.conn())
        .await?;
    Ok(())
}
