//! Whose findings are: by the tenant's rules when they open, by the same when these change, and by hand above both.

use crate::door::TenantTx;
use crate::error::StoreError;
use crate::reconcile::own_changed_fixes;
use crate::tenant::member;
use chrono::{DateTime, Utc};
use plumbline_core::id::PersonId;
use plumbline_core::triage::owners::{self, Rule};
use std::collections::BTreeMap;
use uuid::Uuid;

/// Resources whose findings one transaction gives to their owners.
const BATCH: i64 = 5_000;

/// The rules as they were typed.
#[derive(Debug, Clone, Default)]
pub struct Ownership {
    pub rules: String,
    pub changed_at: Option<DateTime<Utc>>,
}

/// Whose something is.
#[derive(Debug, Clone, Default, PartialEq, Eq, sqlx::FromRow)]
pub struct Owner {
    pub team_id: Option<Uuid>,
    pub team: Option<String>,
    pub assignee_id: Option<Uuid>,
    pub assignee: Option<String>,
}

/// The tenant's rules; empty when it has none.
///
/// # Errors
/// When the database does not answer.
pub async fn rules(tx: &mut TenantTx) -> Result<Ownership, StoreError> {
    let row: Option<(String, DateTime<Utc>)> =
        sqlx::query_as("select rules, changed_at from ownership where tenant_id = $1")
            .bind(tx.tenant().0)
            .fetch_optional(tx.conn())
            .await?;
    Ok(row.map_or_else(Ownership::default, |(rules, at)| Ownership { rules, changed_at: Some(at) }))
}

/// Keeps other rules. [`apply_owners`] gives what is open to its owners by them. Returns how many rules there are.
///
/// # Errors
/// [`StoreError::Conflict`] with the line that is no rule, or that names nobody.
pub async fn keep_rules(tx: &mut TenantTx, text: &str, now: DateTime<Utc>) -> Result<usize, StoreError> {
    if text.len() > owners::MOST_BYTES {
        return Err(StoreError::Conflict("The rules take at most 64 KiB.".to_owned()));
    }
    let rules = owners::parse(text).map_err(|mistake| StoreError::Conflict(mistake.to_string()))?;
    let known = Known::read(tx).await?;
    for rule in &rules {
        if let Err(name) = known.owner(rule) {
            let words = format!("Line {}: nobody here is called “{name}”, neither a team nor a member.", rule.line);
            return Err(StoreError::Conflict(words));
        }
    }
    sqlx::query(
        "insert into ownership (tenant_id, rules, changed_at) values ($1, $2, $3)
         on conflict (tenant_id) do update set rules = excluded.rules, changed_at = excluded.changed_at",
    )
    .bind(tx.tenant().0)
    .bind(text)
    .bind(now)
    .execute(tx.conn())
    .await?;
    Ok(rules.len())
}

/// Teams and members by what rules call them.
struct Known {
    teams: BTreeMap<String, Uuid>,
    people: BTreeMap<String, Uuid>,
}

impl Known {
    async fn read(tx: &mut TenantTx) -> Result<Self, StoreError> {
        let teams = super::teams(tx).await?;
        let mut people = BTreeMap::new();
        for member in member::list(tx).await? {
            let email = member.email.to_lowercase();
            let local = email.split('@').next().unwrap_or_default().to_owned();
            people.entry(local).or_insert(member.person.0);
            people.insert(email, member.person.0);
        }
        Ok(Self { teams: teams.into_iter().map(|team| (team.name.to_lowercase(), team.team_id)).collect(), people })
    }

    /// The team and the member that a rule names, or the name that is nobody's.
    fn owner<'a>(&self, rule: &'a Rule) -> Result<(Option<Uuid>, Option<Uuid>), &'a str> {
        let (mut team, mut person) = (None, None);
        for name in &rule.owners {
            match (self.teams.get(name), self.people.get(name)) {
                (Some(id), _) => team = Some(*id),
                (None, Some(id)) => person = Some(*id),
                (None, None) => return Err(name),
            }
        }
        Ok((team, person))
    }
}

/// Rules as parameters of a statement: a column each.
#[derive(Default)]
struct Columns {
    line: Vec<i32>,
    rough_path: Vec<Option<String>>,
    path: Vec<Option<String>>,
    tag: Vec<Option<String>>,
    tag_value: Vec<Option<String>>,
    account: Vec<Option<String>>,
    namespace: Vec<Option<String>>,
    rough_repository: Vec<Option<String>>,
    repository: Vec<Option<String>>,
    kind: Vec<Option<String>>,
    source: Vec<Option<String>>,
    name: Vec<Option<String>>,
    team: Vec<Option<Uuid>>,
    person: Vec<Option<Uuid>>,
}

impl Columns {
    /// None when nothing is owned by rules. A rule whose owner has left says nothing.
    async fn read(tx: &mut TenantTx) -> Result<Option<Self>, StoreError> {
        let text = rules(tx).await?.rules;
        let rules = owners::parse(&text).unwrap_or_default();
        if rules.is_empty() {
            return Ok(None);
        }
        let known = Known::read(tx).await?;
        let mut columns = Self::default();
        for rule in rules {
            let Ok((team, person)) = known.owner(&rule) else { continue };
            columns.team.push(team);
            columns.person.push(person);
            columns.push(rule);
        }
        Ok(Some(columns))
    }

    fn push(&mut self, rule: Rule) {
        let (tag, tag_value) = rule.tag.unzip();
        self.line.push(i32::try_from(rule.line).unwrap_or(i32::MAX));
        let (rough, exact) = rule.path.map(|path| (path.rough, path.exact)).unzip();
        self.rough_path.push(rough);
        self.path.push(exact);
        self.tag.push(tag);
        self.tag_value.push(tag_value);
        self.account.push(rule.account);
        self.namespace.push(rule.namespace);
        let (rough, exact) = rule.repository.map(|path| (path.rough, path.exact)).unzip();
        self.rough_repository.push(rough);
        self.repository.push(exact);
        self.kind.push(rule.kind);
        self.source.push(rule.source);
        self.name.push(rule.name);
    }
}

// The owner of each resource `r`, by the last rule that matches it. Parameters 2 to 15 are the columns of the rules. The rough
// patterns stand first: Postgres keeps few regular expressions compiled, and reading one anew takes longer than all else.
macro_rules! owned {
    ($resources:literal, $then:literal) => {
        concat!(
            "with rules as materialized (
                 select * from unnest($2::int[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[],
                     $9::text[], $10::text[], $11::text[], $12::text[], $13::text[], $14::uuid[], $15::uuid[])
                     as u (line, rough_path, path, tag, tag_value, account, namespace, rough_repository, repository, kind,
                         source, name, team, person)
             ), batch as materialized (",
            $resources,
            "), owned as materialized (
                 select r.resource_id, w.team, w.person
                 from batch b
                 join resources r on r.tenant_id = $1 and r.resource_id = b.resource_id
                 join sources s on s.tenant_id = $1 and s.source_id = r.source_id
                 left join lateral (
                     select u.team, u.person from rules u
                     where (u.path is null or r.account || '/' || r.region || '/' || r.name like u.rough_path
                           and r.account || '/' || r.region || '/' || r.name ~ u.path)
                       and (u.tag is null or r.tags->>u.tag like u.tag_value)
                       and (u.account is null or r.account like u.account)
                       and (u.namespace is null or r.kind like 'kubernetes.%' and r.region like u.namespace)
                       and (u.repository is null or r.kind in ('image', 'registry.repository')
                           and r.account || '/' || r.region like u.rough_repository
                           and r.account || '/' || r.region ~ u.repository)
                       and (u.kind is null or r.kind like u.kind)
                       and (u.source is null or s.name like u.source)
                       and (u.name is null or r.name like u.name)
                     order by u.line desc limit 1
                 ) w on true
             ) ",
            $then
        )
    };
}

macro_rules! bind {
    ($query:expr, $tx:expr, $columns:expr) => {
        $query
            .bind($tx.tenant().0)
            .bind($columns.line)
            .bind($columns.rough_path)
            .bind($columns.path)
            .bind($columns.tag)
            .bind($columns.tag_value)
            .bind($columns.account)
            .bind($columns.namespace)
            .bind($columns.rough_repository)
            .bind($columns.repository)
            .bind($columns.kind)
            .bind($columns.source)
            .bind($columns.name)
            .bind($columns.team)
            .bind($columns.person)
    };
}

/// Gives the findings of `moved` that open to their owners.
pub(crate) async fn own_opened(tx: &mut TenantTx) -> Result<(), StoreError> {
    let Some(columns) = Columns::read(tx).await? else { return Ok(()) };
    let query = sqlx::query(owned!(
        "select distinct resource_id from moved where was is null or was = 'resolved' and \"is\" <> 'resolved'",
        "update findings f set team_id = o.team, assignee_id = o.person
         from moved m join owned o on o.resource_id = m.resource_id
         where f.tenant_id = $1 and f.finding_id = m.finding_id
           and (m.was is null or m.was = 'resolved' and m.\"is\" <> 'resolved') and not f.owned_by_hand
           and (f.team_id is distinct from o.team or f.assignee_id is distinct from o.person)"
    ));
    bind!(query, tx, columns).execute(tx.conn()).await?;
    Ok(())
}

/// Gives the open findings of the next resources to their owners by the rules, except where a person said whose they are.
/// Returns after which resource the next batch begins; none when all are done. The caller holds [`crate::reconcile::lock`].
///
/// # Errors
/// When the database does not answer.
pub async fn apply_owners(tx: &mut TenantTx, after: Uuid) -> Result<Option<Uuid>, StoreError> {
    let columns = Columns::read(tx).await?.unwrap_or_default();
    let last: Option<Uuid> = sqlx::query_scalar(
        "select resource_id from resources where tenant_id = $1 and resource_id > $2 order by resource_id offset $3 limit 1",
    )
    .bind(tx.tenant().0)
    .bind(after)
    .bind(BATCH - 1)
    .fetch_optional(tx.conn())
    .await?;
    let query = sqlx::query(owned!(
        "select resource_id from resources where tenant_id = $1 and resource_id > $16 and resource_id <= $17",
        "update findings f set team_id = o.team, assignee_id = o.person from owned o
         where f.tenant_id = $1 and f.resource_id = o.resource_id and f.resource_id > $16 and f.resource_id <= $17
           and f.state = 'open' and not f.owned_by_hand
           and (f.team_id is distinct from o.team or f.assignee_id is distinct from o.person)"
    ));
    bind!(query, tx, columns).bind(after).bind(last.unwrap_or(Uuid::max())).execute(tx.conn()).await?;
    Ok(last)
}

/// What a team and a member are called now.
///
/// # Errors
/// [`StoreError::NotFound`] when there is no such team or member here.
pub async fn owner_of(tx: &mut TenantTx, team: Option<Uuid>, assignee: Option<PersonId>) -> Result<Owner, StoreError> {
    let mut owner = Owner { team_id: team, assignee_id: assignee.map(|person| person.0), ..Owner::default() };
    if let Some(team) = team {
        owner.team = Some(super::members_of(tx, team).await?.0);
    }
    if let Some(person) = assignee {
        owner.assignee = Some(member::get(tx, person).await?.name);
    }
    Ok(owner)
}

/// Who owns nothing any more.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Leaving {
    Person(PersonId),
    Team(Uuid),
}

/// Takes everything from a member or a team who is about to go: it is nobody's, or the other's of the two, and its fixes follow.
/// The caller holds [`crate::reconcile::lock`].
pub(crate) async fn disown(tx: &mut TenantTx, leaving: Leaving) -> Result<(), StoreError> {
    let (id, find, take) = match leaving {
        Leaving::Person(person) => (
            person.0,
            "create temporary table changing on commit drop as
             select finding_id from findings where tenant_id = $1 and assignee_id = $2",
            "update findings f set assignee_id = null, owned_by_hand = f.owned_by_hand and f.team_id is not null
             from changing c where f.tenant_id = $1 and f.finding_id = c.finding_id",
        ),
        Leaving::Team(team) => (
            team,
            "create temporary table changing on commit drop as
             select finding_id from findings where tenant_id = $1 and team_id = $2",
            "update findings f set team_id = null, owned_by_hand = f.owned_by_hand and f.assignee_id is not null
             from changing c where f.tenant_id = $1 and f.finding_id = c.finding_id",
        ),
    };
    sqlx::query(find).bind(tx.tenant().0).bind(id).execute(tx.conn()).await?;
    sqlx::query(take).bind(tx.tenant().0).execute(tx.conn()).await?;
    own_changed_fixes(tx).await?;
    sqlx::query("drop table changing").execute(tx.conn()).await?;
    Ok(())
}
