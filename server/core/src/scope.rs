//! The smallest part of a run that was either read completely or not.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Names a scope within its source: an account, a region (`global` where the provider has none) and a reader, such as
/// `111122223333/eu-west-1/ec2.instances`. A reader belongs to one service; a page groups scopes by it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ScopeKey {
    pub account: String,
    pub region: String,
    /// `<service>.<what>`.
    pub reader: String,
}

impl ScopeKey {
    #[must_use]
    pub fn service(&self) -> &str {
        self.reader.split_once('.').map_or(self.reader.as_str(), |(service, _)| service)
    }
}

impl fmt::Display for ScopeKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.account, self.region, self.reader)
    }
}

/// How reading a scope ended. Only a complete one may close findings and retire resources.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    Complete,
    /// The provider refused; `permission` is what would have to be granted, in the provider's own words.
    Denied {
        permission: String,
        detail: String,
    },
    /// Anything else that kept us from reading to the end: throttled, timed out, truncated, unreachable, cancelled.
    Failed {
        detail: String,
    },
}

impl Outcome {
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Denied { .. } => "denied",
            Self::Failed { .. } => "failed",
        }
    }

    #[must_use]
    pub fn is_complete(&self) -> bool {
        matches!(self, Self::Complete)
    }
}
