//! rpm's package database. What differs between releases is the container (Berkeley DB hash, ndb, SQLite); what lies in
//! it is the same: one header a package.
//!
//! The container is told by its first bytes, not by the name of the file. In SQLite, what has not been moved out of a
//! write-ahead log beside the file is not seen.

mod berkeley;
mod fields;
mod header;
pub(super) mod manifest;
mod ndb;
mod sqlite;

use super::refuse_too_many;
use crate::component::{Component, Source, Type};
use crate::packages::{File, Unreadable};
use header::Header;

const FOLDERS: [&str; 3] = ["var/lib/rpm", "usr/lib/sysimage/rpm", "usr/share/rpm"];
const FILES: [&str; 3] = ["Packages", "Packages.db", "rpmdb.sqlite"];

pub(super) fn wants(path: &str, _executable: bool) -> bool {
    path.rsplit_once('/').is_some_and(|(folder, name)| FOLDERS.contains(&folder) && FILES.contains(&name))
}

/// What is done with each header that a container holds.
type Visit<'a> = dyn FnMut(&[u8]) -> Result<(), Unreadable> + 'a;

pub(super) fn read(file: File<'_>) -> Result<Vec<Component>, Unreadable> {
    let mut components = Vec::new();
    each_header(file.bytes, &mut |blob| {
        components.extend(component(blob, file.path)?);
        refuse_too_many(components.len())
    })?;
    Ok(components)
}

fn each_header(bytes: &[u8], visit: &mut Visit<'_>) -> Result<(), Unreadable> {
    if sqlite::is_it(bytes) {
        sqlite::each_header(bytes, visit)
    } else if ndb::is_it(bytes) {
        ndb::each_header(bytes, visit)
    } else if berkeley::is_it(bytes) {
        berkeley::each_header(bytes, visit)
    } else {
        Err(Unreadable::new("it is none of the forms an rpm database has (Berkeley DB, ndb, SQLite)"))
    }
}

/// The package a header describes; none for the keys that rpm keeps among the packages.
fn component(blob: &[u8], path: &str) -> Result<Option<Component>, Unreadable> {
    let header = Header::parse(blob)?;
    let name = header.text(header::NAME)?.ok_or_else(|| damaged("a header names no package"))?;
    if name == "gpg-pubkey" {
        return Ok(None);
    }
    let version = header.text(header::VERSION)?.ok_or_else(|| damaged("a header has no version"))?;
    let release = header.text(header::RELEASE)?.unwrap_or_default();
    let epoch = header.number(header::EPOCH).unwrap_or(0);
    let mut component = Component::new(Type::Rpm, name, full_version(epoch, &version, &release), path);
    component.architecture = header.text(header::ARCHITECTURE)?;
    component.licence = header.text(header::LICENCE)?;
    component.source = header.text(header::SOURCE)?.and_then(|file| source_of(&file, epoch));
    Ok(Some(component))
}

/// `epoch:version-release`, the epoch only when it is not zero, which is what leaving it out means.
fn full_version(epoch: u32, version: &str, release: &str) -> String {
    let mut full = if epoch == 0 { String::new() } else { format!("{epoch}:") };
    full.push_str(version);
    if !release.is_empty() {
        full.push('-');
        full.push_str(release);
    }
    full
}

/// The source package that a file name like `openssl-3.0.7-27.el9.src.rpm` names. The name leaves the epoch out; it is
/// the package's own, since both come from one recipe.
fn source_of(file: &str, epoch: u32) -> Option<Source> {
    let stem = file.strip_suffix(".src.rpm").or_else(|| file.strip_suffix(".nosrc.rpm"))?;
    let (rest, release) = stem.rsplit_once('-')?;
    let (name, version) = rest.rsplit_once('-')?;
    Some(Source { name: name.to_owned(), version: full_version(epoch, version, release) })
}

fn damaged(why: &str) -> Unreadable {
    Unreadable::new(format!("the rpm database is damaged: {why}"))
}

#[cfg(test)]
mod tests {
    use super::super::tests::read;
    use super::*;
    use proptest::prelude::*;

    /// Written by rpm 4.18: three packages, one of them with a header over several pages, and a key. The Berkeley DB
    /// was loaded by `db_load` from the same headers and is read by rpm; the ndb was laid out by a script.
    pub(super) const DATABASES: [(&str, &[u8]); 3] = [
        ("var/lib/rpm/Packages", include_bytes!("../../../../tests/data/os/Packages")),
        ("usr/lib/sysimage/rpm/Packages.db", include_bytes!("../../../../tests/data/os/Packages.db")),
        ("var/lib/rpm/rpmdb.sqlite", include_bytes!("../../../../tests/data/os/rpmdb.sqlite")),
    ];

    /// One line a component, in order.
    fn told(components: &[Component]) -> Vec<String> {
        let mut lines: Vec<_> = components
            .iter()
            .map(|one| {
                let source = one.source.as_ref().map(|s| format!("{}@{}", s.name, s.version)).unwrap_or_default();
                let text = |field: &Option<String>| field.clone().unwrap_or_default();
                format!("{}@{} {} {source} {}", one.name, one.version, text(&one.architecture), text(&one.licence))
            })
            .collect();
        lines.sort();
        lines
    }

    #[test]
    fn every_container_gives_the_same_packages_and_no_keys() {
        for (path, bytes) in DATABASES {
            let found = read(path, bytes).unwrap();

            assert_eq!(
                told(&found),
                [
                    "alpha@1.2.3-4.el9 noarch alpha-src@1.2.3-4.el9 MIT",
                    "beta@2:7.0~rc1-1 noarch beta-tools@2:7.0~rc1-1 GPL-2.0-or-later AND BSD-3-Clause",
                    "gamma@3.0-5.fc40 noarch gamma-next-tools@3.0-5.fc40 Zlib",
                ],
                "{path}"
            );
            assert!(found.iter().all(|one| one.path == path));
        }
    }

    #[test]
    fn a_container_is_told_by_its_bytes_whatever_the_file_is_called() {
        let (_, sqlite) = DATABASES[2];
        assert_eq!(read("var/lib/rpm/Packages", sqlite).unwrap().len(), 3);
        assert!(read("var/lib/rpm/Packages", b"").is_err());
        assert!(read("var/lib/rpm/rpmdb.sqlite", b"something else altogether").is_err());
    }

    #[test]
    fn a_truncated_database_is_an_error_at_every_length() {
        for (path, bytes) in DATABASES {
            for length in (0..bytes.len() - 4096).step_by(509) {
                assert!(read(path, &bytes[..length]).is_err(), "{path} at {length}");
            }
        }
    }

    #[test]
    fn a_source_is_told_from_the_name_of_its_file() {
        let source = source_of("java-11-openjdk-11.0.22.0.7-2.el9.src.rpm", 1).unwrap();
        assert_eq!((source.name.as_str(), source.version.as_str()), ("java-11-openjdk", "1:11.0.22.0.7-2.el9"));
        assert!(source_of("a-1-2.nosrc.rpm", 0).is_some());
        for odd in ["", "(none)", "a.src.rpm", "a-1.src.rpm", "a-1-2.x86_64.rpm"] {
            assert_eq!(source_of(odd, 0), None, "{odd}");
        }
    }

    #[test]
    fn an_endless_overflow_chain_ends() {
        // The first overflow page of the Berkeley DB is made to follow itself.
        let mut bytes = DATABASES[0].1.to_vec();
        let first = (1..bytes.len() / 4096).find(|page| bytes[page * 4096 + 25] == 7).unwrap();
        let number = u32::try_from(first).unwrap().to_le_bytes();
        bytes[first * 4096 + 16..first * 4096 + 20].copy_from_slice(&number);
        bytes[first * 4096 + 22..first * 4096 + 24].copy_from_slice(&1_u16.to_le_bytes());

        assert!(read("var/lib/rpm/Packages", &bytes).is_err());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(512))]

        #[test]
        fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..2000), which in 0..3_usize) {
            let (path, honest) = DATABASES[which];
            let mut mixed = honest[..512].to_vec();
            mixed.extend(&bytes);
            let _ = read(path, &bytes);
            let _ = read(path, &mixed);
            let _ = component(&bytes, path);
        }

        #[test]
        fn mutated_databases_never_panic(
            which in 0..3_usize,
            edits in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..40),
            keep in any::<prop::sample::Index>(),
        ) {
            let (path, honest) = DATABASES[which];
            let mut bytes = honest.to_vec();
            for (at, value) in &edits {
                let at = at.index(bytes.len());
                bytes[at] = *value;
            }
            let _ = read(path, &bytes);
            let _ = read(path, &bytes[..keep.index(bytes.len())]);
        }

        #[test]
        fn mutated_page_headers_never_panic(
            which in 0..3_usize,
            edits in proptest::collection::vec((0..9_usize, 0..64_usize, any::<u8>()), 1..12),
        ) {
            let (path, honest) = DATABASES[which];
            let mut bytes = honest.to_vec();
            for (page, at, value) in edits {
                if let Some(byte) = bytes.get_mut(page * 4096 + at) {
                    *byte = value;
                }
            }
            let _ = read(path, &bytes);
        }
    }
}
