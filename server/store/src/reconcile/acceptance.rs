//! Exceptions at work: what they cover leaves the net score for a time, stays in the gross one, and comes back.
//!
//! Whether a finding is accepted follows from the exceptions in force alone, and is worked out for whatever is in `moved`
//! before anything is summed up. So a finding that opens or comes back under an exception is accepted in the transaction
//! that sees it, and one that an exception no longer covers is open again.

use super::group_sums::keep;
use super::ledger::posture;
use super::settle::{instant, settle_moved};
use crate::door::TenantTx;
use crate::error::StoreError;
use crate::exception::condition::{self, conditions, covers, ways};
use crate::exception::scope_of;
use chrono::{DateTime, Utc};
use plumbline_core::exception::Condition;
use plumbline_core::id::{ExceptionId, PersonId, SourceId};
use plumbline_core::score::Weighing;
use sqlx::types::Json;
use uuid::Uuid;

/// A finding as a row of `moved` that is as it was: whether it is accepted is worked out afterwards.
macro_rules! as_it_is {
    () => {
        "f.finding_id, f.check_id, f.resource_id, f.source_id, f.state as was, f.state as \"is\", f.loss as was_loss, f.loss,
             f.exposure as was_exposure, f.exposure, f.criticality as was_criticality, f.criticality,
             f.account as was_account, f.account, f.region as was_region, f.region, f.fix_id as was_fix, f.fix_id,
             null::text as fix_key, null::text as fix_target, f.severity, f.risk, f.observed, f.message, f.subject,
             'exception'::text as cause"
    };
}

const OF_SCOPE: [&str; 8] = ways!(
    ["create temporary table moved on commit drop as select ", as_it_is!(), " from ", conditions!(), " e "],
    [" where f.state <> 'resolved' and ", covers!()]
);

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
    let condition = Condition::of(&scope, |layer| condition::of_layer(weighing, layer));
    let sql = condition::way(OF_SCOPE, &condition);
    sqlx::query(sql).bind(tx.tenant().0).bind(Json([condition])).execute(tx.conn()).await?;
    settle_acceptance(tx, "accepted", person, weighing, now).await
}

/// Opens what exceptions that were ended covered, as far as no other covers it. Returns how many findings came back. The
/// caller holds [`super::lock`].
///
/// # Errors
/// When the database does not answer.
pub async fn lift(
    tx: &mut TenantTx,
    exceptions: &[ExceptionId],
    person: Option<PersonId>,
    weighing: &Weighing,
    now: DateTime<Utc>,
) -> Result<u64, StoreError> {
    let ids: Vec<Uuid> = exceptions.iter().map(|id| id.0).collect();
    sqlx::query(OF_ENDED).bind(tx.tenant().0).bind(ids).execute(tx.conn()).await?;
    settle_acceptance(tx, "open", person, weighing, now).await
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

/// Ends the exceptions whose time is over, and brings their findings back. Returns how many came back.
///
/// # Errors
/// When the database does not answer.
pub async fn end_expired(tx: &mut TenantTx, weighing: &Weighing, now: DateTime<Utc>) -> Result<u64, StoreError> {
    super::lock(tx).await?;
    let ended: Vec<Uuid> = sqlx::query_scalar(
        "update exceptions set state = 'ended', ended_at = $2, ended_how = 'expired'
         where tenant_id = $1 and state = 'in_force' and expires_at <= $2 returning exception_id",
    )
    .bind(tx.tenant().0)
    .bind(now)
    .fetch_all(tx.conn())
    .await?;
    if ended.is_empty() {
        return Ok(0);
    }
    let ended: Vec<ExceptionId> = ended.into_iter().map(ExceptionId).collect();
    lift(tx, &ended, None, weighing, now).await
}

/// When the next exception's time is over.
///
/// # Errors
/// When the database does not answer.
pub async fn next_expiry(tx: &mut TenantTx) -> Result<Option<DateTime<Utc>>, StoreError> {
    let next = sqlx::query_scalar("select min(expires_at) from exceptions where tenant_id = $1 and state = 'in_force'")
        .bind(tx.tenant().0)
        .fetch_one(tx.conn())
        .await?;
    Ok(next)
}

const CHANGED: &str = concat!(
    "insert into moved (finding_id, check_id, resource_id, source_id, was, \"is\", was_loss, loss, was_exposure, exposure,
         was_criticality, criticality, was_account, account, was_region, region, was_fix, fix_id, fix_key, fix_target,
         severity, risk, observed, message, subject, cause)
     select ",
    as_it_is!(),
    " from resources r join findings f on f.tenant_id = $1 and f.resource_id = r.resource_id and f.state <> 'resolved'
      where r.tenant_id = $1 and r.source_id = $3 and r.changed_at = $4 and r.retired_at is null
        and not exists (select from moved m where m.finding_id = f.finding_id)
        and (f.state = 'accepted') <> exists (select from ",
    conditions!(),
    " e where ",
    covers!(),
    ")"
);

/// Adds to `moved` what exceptions cover, or no longer do, because a resource is called or tagged otherwise.
pub(super) async fn cover_changed(
    tx: &mut TenantTx,
    source: SourceId,
    weighing: &Weighing,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let conditions = condition::in_force(tx, weighing).await?;
    if !conditions.iter().any(Condition::looks_at_resource) {
        return Ok(());
    }
    sqlx::query(CHANGED).bind(tx.tenant().0).bind(Json(conditions)).bind(source.0).bind(now).execute(tx.conn()).await?;
    Ok(())
}
