//! How a list of findings is narrowed: the one place where a filter becomes conditions, for the list, for what is counted
//! of it and for what is done to all that it shows.

use super::FindingState;
use crate::door::TenantTx;
use crate::error::StoreError;
use chrono::{DateTime, Utc};
use plumbline_core::glob;
use plumbline_core::risk::{Criticality, Exposure};
use plumbline_core::verdict::Severity;
use sqlx::{Postgres, QueryBuilder};
use uuid::Uuid;

/// How a list of findings is narrowed. An empty list narrows nothing.
#[derive(Debug, Clone, Default)]
pub struct FindingFilter {
    pub states: Vec<FindingState>,
    pub severities: Vec<Severity>,
    /// The checks that the filter's checks, keys, frameworks and kinds leave together; none for all.
    pub checks: Option<Vec<String>>,
    /// The checks whose sums make up the filter: those of `checks` that have one of the severities; none for all.
    pub counted_checks: Option<Vec<String>>,
    pub accounts: Vec<String>,
    pub regions: Vec<String>,
    pub exposures: Vec<Exposure>,
    pub criticalities: Vec<Criticality>,
    pub sources: Vec<Uuid>,
    pub search: Option<Search>,
    /// What no sums are kept by; all of it must hold.
    pub more: Vec<Condition>,
    /// Whether it contradicts itself, so that nothing can meet it.
    pub nothing: bool,
}

/// What a search text was found in: a finding matches by its check or by its resource.
#[derive(Debug, Clone, Default)]
pub struct Search {
    pub checks: Vec<String>,
    pub resources: Vec<Uuid>,
}

/// One more thing that must hold, or must not.
#[derive(Debug, Clone)]
pub struct Condition {
    pub not: bool,
    pub what: What,
}

/// What a condition asks. Of several values one is enough.
#[derive(Debug, Clone)]
pub enum What {
    Checks(Vec<String>),
    Accounts(Vec<String>),
    Regions(Vec<String>),
    Sources(Vec<Uuid>),
    Stages(Vec<String>),
    Likelihoods(Vec<String>),
    Blasts(Vec<String>),
    Assignees(Vec<Uuid>),
    Teams(Vec<Uuid>),
    /// Neither a member's nor a team's.
    Unassigned,
    OpenedBefore(DateTime<Utc>),
    OpenedAfter(DateTime<Utc>),
    /// Open, and due before the instant.
    DueBefore(DateTime<Utc>),
    /// Open, and due at the instant or later.
    DueAfter(DateTime<Utc>),
    NoDue,
    /// Which of several failures of the check it is, such as a flaw.
    Subjects(Vec<String>),
    /// A resource that is marked with one of these labels (`tag:` and a key, or `namespace`), with its value or with any.
    Labelled(Vec<(String, Option<String>)>),
    /// A resource whose name begins with one of the texts or fits it as a pattern, or whose identifier is one.
    Resources(Vec<String>),
    /// These resources.
    Of(Vec<Uuid>),
    /// The same of resources that are few enough to be held in memory while findings are looked at.
    Held(Box<What>),
    /// Its fix cuts an attack path.
    OnPath,
    Search(Search),
}

impl FindingFilter {
    /// Whether it asks what a risk goes with, so that in the ranking of all what it leaves may stand at the very end.
    pub(super) fn is_ranked(&self) -> bool {
        !(self.severities.is_empty() && self.exposures.is_empty() && self.criticalities.is_empty())
    }

    /// The states that it leaves, as words.
    pub(crate) fn state_words(&self) -> Vec<&'static str> {
        let states = if self.states.is_empty() { &FindingState::ALL[..] } else { &self.states };
        states.iter().map(|state| state.as_str()).collect()
    }
}

/// What the findings `f` are rows of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rows {
    /// `findings`, or sums that have its columns.
    Findings,
    /// The temporary table `looked` of a reconcile, which has of their resources what filters look at.
    Looked,
}

/// Writes the filter's conditions on `findings f` behind a `where`, each with its `and` in front. The tenant's own
/// condition is the caller's.
///
/// They are in a form that no index answers: an index that is asked for several values is not read in order, and all that
/// it finds would be sorted. What a page is read by is the equality that the caller writes.
pub(crate) fn narrowed(filter: &FindingFilter, sql: &mut QueryBuilder<Postgres>) {
    narrowed_rows(filter, Rows::Findings, sql);
}

/// The same on rows of another table that has the columns.
pub(crate) fn narrowed_rows(filter: &FindingFilter, rows: Rows, sql: &mut QueryBuilder<Postgres>) {
    if filter.nothing {
        sql.push(" and false");
    }
    if !filter.states.is_empty() {
        one_of(sql, "f.state", filter.state_words());
    }
    if !filter.severities.is_empty() {
        one_of(sql, "f.severity", filter.severities.iter().map(|severity| severity.as_str()).collect());
    }
    if !filter.exposures.is_empty() {
        one_of(sql, "f.exposure", filter.exposures.iter().map(|exposure| exposure.as_str()).collect());
    }
    if !filter.criticalities.is_empty() {
        one_of(sql, "f.criticality", filter.criticalities.iter().map(|word| word.as_str()).collect());
    }
    if let Some(checks) = &filter.checks {
        texts(sql, "f.check_id", checks);
    }
    if !filter.accounts.is_empty() {
        texts(sql, "f.account", &filter.accounts);
    }
    if !filter.regions.is_empty() {
        texts(sql, "f.region", &filter.regions);
    }
    if !filter.sources.is_empty() {
        ids(sql, "f.source_id", &filter.sources);
    }
    if let Some(search) = &filter.search {
        found(sql, search);
    }
    for condition in &filter.more {
        sql.push(if condition.not { " and not (true" } else { " and (true" });
        match rows {
            Rows::Findings => condition.what.write(sql),
            Rows::Looked => condition.what.write_looked(sql),
        }
        sql.push(")");
    }
}

// `is true` keeps it from an index, and leaves it to a hash of the values.
fn one_of(sql: &mut QueryBuilder<Postgres>, column: &str, words: Vec<&'static str>) {
    sql.push(format_args!(" and ({column} = any(")).push_bind(words).push("::text[])) is true");
}

fn texts(sql: &mut QueryBuilder<Postgres>, column: &str, values: &[String]) {
    sql.push(format_args!(" and ({column} = any(")).push_bind(values.to_vec()).push("::text[])) is true");
}

fn ids(sql: &mut QueryBuilder<Postgres>, column: &str, values: &[Uuid]) {
    sql.push(format_args!(" and ({column} = any(")).push_bind(values.to_vec()).push("::uuid[])) is true");
}

fn found(sql: &mut QueryBuilder<Postgres>, search: &Search) {
    sql.push(" and ((f.check_id = any(").push_bind(search.checks.clone()).push("::text[])) is true");
    sql.push(" or (f.resource_id = any(").push_bind(search.resources.clone()).push("::uuid[])) is true)");
}

impl What {
    fn write(&self, sql: &mut QueryBuilder<Postgres>) {
        match self {
            Self::Checks(values) => texts(sql, "f.check_id", values),
            Self::Accounts(values) => texts(sql, "f.account", values),
            Self::Regions(values) => texts(sql, "f.region", values),
            Self::Sources(values) => ids(sql, "f.source_id", values),
            Self::Stages(values) => texts(sql, "f.stage", values),
            Self::Likelihoods(values) => texts(sql, "f.likelihood", values),
            Self::Blasts(values) => texts(sql, "f.blast", values),
            Self::Subjects(values) => texts(sql, "f.subject", values),
            Self::Assignees(values) => ids(sql, "f.assignee_id", values),
            Self::Teams(values) => ids(sql, "f.team_id", values),
            Self::Of(values) => ids(sql, "f.resource_id", values),
            Self::Unassigned => {
                sql.push(" and f.assignee_id is null and f.team_id is null");
            }
            Self::OpenedBefore(at) => {
                sql.push(" and f.opened_at < ").push_bind(*at);
            }
            Self::OpenedAfter(at) => {
                sql.push(" and f.opened_at >= ").push_bind(*at);
            }
            Self::DueBefore(at) => due(sql, "<", *at),
            Self::DueAfter(at) => due(sql, ">=", *at),
            Self::NoDue => {
                sql.push(" and f.due_at is null");
            }
            Self::OnPath => {
                sql.push(
                    " and exists (select from fixes x where x.tenant_id = f.tenant_id and x.fix_id = f.fix_id
                      and x.paths_cut > 0)",
                );
            }
            Self::Search(search) => found(sql, search),
            Self::Held(what) => {
                sql.push(" and (f.resource_id in (");
                what.resources(sql);
                sql.push(")) is true");
            }
            Self::Labelled(_) | Self::Resources(_) => {
                sql.push(" and exists (select from (");
                self.resources(sql);
                sql.push(" and r.resource_id = f.resource_id) marked)");
            }
        }
    }

    /// Writes the condition on rows that have the labels, names and identifiers of their resources.
    fn write_looked(&self, sql: &mut QueryBuilder<Postgres>) {
        match self {
            Self::Labelled(labels) => {
                let wanted = labels.iter().map(|(label, value)| looked_label(label, value.as_deref()));
                // A resource without any has none.
                sql.push(" and (f.labels && ").push_bind(wanted.collect::<Vec<_>>()).push("::text[]) is true");
            }
            Self::Resources(texts) => {
                sql.push(" and (false");
                for text in texts {
                    if glob::is_pattern(text) {
                        sql.push(" or f.name ~ ").push_bind(glob::regex(text));
                    } else {
                        sql.push(" or starts_with(f.sought_name, lower(").push_bind(text.clone()).push("))");
                    }
                    sql.push(" or f.uid = ").push_bind(text.clone());
                }
                sql.push(")");
            }
            other => other.write(sql),
        }
    }

    /// Whether it names resources.
    pub(super) fn is_of_resources(&self) -> bool {
        matches!(self, Self::Labelled(_) | Self::Resources(_) | Self::Of(_) | Self::Held(_))
    }

    /// Whether the resources that it names are looked up: not where a pattern begins with any letter.
    pub(super) fn looks_up_resources(&self) -> bool {
        let anything = matches!(self, Self::Resources(texts) if texts.iter().any(|text| beginning(text).is_empty()));
        self.is_of_resources() && !anything
    }

    /// How many resources it means, as far as `most`.
    pub(super) async fn count_of_resources(&self, tx: &mut TenantTx, most: i64) -> Result<i64, StoreError> {
        let mut sql = QueryBuilder::new("select count(*) from (");
        self.resources(&mut sql);
        sql.push(" limit ").push_bind(most).push(") marked");
        let (resources,): (i64,) = sql.build_query_as().fetch_one(tx.conn()).await?;
        Ok(resources)
    }

    /// Writes the query of the resources that a condition on resources means: columns of `r`, with its `where` open.
    pub(super) fn resources(&self, sql: &mut QueryBuilder<Postgres>) {
        match self {
            Self::Labelled(labels) => {
                sql.push("select distinct r.resource_id from resource_labels r where r.tenant_id = current_tenant() and (false");
                for (label, value) in labels {
                    sql.push(" or (r.label = ").push_bind(label.clone());
                    if let Some(value) = value {
                        sql.push(" and r.value = ").push_bind(value.clone());
                    }
                    sql.push(")");
                }
                sql.push(")");
            }
            Self::Resources(texts) => {
                // Names and identifiers have an index each, and nothing else is looked at.
                sql.push("select r.resource_id from (");
                for (at, text) in texts.iter().enumerate() {
                    sql.push(if at > 0 { " union " } else { "" });
                    sql.push("(select resource_id from resources where tenant_id = current_tenant()");
                    named(sql, text);
                    sql.push(
                        " union all select resource_id from resources where tenant_id = current_tenant() and uid = ",
                    );
                    sql.push_bind(text.clone()).push(" and not (true");
                    named(sql, text);
                    sql.push("))");
                }
                sql.push(") r where true");
            }
            Self::Held(what) => what.resources(sql),
            Self::Of(ids) => {
                sql.push("select r.resource_id from unnest(").push_bind(ids.clone());
                sql.push("::uuid[]) r (resource_id) where true");
            }
            _ => {
                sql.push("select r.resource_id from resources r where false");
            }
        }
    }
}

/// What a name begins with that a text means: all of it, or of a pattern what stands before its first other letter.
fn beginning(text: &str) -> &str {
    text.split(['*', '?']).next().unwrap_or("")
}

/// A label as `looked` has it, with its value or with any. No label has the letter in between.
pub(crate) fn looked_label(label: &str, value: Option<&str>) -> String {
    value.map_or_else(|| label.to_owned(), |value| format!("{label}\u{1}{value}"))
}

/// Whether a resource has the name that a text means: its beginning, or a pattern.
fn named(sql: &mut QueryBuilder<Postgres>, text: &str) {
    let begins = beginning(text);
    sql.push(" and sought_name ~>=~ lower(").push_bind(begins.to_owned());
    sql.push(") and sought_name ~<~ (lower(").push_bind(begins.to_owned()).push(") || chr(1114111))");
    if begins.len() < text.len() {
        sql.push(" and name ~ ").push_bind(glob::regex(text));
    }
}

fn due(sql: &mut QueryBuilder<Postgres>, how: &str, at: DateTime<Utc>) {
    sql.push(format_args!(" and f.state = 'open' and coalesce(f.due_at {how} ")).push_bind(at).push(", false)");
}
