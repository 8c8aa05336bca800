//! The six keys: the layers of the container stack, which are the product's checklist and its navigation.

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Layer {
    Images,
    Hosts,
    Activity,
    Orchestration,
    Cloud,
    Delivery,
}

impl Layer {
    pub const ALL: [Self; 6] =
        [Self::Images, Self::Hosts, Self::Activity, Self::Orchestration, Self::Cloud, Self::Delivery];

    /// The word used in paths, tables and URLs.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Images => "images",
            Self::Hosts => "hosts",
            Self::Activity => "activity",
            Self::Orchestration => "orchestration",
            Self::Cloud => "cloud",
            Self::Delivery => "delivery",
        }
    }

    /// What the key asks for, as shown to people.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::Images => "Use safe images",
            Self::Hosts => "Secure the container host",
            Self::Activity => "Monitor container activity",
            Self::Orchestration => "Safe orchestration",
            Self::Cloud => "Protect and monitor the cloud account",
            Self::Delivery => "DevOps integration",
        }
    }

    /// The layer with that word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|layer| layer.as_str() == word)
    }
}
