//! Where the work on a finding stands, and how a person may move it.

use serde::{Deserialize, Serialize};

/// What is shown of a finding's state. Sums count by less: open, reopened, in progress and awaiting proof are all open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    Open,
    /// It was resolved, or claimed to be fixed, and fails again or still.
    Reopened,
    InProgress,
    /// Somebody said that it is fixed; the next complete run proves or refutes it.
    AwaitingProof,
    Accepted,
    FalsePositive,
    Resolved,
}

impl Stage {
    pub const ALL: [Self; 7] = [
        Self::Open,
        Self::Reopened,
        Self::InProgress,
        Self::AwaitingProof,
        Self::Accepted,
        Self::FalsePositive,
        Self::Resolved,
    ];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Reopened => "reopened",
            Self::InProgress => "in_progress",
            Self::AwaitingProof => "awaiting_proof",
            Self::Accepted => "accepted",
            Self::FalsePositive => "false_positive",
            Self::Resolved => "resolved",
        }
    }

    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|stage| stage.as_str() == word)
    }

    /// As people read it.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Reopened => "reopened",
            Self::InProgress => "in progress",
            Self::AwaitingProof => "awaiting proof",
            Self::Accepted => "accepted",
            Self::FalsePositive => "false positive",
            Self::Resolved => "resolved",
        }
    }

    /// Whether it counts as open in every sum.
    #[must_use]
    pub fn is_open(self) -> bool {
        matches!(self, Self::Open | Self::Reopened | Self::InProgress | Self::AwaitingProof)
    }

    /// The moves that a person may make from here.
    #[must_use]
    pub fn moves(self) -> Vec<Move> {
        Move::ALL.into_iter().filter(|one| one.from().contains(&self)).collect()
    }
}

/// A step that a person takes. Only a run resolves a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Move {
    /// Begins to work on it, or goes on after a claim.
    Start,
    /// Leaves the work to others.
    Stop,
    /// Says that it is fixed.
    Claim,
}

impl Move {
    pub const ALL: [Self; 3] = [Self::Start, Self::Claim, Self::Stop];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Stop => "stop",
            Self::Claim => "claim",
        }
    }

    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.as_str() == word)
    }

    /// What the button says.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Start => "Start work",
            Self::Stop => "Stop work",
            Self::Claim => "Say it is fixed",
        }
    }

    /// Where it may be made.
    #[must_use]
    pub fn from(self) -> &'static [Stage] {
        match self {
            Self::Start => &[Stage::Open, Stage::Reopened, Stage::AwaitingProof],
            Self::Stop => &[Stage::InProgress, Stage::AwaitingProof],
            Self::Claim => &[Stage::Open, Stage::Reopened, Stage::InProgress],
        }
    }

    /// Where it leads. A stopped one is open, or reopened where it was before.
    #[must_use]
    pub fn to(self) -> Stage {
        match self {
            Self::Start => Stage::InProgress,
            Self::Stop => Stage::Open,
            Self::Claim => Stage::AwaitingProof,
        }
    }

    /// What the history calls it.
    #[must_use]
    pub fn event(self) -> &'static str {
        match self {
            Self::Start => "started",
            Self::Stop => "stopped",
            Self::Claim => "claimed",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_moves_only_what_is_open_and_never_resolves() {
        for one in Move::ALL {
            assert!(one.from().iter().all(|stage| stage.is_open()), "{one:?}");
            assert!(one.to().is_open(), "{one:?}");
            assert!(!one.from().contains(&one.to()), "{one:?} leads somewhere else");
        }
        assert!(Stage::Resolved.moves().is_empty());
        assert!(Stage::Accepted.moves().is_empty());
    }

    #[test]
    fn every_word_comes_back() {
        assert!(Stage::ALL.into_iter().all(|stage| Stage::parse(stage.as_str()) == Some(stage)));
        assert!(Move::ALL.into_iter().all(|one| Move::parse(one.as_str()) == Some(one)));
    }
}
