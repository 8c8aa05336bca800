//! An rpm header: an index of tagged entries and the data they point into, numbers in big-endian
//! (<https://rpm-software-management.github.io/rpm/manual/format_header.html>; in a database the magic is left out).

use super::super::text;
use super::damaged;
use super::fields::{Endian, slice};
use crate::packages::Unreadable;

pub(super) const NAME: u32 = 1000;
pub(super) const VERSION: u32 = 1001;
pub(super) const RELEASE: u32 = 1002;
pub(super) const EPOCH: u32 = 1003;
pub(super) const LICENCE: u32 = 1014;
pub(super) const ARCHITECTURE: u32 = 1022;
pub(super) const SOURCE: u32 = 1044;

const INT32: u32 = 4;
/// A string, an array of strings, a string in several languages: the first one is what is wanted of each.
const STRINGS: [u32; 3] = [6, 8, 9];

/// Tag, type, offset and count, four bytes each.
const ENTRY: usize = 16;
/// rpm's own bound.
const MOST_ENTRIES: usize = 0xffff;

pub(super) struct Header<'a> {
    index: &'a [u8],
    data: &'a [u8],
}

impl<'a> Header<'a> {
    /// # Errors
    /// When the lengths it states are not those it has.
    pub(super) fn parse(blob: &'a [u8]) -> Result<Self, Unreadable> {
        Self::split(blob).ok_or_else(|| damaged("a header is cut off or no header"))
    }

    fn split(blob: &'a [u8]) -> Option<Self> {
        let entries = Endian::Big.size(blob, 0).filter(|entries| (1..=MOST_ENTRIES).contains(entries))?;
        let index = slice(blob, 8, entries * ENTRY)?;
        let data = slice(blob, 8 + index.len(), Endian::Big.size(blob, 4)?)?;
        Some(Self { index, data })
    }

    /// The entry with a tag: its type and the data from where it begins.
    fn entry(&self, tag: u32) -> Option<(u32, &'a [u8])> {
        let entry = self.index.chunks_exact(ENTRY).find(|entry| Endian::Big.u32(entry, 0) == Some(tag))?;
        let data = self.data.get(Endian::Big.size(entry, 8)?..)?;
        Some((Endian::Big.u32(entry, 4)?, data))
    }

    /// The text of a tag; none where there is no such tag or no text in it.
    ///
    /// # Errors
    /// When it does not end or is absurdly long.
    pub(super) fn text(&self, tag: u32) -> Result<Option<String>, Unreadable> {
        let Some((_, data)) = self.entry(tag).filter(|(kind, _)| STRINGS.contains(kind)) else { return Ok(None) };
        let end = data.iter().position(|byte| *byte == 0).ok_or_else(|| damaged("a text in a header has no end"))?;
        let text = text(data.get(..end).unwrap_or_default())?;
        Ok(Some(text).filter(|text| !text.is_empty()))
    }

    /// The number of a tag.
    pub(super) fn number(&self, tag: u32) -> Option<u32> {
        let (kind, data) = self.entry(tag)?;
        (kind == INT32).then(|| Endian::Big.u32(data, 0)).flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A header of entries: tag, type, bytes.
    fn header(entries: &[(u32, u32, &[u8])]) -> Vec<u8> {
        let mut index = Vec::new();
        let mut data: Vec<u8> = Vec::new();
        for (tag, kind, bytes) in entries {
            for field in [*tag, *kind, data.len().try_into().unwrap(), 1] {
                index.extend(field.to_be_bytes());
            }
            data.extend(*bytes);
        }
        let mut blob = u32::try_from(entries.len()).unwrap().to_be_bytes().to_vec();
        blob.extend(u32::try_from(data.len()).unwrap().to_be_bytes());
        blob.extend(index);
        blob.extend(data);
        blob
    }

    #[test]
    fn texts_and_numbers_are_found_by_tag() {
        let blob = header(&[(NAME, 6, b"bash\0"), (EPOCH, 4, &[0, 0, 0, 2]), (LICENCE, 9, b"\0")]);
        let parsed = Header::parse(&blob).unwrap();

        assert_eq!(parsed.text(NAME).unwrap().as_deref(), Some("bash"));
        assert_eq!(parsed.number(EPOCH), Some(2));
        assert_eq!(parsed.text(LICENCE), Ok(None));
        assert_eq!(parsed.text(RELEASE), Ok(None));
        assert_eq!(parsed.number(NAME), None);
    }

    #[test]
    fn stated_lengths_are_not_believed() {
        let mut blob = header(&[(NAME, 6, b"bash\0")]);
        assert!(Header::parse(&blob[..blob.len() - 1]).is_err());
        blob[..4].copy_from_slice(&u32::MAX.to_be_bytes());
        assert!(Header::parse(&blob).is_err());

        let endless = header(&[(NAME, 6, b"bash")]);
        assert!(Header::parse(&endless).unwrap().text(NAME).is_err());
    }
}
