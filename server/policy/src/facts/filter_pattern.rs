//! CloudWatch Logs filter patterns, read for what they mean.
//!
//! Two filters that look nothing alike may let the same events through, and two that differ in one clause may not. So a
//! pattern is parsed, and asked about events that a control wants seen, rather than compared with a model text.

mod controls;
mod eval;
mod events;
mod parse;
#[cfg(test)]
mod tests;

use regex_lite::Regex;
use serde_json::{Value, json};

pub(super) use controls::facts;
pub(crate) use parse::parse;

/// A filter pattern.
#[derive(Debug, Clone)]
pub(crate) enum Pattern {
    /// The empty pattern, which lets every event through.
    Everything,
    /// `{ $.eventName = "DeleteTrail" }`
    Json(Expr),
    /// `"access denied" -healthcheck ?warn ?error`
    Terms(Vec<Term>),
    /// `[ip, user, ..., status = 4*]`
    Columns(Vec<Column>),
}

/// A condition over the members of an event.
#[derive(Debug, Clone)]
pub(crate) enum Expr {
    All(Vec<Expr>),
    Any(Vec<Expr>),
    Test(Selector, Test),
}

/// The way to a member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Selector(pub(crate) Vec<Step>);

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    Key(String),
    Index(usize),
    /// `[*]`: any item of a list.
    AnyItem,
}

/// What is asked of a member.
#[derive(Debug, Clone)]
pub(crate) enum Test {
    Compare(Op, Operand),
    IsNull,
    IsTrue,
    IsFalse,
    Exists,
    NotExists,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Op {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

#[derive(Debug, Clone)]
pub(crate) enum Operand {
    /// Text in which `*` stands for anything.
    Text(String),
    /// A number, and as it is written.
    Number(f64, String),
    /// `%…%`
    Matching(Regex),
}

/// One word or phrase of a term pattern.
#[derive(Debug, Clone)]
pub(crate) struct Term {
    pub(crate) role: Role,
    pub(crate) what: Words,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Required,
    /// `?word`: one of these suffices.
    Optional,
    /// `-word`
    Excluded,
}

#[derive(Debug, Clone)]
pub(crate) enum Words {
    Phrase(String),
    Matching(Regex),
}

/// One column of a space-delimited pattern.
#[derive(Debug, Clone)]
pub(crate) enum Column {
    /// `...`: any number of columns.
    Rest,
    Any,
    /// A named column with a condition on it.
    Where(String, Expr),
}

/// The facts of a filter that cannot be read, or that looks at only a part of the log: it satisfies nothing.
fn nothing(valid: bool) -> Value {
    json!({ "valid": valid, "controls": [], "misses": {} })
}
