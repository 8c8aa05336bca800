//! What the catalogue says of checks, as lists of them: for these there are sums and indexes.

use super::meaning::{KNOWN, means, values};
use plumbline_core::filter::{Field, Filter, Word};
use plumbline_policy::Catalogue;
use plumbline_store::{StoreError, TenantTx, finding};
use std::collections::BTreeSet;

/// All checks that the catalogue has or a finding names.
pub(super) async fn known(tx: &mut TenantTx, catalogue: &Catalogue) -> Result<BTreeSet<String>, StoreError> {
    let mut known: BTreeSet<String> = catalogue.checks().map(|check| check.id.clone()).collect();
    known.extend(finding::values(tx, "check", KNOWN).await?.into_iter().map(|count| count.value));
    Ok(known)
}

/// Those of the known checks that the filter's words about checks leave, without those about some fields.
pub(super) fn checks_of(
    catalogue: &Catalogue,
    filter: &Filter,
    known: &BTreeSet<String>,
    but: &[Field],
) -> BTreeSet<String> {
    let words: Vec<&Word> = filter
        .words
        .iter()
        .filter(|word| {
            word.field().is_some_and(|field| (is_of_check(field) || field == Field::Severity) && !but.contains(&field))
        })
        .collect();
    let mut left = known.clone();
    for word in words {
        let admitted = admitted(word, catalogue, filter, known);
        left.retain(|check| admitted.contains(check) != word.not);
    }
    left
}

/// The checks that a word names, whether it wants them or not.
fn admitted(word: &Word, catalogue: &Catalogue, filter: &Filter, known: &BTreeSet<String>) -> BTreeSet<String> {
    let of_check = |admits: &dyn Fn(&plumbline_policy::Check) -> bool| {
        catalogue.checks().filter(|check| admits(check)).map(|check| check.id.clone()).collect()
    };
    let wanted = |text: &str| values(word).iter().any(|value| means(value, text));
    match word.field() {
        Some(Field::Check) => known.iter().filter(|check| wanted(check)).cloned().collect(),
        Some(Field::Key) => of_check(&|check| wanted(check.layer.as_str())),
        Some(Field::Kind) => of_check(&|check| wanted(&check.resource)),
        // A negated comparison is taken back here, for the caller negates it.
        Some(Field::Severity) => of_check(&|check| word.admits(check.severity.as_str()) != word.not),
        Some(Field::Framework) => {
            let frameworks = catalogue.frameworks().filter(|framework| wanted(&framework.id));
            frameworks.flat_map(|framework| &framework.controls).flat_map(|control| control.checks.clone()).collect()
        }
        Some(Field::Control) => {
            let named: Vec<String> = filter.chosen(Field::Framework);
            let frameworks = catalogue
                .frameworks()
                .filter(|framework| named.is_empty() || named.iter().any(|name| means(name, &framework.id)));
            let controls = frameworks.flat_map(|framework| &framework.controls);
            controls.filter(|control| wanted(&control.id)).flat_map(|control| control.checks.clone()).collect()
        }
        _ => BTreeSet::new(),
    }
}

/// Whether the catalogue says of a check what the field asks.
pub(super) fn is_of_check(field: Field) -> bool {
    matches!(field, Field::Check | Field::Key | Field::Kind | Field::Framework | Field::Control)
}
