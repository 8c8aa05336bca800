//! Java: archives of classes, which hold descriptions of what they are and may hold further archives.
//!
//! An archive is read from its bytes alone; those within it are read in turn, to a bounded depth and with one bound on the
//! bytes that all of it unpacks to. The path of a package within is written as Java does: `app.war!/WEB-INF/lib/x.jar`.

mod archive;
mod families;
mod identity;

use super::{add, file_name, tidy};
use crate::component::{Component, Type};
use crate::packages::{File, Unreadable};
use archive::{Archive, Budget, Entry};
use identity::Facts;

/// The largest archive, in bytes, and the most that one may unpack to in all.
pub(super) const LIMIT: u64 = 256 * super::MEBIBYTE;

/// The largest description of an archive, in bytes.
const DESCRIPTION: u64 = super::ONE;

/// How many archives may lie within each other.
const DEPTH: usize = 4;

const ENDINGS: [&str; 5] = [".jar", ".war", ".ear", ".jpi", ".hpi"];

pub(super) fn wants(path: &str) -> bool {
    ENDINGS.iter().any(|ending| path.len() > ending.len() && path.ends_with(ending))
}

pub(super) fn read(file: File<'_>) -> Result<Vec<Component>, Unreadable> {
    let mut reading = Reading { budget: Budget::new(LIMIT), found: Vec::new() };
    // Builds leave empty files in the place of archives; nothing is in them.
    if !file.bytes.is_empty() {
        reading.archive(file.path, file.bytes, DEPTH)?;
    }
    tidy(reading.found)
}

/// What was found so far, and what may still be unpacked.
struct Reading {
    budget: Budget,
    found: Vec<Component>,
}

impl Reading {
    fn archive(&mut self, path: &str, bytes: &[u8], depth: usize) -> Result<(), Unreadable> {
        if depth == 0 {
            return Err(Unreadable::new(format!("more than {DEPTH} archives lie within each other")));
        }
        let within = |error: Unreadable| Unreadable::new(format!("{}: {error}", file_name(path)));
        let archive = Archive::open(bytes).map_err(within)?;
        let mut facts = Facts::default();
        for entry in archive.entries() {
            let entry = entry.map_err(within)?;
            self.entry(&archive, &entry, &mut facts, path, depth).map_err(within)?;
        }
        for (name, version) in identity::packages(file_name(path), &facts) {
            // Names of archives within archives may be long, and are kept with each package.
            self.budget.spend(path.len() as u64).map_err(within)?;
            add(Component::new(Type::Maven, name, version, path), &mut self.found).map_err(within)?;
        }
        Ok(())
    }

    fn entry(
        &mut self,
        archive: &Archive<'_>,
        entry: &Entry<'_>,
        facts: &mut Facts,
        path: &str,
        depth: usize,
    ) -> Result<(), Unreadable> {
        let name = entry.name.as_ref();
        if wants(name) {
            let inner = archive.unpack(entry, LIMIT, &mut self.budget)?;
            if !inner.is_empty() {
                self.archive(&format!("{path}!/{name}"), &inner, depth - 1)?;
            }
        } else if name.ends_with(".class") {
            facts.has_classes = true;
        } else if name.eq_ignore_ascii_case("META-INF/MANIFEST.MF") {
            facts.take_manifest(&archive.unpack(entry, DESCRIPTION, &mut self.budget)?);
        } else if let Some((group, artifact, file)) = identity::maven_file(name) {
            let properties = match file {
                "pom.properties" => archive.unpack(entry, DESCRIPTION, &mut self.budget)?,
                _ => Default::default(),
            };
            facts.take_maven(group, artifact, &properties);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::archive::tests::archive;
    use super::*;

    fn listed(path: &str, bytes: &[u8]) -> Result<Vec<(String, String)>, Unreadable> {
        Ok(read(File { path, bytes })?.into_iter().map(|one| (one.name, one.version)).collect())
    }

    fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
        expected.iter().map(|(name, version)| ((*name).to_owned(), (*version).to_owned())).collect()
    }

    #[test]
    fn archives_within_an_archive_are_read_and_placed() {
        let bytes: &[u8] = include_bytes!("../fixtures/nested.jar");
        let found = read(File { path: "app/app.jar", bytes }).expect("readable");
        let found: Vec<_> =
            found.iter().map(|one| (one.name.as_str(), one.version.as_str(), one.path.as_str())).collect();
        assert_eq!(
            found,
            [
                ("org.example:demo", "0.1.0", "app/app.jar"),
                ("org.example:inner", "1.2.3", "app/app.jar!/BOOT-INF/lib/inner-1.2.3.jar"),
                ("org.springframework:spring-beans", "5.3.17", "app/app.jar!/BOOT-INF/lib/spring-beans-5.3.17.jar"),
            ]
        );
    }

    #[test]
    fn a_shaded_archive_lists_each_library_in_it() {
        let properties = |artifact: &str| format!("#made\nversion=1.0\ngroupId=org.example\nartifactId={artifact}\n");
        let (own, other) = (properties("own"), properties("other"));
        let bytes = archive(&[
            ("META-INF/maven/org.example/own/pom.properties", own.as_bytes()),
            ("META-INF/maven/org.example/other/pom.properties", other.as_bytes()),
        ]);
        assert_eq!(
            listed("own-1.0.jar", &bytes),
            Ok(pairs(&[("org.example:other", "1.0"), ("org.example:own", "1.0")]))
        );
    }

    #[test]
    fn archives_nest_to_a_bounded_depth() {
        let mut bytes = archive(&[("a.class", b"")]);
        for _ in 1..DEPTH {
            bytes = archive(&[("x-1.0.jar", &bytes)]);
        }
        assert_eq!(listed("x-1.0.jar", &bytes), Ok(pairs(&[("x", "1.0")])));
        let deeper = archive(&[("x-1.0.jar", &bytes)]);
        assert!(listed("x-1.0.jar", &deeper).is_err_and(|error| error.0.contains("within each other")));
    }

    #[test]
    fn a_damaged_archive_is_unreadable_and_an_empty_file_lists_nothing() {
        assert!(listed("a.jar", b"not an archive").is_err());
        let inner_damaged = archive(&[("lib/b.jar", b"not an archive")]);
        assert!(listed("a.jar", &inner_damaged).is_err_and(|error| error.0.starts_with("a.jar: b.jar: ")));
        assert_eq!(listed("a.jar", b""), Ok(Vec::new()));
    }
}
