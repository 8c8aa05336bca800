//! Groups by tag: what each value of the keys that the tenant named costs. Kept from `moved`, and moved along when the tags of
//! a resource change.

use super::ledger::posture;
use super::settle::instant;
use crate::door::TenantTx;
use crate::error::StoreError;
use chrono::{DateTime, Utc};
use plumbline_core::score::Weighing;
use uuid::Uuid;

/// Groups that a posture tells of at most: those with the most open findings.
pub(super) const MOST: i64 = 200;

async fn has_keys(tx: &mut TenantTx) -> Result<bool, StoreError> {
    let any = sqlx::query_scalar("select exists (select from group_keys where tenant_id = $1)")
        .bind(tx.tenant().0)
        .fetch_one(tx.conn())
        .await?;
    Ok(any)
}

/// Adds what moved to the groups that its resources are in now.
pub(super) async fn write_groups(tx: &mut TenantTx) -> Result<(), StoreError> {
    if !has_keys(tx).await? {
        return Ok(());
    }
    sqlx::query(
        "insert into group_losses (tenant_id, tag_key, tag_value, check_id, loss, net_loss, open_findings)
         select $1, k.tag_key, r.tags ->> k.tag_key, m.check_id,
             sum((case when m.\"is\" = 'resolved' then 0 else m.loss end)
                 - (case when m.was is null or m.was = 'resolved' then 0 else m.was_loss end)),
             sum((case when m.\"is\" = 'open' then m.loss else 0 end) - (case when m.was = 'open' then m.was_loss else 0 end)),
             sum((m.\"is\" = 'open')::int - (m.was is not null and m.was = 'open')::int)
         from moved m
         join resources r on r.tenant_id = $1 and r.resource_id = m.resource_id
         join group_keys k on k.tenant_id = $1 and r.tags ->> k.tag_key is not null and r.resource_id <= k.reckoned_to
         group by k.tag_key, r.tags ->> k.tag_key, m.check_id
         on conflict (tenant_id, tag_key, tag_value, check_id) do update set
             loss = group_losses.loss + excluded.loss, net_loss = group_losses.net_loss + excluded.net_loss,
             open_findings = group_losses.open_findings + excluded.open_findings",
    )
    .bind(tx.tenant().0)
    .execute(tx.conn())
    .await?;
    forget_empty(tx).await
}

/// Moves what staged resources cost from the groups that they were in to those that their new tags say; before they are
/// merged.
pub(super) async fn follow_tags(tx: &mut TenantTx, run: Uuid) -> Result<(), StoreError> {
    if !has_keys(tx).await? {
        return Ok(());
    }
    sqlx::query(
        "with changed as (
             select r.resource_id, k.tag_key, r.tags ->> k.tag_key as was, s.tags ->> k.tag_key as \"is\"
             from staged_resources s
             join resources r on r.tenant_id = $1 and r.resource_id = s.resource_id
             join group_keys k on k.tenant_id = $1 and r.tags ->> k.tag_key is distinct from s.tags ->> k.tag_key
                 and r.resource_id <= k.reckoned_to
             where s.tenant_id = $1 and s.run_id = $2
         )
         insert into group_losses (tenant_id, tag_key, tag_value, check_id, loss, net_loss, open_findings)
         select $1, c.tag_key, v.tag_value, f.check_id, sum(v.sign * f.loss),
             sum(v.sign * case when f.state = 'open' then f.loss else 0 end), sum(v.sign * (f.state = 'open')::int)
         from changed c
         join findings f on f.tenant_id = $1 and f.resource_id = c.resource_id and f.state <> 'resolved'
         cross join lateral (values (c.was, -1), (c.\"is\", 1)) v (tag_value, sign)
         where v.tag_value is not null
         group by c.tag_key, v.tag_value, f.check_id
         on conflict (tenant_id, tag_key, tag_value, check_id) do update set
             loss = group_losses.loss + excluded.loss, net_loss = group_losses.net_loss + excluded.net_loss,
             open_findings = group_losses.open_findings + excluded.open_findings",
    )
    .bind(tx.tenant().0)
    .bind(run)
    .execute(tx.conn())
    .await?;
    forget_empty(tx).await
}

async fn forget_empty(tx: &mut TenantTx) -> Result<(), StoreError> {
    sqlx::query("delete from group_losses where tenant_id = $1 and loss = 0 and net_loss = 0 and open_findings = 0")
        .bind(tx.tenant().0)
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Reckons the groups of keys that were named anew, at most so many resources at a time: `group_keys.reckoned_to` says up to which one
/// the sums are right, whatever moves meanwhile, and a key is part of no posture before they are whole. Returns whether there
/// is more to reckon; when there is not, the posture is written. The caller holds [`super::lock`].
///
/// # Errors
/// When the database does not answer.
pub async fn regroup(
    tx: &mut TenantTx,
    weighing: &Weighing,
    at_most: i64,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let tenant = tx.tenant().0;
    // Whoever names other keys waits, so that none is counted twice.
    let reckoned: Vec<Uuid> =
        sqlx::query_scalar("select reckoned_to from group_keys where tenant_id = $1 order by reckoned_to for update")
            .bind(tenant)
            .fetch_all(tx.conn())
            .await?;
    let forgotten = sqlx::query(
        "delete from group_losses g where g.tenant_id = $1
         and not exists (select from group_keys k where k.tenant_id = $1 and k.tag_key = g.tag_key and k.reckoned_to > $2)",
    )
    .bind(tenant)
    .bind(Uuid::nil())
    .execute(tx.conn())
    .await?;
    let Some(from) = reckoned.first().copied().filter(|to| *to < Uuid::max()) else {
        return posture_of_groups(tx, weighing, forgotten.rows_affected() > 0, now).await;
    };
    let last: Option<Uuid> = sqlx::query_scalar(
        "select resource_id from resources where tenant_id = $1 and resource_id > $2 order by resource_id offset $3 limit 1",
    )
    .bind(tenant)
    .bind(from)
    .bind(at_most - 1)
    .fetch_optional(tx.conn())
    .await?;
    reckon(tx, from, last.unwrap_or(Uuid::max())).await?;
    match last {
        Some(_) => Ok(true),
        None => posture_of_groups(tx, weighing, true, now).await,
    }
}

/// Adds the findings of the resources after one up to another to the groups of the keys that are reckoned up to the first.
async fn reckon(tx: &mut TenantTx, from: Uuid, to: Uuid) -> Result<(), StoreError> {
    for sql in [
        "insert into group_losses (tenant_id, tag_key, tag_value, check_id, loss, net_loss, open_findings)
         select $1, k.tag_key, r.tags ->> k.tag_key, f.check_id, sum(f.loss),
             coalesce(sum(f.loss) filter (where f.state = 'open'), 0), count(*) filter (where f.state = 'open')
         from findings f
         join resources r on r.tenant_id = $1 and r.resource_id = f.resource_id and r.resource_id > $2 and r.resource_id <= $3
         join group_keys k on k.tenant_id = $1 and k.reckoned_to = $2 and r.tags ->> k.tag_key is not null
         where f.tenant_id = $1 and f.resource_id > $2 and f.resource_id <= $3 and f.state <> 'resolved'
         group by k.tag_key, r.tags ->> k.tag_key, f.check_id
         on conflict (tenant_id, tag_key, tag_value, check_id) do update set
             loss = group_losses.loss + excluded.loss, net_loss = group_losses.net_loss + excluded.net_loss,
             open_findings = group_losses.open_findings + excluded.open_findings",
        "update group_keys set reckoned_to = $3 where tenant_id = $1 and reckoned_to = $2",
    ] {
        sqlx::query(sql).bind(tx.tenant().0).bind(from).bind(to).execute(tx.conn()).await?;
    }
    Ok(())
}

/// Writes the posture where groups are others, and says whether any are still to be reckoned.
async fn posture_of_groups(
    tx: &mut TenantTx,
    weighing: &Weighing,
    moved: bool,
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let (more, any): (bool, bool) = sqlx::query_as(
        "select exists (select from group_keys where tenant_id = $1 and reckoned_to < $2),
             exists (select from postures where tenant_id = $1)",
    )
    .bind(tx.tenant().0)
    .bind(Uuid::max())
    .fetch_one(tx.conn())
    .await?;
    if moved && any && !more {
        let at = instant(tx, now).await?;
        posture(tx, None, weighing, at).await?;
    }
    Ok(more)
}
