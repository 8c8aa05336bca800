//! What keeps us from reading something of an engine.

use plumbline_core::resource::Unread;
use plumbline_core::scope::Outcome;
use plumbline_core::text::one_line;

/// Why a call came to nothing. A permission is the call itself, which is what an authorization plugin of Docker decides on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ReadError {
    #[error("{permission} was refused: {detail}")]
    Denied { permission: String, detail: String },
    /// The engine says that there is no such thing: it went away since it was listed.
    #[error("{0}")]
    Missing(String),
    #[error("{0}")]
    Failed(String),
    /// Nobody listens any more.
    #[error("cancelled")]
    Closed,
}

impl ReadError {
    pub(crate) fn failed(words: impl AsRef<str>) -> Self {
        Self::Failed(one_line(words.as_ref()))
    }

    pub(crate) fn into_outcome(self) -> Outcome {
        match self {
            Self::Denied { permission, detail } => Outcome::Denied { permission, detail },
            other => Outcome::Failed { detail: other.to_string() },
        }
    }

    /// The same, as why attributes are missing that `permission` would have read.
    pub(crate) fn into_unread(self, permission: &str) -> Unread {
        match self {
            Self::Denied { permission, detail } => Unread { permission, denied: true, detail },
            other => Unread { permission: permission.to_owned(), denied: false, detail: one_line(&other.to_string()) },
        }
    }
}
