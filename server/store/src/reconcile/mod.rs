//! Reconcile: from what a run saw and the checks decided to findings, their history, and every number a page shows.
//!
//! All of it happens in one transaction, under a lock of the tenant, with one statement a table. The steps, in order:
//! [`stage`] while the run goes on; then [`lock`], [`merge`], [`sight`], the checks (in the worker), [`decide`], [`settle`].
//! The rules that make it safe: an unknown verdict closes nothing; only resources that a complete scope no longer lists
//! are retired; an unchanged verdict, finding or count is not written.

mod acceptance;
mod context;
mod covering;
mod decide;
mod group_sums;
mod groups;
mod history;
mod ledger;
mod merge;
mod moved;
mod open_flaws;
mod parts;
mod paths;
mod reach;
mod reasons;
mod settle;
mod sight;
mod stage;
mod stir;
mod sums;
mod walk;

pub use acceptance::{end_expired, lift, put_in_force};
pub use context::{Isolation, context};
pub use decide::{Decided, Failure, close_decisions, decide, open_decisions};
pub use groups::{RETAGGED, regroup};
pub use ledger::Cause;
pub use merge::{Merged, merge};
pub use paths::find_paths;
pub use reach::{Reached, reach};
pub use reasons::{MovedCheck, MovedFix, NAMED, Reason};
pub use settle::{Settled, disconnect, settle, settle_rules};
pub use sight::{ScopeEnd, ScopeSight, blind_scopes, scopes_of, sight};
pub use stage::{Known, Staged, digest, known, stage};
pub use stir::{is_stirred, put_off, stir};
pub(crate) use sums::own_changed_fixes;
pub use sums::own_fixes;

use crate::door::TenantTx;
use crate::error::StoreError;
use std::time::Duration;

/// As [`lock`], for a person who waits: gives up after three seconds, so that a long reconcile cannot hold every connection
/// that pages need.
///
/// # Errors
/// [`StoreError::Busy`] when a reconcile is still under way by then.
pub async fn try_lock(tx: &mut TenantTx) -> Result<(), StoreError> {
    let (high, low) = tx.tenant().0.as_u64_pair();
    for _ in 0..30 {
        let held: bool = sqlx::query_scalar("select pg_try_advisory_xact_lock($1)")
            .bind((high ^ low).cast_signed())
            .fetch_one(tx.conn())
            .await?;
        if held {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    Err(StoreError::Busy)
}

/// Waits until no other reconcile of this tenant is under way, and keeps others out until the transaction ends.
///
/// # Errors
/// When the database does not answer.
pub async fn lock(tx: &mut TenantTx) -> Result<(), StoreError> {
    let (high, low) = tx.tenant().0.as_u64_pair();
    sqlx::query("select pg_advisory_xact_lock($1)").bind((high ^ low).cast_signed()).execute(tx.conn()).await?;
    Ok(())
}
