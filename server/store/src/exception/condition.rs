//! The one condition by which exceptions cover findings. It compares `e`, a row of [`conditions!`], with `f`, a finding
//! (or a row of `moved`), and `r`, its resource.

use crate::door::TenantTx;
use crate::error::StoreError;
use plumbline_core::exception::{Condition, ExceptionKind, Scope};
use plumbline_core::id::ExceptionId;
use plumbline_core::layer::Layer;
use plumbline_core::score::Weighing;
use sqlx::types::Json;
use uuid::Uuid;

/// The conditions that a statement was given as `$2`, as rows.
macro_rules! conditions {
    () => {
        "(select * from jsonb_to_recordset($2) as given (exception_id uuid, as_kind text, finding_id uuid,
             resource_id uuid, fix_id uuid, checks text[], severities text[], account text, region text, source_id uuid,
             resource_kind text, tag_key text, tag_value text, name text, subject text))"
    };
}

/// Whether a condition covers a finding.
macro_rules! covers {
    () => {
        "(e.finding_id is null or f.finding_id = e.finding_id)
         and (e.resource_id is null or f.resource_id = e.resource_id)
         and (e.fix_id is null or f.fix_id = e.fix_id)
         and (e.checks is null or f.check_id = any(e.checks))
         and (e.severities is null or f.severity = any(e.severities))
         and (e.account is null or f.account = e.account)
         and (e.region is null or f.region = e.region)
         and (e.source_id is null or f.source_id = e.source_id)
         and (e.subject is null or f.subject = e.subject)
         and (e.resource_kind is null or r.kind = e.resource_kind)
         and (e.tag_key is null or r.tags ->> e.tag_key = e.tag_value)
         and (e.name is null or r.name ~ e.name)"
    };
}

pub(crate) use {conditions, covers};

/// The checks of a layer, as the content weighs them.
pub(crate) fn of_layer(weighing: &Weighing, layer: Layer) -> Vec<String> {
    let part = weighing.parts.get(&format!("layer:{}", layer.as_str()));
    part.into_iter().flatten().flat_map(|control| control.checks.iter().cloned()).collect()
}

/// The conditions of all exceptions that are in force.
pub(crate) async fn in_force(tx: &mut TenantTx, weighing: &Weighing) -> Result<Vec<Condition>, StoreError> {
    let rows: Vec<(Uuid, String, Json<Scope>)> =
        sqlx::query_as("select exception_id, kind, scope from exceptions where tenant_id = $1 and state = 'in_force'")
            .bind(tx.tenant().0)
            .fetch_all(tx.conn())
            .await?;
    let condition = |(id, kind, Json(scope)): (Uuid, String, Json<Scope>)| {
        let kind = ExceptionKind::parse(&kind).unwrap_or(ExceptionKind::AcceptedRisk);
        Condition::of(&scope, |layer| of_layer(weighing, layer)).named(ExceptionId(id), kind)
    };
    Ok(rows.into_iter().map(condition).collect())
}

// Where a statement begins to look for the findings of one scope: at whatever it names that an index leads to.
macro_rules! by_finding {
    () => {
        "join findings f on f.tenant_id = $1 and f.finding_id = e.finding_id
         join resources r on r.tenant_id = $1 and r.resource_id = f.resource_id"
    };
}
macro_rules! by_resource {
    () => {
        "join findings f on f.tenant_id = $1 and f.resource_id = e.resource_id
         join resources r on r.tenant_id = $1 and r.resource_id = f.resource_id"
    };
}
macro_rules! by_fix {
    () => {
        "join findings f on f.tenant_id = $1 and f.fix_id = e.fix_id and f.state in ('open', 'accepted')
         join resources r on r.tenant_id = $1 and r.resource_id = f.resource_id"
    };
}
macro_rules! by_subject {
    () => {
        "join findings f on f.tenant_id = $1 and f.subject = e.subject and f.subject <> '' and f.state in ('open', 'accepted')
         join resources r on r.tenant_id = $1 and r.resource_id = f.resource_id"
    };
}
macro_rules! by_check {
    () => {
        "cross join lateral (select distinct check_id from unnest(e.checks) named (check_id)) one
         join findings f on f.tenant_id = $1 and f.check_id = one.check_id and f.state in ('open', 'accepted')
         join resources r on r.tenant_id = $1 and r.resource_id = f.resource_id"
    };
}
macro_rules! by_look {
    () => {
        "join resources r on r.tenant_id = $1 and r.retired_at is null
             and (e.resource_kind is null or r.kind = e.resource_kind)
             and (e.tag_key is null or r.tags ->> e.tag_key = e.tag_value)
             and (e.name is null or r.name ~ e.name)
         join findings f on f.tenant_id = $1 and f.resource_id = r.resource_id"
    };
}
macro_rules! by_account {
    () => {
        "join findings f on f.tenant_id = $1 and f.account = e.account and f.state in ('open', 'accepted')
         join resources r on r.tenant_id = $1 and r.resource_id = f.resource_id"
    };
}
macro_rules! by_nothing {
    () => {
        "join findings f on f.tenant_id = $1 and f.state in ('open', 'accepted')
         join resources r on r.tenant_id = $1 and r.resource_id = f.resource_id"
    };
}

/// The statement for one scope: the same words with each way to begin, of which [`way`] chooses.
macro_rules! ways {
    ([$($before:tt)*], [$($after:tt)*]) => {
        [
            concat!($($before)*, $crate::exception::condition::by_finding!(), $($after)*),
            concat!($($before)*, $crate::exception::condition::by_resource!(), $($after)*),
            concat!($($before)*, $crate::exception::condition::by_fix!(), $($after)*),
            concat!($($before)*, $crate::exception::condition::by_subject!(), $($after)*),
            concat!($($before)*, $crate::exception::condition::by_check!(), $($after)*),
            concat!($($before)*, $crate::exception::condition::by_look!(), $($after)*),
            concat!($($before)*, $crate::exception::condition::by_account!(), $($after)*),
            concat!($($before)*, $crate::exception::condition::by_nothing!(), $($after)*),
        ]
    };
}

pub(crate) use {by_account, by_check, by_finding, by_fix, by_look, by_nothing, by_resource, by_subject, ways};

/// Of the statements of [`ways!`] the one that reads least for this condition.
pub(crate) fn way(statements: [&'static str; 8], condition: &Condition) -> &'static str {
    let [finding, resource, fix, subject, check, look, account, nothing] = statements;
    match condition {
        Condition { finding_id: Some(_), .. } => finding,
        Condition { resource_id: Some(_), .. } => resource,
        Condition { fix_id: Some(_), .. } => fix,
        Condition { subject: Some(_), .. } => subject,
        Condition { checks: Some(_), .. } => check,
        one if one.looks_at_resource() => look,
        Condition { account: Some(_), .. } => account,
        Condition { resource_kind: Some(_), .. } => look,
        _ => nothing,
    }
}
