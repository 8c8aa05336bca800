//! The score: what it is after this reconcile, and why it moved.

use super::parts::parts;
use super::reasons::{MovedCheck, Reason, reasons};
use crate::door::TenantTx;
use crate::error::StoreError;
use chrono::{DateTime, Utc};
use plumbline_core::id::RunId;
use plumbline_core::score::{Losses, Weighing, score};
use sqlx::types::Json;

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
    pub const ALL: [Self; 8] = [
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
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|cause| cause.as_str() == word)
    }

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

/// Net and gross losses of all checks.
pub(super) struct BothLosses {
    net: Losses,
    gross: Losses,
}

pub(super) async fn losses(tx: &mut TenantTx) -> Result<BothLosses, StoreError> {
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
pub(super) async fn is_new_version(tx: &mut TenantTx, weighing: &Weighing) -> Result<bool, StoreError> {
    let last: Option<String> =
        sqlx::query_scalar("select catalogue_version from postures where tenant_id = $1 order by at desc limit 1")
            .bind(tx.tenant().0)
            .fetch_optional(tx.conn())
            .await?;
    Ok(last.as_deref() != Some(weighing.version.as_str()))
}

/// What the score moved by when the weights did, with nothing else changed.
#[derive(Clone, Copy)]
pub(super) struct Step {
    net: f64,
    gross: f64,
    /// The versions of the weights of the ranking before and now, where they are not the same. They move no score.
    ranking: Option<(u32, u32)>,
}

impl Step {
    /// Whether it moved the score.
    pub(super) fn moves(&self) -> bool {
        self.net != 0.0 || self.gross != 0.0
    }
}

/// The step from the weights of the last posture to those of now; none when they are the same.
pub(super) async fn step_of_weights(
    tx: &mut TenantTx,
    weighing: &Weighing,
    before: &BothLosses,
) -> Result<Option<Step>, StoreError> {
    let last: Option<(String, f64, f64, Option<i32>)> = sqlx::query_as(
        "select p.catalogue_version, p.score, p.gross_score, (c.weights ->> 'ranking')::int
         from postures p left join catalogue_versions c on c.version = p.catalogue_version
         where p.tenant_id = $1 order by p.at desc limit 1",
    )
    .bind(tx.tenant().0)
    .fetch_optional(tx.conn())
    .await?;
    let Some((version, net, gross, ranking)) = last else { return Ok(None) };
    let ranking = ranking.and_then(|ranking| u32::try_from(ranking).ok()).unwrap_or(1);
    let step = Step {
        net: score(&weighing.whole, &before.net).0 - net,
        gross: score(&weighing.whole, &before.gross).0 - gross,
        ranking: (ranking != weighing.ranking).then_some((ranking, weighing.ranking)),
    };
    Ok((version != weighing.version && (step.moves() || step.ranking.is_some())).then_some(step))
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
pub(super) async fn write_ledger(
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
    let mut reasons = reasons(tx).await?;
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
        let reason = Reason {
            checks: moved_checks(&of_cause),
            ranking: step.and_then(|step| step.ranking),
            ..reasons.remove(cause.as_str()).unwrap_or_default()
        };
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
        .bind(Json(reason))
        .bind(run.map(|run| run.0))
        .execute(tx.conn())
        .await?;
    }
    Ok(())
}

/// The checks that moved most.
fn moved_checks(moves: &[&Moves]) -> Vec<MovedCheck> {
    let mut moves = moves.to_vec();
    moves.sort_by_key(|m| std::cmp::Reverse(m.net_delta.abs().max(m.loss_delta.abs())));
    let of = |m: &&Moves| MovedCheck { check_id: m.check_id.clone(), findings: m.findings, loss_delta: m.loss_delta };
    moves.iter().take(10).map(of).collect()
}

/// Writes the posture as it is now.
pub(super) async fn posture(
    tx: &mut TenantTx,
    run: Option<RunId>,
    weighing: &Weighing,
    at: DateTime<Utc>,
) -> Result<(), StoreError> {
    let (standing, parts) = parts(tx, weighing).await?;
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
    .bind(score(&weighing.whole, &standing.net).0)
    .bind(score(&weighing.whole, &standing.gross).0)
    .bind(Json(parts))
    .execute(tx.conn())
    .await?;
    Ok(())
}
