//! What keeps us from reading something.

use plumbline_core::resource::Unread;
use plumbline_core::scope::Outcome;
use plumbline_core::text::one_line;

/// Why a scope, an image or a part of it could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ReadError {
    #[error("{permission} was refused: {detail}")]
    Denied { permission: String, detail: String },
    /// The registry says that there is no such thing.
    #[error("{0}")]
    Missing(String),
    /// There is no point in asking the same again.
    #[error("{0}")]
    Rejected(String),
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

    pub(crate) fn rejected(words: impl AsRef<str>) -> Self {
        Self::Rejected(one_line(words.as_ref()))
    }

    pub(crate) fn into_outcome(self) -> Outcome {
        match self {
            Self::Denied { permission, detail } => Outcome::Denied { permission, detail },
            other => Outcome::Failed { detail: other.to_string() },
        }
    }

    /// The same, as why attributes of an image are missing.
    pub(crate) fn into_unread(self, repository: &str) -> Unread {
        match self {
            Self::Denied { permission, detail } => Unread { permission, denied: true, detail },
            other => Unread { permission: pull(repository), denied: false, detail: one_line(&other.to_string()) },
        }
    }
}

/// The scope of the token protocol that reading a repository takes.
pub(crate) fn pull(repository: &str) -> String {
    format!("repository:{repository}:pull")
}
