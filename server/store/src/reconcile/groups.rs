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
         join group_keys k on k.tenant_id = $1 and r.tags ->> k.tag_key is not null
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

/// Reckons all groups anew, after the tenant named other keys, and writes the posture. The caller holds [`super::lock`].
///
/// # Errors
/// When the database does not answer.
pub async fn regroup(tx: &mut TenantTx, weighing: &Weighing, now: DateTime<Utc>) -> Result<(), StoreError> {
    sqlx::query("delete from group_losses where tenant_id = $1").bind(tx.tenant().0).execute(tx.conn()).await?;
    sqlx::query(
        "insert into group_losses (tenant_id, tag_key, tag_value, check_id, loss, net_loss, open_findings)
         select $1, k.tag_key, r.tags ->> k.tag_key, f.check_id, sum(f.loss),
             coalesce(sum(f.loss) filter (where f.state = 'open'), 0), count(*) filter (where f.state = 'open')
         from findings f
         join resources r on r.tenant_id = $1 and r.resource_id = f.resource_id
         join group_keys k on k.tenant_id = $1 and r.tags ->> k.tag_key is not null
         where f.tenant_id = $1 and f.state <> 'resolved'
         group by k.tag_key, r.tags ->> k.tag_key, f.check_id",
    )
    .bind(tx.tenant().0)
    .execute(tx.conn())
    .await?;
    let any: bool = sqlx::query_scalar("select exists (select from postures where tenant_id = $1)")
        .bind(tx.tenant().0)
        .fetch_one(tx.conn())
        .await?;
    if any {
        let at = instant(tx, now).await?;
        posture(tx, None, weighing, at).await?;
    }
    Ok(())
}
