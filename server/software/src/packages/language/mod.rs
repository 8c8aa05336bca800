//! Packages of the languages: what an installer left behind, what a lock file names, what a build wrote into a program.
//!
//! The first reader that wants a path gets it, so the narrow ones stand before the one that wants every executable.
//! A lock file inside somebody else's installed package (`node_modules`, `vendor`, a gem, a crate's source) says what its
//! author had at hand and not what is installed here, so it is left alone.

mod binary;
mod cargo;
mod dotnet;
mod go;
mod java;
mod node;
mod npm_lock;
mod php;
mod pnpm;
mod python;
mod ruby;
mod yarn;

use super::{Reader, Unreadable};
use crate::component::Component;

const MEBIBYTE: u64 = 1024 * 1024;

/// The largest file about one package, in bytes.
const ONE: u64 = MEBIBYTE;

/// The largest file that lists many packages, in bytes.
const MANY: u64 = 16 * MEBIBYTE;

/// The most packages that one file may list, several times what the largest lock files do. Each keeps the file's path.
const PACKAGES: usize = 50_000;

pub(super) const READERS: &[Reader] = &[
    Reader { name: "Python package", limit: ONE, wants: |path, _| python::wants(path), read: python::read },
    Reader { name: "npm package", limit: ONE, wants: |path, _| node::wants(path), read: node::read },
    Reader { name: "npm lock file", limit: MANY, wants: |path, _| npm_lock::wants(path), read: npm_lock::read },
    Reader { name: "yarn lock file", limit: MANY, wants: |path, _| yarn::wants(path), read: yarn::read },
    Reader { name: "pnpm lock file", limit: MANY, wants: |path, _| pnpm::wants(path), read: pnpm::read },
    Reader { name: "Java archive", limit: java::LIMIT, wants: |path, _| java::wants(path), read: java::read },
    Reader { name: "Cargo lock file", limit: MANY, wants: |path, _| cargo::wants(path), read: cargo::read },
    Reader { name: "gem", limit: ONE, wants: |path, _| ruby::wants_gem(path), read: ruby::read_gem },
    Reader { name: "Bundler lock file", limit: MANY, wants: |path, _| ruby::wants_lock(path), read: ruby::read_lock },
    Reader { name: "Composer packages", limit: MANY, wants: |path, _| php::wants_installed(path), read: php::read },
    Reader { name: "Composer lock file", limit: MANY, wants: |path, _| php::wants_lock(path), read: php::read },
    Reader {
        name: ".NET dependencies",
        limit: MANY,
        wants: |path, _| dotnet::wants_built(path),
        read: dotnet::read_built,
    },
    Reader { name: "NuGet lock file", limit: MANY, wants: |path, _| dotnet::wants_lock(path), read: dotnet::read_lock },
    Reader { name: "binary", limit: 128 * MEBIBYTE, wants: binary::wants, read: binary::read },
];

/// The last part of a path.
fn file_name(path: &str) -> &str {
    path.rsplit_once('/').map_or(path, |(_, name)| name)
}

/// Whether a folder of this name stands anywhere above the file.
fn is_under(path: &str, folder: &str) -> bool {
    path.rsplit_once('/').is_some_and(|(above, _)| above.split('/').any(|part| part == folder))
}

/// The text of a file, without a byte order mark.
fn text(bytes: &[u8]) -> Result<&str, Unreadable> {
    let text = std::str::from_utf8(bytes).map_err(|_| Unreadable::new("it is not UTF-8 text"))?;
    Ok(text.trim_start_matches('\u{feff}'))
}

/// A document of JSON, of which only the fields that are asked for are kept.
fn json<'a, T: serde::Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, Unreadable> {
    serde_json::from_slice(bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes))
        .map_err(|error| Unreadable::new(format!("it is not the JSON that was expected: {error}")))
}

/// Adds a package; an error when there are too many to be true.
fn add(component: Component, into: &mut Vec<Component>) -> Result<(), Unreadable> {
    if into.len() >= PACKAGES {
        return Err(Unreadable::new(format!("it lists more than {PACKAGES} packages")));
    }
    into.push(component);
    Ok(())
}

/// Each package once, in order; an error when there are too many to be true or one has no name.
fn tidy(components: impl IntoIterator<Item = Component>) -> Result<Vec<Component>, Unreadable> {
    let mut kept = Vec::new();
    for component in components {
        if component.name.is_empty() {
            return Err(Unreadable::new("a package in it has no name"));
        }
        add(component, &mut kept)?;
    }
    kept.sort();
    kept.dedup();
    Ok(kept)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packages::{File, reader_of};
    use proptest::prelude::*;

    /// A path of each reader, and a file that it understands.
    const SAMPLES: &[(&str, &[u8])] = &[
        ("a/six-1.0.dist-info/METADATA", b"Name: six\nVersion: 1.0\nLicense: MIT\n\ntext"),
        ("node_modules/a/package.json", br#"{"name":"a","version":"1.0.0","license":"MIT"}"#),
        ("package-lock.json", br#"{"lockfileVersion":3,"packages":{"node_modules/a":{"version":"1.0.0"}}}"#),
        ("yarn.lock", b"# yarn lockfile v1\n\n\"@a/b@^1\", c@npm:d@2:\n  version \"1.0.0\"\n"),
        ("pnpm-lock.yaml", b"lockfileVersion: '9.0'\npackages:\n  '@a/b@1.0.0':\n    resolution: {integrity: x}\n"),
        ("a.jar", include_bytes!("fixtures/nested.jar")),
        ("Cargo.lock", b"version = 4\n\n[[package]]\nname = \"a\"\nversion = \"1.0.0\"\n"),
        ("specifications/a-1.0.gemspec", b"# stub: a 1.0 ruby lib\nGem::Specification.new do |s|\nend\n"),
        ("Gemfile.lock", b"GEM\n  remote: x\n  specs:\n    a (1.0)\n      b (= 2)\n"),
        ("vendor/composer/installed.json", br#"{"packages":[{"name":"a/b","version":"1.0"}]}"#),
        ("composer.lock", br#"{"packages":[{"name":"a/b","version":"1.0"}]}"#),
        ("a.deps.json", br#"{"libraries":{"A/1.0.0":{"type":"package"}}}"#),
        ("packages.lock.json", br#"{"dependencies":{"net8.0":{"A":{"type":"Direct","resolved":"1.0.0"}}}}"#),
        ("go.exe", include_bytes!("fixtures/go.elf")),
        ("rust.exe", include_bytes!("fixtures/rust.elf")),
    ];

    #[test]
    fn every_reader_wants_its_sample_and_understands_it() {
        for reader in READERS {
            assert!(SAMPLES.iter().any(|(path, _)| (reader.wants)(path, false)), "{} has a sample", reader.name);
        }
        for &(path, bytes) in SAMPLES {
            let listed = reader_of(path, false).expect("a reader").read(File { path, bytes });
            assert!(
                listed.is_ok_and(|listed| listed.iter().all(|one| !one.name.is_empty()) && !listed.is_empty()),
                "{path}"
            );
        }
    }

    #[test]
    fn lock_files_of_other_peoples_packages_are_left_alone() {
        for path in [
            "app/node_modules/a/package-lock.json",
            "app/node_modules/.package-lock.json",
            "app/node_modules/a/yarn.lock",
            "app/node_modules/a/pnpm-lock.yaml",
            "app/vendor/a/b/composer.lock",
            "usr/lib/ruby/gems/3.1.0/gems/a-1.0/Gemfile.lock",
            "root/.cargo/registry/src/index/a-1.0.0/Cargo.lock",
        ] {
            assert!(reader_of(path, false).is_none(), "{path}");
        }
        assert!(reader_of("app/package-lock.json", false).is_some());
    }

    #[test]
    fn a_file_that_lists_too_many_packages_is_unreadable() {
        let many = (0..=PACKAGES).map(|number| Component::new(crate::Type::Npm, number.to_string(), "1", ""));
        assert!(tidy(many).is_err());
    }

    #[test]
    fn a_package_is_listed_once_and_one_without_a_name_makes_the_file_unreadable() {
        let one = |name: &str| Component::new(crate::Type::Npm, name, "1", "");
        assert_eq!(tidy([one("b"), one("a"), one("b")]), Ok(vec![one("a"), one("b")]));
        assert!(tidy([one("a"), one("")]).is_err());
    }

    /// Cuts, overwrites and repeats, as a hostile or damaged file might.
    fn mutate(sample: &[u8], edits: &[(prop::sample::Index, u8, bool)]) -> Vec<u8> {
        let mut bytes = sample.to_vec();
        for (place, value, cut) in edits {
            let at = place.index(bytes.len().max(1));
            if *cut {
                bytes.truncate(at.max(bytes.len() / 2));
            } else if let Some(byte) = bytes.get_mut(at) {
                *byte = *value;
            }
        }
        bytes
    }

    proptest! {
        #[test]
        fn no_reader_panics_on_arbitrary_bytes(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            for (path, _) in SAMPLES {
                if let Some(reader) = reader_of(path, true) {
                    drop(reader.read(File { path, bytes: &bytes }));
                }
            }
        }

        #[test]
        fn no_reader_panics_on_a_damaged_file(
            edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), prop::bool::weighted(0.1)), 1..8),
        ) {
            for (path, sample) in SAMPLES {
                let bytes = mutate(sample, &edits);
                if let Some(reader) = reader_of(path, true) {
                    drop(reader.read(File { path, bytes: &bytes }));
                }
            }
        }

        #[test]
        fn no_reader_panics_on_arbitrary_text(text in "([a-z@:/.\"'#()\\-0-9?\\[\\]= ]{0,20}\n){0,20}") {
            for (path, _) in SAMPLES {
                if let Some(reader) = reader_of(path, true) {
                    drop(reader.read(File { path, bytes: text.as_bytes() }));
                }
            }
        }
    }
}
