//! Which findings a scope covers: by the list's own conditions, so that the list of the same line shows the same.

use crate::door::TenantTx;
use crate::error::StoreError;
use crate::finding::{self, FindingFilter, FindingState, Known, Refusal, lasting_meaning};
use plumbline_core::exception::Scope;
use plumbline_core::filter::{Asks, Field, Filter, Mistake, Terms, lasting, parse};
use sqlx::{Postgres, QueryBuilder};
use uuid::Uuid;

/// Reads the filter of an exception as it is kept: sources are named by their ids, so that an exception stays what it was
/// when one is called otherwise.
///
/// # Errors
/// [`Refusal::Mistake`] at the first word that is not understood, says nothing lasting, or names what is not there.
pub async fn line(tx: &mut TenantTx, terms: &Terms, typed: &str) -> Result<String, Refusal> {
    let mut filter = lasting(typed).map_err(Refusal::Mistake)?;
    let known = Known::of_findings(tx, std::iter::once(&filter)).await?;
    lasting_meaning(terms, &known, &filter, typed).map_err(Refusal::Mistake)?;
    for word in &mut filter.words {
        let Asks::Value(Field::Source, _, values) = &mut word.asks else { continue };
        for value in values.iter_mut() {
            let called = known.source_called(value).map(|id| id.to_string());
            *value = called.unwrap_or_else(|| value.clone());
        }
    }
    Ok(filter.to_string())
}

/// A kept line as people read it: sources by their names.
#[must_use]
pub fn line_words(line: &str, name: impl Fn(Uuid) -> Option<String>) -> String {
    let Ok(mut filter) = parse(line) else { return line.to_owned() };
    for word in &mut filter.words {
        let Asks::Value(Field::Source, _, values) = &mut word.asks else { continue };
        for value in values.iter_mut() {
            let named = value.parse().ok().and_then(&name);
            *value = named.unwrap_or_else(|| value.clone());
        }
    }
    filter.to_string()
}

/// What lines mean that are kept; one that is not understood any more means nothing.
pub(crate) fn meanings(
    terms: &Terms,
    known: &Known,
    filters: impl Iterator<Item = Result<Filter, Mistake>>,
) -> Vec<FindingFilter> {
    let meaning =
        |filter: Result<Filter, Mistake>| filter.and_then(|filter| lasting_meaning(terms, known, &filter, ""));
    let nothing = || FindingFilter { nothing: true, ..FindingFilter::default() };
    let of_any_state = |filter: FindingFilter| FindingFilter { states: Vec::new(), ..filter };
    filters.map(|filter| meaning(filter).map_or_else(|_| nothing(), of_any_state)).collect()
}

/// Writes the query of the findings of these states that a scope covers, as rows of these columns of `f`.
pub(crate) async fn covered_rows(
    tx: &mut TenantTx,
    terms: &Terms,
    scope: &Scope,
    states: &[FindingState],
    columns: &'static str,
    sql: &mut QueryBuilder<Postgres>,
) -> Result<(), StoreError> {
    let (column, id) = match scope {
        Scope::Finding(id) => ("finding_id", id.0),
        Scope::Resource(id) => ("resource_id", id.0),
        Scope::Fix(id) => ("fix_id", id.0),
        Scope::Filter(line) => {
            let filter = lasting(line);
            let known = Known::of_findings(tx, filter.iter()).await?;
            for meant in meanings(terms, &known, std::iter::once(filter)) {
                let meant = FindingFilter { states: states.to_vec(), ..meant };
                finding::rows(tx, &meant, columns, sql).await?;
            }
            return Ok(());
        }
    };
    let states: Vec<&str> = states.iter().map(|state| state.as_str()).collect();
    sql.push(format_args!("select {columns} from findings f where f.tenant_id = current_tenant() and f.{column} = "));
    sql.push_bind(id).push(" and f.state = any(").push_bind(states).push("::text[])");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_shown_by_its_name() {
        let id = Uuid::from_u128(7);
        let name = |asked: Uuid| (asked == id).then(|| "prod registry".to_owned());
        let other = Uuid::from_u128(8);
        let line = format!("key:cloud -source:{id},{other}");
        assert_eq!(line_words(&line, name), format!("key:cloud -source:\"prod registry\",{other}"));
        assert_eq!(line_words("severty:high", name), "severty:high");
    }
}
