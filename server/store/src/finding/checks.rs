//! What the content says of checks, as lists of them: for these there are sums and indexes.

use super::meaning::{means, values};
use plumbline_core::filter::{Field, Filter, Terms, Word};
use std::collections::BTreeSet;

/// The checks that the filter's words about checks leave, without those about some fields; of all checks that the
/// content has and of those in `known`.
#[must_use]
pub fn checks_of(terms: &Terms, known: &[String], filter: &Filter, but: &[Field]) -> Vec<String> {
    let said = |field: Field| (is_of_check(field) || field == Field::Severity) && !but.contains(&field);
    let mut left: BTreeSet<&str> = terms.checks.iter().map(|check| check.id.as_str()).collect();
    left.extend(known.iter().map(String::as_str));
    for word in filter.words.iter().filter(|word| word.field().is_some_and(said)) {
        let admitted = admitted(word, terms, filter, &left);
        left.retain(|check| admitted.contains(check) != word.not);
    }
    left.into_iter().map(str::to_owned).collect()
}

/// The checks that a word names, whether it wants them or not.
fn admitted<'a>(word: &Word, terms: &'a Terms, filter: &Filter, left: &BTreeSet<&'a str>) -> BTreeSet<&'a str> {
    let of_check = |admits: &dyn Fn(&plumbline_core::filter::CheckTerms) -> bool| {
        terms.checks.iter().filter(|check| admits(check)).map(|check| check.id.as_str()).collect()
    };
    let wanted = |text: &str| values(word).iter().any(|value| means(value, text));
    match word.field() {
        Some(Field::Check) => left.iter().filter(|check| wanted(check)).copied().collect(),
        Some(Field::Key) => of_check(&|check| wanted(check.layer.as_str())),
        Some(Field::Kind) => of_check(&|check| wanted(&check.kind)),
        // A negated comparison is taken back here, for the caller negates it.
        Some(Field::Severity) => of_check(&|check| word.admits(check.severity.as_str()) != word.not),
        Some(Field::Framework) => {
            let frameworks = terms.frameworks.iter().filter(|framework| wanted(&framework.id));
            let controls = frameworks.flat_map(|framework| &framework.controls);
            controls.flat_map(|(_, checks)| checks.iter().map(String::as_str)).collect()
        }
        Some(Field::Control) => {
            let named: Vec<String> = filter.chosen(Field::Framework);
            let frameworks = terms
                .frameworks
                .iter()
                .filter(|framework| named.is_empty() || named.iter().any(|name| means(name, &framework.id)));
            let controls = frameworks.flat_map(|framework| &framework.controls).filter(|(id, _)| wanted(id));
            controls.flat_map(|(_, checks)| checks.iter().map(String::as_str)).collect()
        }
        _ => BTreeSet::new(),
    }
}

/// Whether the content says of a check what the field asks.
pub(super) fn is_of_check(field: Field) -> bool {
    matches!(field, Field::Check | Field::Key | Field::Kind | Field::Framework | Field::Control)
}
