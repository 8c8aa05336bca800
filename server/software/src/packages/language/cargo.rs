//! Rust: what `Cargo.lock` pins, and what `cargo auditable` wrote into a program.
//!
//! A lock file names the project's own crates too, as does a program; they are listed, for what is built from a repository
//! is often published under the same name. What only the build of a program needed is not in the program and not listed.

use super::binary::Program;
use super::{add, file_name, json, text, tidy};
use crate::component::{Component, Type};
use crate::packages::{File, Unreadable};
use serde::Deserialize;
use std::io::Read;

/// The section in a program (<https://github.com/rust-secure-code/cargo-auditable/blob/master/PARSING.md>).
const SECTION: &str = ".dep-v0";

/// The most bytes that the section is unpacked to, which is what the format's authors recommend.
const UNPACKED: u64 = 8 * 1024 * 1024;

#[derive(Deserialize)]
struct Audit {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    version: String,
    /// `build`, or `runtime`, which may be left out.
    #[serde(default)]
    kind: String,
}

pub(super) fn wants(path: &str) -> bool {
    // The sources that cargo unpacks come with the lock files of their authors.
    file_name(path) == "Cargo.lock" && !path.contains("registry/src/") && !path.contains("git/checkouts/")
}

pub(super) fn read(file: File<'_>) -> Result<Vec<Component>, Unreadable> {
    let text = text(file.bytes)?;
    let mut components = Vec::new();
    let mut inside = false;
    for line in text.lines().map(str::trim_end) {
        if line.starts_with('[') {
            inside = line == "[[package]]";
            if inside {
                add(Component::new(Type::Cargo, "", "", file.path), &mut components)?;
            }
        } else if let Some(component) = components.last_mut().filter(|_| inside) {
            take(component, line);
        }
    }
    if !text.contains("version = ") && !text.trim().is_empty() {
        return Err(Unreadable::new("it is no Cargo lock file"));
    }
    tidy(components)
}

fn take(component: &mut Component, line: &str) {
    let Some((key, value)) = line.split_once(" = ") else { return };
    let value = value.trim().trim_matches('"');
    match key {
        "name" => component.name = value.to_owned(),
        "version" => component.version = value.to_owned(),
        _ => {}
    }
}

/// Adds the crates that a program was built from; none when it does not say.
pub(super) fn read_program(program: &Program<'_>, path: &str, into: &mut Vec<Component>) -> Result<(), Unreadable> {
    let Some(packed) = program.section(SECTION)? else { return Ok(()) };
    let mut unpacked = Vec::new();
    flate2::read::ZlibDecoder::new(packed)
        .take(UNPACKED + 1)
        .read_to_end(&mut unpacked)
        .map_err(|error| Unreadable::new(format!("its list of crates cannot be unpacked: {error}")))?;
    if unpacked.len() as u64 > UNPACKED {
        return Err(Unreadable::new(format!("its list of crates is larger than {UNPACKED} bytes")));
    }
    let audit: Audit = json(&unpacked)?;
    let mut runtime = audit.packages.into_iter().filter(|one| one.kind != "build");
    runtime.try_for_each(|one| add(Component::new(Type::Cargo, one.name, one.version, path), into))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packages::language::binary;

    fn names(listed: Vec<Component>) -> Vec<(String, String)> {
        listed.into_iter().map(|one| (one.name, one.version)).collect()
    }

    fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
        expected.iter().map(|(name, version)| ((*name).to_owned(), (*version).to_owned())).collect()
    }

    #[test]
    fn a_lock_file_lists_every_crate() {
        let text = "# generated\nversion = 4\n\n[[package]]\nname = \"itoa\"\nversion = \"1.0.19\"\n\
            source = \"registry+https://github.com/rust-lang/crates.io-index\"\nchecksum = \"3b\"\n\n\
            [[package]]\nname = \"hello\"\nversion = \"0.3.1\"\ndependencies = [\n \"itoa\",\n]\n\n\
            [metadata]\nname = \"none\"\n";
        let listed = read(File { path: "Cargo.lock", bytes: text.as_bytes() }).expect("readable");
        assert_eq!(names(listed), pairs(&[("hello", "0.3.1"), ("itoa", "1.0.19")]));
    }

    #[test]
    fn another_file_or_a_crate_without_a_name_is_unreadable() {
        assert!(read(File { path: "", bytes: b"hello\n" }).is_err());
        assert!(read(File { path: "", bytes: b"[[package]]\nversion = \"1.0.0\"\n" }).is_err());
    }

    #[test]
    fn a_program_built_auditably_lists_what_runs() {
        let bytes: &[u8] = include_bytes!("fixtures/rust.elf");
        let listed = binary::read(File { path: "usr/bin/hello", bytes }).expect("readable");
        assert_eq!(names(listed), pairs(&[("hello", "0.3.1"), ("inner", "1.2.0"), ("itoa", "1.0.19")]));
    }
}
