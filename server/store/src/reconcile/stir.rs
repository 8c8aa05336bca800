//! Whether attack paths may be others than those that are kept, told by a setting of the transaction.
//!
//! Whoever moves findings looks for paths anew at once when one of them opens something. A job that settles several times
//! puts that off, and does it once at its end.

use super::paths::find_paths;
use crate::door::TenantTx;
use crate::error::StoreError;
use chrono::{DateTime, Utc};
use plumbline_core::path::Openings;

const LATER: &str = "later";
const STIRRED: &str = "stirred";

/// Until the transaction ends, paths are looked for when [`find_paths`] is called, and not before.
///
/// # Errors
/// When the database does not answer.
pub async fn put_off(tx: &mut TenantTx) -> Result<(), StoreError> {
    set(tx, LATER).await
}

/// Says that something moved that paths are made of.
///
/// # Errors
/// When the database does not answer.
pub async fn stir(tx: &mut TenantTx) -> Result<(), StoreError> {
    set(tx, STIRRED).await
}

/// Whether something moved that paths are made of, in a transaction that put the search off.
///
/// # Errors
/// When the database does not answer.
pub async fn is_stirred(tx: &mut TenantTx) -> Result<bool, StoreError> {
    Ok(state(tx).await? == STIRRED)
}

async fn set(tx: &mut TenantTx, state: &str) -> Result<(), StoreError> {
    sqlx::query("select set_config('plumbline.paths', $1, true)").bind(state).execute(tx.conn()).await?;
    Ok(())
}

async fn state(tx: &mut TenantTx) -> Result<String, StoreError> {
    let state: Option<String> =
        sqlx::query_scalar("select current_setting('plumbline.paths', true)").fetch_one(tx.conn()).await?;
    Ok(state.unwrap_or_default())
}

/// Whether a finding in `moved` opens something, or did: asked before the findings are written.
pub(super) async fn is_opening(tx: &mut TenantTx, openings: &Openings) -> Result<bool, StoreError> {
    let (checks, _) = openings.lists();
    let opening = sqlx::query_scalar(
        "select exists (select from moved m where m.check_id = any($2)) or exists (
             select from moved m left join findings f on f.tenant_id = $1 and f.finding_id = m.finding_id
             where m.subject <> '' and (m.exposure = 'internet' or m.was_exposure = 'internet')
               and (m.likelihood in ('exploited', 'likely') or f.likelihood in ('exploited', 'likely')))",
    )
    .bind(tx.tenant().0)
    .bind(checks)
    .fetch_one(tx.conn())
    .await?;
    Ok(opening)
}

/// Looks for paths anew, or notes that they are to be looked for.
pub(super) async fn stirred(tx: &mut TenantTx, openings: &Openings, at: DateTime<Utc>) -> Result<(), StoreError> {
    if state(tx).await?.is_empty() { find_paths(tx, openings, at).await } else { stir(tx).await }
}
