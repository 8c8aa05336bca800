//! How many findings each further filter would leave.
//!
//! Sums are kept for every value alone and beside one value of every other facet, so a list that one facet narrows (beside
//! its state) reads a few hundred rows. Narrowed by two or more, the counts by everything are summed, where there are few
//! enough of them; a tenant with more is shown the values without numbers rather than made to wait.

use super::filter::FindingFilter;
use super::way::{self, FEW, Measured};
use crate::door::TenantTx;
use crate::error::StoreError;
use sqlx::{Postgres, QueryBuilder};
use std::collections::BTreeMap;

/// More rows of counts than this are not summed while somebody waits.
const SUMMED: i64 = 10_000;
/// And so many of values beside values.
const SUMMED_BESIDE: usize = 20_000;
/// Of so many values the sums are simply added up.
const FEW_VALUES: usize = 60;
/// The facets that sums are kept of; the one that may have the most values first.
const FACETS: [&str; 7] = ["account", "check", "source", "region", "exposure", "criticality", "severity"];

/// How many findings carry a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FacetCount {
    pub value: String,
    pub findings: i64,
}

/// Per facet, the values that occur under the filter's other facets. Severity and layer follow from the check, so they
/// are not here: `check` ignores all three, and the caller sums it by what the catalogue says of each check.
#[derive(Debug, Clone, Default)]
pub struct Facets {
    by_name: BTreeMap<String, Vec<FacetCount>>,
    /// Whether the numbers are those of the filter; if not, they are of all findings and only tell which values there are.
    pub exact: bool,
    /// Whether those of accounts are not, though the others are.
    accounts_uncounted: bool,
}

impl Facets {
    /// The values of one facet, most findings first.
    #[must_use]
    pub fn of(&self, facet: &str) -> &[FacetCount] {
        self.by_name.get(facet).map_or(&[], Vec::as_slice)
    }

    /// Whether the numbers of one facet are those of the filter.
    #[must_use]
    pub fn counts(&self, facet: &str) -> bool {
        self.exact && !(self.accounts_uncounted && facet == "account")
    }
}

/// The values of a facet that any finding has or had, most findings first, at most `limit`: for patterns and completion.
///
/// # Errors
/// When the database does not answer.
pub async fn values(tx: &mut TenantTx, facet: &str, limit: i64) -> Result<Vec<FacetCount>, StoreError> {
    let rows: Vec<(String, i64)> = sqlx::query_as(
        "select value, sum(findings)::bigint as findings from finding_facets
         where tenant_id = $1 and by_facet = '' and by_value = '' and facet = $2 and findings > 0
         group by value order by findings desc, value limit $3",
    )
    .bind(tx.tenant().0)
    .bind(facet)
    .bind(limit)
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().map(|(value, findings)| FacetCount { value, findings }).collect())
}

/// The values of a label that begin with a text, in their order, at most `limit`, and each once.
///
/// # Errors
/// When the database does not answer.
pub async fn label_values(tx: &mut TenantTx, label: &str, begins: &str, limit: i64) -> Result<Vec<String>, StoreError> {
    // From one value to the next, however many resources have it.
    let rows: Vec<(String,)> = sqlx::query_as(
        "with recursive v (value) as (
             (select value from resource_labels
              where tenant_id = $1 and label = $2 and value >= $3 order by value limit 1)
             union all
             select (select l.value from resource_labels l
                     where l.tenant_id = $1 and l.label = $2 and l.value > v.value order by l.value limit 1)
             from v where v.value is not null
         )
         select value from v where starts_with(value, $3) limit $4",
    )
    .bind(tx.tenant().0)
    .bind(label)
    .bind(begins)
    .bind(limit)
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().map(|(value,)| value).collect())
}

/// The keys of tags that resources have, in their order, at most `limit`.
///
/// # Errors
/// When the database does not answer.
pub async fn tag_keys(tx: &mut TenantTx, limit: i64) -> Result<Vec<String>, StoreError> {
    let rows: Vec<(String,)> = sqlx::query_as(
        "with recursive l (label) as (
             (select label from resource_labels where tenant_id = $1 and label >= 'tag:' order by label limit 1)
             union all
             select (select n.label from resource_labels n
                     where n.tenant_id = $1 and n.label > l.label order by n.label limit 1)
             from l where l.label is not null
         )
         select substr(label, 5) from l where starts_with(label, 'tag:') limit $2",
    )
    .bind(tx.tenant().0)
    .bind(limit)
    .fetch_all(tx.conn())
    .await?;
    Ok(rows.into_iter().map(|(key,)| key).collect())
}

type Rows = Vec<(String, String, i64)>;

/// How many findings a filter leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Total {
    Exactly(i64),
    /// So many and more: counting stopped there.
    MoreThan(i64),
    /// Only counting them all would tell.
    Unknown,
}

/// Counting stops here.
const COUNTED: i64 = 1_000;

/// Counts up to a thousand by the way that has the fewest findings, where these are few.
pub(super) async fn count(tx: &mut TenantTx, filter: &FindingFilter, least: &Measured) -> Result<Total, StoreError> {
    if least.findings > FEW {
        return Ok(Total::Unknown);
    }
    let mut sql = QueryBuilder::new("select count(*) from (select 1 from (");
    least.way.all(filter, &mut sql);
    sql.push(") found limit ").push_bind(COUNTED + 1).push(") counted");
    let (findings,): (i64,) = sql.build_query_as().fetch_one(tx.conn()).await?;
    Ok(if findings > COUNTED { Total::MoreThan(COUNTED) } else { Total::Exactly(findings) })
}

/// How many findings the sums say that a filter leaves. None where the sums do not tell.
pub(super) async fn by_sums(tx: &mut TenantTx, filter: &FindingFilter) -> Result<Option<i64>, StoreError> {
    let of_resources = filter.search.as_ref().is_some_and(|search| !search.resources.is_empty());
    if of_resources || !filter.more.is_empty() {
        return Ok(None);
    }
    match narrowed_by(filter).as_slice() {
        [] => way::summed(tx, filter, ("", None), ("exposure", None)).await.map(Some),
        [(facet, values)] => way::summed(tx, filter, ("", None), (facet, Some(values.clone()))).await.map(Some),
        [(by, values), (of, others)] => {
            way::summed(tx, filter, (by, Some(values.clone())), (of, Some(others.clone()))).await.map(Some)
        }
        _ if few_counts(tx).await? => {
            let states = filter.state_words();
            let rows = summed(tx, filter).await?;
            let of_states =
                rows.iter().filter(|(facet, state, _)| facet == "state" && states.contains(&state.as_str()));
            Ok(Some(of_states.map(|(.., findings)| findings).sum()))
        }
        _ => Ok(None),
    }
}

/// Whether the sums of some two of its facets say that nothing can meet the filter.
pub(super) async fn is_impossible(tx: &mut TenantTx, filter: &FindingFilter) -> Result<bool, StoreError> {
    let facets = narrowed_by(&FindingFilter { search: None, ..filter.clone() });
    if facets.is_empty() {
        return Ok(false);
    }
    let mut sql = QueryBuilder::<Postgres>::new("select exists (select from (values (true)) one where false");
    let pairs = facets.iter().enumerate().flat_map(|(at, by)| facets.iter().skip(at + 1).map(move |of| (by, of)));
    let mut none = |by: Option<&(&'static str, Vec<String>)>, of: &(&'static str, Vec<String>)| {
        sql.push(" or not exists (select from finding_facets where tenant_id = current_tenant() and findings > 0");
        sql.push(" and state = any(").push_bind(filter.state_words()).push("::text[]) and by_facet = ");
        sql.push_bind(by.map_or("", |by| by.0)).push(" and by_value = any(");
        sql.push_bind(by.map_or_else(|| vec![String::new()], |by| by.1.clone())).push("::text[]) and facet = ");
        sql.push_bind(of.0).push(" and value = any(").push_bind(of.1.clone()).push("::text[]))");
    };
    if let [only] = facets.as_slice() {
        none(None, only);
    }
    for (by, of) in pairs {
        none(Some(by), of);
    }
    sql.push(")");
    let (impossible,): (bool,) = sql.build_query_as().fetch_one(tx.conn()).await?;
    Ok(impossible)
}

/// Counts by every facet. A value of a facet counts what it would leave together with the other facets' filters.
///
/// # Errors
/// When the database does not answer.
pub async fn facets(tx: &mut TenantTx, filter: &FindingFilter) -> Result<Facets, StoreError> {
    match narrowed_by(filter).as_slice() {
        [] => Ok(collect(beside(tx, filter, "", vec![String::new()], &FACETS).await?, true)),
        [(facet, values)] => by_one(tx, filter, facet, values).await,
        _ if few_counts(tx).await? => Ok(collect(summed(tx, filter).await?, true)),
        _ => Ok(collect(beside(tx, filter, "", vec![String::new()], &FACETS).await?, false)),
    }
}

/// Counts where one facet is narrowed to some of its values.
async fn by_one(
    tx: &mut TenantTx,
    filter: &FindingFilter,
    facet: &'static str,
    values: &[String],
) -> Result<Facets, StoreError> {
    let all = beside(tx, filter, "", vec![String::new()], &FACETS).await?;
    // Of many values, whichever is less is added up: what is left, or what is to be taken from all.
    let known = if values.len() > FEW_VALUES { self::values(tx, facet, i64::MAX).await? } else { Vec::new() };
    let without: Vec<String> = known.into_iter().map(|one| one.value).filter(|one| !values.contains(one)).collect();
    let taken = values.len() > FEW_VALUES && without.len() < values.len();
    let summed = if taken { without } else { values.to_vec() };
    let accounts = all.iter().filter(|(name, ..)| name == "account").count();
    // Hundreds of checks beside hundreds of accounts are more sums than there are lines to show them on.
    let accounts_uncounted = summed.len().saturating_mul(accounts) > SUMMED_BESIDE;
    let asked = if accounts_uncounted { &FACETS[1..] } else { &FACETS[..] };
    let beside = beside(tx, filter, facet, summed, asked).await?;
    // Its own values are those of all, and a check's are too beside a severity, which follows from it.
    let of_all = |name: &str| {
        name == facet || (facet == "severity" && name == "check") || (accounts_uncounted && name == "account")
    };
    let (mut rows, others): (Rows, Rows) = all.into_iter().partition(|(name, ..)| of_all(name));
    rows.extend(if taken { less(others, beside) } else { beside });
    Ok(Facets { accounts_uncounted, ..collect(rows, true) })
}

/// Sums without a part of them.
fn less(all: Rows, part: Rows) -> Rows {
    let part: BTreeMap<(String, String), i64> =
        part.into_iter().map(|(facet, value, findings)| ((facet, value), findings)).collect();
    all.into_iter()
        .map(|(facet, value, findings)| {
            let taken = part.get(&(facet.clone(), value.clone())).copied().unwrap_or(0);
            (facet, value, findings - taken)
        })
        .filter(|(.., findings)| *findings > 0)
        .collect()
}

/// The checks whose sums make up the filter; none for all.
fn counted_checks(filter: &FindingFilter) -> Option<Vec<String>> {
    let counted = filter.counted_checks.as_ref();
    match &filter.search {
        None => counted.cloned(),
        Some(search) => {
            let left = search.checks.iter().filter(|id| counted.is_none_or(|counted| counted.contains(id)));
            Some(left.cloned().collect())
        }
    }
}

/// The facets that the filter narrows, but for the state, with the values left.
fn narrowed_by(filter: &FindingFilter) -> Vec<(&'static str, Vec<String>)> {
    // A severity has sums of its own; beside other words about checks it is one more of these.
    let of_severity = filter.checks.is_none() && filter.search.is_none() && !filter.severities.is_empty();
    let owned = |words: Option<Vec<&'static str>>| words.map(|words| words.into_iter().map(str::to_owned).collect());
    let sources = filter.sources.iter().map(ToString::to_string).collect::<Vec<_>>();
    [
        ("check", if of_severity { None } else { counted_checks(filter) }),
        ("severity", owned(if of_severity { words(&filter.severities, |s| s.as_str()) } else { None })),
        ("source", some(&sources)),
        ("account", some(&filter.accounts)),
        ("region", some(&filter.regions)),
        ("exposure", owned(words(&filter.exposures, |e| e.as_str()))),
        ("criticality", owned(words(&filter.criticalities, |c| c.as_str()))),
    ]
    .into_iter()
    .filter_map(|(facet, values)| Some((facet, values?)))
    .collect()
}

/// The sums kept beside the values of one facet, of some facets; every finding has one exposure and one criticality, so
/// either of them sums to the states.
async fn beside(
    tx: &mut TenantTx,
    filter: &FindingFilter,
    facet: &str,
    values: Vec<String>,
    asked: &[&'static str],
) -> Result<Rows, StoreError> {
    let rows = sqlx::query_as(
        "select facet, value, sum(findings)::bigint from finding_facets
         where tenant_id = $1 and by_facet = $2 and by_value = any($3)
           and state = any(coalesce($4, '{open,accepted,resolved}'::text[])) and facet = any($5) and findings > 0
         group by facet, value
         union all
         select 'state', state, sum(findings)::bigint from finding_facets
         where tenant_id = $1 and by_facet = $2 and by_value = any($3) and state = any('{open,accepted,resolved}')
           and facet = case when $2 = 'exposure' then 'criticality' else 'exposure' end and findings > 0
         group by state",
    )
    .bind(tx.tenant().0)
    .bind(facet)
    .bind(values)
    .bind(words(&filter.states, |state| state.as_str()))
    .bind(asked)
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}

async fn few_counts(tx: &mut TenantTx) -> Result<bool, StoreError> {
    let (rows,): (i64,) =
        sqlx::query_as("select count(*) from (select from finding_counts where tenant_id = $1 limit $2) counts")
            .bind(tx.tenant().0)
            .bind(SUMMED + 1)
            .fetch_one(tx.conn())
            .await?;
    Ok(rows <= SUMMED)
}

async fn summed(tx: &mut TenantTx, filter: &FindingFilter) -> Result<Rows, StoreError> {
    // `off` has a bit for each facet whose filter the row does not meet: a row counts for a facet when no other bit is set.
    let rows = sqlx::query_as(
        "with c as materialized (
             select check_id, state, source_id, account, region, exposure, criticality, findings,
                 case when $2::text[] is null or check_id = any($2) then 0 else 1 end
               + case when $3::text[] is null or state = any($3) then 0 else 2 end
               + case when $4::uuid[] is null or source_id = any($4) then 0 else 4 end
               + case when $5::text[] is null or account = any($5) then 0 else 8 end
               + case when $6::text[] is null or region = any($6) then 0 else 16 end
               + case when $7::text[] is null or exposure = any($7) then 0 else 32 end
               + case when $8::text[] is null or criticality = any($8) then 0 else 64 end as off
             from finding_counts where tenant_id = $1 and findings > 0
         )
         select 'check', check_id, sum(findings)::bigint from c where off & ~1 = 0 group by check_id
         union all select 'state', state, sum(findings)::bigint from c where off & ~2 = 0 group by state
         union all select 'source', source_id::text, sum(findings)::bigint from c where off & ~4 = 0 group by source_id
         union all select 'account', account, sum(findings)::bigint from c where off & ~8 = 0 group by account
         union all select 'region', region, sum(findings)::bigint from c where off & ~16 = 0 group by region
         union all select 'exposure', exposure, sum(findings)::bigint from c where off & ~32 = 0 group by exposure
         union all select 'criticality', criticality, sum(findings)::bigint from c where off & ~64 = 0 group by criticality",
    )
    .bind(tx.tenant().0)
    .bind(counted_checks(filter))
    .bind(words(&filter.states, |state| state.as_str()))
    .bind(some(&filter.sources))
    .bind(some(&filter.accounts))
    .bind(some(&filter.regions))
    .bind(words(&filter.exposures, |e| e.as_str()))
    .bind(words(&filter.criticalities, |c| c.as_str()))
    .fetch_all(tx.conn())
    .await?;
    Ok(rows)
}

fn collect(rows: Rows, exact: bool) -> Facets {
    let mut by_name: BTreeMap<String, Vec<FacetCount>> = BTreeMap::new();
    for (facet, value, findings) in rows {
        by_name.entry(facet).or_default().push(FacetCount { value, findings });
    }
    for values in by_name.values_mut() {
        values.sort_by(|a, b| b.findings.cmp(&a.findings).then_with(|| a.value.cmp(&b.value)));
    }
    Facets { by_name, exact, accounts_uncounted: false }
}

/// None for "not narrowed".
fn some<T: Clone>(values: &[T]) -> Option<Vec<T>> {
    if values.is_empty() { None } else { Some(values.to_vec()) }
}

fn words<T: Copy>(values: &[T], word: fn(T) -> &'static str) -> Option<Vec<&'static str>> {
    if values.is_empty() { None } else { Some(values.iter().copied().map(word).collect()) }
}
