//! A component: one installed package, as its ecosystem names it.

use crate::distribution::Distribution;
use crate::version::Order;
use serde::{Deserialize, Serialize};

/// The kind of a package; the words are those of the package URL specification.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Type {
    /// Debian packages and those of its descendants.
    Deb,
    Apk,
    Rpm,
    Pypi,
    Npm,
    Maven,
    Golang,
    Cargo,
    Gem,
    Composer,
    Nuget,
}

impl Type {
    pub const ALL: [Self; 11] = [
        Self::Deb,
        Self::Apk,
        Self::Rpm,
        Self::Pypi,
        Self::Npm,
        Self::Maven,
        Self::Golang,
        Self::Cargo,
        Self::Gem,
        Self::Composer,
        Self::Nuget,
    ];

    /// The word in a package URL.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Deb => "deb",
            Self::Apk => "apk",
            Self::Rpm => "rpm",
            Self::Pypi => "pypi",
            Self::Npm => "npm",
            Self::Maven => "maven",
            Self::Golang => "golang",
            Self::Cargo => "cargo",
            Self::Gem => "gem",
            Self::Composer => "composer",
            Self::Nuget => "nuget",
        }
    }

    /// The type of that word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|one| one.as_str() == word)
    }

    /// How versions of this type are ordered.
    #[must_use]
    pub fn order(self) -> Order {
        match self {
            Self::Deb => Order::Dpkg,
            Self::Apk => Order::Apk,
            Self::Rpm => Order::Rpm,
            Self::Pypi => Order::Pep440,
            Self::Npm | Self::Cargo => Order::Semver,
            Self::Maven => Order::Maven,
            Self::Golang => Order::Go,
            Self::Gem => Order::RubyGems,
            Self::Composer => Order::Packagist,
            Self::Nuget => Order::NuGet,
        }
    }

    /// Whether such packages belong to a distribution's release, whose advisories are the ones that count.
    #[must_use]
    pub fn is_of_distribution(self) -> bool {
        matches!(self, Self::Deb | Self::Apk | Self::Rpm)
    }
}

/// One installed package.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Component {
    #[serde(rename = "type")]
    pub kind: Type,
    /// As the ecosystem's registry knows it, in its canonical form: `@scope/name` for npm, `group:artifact` for Maven, the
    /// normalized name for PyPI (lower case, runs of `-_.` as one `-`), the module path for Go.
    pub name: String,
    /// As installed: with epoch and release where the ecosystem has them (`1:2.3-4`). Empty when it is not known.
    pub version: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub architecture: Option<String>,
    /// What a distribution's package was built from; advisories name the source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<Source>,
    /// The licence as the package states it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub licence: Option<String>,
    /// The file that lists it, absolute within the image and without a leading slash: `var/lib/dpkg/status`.
    #[serde(default)]
    pub path: String,
}

/// A source package.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Source {
    pub name: String,
    pub version: String,
}

impl Component {
    /// A component with a name and a version, listed by a file.
    pub fn new(kind: Type, name: impl Into<String>, version: impl Into<String>, path: impl Into<String>) -> Self {
        Self {
            kind,
            name: name.into(),
            version: version.into(),
            architecture: None,
            source: None,
            licence: None,
            path: path.into(),
        }
    }

    /// The package URL (<https://github.com/package-url/purl-spec>), with the distribution's name as namespace and its
    /// release as qualifier where the type has one.
    #[must_use]
    pub fn purl(&self, distribution: Option<&Distribution>) -> String {
        let mut purl = format!("pkg:{}/", self.kind.as_str());
        let (namespace, name) = self.place(distribution);
        for part in namespace.iter().flat_map(|namespace| namespace.split('/')).filter(|part| !part.is_empty()) {
            encode(&mut purl, part);
            purl.push('/');
        }
        encode(&mut purl, name);
        if !self.version.is_empty() {
            purl.push('@');
            encode(&mut purl, &self.version);
        }
        let mut separator = '?';
        let release = distribution.filter(|_| self.kind.is_of_distribution()).map(Distribution::to_string);
        for (key, value) in [("arch", self.architecture.as_deref()), ("distro", release.as_deref())] {
            if let Some(value) = value {
                purl.push(separator);
                purl.push_str(key);
                purl.push('=');
                encode(&mut purl, value);
                separator = '&';
            }
        }
        purl
    }

    /// Namespace and name, as a package URL splits them.
    fn place<'a>(&'a self, distribution: Option<&'a Distribution>) -> (Option<&'a str>, &'a str) {
        match self.kind {
            Type::Deb | Type::Apk | Type::Rpm => (distribution.map(|d| d.id.as_str()), &self.name),
            Type::Npm | Type::Golang | Type::Composer => match self.name.rsplit_once('/') {
                Some((namespace, name)) => (Some(namespace), name),
                None => (None, &self.name),
            },
            Type::Maven => match self.name.split_once(':') {
                Some((group, artifact)) => (Some(group), artifact),
                None => (None, &self.name),
            },
            Type::Pypi | Type::Cargo | Type::Gem | Type::Nuget => (None, &self.name),
        }
    }
}

/// Percent-encodes all but the letters, digits and marks that a package URL leaves as they are.
fn encode(into: &mut String, text: &str) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~' | b':') {
            into.push(char::from(byte));
        } else {
            into.push_str(&format!("%{byte:02X}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_url_names_type_namespace_name_version_and_release() {
        let debian = Distribution::new("debian", "12");
        let mut curl = Component::new(Type::Deb, "curl", "1:7.88.1-10+deb12u5", "var/lib/dpkg/status");
        curl.architecture = Some("amd64".to_owned());
        assert_eq!(curl.purl(Some(&debian)), "pkg:deb/debian/curl@1:7.88.1-10%2Bdeb12u5?arch=amd64&distro=debian-12");
        let scoped = Component::new(Type::Npm, "@babel/core", "7.1.0", "");
        assert_eq!(scoped.purl(None), "pkg:npm/%40babel/core@7.1.0");
        let maven = Component::new(Type::Maven, "org.example:tool", "1.0", "");
        assert_eq!(maven.purl(None), "pkg:maven/org.example/tool@1.0");
        let go = Component::new(Type::Golang, "example.org/x/net", "v0.1.0", "");
        assert_eq!(go.purl(None), "pkg:golang/example.org/x/net@v0.1.0");
    }
}
