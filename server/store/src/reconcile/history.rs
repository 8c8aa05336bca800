//! Findings as they are now, and the history of how they came to be so, from `moved`.

use crate::door::TenantTx;
use crate::error::StoreError;
use chrono::{DateTime, Utc};
use plumbline_core::id::RunId;
use uuid::Uuid;

pub(super) async fn write_findings(tx: &mut TenantTx, at: DateTime<Utc>) -> Result<(), StoreError> {
    let tenant = tx.tenant().0;
    sqlx::query(
        "insert into findings (tenant_id, finding_id, source_id, resource_id, check_id, state, severity, account, region,
             exposure, criticality, loss, risk, likelihood, blast, guards, fix_id, observed, message, subject, first_seen,
             opened_at)
         select $1, finding_id, source_id, resource_id, check_id, \"is\", severity, account, region, exposure, criticality,
             loss, risk, coalesce(likelihood, 'possible'), coalesce(blast, 'none'), coalesce(guards, '{}'), fix_id, observed,
             message, subject, $2, $2
         from moved where was is null order by finding_id",
    )
    .bind(tenant)
    .bind(at)
    .execute(tx.conn())
    .await?;
    sqlx::query(
        "update findings f set state = m.\"is\", severity = m.severity, account = m.account, region = m.region,
             exposure = m.exposure, criticality = m.criticality, loss = m.loss, risk = m.risk, fix_id = m.fix_id,
             likelihood = coalesce(m.likelihood, f.likelihood), blast = coalesce(m.blast, f.blast),
             guards = coalesce(m.guards, f.guards),
             observed = m.observed, message = m.message,
             opened_at = case when m.was = 'resolved' and m.\"is\" = 'open' then $2 else f.opened_at end,
             times_reopened = f.times_reopened + (m.was = 'resolved' and m.\"is\" = 'open')::int,
             resolved_at = case when m.\"is\" = 'resolved' then coalesce(f.resolved_at, $2) end
         from moved m where f.tenant_id = $1 and f.finding_id = m.finding_id and m.was is not null",
    )
    .bind(tenant)
    .bind(at)
    .execute(tx.conn())
    .await?;
    // What is resolved needs no acceptance any more; should it come back, it is to be accepted anew.
    sqlx::query(
        "update exceptions e set ended_at = $2 from moved m
         where e.tenant_id = $1 and e.finding_id = m.finding_id and e.ended_at is null and m.\"is\" = 'resolved'",
    )
    .bind(tenant)
    .bind(at)
    .execute(tx.conn())
    .await?;
    Ok(())
}

pub(super) async fn write_events(
    tx: &mut TenantTx,
    run: Option<RunId>,
    person: Option<Uuid>,
    at: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query(
        "insert into finding_events (tenant_id, finding_id, at, event, check_id, loss_delta, net_delta, run_id, person_id)
         select $1, finding_id, $2, event, check_id, loss_delta, net_delta, $3, $4
         from (
             select finding_id, check_id,
                 case when was is null then 'opened'
                      when \"is\" = 'resolved' then 'resolved'
                      when was = 'resolved' then 'reopened'
                      when \"is\" = 'accepted' and was = 'open' then 'accepted'
                      when \"is\" = 'open' and was = 'accepted' then 'acceptance_ended'
                      else 'weighed' end as event,
                 (case when \"is\" = 'resolved' then 0 else loss end)
                     - (case when was is null or was = 'resolved' then 0 else was_loss end) as loss_delta,
                 (case when \"is\" = 'open' then loss else 0 end)
                     - (case when was = 'open' then was_loss else 0 end) as net_delta
             from moved
         ) e
         where event <> 'weighed' or loss_delta <> 0
         order by finding_id",
    )
    .bind(tx.tenant().0)
    .bind(at)
    .bind(run.map(|run| run.0))
    .bind(person)
    .execute(tx.conn())
    .await?;
    Ok(())
}
