//! The filters that an exception may have: words that say something lasting of a check, a resource or a finding.

use super::field::Field;
use super::parse::{Mistake, placed};
use super::{Asks, Filter, Word};
use crate::glob;

/// The longest line of an exception, in characters.
const LONGEST: usize = 4000;

/// Reads a filter as an exception may have it.
///
/// # Errors
/// At the first word that is not understood or says nothing lasting, and where nothing is said at all.
pub fn lasting(typed: &str) -> Result<Filter, Mistake> {
    let words = placed(typed)?;
    if words.is_empty() {
        let says = "Name at least one thing that the findings have in common: for example severity<=low.";
        return Err(Mistake::of(typed, 0..0, says.to_owned(), None));
    }
    if typed.chars().count() > LONGEST {
        return Err(Mistake::of(typed, 0..0, "An exception’s filter has at most 4,000 characters.".to_owned(), None));
    }
    for (at, word) in &words {
        if let Some((says, instead)) = refusal(word) {
            let mut mistake = Mistake::of(typed, at.clone(), says, Some(&instead));
            let tidy = |line: String| line.split_whitespace().next().is_some().then(|| line.trim().to_owned());
            mistake.instead = mistake.instead.and_then(tidy);
            return Err(mistake);
        }
    }
    Ok(Filter { words: words.into_iter().map(|(_, word)| word).collect() })
}

/// Why a word says nothing lasting, and what to say in its place; empty where nothing would do.
fn refusal(word: &Word) -> Option<(String, String)> {
    let Some(field) = word.field() else {
        let not = if word.not { "-" } else { "" };
        let Asks::Text(text) = &word.asks else { return None };
        let instead = Word::is(Field::Resource, vec![text.clone()]);
        let says = "Plain words are looked up anew each time, and find other things each time. Say what is meant: \
                    check, resource, cve or another field.";
        return Some((says.to_owned(), if text.is_empty() { String::new() } else { format!("{not}{instead}") }));
    };
    if let Some(passing) = field.passing() {
        let says =
            format!("“{}” says {passing}: an exception covers what it does whatever becomes of that.", field.word());
        return Some((says, String::new()));
    }
    let named_loosely = |values: &[String]| values.iter().any(|value| glob::is_pattern(value));
    match &word.asks {
        Asks::Value(Field::Source, _, values) if named_loosely(values) => Some((
            "Name the sources of an exception one by one: a pattern would take in whatever is called so later."
                .to_owned(),
            String::new(),
        )),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::{FIELDS, Shape};

    #[test]
    fn every_field_is_either_lasting_or_refused_by_name_with_a_reason() {
        for info in &FIELDS {
            let read = lasting(&format!("key:cloud {}", info.example));
            match info.field.passing() {
                None => assert!(read.is_ok(), "{}: {read:?}", info.word),
                Some(why) => {
                    let mistake = read.expect_err(info.word);
                    assert_eq!(mistake.word, info.example);
                    assert!(mistake.says.contains(info.word) && mistake.says.contains(why), "{mistake}");
                    assert_eq!(mistake.instead.as_deref(), Some("key:cloud"));
                }
            }
            assert!(info.field.passing().is_some() || info.shape != Shape::Flag);
        }
    }

    #[test]
    fn nothing_plain_words_and_patterns_of_sources_are_refused() {
        assert!(lasting(" ").expect_err("nothing").says.contains("at least one"));
        let plain = lasting("severity<=low web-1").expect_err("a plain word");
        assert_eq!((plain.at.clone(), plain.instead.as_deref()), (14..19, Some("severity<=low resource:web-1")));
        assert_eq!(lasting("-\"a b\"").expect_err("text").instead.as_deref(), Some("-resource:\"a b\""));
        assert_eq!(lasting("overdue").expect_err("a flag").instead, None);
        assert!(lasting("source:prod-*").is_err() && lasting("source:\"prod registry\"").is_ok());
        assert!(lasting(&format!("region:{}", "r".repeat(4000))).is_err());
        assert_eq!(lasting("severty:high").expect_err("a mistake").instead.as_deref(), Some("severity:high"));
    }
}
