//! What the checks decided, on its way into the database: a temporary table of the transaction, filled by COPY.

use crate::door::TenantTx;
use crate::error::StoreError;
use plumbline_core::id::{FindingId, FixId, ResourceId};
use plumbline_core::risk::{Guard, Risk};
use plumbline_core::verdict::Verdict;
use serde_json::Value;
use std::fmt::Write as _;

/// One verdict.
#[derive(Debug, Clone)]
pub struct Decided {
    pub resource: ResourceId,
    pub check: String,
    pub verdict: Verdict,
    pub message: String,
    /// For unknown: what is missing.
    pub missing: Option<Value>,
    /// For fail: one, or as many as the check tells apart by their subjects.
    pub failures: Vec<Failure>,
}

/// What a failing verdict says beyond itself.
#[derive(Debug, Clone)]
pub struct Failure {
    pub finding: FindingId,
    /// What fails, where a check tells several failures of one resource apart: the id of a flaw. Empty otherwise.
    pub subject: String,
    pub message: String,
    pub risk: Risk,
    pub account: String,
    pub region: String,
    pub observed: Value,
    pub fix: FixId,
    pub fix_key: String,
    pub fix_target: String,
}

/// Makes the table that [`decide`] fills; once in a transaction.
///
/// # Errors
/// When the database does not answer.
pub async fn open_decisions(tx: &mut TenantTx) -> Result<(), StoreError> {
    sqlx::query(
        "create temporary table decided (
             resource_id uuid not null, check_id text not null, verdict text not null, message text not null,
             missing jsonb, finding_id uuid, severity text, exposure text, criticality text, loss bigint, risk smallint,
             likelihood text, blast text, guards text[],
             account text, region text, observed jsonb, fix_id uuid, fix_key text, fix_target text
         ) on commit drop",
    )
    .execute(tx.conn())
    .await?;
    // A check that fails in many ways on one resource has one verdict and a failure for each.
    sqlx::query("create temporary table failures (like decided, subject text not null) on commit drop")
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Drops what [`open_decisions`] made, where one transaction decides for several sources.
///
/// # Errors
/// When the database does not answer.
pub async fn close_decisions(tx: &mut TenantTx) -> Result<(), StoreError> {
    sqlx::query("drop table decided, failures").execute(tx.conn()).await?;
    Ok(())
}

/// Adds verdicts.
///
/// # Errors
/// When the database does not answer.
pub async fn decide(tx: &mut TenantTx, batch: &[Decided]) -> Result<(), StoreError> {
    let mut text = String::with_capacity(batch.len() * 96);
    let mut failures = String::new();
    for decided in batch {
        match decided.failures.as_slice() {
            [one] if one.subject.is_empty() => row(&mut text, decided, &decided.message, Some(one)),
            several => {
                row(&mut text, decided, &decided.message, None);
                for failure in several {
                    row(&mut failures, decided, &failure.message, Some(failure));
                    failures.push('\t');
                    escape(&mut failures, &failure.subject);
                    failures.push('\n');
                }
            }
        }
        text.push('\n');
    }
    send(tx, "copy decided from stdin", text).await?;
    send(tx, "copy failures from stdin", failures).await
}

async fn send(tx: &mut TenantTx, copy: &'static str, text: String) -> Result<(), StoreError> {
    if text.is_empty() {
        return Ok(());
    }
    let mut copy = tx.conn().copy_in_raw(copy).await?;
    copy.send(text.into_bytes()).await?;
    copy.finish().await?;
    Ok(())
}

/// One row in COPY's text format, without its end; rows of `failures` go on with their subject.
fn row(text: &mut String, decided: &Decided, message: &str, failure: Option<&Failure>) {
    let _ = write!(text, "{}\t{}\t{}\t", decided.resource, decided.check, decided.verdict.as_str());
    escape(text, message);
    text.push('\t');
    optional(text, decided.missing.as_ref());
    match failure {
        None => text.push_str(&"\t\\N".repeat(15)),
        Some(failure) => {
            let Risk { severity, exposure, criticality, likelihood, blast, guards, cvss: _ } = failure.risk;
            let guards: Vec<&str> = guards.iter().map(Guard::as_str).collect();
            let _ = write!(
                text,
                "\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\t{{{}}}\t",
                failure.finding,
                severity.as_str(),
                exposure.as_str(),
                criticality.as_str(),
                failure.risk.loss(),
                failure.risk.shown(),
                likelihood.as_str(),
                blast.as_str(),
                guards.join(",")
            );
            escape(text, &failure.account);
            text.push('\t');
            escape(text, &failure.region);
            text.push('\t');
            optional(text, Some(&failure.observed));
            let _ = write!(text, "\t{}\t", failure.fix);
            escape(text, &failure.fix_key);
            text.push('\t');
            escape(text, &failure.fix_target);
        }
    }
}

fn optional(text: &mut String, value: Option<&Value>) {
    match value {
        None => text.push_str("\\N"),
        Some(value) => escape(text, &value.to_string()),
    }
}

/// COPY's escapes. A NUL, which Postgres text cannot hold, becomes a space; JSON has none, since resources were cleaned of
/// them when they came in.
fn escape(text: &mut String, raw: &str) {
    for c in raw.chars() {
        match c {
            '\\' => text.push_str("\\\\"),
            '\t' => text.push_str("\\t"),
            '\n' => text.push_str("\\n"),
            '\r' => text.push_str("\\r"),
            '\0' => text.push(' '),
            other => text.push(other),
        }
    }
}
