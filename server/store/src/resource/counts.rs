//! How many resources each further filter of the inventory would leave.

use super::ResourceFilter;
use crate::door::TenantTx;
use crate::error::StoreError;

/// How many resources carry a kind, an account or a region.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct ResourceCount {
    pub facet: String,
    pub value: String,
    pub resources: i64,
}

/// Counts by kind, account and region, each under the filter's other two.
///
/// Sums are kept for every value alone and beside one other; beside two, what is counted by all three is few rows.
///
/// # Errors
/// When the database does not answer.
pub async fn counts(tx: &mut TenantTx, filter: &ResourceFilter) -> Result<Vec<ResourceCount>, StoreError> {
    let facets = [("kind", &filter.kind), ("account", &filter.account), ("region", &filter.region)];
    let (mut asked, mut rows) = (Vec::new(), Vec::new());
    for (facet, _) in facets {
        let others = facets.into_iter().filter(|(other, _)| *other != facet);
        let others: Vec<_> = others.filter_map(|(other, value)| Some((other, value.as_deref()?))).collect();
        match *others.as_slice() {
            [] => asked.push((facet, "", "")),
            [(by, value)] => asked.push((facet, by, value)),
            [(_, first), (_, second), ..] => rows.extend(beside_two(tx, facet, first, second).await?),
        }
    }
    let summed: Vec<ResourceCount> = sqlx::query_as(
        "select r.facet, r.value, r.resources
         from unnest($2::text[], $3::text[], $4::text[]) a (facet, by_facet, by_value)
         join resource_facets r on r.tenant_id = $1 and r.by_facet = a.by_facet and r.by_value = a.by_value
             and r.facet = a.facet
         where r.resources > 0",
    )
    .bind(tx.tenant().0)
    .bind(asked.iter().map(|asked| asked.0).collect::<Vec<_>>())
    .bind(asked.iter().map(|asked| asked.1).collect::<Vec<_>>())
    .bind(asked.iter().map(|asked| asked.2).collect::<Vec<_>>())
    .fetch_all(tx.conn())
    .await?;
    rows.extend(summed);
    rows.sort_by(|a, b| {
        a.facet.cmp(&b.facet).then_with(|| b.resources.cmp(&a.resources)).then_with(|| a.value.cmp(&b.value))
    });
    Ok(rows)
}

/// Counts of one facet beside a value of each of the others, these in the order of kind, account and region.
async fn beside_two(
    tx: &mut TenantTx,
    facet: &str,
    first: &str,
    second: &str,
) -> Result<Vec<ResourceCount>, StoreError> {
    let query = match facet {
        "kind" => {
            "select 'kind' as facet, kind as value, sum(resources)::bigint as resources from resource_counts
             where tenant_id = $1 and account = $2 and region = $3 and resources > 0 group by kind"
        }
        "account" => {
            "select 'account' as facet, account as value, sum(resources)::bigint as resources from resource_counts
             where tenant_id = $1 and kind = $2 and region = $3 and resources > 0 group by account"
        }
        _ => {
            "select 'region' as facet, region as value, sum(resources)::bigint as resources from resource_counts
             where tenant_id = $1 and kind = $2 and account = $3 and resources > 0 group by region"
        }
    };
    let rows = sqlx::query_as(query).bind(tx.tenant().0).bind(first).bind(second).fetch_all(tx.conn()).await?;
    Ok(rows)
}
