//! Reading a filter, with where each word stands, so that a mistake can be shown and mended.

use super::field::{FIELDS, Field, Shape, hours, nearest};
use super::{Asks, Filter, Relation, Word};
use std::ops::Range;

/// A word that is not understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{says}")]
pub struct Mistake {
    /// Where it stands, in bytes of what was typed.
    pub at: Range<usize>,
    /// The word itself.
    pub word: String,
    /// What is wrong and what was expected, as a sentence.
    pub says: String,
    /// What was typed, with the nearest word that would be understood in its place.
    pub instead: Option<String>,
}

impl Mistake {
    /// Of the word at a place, with what would be understood in its place.
    pub(super) fn of(typed: &str, at: Range<usize>, says: String, nearest: Option<&str>) -> Self {
        let word = typed.get(at.clone()).unwrap_or("").to_owned();
        let before = typed.get(..at.start).unwrap_or("");
        let after = typed.get(at.end..).unwrap_or("");
        let instead = nearest.map(|nearest| format!("{before}{nearest}{after}"));
        Self { at, word, says, instead }
    }
}

/// Reads a filter.
///
/// # Errors
/// At the first word that is not understood.
pub fn parse(typed: &str) -> Result<Filter, Mistake> {
    Ok(Filter { words: placed(typed)?.into_iter().map(|(_, word)| word).collect() })
}

/// The words of a filter, each with where it stands.
pub(super) fn placed(typed: &str) -> Result<Vec<(Range<usize>, Word)>, Mistake> {
    let mut reader = Reader { typed, at: 0 };
    let mut words = Vec::new();
    loop {
        reader.skip(char::is_whitespace);
        if reader.rest().is_empty() {
            return Ok(words);
        }
        let start = reader.at;
        let word = reader.word()?;
        words.push((start..reader.at, word));
    }
}

struct Reader<'a> {
    typed: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    fn rest(&self) -> &'a str {
        self.typed.get(self.at..).unwrap_or("")
    }

    /// Goes on while the letters are of a kind, and says what they were.
    fn skip(&mut self, of_kind: impl Fn(char) -> bool) -> &'a str {
        let rest = self.rest();
        let end = rest.find(|letter| !of_kind(letter)).unwrap_or(rest.len());
        self.at += end;
        rest.get(..end).unwrap_or("")
    }

    fn eat(&mut self, word: &str) -> bool {
        let found = self.rest().starts_with(word);
        if found {
            self.at += word.len();
        }
        found
    }

    fn mistake(&self, at: Range<usize>, says: String, nearest: Option<&str>) -> Mistake {
        Mistake::of(self.typed, at, says, nearest)
    }

    fn word(&mut self) -> Result<Word, Mistake> {
        let not = self.rest().starts_with('-') && self.rest().chars().nth(1).is_some_and(|next| !next.is_whitespace());
        if not {
            self.eat("-");
        }
        if self.rest().starts_with('"') {
            return Ok(Word { not, asks: Asks::Text(self.quoted()?) });
        }
        let start = self.at;
        let name = self.skip(|letter| letter.is_ascii_alphabetic() || letter == '_');
        let named = start..self.at;
        let relation = Relation::ALL.into_iter().find(|relation| self.rest().starts_with(relation.as_str()));
        if let Some(relation) = relation.filter(|_| !name.is_empty()) {
            if let Some(field) = Field::parse(name) {
                self.eat(relation.as_str());
                return Ok(Word { not, asks: self.value(field, relation, named)? });
            }
            self.known_or_text(name, named, relation)?;
        }
        self.at = start;
        let text = self.skip(|letter| !letter.is_whitespace());
        let asks = match Field::parse(text).filter(|field| field.info().shape == Shape::Flag) {
            Some(flag) => Asks::Flag(flag),
            None => Asks::Text(text.to_owned()),
        };
        Ok(Word { not, asks })
    }

    /// An identifier such as `arn:aws:s3:::ledger` or `registry:5000/shop` is text; a word with one colon is a field that
    /// does not exist.
    fn known_or_text(&self, name: &str, named: Range<usize>, relation: Relation) -> Result<(), Mistake> {
        let rest = self.rest().get(relation.as_str().len()..).unwrap_or("");
        let value = rest.split(char::is_whitespace).next().unwrap_or("");
        if value.contains([':', '/']) {
            return Ok(());
        }
        let near = nearest(name, FIELDS.iter().map(|info| info.word));
        let ask = near.map_or_else(String::new, |near| format!(" Did you mean “{near}”?"));
        let says = format!("There is no field “{name}”.{ask} To search for the word itself, put it in quotes.");
        Err(self.mistake(named, says, near))
    }

    fn value(&mut self, field: Field, relation: Relation, named: Range<usize>) -> Result<Asks, Mistake> {
        let info = field.info();
        let example = info.example;
        let compared = relation != Relation::Is;
        match info.shape {
            Shape::Flag => {
                let says = format!("“{}” stands alone, without a value.", info.word);
                let end = self.at + self.rest().find(char::is_whitespace).unwrap_or(self.rest().len());
                return Err(self.mistake(named.start..end, says, Some(info.word)));
            }
            Shape::Text { .. } | Shape::Choice(_) if compared => {
                let says = format!("“{}” cannot be compared, only asked for: {example}.", info.word);
                return Err(self.mistake(named.start..self.at, says, Some(&format!("{}:", info.word))));
            }
            _ => {}
        }
        let mut values = Vec::new();
        loop {
            let start = self.at;
            let is_quoted = self.rest().starts_with('"');
            let value = if is_quoted {
                self.quoted()?
            } else {
                self.skip(|letter| !letter.is_whitespace() && letter != ',').to_owned()
            };
            let value = self.checked(field, relation, value, start..self.at)?;
            if !values.contains(&value) {
                values.push(value);
            }
            if !self.eat(",") {
                break;
            }
        }
        if compared && values.len() > 1 {
            let says = format!("“{}” is compared with one value: {example}.", info.word);
            return Err(self.mistake(named.start..self.at, says, None));
        }
        Ok(Asks::Value(field, relation, values))
    }

    /// The value as it is kept.
    fn checked(&self, field: Field, relation: Relation, value: String, at: Range<usize>) -> Result<String, Mistake> {
        let info = field.info();
        if value.is_empty() {
            let says = format!("A value is missing behind “{}”: for example {}.", info.word, info.example);
            return Err(self.mistake(at, says, None));
        }
        match info.shape {
            Shape::Choice(values) | Shape::Ordered(values) => {
                let lower = value.to_lowercase();
                if values.contains(&lower.as_str()) {
                    return Ok(lower);
                }
                let near = nearest(&value, values.iter().copied());
                let ask = near.map_or_else(String::new, |near| format!(" Did you mean “{near}”?"));
                let says = format!("“{value}” is no value of “{}”: {}.{ask}", info.word, list(values));
                Err(self.mistake(at, says, near))
            }
            Shape::Length { none } => {
                let is_none = none && relation == Relation::Is && value.eq_ignore_ascii_case("none");
                if is_none {
                    return Ok("none".to_owned());
                }
                if relation == Relation::Is || hours(&value).is_none() {
                    let says = format!(
                        "“{}” is compared with a length of time in hours, days or weeks: for example {}.",
                        info.word, info.example
                    );
                    return Err(self.mistake(at, says, None));
                }
                Ok(value.to_lowercase())
            }
            Shape::Text { .. } | Shape::Flag => Ok(value),
        }
    }

    /// A text in quotes; a quote or backslash within it has a backslash in front.
    fn quoted(&mut self) -> Result<String, Mistake> {
        let start = self.at;
        self.eat("\"");
        let mut text = String::new();
        let mut letters = self.rest().char_indices();
        while let Some((at, letter)) = letters.next() {
            match letter {
                '"' => {
                    self.at += at + 1;
                    return self.ends(text, start);
                }
                '\\' => text.extend(letters.next().map(|(_, escaped)| escaped)),
                other => text.push(other),
            }
        }
        self.at = self.typed.len();
        Err(self.mistake(start..self.at, "The closing quote is missing.".to_owned(), None))
    }

    fn ends(&self, text: String, start: usize) -> Result<String, Mistake> {
        let next = self.rest().chars().next();
        if next.is_none_or(|next| next.is_whitespace() || next == ',') {
            return Ok(text);
        }
        let says = "A space is missing behind the closing quote.".to_owned();
        Err(self.mistake(start..self.at, says, None))
    }
}

/// "one of a, b or c".
fn list(values: &[&str]) -> String {
    match values {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [rest @ .., last] => format!("one of {} or {last}", rest.join(", ")),
    }
}
