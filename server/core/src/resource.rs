//! A thing observed.

use crate::scope::ScopeKey;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// One resource as a collector read it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Resource {
    /// The scope that listed it. A resource belongs to exactly one.
    pub scope: ScopeKey,
    /// Such as `aws.s3.bucket`; one of the kind catalogue.
    pub kind: String,
    /// The provider's own stable, globally unique name (an ARN where there is one).
    pub uid: String,
    /// What a person calls it.
    pub name: String,
    /// Where it lives: a region, or `global`.
    pub region: String,
    /// The provider's field names and shapes.
    pub attributes: Map<String, Value>,
    /// Attributes that could not be read, each with why. Such an attribute is absent from `attributes`.
    #[serde(default)]
    pub unread: BTreeMap<String, Unread>,
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
    #[serde(default)]
    pub edges: Vec<Edge>,
}

/// Why an attribute is missing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unread {
    /// The permission that reads it, in the provider's own words, such as `s3:GetBucketPolicy`.
    pub permission: String,
    /// True when the provider refused; false when the call failed for another reason.
    pub denied: bool,
    /// What the provider said, cut to one line.
    pub detail: String,
}

/// A directed relation to another resource, known by its uid whether or not it has been seen.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Edge {
    /// What the relation is: `security_group`, `subnet`, `role`, `image`, `key`, `log_group`, …
    pub relation: String,
    pub to: String,
}

impl Edge {
    pub fn new(relation: &str, to: impl Into<String>) -> Self {
        Self { relation: relation.to_owned(), to: to.into() }
    }
}
