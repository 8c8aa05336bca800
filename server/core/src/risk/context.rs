//! What stands around a finding: how likely it is to be used, what whoever uses it has next, and what stands in the way.

use serde::{Deserialize, Serialize};

/// How likely somebody is to make use of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Likelihood {
    /// A flaw of which the forecast (EPSS) says less than one in a thousand.
    Unlikely,
    /// Nothing is known that makes it more or less likely.
    Possible,
    /// Whoever reaches it needs nothing more: no flaw, no credential.
    Open,
    /// A flaw of which the forecast (EPSS) says one in ten or more.
    Likely,
    /// A flaw that attackers are known to use.
    Exploited,
}

impl Likelihood {
    /// Worst first.
    pub const ALL: [Self; 5] = [Self::Exploited, Self::Likely, Self::Open, Self::Possible, Self::Unlikely];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unlikely => "unlikely",
            Self::Possible => "possible",
            Self::Open => "open",
            Self::Likely => "likely",
            Self::Exploited => "exploited",
        }
    }

    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.as_str() == word)
    }

    /// Tenths, as it enters the risk.
    #[must_use]
    pub fn tenths(self) -> i64 {
        match self {
            Self::Unlikely => 6,
            Self::Possible => 10,
            Self::Open => 15,
            Self::Likely => 18,
            Self::Exploited => 25,
        }
    }

    /// Of a flaw: whether it is exploited, and what the forecast says of it, if there is one.
    #[must_use]
    pub fn of_flaw(exploited: bool, forecast: Option<f64>) -> Self {
        match forecast {
            _ if exploited => Self::Exploited,
            Some(chance) if chance >= 0.1 => Self::Likely,
            Some(chance) if chance < 0.001 => Self::Unlikely,
            _ => Self::Possible,
        }
    }

    /// The level in a sentence.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Unlikely => "The forecast gives it less than one chance in a thousand to be used within thirty days",
            Self::Possible => "Nothing is known that makes its use more or less likely",
            Self::Open => "Whoever reaches it needs nothing more",
            Self::Likely => "The forecast gives it one chance in ten or more to be used within thirty days",
            Self::Exploited => "Attackers are known to use it",
        }
    }
}

/// What whoever takes a resource over has next: the worst of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Blast {
    /// Nothing that was seen.
    None,
    /// Secrets or credentials.
    Secrets,
    /// The node or host that it runs on, and so what else runs there.
    Machine,
    /// An identity that administers the cluster or the cloud account.
    Admin,
}

impl Blast {
    /// Worst first.
    pub const ALL: [Self; 4] = [Self::Admin, Self::Machine, Self::Secrets, Self::None];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Secrets => "secrets",
            Self::Machine => "machine",
            Self::Admin => "admin",
        }
    }

    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.as_str() == word)
    }

    /// Tenths, as it enters the risk.
    #[must_use]
    pub fn tenths(self) -> i64 {
        match self {
            Self::None => 10,
            Self::Secrets => 13,
            Self::Machine => 15,
            Self::Admin => 20,
        }
    }

    /// The level in a sentence.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::None => "Nothing that was seen follows from having it",
            Self::Secrets => "Whoever has it has secrets or credentials next",
            Self::Machine => "Whoever has it has the machine that it runs on next",
            Self::Admin => "Whoever has it has an administrator of the cluster or the account next",
        }
    }
}

/// A fact that stands in the way of whoever would make use of a finding. What is not known is never one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Guard {
    /// An image that nothing runs, where what runs is seen.
    NotRunning,
    /// Its namespace lets in only traffic that is allowed.
    Isolated,
    /// None of its containers runs as root.
    NonRoot,
    /// None of its containers can write to its own file system.
    ReadOnly,
}

impl Guard {
    pub const ALL: [Self; 4] = [Self::NotRunning, Self::Isolated, Self::NonRoot, Self::ReadOnly];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotRunning => "not_running",
            Self::Isolated => "isolated",
            Self::NonRoot => "non_root",
            Self::ReadOnly => "read_only",
        }
    }

    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.as_str() == word)
    }

    /// Tenths, as it enters the risk: of each guard that there is.
    #[must_use]
    pub fn tenths(self) -> i64 {
        match self {
            Self::NotRunning => 4,
            Self::Isolated => 8,
            Self::NonRoot | Self::ReadOnly => 9,
        }
    }

    /// The guard in a sentence.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::NotRunning => "Nothing runs it",
            Self::Isolated => "Its namespace lets in only traffic that is allowed",
            Self::NonRoot => "It does not run as root",
            Self::ReadOnly => "It cannot write to its own file system",
        }
    }

    fn bit(self) -> u8 {
        match self {
            Self::NotRunning => 1,
            Self::Isolated => 2,
            Self::NonRoot => 4,
            Self::ReadOnly => 8,
        }
    }
}

/// The guards of one finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Guards(u8);

impl Guards {
    pub const NONE: Self = Self(0);

    /// Reads their words; a word that is none is passed over.
    pub fn parse<'a>(words: impl IntoIterator<Item = &'a str>) -> Self {
        words.into_iter().filter_map(Guard::parse).collect()
    }

    #[must_use]
    pub fn has(self, guard: Guard) -> bool {
        self.0 & guard.bit() != 0
    }

    /// Those that there are, in the order of their table.
    pub fn iter(self) -> impl Iterator<Item = Guard> {
        Guard::ALL.into_iter().filter(move |guard| self.has(*guard))
    }

    /// Those that both have.
    #[must_use]
    pub fn both(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// The product of all of them; ten thousand where there is none.
    #[must_use]
    pub fn ten_thousandths(self) -> i64 {
        Guard::ALL.into_iter().map(|guard| if self.has(guard) { guard.tenths() } else { 10 }).product()
    }
}

impl FromIterator<Guard> for Guards {
    fn from_iter<I: IntoIterator<Item = Guard>>(guards: I) -> Self {
        Self(guards.into_iter().fold(0, |all, guard| all | guard.bit()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_is_read_back() {
        assert!(Likelihood::ALL.into_iter().all(|one| Likelihood::parse(one.as_str()) == Some(one)));
        assert!(Blast::ALL.into_iter().all(|one| Blast::parse(one.as_str()) == Some(one)));
        assert!(Guard::ALL.into_iter().all(|one| Guard::parse(one.as_str()) == Some(one)));
    }

    #[test]
    fn a_flaw_is_as_likely_as_what_is_known_of_it() {
        assert_eq!(Likelihood::of_flaw(true, Some(0.000_1)), Likelihood::Exploited);
        assert_eq!(Likelihood::of_flaw(false, Some(0.1)), Likelihood::Likely);
        assert_eq!(Likelihood::of_flaw(false, Some(0.000_9)), Likelihood::Unlikely);
        assert_eq!(Likelihood::of_flaw(false, None), Likelihood::Possible, "no forecast is not an unlikely one");
    }
}
