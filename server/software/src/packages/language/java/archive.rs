//! ZIP archives, as far as Java needs them: the central directory, entries stored or deflated, ZIP64.
//!
//! The directory is walked where it lies and nothing is kept of it, so that memory does not depend on what it claims. What
//! stands before the archive (a start script) is allowed for. The format is that of PKWARE's APPNOTE.

use crate::packages::Unreadable;
use std::borrow::Cow;
use std::io::Read;

/// The most entries of one archive.
const ENTRIES: usize = 200_000;

/// The end record without its comment, and the longest comment, in bytes.
const END: usize = 22;
const COMMENT: usize = 65_535;

/// How many bytes may still be unpacked.
pub(super) struct Budget(u64);

impl Budget {
    pub(super) fn new(bytes: u64) -> Self {
        Self(bytes)
    }

    pub(super) fn spend(&mut self, bytes: u64) -> Result<(), Unreadable> {
        self.0 = self.0.checked_sub(bytes).ok_or_else(|| Unreadable::new("it unpacks to too many bytes"))?;
        Ok(())
    }
}

/// An archive in memory.
pub(super) struct Archive<'a> {
    bytes: &'a [u8],
    directory: &'a [u8],
    /// Where the archive begins: offsets count from here.
    start: usize,
}

/// One file of an archive, as the directory describes it.
pub(super) struct Entry<'a> {
    pub(super) name: Cow<'a, str>,
    encrypted: bool,
    method: u16,
    packed: u64,
    offset: u64,
}

impl<'a> Archive<'a> {
    pub(super) fn open(bytes: &'a [u8]) -> Result<Self, Unreadable> {
        directory(bytes).ok_or_else(|| Unreadable::new("it is no ZIP archive, or breaks off"))
    }

    /// The entries, up to the first that is damaged.
    pub(super) fn entries(&self) -> impl Iterator<Item = Result<Entry<'a>, Unreadable>> + use<'a> {
        let mut rest = self.directory;
        let mut count = 0;
        std::iter::from_fn(move || {
            if rest.is_empty() {
                return None;
            }
            count += 1;
            let next = if count > ENTRIES { None } else { entry(rest) };
            rest = next.as_ref().map_or(&[], |(_, rest)| rest);
            Some(next.map(|(entry, _)| entry).ok_or_else(|| Unreadable::new("its directory is damaged or too long")))
        })
    }

    /// The content of an entry, of at most `limit` bytes.
    pub(super) fn unpack(
        &self,
        entry: &Entry<'_>,
        limit: u64,
        budget: &mut Budget,
    ) -> Result<Cow<'a, [u8]>, Unreadable> {
        if entry.encrypted {
            return Err(Unreadable::new(format!("{} is encrypted", entry.name)));
        }
        let packed =
            self.packed(entry).ok_or_else(|| Unreadable::new(format!("{} is not where it should be", entry.name)))?;
        let limit = limit.min(budget.0);
        let content = match entry.method {
            0 => Cow::Borrowed(packed),
            8 => {
                Cow::Owned(inflate(packed, limit).map_err(|error| Unreadable::new(format!("{}: {error}", entry.name)))?)
            }
            other => return Err(Unreadable::new(format!("{} is packed by the unknown method {other}", entry.name))),
        };
        let size = content.len() as u64;
        if size > limit {
            return Err(Unreadable::new(format!("{} is larger than {limit} bytes", entry.name)));
        }
        budget.spend(size)?;
        Ok(content)
    }

    fn packed(&self, entry: &Entry<'_>) -> Option<&'a [u8]> {
        let at = self.start.checked_add(usize::try_from(entry.offset).ok()?)?;
        let header = self.bytes.get(at..)?;
        if !header.starts_with(b"PK\x03\x04") {
            return None;
        }
        let content = 30 + usize::from(u16_at(header, 26)?) + usize::from(u16_at(header, 28)?);
        header.get(content..)?.get(..usize::try_from(entry.packed).ok()?)
    }
}

/// Unpacks up to one byte more than the limit.
fn inflate(packed: &[u8], limit: u64) -> std::io::Result<Vec<u8>> {
    let mut content = Vec::new();
    flate2::read::DeflateDecoder::new(packed).take(limit.saturating_add(1)).read_to_end(&mut content)?;
    Ok(content)
}

/// Finds the directory from the end of the file.
fn directory(bytes: &[u8]) -> Option<Archive<'_>> {
    let from = bytes.len().saturating_sub(END + COMMENT);
    let at = from + bytes.get(from..)?.windows(END).rposition(|window| window.starts_with(b"PK\x05\x06"))?;
    let record = bytes.get(at..)?;
    let (size, offset) = (u32_at(record, 12)?, u32_at(record, 16)?);
    let (end, size, offset) = if size == u32::MAX || offset == u32::MAX || u16_at(record, 10)? == u16::MAX {
        large(bytes, at).unwrap_or((at, u64::from(size), u64::from(offset)))
    } else {
        (at, u64::from(size), u64::from(offset))
    };
    let (size, offset) = (usize::try_from(size).ok()?, usize::try_from(offset).ok()?);
    // It ends where the end record begins; what is missing to its offset stands before the archive.
    let begin = end.checked_sub(size)?;
    Some(Archive { bytes, directory: bytes.get(begin..end)?, start: begin.checked_sub(offset)? })
}

/// The end record of ZIP64, which stands before a locator of 20 bytes: where it is, size and offset of the directory.
fn large(bytes: &[u8], end: usize) -> Option<(usize, u64, u64)> {
    let locator = end.checked_sub(20)?;
    if !bytes.get(locator..)?.starts_with(b"PK\x06\x07") {
        return None;
    }
    let said = usize::try_from(u64_at(bytes.get(locator..)?, 8)?).ok()?;
    let places = [locator.checked_sub(56), Some(said)];
    let at =
        places.into_iter().flatten().find(|at| bytes.get(*at..).is_some_and(|rest| rest.starts_with(b"PK\x06\x06")))?;
    let record = bytes.get(at..)?;
    Some((at, u64_at(record, 40)?, u64_at(record, 48)?))
}

/// The first entry of a directory, and what follows it.
fn entry(directory: &[u8]) -> Option<(Entry<'_>, &[u8])> {
    if !directory.starts_with(b"PK\x01\x02") {
        return None;
    }
    let length = |at| u16_at(directory, at).map(usize::from);
    let (name, extra, comment) = (length(28)?, length(30)?, length(32)?);
    let extra_bytes = directory.get(46 + name..46 + name + extra)?;
    let [_, packed, offset] =
        sizes([u32_at(directory, 24)?, u32_at(directory, 20)?, u32_at(directory, 42)?], extra_bytes)?;
    let entry = Entry {
        name: String::from_utf8_lossy(directory.get(46..46 + name)?),
        encrypted: u16_at(directory, 8)? & 1 != 0,
        method: u16_at(directory, 10)?,
        packed,
        offset,
    };
    Some((entry, directory.get(46 + name + extra + comment..)?))
}

/// Size, packed size and offset; those that do not fit are in an extra field, in this order.
fn sizes(short: [u32; 3], mut extra: &[u8]) -> Option<[u64; 3]> {
    let mut sizes = short.map(u64::from);
    if !short.contains(&u32::MAX) {
        return Some(sizes);
    }
    while let (Some(id), Some(length)) = (u16_at(extra, 0), u16_at(extra, 2)) {
        let content = extra.get(4..4 + usize::from(length))?;
        if id == 1 {
            for (place, size) in sizes.iter_mut().filter(|size| **size == u64::from(u32::MAX)).enumerate() {
                *size = u64_at(content, 8 * place)?;
            }
            return Some(sizes);
        }
        extra = extra.get(4 + usize::from(length)..)?;
    }
    None
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(bytes.get(at..at.checked_add(2)?)?.try_into().ok()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at.checked_add(4)?)?.try_into().ok()?))
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(bytes.get(at..at.checked_add(8)?)?.try_into().ok()?))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// An archive of stored files.
    pub(in super::super) fn archive(files: &[(&str, &[u8])]) -> Vec<u8> {
        let (mut bytes, mut directory) = (Vec::new(), Vec::new());
        for (name, content) in files {
            let size = (content.len() as u32).to_le_bytes();
            let lengths = [(name.len() as u16).to_le_bytes(), [0, 0]].concat();
            let common = [&[0; 12][..], &size, &size, &lengths].concat();
            let offset = (bytes.len() as u32).to_le_bytes();
            directory.extend([b"PK\x01\x02\0\0\0\0", &common[..], &[0; 10], &offset, name.as_bytes()].concat());
            bytes.extend([b"PK\x03\x04\0\0", &common[..], name.as_bytes(), content].concat());
        }
        let (size, offset) = ((directory.len() as u32).to_le_bytes(), (bytes.len() as u32).to_le_bytes());
        let count = (files.len() as u16).to_le_bytes();
        [bytes, directory, [b"PK\x05\x06\0\0\0\0", &count[..], &count, &size, &offset, &[0, 0]].concat()].concat()
    }

    fn contents(bytes: &[u8], limit: u64, budget: u64) -> Result<Vec<(String, Vec<u8>)>, Unreadable> {
        let archive = Archive::open(bytes)?;
        let mut budget = Budget::new(budget);
        archive
            .entries()
            .map(|entry| {
                let entry = entry?;
                Ok((entry.name.to_string(), archive.unpack(&entry, limit, &mut budget)?.into_owned()))
            })
            .collect()
    }

    #[test]
    fn files_are_found_behind_a_start_script_and_before_a_comment() {
        let plain = archive(&[("a.txt", b"one"), ("b/c.txt", b"two")]);
        let scripted = [b"#!/bin/sh\nexec java -jar $0\n", &plain[..]].concat();
        let mut commented = plain.clone();
        let at = commented.len() - 2;
        commented[at] = 5;
        commented.extend(b"hello");
        for bytes in [plain, scripted, commented] {
            let found = contents(&bytes, 10, 10).expect("readable");
            assert_eq!(found, [("a.txt".to_owned(), b"one".to_vec()), ("b/c.txt".to_owned(), b"two".to_vec())]);
        }
    }

    #[test]
    fn the_bounds_of_a_file_and_of_all_files_hold() {
        let bytes = archive(&[("a", b"12345"), ("b", b"12345")]);
        assert!(contents(&bytes, 5, 10).is_ok());
        assert!(contents(&bytes, 4, 10).is_err());
        assert!(contents(&bytes, 5, 9).is_err());
    }

    #[test]
    fn a_bomb_is_unpacked_no_further_than_its_bound() {
        use std::io::Write;
        let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(&vec![0; 1 << 20]).expect("written");
        let packed = encoder.finish().expect("finished");
        assert_eq!(inflate(&packed, 1000).map(|content| content.len()).ok(), Some(1001));
    }

    #[test]
    fn a_size_that_does_not_fit_is_in_the_extra_field() {
        let extra = [&[9, 0, 1, 0, 7][..], &[1, 0, 8, 0], &77_u64.to_le_bytes()].concat();
        assert_eq!(sizes([5, u32::MAX, 6], &extra), Some([5, 77, 6]));
        assert_eq!(sizes([5, u32::MAX, 6], &extra[..5]), None);
    }

    #[test]
    fn an_archive_that_breaks_off_is_unreadable() {
        let bytes = archive(&[("a.txt", b"one")]);
        assert!(contents(&bytes[..bytes.len() - 23], 10, 10).is_err());
        let mut moved = bytes.clone();
        moved[0] = b'X';
        assert!(contents(&moved, 10, 10).is_err());
    }
}
