//! The language in which a list of findings is narrowed: one line of words, as a person types it.
//!
//! All words must hold. A word is a field with values (`severity:high,critical`; commas are alternatives), a comparison
//! (`age>30d`), a flag (`overdue`), or plain text that is searched for; `-` in front of it says that it must not hold.
//! [`parse`] reads a line, and what [`Filter`] prints is read as the same filter again.

mod field;
mod lasting;
mod parse;
mod terms;

pub use field::{FIELDS, Field, FieldInfo, STAGES, Shape, hours, nearest};
pub use lasting::lasting;
pub use parse::{Mistake, parse};
pub use terms::{CheckTerms, FrameworkTerms, Terms};

use std::fmt;

/// What a person typed, understood.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    pub words: Vec<Word>,
}

/// One word of a filter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word {
    /// That it must not hold.
    pub not: bool,
    pub asks: Asks,
}

/// What a word asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asks {
    /// To be found by this text.
    Text(String),
    /// That a flag holds.
    Flag(Field),
    /// That a field has one of the values, or compares with the one.
    Value(Field, Relation, Vec<String>),
}

/// How a value is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Relation {
    Is,
    AtLeast,
    AtMost,
    Over,
    Under,
}

impl Relation {
    /// Longer ones first, so that reading tries them in this order.
    const ALL: [Self; 5] = [Self::AtLeast, Self::AtMost, Self::Is, Self::Over, Self::Under];

    /// As it is typed.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Is => ":",
            Self::AtLeast => ">=",
            Self::AtMost => "<=",
            Self::Over => ">",
            Self::Under => "<",
        }
    }

    /// Whether it holds of two things in their order.
    #[must_use]
    pub fn holds<T: Ord>(self, left: &T, right: &T) -> bool {
        match self {
            Self::Is => left == right,
            Self::AtLeast => left >= right,
            Self::AtMost => left <= right,
            Self::Over => left > right,
            Self::Under => left < right,
        }
    }
}

impl Word {
    /// A word that asks for one of some values.
    #[must_use]
    pub fn is(field: Field, values: Vec<String>) -> Self {
        Self { not: false, asks: Asks::Value(field, Relation::Is, values) }
    }

    /// The field it asks about; none for text.
    #[must_use]
    pub fn field(&self) -> Option<Field> {
        match &self.asks {
            Asks::Text(_) => None,
            Asks::Flag(field) | Asks::Value(field, ..) => Some(*field),
        }
    }

    /// Whether it holds of a value of a field that has few.
    #[must_use]
    pub fn admits(&self, value: &str) -> bool {
        let Asks::Value(field, relation, values) = &self.asks else { return true };
        if *field == Field::State && values.iter().any(|word| word == "any") {
            return true;
        }
        let place = |word: &str| field.values().iter().position(|known| *known == word);
        values.iter().any(|wanted| relation.holds(&place(value), &place(wanted))) != self.not
    }
}

impl Filter {
    /// The words about a field.
    pub fn of(&self, field: Field) -> impl Iterator<Item = &Word> {
        self.words.iter().filter(move |word| word.field() == Some(field))
    }

    /// Whether anything is said about a field.
    #[must_use]
    pub fn has(&self, field: Field) -> bool {
        self.of(field).next().is_some()
    }

    /// What is searched for: the plain words, with a space between.
    #[must_use]
    pub fn text(&self) -> String {
        let texts = self.words.iter().filter_map(|word| match &word.asks {
            Asks::Text(text) if !word.not => Some(text.as_str()),
            _ => None,
        });
        texts.collect::<Vec<_>>().join(" ")
    }

    /// The values of a field that its words leave: of one that has few, all that meet every word; of others, those named.
    /// Empty where nothing is said of it.
    #[must_use]
    pub fn chosen(&self, field: Field) -> Vec<String> {
        if !self.has(field) {
            return Vec::new();
        }
        let few = field.values();
        if !few.is_empty() {
            let left = few.iter().filter(|value| self.of(field).all(|word| word.admits(value)));
            return left.map(|value| (*value).to_owned()).collect();
        }
        let named = self.of(field).filter(|word| !word.not).filter_map(|word| match &word.asks {
            Asks::Value(_, Relation::Is, values) => Some(values.clone()),
            _ => None,
        });
        named.flatten().collect()
    }

    /// The states that it leaves, of which nothing said means what is open. Empty for all.
    #[must_use]
    pub fn states(&self) -> Vec<String> {
        if !self.has(Field::State) && !self.has(Field::Stage) {
            return vec!["open".to_owned()];
        }
        let mut values = self.chosen(Field::State);
        if let Some(any) = values.iter().position(|value| value == "any") {
            values.remove(any);
            if values.len() == 3 {
                values.clear();
            }
        }
        values
    }

    /// The same with exactly these values of a field; none for nothing said of it.
    #[must_use]
    pub fn with(&self, field: Field, values: Vec<String>) -> Self {
        let is_enumerated = !field.values().is_empty();
        let replaced = |word: &Word| {
            word.field() == Some(field)
                && (is_enumerated || (!word.not && matches!(word.asks, Asks::Value(_, Relation::Is, _))))
        };
        let at = self.words.iter().position(replaced).unwrap_or(self.words.len());
        let mut words: Vec<Word> = self.words.iter().filter(|word| !replaced(word)).cloned().collect();
        if !values.is_empty() {
            words.insert(at.min(words.len()), Word::is(field, values));
        }
        Self { words }
    }

    /// The same with one value of a field chosen or no longer chosen.
    #[must_use]
    pub fn toggled(&self, field: Field, value: &str) -> Self {
        let mut values = self.chosen(field);
        match values.iter().position(|chosen| chosen == value) {
            Some(at) => drop(values.remove(at)),
            None => values.push(value.to_owned()),
        }
        self.with(field, values)
    }

    /// The same without one of its words.
    #[must_use]
    pub fn without(&self, at: usize) -> Self {
        let words = self.words.iter().enumerate().filter(|(place, _)| *place != at);
        Self { words: words.map(|(_, word)| word.clone()).collect() }
    }
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, word) in self.words.iter().enumerate() {
            let space = if at == 0 { "" } else { " " };
            write!(f, "{space}{word}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.not {
            f.write_str("-")?;
        }
        match &self.asks {
            Asks::Text(text) if is_plain(text) => f.write_str(text),
            Asks::Text(text) => f.write_str(&quoted(text)),
            Asks::Flag(field) => f.write_str(field.word()),
            Asks::Value(field, relation, values) => {
                let values: Vec<String> = values.iter().map(|value| printed(value)).collect();
                write!(f, "{}{}{}", field.word(), relation.as_str(), values.join(","))
            }
        }
    }
}

/// Whether a text is read as itself.
fn is_plain(text: &str) -> bool {
    let itself = Word { not: false, asks: Asks::Text(text.to_owned()) };
    !text.starts_with('-') && parse(text).is_ok_and(|filter| filter.words == [itself])
}

fn printed(value: &str) -> String {
    let plain =
        !value.is_empty() && !value.starts_with('"') && !value.contains(|c: char| c.is_whitespace() || c == ',');
    if plain { value.to_owned() } else { quoted(value) }
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

#[cfg(test)]
mod tests;
