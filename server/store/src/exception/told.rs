//! Who hears of exceptions: of a request, of what became of it, that one ends soon, and that one has ended.

use super::four_eyes::approving;
use super::register::EXPIRING;
use crate::door::TenantTx;
use crate::error::StoreError;
use crate::inbox::{self, Kind, Notice};
use chrono::{DateTime, Utc};
use plumbline_core::id::{ExceptionId, Mint, PersonId};
use uuid::Uuid;

/// Tells everybody who may approve an exception that it waits for them.
pub(super) async fn tell_approvers(tx: &mut TenantTx, exception: ExceptionId, mint: &Mint) -> Result<(), StoreError> {
    let told = sqlx::query_as(
        "select e.exception_id, m.person_id, p.name || ' asks for an exception: ' || regexp_replace(left(e.reason, 120), '\\s+', ' ', 'g')
         from members m
         join exceptions e on e.tenant_id = $1 and e.exception_id = $2
         join people p on p.person_id = e.requested_by
         where m.tenant_id = $1 and m.role = any($3) and m.person_id <> e.requested_by",
    )
    .bind(tx.tenant().0)
    .bind(exception.0)
    .bind(approving())
    .fetch_all(tx.conn())
    .await?;
    tell(tx, Kind::ExceptionAsked, told, mint).await
}

/// Tells whoever asked for an exception what became of it.
pub(super) async fn tell_asker(
    tx: &mut TenantTx,
    exception: ExceptionId,
    became: &str,
    mint: &Mint,
) -> Result<(), StoreError> {
    let told = sqlx::query_as(
        "select exception_id, requested_by, 'Your exception ' || $3 || ': ' || regexp_replace(left(reason, 120), '\\s+', ' ', 'g')
         from exceptions where tenant_id = $1 and exception_id = $2",
    )
    .bind(tx.tenant().0)
    .bind(exception.0)
    .bind(became)
    .fetch_all(tx.conn())
    .await?;
    tell(tx, Kind::Exception, told, mint).await
}

/// When something is to be done about an exception that is approved now: when it is said that it ends soon, or where it is
/// in force for a shorter time than that takes, when it ends.
pub(super) fn notice_at(approved: DateTime<Utc>, expires: DateTime<Utc>) -> DateTime<Utc> {
    let soon = expires - EXPIRING;
    if approved < soon { soon } else { expires }
}

/// When something is next to be done about an exception that is in force.
///
/// # Errors
/// When the database does not answer.
pub async fn next_notice(tx: &mut TenantTx) -> Result<Option<DateTime<Utc>>, StoreError> {
    let next = sqlx::query_scalar(
        "select min(case when told_at is null and decided_at < expires_at - $2 then expires_at - $2 else expires_at end)
         from exceptions where tenant_id = $1 and state = 'in_force'",
    )
    .bind(tx.tenant().0)
    .bind(EXPIRING)
    .fetch_one(tx.conn())
    .await?;
    Ok(next)
}

/// Tells of each exception that ends soon, once: who asked, who approved, and whose findings it covers. One that was
/// approved when it would soon end is told by its approval.
pub(crate) async fn tell_expiring(tx: &mut TenantTx, mint: &Mint) -> Result<(), StoreError> {
    let told: Vec<(Uuid, Uuid, String)> = sqlx::query_as(
        "with expiring as (
             update exceptions set told_at = $2
             where tenant_id = $1 and state = 'in_force' and told_at is null and expires_at > $2
                 and expires_at <= $2 + $3 and decided_at < expires_at - $3
             returning exception_id, requested_by, approved_by, expires_at, covers, reason
         ), people as (
             select exception_id, unnest(array[requested_by, approved_by]) as person_id from expiring
             union
             select e.exception_id, f.assignee_id
             from expiring e
             join exception_findings x on x.tenant_id = $1 and x.exception_id = e.exception_id and x.until is null
             join findings f on f.tenant_id = $1 and f.finding_id = x.finding_id
         )
         select e.exception_id, p.person_id,
             'An exception ends on ' || to_char(e.expires_at at time zone 'utc', 'YYYY-MM-DD') || '; '
                 || e.covers || case e.covers when 1 then ' finding opens' else ' findings open' end
                 || ' again unless it is renewed: ' || left(e.reason, 120)
         from expiring e join people p on p.exception_id = e.exception_id
         where p.person_id is not null",
    )
    .bind(tx.tenant().0)
    .bind(mint.now())
    .bind(EXPIRING)
    .fetch_all(tx.conn())
    .await?;
    tell(tx, Kind::Exception, told, mint).await
}

/// Tells of exceptions that ended, after what they covered was opened: who asked, who approved and whose findings they
/// covered until then, but not who ended them.
pub(crate) async fn tell_ended(
    tx: &mut TenantTx,
    exceptions: &[ExceptionId],
    by: Option<PersonId>,
    mint: &Mint,
) -> Result<(), StoreError> {
    let told: Vec<(Uuid, Uuid, String)> = sqlx::query_as(
        "with ended as (
             select exception_id, requested_by, approved_by, reason, ended_at from exceptions
             where tenant_id = $1 and exception_id = any($2)
         ), freed as (
             select e.exception_id, f.assignee_id, f.state
             from ended e
             join exception_findings x on x.tenant_id = $1 and x.exception_id = e.exception_id and x.until >= e.ended_at
             join findings f on f.tenant_id = $1 and f.finding_id = x.finding_id
         ), people as (
             select exception_id, unnest(array[requested_by, approved_by]) as person_id from ended
             union
             select exception_id, assignee_id from freed
         ), counted as (
             select e.exception_id, e.reason, count(*) filter (where r.state = 'open') as open
             from ended e left join freed r on r.exception_id = e.exception_id group by e.exception_id, e.reason
         )
         select c.exception_id, p.person_id,
             'An exception has ended, and ' || case c.open when 0 then 'no finding is' when 1 then '1 finding is'
                 else c.open || ' findings are' end || ' open again: ' || left(c.reason, 120)
         from counted c join people p on p.exception_id = c.exception_id
         where p.person_id is not null and p.person_id is distinct from $3",
    )
    .bind(tx.tenant().0)
    .bind(exceptions.iter().map(|id| id.0).collect::<Vec<_>>())
    .bind(by.map(|by| by.0))
    .fetch_all(tx.conn())
    .await?;
    tell(tx, Kind::Exception, told, mint).await
}

/// Tells people of one exception each: exception, person and sentence.
async fn tell(tx: &mut TenantTx, kind: Kind, told: Vec<(Uuid, Uuid, String)>, mint: &Mint) -> Result<(), StoreError> {
    if told.is_empty() {
        return Ok(());
    }
    let notice = |(exception, person, subject)| Notice {
        person: PersonId(person),
        subject,
        link: format!("/exceptions/{exception}"),
    };
    let notices: Vec<Notice> = told.into_iter().map(notice).collect();
    inbox::tell_many(tx, kind, &notices, mint.now()).await?;
    inbox::wake(tx, mint).await
}
