//! What a filter means for one tenant: its words turned into conditions.
//!
//! What says something lasting of a finding means the same for the list and for an exception, by [`lasting_meaning`]; the
//! list's other words are added to it by [`passing`].

use super::checks::{checks_of, is_of_check};
use super::filter::{Condition, FindingFilter, What};
use super::known::Known;
use super::{FindingState, passing};
use crate::door::TenantTx;
use crate::error::StoreError;
use chrono::{DateTime, Utc};
use plumbline_core::filter::{Asks, Field, Filter, Mistake, Terms, Word, nearest};
use plumbline_core::glob;
use plumbline_core::id::PersonId;
use std::collections::BTreeSet;
use uuid::Uuid;

/// Who reads the list, and when.
#[derive(Debug, Clone, Copy)]
pub struct Reader {
    pub me: PersonId,
    pub now: DateTime<Utc>,
}

/// Why a filter means nothing.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// A word names what is not there.
    #[error("{0}")]
    Mistake(Mistake),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What a filter means: the same for the list, its sums, and what is done to all that it shows. Mistakes are shown in
/// `typed`.
///
/// # Errors
/// [`Refusal::Mistake`] where a word names what is not there.
pub async fn meaning(
    tx: &mut TenantTx,
    terms: &Terms,
    words: &Filter,
    typed: &str,
    reader: Reader,
) -> Result<FindingFilter, Refusal> {
    let known = Known::of_findings(tx, std::iter::once(words)).await?;
    let filter = lasting_meaning(terms, &known, words, typed).map_err(Refusal::Mistake)?;
    passing::add(tx, terms, words, typed, reader, filter).await
}

/// What the words mean that say something lasting; the others are left out. Of states, what the filter shows.
///
/// # Errors
/// Where a word names a source or framework that is not there.
pub(crate) fn lasting_meaning(
    terms: &Terms,
    known: &Known,
    words: &Filter,
    typed: &str,
) -> Result<FindingFilter, Mistake> {
    let mut filter = of_few_values(words);
    let of_check = words.words.iter().any(|word| word.field().is_some_and(is_of_check));
    known_frameworks(terms, words, typed)?;
    if of_check || words.has(Field::Severity) {
        filter.counted_checks = Some(checks_of(terms, &known.checks, words, &[]));
        filter.checks = of_check.then(|| checks_of(terms, &known.checks, words, &[Field::Severity]));
    }
    filter.accounts = left(words, Field::Account, &known.accounts);
    filter.regions = left(words, Field::Region, &known.regions);
    filter.sources = sources(known, words, typed)?;
    for (field, is_empty) in [
        (Field::Account, filter.accounts.is_empty()),
        (Field::Region, filter.regions.is_empty()),
        (Field::Source, filter.sources.is_empty()),
    ] {
        filter.nothing |= is_empty && words.has(field);
    }
    for word in &words.words {
        let Asks::Value(field, _, values) = &word.asks else { continue };
        let what = match field {
            Field::Namespace | Field::Tag => What::Labelled(values.iter().map(|value| label(*field, value)).collect()),
            Field::Resource => What::Resources(values.clone()),
            Field::Cve => What::Subjects(subjects(values)),
            _ => continue,
        };
        filter.more.push(Condition { not: word.not, what });
    }
    Ok(filter)
}

/// The fields that have few values.
fn of_few_values(words: &Filter) -> FindingFilter {
    let contradicts = |field: Field| words.has(field) && words.chosen(field).is_empty();
    let mut filter = FindingFilter {
        states: parsed(&words.states(), FindingState::parse),
        severities: parsed(&words.chosen(Field::Severity), plumbline_core::verdict::Severity::parse),
        exposures: parsed(&words.chosen(Field::Exposure), plumbline_core::risk::Exposure::parse),
        criticalities: parsed(&words.chosen(Field::Criticality), plumbline_core::risk::Criticality::parse),
        nothing: [
            Field::State,
            Field::Severity,
            Field::Exposure,
            Field::Criticality,
            Field::Stage,
            Field::Likelihood,
            Field::Blast,
        ]
        .into_iter()
        .any(contradicts),
        ..FindingFilter::default()
    };
    for (field, what) in
        [(Field::Likelihood, What::Likelihoods as fn(Vec<String>) -> What), (Field::Blast, What::Blasts)]
    {
        filter.more.extend(narrowing(words, field).map(|chosen| Condition { not: false, what: what(chosen) }));
    }
    filter
}

/// The values that are left of a field, where not all of them are.
pub(super) fn narrowing(words: &Filter, field: Field) -> Option<Vec<String>> {
    let chosen = words.chosen(field);
    (!chosen.is_empty() && chosen.len() < field.values().len()).then_some(chosen)
}

fn known_frameworks(terms: &Terms, words: &Filter, typed: &str) -> Result<(), Mistake> {
    let ids = || terms.frameworks.iter().map(|framework| framework.id.as_str());
    let unknown = words.of(Field::Framework).flat_map(values).find(|value| !ids().any(|id| means(value, id)));
    match unknown {
        None => Ok(()),
        Some(value) => Err(mistake(typed, value, format!("There is no framework “{value}”."), nearest(value, ids()))),
    }
}

/// The accounts or regions that meet every word: of those named, or where there are patterns or negations, of all.
fn left(words: &Filter, field: Field, known: &[String]) -> Vec<String> {
    let all = words.of(field).any(|word| word.not || values(word).iter().any(|value| glob::is_pattern(value)));
    let meet = |value: &&String| words.of(field).all(|word| meets(word, value));
    if all {
        return known.iter().filter(meet).cloned().collect();
    }
    let named: BTreeSet<&String> = words.of(field).flat_map(values).collect();
    named.into_iter().filter(meet).cloned().collect()
}

fn sources(known: &Known, words: &Filter, typed: &str) -> Result<Vec<Uuid>, Mistake> {
    let mut names = known.sources.clone();
    for value in words.of(Field::Source).flat_map(values) {
        let by_id = value.parse::<Uuid>();
        let is_known = names.iter().any(|(_, name)| means(&value.to_lowercase(), &name.to_lowercase()));
        match by_id {
            // A source that was removed has its id for a name.
            Ok(id) if !names.iter().any(|(known, _)| *known == id) => names.push((id, value.clone())),
            Err(_) if !is_known && !glob::is_pattern(value) => {
                let near = nearest(value, names.iter().map(|(_, name)| name.as_str()));
                let near = near.map(|name| Word::is(Field::Source, vec![name.to_owned()]).to_string());
                let near = near.as_deref().and_then(|word| word.split_once(':')).map(|(_, value)| value);
                return Err(mistake(typed, value, format!("There is no source “{value}”."), near));
            }
            _ => {}
        }
    }
    let says = |word: &Word, id: Uuid, name: &str| {
        let named = values(word)
            .iter()
            .any(|value| value.parse() == Ok(id) || means(&value.to_lowercase(), &name.to_lowercase()));
        named != word.not
    };
    let met = |(id, name): &(Uuid, String)| words.of(Field::Source).all(|word| says(word, *id, name));
    let left = names.into_iter().filter(|source| words.has(Field::Source) && met(source));
    Ok(left.map(|(id, _)| id).collect())
}

/// A word of the filter that names what is not there.
pub(super) fn mistake(typed: &str, value: &str, says: String, near: Option<&str>) -> Mistake {
    let at = typed.find(value).map_or(0..0, |start| start..start + value.len());
    let ask = near.map_or_else(String::new, |near| format!(" Did you mean “{near}”?"));
    let instead = near.map(|near| typed.replacen(value, near, 1));
    Mistake { at, word: value.to_owned(), says: format!("{says}{ask}"), instead }
}

pub(super) fn parsed<T: PartialEq>(words: &[String], parse: impl Fn(&str) -> Option<T>) -> Vec<T> {
    let mut values = Vec::new();
    for value in words.iter().filter_map(|word| parse(word)) {
        if !values.contains(&value) {
            values.push(value);
        }
    }
    values
}

pub(super) fn values(word: &Word) -> &[String] {
    match &word.asks {
        Asks::Value(_, _, values) => values,
        Asks::Text(_) | Asks::Flag(_) => &[],
    }
}

fn meets(word: &Word, text: &str) -> bool {
    values(word).iter().any(|value| means(value, text)) != word.not
}

/// Whether a value means a text: it is the text, or a pattern of it.
pub(super) fn means(value: &str, text: &str) -> bool {
    value == text || (glob::is_pattern(value) && glob::matches(value, text))
}

/// The label that a value of `namespace:` or `tag:` asks for, with its value or with any.
fn label(field: Field, value: &str) -> (String, Option<String>) {
    match value.split_once('=') {
        _ if field == Field::Namespace => ("namespace".to_owned(), Some(value.to_owned())),
        Some((key, value)) => (format!("tag:{key}"), Some(value.to_owned())),
        None => (format!("tag:{value}"), None),
    }
}

/// The labels that a filter asks for, whatever their values.
pub(crate) fn labels_of(words: &Filter) -> impl Iterator<Item = String> {
    let labels = |field| words.of(field).flat_map(values).map(move |value| label(field, value).0);
    labels(Field::Namespace).chain(labels(Field::Tag))
}

/// Flaws are named in capitals; other subjects as they are.
fn subjects(values: &[String]) -> Vec<String> {
    values.iter().flat_map(|value| [value.clone(), value.to_uppercase()]).collect::<BTreeSet<_>>().into_iter().collect()
}
