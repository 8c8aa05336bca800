//! A framework: a published list of controls, each satisfied by checks or by attestation.

use serde::{Deserialize, Serialize};

/// One file of `frameworks/`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Framework {
    pub id: String,
    /// The publisher's name for it.
    pub title: String,
    pub version: String,
    pub controls: Vec<Control>,
}

/// One control. It holds when all of its checks hold; one without checks is attested by a person.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Control {
    /// The publisher's number.
    pub id: String,
    pub section: String,
    /// In our own words.
    pub title: String,
    #[serde(default)]
    pub level: String,
    /// Whether the publisher calls it automated or manual.
    pub assessment: String,
    #[serde(default)]
    pub checks: Vec<String>,
}

impl Control {
    /// Whether only a person can say that it holds.
    #[must_use]
    pub fn is_attested(&self) -> bool {
        self.checks.is_empty()
    }
}
