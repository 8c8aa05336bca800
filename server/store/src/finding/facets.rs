//! How many findings each further filter would leave, summed from the counts that are kept with the findings.

use super::list::{FindingFilter, some, words};
use crate::door::TenantTx;
use crate::error::StoreError;
use std::collections::BTreeMap;

/// How many findings carry a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FacetCount {
    pub value: String,
    pub findings: i64,
}

/// Per facet, the values that occur under the filter's other facets. Severity and layer follow from the check, so they
/// are not here: `check` ignores all three, and the caller sums it by what the catalogue says of each check.
#[derive(Debug, Clone, Default)]
pub struct Facets(BTreeMap<String, Vec<FacetCount>>);

impl Facets {
    /// The values of one facet, most findings first.
    #[must_use]
    pub fn of(&self, facet: &str) -> &[FacetCount] {
        self.0.get(facet).map_or(&[], Vec::as_slice)
    }
}

/// Counts by every facet. A value of a facet counts what it would leave together with the other facets' filters.
///
/// # Errors
/// When the database does not answer.
pub async fn facets(tx: &mut TenantTx, filter: &FindingFilter) -> Result<Facets, StoreError> {
    // `off` has a bit for each facet whose filter the row does not meet: a row counts for a facet when no other bit is set.
    let rows: Vec<(String, String, i64)> = sqlx::query_as(
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
    Ok(collect(rows))
}

fn collect(rows: Vec<(String, String, i64)>) -> Facets {
    let mut facets: BTreeMap<String, Vec<FacetCount>> = BTreeMap::new();
    for (facet, value, findings) in rows {
        facets.entry(facet).or_default().push(FacetCount { value, findings });
    }
    for values in facets.values_mut() {
        values.sort_by(|a, b| b.findings.cmp(&a.findings).then_with(|| a.value.cmp(&b.value)));
    }
    Facets(facets)
}
