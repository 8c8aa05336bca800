//! The address of the list of findings is its state: the filter as one line of words, the order, and where the page begins.

use crate::words;
use plumbline_core::filter::{Field, Filter, Mistake, Word, parse};
use plumbline_store::finding::Order;
use url::form_urlencoded;

/// The fields that are shown beside the list with what each value would leave, in their order.
pub(super) const FACETS: [Field; 9] = [
    Field::State,
    Field::Severity,
    Field::Key,
    Field::Exposure,
    Field::Criticality,
    Field::Source,
    Field::Account,
    Field::Region,
    Field::Check,
];

/// What the address says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Query {
    /// The filter as it was typed.
    pub(super) typed: String,
    pub(super) filter: Filter,
    /// The first word that is not understood; the filter is empty then.
    pub(super) mistake: Option<Mistake>,
    pub(super) order: Order,
    pub(super) after: Option<String>,
}

/// The state that lifts the default, which is to show what is open.
const ANY: &str = "any";

impl Query {
    /// Reads an address. Fields that stand in it by themselves, as links of ours have them, become words of the filter;
    /// what makes no sense there is left out.
    pub(crate) fn parse(address: &str) -> Self {
        let mut query = Self::default();
        let mut fields: Vec<(Field, Vec<String>)> = Vec::new();
        for (key, value) in words::query(address) {
            match key.as_ref() {
                "q" => query.typed = value,
                "after" => query.after = Some(value),
                "sort" => query.order = Order::parse(&value).unwrap_or_default(),
                key => {
                    let Some(field) = field(key).filter(|field| is_value(*field, &value)) else { continue };
                    match fields.iter_mut().find(|(known, _)| *known == field) {
                        Some((_, values)) if values.contains(&value) => {}
                        Some((_, values)) => values.push(value),
                        None => fields.push((field, vec![value])),
                    }
                }
            }
        }
        match parse(&query.typed) {
            Ok(filter) => query.filter = filter,
            Err(mistake) => query.mistake = Some(mistake),
        }
        if query.mistake.is_none() && !fields.is_empty() {
            for (field, values) in fields {
                query.filter = query.filter.with(field, values);
            }
            query.typed = query.filter.to_string();
        }
        query
    }

    /// A list of what was typed, from its beginning.
    pub(crate) fn typed(typed: &str, order: Order) -> Self {
        let (filter, mistake) = match parse(typed) {
            Ok(filter) => (filter, None),
            Err(mistake) => (Filter::default(), Some(mistake)),
        };
        Self { typed: typed.to_owned(), filter, mistake, order, after: None }
    }

    /// The filter and the order, as they are kept.
    pub(crate) fn as_typed(&self) -> (&str, &'static str) {
        (&self.typed, self.order.as_str())
    }

    /// What is not understood of it.
    pub(crate) fn refused(&self) -> Option<String> {
        self.mistake.as_ref().map(ToString::to_string)
    }

    /// A list of a filter from its beginning.
    pub(super) fn of(filter: Filter, order: Order) -> Self {
        Self { typed: filter.to_string(), filter, mistake: None, order, after: None }
    }

    /// The values chosen of one field.
    pub(super) fn chosen(&self, field: Field) -> Vec<String> {
        if field == Field::State { self.filter.states() } else { self.filter.chosen(field) }
    }

    /// Whether anything narrows the list beside the state.
    pub(super) fn is_narrowed(&self) -> bool {
        self.mistake.is_some() || self.filter.words.iter().any(|word| word.field() != Some(Field::State))
    }

    /// The same list with one value chosen or no longer chosen, from its beginning.
    pub(super) fn toggled(&self, field: Field, value: &str) -> Self {
        if field != Field::State {
            return Self::of(self.filter.toggled(field, value), self.order);
        }
        let mut states = self.chosen(field);
        match states.iter().position(|chosen| chosen == value) {
            Some(at) => drop(states.remove(at)),
            None => states.push(value.to_owned()),
        }
        if states.is_empty() {
            states.push(ANY.to_owned());
        }
        let states = if states == ["open"] { Vec::new() } else { states };
        Self::of(self.filter.with(field, states), self.order)
    }

    /// Each word of the filter, and the list without it.
    pub(super) fn words(&self) -> impl Iterator<Item = (&Word, Self)> {
        let without = |at| Self::of(self.filter.without(at), self.order);
        self.filter.words.iter().enumerate().map(move |(at, word)| (word, without(at)))
    }

    /// The same list in another order.
    pub(super) fn ordered(&self, order: Order) -> Self {
        Self { order, after: None, ..self.clone() }
    }

    /// The page that begins after a cursor.
    pub(crate) fn from(&self, after: Option<&str>) -> Self {
        Self { after: after.map(str::to_owned), ..self.clone() }
    }

    /// What stands behind the question mark of the address, without where the page begins: what the list is.
    pub(super) fn line(&self) -> String {
        let mut out = form_urlencoded::Serializer::new(String::new());
        if !self.typed.is_empty() {
            out.append_pair("q", &self.typed);
        }
        if self.order != Order::Risk {
            out.append_pair("sort", self.order.as_str());
        }
        out.finish()
    }

    /// The address.
    pub(crate) fn href(&self) -> String {
        let mut line = self.line();
        if let Some(after) = &self.after {
            let between = if line.is_empty() { "" } else { "&" };
            line = format!("{line}{between}{}", crate::fixes::pair("after", after));
        }
        if line.is_empty() { "/findings?q=".to_owned() } else { format!("/findings?{line}") }
    }
}

/// The field that an address names by itself.
fn field(key: &str) -> Option<Field> {
    if key == "layer" { Some(Field::Key) } else { Field::parse(key) }
}

/// Whether a value can be one of a field, so that a link with it means something.
fn is_value(field: Field, value: &str) -> bool {
    let word = Word::is(field, vec![value.to_owned()]).to_string();
    parse(&word).is_ok_and(|read| read.words == [Word::is(field, vec![value.to_owned()])])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bare_address_shows_what_is_open() {
        let query = Query::parse("");
        assert_eq!(query.chosen(Field::State), ["open"]);
        assert_eq!(query.href(), "/findings?q=");
    }

    #[test]
    fn fields_by_themselves_become_words_and_nonsense_is_left_out() {
        let query = Query::parse("/findings?state=broken&severity=huge&colour=red&severity=high&severity=high&q=%20");
        assert_eq!(query.typed, "severity:high");
        let several = Query::parse("/findings?layer=cloud&account=1&account=2&q=web&source=prod+registry");
        assert_eq!(several.typed, "web key:cloud account:1,2 source:\"prod registry\"");
        assert_eq!(Query::parse(&several.href()), several);
    }

    #[test]
    fn an_address_comes_back_from_what_it_says() {
        let query = Query::parse("/findings?q=state%3Aopen%2Caccepted+severity%3E%3Dhigh+a%26b&sort=newest&after=1-x");
        assert_eq!(query.filter.words.len(), 3);
        assert_eq!(Query::parse(&query.href()), query);
    }

    #[test]
    fn a_mistake_keeps_what_was_typed() {
        let query = Query::parse("/findings?q=severty%3Ahigh");
        assert_eq!(query.typed, "severty:high");
        assert!(query.mistake.is_some() && query.is_narrowed());
    }

    #[test]
    fn taking_away_the_last_state_shows_all_and_taking_it_back_is_the_default() {
        let all = Query::parse("").toggled(Field::State, "open");
        assert_eq!(all.typed, "state:any");
        assert!(all.chosen(Field::State).is_empty());
        assert_eq!(all.toggled(Field::State, "open").typed, "");
        assert_eq!(Query::parse("").toggled(Field::State, "accepted").typed, "state:open,accepted");
    }

    #[test]
    fn a_choice_begins_at_the_first_page() {
        let query = Query::parse("/findings?after=40-x").toggled(Field::Severity, "low");
        assert_eq!(query.href(), "/findings?q=severity%3Alow");
    }
}
