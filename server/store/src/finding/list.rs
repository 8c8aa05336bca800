//! The list of findings, narrowed and in an order.
//!
//! Whatever narrows it, a page is read from an index in the order that is shown, by the way that has the fewest findings
//! to look at ([`super::way`]); where these are few they are read all and sorted. Only where nothing rare narrows it and
//! it is not ordered by rank is it read in the order of time.

use super::facets::Total;
use super::filter::{Condition, FindingFilter, What, narrowed};
use super::way::{FEW, Way, Ways};
use super::{FindingState, facets, rows_of};
use crate::door::TenantTx;
use crate::error::StoreError;
use crate::page::{Page, PageRequest};
use chrono::{DateTime, Utc};
use sqlx::{Postgres, QueryBuilder};
use uuid::Uuid;

/// What a list is ordered by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Order {
    /// Riskiest first.
    #[default]
    Risk,
    /// What is due next first; only what is open and has a date.
    Due,
    Newest,
    Oldest,
}

impl Order {
    pub const ALL: [Self; 4] = [Self::Risk, Self::Due, Self::Newest, Self::Oldest];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Risk => "risk",
            Self::Due => "due",
            Self::Newest => "newest",
            Self::Oldest => "oldest",
        }
    }

    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|order| order.as_str() == word)
    }

    /// As SQL, of columns of `f`.
    fn by(self) -> &'static str {
        match self {
            Self::Risk => "f.risk desc, f.finding_id",
            Self::Due => "f.due_at, f.finding_id",
            Self::Newest => "f.opened_at desc, f.finding_id desc",
            Self::Oldest => "f.opened_at, f.finding_id",
        }
    }
}

/// One line of the list.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct FindingRow {
    pub finding_id: Uuid,
    pub check_id: String,
    /// Which of several failures of the check this is; empty where there is one.
    pub subject: String,
    pub state: String,
    /// Where its work stands.
    pub stage: String,
    pub severity: String,
    pub risk: i16,
    pub account: String,
    pub region: String,
    pub exposure: String,
    pub criticality: String,
    pub likelihood: String,
    pub blast: String,
    /// The name of the member whose it is; none too when they have left.
    pub assignee: Option<String>,
    pub team_id: Option<Uuid>,
    pub due_at: Option<DateTime<Utc>>,
    pub resource_id: Uuid,
    pub resource_name: String,
    pub resource_kind: String,
    pub opened_at: DateTime<Utc>,
}

impl FindingRow {
    /// Where it stands in the order of rank.
    pub(super) fn cursor(&self) -> String {
        self.cursor_by(Order::Risk)
    }

    fn place(&self, order: Order) -> i64 {
        match order {
            Order::Risk => i64::from(self.risk),
            Order::Due => self.due_at.map_or(i64::MAX, |at| at.timestamp_micros()),
            Order::Newest | Order::Oldest => self.opened_at.timestamp_micros(),
        }
    }

    fn cursor_by(&self, order: Order) -> String {
        format!("{}-{}", self.place(order), self.finding_id)
    }
}

/// Reads a cursor of the ranking; one that is none begins at the top.
pub(super) fn position(after: Option<&str>, top: i16) -> (i16, Uuid) {
    let place = after.and_then(place).and_then(|(risk, id)| Some((i16::try_from(risk).ok()?, id)));
    place.map_or((top, Uuid::nil()), |(risk, id)| (risk.min(top), id))
}

/// A place in an order, and the finding there.
type Place = (i64, Uuid);

fn place(after: &str) -> Option<Place> {
    let (place, id) = after.split_once('-')?;
    Some((place.parse().ok()?, id.parse().ok()?))
}

fn smallint(risk: i64) -> i16 {
    i16::try_from(risk).unwrap_or(i16::MAX)
}

/// A page of the findings that the filter leaves.
///
/// # Errors
/// When the database does not answer.
pub async fn list(
    tx: &mut TenantTx,
    filter: &FindingFilter,
    order: Order,
    page: &PageRequest,
) -> Result<Page<FindingRow>, StoreError> {
    Ok(counted_list(tx, filter, order, page).await?.0)
}

/// A page of the findings that the filter leaves, and how many it leaves in all.
///
/// # Errors
/// When the database does not answer.
pub async fn counted_list(
    tx: &mut TenantTx,
    filter: &FindingFilter,
    order: Order,
    page: &PageRequest,
) -> Result<(Page<FindingRow>, Total), StoreError> {
    let nothing = (Page { items: Vec::new(), next: None }, Total::Exactly(0));
    // A date is what is open has.
    let open = FindingFilter { states: vec![FindingState::Open], ..filter.clone() };
    let filter = match order {
        Order::Due if filter.states.is_empty() || filter.states.contains(&FindingState::Open) => &open,
        Order::Due => return Ok(nothing),
        _ => filter,
    };
    if filter.nothing || facets::is_impossible(tx, filter).await? {
        return Ok(nothing);
    }
    let sums = facets::by_sums(tx, filter).await?;
    if sums == Some(0) {
        return Ok(nothing);
    }
    let part = Part { order, after: page.after.as_deref().and_then(place), limit: page.size + 1 };
    let (mut found, mut counted) = (Vec::new(), Total::Unknown);
    for filter in parts(filter) {
        let ways = Ways::of(tx, &filter).await?;
        found.extend(part.read(tx, &ways).await?);
        if sums.is_none() && filter.search.is_none() {
            counted = facets::count(tx, &ways.filter, &ways.least).await?;
        }
    }
    sort(&mut found, order);
    found.dedup_by_key(|row| row.finding_id);
    let total = match sums {
        // Dates are not summed: of the open, some have none.
        _ if order == Order::Due => Total::Unknown,
        Some(findings) => Total::Exactly(findings),
        None if filter.search.is_some() => Total::Unknown,
        None => counted,
    };
    Ok((Page::cut(found, page.size, |row| row.cursor_by(order)), total))
}

fn sort(rows: &mut [FindingRow], order: Order) {
    rows.sort_by(|a, b| {
        let (places, ids) = (a.place(order).cmp(&b.place(order)), a.finding_id.cmp(&b.finding_id));
        match order {
            Order::Risk => places.reverse().then(ids),
            Order::Newest => places.then(ids).reverse(),
            Order::Due | Order::Oldest => places.then(ids),
        }
    });
}

/// A search is two lists: what it found by checks, and by resources.
pub(super) fn parts(filter: &FindingFilter) -> Vec<FindingFilter> {
    let Some(search) = &filter.search else { return vec![filter.clone()] };
    let rest = FindingFilter { search: None, ..filter.clone() };
    let mut parts = Vec::new();
    if !search.resources.is_empty() {
        let mut by_resource = rest.clone();
        by_resource.more.push(Condition { not: false, what: What::Of(search.resources.clone()) });
        parts.push(by_resource);
    }
    let left = |check: &&String| filter.checks.as_ref().is_none_or(|checks| checks.contains(check));
    let checks: Vec<String> = search.checks.iter().filter(left).cloned().collect();
    if !checks.is_empty() {
        parts.push(FindingFilter { checks: Some(checks), ..rest });
    }
    parts
}

/// Which part of a list is read.
struct Part {
    order: Order,
    after: Option<Place>,
    limit: i64,
}

impl Part {
    async fn read(&self, tx: &mut TenantTx, ways: &Ways) -> Result<Vec<FindingRow>, StoreError> {
        let filter = &ways.filter;
        if let (Order::Risk, None, Some((top, way)), [state]) =
            (self.order, self.after, &ways.top, &*filter.state_words())
        {
            let mut sql = QueryBuilder::new("with ");
            self.at_top(state, *top, filter, &mut sql);
            let found = self.lines(tx, sql).await?;
            if i64::try_from(found.len()).is_ok_and(|found| found == self.limit) {
                return Ok(found);
            }
            let mut sql = QueryBuilder::new("with ");
            self.marked(way, filter, &mut sql);
            return self.lines(tx, sql).await;
        }
        let mut sql = QueryBuilder::new("with ");
        match self.order {
            Order::Risk if ways.best.is_ranked() => self.ranked(&ways.best, filter, &mut sql),
            Order::Risk if matches!(ways.best, Way::Marked(_)) => self.marked(&ways.best, filter, &mut sql),
            Order::Risk => self.sorted(&ways.best, filter, &mut sql),
            _ if ways.least.findings <= FEW => self.sorted(&ways.least.way, filter, &mut sql),
            _ => self.timed(filter, &mut sql),
        }
        self.lines(tx, sql).await
    }

    /// The lines of the findings in `top`.
    async fn lines(&self, tx: &mut TenantTx, mut sql: QueryBuilder<Postgres>) -> Result<Vec<FindingRow>, StoreError> {
        sql.push(rows_of!("top t join findings f on f.tenant_id = current_tenant() and f.finding_id = t.finding_id"));
        sql.push(" order by ").push(self.order.by());
        Ok(sql.build_query_as().fetch_all(tx.conn()).await?)
    }

    /// Arm by arm in the order of rank, a page of each. Of many arms, those that begin highest: no others have a line of it.
    fn ranked(&self, way: &Way, filter: &FindingFilter, sql: &mut QueryBuilder<Postgres>) {
        let many = way.count_of_arms(filter) > self.limit;
        if many {
            sql.push("heads as materialized (select e.* from (");
            way.arms(filter, sql);
            sql.push(") e cross join lateral (select x.risk, x.finding_id from (");
            self.of_arm(way, filter, sql, 1);
            sql.push(") x order by x.risk desc, x.finding_id limit 1) h order by h.risk desc, h.finding_id limit ");
            sql.push_bind(self.limit).push("), ");
        }
        sql.push("top as (select x.finding_id from (");
        if many {
            sql.push("select * from heads");
        } else {
            way.arms(filter, sql);
        }
        sql.push(") e cross join lateral (");
        self.of_arm(way, filter, sql, self.limit);
        sql.push(") x order by x.risk desc, x.finding_id limit ").push_bind(self.limit).push(") ");
    }

    /// The first lines of an arm `e`, in no order where the page does not begin at the top.
    fn of_arm(&self, way: &Way, filter: &FindingFilter, sql: &mut QueryBuilder<Postgres>, limit: i64) {
        if let Some((risk, id)) = self.after.map(|(risk, id)| (smallint(risk), id)) {
            // Those of the same risk are a range of their own, or all that came before would be read again.
            range(way, filter, sql, limit, |sql| {
                sql.push(" and f.risk = ").push_bind(risk).push(" and f.finding_id > ").push_bind(id);
            });
            sql.push(" union all ");
        }
        range(way, filter, sql, limit, |sql| {
            if let Some((risk, _)) = self.after {
                sql.push(" and f.risk < ").push_bind(smallint(risk));
            }
        });
    }

    /// Among the first of the ranking.
    fn at_top(&self, state: &'static str, top: i64, filter: &FindingFilter, sql: &mut QueryBuilder<Postgres>) {
        sql.push("top as (select f.finding_id from (select * from findings f where f.tenant_id = current_tenant()");
        sql.push(" and f.state = ").push_bind(state).push(" order by f.risk desc, f.finding_id limit ").push_bind(top);
        sql.push(") f where true");
        narrowed(filter, sql);
        sql.push(" order by f.risk desc, f.finding_id limit ").push_bind(self.limit).push(") ");
    }

    /// All that resources have is ranked in the index, and looked at from the top until the page is full.
    fn marked(&self, way: &Way, filter: &FindingFilter, sql: &mut QueryBuilder<Postgres>) {
        sql.push("top as (select c.finding_id from (select x.finding_id, x.risk from (");
        way.arms(filter, sql);
        sql.push(
            ") e cross join lateral (select f.finding_id, f.risk from findings f where f.tenant_id = current_tenant()",
        );
        way.equality(sql);
        self.begins(sql);
        // Or the planner would read all findings and join them to the resources.
        sql.push(" offset 0) x order by x.risk desc, x.finding_id) c cross join lateral (");
        sql.push("select from findings f where f.tenant_id = current_tenant() and f.finding_id = c.finding_id");
        narrowed(filter, sql);
        sql.push(" offset 0) f order by c.risk desc, c.finding_id limit ").push_bind(self.limit).push(") ");
    }

    /// All that a way has, sorted.
    fn sorted(&self, way: &Way, filter: &FindingFilter, sql: &mut QueryBuilder<Postgres>) {
        sql.push("chosen as materialized (");
        way.all(filter, sql);
        sql.push("), top as (select f.finding_id from chosen f where true");
        if self.order == Order::Due {
            sql.push(" and f.due_at is not null");
        }
        self.begins(sql);
        sql.push(" order by ").push(self.order.by()).push(" limit ").push_bind(self.limit).push(") ");
    }

    /// In the order of time; what is due of teams or members, each of which has an order of its own.
    fn timed(&self, filter: &FindingFilter, sql: &mut QueryBuilder<Postgres>) {
        let mut positive = filter.more.iter().filter(|condition| !condition.not).map(|condition| &condition.what);
        let owners = positive.find(|what| matches!(what, What::Teams(_) | What::Assignees(_)));
        sql.push("top as (select f.finding_id from unnest(");
        let of_arm = match (self.order, owners) {
            (Order::Due, Some(What::Teams(teams))) => {
                sql.push_bind(teams.clone()).push("::uuid[]) e (team_id)");
                "f.state = 'open' and f.due_at is not null and f.team_id = e.team_id and f.team_id is not null"
            }
            (Order::Due, Some(What::Assignees(people))) => {
                sql.push_bind(people.clone()).push("::uuid[]) e (person_id)");
                "f.state = 'open' and f.due_at is not null and f.assignee_id = e.person_id and f.assignee_id is not null"
            }
            (Order::Due, _) => {
                sql.push_bind(vec!["open"]).push("::text[]) e (state)");
                "f.state = 'open' and f.due_at is not null"
            }
            _ => {
                sql.push_bind(filter.state_words()).push("::text[]) e (state)");
                "f.state = e.state"
            }
        };
        sql.push(" cross join lateral (select f.finding_id, f.opened_at, f.due_at from findings f");
        sql.push(" where f.tenant_id = current_tenant() and ").push(of_arm);
        self.begins(sql);
        narrowed(filter, sql);
        sql.push(" order by ").push(self.order.by()).push(" limit ").push_bind(self.limit);
        sql.push(") f order by ").push(self.order.by()).push(" limit ").push_bind(self.limit).push(") ");
    }

    /// Where the page begins.
    fn begins(&self, sql: &mut QueryBuilder<Postgres>) {
        let Some((place, id)) = self.after else { return };
        let at = DateTime::from_timestamp_micros(place).unwrap_or_default();
        match self.order {
            Order::Risk => {
                sql.push(" and (f.risk < ").push_bind(place).push(" or (f.risk = ").push_bind(place);
                sql.push(" and f.finding_id > ").push_bind(id).push("))");
            }
            Order::Due => {
                sql.push(" and (f.due_at, f.finding_id) > (").push_bind(at).push(", ").push_bind(id).push(")");
            }
            Order::Oldest => {
                sql.push(" and (f.opened_at, f.finding_id) > (").push_bind(at).push(", ").push_bind(id).push(")");
            }
            Order::Newest => {
                sql.push(" and (f.opened_at, f.finding_id) < (").push_bind(at).push(", ").push_bind(id).push(")");
            }
        }
    }
}

/// The first findings of an arm `e` in the order of rank, from where it begins.
fn range(
    way: &Way,
    filter: &FindingFilter,
    sql: &mut QueryBuilder<Postgres>,
    limit: i64,
    begins: impl FnOnce(&mut QueryBuilder<Postgres>),
) {
    sql.push("(select f.finding_id, f.risk from findings f where f.tenant_id = current_tenant()");
    way.equality(sql);
    begins(sql);
    narrowed(filter, sql);
    sql.push(" order by f.risk desc, f.finding_id limit ").push_bind(limit).push(")");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_that_is_none_begins_at_the_top() {
        for text in [None, Some(""), Some("x-y"), Some("7"), Some("7-zzz")] {
            assert_eq!(position(text, 40), (40, Uuid::nil()), "{text:?}");
        }
    }
}
