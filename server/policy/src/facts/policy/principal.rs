//! Whom a statement names.

use super::pattern::{arn_account, has_wildcard, is_account_id};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The `Principal` of a statement.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) enum Principals {
    /// The statement has none, as in an identity policy.
    #[default]
    None,
    /// `"*"`.
    Everyone,
    /// By type: `AWS`, `Service`, `Federated`, `CanonicalUser`.
    Named(BTreeMap<String, Vec<String>>),
}

/// One value of the type `AWS`.
#[derive(Debug, PartialEq)]
pub(super) enum Aws<'a> {
    Everyone,
    Account(&'a str),
    /// A principal of a service, such as a CloudFront origin access identity.
    Service(&'a str),
    /// The id that stays behind when a user or role is deleted.
    Deleted(&'a str),
}

impl Principals {
    /// Reads a `Principal` or `NotPrincipal`; none when it is of no known shape.
    pub(super) fn read(value: &Value) -> Option<Self> {
        match value {
            Value::String(text) if text == "*" => Some(Self::Everyone),
            Value::Object(types) => {
                let mut named = BTreeMap::new();
                for (kind, values) in types {
                    named.insert(kind.clone(), super::statement::strings(values)?);
                }
                Some(Self::Named(named))
            }
            _ => None,
        }
    }

    /// Whether anyone at all is among them, signed in to AWS or not.
    pub(super) fn is_everyone(&self) -> bool {
        match self {
            Self::None => false,
            Self::Everyone => true,
            Self::Named(types) => {
                self.aws().any(|value| aws(value) == Aws::Everyone)
                    || types.iter().any(|(kind, values)| kind != "AWS" && values.iter().any(|v| v == "*"))
            }
        }
    }

    /// Whether everyone is meant by a plain `*`, as a deny must say it to reach everyone.
    pub(super) fn is_everyone_named_so(&self) -> bool {
        match self {
            Self::None => false,
            Self::Everyone => true,
            Self::Named(_) => self.aws().any(|value| value == "*"),
        }
    }

    pub(super) fn of(&self, kind: &str) -> impl Iterator<Item = &str> {
        let values = match self {
            Self::Named(types) => types.get(kind).map_or(&[][..], Vec::as_slice),
            _ => &[],
        };
        values.iter().map(String::as_str)
    }

    pub(super) fn aws(&self) -> impl Iterator<Item = &str> {
        self.of("AWS")
    }

    pub(super) fn to_json(&self) -> Value {
        match self {
            Self::None => Value::Null,
            Self::Everyone => json!("*"),
            Self::Named(types) => json!(types),
        }
    }
}

/// What a value of the type `AWS` stands for. One that fits no known form counts as everyone.
pub(super) fn aws(value: &str) -> Aws<'_> {
    if is_account_id(value) {
        return Aws::Account(value);
    }
    if let Some(account) = arn_account(value) {
        return match account {
            id if is_account_id(id) => Aws::Account(id),
            name if name.is_empty() || has_wildcard(name) => Aws::Everyone,
            name => Aws::Service(name),
        };
    }
    let is_unique_id = value.len() >= 16 && value.starts_with('A') && value.bytes().all(|b| b.is_ascii_alphanumeric());
    if is_unique_id { Aws::Deleted(value) } else { Aws::Everyone }
}
