//! Exceptions at work: what they cover leaves the net score for a time, stays in the gross one, and comes back.
//!
//! Whether a finding is accepted follows from the exceptions in force alone, and is worked out for whatever is in `moved`
//! before anything is summed up. So a finding that opens or comes back under an exception is accepted in the transaction
//! that sees it, and one that an exception no longer covers is open again.

use super::covering::{InForce, match_exceptions};
use super::group_sums::keep;
use super::ledger::posture;
use super::settle::{instant, settle_moved};
use crate::door::TenantTx;
use crate::error::StoreError;
use crate::exception::scope::covered_rows;
use crate::exception::{scope_of, tell_ended, tell_expiring};
use crate::finding::FindingState;
use chrono::{DateTime, Utc};
use plumbline_core::id::{ExceptionId, Mint, PersonId, SourceId};
use plumbline_core::score::Weighing;
use sqlx::QueryBuilder;
use uuid::Uuid;

/// A finding as a row of `moved` that is as it was: whether it is accepted is worked out afterwards.
macro_rules! as_it_is {
    () => {
        "f.finding_id, f.check_id, f.resource_id, f.source_id, f.state as was, f.state as \"is\", f.loss as was_loss, f.loss,
             f.exposure as was_exposure, f.exposure, f.criticality as was_criticality, f.criticality,
             f.account as was_account, f.account, f.region as was_region, f.region, f.fix_id as was_fix, f.fix_id,
             null::text as fix_key, null::text as fix_target, f.severity, f.risk, f.observed, f.message, f.subject,
             'exception'::text as cause, f.likelihood, f.blast, f.guards"
    };
}

const OF_ENDED: &str = concat!(
    "create temporary table moved on commit drop as select ",
    as_it_is!(),
    " from (select distinct finding_id from exception_findings
            where tenant_id = $1 and exception_id = any($2) and until is null) x
      join findings f on f.tenant_id = $1 and f.finding_id = x.finding_id and f.state <> 'resolved'"
);

/// Lets an exception that was approved cover what it covers now, with all that is counted from it. Returns how many
/// findings left the net score. The caller holds [`super::lock`].
///
/// # Errors
/// [`StoreError::NotFound`] when there is no such exception.
pub async fn put_in_force(
    tx: &mut TenantTx,
    exception: ExceptionId,
    person: Option<PersonId>,
    weighing: &Weighing,
    now: DateTime<Utc>,
) -> Result<u64, StoreError> {
    let scope = scope_of(tx, exception).await?;
    let mut sql = QueryBuilder::new("create temporary table moved on commit drop as ");
    let states = [FindingState::Open, FindingState::Accepted];
    covered_rows(tx, &weighing.terms, &scope, &states, as_it_is!(), &mut sql).await?;
    sql.build().persistent(false).execute(tx.conn()).await?;
    settle_acceptance(tx, "accepted", person, weighing, now).await
}

/// Opens what exceptions that were ended covered, as far as no other covers it, and tells who asked, who approved and whose
/// findings these are. Returns how many findings came back. The caller holds [`super::lock`].
///
/// # Errors
/// When the database does not answer.
pub async fn lift(
    tx: &mut TenantTx,
    exceptions: &[ExceptionId],
    person: Option<PersonId>,
    weighing: &Weighing,
    mint: &Mint,
) -> Result<u64, StoreError> {
    let ids: Vec<Uuid> = exceptions.iter().map(|id| id.0).collect();
    sqlx::query(OF_ENDED).bind(tx.tenant().0).bind(ids).execute(tx.conn()).await?;
    let back = settle_acceptance(tx, "open", person, weighing, mint.now()).await?;
    tell_ended(tx, exceptions, person, mint).await?;
    Ok(back)
}

/// Settles what an exception moved; counts what came to be as `to`.
async fn settle_acceptance(
    tx: &mut TenantTx,
    to: &str,
    person: Option<PersonId>,
    weighing: &Weighing,
    now: DateTime<Utc>,
) -> Result<u64, StoreError> {
    let at = instant(tx, now).await?;
    settle_moved(tx, None, person.map(|person| person.0), weighing, at).await?;
    let moved: i64 = sqlx::query_scalar("select count(*) from moved where \"is\" = $1 and was <> \"is\"")
        .bind(to)
        .fetch_one(tx.conn())
        .await?;
    if keep(tx, weighing, at).await? || moved > 0 {
        posture(tx, None, weighing, at).await?;
    }
    sqlx::query("drop table moved").execute(tx.conn()).await?;
    Ok(moved.unsigned_abs())
}

/// Ends the exceptions whose time is over, brings their findings back, and tells of those that end soon. Returns how many
/// findings came back.
///
/// # Errors
/// When the database does not answer.
pub async fn end_expired(tx: &mut TenantTx, weighing: &Weighing, mint: &Mint) -> Result<u64, StoreError> {
    super::lock(tx).await?;
    tell_expiring(tx, mint).await?;
    let ended: Vec<Uuid> = sqlx::query_scalar(
        "update exceptions set state = 'ended', ended_at = $2, ended_how = 'expired'
         where tenant_id = $1 and state = 'in_force' and expires_at <= $2 returning exception_id",
    )
    .bind(tx.tenant().0)
    .bind(mint.now())
    .fetch_all(tx.conn())
    .await?;
    if ended.is_empty() {
        return Ok(0);
    }
    let ended: Vec<ExceptionId> = ended.into_iter().map(ExceptionId).collect();
    lift(tx, &ended, None, weighing, mint).await
}

// Findings that did not move, of resources that did or of all.
const STAYED: &str = concat!(
    "create temporary table stayed on commit drop as select ",
    as_it_is!(),
    " from resources r join findings f on f.tenant_id = $1 and f.resource_id = r.resource_id and f.state <> 'resolved'
      where r.tenant_id = $1 and r.source_id = $2 and ($4 or r.changed_at = $3) and r.retired_at is null
        and not exists (select from moved m where m.finding_id = f.finding_id)"
);

const CHANGED: &str = "insert into moved
     select s.* from stayed s
     left join (select finding_id, array_agg(exception_id order by exception_id) as by from matches group by 1) m
         on m.finding_id = s.finding_id
     left join (
         select x.finding_id, array_agg(x.exception_id order by x.exception_id) as by
         from exception_findings x join stayed t on t.finding_id = x.finding_id
         where x.tenant_id = $1 and x.until is null group by 1
     ) k on k.finding_id = s.finding_id
     where m.by is distinct from k.by";

/// Adds to `moved` what other exceptions cover than did because a resource is called or marked otherwise, or because the
/// content says something else of a check.
pub(super) async fn cover_changed(
    tx: &mut TenantTx,
    source: SourceId,
    weighing: &Weighing,
    ours: bool,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let in_force = InForce::read(tx).await?;
    let all = ours && in_force.look_at_content();
    if !all && !in_force.look_at_resources() {
        return Ok(());
    }
    sqlx::query(STAYED).bind(tx.tenant().0).bind(source.0).bind(now).bind(all).execute(tx.conn()).await?;
    sqlx::query("analyze stayed (finding_id, resource_id)").execute(tx.conn()).await?;
    match_exceptions(tx, "stayed", &in_force, weighing).await?;
    sqlx::query(CHANGED).bind(tx.tenant().0).execute(tx.conn()).await?;
    sqlx::query("drop table stayed, matches").execute(tx.conn()).await?;
    Ok(())
}
