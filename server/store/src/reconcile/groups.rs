//! Groups by tag: what moved in them. A resource is in a group for each key that the tenant named and that it carries.
//!
//! What moves is gathered in the temporary table `group_moves`: findings and verdicts by the tags that their resources have
//! now, and, before a run's resources are merged, what leaves a group and joins another because tags changed. From it
//! [`super::group_sums::keep`] brings every number of groups up to date.

use super::ledger::posture;
use super::settle::instant;
use crate::door::TenantTx;
use crate::error::StoreError;
use chrono::{DateTime, Utc};
use plumbline_core::score::Weighing;
use uuid::Uuid;

/// The cause of what moves between groups with the tags of resources.
pub const RETAGGED: &str = "retagged";

/// Makes the table, where the tenant named keys. Returns whether it did.
async fn begin(tx: &mut TenantTx) -> Result<bool, StoreError> {
    let (keys, made): (bool, bool) = sqlx::query_as(
        "select exists (select from group_keys where tenant_id = $1), to_regclass('pg_temp.group_moves') is not null",
    )
    .bind(tx.tenant().0)
    .fetch_one(tx.conn())
    .await?;
    if keys && !made {
        sqlx::query(
            "create temporary table group_moves (
                 tag_key text not null, tag_value text not null, check_id text not null,
                 -- Neither has one where verdicts moved.
                 cause text, fix_id uuid,
                 loss bigint not null, net_loss bigint not null, open_findings bigint not null,
                 -- How many findings moved.
                 findings bigint not null,
                 decided bigint not null, unknown bigint not null
             ) on commit drop",
        )
        .execute(tx.conn())
        .await?;
    }
    Ok(keys)
}

/// How many moves wait to be kept; none where the tenant has no groups, or nothing looked for moves.
pub(super) async fn gathered(tx: &mut TenantTx) -> Result<Option<i64>, StoreError> {
    let made: bool =
        sqlx::query_scalar("select to_regclass('pg_temp.group_moves') is not null").fetch_one(tx.conn()).await?;
    if !made {
        return Ok(None);
    }
    let moves = sqlx::query_scalar("select count(*) from group_moves").fetch_one(tx.conn()).await?;
    Ok(Some(moves))
}

/// Gathers the findings in `moved`, by the groups that their resources are in now.
pub(super) async fn gather_moved(tx: &mut TenantTx) -> Result<(), StoreError> {
    if !begin(tx).await? {
        return Ok(());
    }
    sqlx::query(
        "insert into group_moves (tag_key, tag_value, check_id, cause, fix_id, loss, net_loss, open_findings, findings,
             decided, unknown)
         select k.tag_key, r.tags ->> k.tag_key, m.check_id, m.cause, s.fix_id, sum(s.loss), sum(s.net), sum(s.open),
             sum(s.one), 0, 0
         from moved m
         join resources r on r.tenant_id = $1 and r.resource_id = m.resource_id
         join group_keys k on k.tenant_id = $1 and r.tags ->> k.tag_key is not null
         cross join lateral (values
             (m.was_fix, case when m.was is null or m.was = 'resolved' then 0 else -m.was_loss end,
                 case when m.was = 'open' then -m.was_loss else 0 end, case when m.was = 'open' then -1 else 0 end, 0),
             (m.fix_id, case when m.\"is\" = 'resolved' then 0 else m.loss end,
                 case when m.\"is\" = 'open' then m.loss else 0 end, case when m.\"is\" = 'open' then 1 else 0 end, 1)
         ) s (fix_id, loss, net, open, one)
         group by 1, 2, 3, 4, 5
         having sum(s.loss) <> 0 or sum(s.net) <> 0 or sum(s.open) <> 0",
    )
    .bind(tx.tenant().0)
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Gathers the verdicts in `turned` in the same way.
pub(super) async fn gather_turned(tx: &mut TenantTx) -> Result<(), StoreError> {
    if !begin(tx).await? {
        return Ok(());
    }
    sqlx::query(
        "insert into group_moves (tag_key, tag_value, check_id, loss, net_loss, open_findings, findings, decided, unknown)
         select k.tag_key, r.tags ->> k.tag_key, t.check_id, 0, 0, 0, 0,
             sum(case when v.verdict <> 'unknown' then v.sign else 0 end),
             sum(case when v.verdict = 'unknown' then v.sign else 0 end)
         from turned t
         cross join lateral (values (t.was, -1), (t.\"is\", 1)) v (verdict, sign)
         join resources r on r.tenant_id = $1 and r.resource_id = t.resource_id
         join group_keys k on k.tenant_id = $1 and r.tags ->> k.tag_key is not null
         where t.was is distinct from t.\"is\" and v.verdict in ('pass', 'fail', 'unknown')
         group by 1, 2, 3",
    )
    .bind(tx.tenant().0)
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Gathers what staged resources take along from the groups that they were in to those that their new tags say; before they
/// are merged.
pub(super) async fn follow_tags(tx: &mut TenantTx, run: Uuid) -> Result<(), StoreError> {
    if !begin(tx).await? {
        return Ok(());
    }
    sqlx::query(
        "with sides as (
             select r.resource_id, k.tag_key, v.tag_value, v.sign
             from staged_resources s
             join resources r on r.tenant_id = $1 and r.resource_id = s.resource_id
             join group_keys k on k.tenant_id = $1 and r.tags ->> k.tag_key is distinct from s.tags ->> k.tag_key
             cross join lateral (values (r.tags ->> k.tag_key, -1), (s.tags ->> k.tag_key, 1)) v (tag_value, sign)
             where s.tenant_id = $1 and s.run_id = $2 and v.tag_value is not null
         )
         insert into group_moves (tag_key, tag_value, check_id, cause, fix_id, loss, net_loss, open_findings, findings,
             decided, unknown)
         select s.tag_key, s.tag_value, f.check_id, $3, f.fix_id, sum(s.sign * f.loss),
             sum(case when f.state = 'open' then s.sign * f.loss else 0 end),
             sum(case when f.state = 'open' then s.sign else 0 end), count(*), 0, 0
         from sides s
         join findings f on f.tenant_id = $1 and f.resource_id = s.resource_id and f.state <> 'resolved'
         group by s.tag_key, s.tag_value, f.check_id, f.fix_id
         union all
         select s.tag_key, s.tag_value, v.check_id, null, null, 0, 0, 0, 0,
             sum(case when v.verdict <> 'unknown' then s.sign else 0 end),
             sum(case when v.verdict = 'unknown' then s.sign else 0 end)
         from sides s
         join verdicts v on v.tenant_id = $1 and v.resource_id = s.resource_id and v.verdict <> 'not_applicable'
         group by s.tag_key, s.tag_value, v.check_id",
    )
    .bind(tx.tenant().0)
    .bind(run)
    .bind(RETAGGED)
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Reckons all groups anew, after the tenant named other keys, and writes the posture. The caller holds [`super::lock`].
///
/// # Errors
/// When the database does not answer.
pub async fn regroup(tx: &mut TenantTx, weighing: &Weighing, now: DateTime<Utc>) -> Result<(), StoreError> {
    for statement in [
        "delete from group_losses where tenant_id = $1",
        "delete from group_fixes where tenant_id = $1",
        "insert into group_losses (tenant_id, tag_key, tag_value, check_id, loss, net_loss, open_findings, decided, unknown)
         select $1, tag_key, tag_value, check_id, sum(loss), sum(net_loss), sum(open_findings), sum(decided), sum(unknown)
         from (
             select k.tag_key, r.tags ->> k.tag_key as tag_value, f.check_id, sum(f.loss) as loss,
                 coalesce(sum(f.loss) filter (where f.state = 'open'), 0) as net_loss,
                 count(*) filter (where f.state = 'open') as open_findings, 0 as decided, 0 as unknown
             from findings f
             join resources r on r.tenant_id = $1 and r.resource_id = f.resource_id
             join group_keys k on k.tenant_id = $1 and r.tags ->> k.tag_key is not null
             where f.tenant_id = $1 and f.state <> 'resolved'
             group by 1, 2, 3
             union all
             select k.tag_key, r.tags ->> k.tag_key, v.check_id, 0, 0, 0, count(*) filter (where v.verdict <> 'unknown'),
                 count(*) filter (where v.verdict = 'unknown')
             from verdicts v
             join resources r on r.tenant_id = $1 and r.resource_id = v.resource_id
             join group_keys k on k.tenant_id = $1 and r.tags ->> k.tag_key is not null
             where v.tenant_id = $1 and v.verdict <> 'not_applicable'
             group by 1, 2, 3
         ) sums
         group by tag_key, tag_value, check_id",
        "insert into group_fixes (tenant_id, tag_key, tag_value, fix_id, check_id, loss, open_findings)
         select $1, k.tag_key, r.tags ->> k.tag_key, f.fix_id, f.check_id, sum(f.loss), count(*)
         from findings f
         join resources r on r.tenant_id = $1 and r.resource_id = f.resource_id
         join group_keys k on k.tenant_id = $1 and r.tags ->> k.tag_key is not null
         where f.tenant_id = $1 and f.state = 'open'
         group by 2, 3, f.fix_id, f.check_id",
    ] {
        sqlx::query(statement).bind(tx.tenant().0).execute(tx.conn()).await?;
    }
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
