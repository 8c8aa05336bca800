//! Berkeley DB's hash container, as rpm used it until 4.16: a page of metadata, pages of items, and chains of overflow
//! pages for items too big for one (`src/dbinc/db_page.h` of Berkeley DB 5.3). Numbers are in the order of the machine
//! that wrote them.
//!
//! The hash function does not matter: every page is visited once and what lies in it is taken.

use super::fields::{Budget, Endian, slice};
use super::{Visit, damaged};
use crate::packages::Unreadable;

const MAGIC: u32 = 0x0006_1561;
const MAGIC_AT: usize = 12;

/// Kinds of pages.
const METADATA: u8 = 8;
const OVERFLOW: u8 = 7;
const ITEMS: [u8; 2] = [2, 13];

/// Kinds of items.
const INLINE: u8 = 1;
const ON_OVERFLOW_PAGES: u8 = 3;

/// What every page begins with: log position, number, previous, next, entries, length, level, kind.
const PAGE_HEADER: usize = 26;
const NEXT_AT: usize = 16;
const ENTRIES_AT: usize = 20;
const LENGTH_AT: usize = 22;
const KIND_AT: usize = 25;

pub(super) fn is_it(bytes: &[u8]) -> bool {
    endian(bytes).is_some()
}

fn endian(bytes: &[u8]) -> Option<Endian> {
    [Endian::Little, Endian::Big].into_iter().find(|endian| endian.u32(bytes, MAGIC_AT) == Some(MAGIC))
}

pub(super) fn each_header(bytes: &[u8], visit: &mut Visit<'_>) -> Result<(), Unreadable> {
    let pages = Pages::of(bytes)?;
    let mut budget = Budget::of(bytes);
    for page in pages.bytes.chunks_exact(pages.size).skip(1) {
        if !page.get(KIND_AT).is_some_and(|kind| ITEMS.contains(kind)) {
            continue;
        }
        let entries = pages.endian.u16(page, ENTRIES_AT).unwrap_or(0);
        for key in (0..usize::from(entries)).step_by(2) {
            pages.visit_pair(page, key, &mut budget, visit)?;
        }
    }
    Ok(())
}

struct Pages<'a> {
    bytes: &'a [u8],
    size: usize,
    endian: Endian,
}

impl<'a> Pages<'a> {
    fn of(bytes: &'a [u8]) -> Result<Self, Unreadable> {
        let endian = endian(bytes).ok_or_else(|| damaged("it has no metadata"))?;
        let size = endian.size(bytes, 20).filter(|size| size.is_power_of_two() && (512..=65_536).contains(size));
        let size = size.ok_or_else(|| damaged("its page size is none"))?;
        // Encryption, then the kind of page, then flags of which the first means checksums.
        match bytes.get(24..27) {
            Some([0, METADATA, flags]) if flags & 1 == 0 => {}
            _ => return Err(damaged("it is encrypted, has checksums or is no hash")),
        }
        let length = endian.size(bytes, 32).and_then(|last| last.checked_add(1)?.checked_mul(size));
        let bytes = length.and_then(|length| bytes.get(..length)).ok_or_else(|| damaged("it is cut off"))?;
        Ok(Self { bytes, size, endian })
    }

    /// Visits the value of the pair whose key has that index in the page.
    fn visit_pair(
        &self,
        page: &'a [u8],
        key: usize,
        budget: &mut Budget,
        visit: &mut Visit<'_>,
    ) -> Result<(), Unreadable> {
        let broken = || damaged("an item lies outside its page");
        // Items fill a page from its end: each ends where the one before it begins.
        let end = if key == 0 { self.size } else { self.place(page, key - 1).ok_or_else(broken)? };
        let middle = self.place(page, key).ok_or_else(broken)?;
        let start = self.place(page, key + 1).ok_or_else(broken)?;
        let name = page.get(middle..end).ok_or_else(broken)?;
        let value = page.get(start..middle).ok_or_else(broken)?;
        if matches!(name, [INLINE, 0, 0, 0, 0]) {
            // Under the number zero rpm keeps the last number given to a package.
            return Ok(());
        }
        match value {
            [INLINE, header @ ..] => {
                budget.spend(header.len())?;
                visit(header)
            }
            [ON_OVERFLOW_PAGES, ..] => visit(&self.gathered(value, budget)?),
            _ => Err(damaged("an item is of a kind that rpm does not write")),
        }
    }

    /// Where the item with an index begins in its page.
    fn place(&self, page: &[u8], index: usize) -> Option<usize> {
        self.endian.u16(page, PAGE_HEADER + 2 * index).map(usize::from)
    }

    /// What a chain of overflow pages holds. Every page must add something, so that a chain in a circle ends.
    fn gathered(&self, item: &[u8], budget: &mut Budget) -> Result<Vec<u8>, Unreadable> {
        let broken = || damaged("a chain of overflow pages is broken");
        let mut number = self.endian.size(item, 4).ok_or_else(broken)?;
        let length = self.endian.size(item, 8).ok_or_else(broken)?;
        budget.spend(length)?;
        let mut gathered = Vec::new();
        while gathered.len() < length {
            let page =
                number.checked_mul(self.size).and_then(|at| slice(self.bytes, at, self.size)).ok_or_else(broken)?;
            let part = self.endian.u16(page, LENGTH_AT).and_then(|part| slice(page, PAGE_HEADER, usize::from(part)));
            let part = part.filter(|part| !part.is_empty() && part.len() <= length - gathered.len());
            if page.get(KIND_AT) != Some(&OVERFLOW) {
                return Err(broken());
            }
            gathered.extend_from_slice(part.ok_or_else(broken)?);
            number = self.endian.size(page, NEXT_AT).ok_or_else(broken)?;
        }
        Ok(gathered)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::DATABASES;
    use super::*;

    const PAGE: usize = 512;

    /// A metadata page and one page of items, in an order of bytes, holding one pair: key 1, an inline value.
    fn small(endian: Endian, value: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0; 2 * PAGE];
        let mut put = |at: usize, number: u32, width: usize| {
            let field = if endian == Endian::Little { number.to_le_bytes() } else { number.to_be_bytes() };
            let field = if endian == Endian::Little { &field[..width] } else { &field[4 - width..] };
            bytes[at..at + width].copy_from_slice(field);
        };
        put(MAGIC_AT, MAGIC, 4);
        put(20, u32::try_from(PAGE).unwrap(), 4);
        put(KIND_AT, u32::from(METADATA), 1);
        put(32, 1, 4);
        let start = PAGE - 5 - value.len();
        put(PAGE + ENTRIES_AT, 2, 2);
        put(PAGE + KIND_AT, 13, 1);
        put(PAGE + PAGE_HEADER, u32::try_from(PAGE - 5).unwrap(), 2);
        put(PAGE + PAGE_HEADER + 2, u32::try_from(start).unwrap(), 2);
        bytes[PAGE + start..2 * PAGE - 5].copy_from_slice(value);
        bytes[2 * PAGE - 5..].copy_from_slice(&[INLINE, 1, 0, 0, 0]);
        bytes
    }

    fn headers(bytes: &[u8]) -> Result<Vec<Vec<u8>>, Unreadable> {
        let mut headers = Vec::new();
        each_header(bytes, &mut |header| {
            headers.push(header.to_vec());
            Ok(())
        })?;
        Ok(headers)
    }

    #[test]
    fn items_within_a_page_are_read_in_either_order_of_bytes() {
        for endian in [Endian::Little, Endian::Big] {
            let bytes = small(endian, b"\x01within");
            assert_eq!(headers(&bytes), Ok(vec![b"within".to_vec()]));
        }
    }

    #[test]
    fn kinds_that_rpm_does_not_write_are_refused() {
        assert!(headers(&small(Endian::Little, b"\x02duplicates")).is_err());
        let mut encrypted = small(Endian::Little, b"\x01within");
        encrypted[24] = 1;
        assert!(headers(&encrypted).is_err());
    }

    #[test]
    fn a_chain_that_breaks_off_circles_or_adds_nothing_is_refused() {
        let honest = DATABASES[0].1;
        let first = (1..honest.len() / 4096).find(|page| honest[page * 4096 + KIND_AT] == OVERFLOW).unwrap() * 4096;
        assert_eq!(headers(honest).unwrap().len(), 4);

        for (at, bytes) in [(KIND_AT, vec![0]), (LENGTH_AT, vec![0, 0]), (LENGTH_AT, vec![0xff, 0xff])] {
            let mut broken = honest.to_vec();
            broken[first + at..first + at + bytes.len()].copy_from_slice(&bytes);
            assert!(headers(&broken).is_err(), "{at} {bytes:?}");
        }
    }

    #[test]
    fn items_that_share_one_chain_are_refused() {
        let mut bytes = DATABASES[0].1.to_vec();
        let items: Vec<_> =
            (1..bytes.len() / 4096).filter(|page| ITEMS.contains(&bytes[page * 4096 + KIND_AT])).collect();
        for page in items {
            let at = page * 4096;
            let entries = usize::from(Endian::Little.u16(&bytes, at + ENTRIES_AT).unwrap());
            for index in (1..entries).step_by(2) {
                let item = at + usize::from(Endian::Little.u16(&bytes, at + PAGE_HEADER + 2 * index).unwrap());
                if bytes[item] == ON_OVERFLOW_PAGES {
                    bytes[item + 8..item + 12].copy_from_slice(&30_000_u32.to_le_bytes());
                }
            }
        }
        assert!(headers(&bytes).is_err());
    }
}
