//! From decisions to findings and numbers.
//!
//! Two temporary tables say what moved: `turned` (verdicts that differ from those stored) and `moved` (findings whose state,
//! weight or content differs, with how they were and how they are). Every number is brought up to date from these two,
//! so nothing is counted that did not move.

use crate::door::TenantTx;
use crate::error::StoreError;
use chrono::{DateTime, TimeDelta, Utc};
use plumbline_core::id::{RunId, SourceId};
use plumbline_core::score::{Losses, Weighing, score};
use serde_json::{Map, Value, json};
use sqlx::types::Json;
use std::collections::BTreeMap;
use uuid::Uuid;

/// Why the score moved. In the order in which changes are attributed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cause {
    /// Our own content changed: a check, a weight.
    Ours,
    NewResource,
    NewVulnerability,
    NewFailure,
    Fixed,
    Exception,
    /// A source was disconnected, and what it saw no longer counts.
    Disconnected,
    /// The tenant allows something else, or what is known to be bad was listed or is no longer.
    Rules,
}

impl Cause {
    const ALL: [Self; 8] = [
        Self::Ours,
        Self::NewResource,
        Self::NewVulnerability,
        Self::NewFailure,
        Self::Fixed,
        Self::Exception,
        Self::Disconnected,
        Self::Rules,
    ];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ours => "ours",
            Self::NewResource => "new_resource",
            Self::NewVulnerability => "new_vulnerability",
            Self::NewFailure => "new_failure",
            Self::Fixed => "fixed",
            Self::Exception => "exception",
            Self::Disconnected => "disconnected",
            Self::Rules => "rules",
        }
    }
}

/// What a reconcile did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Settled {
    pub opened: i64,
    pub reopened: i64,
    pub resolved: i64,
    /// Findings that weigh more or less than they did.
    pub weighed: i64,
    /// Verdicts that are not what they were.
    pub turned: i64,
}

/// Settles what was decided in this transaction for one source.
///
/// `ours` tells that the source was last evaluated with another version of the content, `sight_changed` that scopes came
/// into sight or went out of it, which moves the coverage.
///
/// # Errors
/// When the database does not answer.
pub async fn settle(
    tx: &mut TenantTx,
    source: SourceId,
    run: Option<RunId>,
    weighing: &Weighing,
    ours: bool,
    sight_changed: bool,
    now: DateTime<Utc>,
) -> Result<Settled, StoreError> {
    settle_why(tx, source, weighing, Why { run, ours, sight_changed, ruled: &[] }, now).await
}

/// The same after a change of rules: what moved by the checks that look at these moved because of it.
///
/// # Errors
/// When the database does not answer.
pub async fn settle_rules(
    tx: &mut TenantTx,
    source: SourceId,
    weighing: &Weighing,
    ruled: &[String],
    sight_changed: bool,
    now: DateTime<Utc>,
) -> Result<Settled, StoreError> {
    settle_why(tx, source, weighing, Why { run: None, ours: false, sight_changed, ruled }, now).await
}

/// Why there is something to settle.
struct Why<'a> {
    run: Option<RunId>,
    ours: bool,
    sight_changed: bool,
    /// Checks of which the rules that they look at changed.
    ruled: &'a [String],
}

async fn settle_why(
    tx: &mut TenantTx,
    source: SourceId,
    weighing: &Weighing,
    why: Why<'_>,
    now: DateTime<Utc>,
) -> Result<Settled, StoreError> {
    let Why { run, ours, sight_changed, ruled } = why;
    let at = instant(tx, now).await?;
    // A small sample of the columns that are joined is enough for a plan; one of everything takes longer than the joins.
    sqlx::query("set local default_statistics_target = 10").execute(tx.conn()).await?;
    // And the joins are done in memory: what is decided in one run is some tens of megabytes.
    sqlx::query("set local work_mem = '64MB'").execute(tx.conn()).await?;
    sqlx::query("analyze decided (resource_id, check_id, verdict, finding_id)").execute(tx.conn()).await?;
    sqlx::query("analyze failures (resource_id, check_id, finding_id)").execute(tx.conn()).await?;
    let mut turned = turn(tx, source, now).await?;
    find_moved(tx, source, ours, now).await?;
    if !ruled.is_empty() {
        sqlx::query("update moved set cause = 'rules' where check_id = any($1)").bind(ruled).execute(tx.conn()).await?;
    }
    if ours {
        turned += retire_checks(tx, source, weighing).await?;
    }
    write_verdicts(tx, source, now).await?;
    let mut settled = settle_moved(tx, run, None, weighing, at).await?;
    settled.turned = turned;
    let settled_any = Settled { turned: 0, ..settled } != Settled::default();
    if turned > 0 || sight_changed || settled_any || (ours && is_new_version(tx, weighing).await?) {
        posture(tx, run, weighing, at).await?;
    }
    sqlx::query("drop table moved, turned").execute(tx.conn()).await?;
    Ok(settled)
}

/// Takes a disconnected source out of the posture: its resources retire, and its findings with them. The ledger says that
/// this is why the score moved. The caller holds [`super::lock`].
///
/// # Errors
/// When the database does not answer.
pub async fn disconnect(
    tx: &mut TenantTx,
    source: SourceId,
    weighing: &Weighing,
    now: DateTime<Utc>,
) -> Result<Settled, StoreError> {
    let at = instant(tx, now).await?;
    for retire in [
        "update resources set retired_at = $3 where tenant_id = $1 and source_id = $2 and retired_at is null",
        "update check_states set blind_scopes = 0
         where tenant_id = $1 and source_id = $2 and blind_scopes > 0 and $3::timestamptz is not null",
    ] {
        sqlx::query(retire).bind(tx.tenant().0).bind(source.0).bind(now).execute(tx.conn()).await?;
    }
    sqlx::query("delete from resource_counts where tenant_id = $1 and source_id = $2")
        .bind(tx.tenant().0)
        .bind(source.0)
        .execute(tx.conn())
        .await?;
    super::open_decisions(tx).await?;
    let turned = turn(tx, source, now).await?;
    write_verdicts(tx, source, now).await?;
    find_moved(tx, source, false, now).await?;
    sqlx::query("update moved set cause = 'disconnected'").execute(tx.conn()).await?;
    let mut settled = settle_moved(tx, None, None, weighing, at).await?;
    settled.turned = turned;
    posture(tx, None, weighing, at).await?;
    sqlx::query("drop table moved, turned, decided, failures").execute(tx.conn()).await?;
    Ok(settled)
}

/// The instant of this reconcile: now, but later than the last one, so that history has one order.
pub(super) async fn instant(tx: &mut TenantTx, now: DateTime<Utc>) -> Result<DateTime<Utc>, StoreError> {
    let (last,): (Option<DateTime<Utc>>,) = sqlx::query_as("select max(at) from postures where tenant_id = $1")
        .bind(tx.tenant().0)
        .fetch_one(tx.conn())
        .await?;
    Ok(last.map_or(now, |last| now.max(last + TimeDelta::microseconds(1))))
}

/// Verdicts that differ from those stored, and those of resources that are gone.
async fn turn(tx: &mut TenantTx, source: SourceId, now: DateTime<Utc>) -> Result<i64, StoreError> {
    let done = sqlx::query(
        "create temporary table turned on commit drop as
         select d.resource_id, d.check_id, v.verdict as was, d.verdict as \"is\", d.missing, d.message
         from decided d left join verdicts v
             on v.tenant_id = $1 and v.resource_id = d.resource_id and v.check_id = d.check_id
         where v.verdict is null or v.verdict <> d.verdict or v.missing is distinct from d.missing
             or v.message <> d.message
         union all
         select v.resource_id, v.check_id, v.verdict, null, null, ''
         from resources r join verdicts v on v.tenant_id = r.tenant_id and v.resource_id = r.resource_id
         where r.tenant_id = $1 and r.source_id = $2 and r.retired_at = $3",
    )
    .bind(tx.tenant().0)
    .bind(source.0)
    .bind(now)
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected().cast_signed())
}

async fn write_verdicts(tx: &mut TenantTx, source: SourceId, now: DateTime<Utc>) -> Result<(), StoreError> {
    let tenant = tx.tenant().0;
    sqlx::query(
        "insert into verdicts (tenant_id, resource_id, check_id, verdict, since, missing, message)
         select $1, resource_id, check_id, \"is\", $2, missing, message from turned where \"is\" is not null
         order by resource_id, check_id
         on conflict (tenant_id, resource_id, check_id) do update set
             since = case when verdicts.verdict = excluded.verdict then verdicts.since else excluded.since end,
             verdict = excluded.verdict, missing = excluded.missing, message = excluded.message",
    )
    .bind(tenant)
    .bind(now)
    .execute(tx.conn())
    .await?;
    sqlx::query(
        "delete from verdicts v using turned t
         where v.tenant_id = $1 and t.\"is\" is null and v.resource_id = t.resource_id and v.check_id = t.check_id",
    )
    .bind(tenant)
    .execute(tx.conn())
    .await?;
    sqlx::query(
        "insert into check_states (tenant_id, check_id, source_id, passed, failed, unknown, not_applicable)
         select $1, check_id, $2, sum(n) filter (where verdict = 'pass'), sum(n) filter (where verdict = 'fail'),
             sum(n) filter (where verdict = 'unknown'), sum(n) filter (where verdict = 'not_applicable')
         from (
             select check_id, was as verdict, -1 as n from turned where was is not null
             union all
             select check_id, \"is\", 1 from turned where \"is\" is not null
             union all
             select check_id, unnest(array['pass', 'fail', 'unknown', 'not_applicable']), 0 from turned
         ) changes
         group by check_id
         on conflict (tenant_id, check_id, source_id) do update set
             passed = check_states.passed + excluded.passed, failed = check_states.failed + excluded.failed,
             unknown = check_states.unknown + excluded.unknown,
             not_applicable = check_states.not_applicable + excluded.not_applicable",
    )
    .bind(tenant)
    .bind(source.0)
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Findings that are not what they were: failing anew, weighing or showing something else, no longer failing, or gone with
/// their resource.
async fn find_moved(tx: &mut TenantTx, source: SourceId, ours: bool, now: DateTime<Utc>) -> Result<(), StoreError> {
    sqlx::query(
        "create temporary table moved on commit drop as
         select d.finding_id, d.check_id, d.resource_id, $2::uuid as source_id,
             f.state as was, case when f.state = 'accepted' then 'accepted' else 'open' end as \"is\",
             f.loss as was_loss, d.loss, f.exposure as was_exposure, d.exposure, f.criticality as was_criticality,
             d.criticality, f.account as was_account, d.account, f.region as was_region, d.region,
             f.fix_id as was_fix, d.fix_id, d.fix_key, d.fix_target, d.severity, d.risk, d.observed, d.message, d.subject,
             case when r.first_seen = $4 then 'new_resource'
                  when $3 and r.changed_at <> $4 then 'ours'
                  when f.state in ('open', 'accepted') and d.loss < f.loss then 'fixed'
                  when d.subject <> '' then 'new_vulnerability'
                  else 'new_failure' end as cause
         from (
             select *, '' as subject from decided where verdict = 'fail' and finding_id is not null
             union all
             select * from failures
         ) d
         join resources r on r.tenant_id = $1 and r.resource_id = d.resource_id
         left join findings f on f.tenant_id = $1 and f.finding_id = d.finding_id
         where (f.finding_id is null or f.state = 'resolved' or f.loss <> d.loss
             or f.exposure <> d.exposure or f.criticality <> d.criticality or f.account <> d.account
             or f.region <> d.region or f.fix_id <> d.fix_id or f.severity <> d.severity
             or f.observed <> d.observed or f.message <> d.message)
         union all
         select f.finding_id, f.check_id, f.resource_id, f.source_id, f.state, 'resolved', f.loss, f.loss,
             f.exposure, f.exposure, f.criticality, f.criticality, f.account, f.account, f.region, f.region,
             f.fix_id, f.fix_id, null, null, f.severity, f.risk, f.observed, f.message, f.subject,
             case when $3 and r.changed_at <> $4 then 'ours' else 'fixed' end
         from decided d
         join findings f on f.tenant_id = $1 and f.resource_id = d.resource_id and f.check_id = d.check_id
         join resources r on r.tenant_id = $1 and r.resource_id = d.resource_id
         where f.state <> 'resolved' and (d.verdict in ('pass', 'not_applicable')
             or d.verdict = 'fail' and d.finding_id is null
                and not exists (select from failures x where x.finding_id = f.finding_id))
         union all
         select f.finding_id, f.check_id, f.resource_id, f.source_id, f.state, 'resolved', f.loss, f.loss,
             f.exposure, f.exposure, f.criticality, f.criticality, f.account, f.account, f.region, f.region,
             f.fix_id, f.fix_id, null, null, f.severity, f.risk, f.observed, f.message, f.subject, 'fixed'
         from resources r join findings f on f.tenant_id = r.tenant_id and f.resource_id = r.resource_id
         where r.tenant_id = $1 and r.source_id = $2 and r.retired_at = $4 and f.state <> 'resolved'",
    )
    .bind(tx.tenant().0)
    .bind(source.0)
    .bind(ours)
    .bind(now)
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Verdicts and findings of checks that the content no longer has: they are gone with the check, by a change of ours.
async fn retire_checks(tx: &mut TenantTx, source: SourceId, weighing: &Weighing) -> Result<i64, StoreError> {
    let known: Vec<String> = weighing.whole.iter().flat_map(|control| control.checks.iter().cloned()).collect();
    sqlx::query(
        "insert into moved
         select f.finding_id, f.check_id, f.resource_id, f.source_id, f.state, 'resolved', f.loss, f.loss,
             f.exposure, f.exposure, f.criticality, f.criticality, f.account, f.account, f.region, f.region,
             f.fix_id, f.fix_id, null, null, f.severity, f.risk, f.observed, f.message, f.subject, 'ours'
         from findings f
         where f.tenant_id = $1 and f.source_id = $2 and f.state <> 'resolved' and f.check_id <> all($3)
             and not exists (select from moved m where m.finding_id = f.finding_id)",
    )
    .bind(tx.tenant().0)
    .bind(source.0)
    .bind(&known)
    .execute(tx.conn())
    .await?;
    let done = sqlx::query(
        "insert into turned
         select v.resource_id, v.check_id, v.verdict, null, null, ''
         from resources r join verdicts v on v.tenant_id = r.tenant_id and v.resource_id = r.resource_id
         where r.tenant_id = $1 and r.source_id = $2 and r.retired_at is null and v.check_id <> all($3)",
    )
    .bind(tx.tenant().0)
    .bind(source.0)
    .bind(&known)
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected().cast_signed())
}

/// Writes the findings in `moved` and everything that is counted from them.
pub(super) async fn settle_moved(
    tx: &mut TenantTx,
    run: Option<RunId>,
    person: Option<Uuid>,
    weighing: &Weighing,
    at: DateTime<Utc>,
) -> Result<Settled, StoreError> {
    let settled = count_moved(tx).await?;
    let before = losses(tx).await?;
    let step = step_of_weights(tx, weighing, &before).await?;
    if settled.is_none() && step.is_none() {
        return Ok(Settled::default());
    }
    write_findings(tx, at).await?;
    write_events(tx, run, person, at).await?;
    write_counts(tx).await?;
    write_losses(tx).await?;
    write_fixes(tx).await?;
    write_gains(tx, weighing, step.is_some()).await?;
    write_ledger(tx, run, weighing, &before, step, at).await?;
    Ok(settled.unwrap_or_default())
}

async fn count_moved(tx: &mut TenantTx) -> Result<Option<Settled>, StoreError> {
    sqlx::query("analyze moved (finding_id, resource_id, check_id, was, \"is\", fix_id, was_fix)")
        .execute(tx.conn())
        .await?;
    let (all, opened, reopened, resolved, weighed): (i64, i64, i64, i64, i64) = sqlx::query_as(
        "select count(*), count(*) filter (where was is null), count(*) filter (where was = 'resolved' and \"is\" = 'open'),
             count(*) filter (where \"is\" = 'resolved' and was <> 'resolved'),
             count(*) filter (where \"is\" = was and loss <> was_loss) from moved",
    )
    .fetch_one(tx.conn())
    .await?;
    Ok((all > 0).then_some(Settled { opened, reopened, resolved, weighed, turned: 0 }))
}

async fn write_findings(tx: &mut TenantTx, at: DateTime<Utc>) -> Result<(), StoreError> {
    let tenant = tx.tenant().0;
    sqlx::query(
        "insert into findings (tenant_id, finding_id, source_id, resource_id, check_id, state, severity, account, region,
             exposure, criticality, loss, risk, fix_id, observed, message, subject, first_seen, opened_at)
         select $1, finding_id, source_id, resource_id, check_id, \"is\", severity, account, region, exposure, criticality,
             loss, risk, fix_id, observed, message, subject, $2, $2
         from moved where was is null order by finding_id",
    )
    .bind(tenant)
    .bind(at)
    .execute(tx.conn())
    .await?;
    sqlx::query(
        "update findings f set state = m.\"is\", severity = m.severity, account = m.account, region = m.region,
             exposure = m.exposure, criticality = m.criticality, loss = m.loss, risk = m.risk, fix_id = m.fix_id,
             observed = m.observed, message = m.message,
             opened_at = case when m.was = 'resolved' and m.\"is\" = 'open' then $2 else f.opened_at end,
             times_reopened = f.times_reopened + (m.was = 'resolved' and m.\"is\" = 'open')::int,
             resolved_at = case when m.\"is\" = 'resolved' then coalesce(f.resolved_at, $2) end
         from moved m where f.tenant_id = $1 and f.finding_id = m.finding_id and m.was is not null",
    )
    .bind(tenant)
    .bind(at)
    .execute(tx.conn())
    .await?;
    // What is resolved needs no acceptance any more; should it come back, it is to be accepted anew.
    sqlx::query(
        "update exceptions e set ended_at = $2 from moved m
         where e.tenant_id = $1 and e.finding_id = m.finding_id and e.ended_at is null and m.\"is\" = 'resolved'",
    )
    .bind(tenant)
    .bind(at)
    .execute(tx.conn())
    .await?;
    Ok(())
}

async fn write_events(
    tx: &mut TenantTx,
    run: Option<RunId>,
    person: Option<Uuid>,
    at: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query(
        "insert into finding_events (tenant_id, finding_id, at, event, check_id, loss_delta, net_delta, run_id, person_id)
         select $1, finding_id, $2, event, check_id, loss_delta, net_delta, $3, $4
         from (
             select finding_id, check_id,
                 case when was is null then 'opened'
                      when \"is\" = 'resolved' then 'resolved'
                      when was = 'resolved' then 'reopened'
                      when \"is\" = 'accepted' and was = 'open' then 'accepted'
                      when \"is\" = 'open' and was = 'accepted' then 'acceptance_ended'
                      else 'weighed' end as event,
                 (case when \"is\" = 'resolved' then 0 else loss end)
                     - (case when was is null or was = 'resolved' then 0 else was_loss end) as loss_delta,
                 (case when \"is\" = 'open' then loss else 0 end)
                     - (case when was = 'open' then was_loss else 0 end) as net_delta
             from moved
         ) e
         where event <> 'weighed' or loss_delta <> 0
         order by finding_id",
    )
    .bind(tx.tenant().0)
    .bind(at)
    .bind(run.map(|run| run.0))
    .bind(person)
    .execute(tx.conn())
    .await?;
    Ok(())
}

async fn write_counts(tx: &mut TenantTx) -> Result<(), StoreError> {
    let tenant = tx.tenant().0;
    sqlx::query(
        "insert into finding_counts (tenant_id, check_id, state, source_id, account, region, exposure, criticality,
             findings, loss)
         select $1, check_id, state, source_id, account, region, exposure, criticality, sum(n), sum(l)
         from (
             select check_id, was as state, source_id, was_account as account, was_region as region,
                 was_exposure as exposure, was_criticality as criticality, -1 as n, -was_loss as l
             from moved where was is not null
             union all
             select check_id, \"is\", source_id, account, region, exposure, criticality, 1, loss from moved
         ) changes
         group by check_id, state, source_id, account, region, exposure, criticality
         having sum(n) <> 0 or sum(l) <> 0
         on conflict (tenant_id, check_id, state, source_id, account, region, exposure, criticality) do update set
             findings = finding_counts.findings + excluded.findings, loss = finding_counts.loss + excluded.loss",
    )
    .bind(tenant)
    .execute(tx.conn())
    .await?;
    sqlx::query("delete from finding_counts where tenant_id = $1 and findings = 0")
        .bind(tenant)
        .execute(tx.conn())
        .await?;
    Ok(())
}

async fn write_losses(tx: &mut TenantTx) -> Result<(), StoreError> {
    sqlx::query(
        "insert into check_states (tenant_id, check_id, source_id, loss, net_loss)
         select $1, check_id, source_id,
             sum((case when \"is\" = 'resolved' then 0 else loss end)
                 - (case when was is null or was = 'resolved' then 0 else was_loss end)),
             sum((case when \"is\" = 'open' then loss else 0 end) - (case when was = 'open' then was_loss else 0 end))
         from moved group by check_id, source_id
         on conflict (tenant_id, check_id, source_id) do update set
             loss = check_states.loss + excluded.loss, net_loss = check_states.net_loss + excluded.net_loss",
    )
    .bind(tx.tenant().0)
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Fixes that lost or won findings are summed up anew, from their open findings.
async fn write_fixes(tx: &mut TenantTx) -> Result<(), StoreError> {
    let tenant = tx.tenant().0;
    sqlx::query(
        "create temporary table touched on commit drop as
         select distinct fix_id from (select fix_id from moved union all select was_fix from moved) f
         where fix_id is not null",
    )
    .execute(tx.conn())
    .await?;
    sqlx::query(
        "insert into fixes (tenant_id, fix_id, source_id, fix_key, target, account, region, open_findings, resources, loss,
             gain)
         select distinct on (fix_id) $1, fix_id, source_id, fix_key, fix_target, account, region, 0, 0, 0, 0
         from moved where fix_key is not null
         order by fix_id, resource_id
         on conflict (tenant_id, fix_id) do nothing",
    )
    .bind(tenant)
    .execute(tx.conn())
    .await?;
    sqlx::query("delete from fix_checks c using touched t where c.tenant_id = $1 and c.fix_id = t.fix_id")
        .bind(tenant)
        .execute(tx.conn())
        .await?;
    sqlx::query(
        "insert into fix_checks (tenant_id, fix_id, check_id, findings, loss)
         select $1, f.fix_id, f.check_id, count(*), sum(f.loss)
         from touched t join findings f on f.tenant_id = $1 and f.fix_id = t.fix_id and f.state = 'open'
         group by f.fix_id, f.check_id",
    )
    .bind(tenant)
    .execute(tx.conn())
    .await?;
    sqlx::query(
        "update fixes x set open_findings = n.findings, resources = n.resources, loss = n.loss
         from (
             select t.fix_id, count(f.finding_id) as findings, count(distinct f.resource_id) as resources,
                 coalesce(sum(f.loss), 0) as loss
             from touched t left join findings f on f.tenant_id = $1 and f.fix_id = t.fix_id and f.state = 'open'
             group by t.fix_id
         ) n
         where x.tenant_id = $1 and x.fix_id = n.fix_id",
    )
    .bind(tenant)
    .execute(tx.conn())
    .await?;
    sqlx::query("drop table touched").execute(tx.conn()).await?;
    Ok(())
}

/// The gain of every fix that touches a check whose loss moved: the score with the fix applied, less the score now.
async fn write_gains(tx: &mut TenantTx, weighing: &Weighing, all: bool) -> Result<(), StoreError> {
    let checks: Vec<(&str, f64)> =
        weighing.whole.iter().flat_map(|c| c.checks.iter().map(|check| (check.as_str(), c.weight))).collect();
    let whole: f64 = weighing.whole.iter().map(|control| control.weight).sum();
    sqlx::query(
        "with moved_checks as (select distinct check_id from moved),
         weights as (select * from unnest($2::text[], $3::float8[]) as w (check_id, weight)),
         totals as (
             select check_id, sum(net_loss)::float8 as loss from check_states where tenant_id = $1 group by check_id
         ),
         concerned as (
             select distinct c.fix_id from fix_checks c
             where c.tenant_id = $1 and ($6 or c.check_id in (select check_id from moved_checks))
         ),
         gains as (
             select c.fix_id, sum(w.weight * (1 / (1 + greatest(t.loss - c.loss, 0) / $4) - 1 / (1 + t.loss / $4)))
                 * 100 / $5 as gain
             from concerned join fix_checks c using (fix_id)
             join weights w on w.check_id = c.check_id
             join totals t on t.check_id = c.check_id
             where c.tenant_id = $1
             group by c.fix_id
         )
         update fixes f set gain = g.gain from gains g where f.tenant_id = $1 and f.fix_id = g.fix_id and f.gain <> g.gain",
    )
    .bind(tx.tenant().0)
    .bind(checks.iter().map(|(check, _)| (*check).to_owned()).collect::<Vec<_>>())
    .bind(checks.iter().map(|(_, weight)| *weight).collect::<Vec<_>>())
    .bind(plumbline_core::score::HALF_LOSS)
    .bind(whole.max(f64::MIN_POSITIVE))
    .bind(all)
    .execute(tx.conn())
    .await?;
    sqlx::query("update fixes set gain = 0 where tenant_id = $1 and open_findings = 0 and gain <> 0")
        .bind(tx.tenant().0)
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Net and gross losses of all checks.
struct BothLosses {
    net: Losses,
    gross: Losses,
}

async fn losses(tx: &mut TenantTx) -> Result<BothLosses, StoreError> {
    let rows: Vec<(String, i64, i64)> = sqlx::query_as(
        "select check_id, sum(net_loss)::bigint, sum(loss)::bigint from check_states where tenant_id = $1 group by check_id",
    )
    .bind(tx.tenant().0)
    .fetch_all(tx.conn())
    .await?;
    let mut both = BothLosses { net: Losses::new(), gross: Losses::new() };
    for (check, net, gross) in rows {
        both.net.insert(check.clone(), net);
        both.gross.insert(check, gross);
    }
    Ok(both)
}

/// Whether no posture has been written with this version of the content yet.
async fn is_new_version(tx: &mut TenantTx, weighing: &Weighing) -> Result<bool, StoreError> {
    let last: Option<String> =
        sqlx::query_scalar("select catalogue_version from postures where tenant_id = $1 order by at desc limit 1")
            .bind(tx.tenant().0)
            .fetch_optional(tx.conn())
            .await?;
    Ok(last.as_deref() != Some(weighing.version.as_str()))
}

/// What the score moved by when the weights did, with nothing else changed.
#[derive(Clone, Copy)]
struct Step {
    net: f64,
    gross: f64,
}

/// The step from the weights of the last posture to those of now; none when they are the same.
async fn step_of_weights(
    tx: &mut TenantTx,
    weighing: &Weighing,
    before: &BothLosses,
) -> Result<Option<Step>, StoreError> {
    let last: Option<(String, f64, f64)> = sqlx::query_as(
        "select catalogue_version, score, gross_score from postures where tenant_id = $1 order by at desc limit 1",
    )
    .bind(tx.tenant().0)
    .fetch_optional(tx.conn())
    .await?;
    let Some((version, net, gross)) = last else { return Ok(None) };
    let step = Step {
        net: score(&weighing.whole, &before.net).0 - net,
        gross: score(&weighing.whole, &before.gross).0 - gross,
    };
    let moved = step.net != 0.0 || step.gross != 0.0;
    Ok((version != weighing.version && moved).then_some(step))
}

#[derive(sqlx::FromRow)]
struct Moves {
    cause: String,
    check_id: String,
    findings: i64,
    net_delta: i64,
    loss_delta: i64,
}

/// Attributes the change of the score: causes are applied one after the other in a fixed order, so the deltas add up.
async fn write_ledger(
    tx: &mut TenantTx,
    run: Option<RunId>,
    weighing: &Weighing,
    before: &BothLosses,
    step: Option<Step>,
    at: DateTime<Utc>,
) -> Result<(), StoreError> {
    let moves: Vec<Moves> = sqlx::query_as(
        "select cause, check_id, count(*) as findings,
             sum((case when \"is\" = 'open' then loss else 0 end)
                 - (case when was = 'open' then was_loss else 0 end))::bigint as net_delta,
             sum((case when \"is\" = 'resolved' then 0 else loss end)
                 - (case when was is null or was = 'resolved' then 0 else was_loss end))::bigint as loss_delta
         from moved group by cause, check_id order by check_id",
    )
    .fetch_all(tx.conn())
    .await?;
    let (mut net, mut gross) = (before.net.clone(), before.gross.clone());
    for cause in Cause::ALL {
        let of_cause: Vec<&Moves> =
            moves.iter().filter(|m| m.cause == cause.as_str() && (m.net_delta != 0 || m.loss_delta != 0)).collect();
        let step = step.filter(|_| cause == Cause::Ours);
        if of_cause.is_empty() && step.is_none() {
            continue;
        }
        let was = (score(&weighing.whole, &net).0, score(&weighing.whole, &gross).0);
        for m in &of_cause {
            *net.entry(m.check_id.clone()).or_default() += m.net_delta;
            *gross.entry(m.check_id.clone()).or_default() += m.loss_delta;
        }
        let is = (score(&weighing.whole, &net).0, score(&weighing.whole, &gross).0);
        sqlx::query(
            "insert into score_ledger (tenant_id, at, cause, delta, gross_delta, findings, detail, run_id)
             values ($1, $2, $3, $4, $5, $6, $7, $8)",
        )
        .bind(tx.tenant().0)
        .bind(at)
        .bind(cause.as_str())
        .bind(is.0 - was.0 + step.map_or(0.0, |step| step.net))
        .bind(is.1 - was.1 + step.map_or(0.0, |step| step.gross))
        .bind(of_cause.iter().map(|m| m.findings).sum::<i64>())
        .bind(Json(detail(&of_cause)))
        .bind(run.map(|run| run.0))
        .execute(tx.conn())
        .await?;
    }
    Ok(())
}

/// The checks that moved most.
fn detail(moves: &[&Moves]) -> Value {
    let mut moves = moves.to_vec();
    moves.sort_by_key(|m| std::cmp::Reverse(m.net_delta.abs().max(m.loss_delta.abs())));
    moves
        .iter()
        .take(10)
        .map(|m| json!({ "check_id": m.check_id, "findings": m.findings, "loss_delta": m.loss_delta }))
        .collect()
}

/// Writes the posture as it is now.
pub(super) async fn posture(
    tx: &mut TenantTx,
    run: Option<RunId>,
    weighing: &Weighing,
    at: DateTime<Utc>,
) -> Result<(), StoreError> {
    let both = losses(tx).await?;
    let mut parts: BTreeMap<String, f64> =
        weighing.parts.iter().map(|(name, controls)| (name.clone(), score(controls, &both.net).0)).collect();
    parts.extend(sources(tx, weighing).await?);
    let parts: Map<String, Value> = parts.into_iter().map(|(name, score)| (name, json!(score))).collect();
    sqlx::query(
        "insert into catalogue_versions (version, first_used, weights) values ($1, $2, $3) on conflict do nothing",
    )
    .bind(&weighing.version)
    .bind(at)
    .bind(Json(weighing))
    .execute(tx.conn())
    .await?;
    sqlx::query(
        "insert into postures (tenant_id, at, run_id, catalogue_version, score, gross_score, coverage, open_findings, parts)
         select $1, $2, $3, $4, $5, $6,
             coalesce((select sum(passed + failed)::float8
                 / nullif(sum(passed + failed + unknown + blind_scopes), 0) from check_states where tenant_id = $1), 0),
             coalesce((select sum(findings) from finding_counts where tenant_id = $1 and state = 'open'), 0), $7",
    )
    .bind(tx.tenant().0)
    .bind(at)
    .bind(run.map(|run| run.0))
    .bind(&weighing.version)
    .bind(score(&weighing.whole, &both.net).0)
    .bind(score(&weighing.whole, &both.gross).0)
    .bind(Json(parts))
    .execute(tx.conn())
    .await?;
    Ok(())
}

async fn sources(tx: &mut TenantTx, weighing: &Weighing) -> Result<BTreeMap<String, f64>, StoreError> {
    let rows: Vec<(Uuid, String, i64)> =
        sqlx::query_as("select source_id, check_id, net_loss from check_states where tenant_id = $1")
            .bind(tx.tenant().0)
            .fetch_all(tx.conn())
            .await?;
    let mut by_source: BTreeMap<Uuid, Losses> = BTreeMap::new();
    for (source, check, loss) in rows {
        by_source.entry(source).or_default().insert(check, loss);
    }
    let scored =
        by_source.into_iter().map(|(source, losses)| (format!("source:{source}"), score(&weighing.whole, &losses).0));
    Ok(scored.collect())
}
