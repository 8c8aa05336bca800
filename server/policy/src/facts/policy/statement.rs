//! A policy document, read into statements whatever its shape: one statement or many, one value or a list.

use super::condition::Condition;
use super::principal::Principals;
use serde_json::{Value, json};

/// Stands for the id of a statement that cannot be understood.
pub(super) const UNREADABLE: &str = "(not readable)";

#[derive(Debug, Default)]
pub(in crate::facts) struct Policy {
    pub(super) present: bool,
    pub(super) valid: bool,
    pub(in crate::facts) statements: Vec<Statement>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::facts) enum Effect {
    Allow,
    Deny,
}

/// One statement. Actions are in lower case, as they are compared without case.
#[derive(Debug)]
pub(in crate::facts) struct Statement {
    /// The inline policy that it belongs to, where there are several.
    pub(super) policy: Option<String>,
    /// Its own, or `#<number>`.
    pub(in crate::facts) sid: String,
    pub(in crate::facts) effect: Effect,
    pub(super) principals: Principals,
    pub(super) not_principals: Principals,
    pub(in crate::facts) actions: Vec<String>,
    pub(in crate::facts) not_actions: Vec<String>,
    pub(in crate::facts) resources: Vec<String>,
    pub(in crate::facts) not_resources: Vec<String>,
    pub(super) conditions: Vec<Condition>,
}

impl Policy {
    /// Reads a document, given as JSON or as text. Null is no policy at all.
    pub(super) fn read(document: &Value, has_principals: bool) -> Self {
        let mut policy = Self { present: !document.is_null(), valid: true, statements: Vec::new() };
        if policy.present {
            policy.add(None, document, has_principals);
        }
        policy
    }

    /// Reads `[{PolicyName, PolicyDocument}]` as one policy.
    pub(super) fn read_list(list: &Value) -> Self {
        let mut policy = Self { present: false, valid: true, statements: Vec::new() };
        match list {
            Value::Null => {}
            Value::Array(items) => {
                policy.present = !items.is_empty();
                for item in items {
                    let name = item.get("PolicyName").and_then(Value::as_str).unwrap_or("?");
                    policy.add(Some(name), item.get("PolicyDocument").unwrap_or(&Value::Null), false);
                }
            }
            _ => {
                policy.present = true;
                policy.valid = false;
            }
        }
        policy
    }

    fn add(&mut self, name: Option<&str>, document: &Value, has_principals: bool) {
        let parsed;
        let document = match document {
            Value::String(text) => {
                parsed = serde_json::from_str(text).unwrap_or(Value::Null);
                &parsed
            }
            other => other,
        };
        let statements = match document.get("Statement") {
            Some(Value::Array(items)) => items.as_slice(),
            Some(single @ Value::Object(_)) => std::slice::from_ref(single),
            _ => {
                self.valid = false;
                &[]
            }
        };
        for (n, statement) in statements.iter().enumerate() {
            match Statement::read(name, n + 1, statement, has_principals) {
                Some(statement) => self.statements.push(statement),
                None => self.valid = false,
            }
        }
    }
}

impl Statement {
    fn read(policy: Option<&str>, number: usize, value: &Value, has_principals: bool) -> Option<Self> {
        let list = |name: &str| value.get(name).map_or(Some(Vec::new()), strings);
        let lower = |name: &str| list(name).map(|l| l.iter().map(|a| a.to_ascii_lowercase()).collect::<Vec<_>>());
        let who = |name: &str| value.get(name).map_or(Some(Principals::None), Principals::read);
        let own = value.get("Sid").and_then(Value::as_str).filter(|sid| !sid.is_empty());
        let sid = own.map_or_else(|| format!("#{number}"), ToOwned::to_owned);
        let statement = Self {
            policy: policy.map(ToOwned::to_owned),
            sid: policy.map_or(sid.clone(), |name| format!("{name}/{sid}")),
            effect: match value.get("Effect").and_then(Value::as_str) {
                Some("Allow") => Effect::Allow,
                Some("Deny") => Effect::Deny,
                _ => return None,
            },
            principals: who("Principal")?,
            not_principals: who("NotPrincipal")?,
            actions: lower("Action")?,
            not_actions: lower("NotAction")?,
            resources: list("Resource")?,
            not_resources: list("NotResource")?,
            conditions: Condition::read_all(value.get("Condition").unwrap_or(&Value::Null))?,
        };
        let names_someone = statement.principals != Principals::None || statement.not_principals != Principals::None;
        let does_something = value.get("Action").is_some() || value.get("NotAction").is_some();
        (does_something && (names_someone || !has_principals)).then_some(statement)
    }

    /// Whether no condition that could be false stands in it.
    pub(in crate::facts) fn is_unconditional(&self) -> bool {
        self.conditions.iter().all(Condition::is_always_true)
    }

    pub(super) fn to_json(&self) -> Value {
        json!({
            "policy": self.policy,
            "sid": self.sid,
            "effect": if self.effect == Effect::Allow { "Allow" } else { "Deny" },
            "principals": self.principals.to_json(),
            "not_principals": self.not_principals.to_json(),
            "actions": self.actions,
            "not_actions": self.not_actions,
            "resources": self.resources,
            "not_resources": self.not_resources,
            "conditions": self.conditions.iter().map(|c| c.to_json(&self.conditions)).collect::<Vec<_>>(),
        })
    }
}

/// A value or a list of values, as texts; none when something else is in it.
pub(super) fn strings(value: &Value) -> Option<Vec<String>> {
    let one = |value: &Value| match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(_) | Value::Number(_) => Some(value.to_string()),
        _ => None,
    };
    match value {
        Value::Array(items) => items.iter().map(one).collect(),
        other => one(other).map(|text| vec![text]),
    }
}
