//! Everything that is counted from findings, brought up to date from `moved`.

use super::ledger::is_new_version;
use crate::door::TenantTx;
use crate::error::StoreError;
use plumbline_core::score::Weighing;
use uuid::Uuid;

/// Writes natures where they differ: of which fixes.
macro_rules! natures {
    ($beside:literal, $which:literal) => {
        concat!(
            "update fixes x set upstream = k.upstream, ease = k.ease
             from ",
            $beside,
            "unnest($2::text[], $3::bool[], $4::float8[]) as k (fix_key, upstream, ease)
             where x.tenant_id = $1 and x.fix_key = k.fix_key and (x.upstream <> k.upstream or x.ease <> k.ease) and ",
            $which
        )
    };
}

pub(super) async fn write_counts(tx: &mut TenantTx) -> Result<(), StoreError> {
    let tenant = tx.tenant().0;
    sqlx::query(
        "insert into finding_counts (tenant_id, check_id, state, source_id, account, region, exposure, criticality,
             findings, loss)
         select $1, check_id, state, source_id, account, region, exposure, criticality, sum(n), sum(l)
         from (
             select check_id, was as state, source_id, was_account as account, was_region as region,
                 was_exposure as exposure, was_criticality as criticality, -1 as n, -was_loss as l
             from moved where was is not null
             union all
             select check_id, \"is\", source_id, account, region, exposure, criticality, 1, loss from moved
         ) changes
         group by check_id, state, source_id, account, region, exposure, criticality
         having sum(n) <> 0 or sum(l) <> 0
         on conflict (tenant_id, check_id, state, source_id, account, region, exposure, criticality) do update set
             findings = finding_counts.findings + excluded.findings, loss = finding_counts.loss + excluded.loss",
    )
    .bind(tenant)
    .execute(tx.conn())
    .await?;
    sqlx::query("delete from finding_counts where tenant_id = $1 and findings = 0")
        .bind(tenant)
        .execute(tx.conn())
        .await?;
    Ok(())
}

pub(super) async fn write_losses(tx: &mut TenantTx) -> Result<(), StoreError> {
    sqlx::query(
        "insert into check_states (tenant_id, check_id, source_id, loss, net_loss)
         select $1, check_id, source_id,
             sum((case when \"is\" = 'resolved' then 0 else loss end)
                 - (case when was is null or was = 'resolved' then 0 else was_loss end)),
             sum((case when \"is\" = 'open' then loss else 0 end) - (case when was = 'open' then was_loss else 0 end))
         from moved group by check_id, source_id
         on conflict (tenant_id, check_id, source_id) do update set
             loss = check_states.loss + excluded.loss, net_loss = check_states.net_loss + excluded.net_loss",
    )
    .bind(tx.tenant().0)
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Fixes that lost or won findings are summed up anew, from their open findings.
pub(super) async fn write_fixes(tx: &mut TenantTx, weighing: &Weighing) -> Result<(), StoreError> {
    let tenant = tx.tenant().0;
    sqlx::query(
        "create temporary table touched on commit drop as
         select distinct fix_id from (select fix_id from moved union all select was_fix from moved) f
         where fix_id is not null",
    )
    .execute(tx.conn())
    .await?;
    sqlx::query(
        "insert into fixes (tenant_id, fix_id, source_id, fix_key, target, account, region, open_findings, resources, loss,
             gain, upstream, ease)
         select distinct on (m.fix_id) $1, m.fix_id, m.source_id, m.fix_key, m.fix_target, m.account, m.region, 0, 0, 0, 0,
             coalesce(k.upstream, false), coalesce(k.ease, 1)
         from moved m left join unnest($2::text[], $3::bool[], $4::float8[]) as k (fix_key, upstream, ease) using (fix_key)
         where m.fix_key is not null and not exists (select from fixes x where x.tenant_id = $1 and x.fix_id = m.fix_id)
         order by m.fix_id, m.resource_id
         on conflict (tenant_id, fix_id) do nothing",
    )
    .bind(tenant)
    .bind(weighing.fixes.keys().cloned().collect::<Vec<_>>())
    .bind(weighing.fixes.values().map(|nature| nature.upstream).collect::<Vec<_>>())
    .bind(weighing.fixes.values().map(|nature| nature.ease()).collect::<Vec<_>>())
    .execute(tx.conn())
    .await?;
    sqlx::query("delete from fix_checks c using touched t where c.tenant_id = $1 and c.fix_id = t.fix_id")
        .bind(tenant)
        .execute(tx.conn())
        .await?;
    sqlx::query(
        "insert into fix_checks (tenant_id, fix_id, check_id, findings, loss)
         select $1, f.fix_id, f.check_id, count(*), sum(f.loss)
         from touched t join findings f on f.tenant_id = $1 and f.fix_id = t.fix_id and f.state = 'open'
         group by f.fix_id, f.check_id",
    )
    .bind(tenant)
    .execute(tx.conn())
    .await?;
    sum_touched(tx).await?;
    write_natures(tx, weighing).await?;
    sqlx::query("drop table touched").execute(tx.conn()).await?;
    Ok(())
}

/// What the open findings of the fixes in `touched` come to: how many, what they cost, whose they are for the most part and
/// when the first is due.
async fn sum_touched(tx: &mut TenantTx) -> Result<(), StoreError> {
    sqlx::query(
        "update fixes x set open_findings = n.findings, resources = n.resources, loss = n.loss, risk = n.risk,
             joint_risk = n.joint_risk, team_id = n.team_id, assignee_id = n.assignee_id, due_at = n.due_at
         from (
             select t.fix_id, count(f.finding_id) as findings, count(distinct f.resource_id) as resources,
                 coalesce(sum(f.loss), 0)::bigint as loss, coalesce(sum(f.risk), 0)::bigint as risk,
                 coalesce(sqrt(sqrt(sum(f.risk::float8 * f.risk * f.risk * f.risk))), 0) as joint_risk,
                 mode() within group (order by f.team_id) as team_id,
                 mode() within group (order by f.assignee_id) as assignee_id, min(f.due_at) as due_at
             from touched t left join findings f on f.tenant_id = $1 and f.fix_id = t.fix_id and f.state = 'open'
             group by t.fix_id
         ) n
         where x.tenant_id = $1 and x.fix_id = n.fix_id
             and (x.open_findings, x.resources, x.loss, x.risk, x.joint_risk, x.team_id, x.assignee_id, x.due_at)
                 is distinct from (n.findings, n.resources, n.loss, n.risk, n.joint_risk, n.team_id, n.assignee_id, n.due_at)",
    )
    .bind(tx.tenant().0)
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Brings owner and due date of the next fixes, at most so many, up to date after rules gave findings others. Returns after which fix the next
/// batch begins; none when all are done. The caller holds [`super::lock`].
///
/// # Errors
/// When the database does not answer.
pub async fn own_fixes(tx: &mut TenantTx, after: Uuid, at_most: i64) -> Result<Option<Uuid>, StoreError> {
    let last: Option<Uuid> = sqlx::query_scalar(
        "select fix_id from fixes where tenant_id = $1 and fix_id > $2 order by fix_id offset $3 limit 1",
    )
    .bind(tx.tenant().0)
    .bind(after)
    .bind(at_most - 1)
    .fetch_optional(tx.conn())
    .await?;
    sqlx::query(
        "create temporary table touched on commit drop as
         select fix_id from fixes where tenant_id = $1 and fix_id > $2 and fix_id <= $3 and open_findings > 0",
    )
    .bind(tx.tenant().0)
    .bind(after)
    .bind(last.unwrap_or(Uuid::max()))
    .execute(tx.conn())
    .await?;
    own_touched(tx).await?;
    Ok(last)
}

/// The same after people gave the findings in `changing` others: of the fixes that close these.
pub(crate) async fn own_changed_fixes(tx: &mut TenantTx) -> Result<(), StoreError> {
    sqlx::query(
        "create temporary table touched on commit drop as
         select distinct f.fix_id from changing c join findings f on f.tenant_id = $1 and f.finding_id = c.finding_id",
    )
    .bind(tx.tenant().0)
    .execute(tx.conn())
    .await?;
    own_touched(tx).await
}

async fn own_touched(tx: &mut TenantTx) -> Result<(), StoreError> {
    sqlx::query("analyze touched").execute(tx.conn()).await?;
    sum_touched(tx).await?;
    sqlx::query("drop table touched").execute(tx.conn()).await?;
    Ok(())
}

/// What the content says of the fixes in `touched`; of all when it is of another version than the last posture's.
async fn write_natures(tx: &mut TenantTx, weighing: &Weighing) -> Result<(), StoreError> {
    let statement = if is_new_version(tx, weighing).await? {
        natures!("", "x.open_findings > 0")
    } else {
        natures!("touched t, ", "x.fix_id = t.fix_id")
    };
    sqlx::query(statement)
        .bind(tx.tenant().0)
        .bind(weighing.fixes.keys().cloned().collect::<Vec<_>>())
        .bind(weighing.fixes.values().map(|nature| nature.upstream).collect::<Vec<_>>())
        .bind(weighing.fixes.values().map(|nature| nature.ease()).collect::<Vec<_>>())
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// The gain of every fix that touches a check whose loss moved: the score with the fix applied, less the score now. One that is
/// too small to be shown is kept as the power of two below it. In a large estate nearly all are, each moves a little with every
/// finding of its check, and writing a fix costs far more than reckoning its gain.
pub(super) async fn write_gains(tx: &mut TenantTx, weighing: &Weighing, all: bool) -> Result<(), StoreError> {
    let (checks, weights): (Vec<&str>, Vec<f64>) = weighing.checks().unzip();
    let whole: f64 = weighing.whole.iter().map(|control| control.weight).sum();
    sqlx::query(
        "with moved_checks as (select distinct check_id from moved),
         weights as (select * from unnest($2::text[], $3::float8[]) as w (check_id, weight)),
         totals as (
             select check_id, sum(net_loss)::float8 as loss from check_states where tenant_id = $1 group by check_id
         ),
         concerned as (
             select distinct c.fix_id from fix_checks c
             where c.tenant_id = $1 and ($6 or c.check_id in (select check_id from moved_checks))
         ),
         gains as (
             select c.fix_id, gain_kept(sum(w.weight * (1 / (1 + greatest(t.loss - c.loss, 0) / $4) - 1 / (1 + t.loss / $4)))
                 * 100 / $5) as gain
             from concerned join fix_checks c using (fix_id)
             join weights w on w.check_id = c.check_id
             join totals t on t.check_id = c.check_id
             where c.tenant_id = $1
             group by c.fix_id
         )
         update fixes f set gain = g.gain from gains g where f.tenant_id = $1 and f.fix_id = g.fix_id and f.gain <> g.gain",
    )
    .bind(tx.tenant().0)
    .bind(checks)
    .bind(weights)
    .bind(plumbline_core::score::HALF_LOSS)
    .bind(whole.max(f64::MIN_POSITIVE))
    .bind(all)
    .execute(tx.conn())
    .await?;
    sqlx::query("update fixes set gain = 0 where tenant_id = $1 and open_findings = 0 and gain <> 0")
        .bind(tx.tenant().0)
        .execute(tx.conn())
        .await?;
    Ok(())
}
