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
         join group_keys k on k.tenant_id = $1 and r.tags ->> k.tag_key is not null and r.resource_id <= k.reckoned_to
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
         join group_keys k on k.tenant_id = $1 and r.tags ->> k.tag_key is not null and r.resource_id <= k.reckoned_to
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
                 and r.resource_id <= k.reckoned_to
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

/// Deletes what a table keeps of keys that are not named, or of which nothing is reckoned yet.
macro_rules! forget {
    ($table:literal) => {
        concat!(
            "delete from ",
            $table,
            " g where g.tenant_id = $1 and not exists (select from group_keys k
                 where k.tenant_id = $1 and k.tag_key = g.tag_key and k.reckoned_to > $2)"
        )
    };
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
    let mut forgotten = 0;
    for sql in [forget!("group_losses"), forget!("group_fixes")] {
        forgotten += sqlx::query(sql).bind(tenant).bind(Uuid::nil()).execute(tx.conn()).await?.rows_affected();
    }
    let Some(from) = reckoned.first().copied().filter(|to| *to < Uuid::max()) else {
        return posture_of_groups(tx, weighing, forgotten > 0, now).await;
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

/// Adds the findings and verdicts of the resources after one up to another to the groups of the keys that are reckoned up to the first.
async fn reckon(tx: &mut TenantTx, from: Uuid, to: Uuid) -> Result<(), StoreError> {
    for sql in [
        "insert into group_losses (tenant_id, tag_key, tag_value, check_id, loss, net_loss, open_findings, decided, unknown)
         select $1, tag_key, tag_value, check_id, sum(loss), sum(net_loss), sum(open_findings), sum(decided), sum(unknown)
         from (
             select k.tag_key, r.tags ->> k.tag_key as tag_value, f.check_id, sum(f.loss) as loss,
                 coalesce(sum(f.loss) filter (where f.state = 'open'), 0) as net_loss,
                 count(*) filter (where f.state = 'open') as open_findings, 0 as decided, 0 as unknown
             from findings f
             join resources r on r.tenant_id = $1 and r.resource_id = f.resource_id and r.resource_id > $2
                 and r.resource_id <= $3
             join group_keys k on k.tenant_id = $1 and k.reckoned_to = $2 and r.tags ->> k.tag_key is not null
             where f.tenant_id = $1 and f.resource_id > $2 and f.resource_id <= $3 and f.state <> 'resolved'
             group by 1, 2, 3
             union all
             select k.tag_key, r.tags ->> k.tag_key, v.check_id, 0, 0, 0, count(*) filter (where v.verdict <> 'unknown'),
                 count(*) filter (where v.verdict = 'unknown')
             from verdicts v
             join resources r on r.tenant_id = $1 and r.resource_id = v.resource_id and r.resource_id > $2
                 and r.resource_id <= $3
             join group_keys k on k.tenant_id = $1 and k.reckoned_to = $2 and r.tags ->> k.tag_key is not null
             where v.tenant_id = $1 and v.resource_id > $2 and v.resource_id <= $3 and v.verdict <> 'not_applicable'
             group by 1, 2, 3
         ) sums
         group by tag_key, tag_value, check_id
         on conflict (tenant_id, tag_key, tag_value, check_id) do update set
             loss = group_losses.loss + excluded.loss, net_loss = group_losses.net_loss + excluded.net_loss,
             open_findings = group_losses.open_findings + excluded.open_findings,
             decided = group_losses.decided + excluded.decided, unknown = group_losses.unknown + excluded.unknown",
        "insert into group_fixes (tenant_id, tag_key, tag_value, fix_id, check_id, loss, open_findings)
         select $1, k.tag_key, r.tags ->> k.tag_key, f.fix_id, f.check_id, sum(f.loss), count(*)
         from findings f
         join resources r on r.tenant_id = $1 and r.resource_id = f.resource_id and r.resource_id > $2
             and r.resource_id <= $3
         join group_keys k on k.tenant_id = $1 and k.reckoned_to = $2 and r.tags ->> k.tag_key is not null
         where f.tenant_id = $1 and f.resource_id > $2 and f.resource_id <= $3 and f.state = 'open'
         group by 2, 3, f.fix_id, f.check_id
         on conflict (tenant_id, tag_key, tag_value, fix_id, check_id) do update set
             loss = group_fixes.loss + excluded.loss, open_findings = group_fixes.open_findings + excluded.open_findings",
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
