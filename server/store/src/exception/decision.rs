//! What is decided of exceptions: approved, refused, withdrawn, ended.

use super::told::{notice_at, tell_asker};
use super::{Exception, four_eyes, get, tell_finding};
use crate::door::TenantTx;
use crate::error::StoreError;
use crate::job::{self, Task};
use chrono::{DateTime, Utc};
use plumbline_core::id::{ExceptionId, Mint, PersonId};

/// One that waits, with its row locked.
async fn waiting(tx: &mut TenantTx, exception: ExceptionId) -> Result<Exception, StoreError> {
    sqlx::query("select 1 from exceptions where tenant_id = $1 and exception_id = $2 for update")
        .bind(tx.tenant().0)
        .bind(exception.0)
        .execute(tx.conn())
        .await?;
    let found = get(tx, exception).await?;
    if found.state == "asked" {
        return Ok(found);
    }
    Err(StoreError::Conflict("This exception no longer waits for approval.".to_owned()))
}

/// Writes what became of one that waited: its state, what was said to it, and whether its own asker approved it.
async fn decide(
    tx: &mut TenantTx,
    exception: ExceptionId,
    by: Option<PersonId>,
    (state, said, own): (&str, &str, bool),
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query(
        "update exceptions set state = $3, approved_by = $4, decided_at = $5, decision = $6, two_eyes = $7
         where tenant_id = $1 and exception_id = $2",
    )
    .bind(tx.tenant().0)
    .bind(exception.0)
    .bind(state)
    .bind(by.map(|by| by.0))
    .bind(now)
    .bind(said)
    .bind(own)
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Approves an exception. The caller has the reconcile put it in force.
///
/// # Errors
/// [`StoreError::Conflict`] when it does not wait, its end is past, or its asker approves it; [`StoreError::NotFound`].
pub async fn approve(
    tx: &mut TenantTx,
    exception: ExceptionId,
    by: PersonId,
    mint: &Mint,
) -> Result<Exception, StoreError> {
    let (now, found) = (mint.now(), waiting(tx, exception).await?);
    if found.expires_at <= now {
        return Err(StoreError::Conflict("Its end is past. It has to be asked for anew.".to_owned()));
    }
    let own = found.requested_by == by.0;
    if own && !four_eyes(tx).await?.own_allowed() {
        return Err(StoreError::Conflict(
            "Nobody approves what they asked for themselves. Another owner or CISO decides.".to_owned(),
        ));
    }
    decide(tx, exception, Some(by), ("in_force", "", own), now).await?;
    job::enqueue(tx, &Task::EndExceptions, notice_at(now, found.expires_at), mint).await?;
    if !own {
        tell_asker(tx, exception, "is approved", mint).await?;
    }
    Ok(found)
}

/// Refuses an exception, and says why.
///
/// # Errors
/// [`StoreError::Conflict`] when it does not wait; [`StoreError::NotFound`].
pub async fn refuse(
    tx: &mut TenantTx,
    exception: ExceptionId,
    by: PersonId,
    why: &str,
    mint: &Mint,
) -> Result<Exception, StoreError> {
    let (now, found) = (mint.now(), waiting(tx, exception).await?);
    decide(tx, exception, Some(by), ("refused", why, false), now).await?;
    tell_finding(tx, exception, "exception_refused", Some(by), now).await?;
    tell_asker(tx, exception, "is refused", mint).await?;
    Ok(found)
}

/// Takes a request back, by whoever made it.
///
/// # Errors
/// [`StoreError::Conflict`] when it does not wait, or somebody else asked; [`StoreError::NotFound`].
pub async fn withdraw(
    tx: &mut TenantTx,
    exception: ExceptionId,
    by: PersonId,
    now: DateTime<Utc>,
) -> Result<Exception, StoreError> {
    let found = waiting(tx, exception).await?;
    if found.requested_by != by.0 {
        return Err(StoreError::Conflict("Only who asked for it takes it back.".to_owned()));
    }
    decide(tx, exception, None, ("withdrawn", "", false), now).await?;
    Ok(found)
}

/// Ends an exception before its time. The caller has the reconcile lift it.
///
/// # Errors
/// [`StoreError::Conflict`] when it is not in force; [`StoreError::NotFound`].
pub async fn end(
    tx: &mut TenantTx,
    exception: ExceptionId,
    by: PersonId,
    now: DateTime<Utc>,
) -> Result<Exception, StoreError> {
    let found = get(tx, exception).await?;
    let done = sqlx::query(
        "update exceptions set state = 'ended', ended_at = $3, ended_how = 'by_hand', ended_by = $4
         where tenant_id = $1 and exception_id = $2 and state = 'in_force'",
    )
    .bind(tx.tenant().0)
    .bind(exception.0)
    .bind(now)
    .bind(by.0)
    .execute(tx.conn())
    .await?;
    if done.rows_affected() == 0 {
        return Err(StoreError::Conflict("This exception is not in force.".to_owned()));
    }
    Ok(found)
}
