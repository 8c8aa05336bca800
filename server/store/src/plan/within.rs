//! What there is to plan with: within everything, one source or one group.

use super::{MOST, Removals, by_fix};
use crate::door::TenantTx;
use crate::error::StoreError;
use plumbline_core::id::SourceId;
use plumbline_core::score::{HALF_LOSS, Losses, Weighing};
use uuid::Uuid;

/// Whose losses and fixes count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Within {
    Everything,
    Source(SourceId),
    /// A group by tag: key and value.
    Group(String, String),
}

impl Within {
    fn source(&self) -> Option<Uuid> {
        if let Self::Source(source) = self { Some(source.0) } else { None }
    }
}

/// The net losses of all checks, of one source, of one group or of all.
///
/// # Errors
/// When the database does not answer.
pub async fn losses(tx: &mut TenantTx, within: &Within) -> Result<Losses, StoreError> {
    let rows: Vec<(String, i64)> = if let Within::Group(key, value) = within {
        sqlx::query_as(
            "select check_id, net_loss from group_losses where tenant_id = $1 and tag_key = $2 and tag_value = $3",
        )
        .bind(tx.tenant().0)
        .bind(key)
        .bind(value)
        .fetch_all(tx.conn())
        .await?
    } else {
        sqlx::query_as(
            "select check_id, sum(net_loss)::bigint from check_states
             where tenant_id = $1 and ($2::uuid is null or source_id = $2) group by check_id",
        )
        .bind(tx.tenant().0)
        .bind(within.source())
        .fetch_all(tx.conn())
        .await?
    };
    Ok(rows.into_iter().collect())
}

/// What the [`MOST`] fixes that gain most take, within what counts, that touch one of these checks or any; and whether there
/// are more. Within a group both what they gain and what they take is of the group alone.
///
/// # Errors
/// When the database does not answer.
pub async fn candidates(
    tx: &mut TenantTx,
    within: &Within,
    checks: Option<&[String]>,
    weighing: &Weighing,
) -> Result<(Removals, bool), StoreError> {
    let rows = match within {
        Within::Group(key, value) => of_group(tx, key, value, weighing).await?,
        _ => sqlx::query_as(
            "with top as (
                 select f.fix_id from fixes f
                 where f.tenant_id = $1 and f.open_findings > 0 and ($2::uuid is null or f.source_id = $2)
                   and ($3::text[] is null or exists (
                       select from fix_checks c where c.tenant_id = $1 and c.fix_id = f.fix_id and c.check_id = any($3)))
                 order by f.gain desc, f.fix_id limit $4
             )
             select c.fix_id, c.check_id, c.loss from top join fix_checks c on c.tenant_id = $1 and c.fix_id = top.fix_id",
        )
        .bind(tx.tenant().0)
        .bind(within.source())
        .bind(checks)
        .bind(MOST + 1)
        .fetch_all(tx.conn())
        .await?,
    };
    let removals = by_fix(rows);
    let cut = i64::try_from(removals.len()).is_ok_and(|found| found > MOST);
    Ok((removals, cut))
}

async fn of_group(
    tx: &mut TenantTx,
    key: &str,
    value: &str,
    weighing: &Weighing,
) -> Result<Vec<(Uuid, String, i64)>, StoreError> {
    let (checks, weights): (Vec<&str>, Vec<f64>) = weighing.checks().unzip();
    let rows = sqlx::query_as(
        "with top as (
             select g.fix_id, sum(w.weight * (
                 1 / (1 + greatest(l.net_loss - g.loss, 0)::float8 / $6) - 1 / (1 + l.net_loss::float8 / $6))) as gain
             from group_fixes g
             join group_losses l using (tenant_id, tag_key, tag_value, check_id)
             join unnest($4::text[], $5::float8[]) as w (check_id, weight) using (check_id)
             where g.tenant_id = $1 and g.tag_key = $2 and g.tag_value = $3
             group by g.fix_id order by gain desc, g.fix_id limit $7
         )
         select g.fix_id, g.check_id, g.loss from top
         join group_fixes g on g.tenant_id = $1 and g.tag_key = $2 and g.tag_value = $3 and g.fix_id = top.fix_id",
    )
    .bind(tx.tenant().0)
    .bind(key)
    .bind(value)
    .bind(checks)
    .bind(weights)
    .bind(HALF_LOSS)
    .bind(MOST + 1)
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}
