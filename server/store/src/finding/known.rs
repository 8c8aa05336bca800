//! The values that a filter's names, patterns and negations are tried on, read once for however many filters.

use super::checks::is_of_check;
use super::facets;
use super::meaning::values;
use crate::door::TenantTx;
use crate::error::StoreError;
use crate::source;
use plumbline_core::filter::{Field, Filter};
use plumbline_core::glob;
use uuid::Uuid;

/// Values of a facet that a pattern is tried on.
const MOST: i64 = 20_000;

/// What there is of each; only what some filter asks for was read.
#[derive(Debug, Clone, Default)]
pub(crate) struct Known {
    /// Checks beside those that the content has.
    pub(super) checks: Vec<String>,
    pub(super) accounts: Vec<String>,
    pub(super) regions: Vec<String>,
    /// Sources with their names; one that was removed has its id for a name.
    pub(super) sources: Vec<(Uuid, String)>,
}

/// What filters ask for.
struct Needs {
    checks: bool,
    accounts: bool,
    regions: bool,
    sources: bool,
    /// Sources that were removed too.
    seen: bool,
}

impl Needs {
    fn of<'a>(filters: impl Iterator<Item = &'a Filter> + Clone) -> Self {
        let words = filters.flat_map(|filter| &filter.words);
        let some = |asked: &dyn Fn(Field) -> bool| words.clone().any(|word| word.field().is_some_and(asked));
        let not = |field: Field| words.clone().any(|word| word.not && word.field() == Some(field));
        let all = |field: Field| {
            not(field)
                || words
                    .clone()
                    .any(|word| word.field() == Some(field) && values(word).iter().any(|value| glob::is_pattern(value)))
        };
        Self {
            checks: some(&|field| is_of_check(field) || field == Field::Severity),
            accounts: all(Field::Account),
            regions: all(Field::Region),
            sources: some(&|field| field == Field::Source),
            seen: not(Field::Source),
        }
    }
}

impl Known {
    /// What findings have.
    pub(crate) async fn of_findings<'a>(
        tx: &mut TenantTx,
        filters: impl Iterator<Item = &'a Filter> + Clone,
    ) -> Result<Self, StoreError> {
        let needs = Needs::of(filters);
        let mut known = Self::default();
        for (needed, facet, to) in [
            (needs.checks, "check", &mut known.checks),
            (needs.accounts, "account", &mut known.accounts),
            (needs.regions, "region", &mut known.regions),
        ] {
            if needed {
                *to = facets::values(tx, facet, MOST).await?.into_iter().map(|count| count.value).collect();
            }
        }
        if needs.sources {
            known.name_sources(tx).await?;
        }
        if needs.seen {
            let seen = facets::values(tx, "source", MOST).await?;
            known.see_sources(seen.iter().filter_map(|count| count.value.parse().ok()));
        }
        Ok(known)
    }

    /// What the rows of the temporary table `looked` have, however new it is.
    pub(crate) async fn of_looked<'a>(
        tx: &mut TenantTx,
        filters: impl Iterator<Item = &'a Filter> + Clone,
    ) -> Result<Self, StoreError> {
        let needs = Needs::of(filters);
        let mut known = Self::default();
        let rows: Vec<(String, String)> = sqlx::query_as(
            "select distinct 'check', check_id from looked where $1
             union all select distinct 'account', account from looked where $2
             union all select distinct 'region', region from looked where $3
             union all select distinct 'source', source_id::text from looked where $4",
        )
        .bind(needs.checks)
        .bind(needs.accounts)
        .bind(needs.regions)
        .bind(needs.seen)
        .fetch_all(tx.conn())
        .await?;
        if needs.sources {
            known.name_sources(tx).await?;
        }
        for (of, value) in rows {
            match of.as_str() {
                "check" => known.checks.push(value),
                "account" => known.accounts.push(value),
                "region" => known.regions.push(value),
                _ => known.see_sources(value.parse().ok().into_iter()),
            }
        }
        Ok(known)
    }

    /// The source that is called so, in any case.
    pub(crate) fn source_called(&self, name: &str) -> Option<Uuid> {
        let name = name.to_lowercase();
        self.sources.iter().find(|(_, known)| known.to_lowercase() == name).map(|(id, _)| *id)
    }

    async fn name_sources(&mut self, tx: &mut TenantTx) -> Result<(), StoreError> {
        let names = source::names(tx).await?;
        self.sources.extend(names.into_iter().map(|source| (source.source_id, source.name)));
        Ok(())
    }

    fn see_sources(&mut self, ids: impl Iterator<Item = Uuid>) {
        for id in ids {
            if !self.sources.iter().any(|(known, _)| *known == id) {
                self.sources.push((id, id.to_string()));
            }
        }
    }
}
