//! Which exceptions cover what is in `moved`, before it is summed up; and what is kept of it afterwards.

use crate::door::TenantTx;
use crate::error::StoreError;
use crate::exception::scope::meanings;
use crate::finding::{FindingFilter, Known, Rows, labels_of, looked_label, narrowed_rows};
use chrono::{DateTime, Utc};
use plumbline_core::exception::Scope;
use plumbline_core::filter::{Field, Filter, Mistake, lasting};
use plumbline_core::id::RunId;
use plumbline_core::score::Weighing;
use sqlx::QueryBuilder;
use sqlx::types::Json;
use uuid::Uuid;

/// Filters of one statement: the planner plans each by itself, and a statement takes so many parameters.
const AT_ONCE: usize = 200;

/// The scopes of all exceptions that are in force.
#[derive(Default)]
pub(super) struct InForce {
    /// Those that name one thing, with the finding, resource or fix.
    things: Vec<(Uuid, [Option<Uuid>; 3])>,
    filters: Vec<(Uuid, Result<Filter, Mistake>)>,
}

impl InForce {
    pub(super) async fn read(tx: &mut TenantTx) -> Result<Self, StoreError> {
        let rows: Vec<(Uuid, Json<Scope>)> =
            sqlx::query_as("select exception_id, scope from exceptions where tenant_id = $1 and state = 'in_force'")
                .bind(tx.tenant().0)
                .fetch_all(tx.conn())
                .await?;
        let mut all = Self::default();
        for (id, Json(scope)) in rows {
            match scope {
                Scope::Finding(finding) => all.things.push((id, [Some(finding.0), None, None])),
                Scope::Resource(resource) => all.things.push((id, [None, Some(resource.0), None])),
                Scope::Fix(fix) => all.things.push((id, [None, None, Some(fix.0)])),
                Scope::Filter(line) => all.filters.push((id, lasting(&line))),
            }
        }
        Ok(all)
    }

    fn words(&self) -> impl Iterator<Item = &Filter> + Clone {
        self.filters.iter().filter_map(|(_, filter)| filter.as_ref().ok())
    }

    fn say(&self, of: &[Field]) -> bool {
        self.words().any(|filter| of.iter().any(|field| filter.has(*field)))
    }

    /// Whether any depends on what may change of a resource without its findings changing.
    pub(super) fn look_at_resources(&self) -> bool {
        self.say(&[Field::Resource, Field::Tag, Field::Namespace])
    }

    /// Whether any depends on what the content says of checks.
    pub(super) fn look_at_content(&self) -> bool {
        self.say(&[Field::Key, Field::Kind, Field::Framework, Field::Control])
    }
}

/// Makes `matches` of the exceptions and the findings in `rows`, which is `moved` or has its columns, that they cover.
pub(super) async fn match_exceptions(
    tx: &mut TenantTx,
    rows: &'static str,
    in_force: &InForce,
    weighing: &Weighing,
) -> Result<(), StoreError> {
    sqlx::query("create temporary table matches (exception_id uuid not null, finding_id uuid not null) on commit drop")
        .execute(tx.conn())
        .await?;
    if !in_force.things.is_empty() {
        let thing = |at: usize| in_force.things.iter().map(|(_, ids)| ids[at]).collect::<Vec<_>>();
        let mut sql = QueryBuilder::new("with given as materialized (select * from unnest(");
        sql.push_bind(in_force.things.iter().map(|(id, _)| *id).collect::<Vec<_>>());
        for at in 0..3 {
            sql.push("::uuid[], ").push_bind(thing(at));
        }
        sql.push("::uuid[]) e (exception_id, finding_id, resource_id, fix_id)) insert into matches ");
        for (at, column) in ["finding_id", "resource_id", "fix_id"].into_iter().enumerate() {
            sql.push(if at > 0 { " union all " } else { "" });
            sql.push(format_args!(
                "select e.exception_id, f.finding_id from given e join {rows} f on f.{column} = e.{column}
                 where f.\"is\" <> 'resolved'"
            ));
        }
        sql.build().persistent(false).execute(tx.conn()).await?;
    }
    if in_force.words().next().is_some() {
        match_filters(tx, rows, in_force, weighing).await?;
    }
    sqlx::query("analyze matches").execute(tx.conn()).await?;
    Ok(())
}

async fn match_filters(
    tx: &mut TenantTx,
    rows: &'static str,
    in_force: &InForce,
    weighing: &Weighing,
) -> Result<(), StoreError> {
    look(tx, rows, in_force).await?;
    let known = Known::of_looked(tx, in_force.words()).await?;
    let filters = in_force.filters.iter().map(|(_, filter)| filter.clone());
    let meant = meanings(&weighing.terms, &known, filters);
    let ids = in_force.filters.iter().map(|(id, _)| *id);
    let meant: Vec<(Uuid, FindingFilter)> = ids.zip(meant).filter(|(_, filter)| !filter.nothing).collect();
    // To compile so many conditions to machine code takes longer than to look at the rows.
    sqlx::query("set local jit = off").execute(tx.conn()).await?;
    for some in meant.chunks(AT_ONCE) {
        let mut sql = QueryBuilder::new("insert into matches ");
        for (at, (exception, filter)) in some.iter().enumerate() {
            sql.push(if at > 0 { " union all select " } else { "select " }).push_bind(*exception);
            sql.push("::uuid, f.finding_id from looked f where true");
            narrowed_rows(filter, Rows::Looked, &mut sql);
        }
        sql.build().persistent(false).execute(tx.conn()).await?;
    }
    sqlx::query("drop table looked").execute(tx.conn()).await?;
    Ok(())
}

/// Makes `looked` of what filters look at of `rows`, and nothing else: it is read once for each filter.
async fn look(tx: &mut TenantTx, rows: &'static str, in_force: &InForce) -> Result<(), StoreError> {
    let mut sql = QueryBuilder::new(
        "create temporary table looked on commit drop as
         select f.finding_id, f.check_id, f.resource_id, f.source_id, f.severity, f.exposure, f.criticality, f.likelihood,
             f.blast, f.account, f.region, f.subject",
    );
    let resources = in_force.look_at_resources();
    if resources {
        sql.push(", r.name, r.sought_name, r.uid, l.labels");
    }
    sql.push(format_args!(" from {rows} f"));
    if resources {
        sql.push(
            " join resources r on r.tenant_id = current_tenant() and r.resource_id = f.resource_id
              left join (
                  select l.resource_id, array_agg(l.label) || array_agg(l.label || ",
        );
        sql.push_bind(looked_label("", Some(""))).push(" || l.value) as labels from resource_labels l");
        sql.push(" where l.tenant_id = current_tenant() and l.label = any(")
            .push_bind(in_force.words().flat_map(labels_of).collect::<Vec<_>>());
        sql.push(format_args!(
            "::text[]) and l.resource_id in (select resource_id from {rows}) group by l.resource_id
             ) l on l.resource_id = f.resource_id"
        ));
    }
    sql.push(" where f.\"is\" <> 'resolved'");
    sql.build().persistent(false).execute(tx.conn()).await?;
    Ok(())
}

/// Whether what is in `moved` is accepted follows from the exceptions in force. Leaves `matches` behind, and in `moved.cover`
/// as what: an accepted risk where any exception says so.
pub(super) async fn cover_moved(tx: &mut TenantTx, weighing: &Weighing) -> Result<(), StoreError> {
    sqlx::query("alter table moved add column cover text").execute(tx.conn()).await?;
    let in_force = InForce::read(tx).await?;
    match_exceptions(tx, "moved", &in_force, weighing).await?;
    sqlx::query(
        "update moved m set \"is\" = 'accepted', cover = x.cover
         from (
             select y.finding_id,
                 case when bool_or(e.kind = 'accepted_risk') then 'accepted' else 'false_positive' end as cover
             from matches y join exceptions e on e.tenant_id = $1 and e.exception_id = y.exception_id
             group by y.finding_id
         ) x
         where m.finding_id = x.finding_id",
    )
    .bind(tx.tenant().0)
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
