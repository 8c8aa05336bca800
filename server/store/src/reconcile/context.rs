//! What stands around each resource: what whoever takes it over has next, and what stands in the way.
//!
//! Both follow from the edges of all sources together and from what the checks decided, so they are worked out after the
//! decisions. What changed weighs something else and is decided anew, as with [`super::reach`].

use super::reach::Reached;
use crate::door::TenantTx;
use crate::error::StoreError;
use plumbline_core::id::{ResourceId, SourceId};
use plumbline_core::kind::Kinds;
use plumbline_core::path::{Openings, Opens};
use plumbline_core::risk::Blast;
use plumbline_core::stack::{NEXT, OUT, Passage, RUNS, SECRETS, STEPS, WORKLOADS, Way, pairs};
use uuid::Uuid;

/// The checks by which a workload is known to be kept apart; both have to pass.
#[derive(Debug, Clone, Copy)]
pub struct Isolation<'a> {
    /// Of a namespace: it lets in only what is allowed.
    pub namespace: &'a str,
    /// Of a cluster: its network does what policies say.
    pub network: &'a str,
}

/// Source, account, kind and id of a resource.
type Place = (Uuid, String, String, Uuid);

/// Brings blast radius and guards of all resources up to date. Returns the resources of which one changed: their findings
/// weigh something else. The caller holds [`super::lock`].
///
/// # Errors
/// When the database does not answer.
pub async fn context(tx: &mut TenantTx, openings: &Openings, isolation: Isolation<'_>) -> Result<Reached, StoreError> {
    sqlx::query("set local jit = off").execute(tx.conn()).await?;
    spread(tx, openings).await?;
    let mut changed = write_blast(tx).await?;
    sqlx::query("drop table blast, front, escaping").execute(tx.conn()).await?;
    changed.extend(write_guards(tx, isolation).await?);
    let mut by_source = Reached::new();
    for (source, account, kind, id) in changed {
        by_source.entry(SourceId(source)).or_default().push((account, kind, ResourceId(id)));
    }
    Ok(by_source)
}

/// From what is worth having backwards, the worst first: a resource keeps the first level that it is given.
async fn spread(tx: &mut TenantTx, openings: &Openings) -> Result<(), StoreError> {
    for sql in [
        "create temporary table blast (
             resource_id uuid primary key, uid text not null, kind text not null, level text not null, through uuid
         ) on commit drop",
        "create temporary table front (
             resource_id uuid not null, uid text not null, kind text not null, depth integer not null
         ) on commit drop",
        "create temporary table escaping (resource_id uuid primary key) on commit drop",
    ] {
        sqlx::query(sql).execute(tx.conn()).await?;
    }
    sqlx::query(
        "insert into escaping select distinct resource_id from findings
         where tenant_id = $1 and check_id = any($2) and state <> 'resolved'",
    )
    .bind(tx.tenant().0)
    .bind(openings.of(Opens::Escape))
    .execute(tx.conn())
    .await?;
    sqlx::query("analyze escaping").execute(tx.conn()).await?;
    begin(tx, FROM_ADMINS, Blast::Admin, &openings.of(Opens::Admin)).await?;
    follow(tx, Blast::Admin).await?;
    begin(tx, FROM_MACHINES, Blast::Machine, &OUT.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>()).await?;
    follow(tx, Blast::Machine).await?;
    begin(tx, FROM_CREDENTIALS, Blast::Secrets, &openings.of(Opens::Credentials)).await?;
    sqlx::query(
        "insert into front select resource_id, uid, kind, 0 from resources
         where tenant_id = $1 and kind = any($2) and retired_at is null",
    )
    .bind(tx.tenant().0)
    .bind(SECRETS)
    .execute(tx.conn())
    .await?;
    follow(tx, Blast::Secrets).await
}

/// Identities that administer; what they have themselves is not what they lead to.
const FROM_ADMINS: &str = "insert into front
     select distinct r.resource_id, r.uid, r.kind, 0
     from findings f join resources r on r.tenant_id = $1 and r.resource_id = f.resource_id and r.retired_at is null
     where f.tenant_id = $1 and f.check_id = any($2) and f.state <> 'resolved' and $3::text is not null";

/// Containers that can be left, to the machines that they run on.
const FROM_MACHINES: &str = "with found as (
         insert into blast
         select distinct on (s.resource_id) s.resource_id, s.uid, s.kind, $3, t.resource_id
         from escaping x
         join resources s on s.tenant_id = $1 and s.resource_id = x.resource_id and s.retired_at is null
         join edges e on e.tenant_id = $1 and e.from_id = s.resource_id and e.relation = any($2)
         join resources t on t.tenant_id = $1 and t.uid = e.to_uid and t.retired_at is null
         order by s.resource_id, t.resource_id
         on conflict (resource_id) do nothing
         returning resource_id, uid, kind
     )
     insert into front select resource_id, uid, kind, 0 from found";

/// What holds credentials by itself.
const FROM_CREDENTIALS: &str = "with found as (
         select distinct r.resource_id, r.uid, r.kind
         from findings f join resources r on r.tenant_id = $1 and r.resource_id = f.resource_id and r.retired_at is null
         where f.tenant_id = $1 and f.check_id = any($2) and f.state <> 'resolved'
     ), written as (
         insert into blast select resource_id, uid, kind, $3, null from found on conflict (resource_id) do nothing
     )
     insert into front select resource_id, uid, kind, 0 from found";

async fn begin(tx: &mut TenantTx, sql: &'static str, level: Blast, words: &[String]) -> Result<(), StoreError> {
    sqlx::query("truncate front").execute(tx.conn()).await?;
    sqlx::query(sql).bind(tx.tenant().0).bind(words).bind(level.as_str()).execute(tx.conn()).await?;
    Ok(())
}

async fn follow(tx: &mut TenantTx, level: Blast) -> Result<(), StoreError> {
    for depth in 0..STEPS {
        if step(tx, level, depth).await? == 0 {
            break;
        }
    }
    Ok(())
}

/// What leads to what was found last. An image is in the hands of whoever has a workload that runs it, and whoever gets in
/// by the image has that workload; credentials in an image are those of what runs it.
async fn step(tx: &mut TenantTx, level: Blast, depth: i32) -> Result<u64, StoreError> {
    let files: &[Passage] = if depth == 0 { RUNS } else { &[] };
    let forward: Vec<Passage> = NEXT.iter().chain(files).copied().collect();
    let (along, along_by) = pairs(&forward, Way::Along);
    let (mut against, mut against_by) = pairs(NEXT, Way::Against);
    let (runners, images) = pairs(RUNS, Way::Along);
    against.extend(runners);
    against_by.extend(images);
    let (same, same_by) = pairs(NEXT, Way::Same);
    let done = sqlx::query(
        "with found as (
             insert into blast
             select distinct on (n.resource_id) n.resource_id, n.uid, n.kind, $3, n.through
             from (
                 select s.resource_id, s.uid, s.kind, t.resource_id as through
                 from front t
                 join edges e on e.tenant_id = $1 and e.to_uid = t.uid
                 join resources s on s.tenant_id = $1 and s.resource_id = e.from_id and s.retired_at is null
                 join unnest($4::text[], $5::text[]) as p (kind, relation) on p.kind = s.kind and p.relation = e.relation
                 where t.depth = $2
                   and (e.relation <> all($10) or exists (select from escaping x where x.resource_id = s.resource_id))
                 union all
                 select s.resource_id, s.uid, s.kind, t.resource_id
                 from front t
                 join unnest($6::text[], $7::text[]) as p (kind, relation) on p.kind = t.kind
                 join edges e on e.tenant_id = $1 and e.from_id = t.resource_id and e.relation = p.relation
                 join resources s on s.tenant_id = $1 and s.uid = e.to_uid and s.retired_at is null
                 where t.depth = $2
                 union all
                 select s.resource_id, s.uid, s.kind, t.resource_id
                 from front t
                 join unnest($8::text[], $9::text[]) as p (kind, relation) on p.kind = t.kind
                 join edges o on o.tenant_id = $1 and o.from_id = t.resource_id and o.relation = p.relation
                 join edges e on e.tenant_id = $1 and e.to_uid = o.to_uid and e.relation = o.relation
                     and e.from_id <> t.resource_id
                 join resources s on s.tenant_id = $1 and s.resource_id = e.from_id and s.retired_at is null
                 where t.depth = $2
             ) n
             order by n.resource_id, n.through
             on conflict (resource_id) do nothing
             returning resource_id, uid, kind
         )
         insert into front select resource_id, uid, kind, $2 + 1 from found",
    )
    .bind(tx.tenant().0)
    .bind(depth)
    .bind(level.as_str())
    .bind(along)
    .bind(along_by)
    .bind(against)
    .bind(against_by)
    .bind(same)
    .bind(same_by)
    .bind(OUT)
    .execute(tx.conn())
    .await?;
    Ok(done.rows_affected())
}

async fn write_blast(tx: &mut TenantTx) -> Result<Vec<Place>, StoreError> {
    let changed = sqlx::query_as(
        "with now as (
             select resource_id, level, through from blast
             union all
             select r.resource_id, 'none', null from resources r
             where r.tenant_id = $1 and r.blast <> 'none'
               and not exists (select from blast b where b.resource_id = r.resource_id)
         ), written as (
             update resources r set blast = n.level, blast_through = n.through from now n
             where r.tenant_id = $1 and r.resource_id = n.resource_id
               and (r.blast <> n.level or r.blast_through is distinct from n.through)
             returning r.source_id, r.account, r.kind, r.resource_id, r.blast, r.retired_at
         )
         select w.source_id, w.account, w.kind, w.resource_id from written w
         join resources o on o.tenant_id = $1 and o.resource_id = w.resource_id
         where w.retired_at is null and o.blast <> w.blast",
    )
    .bind(tx.tenant().0)
    .fetch_all(tx.conn())
    .await?;
    Ok(changed)
}

/// The accounts whose network policies are enforced. Asked by itself: within the statement of the guards, a planner that knows
/// nothing of the tables yet joins all verdicts with all resources, which takes minutes in a first run.
async fn enforcing(tx: &mut TenantTx, isolation: Isolation<'_>) -> Result<Vec<String>, StoreError> {
    let accounts = sqlx::query_scalar(
        "select distinct k.account from (
             select resource_id from verdicts where tenant_id = $1 and check_id = $2 and verdict = 'pass' offset 0
         ) c join resources k on k.tenant_id = $1 and k.resource_id = c.resource_id and k.retired_at is null",
    )
    .bind(tx.tenant().0)
    .bind(isolation.network)
    .fetch_all(tx.conn())
    .await?;
    Ok(accounts)
}

/// Guards of workloads: their own, and whether they are kept apart. Of images: those of all that run them; or that nothing
/// does, where all that runs is seen and something of the same registry is known to run.
async fn write_guards(tx: &mut TenantTx, isolation: Isolation<'_>) -> Result<Vec<Place>, StoreError> {
    let readers: Vec<&str> =
        WORKLOADS.iter().filter_map(|kind| Kinds::builtin().get(kind)).map(|kind| kind.reader.as_str()).collect();
    let enforcing = enforcing(tx, isolation).await?;
    let changed = sqlx::query_as(
        "with apart as materialized (
             select n.uid from (
                 select resource_id from verdicts where tenant_id = $1 and check_id = $2 and verdict = 'pass' offset 0
             ) v
             join resources n on n.tenant_id = $1 and n.resource_id = v.resource_id and n.retired_at is null
             where n.account = any($3)
         ), isolated as (
             select distinct e.from_id from apart a
             join edges e on e.tenant_id = $1 and e.to_uid = a.uid and e.relation = 'namespace'
         ), workloads as (
             select w.resource_id,
                 case when k.from_id is null then w.own_guards else array['isolated'] || w.own_guards end as guards
             from resources w left join isolated k on k.from_id = w.resource_id
             where w.tenant_id = $1 and w.kind = any($4) and w.retired_at is null
         ), named as (
             select w.resource_id as by, w.guards, e.to_uid from workloads w
             join edges e on e.tenant_id = $1 and e.from_id = w.resource_id and e.relation = 'image'
         ), runs as (
             select i.resource_id, i.account, n.by, n.guards from named n
             join resources i on i.tenant_id = $1 and i.uid = n.to_uid and i.kind = 'image' and i.retired_at is null
             union
             select i.resource_id, i.account, n.by, n.guards from named n
             join edges x on x.tenant_id = $1 and x.to_uid = n.to_uid and x.relation = 'index'
             join resources i on i.tenant_id = $1 and i.resource_id = x.from_id and i.kind = 'image' and i.retired_at is null
         ), counted as (
             select resource_id, count(*) as runners from runs group by resource_id
         ), held as (
             select resource_id, array_agg(guard order by guard) as guards from (
                 select r.resource_id, g.guard from runs r cross join unnest(r.guards) g (guard)
                 join counted c on c.resource_id = r.resource_id
                 group by r.resource_id, g.guard, c.runners having count(*) = c.runners
             ) g group by resource_id
         ), unresolved as (
             select distinct split_part(n.to_uid, '@', 1) as repository from named n
             where not exists (select from resources i where i.tenant_id = $1 and i.uid = n.to_uid)
               and not exists (select from edges x where x.tenant_id = $1 and x.to_uid = n.to_uid and x.relation = 'index')
         ), sight as (
             select coalesce(bool_and(outcome = 'complete'), false) as clear from scopes
             where tenant_id = $1 and reader = any($5)
         ), now as (
             select resource_id, guards from workloads
             union all
             select i.resource_id, case
                 when c.runners is not null then coalesce(h.guards, '{}')
                 when s.clear and a.account is not null and u.repository is null then array['not_running']
                 else '{}' end
             from resources i cross join sight s
             left join counted c on c.resource_id = i.resource_id
             left join held h on h.resource_id = i.resource_id
             left join (select distinct account from runs) a on a.account = i.account
             left join unresolved u on u.repository = split_part(i.uid, '@', 1)
             where i.tenant_id = $1 and i.kind = 'image' and i.retired_at is null
         )
         update resources r set guards = n.guards from now n
         where r.tenant_id = $1 and r.resource_id = n.resource_id and r.guards <> n.guards
         returning r.source_id, r.account, r.kind, r.resource_id",
    )
    .bind(tx.tenant().0)
    .bind(isolation.namespace)
    .bind(enforcing)
    .bind(WORKLOADS)
    .bind(readers)
    .fetch_all(tx.conn())
    .await?;
    Ok(changed)
}
