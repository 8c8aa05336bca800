//! The ranked list of findings, narrowed.
//!
//! Whatever narrows it, a page is read from an index in the order of rank: from the ranking of all findings, from that
//! of each check, or from that of each account; whichever the filter names. Severity, exposure and criticality leave a
//! range of risks: places in the ranking of all, each a risk and the severities that may come to it. They are read from
//! the top until the page is full.

use super::FindingState;
use crate::door::TenantTx;
use crate::error::StoreError;
use crate::page::{Page, PageRequest};
use chrono::{DateTime, Utc};
use plumbline_core::risk::{Blast, Criticality, Cvss, Exposure, Guard, Likelihood, Risk};
use plumbline_core::verdict::Severity;
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

/// So many checks are each read in their own ranking; more are picked out of the ranking of all.
const FEW: usize = 24;

/// How a list of findings is narrowed. An empty list narrows nothing.
#[derive(Debug, Clone, Default)]
pub struct FindingFilter {
    pub states: Vec<FindingState>,
    pub severities: Vec<Severity>,
    /// The checks that the filter's checks, layers and severities leave together; none for all.
    pub checks: Option<Vec<String>>,
    pub accounts: Vec<String>,
    pub regions: Vec<String>,
    pub exposures: Vec<Exposure>,
    pub criticalities: Vec<Criticality>,
    pub sources: Vec<Uuid>,
    pub search: Option<Search>,
}

/// What a search text was found in: a finding matches by its check or by its resource.
#[derive(Debug, Clone, Default)]
pub struct Search {
    pub checks: Vec<String>,
    pub resources: Vec<Uuid>,
}

/// One line of the list.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct FindingRow {
    pub finding_id: Uuid,
    pub check_id: String,
    /// Which of several failures of the check this is; empty where there is one.
    pub subject: String,
    pub state: String,
    pub severity: String,
    pub risk: i16,
    pub account: String,
    pub region: String,
    pub exposure: String,
    pub criticality: String,
    pub resource_id: Uuid,
    pub resource_name: String,
    pub resource_kind: String,
    pub opened_at: DateTime<Utc>,
}

impl FindingRow {
    pub(super) fn cursor(&self) -> String {
        format!("{}-{}", self.risk, self.finding_id)
    }
}

/// Reads a cursor; one that is none begins at the top.
pub(super) fn position(after: Option<&str>, top: i16) -> (i16, Uuid) {
    after
        .and_then(|text| text.split_once('-'))
        .and_then(|(risk, id)| Some((risk.parse().ok()?, id.parse().ok()?)))
        .map_or((top, Uuid::nil()), |(risk, id): (i16, Uuid)| (risk.min(top), id))
}

/// A place in the ranking: a risk, and the severities of the filter that come to it.
type Place = (i16, Vec<Severity>);

/// The places at which findings with the filter's factors may be ranked, greatest risk first.
fn places(filter: &FindingFilter) -> Vec<Place> {
    let exposures = if filter.exposures.is_empty() { &Exposure::ALL[..] } else { &filter.exposures };
    let criticalities = if filter.criticalities.is_empty() { &Criticality::ALL[..] } else { &filter.criticalities };
    let mut places: BTreeMap<i16, BTreeSet<Severity>> = BTreeMap::new();
    for &severity in severities(filter) {
        for &exposure in exposures {
            for &criticality in criticalities {
                for risk in range(Risk::of(severity, exposure, criticality)) {
                    places.entry(risk).or_default().insert(severity);
                }
            }
        }
    }
    places.into_iter().rev().map(|(risk, severities)| (risk, severities.into_iter().collect())).collect()
}

/// From the least to the most that the factors which the filter does not name leave of a risk.
fn range(risk: Risk) -> std::ops::RangeInclusive<i16> {
    let least = Risk {
        cvss: Some(Cvss(0)),
        likelihood: Likelihood::Unlikely,
        guards: Guard::ALL.into_iter().collect(),
        ..risk
    };
    let most = Risk { cvss: Some(Cvss(100)), likelihood: Likelihood::Exploited, blast: Blast::Admin, ..risk };
    least.shown()..=most.shown()
}

/// The severities that the filter leaves.
fn severities(filter: &FindingFilter) -> &[Severity] {
    if filter.severities.is_empty() { &Severity::ALL } else { &filter.severities }
}

// Each arm of the union begins at one place of an index and stops after a page.
macro_rules! ranked {
    ($each:literal, $narrowed:literal) => {
        concat!(
            "with top as (
                 select x.finding_id, x.risk from unnest($2::text[]) s (state) ",
            $each,
            " cross join lateral (
                     (select f.finding_id, f.risk from findings f
                      where f.tenant_id = $1 and f.state = s.state and f.risk = $10 and f.finding_id > $11 ",
            $narrowed,
            narrowed!(),
            "         order by f.finding_id limit $12)
                     union all
                     (select f.finding_id, f.risk from findings f
                      where f.tenant_id = $1 and f.state = s.state and f.risk < $10 and f.risk >= $9 ",
            $narrowed,
            narrowed!(),
            "         order by f.risk desc, f.finding_id limit $12)
                 ) x order by x.risk desc, x.finding_id limit $12
             ) ",
            shown!()
        )
    };
}

// In a form that no index answers: an index that is asked for several values is not read in order, and all that it finds
// would be sorted. What a page is read by is the arm's own equality.
macro_rules! narrowed {
    () => {
        " and ($3::text[] is null or array_position($3, f.check_id) is not null)
          and ($4::text[] is null or array_position($4, f.account) is not null)
          and ($5::text[] is null or array_position($5, f.region) is not null)
          and ($6::text[] is null or array_position($6, f.exposure) is not null)
          and ($7::text[] is null or array_position($7, f.criticality) is not null)
          and ($8::uuid[] is null or array_position($8, f.source_id) is not null)
          and array_position($13::text[], f.severity) is not null
          and ($14::uuid[] is null or array_position($14, f.resource_id) is not null)
        "
    };
}

macro_rules! shown {
    () => {
        "select f.finding_id, f.check_id, f.subject, f.state, f.severity, f.risk, f.account, f.region, f.exposure,
             f.criticality, f.resource_id, r.name as resource_name, r.kind as resource_kind, f.opened_at
         from top
         join findings f on f.tenant_id = $1 and f.finding_id = top.finding_id
         join resources r on r.tenant_id = $1 and r.resource_id = f.resource_id
         order by top.risk desc, top.finding_id"
    };
}

const OF_ALL: &str = ranked!("cross join unnest($13::text[]) e (severity)", "and f.severity = e.severity");
const OF_PLACE: &str = concat!(
    "with top as (
         select x.finding_id, x.risk from unnest($2::text[]) s (state) cross join unnest($13::text[]) e (severity)
         cross join lateral (
             select f.finding_id, f.risk from findings f
             where f.tenant_id = $1 and f.state = s.state and f.severity = e.severity and f.risk = $10 and f.risk >= $9
               and f.finding_id > $11 ",
    narrowed!(),
    "        order by f.finding_id limit $12
         ) x order by x.finding_id limit $12
     ) ",
    shown!()
);
const OF_CHECKS: &str = ranked!("cross join unnest($3::text[]) e (check_id)", "and f.check_id = e.check_id");
const OF_ACCOUNTS: &str = ranked!("cross join unnest($4::text[]) e (account)", "and f.account = e.account");
// A search finds few resources and a resource has few findings, so these may be sorted.
const OF_RESOURCES: &str =
    ranked!("cross join unnest($14::uuid[]) e (resource_id)", "and f.resource_id = e.resource_id");

/// A page of the findings that the filter leaves, riskiest first.
///
/// # Errors
/// When the database does not answer.
pub async fn list(
    tx: &mut TenantTx,
    filter: &FindingFilter,
    page: &PageRequest,
) -> Result<Page<FindingRow>, StoreError> {
    let Some(search) = &filter.search else {
        let rows = rows(tx, filter, filter.checks.clone(), None, page).await?;
        return Ok(Page::cut(rows, page.size, FindingRow::cursor));
    };
    let checks = match &filter.checks {
        None => search.checks.clone(),
        Some(left) => search.checks.iter().filter(|check| left.contains(check)).cloned().collect(),
    };
    let mut found = rows(tx, filter, Some(checks), None, page).await?;
    found.extend(rows(tx, filter, filter.checks.clone(), Some(search.resources.clone()), page).await?);
    found.sort_by_key(|row| (std::cmp::Reverse(row.risk), row.finding_id));
    found.dedup_by_key(|row| row.finding_id);
    Ok(Page::cut(found, page.size, FindingRow::cursor))
}

/// Up to one more than a page of rows.
async fn rows(
    tx: &mut TenantTx,
    filter: &FindingFilter,
    checks: Option<Vec<String>>,
    resources: Option<Vec<Uuid>>,
    page: &PageRequest,
) -> Result<Vec<FindingRow>, StoreError> {
    let few_checks = checks.as_ref().is_some_and(|checks| checks.len() <= FEW);
    let of_risks = !(filter.severities.is_empty() && filter.exposures.is_empty() && filter.criticalities.is_empty());
    let sql = match resources {
        Some(_) => OF_RESOURCES,
        None if few_checks => OF_CHECKS,
        None if !filter.accounts.is_empty() => OF_ACCOUNTS,
        None if of_risks => return of_places(tx, filter, checks.as_deref(), page).await,
        None => OF_ALL,
    };
    let places = places(filter);
    let (top, low) = places.first().zip(places.last()).map_or((i16::MAX, 0), |(first, last)| (first.0, last.0));
    let part = Part {
        checks: checks.as_deref(),
        resources: resources.as_deref(),
        severities: severities(filter),
        low,
        after: position(page.after.as_deref(), top),
        limit: page.size + 1,
    };
    read(tx, sql, filter, &part).await
}

/// Place by place, from the top or from where the page begins, until there are enough.
async fn of_places(
    tx: &mut TenantTx,
    filter: &FindingFilter,
    checks: Option<&[String]>,
    page: &PageRequest,
) -> Result<Vec<FindingRow>, StoreError> {
    let after = position(page.after.as_deref(), i16::MAX);
    let mut limit = page.size + 1;
    let mut found = Vec::new();
    for (risk, severities) in places(filter).iter().filter(|(risk, _)| *risk <= after.0) {
        let from = if *risk == after.0 { after.1 } else { Uuid::nil() };
        let part = Part { checks, resources: None, severities, low: *risk, after: (*risk, from), limit };
        let rows = read(tx, OF_PLACE, filter, &part).await?;
        limit -= i64::try_from(rows.len()).unwrap_or(limit);
        found.extend(rows);
        if limit <= 0 {
            break;
        }
    }
    Ok(found)
}

/// The part of the ranking that one statement reads.
struct Part<'a> {
    checks: Option<&'a [String]>,
    resources: Option<&'a [Uuid]>,
    severities: &'a [Severity],
    /// The least risk.
    low: i16,
    /// The risk and id after which it begins.
    after: (i16, Uuid),
    limit: i64,
}

async fn read(
    tx: &mut TenantTx,
    sql: &'static str,
    filter: &FindingFilter,
    part: &Part<'_>,
) -> Result<Vec<FindingRow>, StoreError> {
    let states = if filter.states.is_empty() { &FindingState::ALL[..] } else { &filter.states };
    let rows = sqlx::query_as(sql)
        .bind(tx.tenant().0)
        .bind(states.iter().map(|state| state.as_str()).collect::<Vec<_>>())
        .bind(part.checks)
        .bind(some(&filter.accounts))
        .bind(some(&filter.regions))
        .bind(words(&filter.exposures, |e| e.as_str()))
        .bind(words(&filter.criticalities, |c| c.as_str()))
        .bind(some(&filter.sources))
        .bind(part.low)
        .bind(part.after.0)
        .bind(part.after.1)
        .bind(part.limit)
        .bind(part.severities.iter().map(|severity| severity.as_str()).collect::<Vec<_>>())
        .bind(part.resources)
        .fetch_all(tx.conn())
        .await?;
    Ok(rows)
}

/// None for "not narrowed".
pub(super) fn some<T: Clone>(values: &[T]) -> Option<Vec<T>> {
    if values.is_empty() { None } else { Some(values.to_vec()) }
}

pub(super) fn words<T: Copy>(values: &[T], word: fn(T) -> &'static str) -> Option<Vec<&'static str>> {
    if values.is_empty() { None } else { Some(values.iter().copied().map(word).collect()) }
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

    #[test]
    fn the_factors_leave_a_range_of_places() {
        let risks = |filter: &FindingFilter| places(filter).into_iter().map(|(risk, _)| risk).collect::<Vec<_>>();
        let all = risks(&FindingFilter::default());
        assert_eq!((all.first(), all.last()), (Some(&100), Some(&1)));
        let low = risks(&FindingFilter { severities: vec![Severity::Low], ..FindingFilter::default() });
        assert_eq!((low.first(), low.last()), (Some(&25), Some(&1)), "a low finding never ranks high");
    }
}
