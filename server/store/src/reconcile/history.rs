//! Findings as they are now, and the history of how they came to be so, from `moved`.

use crate::door::TenantTx;
use crate::error::StoreError;
use crate::triage::Days;
use chrono::{DateTime, Utc};
use plumbline_core::id::RunId;
use uuid::Uuid;

pub(super) async fn write_findings(tx: &mut TenantTx, at: DateTime<Utc>) -> Result<(), StoreError> {
    let tenant = tx.tenant().0;
    let Days { severities, exposures, days } = Days::read(tx).await?;
    sqlx::query(
        "insert into findings (tenant_id, finding_id, source_id, resource_id, check_id, state, severity, account, region,
             exposure, criticality, loss, risk, likelihood, blast, guards, fix_id, observed, message, subject, first_seen,
             opened_at, stage, due_at)
         select $1, finding_id, source_id, resource_id, check_id, \"is\", severity, account, region, exposure, criticality,
             loss, risk, coalesce(likelihood, 'possible'), coalesce(blast, 'none'), coalesce(guards, '{}'), fix_id, observed,
             message, subject, $2, $2, coalesce(cover, \"is\"), due_after($2, p.days)
         from moved left join unnest($3::text[], $4::text[], $5::int[]) as p (severity, exposure, days)
             using (severity, exposure)
         where was is null order by finding_id",
    )
    .bind(tenant)
    .bind(at)
    .bind(&severities)
    .bind(&exposures)
    .bind(&days)
    .execute(tx.conn())
    .await?;
    sqlx::query(
        "update findings f set state = m.\"is\", severity = m.severity, account = m.account, region = m.region,
             exposure = m.exposure, criticality = m.criticality, loss = m.loss, risk = m.risk, fix_id = m.fix_id,
             likelihood = coalesce(m.likelihood, f.likelihood), blast = coalesce(m.blast, f.blast),
             guards = coalesce(m.guards, f.guards),
             observed = m.observed, message = m.message,
             opened_at = case when m.was = 'resolved' and m.\"is\" <> 'resolved' then $2 else f.opened_at end,
             times_reopened = f.times_reopened + (m.was = 'resolved' and m.\"is\" <> 'resolved')::int,
             resolved_at = case when m.\"is\" = 'resolved' then coalesce(f.resolved_at, $2) end,
             stage = case when m.\"is\" <> 'open' then coalesce(m.cover, m.\"is\") when m.was = 'open' then f.stage
                 when m.was = 'resolved' or f.times_reopened > 0 then 'reopened' else 'open' end,
             claimed_at = case when m.\"is\" = 'open' and m.was = 'open' then f.claimed_at end,
             -- The days of what opens anew count from now, and so do those of what weighs more when they would be over.
             due_by_hand = f.due_by_hand and not (m.was = 'resolved' and m.\"is\" <> 'resolved'),
             due_from = case when m.was = 'resolved' and m.\"is\" <> 'resolved' then null
                 when (m.severity <> f.severity or m.exposure <> f.exposure) and coalesce(f.due_at > $2, true)
                     and due_after(coalesce(f.due_from, f.opened_at), p.days) <= $2 then $2
                 else f.due_from end,
             due_at = case when m.was = 'resolved' and m.\"is\" <> 'resolved' then due_after($2, p.days)
                 when f.due_by_hand or m.severity = f.severity and m.exposure = f.exposure then f.due_at
                 when coalesce(f.due_at > $2, true) and due_after(coalesce(f.due_from, f.opened_at), p.days) <= $2
                     then due_after($2, p.days)
                 else due_after(coalesce(f.due_from, f.opened_at), p.days) end
         from moved m left join unnest($3::text[], $4::text[], $5::int[]) as p (severity, exposure, days)
             using (severity, exposure)
         where f.tenant_id = $1 and f.finding_id = m.finding_id and m.was is not null",
    )
    .bind(tenant)
    .bind(at)
    .bind(&severities)
    .bind(&exposures)
    .bind(&days)
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
                      when \"is\" = 'accepted' and was = 'open' then cover
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
