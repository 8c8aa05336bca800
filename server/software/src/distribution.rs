//! The distribution that an image or a host runs.

mod ecosystem;
mod lifetime;
mod os_release;

pub use ecosystem::fold_ecosystem;
pub use os_release::parse_os_release;

use serde::{Deserialize, Serialize};
use std::fmt;

/// A distribution and its release.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Distribution {
    /// `ID` of os-release: `debian`, `ubuntu`, `alpine`, `rhel`, `amzn`, …
    pub id: String,
    /// `VERSION_ID` of os-release: `12`, `24.04`, `3.20.1`. Empty where there is none (rolling releases).
    pub release: String,
}

impl Distribution {
    pub fn new(id: impl Into<String>, release: impl Into<String>) -> Self {
        Self { id: id.into(), release: release.into() }
    }

    /// Whether a file says which distribution this is (os-release(5)). The path has no leading slash. The one in `etc`
    /// is asked first; it is usually a link to the other.
    #[must_use]
    pub fn is_os_release(path: &str) -> bool {
        matches!(path, "etc/os-release" | "usr/lib/os-release")
    }

    /// The release's first number: `9` of `9.4`.
    fn major(&self) -> Option<&str> {
        self.release.split('.').next().filter(|major| is_number(major))
    }

    /// The release's first two numbers: `3.20` of `3.20.1`.
    fn major_minor(&self) -> Option<String> {
        let mut parts = self.release.split('.');
        let (major, minor) = (parts.next()?, parts.next()?);
        (is_number(major) && is_number(minor)).then(|| format!("{major}.{minor}"))
    }
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

impl fmt::Display for Distribution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.release.is_empty() { f.write_str(&self.id) } else { write!(f, "{}-{}", self.id, self.release) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_places_of_os_release_are_known() {
        assert!(Distribution::is_os_release("etc/os-release"));
        assert!(Distribution::is_os_release("usr/lib/os-release"));
        assert!(!Distribution::is_os_release("srv/etc/os-release"));
    }

    #[test]
    fn a_release_is_cut_to_its_first_numbers() {
        let alpine = Distribution::new("alpine", "3.20.1");
        assert_eq!((alpine.major(), alpine.major_minor().as_deref()), (Some("3"), Some("3.20")));
        let edge = Distribution::new("alpine", "3.21_alpha20240807");
        assert_eq!(edge.major_minor(), None);
        assert_eq!(Distribution::new("debian", "").major(), None);
    }
}
