//! Programs: what a build wrote into an ELF, PE or Mach-O file about the packages it was made from.
//!
//! Go does so by itself, Rust where it was built with `cargo auditable`. A program of another origin says nothing and lists
//! nothing; anything that is no program at all is put aside by its first bytes.

use super::{cargo, go, tidy};
use crate::component::Component;
use crate::packages::{File, Unreadable};
use object::read::macho::{FatArch, MachOFatFile32, MachOFatFile64};
use object::{FileKind, Object, ObjectSection, ObjectSegment};

/// The most architectures in one Mach-O file. The files of Java's classes begin with the same four bytes, and then with a
/// version above this.
const ARCHITECTURES: u32 = 16;

/// Names of programs and libraries that may lack the mode bit, as those made for Windows do.
const ENDINGS: [&str; 3] = [".exe", ".so", ".dylib"];

pub(super) fn wants(path: &str, executable: bool) -> bool {
    executable || ENDINGS.iter().any(|ending| path.ends_with(ending))
}

pub(super) fn read(file: File<'_>) -> Result<Vec<Component>, Unreadable> {
    let mut components = Vec::new();
    for program in programs(file.bytes)? {
        go::read(&program, file.path, &mut components)?;
        cargo::read_program(&program, file.path, &mut components)?;
    }
    tidy(components)
}

/// The programs in a file: none, one, or one for each architecture.
fn programs(bytes: &[u8]) -> Result<Vec<Program<'_>>, Unreadable> {
    let kind = match FileKind::parse(bytes) {
        Ok(kind) => kind,
        Err(_) if bytes.starts_with(b"\x7fELF") => return Err(damaged("its header is not understood")),
        Err(_) => return Ok(Vec::new()),
    };
    match kind {
        FileKind::Elf32 | FileKind::Elf64 | FileKind::Pe32 | FileKind::Pe64 | FileKind::MachO32 | FileKind::MachO64 => {
            Ok(vec![Program::parse(bytes)?])
        }
        FileKind::MachOFat32 if is_fat(bytes) => {
            let fat = MachOFatFile32::parse(bytes).map_err(damaged)?;
            each(bytes, fat.arches())
        }
        FileKind::MachOFat64 if is_fat(bytes) => {
            let fat = MachOFatFile64::parse(bytes).map_err(damaged)?;
            each(bytes, fat.arches())
        }
        _ => Ok(Vec::new()),
    }
}

fn is_fat(bytes: &[u8]) -> bool {
    let count = bytes.get(4..8).and_then(|count| <[u8; 4]>::try_from(count).ok()).map(u32::from_be_bytes);
    count.is_some_and(|count| count <= ARCHITECTURES)
}

fn each<'a, A: FatArch>(bytes: &'a [u8], architectures: &[A]) -> Result<Vec<Program<'a>>, Unreadable> {
    architectures.iter().map(|one| Program::parse(one.data(bytes).map_err(damaged)?)).collect()
}

/// Why a file that begins as a program cannot be read as one.
fn damaged(why: impl std::fmt::Display) -> Unreadable {
    Unreadable::new(format!("it is a damaged executable: {why}"))
}

/// A program's sections and its memory as the file holds it.
pub(super) struct Program<'a>(object::File<'a>);

impl<'a> Program<'a> {
    fn parse(bytes: &'a [u8]) -> Result<Self, Unreadable> {
        object::File::parse(bytes).map(Self).map_err(damaged)
    }

    /// The bytes of a section; none when there is no such section.
    pub(super) fn section(&self, name: &str) -> Result<Option<&'a [u8]>, Unreadable> {
        match self.0.section_by_name_bytes(name.as_bytes()) {
            Some(section) => section.data().map(Some).map_err(damaged),
            None => Ok(None),
        }
    }

    /// Whether the section table was left out or stripped.
    pub(super) fn is_without_sections(&self) -> bool {
        self.0.sections().next().is_none()
    }

    /// The bytes of each segment that the file holds.
    pub(super) fn segments(&self) -> impl Iterator<Item = &'a [u8]> + '_ {
        self.0.segments().filter_map(|segment| segment.data().ok())
    }

    /// Bytes at an address of the program's memory.
    pub(super) fn memory(&self, address: u64, length: u64) -> Option<&'a [u8]> {
        self.0.segments().find_map(|segment| segment.data_range(address, length).ok().flatten())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(bytes: &[u8]) -> Result<Vec<Component>, Unreadable> {
        read(File { path: "usr/bin/x", bytes })
    }

    #[test]
    fn what_is_no_program_lists_nothing() {
        for bytes in
            [&b""[..], b"#!/bin/sh\necho\n", b"MZ", b"\x7fEL", b"PK\x03\x04", b"\xca\xfe\xba\xbe\0\0\0\x34\0\x10"]
        {
            assert_eq!(listed(bytes), Ok(Vec::new()));
        }
    }

    #[test]
    fn a_program_that_breaks_off_is_unreadable() {
        let whole: &[u8] = include_bytes!("fixtures/go.elf");
        assert!(listed(&whole[..whole.len() / 2]).is_err());
        assert!(listed(b"\x7fELF").is_err());
    }

    #[test]
    fn each_architecture_of_a_universal_program_is_read() {
        // Two architectures in one file: the table of contents, then a Mach-O header without commands for each.
        let mut bytes = b"\xca\xfe\xba\xbe\0\0\0\x02".to_vec();
        for offset in [64_u32, 128] {
            for word in [0x0100_000c, 0, offset, 32, 0] {
                bytes.extend(word.to_be_bytes());
            }
        }
        for end in [64, 128] {
            bytes.resize(end, 0);
            bytes.extend([0xcf, 0xfa, 0xed, 0xfe]);
            bytes.resize(end + 32, 0);
        }
        assert_eq!(programs(&bytes).map(|found| found.len()).ok(), Some(2));
        bytes.truncate(130);
        assert!(listed(&bytes).is_err());
    }
}
