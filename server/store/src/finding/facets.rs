//! How many findings each further filter would leave.
//!
//! Sums are kept for every value alone and beside one value of every other facet, so a list that one facet narrows (beside
//! its state) reads a few hundred rows. Narrowed by two or more, the counts by everything are summed, where there are few
//! enough of them; a tenant with more is shown the values without numbers rather than made to wait.

use super::list::{FindingFilter, some, words};
use crate::door::TenantTx;
use crate::error::StoreError;
use std::collections::BTreeMap;

/// More rows of counts than this are not summed while somebody waits.
const SUMMED: i64 = 20_000;

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
}

impl Facets {
    /// The values of one facet, most findings first.
    #[must_use]
    pub fn of(&self, facet: &str) -> &[FacetCount] {
        self.by_name.get(facet).map_or(&[], Vec::as_slice)
    }
}

type Rows = Vec<(String, String, i64)>;

/// Counts by every facet. A value of a facet counts what it would leave together with the other facets' filters.
///
/// # Errors
/// When the database does not answer.
pub async fn facets(tx: &mut TenantTx, filter: &FindingFilter) -> Result<Facets, StoreError> {
    match narrowed_by(filter).as_slice() {
        [] => Ok(collect(beside(tx, filter, "", vec![String::new()]).await?, true)),
        [(facet, values)] => {
            let mut rows = beside(tx, filter, facet, values.clone()).await?;
            let of_itself = beside(tx, filter, "", vec![String::new()]).await?;
            rows.extend(of_itself.into_iter().filter(|(name, ..)| name == facet));
            Ok(collect(rows, true))
        }
        _ if few_counts(tx).await? => Ok(collect(summed(tx, filter).await?, true)),
        _ => Ok(collect(beside(tx, filter, "", vec![String::new()]).await?, false)),
    }
}

/// The facets that the filter narrows, but for the state, with the values left.
fn narrowed_by(filter: &FindingFilter) -> Vec<(&'static str, Vec<String>)> {
    let owned = |words: Option<Vec<&'static str>>| words.map(|words| words.into_iter().map(str::to_owned).collect());
    let sources = filter.sources.iter().map(ToString::to_string).collect::<Vec<_>>();
    [
        ("check", filter.checks.clone()),
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

/// The sums kept beside the values of one facet; every finding has one exposure and one criticality, so either of them
/// sums to the states.
async fn beside(
    tx: &mut TenantTx,
    filter: &FindingFilter,
    facet: &str,
    values: Vec<String>,
) -> Result<Rows, StoreError> {
    let rows = sqlx::query_as(
        "select facet, value, sum(findings)::bigint from finding_facets
         where tenant_id = $1 and by_facet = $2 and by_value = any($3) and ($4::text[] is null or state = any($4))
           and findings > 0
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
    .bind(&filter.checks)
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
    Facets { by_name, exact }
}
