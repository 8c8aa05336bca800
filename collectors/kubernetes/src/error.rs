//! What keeps us from reading something.

use plumbline_core::collect::CollectError;
use plumbline_core::resource::Unread;
use plumbline_core::scope::Outcome;
use plumbline_core::text::one_line;

/// Why something could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ReadError {
    /// The API server knows us and does not let us do this.
    #[error("{0}")]
    Denied(String),
    /// The API server does not know us, or no longer.
    #[error("the API server does not accept the credential: {0}")]
    Stranger(String),
    #[error("{0}")]
    Missing(String),
    /// What was asked for is too old to go on from (410).
    #[error("the API server no longer has what the list began with")]
    Gone,
    /// The answer is longer than what is read at once.
    #[error("the answer has more than {0} bytes")]
    TooLong(usize),
    #[error("{0}")]
    Failed(String),
}

impl ReadError {
    pub(crate) fn failed(words: impl AsRef<str>) -> Self {
        Self::Failed(one_line(words.as_ref()))
    }

    /// How a scope ends for which `permission` was used.
    pub(crate) fn outcome(&self, permission: &str) -> Outcome {
        match self {
            Self::Denied(detail) => Outcome::Denied { permission: permission.to_owned(), detail: detail.clone() },
            Self::Stranger(_) => Outcome::Denied { permission: permission.to_owned(), detail: self.to_string() },
            other => Outcome::Failed { detail: other.to_string() },
        }
    }

    /// Why an attribute is missing that `permission` reads.
    pub(crate) fn unread(&self, permission: &str) -> Unread {
        let denied = matches!(self, Self::Denied(_) | Self::Stranger(_));
        Unread { permission: permission.to_owned(), denied, detail: self.to_string() }
    }

    /// The same, where without it nothing can be read.
    pub(crate) fn whole(&self, permission: &str) -> CollectError {
        match self {
            Self::Denied(detail) => CollectError::Refused(format!("The cluster refuses {permission}: {detail}.")),
            Self::Stranger(_) => CollectError::Refused(format!("The cluster does not let us in: {self}.")),
            other => CollectError::Unreachable(format!("The cluster does not answer as one: {other}.")),
        }
    }
}
