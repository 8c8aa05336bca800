//! Alpine's package database: records of `X:value` lines, a blank line between them, one letter naming each field
//! (<https://wiki.alpinelinux.org/wiki/Apk_spec>). Wolfi and Chainguard use it too.

use super::{lines, refuse_too_many, text};
use crate::component::{Component, Source, Type};
use crate::packages::{File, Unreadable};

pub(super) fn wants(path: &str, _executable: bool) -> bool {
    matches!(path, "lib/apk/db/installed" | "usr/lib/apk/db/installed")
}

/// The fields of a record that say what is installed. Case counts: `a` is the owner of a file.
#[derive(Default)]
struct Record<'a> {
    begun: bool,
    package: &'a [u8],
    version: &'a [u8],
    architecture: Option<&'a [u8]>,
    licence: Option<&'a [u8]>,
    origin: Option<&'a [u8]>,
}

pub(super) fn read(file: File<'_>) -> Result<Vec<Component>, Unreadable> {
    let mut components = Vec::new();
    let mut record = Record::default();
    for line in lines(file.bytes).chain([&b""[..]]) {
        if line.trim_ascii().is_empty() {
            components.extend(std::mem::take(&mut record).component(file.path)?);
            refuse_too_many(components.len())?;
        } else {
            record.take(line)?;
        }
    }
    Ok(components)
}

impl<'a> Record<'a> {
    fn take(&mut self, line: &'a [u8]) -> Result<(), Unreadable> {
        let (&[field, b':'], value) = line.split_first_chunk().ok_or_else(|| damaged("a line is no field"))? else {
            return Err(damaged("a line is no field"));
        };
        let value = value.trim_ascii();
        let stated = Some(value).filter(|value| !value.is_empty());
        self.begun = true;
        match field {
            b'P' => self.package = value,
            b'V' => self.version = value,
            b'A' => self.architecture = stated,
            b'L' => self.licence = stated,
            b'o' => self.origin = stated,
            _ => {}
        }
        Ok(())
    }

    fn component(self, path: &str) -> Result<Option<Component>, Unreadable> {
        if !self.begun {
            return Ok(None);
        }
        if self.package.is_empty() {
            return Err(damaged("a record names no package"));
        }
        let mut component = Component::new(Type::Apk, text(self.package)?, text(self.version)?, path);
        component.architecture = self.architecture.map(text).transpose()?;
        component.licence = self.licence.map(text).transpose()?;
        // All that is built from one recipe shares its version.
        let origin = text(self.origin.unwrap_or(self.package))?;
        component.source = Some(Source { name: origin, version: component.version.clone() });
        Ok(Some(component))
    }
}

fn damaged(why: &str) -> Unreadable {
    Unreadable::new(format!("the apk database is damaged: {why}"))
}

#[cfg(test)]
mod tests {
    use super::super::tests::read;
    use proptest::prelude::*;

    const INSTALLED: &str = "C:Q1abc=\nP:libcrypto3\nV:3.3.1-r0\nA:x86_64\nS:1\nL:Apache-2.0\no:openssl\nF:usr/lib\n\
        R:libcrypto.so.3\na:0:0:755\n\nP:musl\nV:1.2.5-r0\nA:x86_64\nL:MIT\n\n";

    #[test]
    fn packages_are_listed_with_origin_architecture_and_licence() {
        let found = read("lib/apk/db/installed", INSTALLED.as_bytes()).unwrap();

        assert_eq!(found.len(), 2);
        assert_eq!((found[0].name.as_str(), found[0].version.as_str()), ("libcrypto3", "3.3.1-r0"));
        assert_eq!(found[0].architecture.as_deref(), Some("x86_64"));
        assert_eq!(found[0].licence.as_deref(), Some("Apache-2.0"));
        let sources: Vec<_> = found.iter().filter_map(|one| one.source.as_ref()).collect();
        assert_eq!((sources[0].name.as_str(), sources[0].version.as_str()), ("openssl", "3.3.1-r0"));
        assert_eq!((sources[1].name.as_str(), sources[1].version.as_str()), ("musl", "1.2.5-r0"));
    }

    #[test]
    fn the_last_record_needs_no_blank_line_after_it() {
        let found = read("usr/lib/apk/db/installed", b"P:busybox\nV:1.36.1-r29").unwrap();

        assert_eq!(found.len(), 1);
    }

    #[test]
    fn a_damaged_database_is_an_error_and_an_empty_one_is_none() {
        for damage in ["\0\0\0\0", "V:1\n\n", "P\n", "P:\nV:1\n", "P:a\nsomething else\n"] {
            assert!(read("lib/apk/db/installed", damage.as_bytes()).is_err(), "{damage:?}");
        }
        assert_eq!(read("lib/apk/db/installed", b""), Ok(vec![]));
    }

    proptest! {
        #[test]
        fn nothing_panics(bytes in proptest::collection::vec(any::<u8>(), 0..600), at in 0..INSTALLED.len()) {
            let mut mixed = INSTALLED.as_bytes()[..at].to_vec();
            mixed.extend(&bytes);
            let _ = read("lib/apk/db/installed", &bytes);
            if let Ok(found) = read("lib/apk/db/installed", &mixed) {
                prop_assert!(found.iter().all(|one| !one.name.is_empty()));
            }
        }
    }
}
