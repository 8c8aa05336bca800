//! The arms of each way, and what makes a finding one of an arm, as SQL.

use super::filter::{FindingFilter, narrowed};
use super::way::Way;
use plumbline_core::verdict::Severity;
use sqlx::{Postgres, QueryBuilder};

impl Way {
    /// Writes the query of its arms.
    pub(super) fn arms(&self, filter: &FindingFilter, sql: &mut QueryBuilder<Postgres>) {
        let states = filter.state_words();
        match self {
            Self::Risk => {
                sql.push("select state from unnest(").push_bind(states).push("::text[]) s (state)");
            }
            Self::Ranked => {
                let severities = if filter.severities.is_empty() { &Severity::ALL[..] } else { &filter.severities };
                let severities: Vec<_> = severities.iter().map(|severity| severity.as_str()).collect();
                sql.push("select s.state, v.severity, s.exposure, s.criticality from (select state, by_value as exposure, value as criticality");
                sums(sql, &states, "exposure", "criticality");
                within(sql, "by_value", words(&filter.exposures, |exposure| exposure.as_str()));
                within(sql, "value", words(&filter.criticalities, |criticality| criticality.as_str()));
                beside(sql, filter, "exposure", "by_value");
                beside(sql, filter, "criticality", "value");
                sql.push(") s cross join unnest(").push_bind(severities).push("::text[]) v (severity)");
            }
            Self::Checks(checks) => {
                sql.push("select state, value as check_id");
                sums(sql, &states, "", "check");
                within(sql, "value", Some(checks.clone()));
                beside(sql, filter, "check", "value");
            }
            Self::Accounts => {
                sql.push("select state, value as account");
                sums(sql, &states, "", "account");
                within(sql, "value", Some(filter.accounts.clone()));
            }
            Self::Places => {
                let sources = filter.sources.iter().map(ToString::to_string).collect::<Vec<_>>();
                let (by, of) = if sources.is_empty() { ("region", "source") } else { ("source", "region") };
                let (source, region) = if sources.is_empty() { ("value", "by_value") } else { ("by_value", "value") };
                sql.push(format_args!("select state, {source}::uuid as source_id, {region} as region"));
                sums(sql, &states, by, of);
                within(sql, source, (!sources.is_empty()).then_some(sources));
                within(sql, region, (!filter.regions.is_empty()).then(|| filter.regions.clone()));
            }
            Self::Subjects(values) => of_states(sql, states, "subject", |sql| {
                sql.push_bind(values.clone()).push("::text[]");
            }),
            Self::Likelihoods(values) => {
                of_states(sql, states, "likelihood", |sql| {
                    sql.push_bind(values.clone()).push("::text[]");
                });
            }
            Self::Blasts(values) => of_states(sql, states, "blast", |sql| {
                sql.push_bind(values.clone()).push("::text[]");
            }),
            Self::Assignees(values) => {
                of_states(sql, states, "assignee_id", |sql| {
                    sql.push_bind(values.clone()).push("::uuid[]");
                });
            }
            Self::Teams(values) => of_states(sql, states, "team_id", |sql| {
                sql.push_bind(values.clone()).push("::uuid[]");
            }),
            Self::Stages(values) => {
                sql.push("select stage from unnest(").push_bind(values.clone()).push("::text[]) u (stage)");
            }
            Self::Marked(what) => {
                sql.push("select s.state, m.resource_id from (");
                what.resources(sql);
                sql.push(") m cross join unnest(").push_bind(states).push("::text[]) s (state)");
            }
            Self::Cuts => {
                sql.push("select s.state, x.fix_id from fixes x cross join unnest(").push_bind(states);
                sql.push("::text[]) s (state) where x.tenant_id = current_tenant() and x.paths_cut > 0");
            }
            Self::Nobody | Self::OpenedAfter(_) | Self::OpenedBefore(_) => {
                sql.push("select state from unnest(").push_bind(states).push("::text[]) s (state)");
            }
            Self::DueBefore(_) | Self::DueAfter(_) | Self::NoDue => {
                sql.push("select 1 as one");
            }
        }
    }

    /// Writes what makes a finding `f` one of an arm `e`, so that one range of an index has it.
    pub(super) fn equality(&self, sql: &mut QueryBuilder<Postgres>) {
        match self {
            Self::Risk => sql.push(" and f.state = e.state"),
            Self::Ranked => sql.push(
                " and f.state = e.state and f.severity = e.severity and f.exposure = e.exposure
                  and f.criticality = e.criticality",
            ),
            Self::Checks(_) => sql.push(" and f.check_id = e.check_id and f.state = e.state"),
            Self::Accounts => sql.push(" and f.account = e.account and f.state = e.state"),
            Self::Places => sql.push(" and f.source_id = e.source_id and f.region = e.region and f.state = e.state"),
            Self::Subjects(_) => sql.push(" and f.subject = e.subject and f.subject <> '' and f.state = e.state"),
            Self::Assignees(_) => {
                sql.push(" and f.assignee_id = e.assignee_id and f.assignee_id is not null and f.state = e.state")
            }
            Self::Teams(_) => sql.push(" and f.team_id = e.team_id and f.team_id is not null and f.state = e.state"),
            Self::Stages(_) => sql.push(
                " and f.stage = e.stage and f.stage in ('reopened', 'in_progress', 'awaiting_proof', 'false_positive')",
            ),
            Self::Likelihoods(_) => sql.push(
                " and f.likelihood = e.likelihood and f.likelihood in ('exploited', 'likely', 'unlikely')
                  and f.state = e.state",
            ),
            Self::Blasts(_) => sql.push(" and f.blast = e.blast and f.blast <> 'none' and f.state = e.state"),
            Self::Marked(_) => sql.push(" and f.resource_id = e.resource_id and f.state = e.state"),
            Self::OpenedAfter(at) => sql.push(" and f.state = e.state and f.opened_at >= ").push_bind(*at),
            Self::OpenedBefore(at) => sql.push(" and f.state = e.state and f.opened_at < ").push_bind(*at),
            Self::Nobody => sql.push(" and f.assignee_id is null and f.team_id is null and f.state = e.state"),
            Self::Cuts => sql.push(" and f.fix_id = e.fix_id and f.state = e.state"),
            Self::DueBefore(at) => {
                sql.push(" and f.state = 'open' and f.due_at is not null and f.due_at < ").push_bind(*at)
            }
            Self::DueAfter(at) => sql.push(" and f.state = 'open' and f.due_at >= ").push_bind(*at),
            Self::NoDue => sql.push(" and f.state = 'open' and f.due_at is null"),
        };
    }

    /// Writes the findings of all its arms that meet the filter, as rows of what lists are ordered by.
    pub(super) fn all(&self, filter: &FindingFilter, sql: &mut QueryBuilder<Postgres>) {
        self.rows(filter, "f.finding_id, f.risk, f.opened_at, f.due_at", sql);
    }

    /// The same, as rows of these columns.
    pub(super) fn rows(&self, filter: &FindingFilter, columns: &'static str, sql: &mut QueryBuilder<Postgres>) {
        sql.push("select x.* from (");
        self.arms(filter, sql);
        sql.push(format_args!(
            ") e cross join lateral (select {columns} from findings f where f.tenant_id = current_tenant()"
        ));
        self.equality(sql);
        narrowed(filter, sql);
        // Or the planner would look at everything once rather than at each arm.
        sql.push(" offset 0) x");
    }
}

pub(super) fn sums(sql: &mut QueryBuilder<Postgres>, states: &[&'static str], by: &'static str, of: &'static str) {
    sql.push(" from finding_facets o where tenant_id = current_tenant() and findings > 0 and by_facet = ")
        .push_bind(by);
    sql.push(" and facet = ").push_bind(of);
    sql.push(" and state = any(").push_bind(states.to_vec()).push("::text[])");
    if by.is_empty() {
        sql.push(" and by_value = ''");
    }
}

/// Leaves out values of a facet that no finding has beside what the filter says of another facet.
fn beside(sql: &mut QueryBuilder<Postgres>, filter: &FindingFilter, facet: &'static str, column: &str) {
    let sources: Vec<String> = filter.sources.iter().map(ToString::to_string).collect();
    for (by, values) in [("account", &filter.accounts), ("region", &filter.regions), ("source", &sources)] {
        if values.is_empty() {
            continue;
        }
        sql.push(format_args!(
            " and exists (select from finding_facets b where b.tenant_id = current_tenant() and b.findings > 0
              and b.state = o.state and b.value = o.{column} and b.facet = "
        ));
        sql.push_bind(facet).push(" and b.by_facet = ").push_bind(by);
        sql.push(" and b.by_value = any(").push_bind(values.clone()).push("::text[]))");
    }
}

pub(super) fn within(sql: &mut QueryBuilder<Postgres>, column: &str, values: Option<Vec<String>>) {
    if let Some(values) = values {
        sql.push(format_args!(" and {column} = any(")).push_bind(values).push("::text[])");
    }
}

fn of_states(
    sql: &mut QueryBuilder<Postgres>,
    states: Vec<&'static str>,
    column: &str,
    values: impl FnOnce(&mut QueryBuilder<Postgres>),
) {
    sql.push(format_args!("select s.state, u.{column} from unnest(")).push_bind(states);
    sql.push("::text[]) s (state) cross join unnest(");
    values(sql);
    sql.push(format_args!(") u ({column})"));
}

/// None for all.
pub(super) fn words<T: Copy>(values: &[T], word: fn(T) -> &'static str) -> Option<Vec<String>> {
    (!values.is_empty()).then(|| values.iter().copied().map(|value| word(value).to_owned()).collect())
}
