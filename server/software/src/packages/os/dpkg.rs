//! Debian's package database: stanzas of `Field: value` lines, a blank line between them (deb822(5)).
//!
//! `var/lib/dpkg/status` has every package dpkg knows of, removed ones too. Images without dpkg carry one file a
//! package in `var/lib/dpkg/status.d`, without a status since they were never configured.

use super::{lines, refuse_too_many, text};
use crate::component::{Component, Source, Type};
use crate::packages::{File, Unreadable};

/// What stands beside the stanzas in `status.d` and is none.
const OTHER_FILES: [&str; 3] = [".md5sums", ".list", ".conffiles"];

pub(super) fn wants(path: &str, _executable: bool) -> bool {
    path == "var/lib/dpkg/status"
        || path
            .strip_prefix("var/lib/dpkg/status.d/")
            .is_some_and(|name| !name.contains('/') && !OTHER_FILES.iter().any(|end| name.ends_with(end)))
}

/// The fields of a stanza that say what is installed.
#[derive(Default)]
struct Stanza<'a> {
    begun: bool,
    package: Option<&'a [u8]>,
    version: &'a [u8],
    status: Option<&'a [u8]>,
    architecture: Option<&'a [u8]>,
    source: Option<&'a [u8]>,
}

pub(super) fn read(file: File<'_>) -> Result<Vec<Component>, Unreadable> {
    let mut components = Vec::new();
    let mut stanza = Stanza::default();
    for line in lines(file.bytes).chain([&b""[..]]) {
        if line.trim_ascii().is_empty() {
            components.extend(std::mem::take(&mut stanza).component(file.path)?);
            refuse_too_many(components.len())?;
        } else {
            stanza.take(line)?;
        }
    }
    Ok(components)
}

impl<'a> Stanza<'a> {
    fn take(&mut self, line: &'a [u8]) -> Result<(), Unreadable> {
        if line.starts_with(b" ") || line.starts_with(b"\t") {
            return if self.begun { Ok(()) } else { Err(damaged("a stanza begins in the middle of a field")) };
        }
        let colon = line.iter().position(|byte| *byte == b':').ok_or_else(|| damaged("a line is no field"))?;
        let (name, rest) = line.split_at(colon);
        let value = rest.get(1..).unwrap_or_default().trim_ascii();
        self.begun = true;
        match name.to_ascii_lowercase().as_slice() {
            b"package" => self.package = Some(value),
            b"version" => self.version = value,
            b"status" => self.status = Some(value),
            b"architecture" => self.architecture = Some(value),
            b"source" => self.source = Some(value),
            _ => {}
        }
        Ok(())
    }

    fn component(self, path: &str) -> Result<Option<Component>, Unreadable> {
        if !self.begun {
            return Ok(None);
        }
        let Some(package) = self.package.filter(|name| !name.is_empty()) else {
            return Err(damaged("a stanza names no package"));
        };
        if !self.status.is_none_or(has_files) {
            return Ok(None);
        }
        let (name, version) = (text(package)?, text(self.version)?);
        let source = self.source.map(text).transpose()?;
        let mut component = Component::new(Type::Deb, name.clone(), version.clone(), path);
        component.source = Some(source_of(source.as_deref(), name, version));
        component.architecture = self.architecture.map(text).transpose()?;
        Ok(Some(component))
    }
}

/// Whether a package with that status has files on the disk. The third word is the state (dpkg(1)); the first is only
/// what somebody wants, so a package on hold is as installed as any, and one that failed to configure still runs.
fn has_files(status: &[u8]) -> bool {
    let state = status.rsplit(u8::is_ascii_whitespace).next().unwrap_or_default();
    !matches!(state, b"not-installed" | b"config-files")
}

/// The source package: `name`, or `name (version)` where its version is another; without a field it is called as the
/// package is.
fn source_of(field: Option<&str>, name: String, version: String) -> Source {
    let (source, stated) = match field.and_then(|field| field.split_once('(')) {
        Some((source, rest)) => (Some(source), rest.split(')').next()),
        None => (field, None),
    };
    let given = |text: Option<&str>| text.map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned);
    Source { name: given(source).unwrap_or(name), version: given(stated).unwrap_or(version) }
}

fn damaged(why: &str) -> Unreadable {
    Unreadable::new(format!("the dpkg database is damaged: {why}"))
}

#[cfg(test)]
mod tests {
    use super::super::tests::read;
    use super::*;
    use proptest::prelude::*;

    const STATUS: &str = "Package: libc6\nStatus: install ok installed\nArchitecture: amd64\nMulti-Arch: same\n\
        Source: glibc\nVersion: 2.36-9+deb12u4\nDescription: GNU C Library\n of which the text goes on\n .\n\n\
        Package: login\nStatus: hold ok installed\nSource: shadow (1:4.13+dfsg1-1)\nVersion: 1:4.13+dfsg1-1+b1\n\n\
        Package: vim\nStatus: deinstall ok config-files\nVersion: 2:9.0\n\n\
        Package: bash\nStatus: install ok half-configured\nVersion: 5.2.15-2+b2\n";

    #[test]
    fn packages_with_files_are_listed_with_their_source() {
        let found = read("var/lib/dpkg/status", STATUS.as_bytes()).unwrap();

        let lines: Vec<_> = found
            .iter()
            .map(|one| {
                let source = one.source.as_ref().unwrap();
                format!("{} {} {} {}", one.name, one.version, source.name, source.version)
            })
            .collect();
        assert_eq!(
            lines,
            [
                "libc6 2.36-9+deb12u4 glibc 2.36-9+deb12u4",
                "login 1:4.13+dfsg1-1+b1 shadow 1:4.13+dfsg1-1",
                "bash 5.2.15-2+b2 bash 5.2.15-2+b2",
            ]
        );
        assert_eq!(found[0].architecture.as_deref(), Some("amd64"));
    }

    #[test]
    fn a_source_field_that_says_nothing_leaves_what_the_package_says() {
        for field in ["", "()", " ( "] {
            let source = source_of(Some(field), "bash".to_owned(), "5.2".to_owned());
            assert_eq!((source.name.as_str(), source.version.as_str()), ("bash", "5.2"), "{field:?}");
        }
    }

    #[test]
    fn a_stanza_of_status_d_needs_no_status() {
        let found = read("var/lib/dpkg/status.d/tzdata", b"Package: tzdata\nVersion: 2024a-0+deb12u1\n").unwrap();

        assert_eq!(found.len(), 1);
        assert_eq!(found[0].path, "var/lib/dpkg/status.d/tzdata");
    }

    #[test]
    fn checksums_and_lists_beside_the_stanzas_are_not_read() {
        assert!(wants("var/lib/dpkg/status.d/libssl1.1", false));
        assert!(!wants("var/lib/dpkg/status.d/libssl1.1.md5sums", false));
        assert!(!wants("var/lib/dpkg/status-old", false));
    }

    #[test]
    fn a_damaged_database_is_an_error_and_an_empty_one_is_none() {
        for damage in ["\0\0\0\0", "Version: 1\n", " folded\n", "Package: a\nno field here\n", "Package:\nVersion: 1\n"]
        {
            assert!(read("var/lib/dpkg/status", damage.as_bytes()).is_err(), "{damage:?}");
        }
        assert_eq!(read("var/lib/dpkg/status", b"\n\n"), Ok(vec![]));
    }

    proptest! {
        #[test]
        fn nothing_panics(bytes in proptest::collection::vec(any::<u8>(), 0..600), at in 0..STATUS.len()) {
            let mut mixed = STATUS.as_bytes()[..at].to_vec();
            mixed.extend(&bytes);
            let _ = read("var/lib/dpkg/status", &bytes);
            if let Ok(found) = read("var/lib/dpkg/status", &mixed) {
                prop_assert!(found.iter().all(|one| !one.name.is_empty()));
            }
        }
    }
}
