//! What becomes of the word of somebody who said that a finding is fixed: a run proves or refutes it.

use crate::door::TenantTx;
use crate::error::StoreError;
use crate::inbox::{self, Kind, Notice};
use chrono::{DateTime, Utc};
use plumbline_core::id::{PersonId, RunId, SourceId};
use uuid::Uuid;

#[derive(sqlx::FromRow)]
struct Told {
    person_id: Uuid,
    findings: i64,
    finding_id: Uuid,
}

/// Tells who claimed, and whose they are, of findings that this run saw resolved. To be called before `moved` is written.
pub(crate) async fn tell_proven(tx: &mut TenantTx, at: DateTime<Utc>) -> Result<(), StoreError> {
    let told: Vec<Told> = sqlx::query_as(
        "with proven as (
             select f.finding_id, f.assignee_id from moved m
             join findings f on f.tenant_id = $1 and f.finding_id = m.finding_id and f.stage = 'awaiting_proof'
             where m.\"is\" = 'resolved' and m.was = 'open'
         ), people as (
             select finding_id, assignee_id as person_id from proven where assignee_id is not null
             union
             select p.finding_id, e.person_id from proven p join lateral (
                 select person_id from finding_events e where e.tenant_id = $1 and e.finding_id = p.finding_id
                     and e.event = 'claimed' order by e.event_no desc limit 1
             ) e on e.person_id is not null
         )
         select person_id, count(*) as findings, min(finding_id::text)::uuid as finding_id from people group by person_id",
    )
    .bind(tx.tenant().0)
    .fetch_all(tx.conn())
    .await?;
    tell(tx, Kind::Proven, told, at).await
}

/// Refutes the claims that were made before this run began and whose findings it saw fail: the scope was read completely
/// and the check decided. What was not read refutes nothing.
pub(crate) async fn refute(
    tx: &mut TenantTx,
    source: SourceId,
    run: RunId,
    at: DateTime<Utc>,
) -> Result<(), StoreError> {
    // There are few claims and an index of them; before there are statistics the planner takes every finding for one.
    set_whole_reads(tx, false).await?;
    let told: Vec<Told> = sqlx::query_as(
        "with refuted as (
             update findings f set stage = 'reopened', claimed_at = null
             from resources r, scopes s, verdicts v, runs n
             where f.tenant_id = $1 and f.source_id = $2 and f.stage = 'awaiting_proof' and f.state = 'open'
               and f.claimed_at is not null
               and n.tenant_id = $1 and n.run_id = $3 and f.claimed_at < n.started_at
               and r.tenant_id = $1 and r.resource_id = f.resource_id and r.retired_at is null
               and s.tenant_id = $1 and s.source_id = r.source_id and s.account = r.account and s.region = r.scope_region
               and s.reader = r.reader and s.last_run_id = $3 and s.outcome = 'complete'
               and v.tenant_id = $1 and v.resource_id = f.resource_id and v.check_id = f.check_id and v.verdict = 'fail'
             returning f.finding_id, f.check_id, f.assignee_id
         ), people as (
             select finding_id, assignee_id as person_id from refuted where assignee_id is not null
             union
             select p.finding_id, e.person_id from refuted p join lateral (
                 select person_id from finding_events e where e.tenant_id = $1 and e.finding_id = p.finding_id
                     and e.event = 'claimed' order by e.event_no desc limit 1
             ) e on e.person_id is not null
         ), written as (
             insert into finding_events (tenant_id, finding_id, at, event, check_id, loss_delta, net_delta, run_id)
             select $1, finding_id, $4, 'refuted', check_id, 0, 0, $3 from refuted
         )
         select person_id, count(*) as findings, min(finding_id::text)::uuid as finding_id from people group by person_id",
    )
    .bind(tx.tenant().0)
    .bind(source.0)
    .bind(run.0)
    .bind(at)
    .fetch_all(tx.conn())
    .await?;
    set_whole_reads(tx, true).await?;
    tell(tx, Kind::Refuted, told, at).await
}

/// Whether statements of this transaction may read a table to its end where an index would do.
async fn set_whole_reads(tx: &mut TenantTx, may: bool) -> Result<(), StoreError> {
    let value = if may { "on" } else { "off" };
    sqlx::query("select set_config('enable_seqscan', $1, true)").bind(value).execute(tx.conn()).await?;
    Ok(())
}

async fn tell(tx: &mut TenantTx, kind: Kind, told: Vec<Told>, at: DateTime<Utc>) -> Result<(), StoreError> {
    let notices: Vec<Notice> = told.into_iter().map(|told| notice(kind, &told)).collect();
    inbox::tell_many(tx, kind, &notices, at).await
}

fn notice(kind: Kind, told: &Told) -> Notice {
    let (one, many) = match kind {
        Kind::Proven => ("A run proved that it is fixed", "A run proved that they are fixed"),
        _ => ("A run saw that it still fails", "A run saw that they still fail"),
    };
    let (subject, link) = if told.findings == 1 {
        (format!("{one}: the finding that you worked on"), format!("/findings/{}", told.finding_id))
    } else {
        (format!("{many}: {} findings that you worked on", told.findings), "/findings".to_owned())
    };
    Notice { person: PersonId(told.person_id), subject, link }
}
