//! Groups by tag: their numbers, brought up to date from `group_moves`; and why their scores moved.

use super::groups::{RETAGGED, gathered};
use super::ledger::{Cause, is_new_version};
use super::parts::groups;
use crate::door::TenantTx;
use crate::error::StoreError;
use chrono::{DateTime, Utc};
use plumbline_core::score::{HALF_LOSS, Weighing};
use sqlx::types::Json;
use std::collections::BTreeMap;
use uuid::Uuid;

/// Keeps what was gathered: the ledger of each group first, which is reckoned from how the groups stood. Returns whether
/// there was anything: moves, or other weights than the last posture's.
pub(super) async fn keep(tx: &mut TenantTx, weighing: &Weighing, at: DateTime<Utc>) -> Result<bool, StoreError> {
    let Some(moves) = gathered(tx).await? else { return Ok(false) };
    if moves == 0 && !is_new_version(tx, weighing).await? {
        return Ok(false);
    }
    sqlx::query("analyze group_moves").execute(tx.conn()).await?;
    write_ledger(tx, weighing, at).await?;
    for statement in [
        "insert into group_losses (tenant_id, tag_key, tag_value, check_id, loss, net_loss, open_findings, decided, unknown)
         select $1, tag_key, tag_value, check_id, sum(loss), sum(net_loss), sum(open_findings), sum(decided), sum(unknown)
         from group_moves group by tag_key, tag_value, check_id
         on conflict (tenant_id, tag_key, tag_value, check_id) do update set
             loss = group_losses.loss + excluded.loss, net_loss = group_losses.net_loss + excluded.net_loss,
             open_findings = group_losses.open_findings + excluded.open_findings,
             decided = group_losses.decided + excluded.decided, unknown = group_losses.unknown + excluded.unknown",
        "delete from group_losses g
         using (select distinct tag_key, tag_value, check_id from group_moves) m
         where g.tenant_id = $1 and g.tag_key = m.tag_key and g.tag_value = m.tag_value and g.check_id = m.check_id
             and g.loss = 0 and g.net_loss = 0 and g.open_findings = 0 and g.decided = 0 and g.unknown = 0",
        "insert into group_fixes (tenant_id, tag_key, tag_value, fix_id, check_id, loss, open_findings)
         select $1, tag_key, tag_value, fix_id, check_id, sum(net_loss), sum(open_findings)
         from group_moves where fix_id is not null
         group by tag_key, tag_value, fix_id, check_id
         having sum(net_loss) <> 0 or sum(open_findings) <> 0
         on conflict (tenant_id, tag_key, tag_value, fix_id, check_id) do update set
             loss = group_fixes.loss + excluded.loss, open_findings = group_fixes.open_findings + excluded.open_findings",
        "delete from group_fixes g
         using (select distinct tag_key, tag_value, fix_id, check_id from group_moves) m
         where g.tenant_id = $1 and g.tag_key = m.tag_key and g.tag_value = m.tag_value and g.fix_id = m.fix_id
             and g.check_id = m.check_id and g.open_findings = 0 and g.loss = 0",
    ] {
        sqlx::query(statement).bind(tx.tenant().0).execute(tx.conn()).await?;
    }
    sqlx::query("truncate group_moves").execute(tx.conn()).await?;
    Ok(true)
}

/// What the scores of groups moved by when the weights did, with nothing else changed.
#[derive(Default)]
struct Steps {
    keys: Vec<String>,
    values: Vec<String>,
    net: Vec<f64>,
    gross: Vec<f64>,
}

impl Steps {
    /// Those of the groups that the last posture tells of; none while the weights are the same.
    async fn read(tx: &mut TenantTx, weighing: &Weighing) -> Result<Self, StoreError> {
        let mut steps = Self::default();
        if !is_new_version(tx, weighing).await? {
            return Ok(steps);
        }
        let last: Option<Json<BTreeMap<String, serde_json::Value>>> =
            sqlx::query_scalar("select parts from postures where tenant_id = $1 order by at desc limit 1")
                .bind(tx.tenant().0)
                .fetch_optional(tx.conn())
                .await?;
        let Some(Json(last)) = last else { return Ok(steps) };
        for group in groups(tx, weighing).await? {
            let name = group.name();
            let was = |word: &str| last.get(&name)?.get(word)?.as_f64();
            if let (Some(net), Some(gross)) = (was("score"), was("gross")) {
                let (is_net, is_gross) = group.scores(weighing);
                steps.net.push(is_net - net);
                steps.gross.push(is_gross - gross);
                steps.keys.push(group.key);
                steps.values.push(group.value);
            }
        }
        Ok(steps)
    }
}

/// Attributes the change of each group's score. As with the tenant's, causes are applied one after the other, so that the
/// deltas add up: what came and went with tags first. A check's part of a score depends on its own loss alone, so that each
/// check is followed by itself.
async fn write_ledger(tx: &mut TenantTx, weighing: &Weighing, at: DateTime<Utc>) -> Result<(), StoreError> {
    let steps = Steps::read(tx, weighing).await?;
    // Of a key that is still being reckoned nothing is told.
    let whole_keys: Vec<String> =
        sqlx::query_scalar("select tag_key from group_keys where tenant_id = $1 and reckoned_to = $2")
            .bind(tx.tenant().0)
            .bind(Uuid::max())
            .fetch_all(tx.conn())
            .await?;
    let causes: Vec<&str> = std::iter::once(RETAGGED).chain(Cause::ALL.into_iter().map(Cause::as_str)).collect();
    let (checks, weights): (Vec<&str>, Vec<f64>) = weighing.checks().unzip();
    let whole: f64 = weighing.whole.iter().map(|control| control.weight).sum();
    sqlx::query(
        "with by_check as (
             select tag_key, tag_value, cause, check_id, sum(loss)::bigint as loss, sum(net_loss)::bigint as net,
                 sum(findings)::bigint as findings
             from group_moves where cause is not null and tag_key = any ($12) group by tag_key, tag_value, cause, check_id
             having sum(loss) <> 0 or sum(net_loss) <> 0
         ), followed as (
             select b.*, w.weight * 100 / $4 as weight,
                 (coalesce(g.loss, 0) + sum(b.loss) over so_far)::float8 as gross_then,
                 (coalesce(g.net_loss, 0) + sum(b.net) over so_far)::float8 as net_then
             from by_check b
             join unnest($2::text[], $3::float8[]) as w (check_id, weight) on w.check_id = b.check_id
             left join group_losses g on g.tenant_id = $1 and g.tag_key = b.tag_key and g.tag_value = b.tag_value
                 and g.check_id = b.check_id
             window so_far as (
                 partition by b.tag_key, b.tag_value, b.check_id order by array_position($6::text[], b.cause)
             )
         )
         insert into group_ledger (tenant_id, tag_key, tag_value, at, cause, delta, gross_delta, findings)
         select $1, tag_key, tag_value, $7, cause, sum(delta), sum(gross_delta), sum(findings)
         from (
             select tag_key, tag_value, cause, findings,
                 weight * (1 / (1 + net_then / $5) - 1 / (1 + (net_then - net) / $5)) as delta,
                 weight * (1 / (1 + gross_then / $5) - 1 / (1 + (gross_then - loss) / $5)) as gross_delta
             from followed
             union all
             select tag_key, tag_value, 'ours', 0, net, gross
             from unnest($8::text[], $9::text[], $10::float8[], $11::float8[]) as s (tag_key, tag_value, net, gross)
             where net <> 0 or gross <> 0
         ) parts
         group by tag_key, tag_value, cause",
    )
    .bind(tx.tenant().0)
    .bind(checks)
    .bind(weights)
    .bind(whole.max(f64::MIN_POSITIVE))
    .bind(HALF_LOSS)
    .bind(causes)
    .bind(at)
    .bind(steps.keys)
    .bind(steps.values)
    .bind(steps.net)
    .bind(steps.gross)
    .bind(whole_keys)
    .execute(tx.conn())
    .await?;
    Ok(())
}
