//! Package URLs (<https://github.com/package-url/purl-spec>), read back to components.
//!
//! The inverse of [`Component::purl`], and lenient towards the dialects of other tools: epochs and source packages as
//! qualifiers, a distribution's code name in place of its number.

use super::LONGEST;
use crate::component::{Component, Source, Type};
use crate::distribution::Distribution;

/// The component that a package URL names, and the distribution whose package it is. None when the text is no package
/// URL, or one of a type that we do not follow.
#[must_use]
pub fn parse(text: &str) -> Option<(Component, Option<Distribution>)> {
    let parts = Parts::of(text)?;
    let mut component = Component::new(parts.kind, parts.full_name()?, parts.full_version(), "");
    component.architecture = parts.qualifier("arch").filter(|arch| !arch.is_empty());
    component.source = parts.qualifier("upstream").and_then(|upstream| source_of(&upstream, &component.version));
    let distribution = parts.distribution();
    Some((component, distribution))
}

/// The package URL of an image: its name without registry and folders, its digest, and where it is.
#[must_use]
pub(super) fn of_image(name: &str, digest: &str) -> String {
    let last = name.rsplit('/').next().unwrap_or(name);
    let version = if digest.is_empty() { String::new() } else { format!("@{}", encoded(digest)) };
    format!("pkg:oci/{}{version}?repository_url={}", encoded(last), encoded(name))
}

fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

/// A package URL, taken apart and decoded.
struct Parts {
    kind: Type,
    namespace: Vec<String>,
    name: String,
    version: String,
    qualifiers: Vec<(String, String)>,
}

impl Parts {
    fn of(text: &str) -> Option<Self> {
        if text.len() > LONGEST {
            return None;
        }
        let (scheme, rest) = text.trim().split_once(':')?;
        let rest = rest.trim_start_matches('/').split('#').next()?;
        let (rest, qualifiers) = rest.split_once('?').unwrap_or((rest, ""));
        let (kind, rest) = rest.split_once('/')?;
        let kind = Type::parse(&kind.to_ascii_lowercase()).filter(|_| scheme.eq_ignore_ascii_case("pkg"))?;
        let (path, version) = split_version(rest);
        let mut namespace: Vec<String> =
            path.split('/').filter(|part| !part.is_empty()).map(decoded).collect::<Option<_>>()?;
        let name = namespace.pop().filter(|name| !name.is_empty())?;
        Some(Self { kind, namespace, name, version: decoded(version)?, qualifiers: qualifiers_of(qualifiers)? })
    }

    fn qualifier(&self, key: &str) -> Option<String> {
        self.qualifiers.iter().find(|(name, _)| name == key).map(|(_, value)| value.clone())
    }

    /// The name in its ecosystem's canonical form.
    fn full_name(&self) -> Option<String> {
        let namespace = self.namespace.join("/");
        let name = match self.kind {
            Type::Pypi => normalized(&self.name),
            Type::Maven if !namespace.is_empty() => format!("{namespace}:{}", self.name),
            Type::Npm | Type::Golang | Type::Composer if !namespace.is_empty() => format!("{namespace}/{}", self.name),
            _ => self.name.clone(),
        };
        is_sound(self.kind, &name).then_some(name)
    }

    /// The version, with the epoch that some tools keep beside it.
    fn full_version(&self) -> String {
        match self.qualifier("epoch") {
            Some(epoch)
                if self.kind.is_of_distribution()
                    && epoch != "0"
                    && !epoch.is_empty()
                    && !self.version.contains(':') =>
            {
                format!("{epoch}:{}", self.version)
            }
            _ => self.version.clone(),
        }
    }

    fn distribution(&self) -> Option<Distribution> {
        if !self.kind.is_of_distribution() {
            return None;
        }
        let namespace = self.namespace.join("/");
        let distro = self.qualifier("distro").unwrap_or_default();
        let (id, release) = split_distro(&distro, &namespace)?;
        Some(distribution_of(id, release))
    }
}

/// Whether a name falls apart where it was put together: one that does not would be another package's when it is written.
fn is_sound(kind: Type, name: &str) -> bool {
    match kind {
        Type::Maven => name.split([':', '/']).all(|part| !part.is_empty()) && name.split(':').count() <= 2,
        Type::Npm | Type::Golang | Type::Composer => name.split('/').all(|part| !part.is_empty()),
        _ => !name.is_empty(),
    }
}

/// Path and version: what follows the last `@`, unless that begins a name, as in `@scope/name`.
fn split_version(text: &str) -> (&str, &str) {
    match text.rsplit_once('@') {
        Some((path, version)) if !path.is_empty() && !path.ends_with('/') => (path, version),
        _ => (text, ""),
    }
}

fn qualifiers_of(text: &str) -> Option<Vec<(String, String)>> {
    text.split('&')
        .filter(|pair| !pair.is_empty())
        .take(64)
        .map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            Some((key.to_ascii_lowercase(), decoded(value)?))
        })
        .collect()
}

/// Undoes percent-encoding; none when what comes out is no text that can be kept.
fn decoded(text: &str) -> Option<String> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            out.push(byte);
            continue;
        }
        let high = char::from(bytes.next()?).to_digit(16)?;
        let low = char::from(bytes.next()?).to_digit(16)?;
        out.push(u8::try_from(high * 16 + low).ok()?);
    }
    String::from_utf8(out).ok().filter(|text| !text.contains('\0'))
}

/// The canonical form of a Python package's name.
fn normalized(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    for letter in name.chars() {
        match letter {
            '-' | '_' | '.' if out.ends_with('-') => {}
            '-' | '_' | '.' => out.push('-'),
            _ => out.extend(letter.to_lowercase()),
        }
    }
    out
}

/// Identifier and release in a `distro` qualifier, which may be `debian-12`, `opensuse-leap-15.5`, `3.20.1` or `jessie`.
fn split_distro<'a>(distro: &'a str, namespace: &'a str) -> Option<(&'a str, &'a str)> {
    let digit = |text: &str| text.starts_with(|c: char| c.is_ascii_digit());
    let own = distro.strip_prefix(namespace).and_then(|rest| rest.strip_prefix('-')).filter(|_| !namespace.is_empty());
    match (own, distro.rsplit_once('-')) {
        _ if distro.is_empty() || distro == namespace => (!namespace.is_empty()).then_some((namespace, "")),
        (Some(release), _) if digit(release) => Some((namespace, release)),
        (_, Some((id, release))) if digit(release) && !id.is_empty() => Some((id, release)),
        (Some(release), _) => Some((namespace, release)),
        _ if namespace.is_empty() => Some((distro, "")),
        _ => Some((namespace, distro)),
    }
}

/// The distribution that a tool calls so, under the names of `os-release`.
#[must_use]
pub(super) fn distribution_of(id: &str, release: &str) -> Distribution {
    let id = match id.to_ascii_lowercase().as_str() {
        "redhat" => "rhel".to_owned(),
        "amazon" => "amzn".to_owned(),
        "oracle" => "ol".to_owned(),
        "alma" => "almalinux".to_owned(),
        other => other.to_owned(),
    };
    let number = CODE_NAMES.iter().find(|(of, name, _)| *of == id && *name == release).map(|(_, _, number)| *number);
    let release = match (id.as_str(), number) {
        (_, Some(number)) => number,
        // os-release knows Debian's major release only; some tools write the point release.
        ("debian", None) if release.starts_with(|c: char| c.is_ascii_digit()) => {
            release.split('.').next().unwrap_or(release)
        }
        _ => release,
    };
    Distribution::new(id, release)
}

const CODE_NAMES: &[(&str, &str, &str)] = &[
    ("debian", "jessie", "8"),
    ("debian", "stretch", "9"),
    ("debian", "buster", "10"),
    ("debian", "bullseye", "11"),
    ("debian", "bookworm", "12"),
    ("debian", "trixie", "13"),
    ("debian", "forky", "14"),
    ("ubuntu", "trusty", "14.04"),
    ("ubuntu", "xenial", "16.04"),
    ("ubuntu", "bionic", "18.04"),
    ("ubuntu", "focal", "20.04"),
    ("ubuntu", "jammy", "22.04"),
    ("ubuntu", "noble", "24.04"),
];

/// A source package in an `upstream` qualifier: `name@version`, `name`, or the file name of a source RPM.
fn source_of(upstream: &str, version: &str) -> Option<Source> {
    let of = |name: &str, version: &str| Source { name: name.to_owned(), version: version.to_owned() };
    if let Some(file) = upstream.strip_suffix(".src.rpm") {
        let (rest, release) = file.rsplit_once('-')?;
        let (name, number) = rest.rsplit_once('-')?;
        return Some(of(name, &format!("{number}-{release}")));
    }
    match upstream.rsplit_once('@') {
        Some((name, version)) if !name.is_empty() => Some(of(name, version)),
        _ => (!upstream.is_empty()).then(|| of(upstream, version)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(text: &str) -> Option<(Type, String, String)> {
        parse(text).map(|(component, _)| (component.kind, component.name, component.version))
    }

    fn release(text: &str) -> Option<String> {
        parse(text).and_then(|(_, distribution)| distribution).map(|distribution| distribution.to_string())
    }

    #[test]
    fn names_come_out_in_their_ecosystems_form() {
        for (text, kind, name, version) in [
            ("pkg:npm/%40scope/tool@1.2.3", Type::Npm, "@scope/tool", "1.2.3"),
            ("pkg:npm/@scope/tool@1.2.3", Type::Npm, "@scope/tool", "1.2.3"),
            ("pkg:npm/@scope/tool", Type::Npm, "@scope/tool", ""),
            ("pkg:maven/org.example/tool@1.0?type=jar", Type::Maven, "org.example:tool", "1.0"),
            ("pkg:golang/example.org/x/net@v0.1.0#http2", Type::Golang, "example.org/x/net", "v0.1.0"),
            ("pkg:PyPI/Some_Tool..kit@1.0", Type::Pypi, "some-tool-kit", "1.0"),
            ("pkg://gem/rails@7.0", Type::Gem, "rails", "7.0"),
            ("pkg:rpm/fedora/bash@5.2-1.fc39?epoch=1&arch=x86_64", Type::Rpm, "bash", "1:5.2-1.fc39"),
        ] {
            assert_eq!(named(text), Some((kind, name.to_owned(), version.to_owned())), "{text}");
        }
    }

    #[test]
    fn what_is_no_package_url_of_ours_is_none() {
        for text in [
            "",
            "pkg:",
            "pkg:deb",
            "pkg:deb/",
            "http://a/b",
            "pkg:swift/a/b@1",
            "pkg:npm/a%2",
            "pkg:npm/a%ff",
            "pkg:npm/%00",
            "pkg:npm/%2F",
            "pkg:maven/:app@1",
            "pkg:maven/org.example/:other/app@1",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
        assert_eq!(parse(&format!("pkg:npm/{}", "a".repeat(LONGEST))), None);
    }

    #[test]
    fn releases_are_understood_in_every_dialect() {
        for (text, expected) in [
            ("pkg:deb/debian/curl@1?distro=debian-12", Some("debian-12")),
            ("pkg:deb/debian/curl@1?distro=debian-12.5", Some("debian-12")),
            ("pkg:deb/debian/curl@1?distro=jessie", Some("debian-8")),
            ("pkg:deb/ubuntu/curl@1?distro=ubuntu-22.04", Some("ubuntu-22.04")),
            ("pkg:apk/alpine/musl@1?distro=3.20.1", Some("alpine-3.20.1")),
            ("pkg:rpm/opensuse/bash@1?distro=opensuse-leap-15.5", Some("opensuse-leap-15.5")),
            ("pkg:rpm/redhat/bash@1?distro=redhat-9.2", Some("rhel-9.2")),
            ("pkg:rpm/redhat/bash@1?distro=rhel-9.2", Some("rhel-9.2")),
            ("pkg:deb/debian/curl@1", Some("debian")),
            ("pkg:deb/curl@1", None),
            ("pkg:npm/a@1?distro=debian-12", None),
        ] {
            assert_eq!(release(text).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn source_packages_are_read_from_upstream() {
        for (text, name, version) in [
            ("pkg:deb/debian/libc6@2.36-9?upstream=glibc", "glibc", "2.36-9"),
            ("pkg:deb/debian/libc6@1?upstream=glibc%402.36-9", "glibc", "2.36-9"),
            ("pkg:rpm/fedora/bash-libs@1?upstream=bash-5.1-2.el9.src.rpm", "bash", "5.1-2.el9"),
        ] {
            let (component, _) = parse(text).unwrap();
            assert_eq!(component.source, Some(Source { name: name.to_owned(), version: version.to_owned() }), "{text}");
        }
    }
}
