//! Exceptions in thought: what lines of filters would take together, each finding once. Nothing is written.

use super::preview::MOST;
use super::scope::meanings;
use crate::door::TenantTx;
use crate::error::StoreError;
use crate::finding::{self, FindingFilter, FindingState, Known, narrowed};
use plumbline_core::filter::{Terms, lasting};
use plumbline_core::id::FixId;
use plumbline_core::score::Losses;
use sqlx::{Postgres, QueryBuilder};
use uuid::Uuid;

/// What lines would take.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Thought {
    /// How many open findings each line leaves, and whether there are more.
    pub counts: Vec<(i64, bool)>,
    /// What all of them take of each check, beside what the fixes take.
    pub taken: Losses,
    /// Whether it may be more than that: some line leaves more findings than are looked at.
    pub at_least: bool,
}

/// Of a line, how many findings; or of a check, what is taken.
type Row = (Option<i32>, Option<String>, i64, i64);

/// Reckons what the lines would take beside these fixes, which take `fixed`. What sums tell is exact however much it is; of
/// all other lines together [`super::MOST`] findings are looked at.
///
/// # Errors
/// When the database does not answer.
pub async fn in_thought(
    tx: &mut TenantTx,
    terms: &Terms,
    lines: &[String],
    fixes: &[FixId],
    fixed: &Losses,
) -> Result<Thought, StoreError> {
    let filters: Vec<_> = lines.iter().map(|line| lasting(line)).collect();
    let known = Known::of_findings(tx, filters.iter().flatten()).await?;
    let open = |meant| FindingFilter { states: vec![FindingState::Open], ..meant };
    let meant = meanings(terms, &known, filters.into_iter()).into_iter().map(open).zip(0..);
    let (summed, others): (Vec<_>, Vec<_>) = meant.partition(|(filter, _)| is_summed(filter));
    let fixes: Vec<Uuid> = fixes.iter().map(|fix| fix.0).collect();
    let mut thought = Thought { counts: vec![(0, false); lines.len()], ..Thought::default() };
    if !summed.is_empty() {
        thought.add(by_sums(tx, &summed).await?, i64::MAX);
        if !fixes.is_empty() {
            thought.leave_to_fixes(both(tx, &summed, &fixes).await?, fixed);
        }
    }
    if !others.is_empty() {
        let each = MOST / i64::try_from(others.len()).unwrap_or(MOST);
        thought.add(by_looking(tx, &summed, &others, &fixes, each).await?, each);
    }
    Ok(thought)
}

impl Thought {
    fn add(&mut self, rows: Vec<Row>, most: i64) {
        for (place, check, findings, loss) in rows {
            if let Some(check) = check {
                *self.taken.entry(check).or_default() += loss;
            }
            let count =
                place.and_then(|place| usize::try_from(place).ok()).and_then(|place| self.counts.get_mut(place));
            if let Some(count) = count {
                *count = (findings.min(most), findings > most);
                self.at_least |= findings > most;
            }
        }
    }

    /// What both take is taken by the fixes. Where it is too much to be looked at, all that these take may be of it.
    fn leave_to_fixes(&mut self, both: Vec<(String, i64, i64)>, fixed: &Losses) {
        let many = both.iter().map(|(_, findings, _)| findings).sum::<i64>() > MOST;
        self.at_least |= many;
        for (check, taken) in &mut self.taken {
            let met = both.iter().find(|(met, ..)| met == check).map_or(0, |(.., loss)| *loss);
            let met = if many { fixed.get(check).copied().unwrap_or(0) } else { met };
            *taken = (*taken - met).max(0);
        }
    }
}

/// The open findings that lines leave, each once, so many at most.
pub(crate) async fn covered_by(
    tx: &mut TenantTx,
    terms: &Terms,
    lines: &[String],
    most: i64,
) -> Result<Vec<Uuid>, StoreError> {
    if lines.is_empty() {
        return Ok(Vec::new());
    }
    let filters: Vec<_> = lines.iter().map(|line| lasting(line)).collect();
    let known = Known::of_findings(tx, filters.iter().flatten()).await?;
    let mut sql = QueryBuilder::new("select distinct finding_id from (");
    for (at, meant) in meanings(terms, &known, filters.into_iter()).into_iter().enumerate() {
        sql.push(if at > 0 { " union all select " } else { "select " }).push("x.finding_id from (");
        let filter = FindingFilter { states: vec![FindingState::Open], ..meant };
        finding::rows(tx, &filter, "f.finding_id", &mut sql).await?;
        sql.push(" limit ").push_bind(most).push(") x");
    }
    sql.push(") y limit ").push_bind(most);
    Ok(sql.build_query_scalar().persistent(false).fetch_all(tx.conn()).await?)
}

/// Whether `finding_counts` have all that a filter looks at.
fn is_summed(filter: &FindingFilter) -> bool {
    filter.severities.is_empty() && filter.more.is_empty()
}

/// Writes that one of the filters holds.
fn any_of(filters: &[(FindingFilter, i32)], sql: &mut QueryBuilder<Postgres>) {
    sql.push("(false");
    for (filter, _) in filters {
        sql.push(" or (true");
        narrowed(&FindingFilter { states: Vec::new(), ..filter.clone() }, sql);
        sql.push(")");
    }
    sql.push(")");
}

async fn by_sums(tx: &mut TenantTx, summed: &[(FindingFilter, i32)]) -> Result<Vec<Row>, StoreError> {
    let mut sql =
        QueryBuilder::new("with cells as materialized (select f.check_id, f.findings, f.loss, array_remove(array[");
    for (at, (filter, place)) in summed.iter().enumerate() {
        sql.push(if at > 0 { ", case when true" } else { "case when true" });
        narrowed(filter, &mut sql);
        sql.push(" then ").push_bind(*place).push("::int end");
    }
    sql.push(
        "], null) as places from finding_counts f where f.tenant_id = current_tenant())
         select place, null::text, sum(findings)::bigint, 0::bigint from cells cross join unnest(places) place group by place
         union all
         select null, check_id, sum(findings)::bigint, sum(loss)::bigint from cells where places <> '{}' group by check_id",
    );
    Ok(sql.build_query_as().persistent(false).fetch_all(tx.conn()).await?)
}

/// Of each check, what is in one of the fixes and in one of the filters.
async fn both(
    tx: &mut TenantTx,
    summed: &[(FindingFilter, i32)],
    fixes: &[Uuid],
) -> Result<Vec<(String, i64, i64)>, StoreError> {
    let mut sql = QueryBuilder::new(
        "select check_id, count(*), sum(loss)::bigint from (
             select f.check_id, f.loss from findings f
             where f.tenant_id = current_tenant() and f.state = 'open' and f.fix_id = any(",
    );
    sql.push_bind(fixes.to_vec()).push("::uuid[]) and ");
    any_of(summed, &mut sql);
    sql.push(" limit ").push_bind(MOST + 1).push(") met group by check_id");
    Ok(sql.build_query_as().persistent(false).fetch_all(tx.conn()).await?)
}

/// What filters take that no sums tell, and neither the summed ones nor the fixes take already.
async fn by_looking(
    tx: &mut TenantTx,
    summed: &[(FindingFilter, i32)],
    others: &[(FindingFilter, i32)],
    fixes: &[Uuid],
    most: i64,
) -> Result<Vec<Row>, StoreError> {
    let columns =
        "f.finding_id, f.check_id, f.loss, f.fix_id, f.source_id, f.account, f.region, f.exposure, f.criticality";
    let mut sql = QueryBuilder::new("with found as materialized (");
    for (at, (filter, place)) in others.iter().enumerate() {
        sql.push(if at > 0 { " union all select " } else { "select " }).push_bind(*place);
        sql.push("::int as place, x.* from (select * from (");
        finding::rows(tx, filter, columns, &mut sql).await?;
        sql.push(") y limit ").push_bind(most + 1).push(") x");
    }
    sql.push(
        ") select place, null::text, count(*), 0::bigint from found group by place
         union all
         select null, check_id, count(*), sum(loss)::bigint from (
             select distinct f.finding_id, f.check_id, f.loss from found f where f.fix_id <> all(",
    );
    sql.push_bind(fixes.to_vec()).push("::uuid[]) and not ");
    any_of(summed, &mut sql);
    sql.push(") one group by check_id");
    Ok(sql.build_query_as().persistent(false).fetch_all(tx.conn()).await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_both_take_is_the_fixes_and_where_it_is_too_much_all_of_theirs_may_be() {
        let taken = Losses::from([("a".to_owned(), 1000), ("b".to_owned(), 500)]);
        let fixed = Losses::from([("a".to_owned(), 700)]);
        let of = |met: (i64, i64)| {
            let mut thought = Thought { taken: taken.clone(), ..Thought::default() };
            thought.leave_to_fixes(vec![("a".to_owned(), met.0, met.1)], &fixed);
            (thought.taken["a"], thought.taken["b"], thought.at_least)
        };
        assert_eq!(of((3, 400)), (600, 500, false));
        assert_eq!(of((MOST + 1, 400)), (300, 500, true));
    }
}
