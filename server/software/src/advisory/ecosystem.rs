//! Where advisories about a component are found: under which ecosystem, name and version.
//!
//! Which name a distribution's feed uses is told by the OSV schema's table of ecosystems, and where feeds differ from it
//! by their records:
//! - source packages: Debian, Ubuntu, Alpine, Rocky Linux, SUSE, openSUSE, openEuler, Mageia;
//! - packages as installed: AlmaLinux (against the table), Photon OS, Azure Linux, Wolfi, Chainguard, MinimOS, Red Hat (or source).
//!
//! Packages built from one source are fixed together, so asking by both names adds nothing false; it is done for all but
//! those of the first group.

use crate::component::{Component, Type};
use crate::distribution::{Distribution, fold_ecosystem};
use std::borrow::Cow;
use std::collections::BTreeSet;

/// What to look up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// `Debian:12`, `npm`.
    pub ecosystem: String,
    pub name: String,
    /// The version to judge; empty when it is not known.
    pub version: String,
}

/// Base names, as in the OSV schema.
const KINDS: &[(&str, Type)] = &[
    ("Debian", Type::Deb),
    ("Ubuntu", Type::Deb),
    ("Alpine", Type::Apk),
    ("Alpaquita", Type::Apk),
    ("Wolfi", Type::Apk),
    ("Chainguard", Type::Apk),
    ("MinimOS", Type::Apk),
    ("AlmaLinux", Type::Rpm),
    ("Azure Linux", Type::Rpm),
    ("Mageia", Type::Rpm),
    ("Photon OS", Type::Rpm),
    ("Red Hat", Type::Rpm),
    ("Rocky Linux", Type::Rpm),
    ("SUSE", Type::Rpm),
    ("openEuler", Type::Rpm),
    ("openSUSE", Type::Rpm),
    ("PyPI", Type::Pypi),
    ("npm", Type::Npm),
    ("Maven", Type::Maven),
    ("Go", Type::Golang),
    ("crates.io", Type::Cargo),
    ("RubyGems", Type::Gem),
    ("Packagist", Type::Composer),
    ("NuGet", Type::Nuget),
];

/// Feeds that name source packages only.
const BY_SOURCE: &[&str] =
    &["Debian", "Ubuntu", "Alpine", "Alpaquita", "Rocky Linux", "SUSE", "openSUSE", "openEuler", "Mageia"];

/// The ecosystem without its release.
#[must_use]
pub fn base(ecosystem: &str) -> &str {
    ecosystem.split_once(':').map_or(ecosystem, |(base, _)| base)
}

/// Whether the advisories that are known, of these ecosystems, would tell of packages of this one. One without a release
/// counts for every release; but a database that tells releases apart has nothing to say of one that it does not name.
#[must_use]
pub fn is_covered(ecosystem: &str, known: &BTreeSet<String>) -> bool {
    let base = base(ecosystem);
    let names_releases = || {
        let first = format!("{base}:");
        known.range(first.clone()..).next().is_some_and(|one| one.starts_with(&first))
    };
    known.contains(ecosystem) || (base != ecosystem && known.contains(base) && !names_releases())
}

/// The type of an ecosystem's packages; none for one whose packages are not listed.
#[must_use]
pub fn kind(ecosystem: &str) -> Option<Type> {
    let base = base(ecosystem);
    KINDS.iter().find(|(name, _)| *name == base).map(|(_, kind)| *kind)
}

/// The name under which advisories and components of a type meet, where registries treat several spellings as one.
#[must_use]
pub fn canonical(kind: Type, name: &str) -> Cow<'_, str> {
    match kind {
        Type::Pypi => pypi(name),
        Type::Composer | Type::Nuget if name.bytes().any(|byte| byte.is_ascii_uppercase()) => {
            Cow::Owned(name.to_ascii_lowercase())
        }
        _ => Cow::Borrowed(name),
    }
}

/// PEP 503: lower case, runs of `-_.` as one `-`.
fn pypi(name: &str) -> Cow<'_, str> {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    if name.bytes().all(plain) {
        return Cow::Borrowed(name);
    }
    let mut normal = String::with_capacity(name.len());
    for letter in name.chars() {
        let letter = if matches!(letter, '-' | '_' | '.') { '-' } else { letter.to_ascii_lowercase() };
        if letter != '-' || !normal.ends_with('-') {
            normal.push(letter);
        }
    }
    Cow::Owned(normal)
}

/// The release that an ecosystem's advisories count for, one spelling for all of its spellings: beyond what
/// [`fold_ecosystem`] folds,
/// - a registry's address after a language's ecosystem is left out: names do not clash, and where a package was fetched
///   from is not known;
/// - `:LTS` of Ubuntu is left out. Its Pro releases stay apart: their fixes need a subscription;
/// - distributions whose advisories go by the major release are asked by it.
#[must_use]
pub fn scope(ecosystem: &str) -> Cow<'_, str> {
    let Some((base, release)) = ecosystem.split_once(':') else { return Cow::Borrowed(ecosystem) };
    match base {
        "Ubuntu" => Cow::Borrowed(ecosystem.strip_suffix(":LTS").unwrap_or(ecosystem)),
        "AlmaLinux" | "Rocky Linux" | "Azure Linux" => match release.split_once('.') {
            Some((major, _)) => Cow::Owned(format!("{base}:{major}")),
            None => Cow::Borrowed(ecosystem),
        },
        _ => match kind(base) {
            Some(kind) if !kind.is_of_distribution() => Cow::Borrowed(base),
            _ => fold_ecosystem(ecosystem),
        },
    }
}

/// Where advisories about a component are found; nowhere when it belongs to no ecosystem that has any. Then nothing is
/// known of the component, which is not the same as that nothing is wrong with it.
#[must_use]
pub fn keys(component: &Component, distribution: Option<&Distribution>) -> Vec<Key> {
    if component.kind.is_of_distribution() {
        return distribution
            .and_then(Distribution::ecosystem)
            .filter(|ecosystem| kind(ecosystem) == Some(component.kind))
            .map_or_else(Vec::new, |ecosystem| of_distribution(component, &ecosystem));
    }
    // An archive whose group is not known can not be looked up.
    if component.kind == Type::Maven && !component.name.contains(':') {
        return Vec::new();
    }
    let Some((ecosystem, _)) = KINDS.iter().find(|(_, kind)| *kind == component.kind) else { return Vec::new() };
    let version = match component.kind {
        Type::Golang => component.version.strip_prefix('v').unwrap_or(&component.version),
        _ => &component.version,
    };
    vec![Key {
        ecosystem: (*ecosystem).to_owned(),
        name: canonical(component.kind, &component.name).into_owned(),
        version: version.to_owned(),
    }]
}

fn of_distribution(component: &Component, ecosystem: &str) -> Vec<Key> {
    let key = |name: &str, version: &str| Key {
        ecosystem: ecosystem.to_owned(),
        name: name.to_owned(),
        version: version.to_owned(),
    };
    let Some(source) = &component.source else { return vec![key(&component.name, &component.version)] };
    let mut keys = vec![match kernel(&source.name) {
        Some(kernel) => key(&kernel, &component.version),
        None => key(&source.name, &source_version(component, &source.version)),
    }];
    if source.name != component.name && !BY_SOURCE.contains(&base(ecosystem)) {
        keys.push(key(&component.name, &component.version));
    }
    keys
}

/// A signed kernel is built from a source package of its own, with versions of its own, and is listed under the kernel's.
fn kernel(source: &str) -> Option<String> {
    let flavour = source.strip_prefix("linux-signed")?;
    Some(match flavour {
        "-amd64" | "-arm64" | "-i386" => "linux".to_owned(),
        _ => format!("linux{flavour}"),
    })
}

/// The source package's version. Names of source RPMs carry no epoch, advisories do: it is that of the package.
fn source_version<'a>(component: &'a Component, source: &'a str) -> Cow<'a, str> {
    if source.is_empty() {
        return Cow::Borrowed(&component.version);
    }
    match component.version.split_once(':') {
        Some((epoch, _)) if component.kind == Type::Rpm && !source.contains(':') => {
            Cow::Owned(format!("{epoch}:{source}"))
        }
        _ => Cow::Borrowed(source),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::component::Source;

    fn built_from(kind: Type, name: &str, version: &str, source: &str, source_version: &str) -> Component {
        let mut component = Component::new(kind, name, version, "");
        component.source = Some(Source { name: source.to_owned(), version: source_version.to_owned() });
        component
    }

    fn asked(component: &Component, ecosystem: &str) -> Vec<(String, String)> {
        of_distribution(component, ecosystem).into_iter().map(|key| (key.name, key.version)).collect()
    }

    fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect()
    }

    #[test]
    fn a_distributions_package_is_asked_for_by_its_source() {
        let library = built_from(Type::Deb, "libthing4", "1.2-3+b1", "thing", "1.2-3");
        assert_eq!(asked(&library, "Debian:12"), pairs(&[("thing", "1.2-3")]));
        let plain = Component::new(Type::Deb, "thing", "1.2-3", "");
        assert_eq!(asked(&plain, "Debian:12"), pairs(&[("thing", "1.2-3")]));
    }

    #[test]
    fn where_feeds_name_packages_as_installed_both_names_are_asked_for() {
        let library = built_from(Type::Rpm, "thing-libs", "1:3.0-2.el9", "thing", "3.0-2.el9");
        assert_eq!(asked(&library, "AlmaLinux:9"), pairs(&[("thing", "1:3.0-2.el9"), ("thing-libs", "1:3.0-2.el9")]));
        assert_eq!(asked(&library, "Rocky Linux:9"), pairs(&[("thing", "1:3.0-2.el9")]));
    }

    #[test]
    fn a_signed_kernel_is_the_kernel() {
        let debian = built_from(Type::Deb, "linux-image-6.1.0-9-amd64", "6.1.27-1", "linux-signed-amd64", "6.1.27+1");
        assert_eq!(asked(&debian, "Debian:12"), pairs(&[("linux", "6.1.27-1")]));
        let ubuntu = built_from(Type::Deb, "linux-image-5.15.0-9-aws", "5.15.0-9.9", "linux-signed-aws", "5.15.0-9.9");
        assert_eq!(asked(&ubuntu, "Ubuntu:22.04:LTS"), pairs(&[("linux-aws", "5.15.0-9.9")]));
    }

    #[test]
    fn a_languages_package_is_asked_for_in_its_registry() {
        let go = Component::new(Type::Golang, "example.org/x/net", "v0.1.0", "");
        let expected = Key { ecosystem: "Go".into(), name: "example.org/x/net".into(), version: "0.1.0".into() };
        assert_eq!(keys(&go, None), [expected]);
        let nuget = Component::new(Type::Nuget, "Some.Thing", "1.0.0", "");
        assert_eq!(keys(&nuget, None)[0].name, "some.thing");
        for kind in Type::ALL.into_iter().filter(|kind| !kind.is_of_distribution() && *kind != Type::Maven) {
            assert_eq!(super::kind(&keys(&Component::new(kind, "x", "1", ""), None)[0].ecosystem), Some(kind));
        }
    }

    #[test]
    fn what_can_not_be_looked_up_has_no_key() {
        assert_eq!(keys(&Component::new(Type::Maven, "tool", "1.0", ""), None), []);
        assert_eq!(keys(&Component::new(Type::Deb, "tool", "1.0", ""), None), []);
    }

    #[test]
    fn spellings_of_a_release_are_one() {
        for (written, scope_of_it) in [
            ("Ubuntu:22.04:LTS", "Ubuntu:22.04"),
            ("Ubuntu:Pro:22.04:LTS", "Ubuntu:Pro:22.04"),
            ("Red Hat:enterprise_linux:9::appstream", "Red Hat:enterprise_linux:9"),
            ("SUSE:Linux Enterprise Module for Basesystem 15 SP6", "SUSE:Linux Enterprise Server 15 SP6"),
            ("AlmaLinux:9.4", "AlmaLinux:9"),
            ("Azure Linux:3.0", "Azure Linux:3"),
            ("Packagist:https://packages.example.org/8", "Packagist"),
            ("Debian:12", "Debian:12"),
            ("npm", "npm"),
        ] {
            assert_eq!(scope(written), scope_of_it, "{written}");
        }
    }

    #[test]
    fn the_release_of_a_distribution_is_one_that_advisories_count_for() {
        for (id, release, written) in [
            ("debian", "12", "Debian:12"),
            ("ubuntu", "22.04", "Ubuntu:22.04:LTS"),
            ("rhel", "9.4", "Red Hat:enterprise_linux:9::baseos"),
            ("sles", "15.6", "SUSE:Linux Enterprise Module for Basesystem 15 SP6"),
            ("alpine", "3.20.1", "Alpine:v3.20"),
        ] {
            let given = Distribution::new(id, release).ecosystem().unwrap();
            assert_eq!(scope(&given), scope(written), "{id}");
        }
    }

    #[test]
    fn a_release_is_covered_by_its_own_advisories_or_by_a_database_that_names_none() {
        let known = |all: &[&str]| all.iter().map(|one| (*one).to_owned()).collect::<BTreeSet<String>>();
        assert!(is_covered("npm", &known(&["npm"])) && !is_covered("npm", &known(&["npm2", "PyPI"])));
        assert!(is_covered("Debian:12", &known(&["Debian:12", "Debian:13"])));
        assert!(is_covered("Debian:12", &known(&["Debian", "Debiana:1"])));
        assert!(!is_covered("Debian:14", &known(&["Debian", "Debian:12"])), "this release is not among those named");
    }

    #[test]
    fn python_names_are_normalized() {
        assert_eq!(canonical(Type::Pypi, "Some__Thing.-x"), "some-thing-x");
        assert_eq!(canonical(Type::Npm, "Some_Thing"), "Some_Thing");
    }
}
