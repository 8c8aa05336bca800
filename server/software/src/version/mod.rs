//! Version orders: which of two versions is the older, exactly as each ecosystem defines it.
//!
//! A flaw is fixed in a version, so one wrong comparison hides it or invents it. Hence each order has its own file, what
//! an ecosystem's own tools refuse is refused here too ([`Unparsable`]: unknown, never "not affected"), and a version
//! remembers its order, so that two of different ones cannot be compared by accident.

mod apk;
mod cursor;
mod dpkg;
mod go;
mod maven;
mod nuget;
mod number;
mod packagist;
mod pep440;
mod rpm;
mod rubygems;
mod semver;

#[cfg(test)]
mod laws;

use std::cmp::Ordering;
use std::fmt;

/// The longest version that is read, in bytes. The longest real ones stay under a hundred.
const LONGEST: usize = 512;

/// How an ecosystem orders its versions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Order {
    /// Debian and its descendants: `[epoch:]upstream[-revision]` (deb-version(7)).
    Dpkg,
    /// Alpine and Wolfi (apk-tools 3).
    Apk,
    /// `[epoch:]version[-release]`, compared as rpmvercmp does.
    Rpm,
    /// Python (PEP 440).
    Pep440,
    /// Semantic Versioning 2.0: npm and Cargo.
    Semver,
    /// Maven's `ComparableVersion`.
    Maven,
    /// Ruby's `Gem::Version`.
    RubyGems,
    /// .NET's `NuGetVersion`.
    NuGet,
    /// Go modules, and releases of Go itself.
    Go,
    /// Composer's normalized versions.
    Packagist,
}

/// A text that is no version of its ecosystem.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no version that {order} can order")]
pub struct Unparsable {
    pub order: Order,
    /// The text, cut to 80 characters.
    pub text: String,
}

/// A version that was read once, to be compared many times without reading it again.
///
/// Equal is what the order calls equal (`1.0` and `1.0.0` in most); versions of different orders are never equal.
#[derive(Debug, Clone)]
pub struct Version(Parsed);

#[derive(Debug, Clone)]
enum Parsed {
    Dpkg(dpkg::Dpkg),
    Apk(apk::Apk),
    Rpm(rpm::Rpm),
    Pep440(pep440::Pep440),
    Semver(semver::Semver),
    Maven(maven::Maven),
    RubyGems(rubygems::RubyGems),
    NuGet(nuget::NuGet),
    Go(semver::Semver),
    Packagist(packagist::Packagist),
}

impl Order {
    pub const ALL: [Self; 10] = [
        Self::Dpkg,
        Self::Apk,
        Self::Rpm,
        Self::Pep440,
        Self::Semver,
        Self::Maven,
        Self::RubyGems,
        Self::NuGet,
        Self::Go,
        Self::Packagist,
    ];

    /// Its name, as shown.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Dpkg => "dpkg",
            Self::Apk => "apk",
            Self::Rpm => "rpm",
            Self::Pep440 => "PEP 440",
            Self::Semver => "semver",
            Self::Maven => "Maven",
            Self::RubyGems => "RubyGems",
            Self::NuGet => "NuGet",
            Self::Go => "Go",
            Self::Packagist => "Packagist",
        }
    }

    /// Reads a version; white space around it does not count.
    ///
    /// # Errors
    /// When it is none of this ecosystem's, or longer than 512 bytes.
    pub fn parse(self, text: &str) -> Result<Version, Unparsable> {
        let trimmed = text.trim();
        let parsed = if trimmed.is_empty() || trimmed.len() > LONGEST { None } else { self.read(trimmed) };
        parsed.map(Version).ok_or_else(|| Unparsable { order: self, text: text.chars().take(80).collect() })
    }

    fn read(self, text: &str) -> Option<Parsed> {
        Some(match self {
            Self::Dpkg => Parsed::Dpkg(dpkg::Dpkg::parse(text)?),
            Self::Apk => Parsed::Apk(apk::Apk::parse(text)?),
            Self::Rpm => Parsed::Rpm(rpm::Rpm::parse(text)?),
            Self::Pep440 => Parsed::Pep440(pep440::Pep440::parse(text)?),
            Self::Semver => Parsed::Semver(semver::Semver::parse(text)?),
            Self::Maven => Parsed::Maven(maven::Maven::parse(text)?),
            Self::RubyGems => Parsed::RubyGems(rubygems::RubyGems::parse(text)?),
            Self::NuGet => Parsed::NuGet(nuget::NuGet::parse(text)?),
            Self::Go => Parsed::Go(go::parse(text)?),
            Self::Packagist => Parsed::Packagist(packagist::Packagist::parse(text)?),
        })
    }

    /// Reads two versions and compares them.
    ///
    /// # Errors
    /// When one of them is no version of this ecosystem.
    pub fn compare(self, a: &str, b: &str) -> Result<Ordering, Unparsable> {
        let (left, right) = (self.parse(a)?, self.parse(b)?);
        left.cmp_same(&right).ok_or_else(|| Unparsable { order: self, text: b.chars().take(80).collect() })
    }
}

impl fmt::Display for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Version {
    /// The order it belongs to.
    #[must_use]
    pub fn order(&self) -> Order {
        match &self.0 {
            Parsed::Dpkg(_) => Order::Dpkg,
            Parsed::Apk(_) => Order::Apk,
            Parsed::Rpm(_) => Order::Rpm,
            Parsed::Pep440(_) => Order::Pep440,
            Parsed::Semver(_) => Order::Semver,
            Parsed::Maven(_) => Order::Maven,
            Parsed::RubyGems(_) => Order::RubyGems,
            Parsed::NuGet(_) => Order::NuGet,
            Parsed::Go(_) => Order::Go,
            Parsed::Packagist(_) => Order::Packagist,
        }
    }

    /// How it compares to another of the same order; none when the orders differ. Allocates nothing.
    #[must_use]
    pub fn cmp_same(&self, other: &Self) -> Option<Ordering> {
        Some(match (&self.0, &other.0) {
            (Parsed::Dpkg(a), Parsed::Dpkg(b)) => a.cmp(b),
            (Parsed::Apk(a), Parsed::Apk(b)) => a.cmp(b),
            (Parsed::Rpm(a), Parsed::Rpm(b)) => a.cmp(b),
            (Parsed::Pep440(a), Parsed::Pep440(b)) => a.cmp(b),
            (Parsed::Semver(a), Parsed::Semver(b)) | (Parsed::Go(a), Parsed::Go(b)) => a.cmp(b),
            (Parsed::Maven(a), Parsed::Maven(b)) => a.cmp(b),
            (Parsed::RubyGems(a), Parsed::RubyGems(b)) => a.cmp(b),
            (Parsed::NuGet(a), Parsed::NuGet(b)) => a.cmp(b),
            (Parsed::Packagist(a), Parsed::Packagist(b)) => a.cmp(b),
            _ => return None,
        })
    }
}

impl PartialEq for Version {
    fn eq(&self, other: &Self) -> bool {
        self.cmp_same(other) == Some(Ordering::Equal)
    }
}

impl Eq for Version {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_of_different_orders_neither_compare_nor_are_equal() {
        let gem = Order::RubyGems.parse("1.0.0").unwrap();
        let semver = Order::Semver.parse("1.0.0").unwrap();

        let ordering = gem.cmp_same(&semver);

        assert_eq!(ordering, None);
        assert_ne!(gem, semver);
    }

    #[test]
    fn what_cannot_be_read_says_which_order_refused_what() {
        let long = "x".repeat(LONGEST + 1);

        let refused = Order::Rpm.parse(&long).unwrap_err();

        assert_eq!(refused, Unparsable { order: Order::Rpm, text: "x".repeat(80) });
        let shown = Order::Pep440.parse("1.0\nbeta?").unwrap_err().to_string();
        assert_eq!(shown, r#""1.0\nbeta?" is no version that PEP 440 can order"#);
    }

    #[test]
    fn nothing_at_all_is_no_version_of_any_order() {
        for order in Order::ALL {
            assert!(order.parse("").is_err(), "{order}");
            assert!(order.parse(" \t").is_err(), "{order}");
        }
    }
}
