//! What a round of decisions moves: verdicts into `turned`, findings into `moved`, and the verdicts themselves.

use super::groups::gather_turned;
use crate::door::TenantTx;
use crate::error::StoreError;
use chrono::{DateTime, Utc};
use plumbline_core::id::SourceId;
use plumbline_core::score::Weighing;

/// Verdicts that differ from those stored, and those of resources that are gone.
pub(super) async fn turn(tx: &mut TenantTx, source: SourceId, now: DateTime<Utc>) -> Result<i64, StoreError> {
    let done = sqlx::query(
        "create temporary table turned on commit drop as
         select d.resource_id, d.check_id, v.verdict as was, d.verdict as \"is\", d.missing, d.message
         from decided d left join verdicts v
             on v.tenant_id = $1 and v.resource_id = d.resource_id and v.check_id = d.check_id
         where v.verdict is null or v.verdict <> d.verdict or v.missing is distinct from d.missing
             or v.message <> d.message
         union all
         select v.resource_id, v.check_id, v.verdict, null, null, ''
         from resources r join verdicts v on v.tenant_id = r.tenant_id and v.resource_id = r.resource_id
         where r.tenant_id = $1 and r.source_id = $2 and r.retired_at = $3",
    )
    .bind(tx.tenant().0)
    .bind(source.0)
    .bind(now)
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected().cast_signed())
}

pub(super) async fn write_verdicts(tx: &mut TenantTx, source: SourceId, now: DateTime<Utc>) -> Result<(), StoreError> {
    let tenant = tx.tenant().0;
    sqlx::query(
        "insert into verdicts (tenant_id, resource_id, check_id, verdict, since, missing, message)
         select $1, resource_id, check_id, \"is\", $2, missing, message from turned where \"is\" is not null
         order by resource_id, check_id
         on conflict (tenant_id, resource_id, check_id) do update set
             since = case when verdicts.verdict = excluded.verdict then verdicts.since else excluded.since end,
             verdict = excluded.verdict, missing = excluded.missing, message = excluded.message",
    )
    .bind(tenant)
    .bind(now)
    .execute(tx.conn())
    .await?;
    sqlx::query(
        "delete from verdicts v using turned t
         where v.tenant_id = $1 and t.\"is\" is null and v.resource_id = t.resource_id and v.check_id = t.check_id",
    )
    .bind(tenant)
    .execute(tx.conn())
    .await?;
    sqlx::query(
        "insert into check_states (tenant_id, check_id, source_id, passed, failed, unknown, not_applicable)
         select $1, check_id, $2, sum(n) filter (where verdict = 'pass'), sum(n) filter (where verdict = 'fail'),
             sum(n) filter (where verdict = 'unknown'), sum(n) filter (where verdict = 'not_applicable')
         from (
             select check_id, was as verdict, -1 as n from turned where was is not null
             union all
             select check_id, \"is\", 1 from turned where \"is\" is not null
             union all
             select check_id, unnest(array['pass', 'fail', 'unknown', 'not_applicable']), 0 from turned
         ) changes
         group by check_id
         on conflict (tenant_id, check_id, source_id) do update set
             passed = check_states.passed + excluded.passed, failed = check_states.failed + excluded.failed,
             unknown = check_states.unknown + excluded.unknown,
             not_applicable = check_states.not_applicable + excluded.not_applicable",
    )
    .bind(tenant)
    .bind(source.0)
    .execute(tx.conn())
    .await?;
    gather_turned(tx).await
}

/// Findings that are not what they were: failing anew, weighing or showing something else, no longer failing, or gone with
/// their resource.
pub(super) async fn find_moved(
    tx: &mut TenantTx,
    source: SourceId,
    ours: bool,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query(
        "create temporary table moved on commit drop as
         select d.finding_id, d.check_id, d.resource_id, $2::uuid as source_id,
             f.state as was, case when f.state = 'accepted' then 'accepted' else 'open' end as \"is\",
             f.loss as was_loss, d.loss, f.exposure as was_exposure, d.exposure, f.criticality as was_criticality,
             d.criticality, f.account as was_account, d.account, f.region as was_region, d.region,
             f.fix_id as was_fix, d.fix_id, d.fix_key, d.fix_target, d.severity, d.risk, d.observed, d.message, d.subject,
             case when r.first_seen = $4 then 'new_resource'
                  when $3 and r.changed_at <> $4 then 'ours'
                  when f.state in ('open', 'accepted') and d.loss < f.loss then 'fixed'
                  when d.subject <> '' then 'new_vulnerability'
                  else 'new_failure' end as cause,
             d.likelihood, d.blast, d.guards
         from (
             select *, '' as subject from decided where verdict = 'fail' and finding_id is not null
             union all
             select * from failures
         ) d
         join resources r on r.tenant_id = $1 and r.resource_id = d.resource_id
         left join findings f on f.tenant_id = $1 and f.finding_id = d.finding_id
         where (f.finding_id is null or f.state = 'resolved' or f.loss <> d.loss
             or f.exposure <> d.exposure or f.criticality <> d.criticality or f.account <> d.account
             or f.region <> d.region or f.fix_id <> d.fix_id or f.severity <> d.severity
             or f.risk <> d.risk or f.likelihood <> d.likelihood or f.blast <> d.blast or f.guards <> d.guards
             or f.observed <> d.observed or f.message <> d.message)
         union all
         select f.finding_id, f.check_id, f.resource_id, f.source_id, f.state, 'resolved', f.loss, f.loss,
             f.exposure, f.exposure, f.criticality, f.criticality, f.account, f.account, f.region, f.region,
             f.fix_id, f.fix_id, null, null, f.severity, f.risk, f.observed, f.message, f.subject,
             case when $3 and r.changed_at <> $4 then 'ours' else 'fixed' end, null, null, null
         from decided d
         join findings f on f.tenant_id = $1 and f.resource_id = d.resource_id and f.check_id = d.check_id
         join resources r on r.tenant_id = $1 and r.resource_id = d.resource_id
         where f.state <> 'resolved' and (d.verdict in ('pass', 'not_applicable')
             or d.verdict = 'fail' and d.finding_id is null
                and not exists (select from failures x where x.finding_id = f.finding_id))
         union all
         select f.finding_id, f.check_id, f.resource_id, f.source_id, f.state, 'resolved', f.loss, f.loss,
             f.exposure, f.exposure, f.criticality, f.criticality, f.account, f.account, f.region, f.region,
             f.fix_id, f.fix_id, null, null, f.severity, f.risk, f.observed, f.message, f.subject, 'fixed',
             null, null, null
         from resources r join findings f on f.tenant_id = r.tenant_id and f.resource_id = r.resource_id
         where r.tenant_id = $1 and r.source_id = $2 and r.retired_at = $4 and f.state <> 'resolved'",
    )
    .bind(tx.tenant().0)
    .bind(source.0)
    .bind(ours)
    .bind(now)
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Verdicts and findings of checks that the content no longer has: they are gone with the check, by a change of ours.
pub(super) async fn retire_checks(tx: &mut TenantTx, source: SourceId, weighing: &Weighing) -> Result<i64, StoreError> {
    let known: Vec<&str> = weighing.checks().map(|(check, _)| check).collect();
    sqlx::query(
        "insert into moved
         select f.finding_id, f.check_id, f.resource_id, f.source_id, f.state, 'resolved', f.loss, f.loss,
             f.exposure, f.exposure, f.criticality, f.criticality, f.account, f.account, f.region, f.region,
             f.fix_id, f.fix_id, null, null, f.severity, f.risk, f.observed, f.message, f.subject, 'ours', null, null, null
         from findings f
         where f.tenant_id = $1 and f.source_id = $2 and f.state <> 'resolved' and f.check_id <> all($3)
             and not exists (select from moved m where m.finding_id = f.finding_id)",
    )
    .bind(tx.tenant().0)
    .bind(source.0)
    .bind(&known)
    .execute(tx.conn())
    .await?;
    let done = sqlx::query(
        "insert into turned
         select v.resource_id, v.check_id, v.verdict, null, null, ''
         from resources r join verdicts v on v.tenant_id = r.tenant_id and v.resource_id = r.resource_id
         where r.tenant_id = $1 and r.source_id = $2 and r.retired_at is null and v.check_id <> all($3)",
    )
    .bind(tx.tenant().0)
    .bind(source.0)
    .bind(&known)
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected().cast_signed())
}
