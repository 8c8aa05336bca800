//! Go: the build information in a program, which names its modules and the Go that built it.
//!
//! It begins with a magic number, in a section of its own (ELF, Mach-O), in the data section (PE), or somewhere in memory
//! where the section table was stripped. Since Go 1.18 two strings follow, each behind its length; before, two pointers to
//! string headers. The format is that of Go's `debug/buildinfo`.
//!
//! Modules are named as built: a replacement by another module counts as that module; one by a local folder, like the main
//! module of an unreleased program, keeps its name and has no known version. The standard library is the module `stdlib`
//! and Go's own tools are `toolchain`, as advisories call them.

use super::add;
use super::binary::Program;
use crate::component::{Component, Type};
use crate::packages::Unreadable;

const MAGIC: &[u8] = b"\xff Go buildinf:";

/// Where the information begins is a multiple of this many bytes.
const ALIGNMENT: usize = 16;

/// Sections that hold it: of ELF, of Mach-O, of PE.
const SECTIONS: [&str; 3] = [".go.buildinfo", "__go_buildinfo", ".data"];

/// Sections that only Go makes: the table that maps instructions to lines.
const MARKS: [&str; 2] = [".gopclntab", "__gopclntab"];

/// Adds the modules that a program was built from; none when it is not a Go program.
pub(super) fn read(program: &Program<'_>, path: &str, into: &mut Vec<Component>) -> Result<(), Unreadable> {
    let Some(information) = find(program)? else {
        // Before Go 1.13, or with the information removed: something is in it, and no more can be said.
        if has_any(program, &MARKS)? {
            into.push(Component::new(Type::Golang, "stdlib", "", path));
        }
        return Ok(());
    };
    let (go, modules) =
        strings(program, information).ok_or_else(|| Unreadable::new("its Go build information is damaged"))?;
    let go = release(&String::from_utf8_lossy(go));
    into.push(Component::new(Type::Golang, "stdlib", go.as_str(), path));
    add_modules(&String::from_utf8_lossy(unframed(modules)), &go, path, into)
}

fn has_any(program: &Program<'_>, names: &[&str]) -> Result<bool, Unreadable> {
    for name in names {
        if program.section(name)?.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The bytes from the magic number on.
fn find<'a>(program: &Program<'a>) -> Result<Option<&'a [u8]>, Unreadable> {
    for name in SECTIONS {
        let found = program.section(name)?.and_then(after_magic);
        if found.is_some() {
            return Ok(found);
        }
    }
    let found = program.is_without_sections().then(|| program.segments().find_map(after_magic));
    Ok(found.flatten())
}

fn after_magic(data: &[u8]) -> Option<&[u8]> {
    let at = data.chunks(ALIGNMENT).position(|chunk| chunk.starts_with(MAGIC))?;
    data.get(at * ALIGNMENT..)
}

/// The version of Go and the list of modules.
fn strings<'a>(program: &Program<'a>, information: &'a [u8]) -> Option<(&'a [u8], &'a [u8])> {
    let (&width, &flags) = (information.get(14)?, information.get(15)?);
    if flags & 2 != 0 {
        let (go, rest) = counted(information.get(32..)?)?;
        return Some((go, counted(rest)?.0));
    }
    let pointers = Pointers { program, width: usize::from(width), big_endian: flags & 1 != 0 };
    let at = |place: usize| pointers.string(pointers.number(information.get(place..)?)?);
    Some((at(16)?, at(16 + pointers.width)?))
}

/// A string behind its length, which has seven bits a byte, the lowest first; and what follows it.
fn counted(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut length = 0_usize;
    for (place, &byte) in bytes.iter().take(5).enumerate() {
        length |= usize::from(byte & 0x7f) << (7 * place);
        if byte & 0x80 == 0 {
            return bytes.get(place + 1..)?.split_at_checked(length);
        }
    }
    None
}

/// How a program of before Go 1.18 refers to its strings.
struct Pointers<'p, 'a> {
    program: &'p Program<'a>,
    /// Bytes of a pointer.
    width: usize,
    big_endian: bool,
}

impl<'a> Pointers<'_, 'a> {
    fn number(&self, bytes: &[u8]) -> Option<u64> {
        let bytes = bytes.get(..self.width)?;
        let mut number = match self.width {
            4 => u64::from(u32::from_le_bytes(bytes.try_into().ok()?)),
            8 => u64::from_le_bytes(bytes.try_into().ok()?),
            _ => return None,
        };
        if self.big_endian {
            number = number.swap_bytes() >> (64 - 8 * self.width);
        }
        Some(number)
    }

    /// The string whose header, an address and a length, is at an address. There is none at address zero.
    fn string(&self, address: u64) -> Option<&'a [u8]> {
        if address == 0 {
            return Some(&[]);
        }
        let header = self.program.memory(address, 2 * self.width as u64)?;
        let (start, length) = (self.number(header)?, self.number(header.get(self.width..)?)?);
        if length == 0 { Some(&[]) } else { self.program.memory(start, length) }
    }
}

/// The list without the sixteen bytes on either side that mark it; empty when they are missing.
fn unframed(modules: &[u8]) -> &[u8] {
    let inner = modules.len().checked_sub(16).and_then(|end| modules.get(16..end));
    inner.filter(|inner| inner.ends_with(b"\n")).unwrap_or_default()
}

fn add_modules(text: &str, go: &str, path: &str, into: &mut Vec<Component>) -> Result<(), Unreadable> {
    // A replacement is on the line after the module that it replaces.
    let mut last: Option<Component> = None;
    for line in text.lines() {
        let mut fields = line.split('\t');
        let (word, name, version) =
            (fields.next(), fields.next().unwrap_or_default(), fields.next().unwrap_or_default());
        match word {
            Some("mod" | "dep") => {
                last.replace(module(name, version, go, path)).map_or(Ok(()), |one| add(one, into))?;
            }
            Some("=>") => last = last.map(|replaced| replacement(replaced, name, version)),
            _ => {}
        }
    }
    last.map_or(Ok(()), |one| add(one, into))
}

fn module(name: &str, version: &str, go: &str, path: &str) -> Component {
    match name {
        "cmd" => Component::new(Type::Golang, "toolchain", go, path),
        _ => Component::new(Type::Golang, name, if version == "(devel)" { "" } else { version }, path),
    }
}

fn replacement(mut replaced: Component, name: &str, version: &str) -> Component {
    let is_folder = name.starts_with(['.', '/', '\\']) || name.get(1..2) == Some(":") || version.is_empty();
    if is_folder || version == "(devel)" {
        replaced.version.clear();
        return replaced;
    }
    Component::new(Type::Golang, name, version, replaced.path)
}

/// A release of Go in semantic form, as advisories for it are written: `go1.20` as `1.20.0`, `go1.21rc2` as `1.21.0-rc.2`.
/// What a distributor or an experiment added is dropped. Empty for a build that is no release.
fn release(word: &str) -> String {
    let numbers = word.strip_prefix("go").unwrap_or_default().split([' ', '-', '+']).next().unwrap_or_default();
    let end = numbers.find(|letter: char| !letter.is_ascii_digit() && letter != '.').unwrap_or(numbers.len());
    let (numbers, early) = numbers.split_at(end);
    let mut parts: Vec<&str> = numbers.split('.').collect();
    if parts.len() < 2 || parts.len() > 3 || parts.iter().any(|part| part.is_empty()) {
        return String::new();
    }
    parts.resize(3, "0");
    let version = parts.join(".");
    match early.find(|letter: char| letter.is_ascii_digit()) {
        _ if early.is_empty() => version,
        Some(at) => {
            let (word, number) = early.split_at(at);
            format!("{version}-{word}.{number}")
        }
        None => format!("{version}-{early}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packages::{File, language::binary};

    fn listed(bytes: &[u8]) -> Vec<(String, String)> {
        let listed = binary::read(File { path: "app", bytes }).expect("readable");
        listed.into_iter().map(|one| (one.name, one.version)).collect()
    }

    fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
        expected.iter().map(|(name, version)| ((*name).to_owned(), (*version).to_owned())).collect()
    }

    /// A program for `width` bytes a pointer, without sections, with one segment that is loaded at 0x10000.
    fn program(width: usize, big_endian: bool, data: &[u8]) -> Vec<u8> {
        let number = |value: u64, bytes: usize| -> Vec<u8> {
            if big_endian { value.to_be_bytes()[8 - bytes..].to_vec() } else { value.to_le_bytes()[..bytes].to_vec() }
        };
        let (header, segment) = if width == 8 { (64, 56) } else { (52, 32) };
        let start = (header + segment) as u64;
        let mut elf = b"\x7fELF".to_vec();
        elf.extend([(width / 4) as u8, 1 + u8::from(big_endian), 1, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        for (value, bytes) in
            [(2, 2), (62, 2), (1, 4), (0, width), (header as u64, width), (0, width), (0, 4), (header as u64, 2)]
        {
            elf.extend(number(value, bytes));
        }
        for value in [segment as u64, 1, 0, 0, 0] {
            elf.extend(number(value, 2));
        }
        elf.extend(number(1, 4));
        let size = data.len() as u64;
        if width == 8 {
            elf.extend(number(6, 4));
        }
        for value in [start, 0x10000, 0x10000, size, size] {
            elf.extend(number(value, width));
        }
        if width == 4 {
            elf.extend(number(6, 4));
        }
        elf.extend(number(16, width));
        assert_eq!(elf.len(), header + segment);
        elf.extend(data);
        elf
    }

    /// Build information whose strings are behind pointers, as in memory at 0x10000.
    fn by_pointers(width: usize, big_endian: bool, go: &[u8], modules: &[u8]) -> Vec<u8> {
        let number = |value: usize| -> Vec<u8> {
            let value = value as u64;
            if big_endian { value.to_be_bytes()[8 - width..].to_vec() } else { value.to_le_bytes()[..width].to_vec() }
        };
        let mut data = MAGIC.to_vec();
        data.extend([width as u8, u8::from(big_endian)]);
        let (headers, text) = (0x10000 + 32, 0x10000 + 32 + 4 * width);
        data.extend([number(headers), number(headers + 2 * width)].concat());
        data.resize(32, 0);
        for value in [text, go.len(), text + go.len(), modules.len()] {
            data.extend(number(value));
        }
        data.extend([go, modules].concat());
        data
    }

    fn framed(lines: &str) -> Vec<u8> {
        [b"0123456789abcdef", lines.as_bytes(), b"0123456789abcdef"].concat()
    }

    #[test]
    fn a_program_built_by_go_lists_itself_its_modules_and_the_library() {
        let expected = pairs(&[("example.org/dep", ""), ("example.org/hello", ""), ("stdlib", "1.19.8")]);
        assert_eq!(listed(include_bytes!("fixtures/go.elf")), expected);
    }

    #[test]
    fn older_programs_point_to_their_strings() {
        let lines = "path\tx\nmod\texample.org/x\tv1.0.0\th1:a=\ndep\texample.org/y\tv0.2.0\n";
        for (width, big_endian) in [(8, false), (8, true), (4, false), (4, true)] {
            let data = by_pointers(width, big_endian, b"go1.15.2", &framed(lines));
            let expected = pairs(&[("example.org/x", "v1.0.0"), ("example.org/y", "v0.2.0"), ("stdlib", "1.15.2")]);
            assert_eq!(listed(&program(width, big_endian, &data)), expected, "{width} {big_endian}");
        }
    }

    #[test]
    fn pointers_and_lengths_that_lead_nowhere_are_damage() {
        let mut data = by_pointers(8, false, b"go1.15.2", b"");
        data[16] = 0xff;
        data[20] = 0xff;
        assert!(binary::read(File { path: "", bytes: &program(8, false, &data) }).is_err());
        let mut data = [MAGIC, &[8, 2]].concat();
        data.resize(32, 0);
        data.extend([0xff, 0xff, 0xff, 0xff, 0x7f, b'g']);
        assert!(binary::read(File { path: "", bytes: &program(8, false, &data) }).is_err());
    }

    #[test]
    fn a_replacement_counts_as_what_replaces_it() {
        let mut found = Vec::new();
        let lines = "dep\ta.org/a\tv1.0.0\th1:x=\n=>\tb.org/b\tv1.1.0\th1:y=\ndep\tc.org/c\tv1.0.0\n=>\t./c\t(devel)\t\nmod\tcmd\t(devel)\n";
        add_modules(lines, "1.20.1", "", &mut found).expect("few");
        let found: Vec<_> = found.into_iter().map(|one| (one.name, one.version)).collect();
        assert_eq!(found, pairs(&[("b.org/b", "v1.1.0"), ("c.org/c", ""), ("toolchain", "1.20.1")]));
    }

    #[test]
    fn releases_are_written_as_advisories_write_them() {
        for (word, version) in [
            ("go1.19.8", "1.19.8"),
            ("go1.20", "1.20.0"),
            ("go1.21rc2", "1.21.0-rc.2"),
            ("go1.22.1 X:boringcrypto", "1.22.1"),
            ("go1.22.1-vendor.3", "1.22.1"),
            ("devel go1.23-abc Mon", ""),
            ("gox", ""),
            ("", ""),
        ] {
            assert_eq!(release(word), version, "{word}");
        }
    }
}
