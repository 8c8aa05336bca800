//! Which exceptions cover what is in `moved`, before it is summed up; and what is kept of it afterwards.

use crate::door::TenantTx;
use crate::error::StoreError;
use crate::exception::condition::{self, conditions, covers};
use chrono::{DateTime, Utc};
use plumbline_core::id::RunId;
use plumbline_core::score::Weighing;
use sqlx::types::Json;
use uuid::Uuid;

// A scope that names one thing is joined by it; only filters are compared with everything.
const MATCHES: &str = concat!(
    "create temporary table matches on commit drop as
     with given as materialized (select * from ",
    conditions!(),
    " given)
     select e.exception_id, e.as_kind, f.finding_id from given e join moved f on f.finding_id = e.finding_id
     where f.\"is\" <> 'resolved'
     union all
     select e.exception_id, e.as_kind, f.finding_id from given e join moved f on f.resource_id = e.resource_id
     where f.\"is\" <> 'resolved'
     union all
     select e.exception_id, e.as_kind, f.finding_id from given e join moved f on f.fix_id = e.fix_id
     where f.\"is\" <> 'resolved'
     union all
     select e.exception_id, e.as_kind, f.finding_id
     from given e join moved f on f.\"is\" <> 'resolved'
     join resources r on r.tenant_id = $1 and r.resource_id = f.resource_id
     where e.finding_id is null and e.resource_id is null and e.fix_id is null and ",
    covers!()
);

/// Whether what is in `moved` is accepted follows from the exceptions in force. Leaves `matches` behind, and in `moved.cover`
/// as what: an accepted risk where any exception says so.
pub(super) async fn cover_moved(tx: &mut TenantTx, weighing: &Weighing) -> Result<(), StoreError> {
    sqlx::query("alter table moved add column cover text").execute(tx.conn()).await?;
    let conditions = condition::in_force(tx, weighing).await?;
    sqlx::query(MATCHES).bind(tx.tenant().0).bind(Json(conditions)).execute(tx.conn()).await?;
    sqlx::query("analyze matches").execute(tx.conn()).await?;
    sqlx::query(
        "update moved m set \"is\" = 'accepted', cover = x.cover
         from (
             select finding_id,
                 case when bool_or(as_kind = 'accepted_risk') then 'accepted' else 'false_positive' end as cover
             from matches group by finding_id
         ) x
         where m.finding_id = x.finding_id",
    )
    .execute(tx.conn())
    .await?;
    sqlx::query("update moved set \"is\" = 'open' where \"is\" = 'accepted' and cover is null")
        .execute(tx.conn())
        .await?;
    Ok(())
}

const KEEP: [&str; 5] = [
    "update exception_findings x set until = $2
     from moved m
     where x.tenant_id = $1 and x.finding_id = m.finding_id and x.until is null
         and not exists (select from matches y where y.finding_id = x.finding_id and y.exception_id = x.exception_id)",
    "update exception_findings x set loss = f.loss, grave = f.severity = 'critical' or f.likelihood = 'exploited'
     from matches y join findings f on f.tenant_id = $1 and f.finding_id = y.finding_id
     where x.tenant_id = $1 and x.finding_id = y.finding_id and x.exception_id = y.exception_id and x.until is null
         and $2::timestamptz is not null
         and (x.loss <> f.loss or x.grave <> (f.severity = 'critical' or f.likelihood = 'exploited'))",
    "insert into exception_findings (tenant_id, exception_id, finding_id, since, loss, grave)
     select $1, y.exception_id, y.finding_id, $2, f.loss, f.severity = 'critical' or f.likelihood = 'exploited'
     from matches y join findings f on f.tenant_id = $1 and f.finding_id = y.finding_id
     where not exists (select from exception_findings x where x.tenant_id = $1 and x.exception_id = y.exception_id
         and x.finding_id = y.finding_id and x.until is null)
     order by y.exception_id, y.finding_id
     on conflict (tenant_id, exception_id, finding_id, since)
     do update set until = null, loss = excluded.loss, grave = excluded.grave",
    // What is resolved needs no exception of its own any more; should it come back, it is to be accepted anew.
    "update exceptions e set state = 'ended', ended_at = $2, ended_how = 'resolved'
     from moved m
     where e.tenant_id = $1 and e.finding_id = m.finding_id and e.state = 'in_force' and m.\"is\" = 'resolved'",
    "update exceptions e set state = 'withdrawn', decided_at = $2, decision = 'The finding was resolved before anybody decided.'
     from moved m
     where e.tenant_id = $1 and e.finding_id = m.finding_id and e.state = 'asked' and m.\"is\" = 'resolved'",
];

/// Keeps which exceptions cover which findings, once these are written, and says in the history of a finding that opened
/// under an exception that it did.
pub(super) async fn keep_covers(
    tx: &mut TenantTx,
    run: Option<RunId>,
    person: Option<Uuid>,
    at: DateTime<Utc>,
) -> Result<(), StoreError> {
    for sql in KEEP {
        sqlx::query(sql).bind(tx.tenant().0).bind(at).execute(tx.conn()).await?;
    }
    sqlx::query(
        "insert into finding_events (tenant_id, finding_id, at, event, check_id, loss_delta, net_delta, run_id, person_id)
         select $1, finding_id, $2, cover, check_id, 0, 0, $3, $4
         from moved where \"is\" = 'accepted' and (was is null or was = 'resolved') order by finding_id",
    )
    .bind(tx.tenant().0)
    .bind(at)
    .bind(run.map(|run| run.0))
    .bind(person)
    .execute(tx.conn())
    .await?;
    Ok(())
}
