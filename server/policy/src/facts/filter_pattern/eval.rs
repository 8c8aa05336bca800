//! Whether a pattern lets an event through.
//!
//! Where the provider does not say how it decides, as for `!=` on a member that is not there, the answer is no: a pattern
//! has no negation, so that such an answer can only make a filter satisfy less, never more.

use super::{Column, Expr, Op, Operand, Pattern, Role, Selector, Step, Term, Test, Words};
use serde_json::{Value, json};

impl Pattern {
    /// Whether the pattern lets an event through: an object, or a line of plain text.
    pub(crate) fn matches(&self, event: &Value) -> bool {
        match self {
            Self::Everything => true,
            Self::Json(expr) => expr.holds(event),
            Self::Terms(terms) => match event.as_str() {
                Some(line) => terms_match(terms, line),
                None => terms_match(terms, &event.to_string()),
            },
            Self::Columns(columns) => match event.as_str() {
                Some(line) => columns_match(columns, &split(line)),
                // How JSON falls into columns is anybody's guess, save that dots alone take all of it.
                None => columns.iter().all(|column| matches!(column, Column::Rest)),
            },
        }
    }
}

impl Expr {
    pub(crate) fn holds(&self, event: &Value) -> bool {
        match self {
            Self::All(parts) => parts.iter().all(|part| part.holds(event)),
            Self::Any(parts) => parts.iter().any(|part| part.holds(event)),
            Self::Test(selector, test) => test.holds(&selector.select(event)),
        }
    }

    /// Every test in it.
    pub(crate) fn tests<'a>(&'a self, found: &mut Vec<(&'a Selector, &'a Test)>) {
        match self {
            Self::All(parts) | Self::Any(parts) => parts.iter().for_each(|part| part.tests(found)),
            Self::Test(selector, test) => found.push((selector, test)),
        }
    }
}

impl Selector {
    /// What it selects: nothing, one value, or through `[*]` several.
    pub(crate) fn select<'a>(&self, event: &'a Value) -> Vec<&'a Value> {
        let mut values = vec![event];
        for step in &self.0 {
            values = match step {
                Step::Key(key) => values.into_iter().filter_map(|value| value.get(key)).collect(),
                Step::Index(index) => values.into_iter().filter_map(|value| value.get(index)).collect(),
                Step::AnyItem => values.into_iter().filter_map(Value::as_array).flatten().collect(),
            };
        }
        values
    }
}

impl Test {
    fn holds(&self, values: &[&Value]) -> bool {
        let any = |wanted: &Value| values.contains(&wanted);
        match self {
            Self::NotExists => values.is_empty(),
            Self::Exists => !values.is_empty(),
            Self::IsNull => any(&Value::Null),
            Self::IsTrue => any(&Value::Bool(true)),
            Self::IsFalse => any(&Value::Bool(false)),
            Self::Compare(op, operand) => values.iter().any(|value| compare(*op, operand, value)),
        }
    }
}

fn compare(op: Op, operand: &Operand, value: &Value) -> bool {
    match op {
        Op::Equal => equals(operand, value) == Some(true),
        Op::NotEqual => equals(operand, value) == Some(false),
        _ => {
            let (Operand::Number(wanted, _), Some(value)) = (operand, value.as_f64()) else { return false };
            match op {
                Op::Less => value < *wanted,
                Op::LessOrEqual => value <= *wanted,
                Op::Greater => value > *wanted,
                _ => value >= *wanted,
            }
        }
    }
}

/// None where the two cannot be compared: a list, an object, null.
fn equals(operand: &Operand, value: &Value) -> Option<bool> {
    match (operand, value) {
        (Operand::Text(pattern), Value::String(text)) => Some(glob(pattern, text)),
        (Operand::Text(pattern), Value::Number(number)) => Some(glob(pattern, &number.to_string())),
        (Operand::Number(wanted, _), Value::Number(number)) => number.as_f64().map(|number| number == *wanted),
        (Operand::Number(_, written), Value::String(text)) => Some(written == text),
        (Operand::Matching(regex), Value::String(text)) => Some(regex.is_match(text)),
        _ => None,
    }
}

/// Whether the text is the pattern, with `*` for any characters or none.
pub(super) fn glob(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|first| text.strip_prefix(first)) else { return false };
    let Some(last) = pattern.rsplit_once('*').map(|(_, last)| last) else { return rest.is_empty() };
    let between: Vec<&str> = parts.collect();
    for part in between.iter().take(between.len().saturating_sub(1)) {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

fn terms_match(terms: &[Term], text: &str) -> bool {
    let of = |role: Role| terms.iter().filter(move |term| term.role == role);
    let required = of(Role::Required).all(|term| term.what.are_in(text));
    let excluded = of(Role::Excluded).any(|term| term.what.are_in(text));
    let optional = of(Role::Optional).count() == 0 || of(Role::Optional).any(|term| term.what.are_in(text));
    required && optional && !excluded
}

impl Words {
    /// As a whole: `Trail` is not in `DeleteTrail`.
    fn are_in(&self, text: &str) -> bool {
        match self {
            Self::Matching(regex) => regex.is_match(text),
            Self::Phrase(phrase) => text.match_indices(phrase.as_str()).any(|(at, _)| {
                let inside = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
                !inside(text[..at].chars().next_back()) && !inside(text[at + phrase.len()..].chars().next())
            }),
        }
    }
}

/// The columns of a line: words, and what stands in quotes or brackets.
fn split(line: &str) -> Vec<&str> {
    let mut columns = Vec::new();
    let mut rest = line.trim_start();
    while let Some(first) = rest.chars().next() {
        let close = match first {
            '"' => Some('"'),
            '[' => Some(']'),
            _ => None,
        };
        let closed = close.and_then(|close| rest[1..].find(close).map(|at| (1, at + 1, at + 2)));
        let (from, to, next) = closed.unwrap_or_else(|| {
            let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
            (0, end, end)
        });
        columns.push(&rest[from..to]);
        rest = rest[next..].trim_start();
    }
    columns
}

fn columns_match(columns: &[Column], words: &[&str]) -> bool {
    let Some((column, others)) = columns.split_first() else { return words.is_empty() };
    if matches!(column, Column::Rest) {
        // Only one can stand in a pattern; more are read as one.
        let others: Vec<Column> = others.iter().filter(|c| !matches!(c, Column::Rest)).cloned().collect();
        return words.len().checked_sub(others.len()).is_some_and(|skipped| columns_match(&others, &words[skipped..]));
    }
    let Some((word, rest)) = words.split_first() else { return false };
    let holds = match column {
        Column::Rest | Column::Any => true,
        Column::Where(name, expr) => {
            let value = word.parse::<f64>().map_or_else(|_| json!(word), |number| json!(number));
            expr.holds(&json!({ name.as_str(): value })) || expr.holds(&json!({ name.as_str(): word }))
        }
    };
    holds && columns_match(others, rest)
}
