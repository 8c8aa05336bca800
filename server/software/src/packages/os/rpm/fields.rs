//! Numbers at places in bytes, and a bound on how much may be gathered from them.

use super::damaged;
use crate::packages::Unreadable;

/// The order of the bytes of a number.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Endian {
    Little,
    Big,
}

impl Endian {
    pub(super) fn u16(self, bytes: &[u8], at: usize) -> Option<u16> {
        let field = *bytes.get(at..)?.first_chunk()?;
        Some(if self == Self::Little { u16::from_le_bytes(field) } else { u16::from_be_bytes(field) })
    }

    pub(super) fn u32(self, bytes: &[u8], at: usize) -> Option<u32> {
        let field = *bytes.get(at..)?.first_chunk()?;
        Some(if self == Self::Little { u32::from_le_bytes(field) } else { u32::from_be_bytes(field) })
    }

    /// A `u32` used as a length or a place.
    pub(super) fn size(self, bytes: &[u8], at: usize) -> Option<usize> {
        usize::try_from(self.u32(bytes, at)?).ok()
    }
}

/// The `length` bytes at a place.
pub(super) fn slice(bytes: &[u8], at: usize, length: usize) -> Option<&[u8]> {
    bytes.get(at..at.checked_add(length)?)
}

/// How many more bytes of headers a file may give. Headers do not share bytes, so all of them together are no longer
/// than the file; one that gives more refers to the same bytes again and again.
pub(super) struct Budget(usize);

impl Budget {
    pub(super) fn of(file: &[u8]) -> Self {
        Self(file.len())
    }

    /// # Errors
    /// When the file gives more than it holds.
    pub(super) fn spend(&mut self, length: usize) -> Result<(), Unreadable> {
        self.0 = self.0.checked_sub(length).ok_or_else(|| damaged("its headers are longer than the file"))?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_in_either_order_and_never_past_the_end() {
        assert_eq!(Endian::Little.u16(&[1, 2], 0), Some(0x0201));
        assert_eq!(Endian::Big.u32(&[9, 1, 2, 3, 4], 1), Some(0x0102_0304));
        assert_eq!(Endian::Big.u32(&[1, 2, 3, 4], 1), None);
        assert_eq!(slice(&[1, 2, 3], 1, usize::MAX), None);
    }

    #[test]
    fn a_budget_is_spent_once() {
        let mut budget = Budget::of(&[0; 10]);
        assert!(budget.spend(6).is_ok());
        assert!(budget.spend(5).is_err());
    }
}
