//! The queue of background work: leased, retried, fair across tenants.

use crate::door::{QueueTx, TenantTx};
use crate::error::StoreError;
use chrono::{DateTime, TimeDelta, Utc};
use plumbline_core::id::{JobId, Mint, SourceId, TenantId, TicketId, TrackerId};
use serde::{Deserialize, Serialize};
use sqlx::types::Json;
use uuid::Uuid;

/// What there is to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "task", rename_all = "snake_case")]
pub enum Task {
    /// Poll a source, and after it the next time.
    Collect { source_id: SourceId },
    /// Try a source's connection.
    Probe { source_id: SourceId },
    /// End exceptions whose time is over, and tell of those that end soon.
    EndExceptions,
    /// Hold the tenant's packages against advisories that changed.
    Match,
    /// Judge images anew: where they may come from, or which files are known to be bad, changed.
    JudgeImages,
    /// Reckon the groups by tag anew: the tenant named other keys.
    Regroup,
    /// Give what is open to its owners by the rules, which changed.
    ApplyOwners,
    /// Give what is open its due date by the policy, which changed.
    ApplyDue,
    /// Once a day: tell people what is overdue, and make their digests.
    Remind,
    /// Send the mails that wait.
    SendMail,
    /// Open a ticket that somebody asked for.
    OpenTicket { ticket_id: TicketId },
    /// Bring a tracker's tickets in step, and after it the next time.
    FollowTracker { tracker_id: TrackerId },
    /// Try a tracker's credential.
    TestTracker { tracker_id: TrackerId },
    /// Weigh everything anew: the tenant's rules of criticality changed.
    WeighCriticality,
}

impl Task {
    /// Of two waiting jobs that are the same, one is enough.
    fn same_as(&self) -> String {
        match self {
            Self::Collect { source_id } => format!("collect {source_id}"),
            Self::Probe { source_id } => format!("probe {source_id}"),
            Self::EndExceptions => "end-exceptions".to_owned(),
            Self::Match => "match".to_owned(),
            Self::JudgeImages => "judge-images".to_owned(),
            Self::Regroup => "regroup".to_owned(),
            Self::ApplyOwners => "apply-owners".to_owned(),
            Self::ApplyDue => "apply-due".to_owned(),
            Self::Remind => "remind".to_owned(),
            Self::SendMail => "send-mail".to_owned(),
            Self::OpenTicket { ticket_id } => format!("ticket {ticket_id}"),
            Self::FollowTracker { tracker_id } => format!("follow {tracker_id}"),
            Self::TestTracker { tracker_id } => format!("test {tracker_id}"),
            Self::WeighCriticality => "weigh-criticality".to_owned(),
        }
    }
}

/// A job that a worker holds until `leased_until`.
#[derive(Debug, Clone)]
pub struct Lease {
    pub tenant: TenantId,
    pub job: JobId,
    pub task: Task,
    /// Names this lease: another worker's, or a later one of ours, has another.
    pub holder: Uuid,
    /// 1 on the first try.
    pub attempt: i32,
}

/// Puts a job into the queue. When the same is already waiting, it is moved forward to the earlier of both times.
///
/// # Errors
/// When the database does not answer.
pub async fn enqueue(tx: &mut TenantTx, task: &Task, run_at: DateTime<Utc>, mint: &Mint) -> Result<(), StoreError> {
    sqlx::query(
        "insert into jobs (tenant_id, job_id, task, same_as, state, run_at, created_at)
         values ($1, $2, $3, $4, 'queued', $5, $6)
         on conflict (tenant_id, same_as) where state = 'queued'
         do update set run_at = least(jobs.run_at, excluded.run_at)",
    )
    .bind(tx.tenant().0)
    .bind(JobId::mint(mint).0)
    .bind(Json(task))
    .bind(task.same_as())
    .bind(run_at)
    .bind(mint.now())
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Takes back a job that waits.
///
/// # Errors
/// When the database does not answer.
pub async fn withdraw(tx: &mut TenantTx, task: &Task) -> Result<(), StoreError> {
    sqlx::query("update jobs set state = 'done' where tenant_id = $1 and same_as = $2 and state = 'queued'")
        .bind(tx.tenant().0)
        .bind(task.same_as())
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Leases the next job that is due, of the tenant that has the fewest under way. A job whose lease ran out counts as
/// waiting. At most one job of one kind and object is under way at a time.
///
/// # Errors
/// When the database does not answer.
pub async fn lease(
    tx: &mut QueueTx,
    holder: Uuid,
    now: DateTime<Utc>,
    for_how_long: TimeDelta,
) -> Result<Option<Lease>, StoreError> {
    let row: Option<(Uuid, Uuid, Json<Task>, i32)> = sqlx::query_as(
        "with busy as materialized (
             select tenant_id, count(*) as under_way
             from jobs where state = 'leased' and leased_until > $2 group by tenant_id
         ), next as (
             select j.tenant_id, j.job_id
             from jobs j
             where ((j.state = 'queued' and j.run_at <= $2) or (j.state = 'leased' and j.leased_until <= $2))
               and not exists (select from jobs b where b.tenant_id = j.tenant_id and b.same_as = j.same_as
                   and b.state = 'leased' and b.job_id <> j.job_id)
             order by coalesce((select b.under_way from busy b where b.tenant_id = j.tenant_id), 0), j.run_at
             limit 1
             for update of j skip locked
         )
         update jobs j
         set state = 'leased', leased_by = $1, leased_until = $3, attempts = j.attempts + 1
         from next where j.tenant_id = next.tenant_id and j.job_id = next.job_id
         returning j.tenant_id, j.job_id, j.task, j.attempts",
    )
    .bind(holder)
    .bind(now)
    .bind(now + for_how_long)
    .fetch_optional(tx.conn())
    .await?;
    Ok(row.map(|(tenant, job, task, attempt)| Lease {
        tenant: TenantId(tenant),
        job: JobId(job),
        task: task.0,
        holder,
        attempt,
    }))
}

/// Prolongs a lease. False when it is no longer ours.
///
/// # Errors
/// When the database does not answer.
pub async fn prolong(tx: &mut QueueTx, lease: &Lease, until: DateTime<Utc>) -> Result<bool, StoreError> {
    let done = sqlx::query(
        "update jobs set leased_until = $4
         where tenant_id = $1 and job_id = $2 and state = 'leased' and leased_by = $3 and attempts = $5",
    )
    .bind(lease.tenant.0)
    .bind(lease.job.0)
    .bind(lease.holder)
    .bind(until)
    .bind(lease.attempt)
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Locks the job's row for the rest of the transaction if the lease is still ours: what is written with it is written by
/// the one worker that holds the job, however late a former holder wakes up.
///
/// # Errors
/// [`StoreError::Conflict`] when another worker has taken the job over.
pub async fn fence(tx: &mut TenantTx, lease: &Lease) -> Result<(), StoreError> {
    let held: Option<(i32,)> = sqlx::query_as(
        "select 1 from jobs
         where tenant_id = $1 and job_id = $2 and state = 'leased' and leased_by = $3 and attempts = $4
         for update",
    )
    .bind(lease.tenant.0)
    .bind(lease.job.0)
    .bind(lease.holder)
    .bind(lease.attempt)
    .fetch_optional(tx.conn())
    .await?;
    held.map(|_| ()).ok_or_else(|| StoreError::Conflict("another worker has taken this job over".to_owned()))
}

/// Ends a job in the transaction that holds its result.
///
/// # Errors
/// When the database does not answer.
pub async fn finish(
    tx: &mut TenantTx,
    lease: &Lease,
    now: DateTime<Utc>,
    error: Option<&str>,
) -> Result<(), StoreError> {
    sqlx::query(
        "update jobs set state = case when $4::text is null then 'done' else 'failed' end,
             finished_at = $3, error = $4, leased_until = null
         where tenant_id = $1 and job_id = $2",
    )
    .bind(lease.tenant.0)
    .bind(lease.job.0)
    .bind(now)
    .bind(error)
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Forgets jobs that ended before `before`.
///
/// # Errors
/// When the database does not answer.
pub async fn forget(tx: &mut QueueTx, before: DateTime<Utc>) -> Result<u64, StoreError> {
    let done = sqlx::query("delete from jobs where state in ('done', 'failed') and finished_at < $1")
        .bind(before)
        .execute(tx.conn())
        .await?;
    Ok(done.rows_affected())
}
