//! From decisions to findings and numbers.
//!
//! Two temporary tables say what moved: `turned` (verdicts that differ from those stored) and `moved` (findings whose state,
//! weight or content differs, with how they were and how they are). Every number is brought up to date from these two,
//! so nothing is counted that did not move.

use super::acceptance::cover_changed;
use super::covering::{cover_moved, keep_covers};
use super::group_sums::keep;
use super::groups::gather_moved;
use super::history::{write_events, write_findings};
use super::ledger::{is_new_version, losses, posture, step_of_weights, write_ledger};
use super::moved::{find_moved, retire_checks, turn, write_verdicts};
use super::open_flaws::write_open_flaws;
use super::stir::{is_opening, stirred};
use super::sums::{write_counts, write_fixes, write_gains, write_losses};
use crate::door::TenantTx;
use crate::error::StoreError;
use crate::triage;
use chrono::{DateTime, TimeDelta, Utc};
use plumbline_core::id::{RunId, SourceId};
use plumbline_core::score::Weighing;
use uuid::Uuid;

/// What a reconcile did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Settled {
    pub opened: i64,
    pub reopened: i64,
    pub resolved: i64,
    /// Findings that weigh more or less than they did.
    pub weighed: i64,
    /// Findings that an exception covers now and did not, or no longer does.
    pub covered: i64,
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
    cover_changed(tx, source, weighing, ours, now).await?;
    write_verdicts(tx, source, now).await?;
    let mut settled = settle_moved(tx, run, None, weighing, at).await?;
    if let Some(run) = run {
        triage::refute(tx, source, run, at).await?;
    }
    settled.turned = turned;
    let regrouped = keep(tx, weighing, at).await?;
    let settled_any = Settled { turned: 0, ..settled } != Settled::default();
    if turned > 0 || sight_changed || settled_any || regrouped || (ours && is_new_version(tx, weighing).await?) {
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
    keep(tx, weighing, at).await?;
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

/// Writes the findings in `moved` and everything that is counted from them. What moved in groups is gathered, and kept by the
/// caller.
pub(super) async fn settle_moved(
    tx: &mut TenantTx,
    run: Option<RunId>,
    person: Option<Uuid>,
    weighing: &Weighing,
    at: DateTime<Utc>,
) -> Result<Settled, StoreError> {
    cover_moved(tx, weighing).await?;
    let settled = count_moved(tx).await?;
    let opening = is_opening(tx, &weighing.openings).await?;
    let before = losses(tx).await?;
    let step = step_of_weights(tx, weighing, &before).await?;
    if settled.is_none() && step.is_none() {
        sqlx::query("drop table matches").execute(tx.conn()).await?;
        return Ok(Settled::default());
    }
    if run.is_some() {
        triage::tell_proven(tx, at).await?;
    }
    write_findings(tx, at).await?;
    triage::own_opened(tx).await?;
    write_events(tx, run, person, at).await?;
    keep_covers(tx, run, person, at).await?;
    sqlx::query("drop table matches").execute(tx.conn()).await?;
    write_counts(tx).await?;
    write_open_flaws(tx).await?;
    write_losses(tx).await?;
    gather_moved(tx).await?;
    write_fixes(tx, weighing).await?;
    write_gains(tx, weighing, step.is_some_and(|step| step.moves())).await?;
    write_ledger(tx, run, weighing, &before, step, at).await?;
    if opening {
        stirred(tx, &weighing.openings, at).await?;
    }
    Ok(settled.unwrap_or_default())
}

async fn count_moved(tx: &mut TenantTx) -> Result<Option<Settled>, StoreError> {
    sqlx::query("analyze moved (finding_id, resource_id, check_id, was, \"is\", fix_id, was_fix)")
        .execute(tx.conn())
        .await?;
    let (all, opened, reopened, resolved, weighed, covered): (i64, i64, i64, i64, i64, i64) = sqlx::query_as(
        "select count(*), count(*) filter (where was is null),
             count(*) filter (where was = 'resolved' and \"is\" <> 'resolved'),
             count(*) filter (where \"is\" = 'resolved' and was <> 'resolved'),
             count(*) filter (where \"is\" = was and loss <> was_loss),
             count(*) filter (where (was = 'accepted') <> (\"is\" = 'accepted') and \"is\" <> 'resolved') from moved",
    )
    .fetch_one(tx.conn())
    .await?;
    Ok((all > 0).then_some(Settled { opened, reopened, resolved, weighed, covered, turned: 0 }))
}
