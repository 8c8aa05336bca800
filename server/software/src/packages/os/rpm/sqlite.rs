//! Just enough of SQLite's file format (<https://www.sqlite.org/fileformat2.html>) to read one column of one table: the
//! blobs of `Packages`. Numbers are big-endian.

use super::fields::{Budget, Endian, slice};
use super::{Visit, damaged};
use crate::packages::Unreadable;
use std::borrow::Cow;

const MAGIC: &[u8] = b"SQLite format 3\0";
/// The first page begins with the file's own header.
const FILE_HEADER: usize = 100;
/// Kinds of pages of a table's tree.
const INTERIOR: u8 = 5;
const LEAF: u8 = 13;

/// Columns of the table of tables: type, name, table, root page, statement.
const SCHEMA_NAME: usize = 1;
const SCHEMA_ROOT: usize = 3;
/// Columns of `Packages`: number, header.
const HEADER: usize = 1;

pub(super) fn is_it(bytes: &[u8]) -> bool {
    bytes.starts_with(MAGIC)
}

pub(super) fn each_header(bytes: &[u8], visit: &mut Visit<'_>) -> Result<(), Unreadable> {
    let database = Database::open(bytes).ok_or_else(|| damaged("its page size is none"))?;
    let root = database.root_of_packages()?;
    database.each_row(root, &mut |row| visit(column(row, HEADER).ok_or_else(|| damaged("a row has no header"))?))
}

struct Database<'a> {
    bytes: &'a [u8],
    page_size: usize,
    /// What of a page is used: the rest is for extensions.
    usable: usize,
}

impl<'a> Database<'a> {
    fn open(bytes: &'a [u8]) -> Option<Self> {
        let page_size = match Endian::Big.u16(bytes, 16)? {
            1 => 65_536,
            size if size >= 512 && size.is_power_of_two() => usize::from(size),
            _ => return None,
        };
        let usable = page_size.checked_sub(usize::from(*bytes.get(20)?)).filter(|usable| *usable >= 480)?;
        Some(Self { bytes, page_size, usable })
    }

    /// A page; they are counted from one.
    fn page(&self, number: usize) -> Option<&'a [u8]> {
        slice(self.bytes, number.checked_sub(1)?.checked_mul(self.page_size)?, self.page_size)
    }

    fn root_of_packages(&self) -> Result<usize, Unreadable> {
        let mut root = None;
        self.each_row(1, &mut |row| {
            if column(row, 0) == Some(b"table") && column(row, SCHEMA_NAME) == Some(b"Packages") {
                root = column(row, SCHEMA_ROOT).and_then(number);
            }
            Ok(())
        })?;
        root.ok_or_else(|| damaged("it has no table of packages"))
    }

    /// Visits every row of the table whose tree has that root. No page is visited twice, so a tree with circles ends.
    fn each_row(&self, root: usize, visit: &mut Visit<'_>) -> Result<(), Unreadable> {
        let mut budget = Budget::of(self.bytes);
        let mut seen = vec![false; self.bytes.len() / self.page_size + 1];
        let mut waiting = vec![root];
        while let Some(number) = waiting.pop() {
            let page = self.page(number).ok_or_else(|| damaged("it is cut off"))?;
            match seen.get_mut(number) {
                Some(seen) if !*seen => *seen = true,
                _ => return Err(damaged("its tree has a circle")),
            }
            let cells = Cells::of(page, if number == 1 { FILE_HEADER } else { 0 }).ok_or_else(broken_page)?;
            for index in 0..cells.count {
                let cell = cells.cell(index).ok_or_else(broken_page)?;
                if cells.kind == LEAF {
                    visit(&self.payload(cell, &mut budget)?)?;
                } else {
                    waiting.push(Endian::Big.size(cell, 0).ok_or_else(broken_page)?);
                }
                if waiting.len() > seen.len() {
                    return Err(damaged("its tree has a circle"));
                }
            }
            waiting.extend(cells.last_child);
        }
        Ok(())
    }

    /// The record in a cell of a leaf, gathered from overflow pages where it does not fit.
    fn payload(&self, cell: &'a [u8], budget: &mut Budget) -> Result<Cow<'a, [u8]>, Unreadable> {
        let (length, rest) = varint(cell).ok_or_else(broken_page)?;
        let (_row, rest) = varint(rest).ok_or_else(broken_page)?;
        let length = usize::try_from(length).map_err(|_| broken_page())?;
        budget.spend(length)?;
        let local = self.local(length);
        let here = rest.get(..local).ok_or_else(broken_page)?;
        if local == length {
            return Ok(Cow::Borrowed(here));
        }
        let first = Endian::Big.size(rest, local).ok_or_else(broken_page)?;
        Ok(Cow::Owned(self.gathered(here, first, length)?))
    }

    /// How much of a record of that length lies in its leaf.
    fn local(&self, length: usize) -> usize {
        let most = self.usable - 35;
        if length <= most {
            return length;
        }
        let least = (self.usable - 12) * 32 / 255 - 23;
        let fitting = least + (length - least) % (self.usable - 4);
        if fitting <= most { fitting } else { least }
    }

    /// Every overflow page adds as much as it can hold, so the length bounds the chain.
    fn gathered(&self, here: &[u8], first: usize, length: usize) -> Result<Vec<u8>, Unreadable> {
        let broken = || damaged("a chain of overflow pages is broken");
        let mut gathered = here.to_vec();
        let mut number = first;
        while gathered.len() < length {
            let page = self.page(number).ok_or_else(broken)?;
            let part = (length - gathered.len()).min(self.usable - 4);
            gathered.extend_from_slice(slice(page, 4, part).ok_or_else(broken)?);
            number = Endian::Big.size(page, 0).ok_or_else(broken)?;
        }
        Ok(gathered)
    }
}

/// The cells of a page of a table's tree.
struct Cells<'a> {
    page: &'a [u8],
    kind: u8,
    count: usize,
    pointers: &'a [u8],
    last_child: Option<usize>,
}

impl<'a> Cells<'a> {
    /// None when it is no such page.
    fn of(page: &'a [u8], start: usize) -> Option<Self> {
        let kind = *page.get(start)?;
        let count = usize::from(Endian::Big.u16(page, start + 3)?);
        let (header, last_child) = match kind {
            LEAF => (8, None),
            INTERIOR => (12, Some(Endian::Big.size(page, start + 8)?)),
            _ => return None,
        };
        Some(Self { page, kind, count, pointers: slice(page, start + header, 2 * count)?, last_child })
    }

    fn cell(&self, index: usize) -> Option<&'a [u8]> {
        self.page.get(usize::from(Endian::Big.u16(self.pointers, 2 * index)?)..)
    }
}

/// A number of one to nine bytes, and what follows it.
fn varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut value = 0;
    for (index, byte) in bytes.iter().enumerate().take(9) {
        if index == 8 {
            return Some((value << 8 | u64::from(*byte), bytes.get(9..)?));
        }
        value = value << 7 | u64::from(byte & 0x7f);
        if byte & 0x80 == 0 {
            return Some((value, bytes.get(index + 1..)?));
        }
    }
    None
}

/// The bytes of a column of a record: kinds of all columns first, then their values.
fn column(record: &[u8], wanted: usize) -> Option<&[u8]> {
    let (header, kinds) = varint(record)?;
    let header = usize::try_from(header).ok()?;
    let mut kinds = kinds.get(..header.checked_sub(record.len() - kinds.len())?)?;
    let mut at = header;
    for _ in 0..wanted {
        let (kind, rest) = varint(kinds)?;
        at = at.checked_add(width(kind)?)?;
        kinds = rest;
    }
    slice(record, at, width(varint(kinds)?.0)?)
}

/// How many bytes a value of a kind takes.
fn width(kind: u64) -> Option<usize> {
    Some(match kind {
        0 | 8 | 9 => 0,
        1..=4 => usize::try_from(kind).ok()?,
        5 => 6,
        6 | 7 => 8,
        10 | 11 => return None,
        _ => usize::try_from((kind - 12) / 2).ok()?,
    })
}

/// A positive number in as many bytes as it needed.
fn number(bytes: &[u8]) -> Option<usize> {
    let positive = !bytes.is_empty() && bytes.len() <= 8 && bytes.first()? & 0x80 == 0;
    positive.then(|| bytes.iter().fold(0, |value: u64, byte| value << 8 | u64::from(*byte)))?.try_into().ok()
}

fn broken_page() -> Unreadable {
    damaged("a page is no page of a table")
}

#[cfg(test)]
mod tests {
    use super::super::tests::DATABASES;
    use super::*;

    fn count(bytes: &[u8]) -> Result<usize, Unreadable> {
        let mut headers = 0;
        each_header(bytes, &mut |_| {
            headers += 1;
            Ok(())
        })?;
        Ok(headers)
    }

    fn packages_root(bytes: &[u8]) -> usize {
        Database::open(bytes).unwrap().root_of_packages().unwrap()
    }

    #[test]
    fn numbers_of_any_width_are_read() {
        assert_eq!(varint(&[0x7f, 1]), Some((0x7f, &[1][..])));
        assert_eq!(varint(&[0x81, 0x00]), Some((0x80, &[][..])));
        assert_eq!(varint(&[0xff; 9]), Some((u64::MAX, &[][..])));
        assert_eq!(varint(&[0xff; 8]), None);
        assert_eq!(number(&[1, 0]), Some(256));
        assert_eq!(number(&[0xff]), None);
    }

    #[test]
    fn columns_are_found_behind_those_before_them() {
        // A null, a number of two bytes, a text of three.
        let record = [4, 0, 2, 19, 0x01, 0x02, b'a', b'b', b'c'];
        assert_eq!(column(&record, 0), Some(&[][..]));
        assert_eq!(column(&record, 1), Some(&[1, 2][..]));
        assert_eq!(column(&record, 2), Some(&b"abc"[..]));
        assert_eq!(column(&record, 3), None);
        assert_eq!(column(&[0], 0), None);
    }

    #[test]
    fn a_tree_that_circles_is_refused() {
        let mut bytes = DATABASES[2].1.to_vec();
        assert_eq!(count(&bytes), Ok(4));
        let root = packages_root(&bytes);
        let at = (root - 1) * 4096;
        bytes[at] = INTERIOR;
        bytes[at + 3..at + 5].fill(0);
        bytes[at + 8..at + 12].copy_from_slice(&u32::try_from(root).unwrap().to_be_bytes());

        assert!(count(&bytes).is_err());
    }

    #[test]
    fn rows_that_share_their_bytes_are_refused() {
        let mut bytes = DATABASES[2].1.to_vec();
        let at = (packages_root(&bytes) - 1) * 4096;
        // As many cells as there is room for pointers up to where cells begin, all of them the first.
        let cell = bytes[at + 8..at + 10].to_vec();
        let room = usize::from(Endian::Big.u16(&bytes, at + 5).unwrap()) - 8;
        for pointer in bytes[at + 8..at + 8 + room / 2 * 2].chunks_exact_mut(2) {
            pointer.copy_from_slice(&cell);
        }
        bytes[at + 3..at + 5].copy_from_slice(&u16::try_from(room / 2).unwrap().to_be_bytes());

        assert!(count(&bytes).is_err());
    }

    #[test]
    fn a_database_without_packages_is_damaged_not_empty() {
        let mut bytes = DATABASES[2].1.to_vec();
        let name = bytes.windows(8).position(|window| window == b"Packages").unwrap();
        bytes[name] = b'p';

        assert!(count(&bytes).is_err());
    }
}
