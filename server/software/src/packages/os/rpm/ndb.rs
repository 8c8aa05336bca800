//! rpm's own container: pages of slots, each pointing at a blob, numbers in little-endian (`lib/backend/ndb/rpmpkg.c`
//! of rpm describes it). SUSE's releases use it.

use super::fields::{Budget, Endian, slice};
use super::{Visit, damaged};
use crate::packages::Unreadable;

const FILE_MAGIC: &[u8] = b"RpmP";
const SLOT_MAGIC: &[u8] = b"Slot";
const BLOB_MAGIC: &[u8] = b"BlbS";
const PAGE: usize = 4096;
/// The file's own header takes the room of two slots.
const FILE_HEADER: usize = 32;
/// Magic, package number, block, blocks.
const SLOT: usize = 16;
/// Magic, package number, generation, length.
const BLOB_HEADER: usize = 16;
/// Places are counted in blocks.
const BLOCK: usize = 16;

pub(super) fn is_it(bytes: &[u8]) -> bool {
    bytes.starts_with(FILE_MAGIC)
}

pub(super) fn each_header(bytes: &[u8], visit: &mut Visit<'_>) -> Result<(), Unreadable> {
    if Endian::Little.u32(bytes, 4) != Some(0) {
        return Err(damaged("its version of ndb is not known"));
    }
    let mut budget = Budget::of(bytes);
    let slots = slots(bytes).ok_or_else(|| damaged("its slots are cut off"))?;
    for slot in slots.chunks_exact(SLOT) {
        if !slot.starts_with(SLOT_MAGIC) {
            return Err(damaged("a slot is no slot"));
        }
        if Endian::Little.u32(slot, 4) == Some(0) {
            continue;
        }
        let blob = blob(bytes, slot).ok_or_else(|| damaged("a slot points at no header"))?;
        budget.spend(blob.len())?;
        visit(blob)?;
    }
    Ok(())
}

fn slots(bytes: &[u8]) -> Option<&[u8]> {
    let pages = Endian::Little.size(bytes, 12).filter(|pages| *pages > 0)?;
    bytes.get(FILE_HEADER..pages.checked_mul(PAGE)?)
}

/// The blob that a slot points at, which repeats the number of its package.
fn blob<'a>(bytes: &'a [u8], slot: &[u8]) -> Option<&'a [u8]> {
    let start = Endian::Little.size(slot, 8)?.checked_mul(BLOCK)?;
    let blob = bytes.get(start..).filter(|blob| blob.starts_with(BLOB_MAGIC))?;
    if Endian::Little.u32(blob, 4) != Endian::Little.u32(slot, 4) {
        return None;
    }
    slice(blob, BLOB_HEADER, Endian::Little.size(blob, 12)?)
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

    #[test]
    fn free_slots_hold_nothing() {
        let mut bytes = DATABASES[1].1.to_vec();
        assert_eq!(count(&bytes), Ok(4));

        bytes[FILE_HEADER + 4..FILE_HEADER + 8].fill(0);
        assert_eq!(count(&bytes), Ok(3));
    }

    #[test]
    fn absurd_counts_and_places_are_refused() {
        for at in [12, FILE_HEADER + 8, FILE_HEADER + 4] {
            let mut bytes = DATABASES[1].1.to_vec();
            bytes[at..at + 4].fill(0xff);
            assert!(count(&bytes).is_err(), "{at}");
        }
    }

    #[test]
    fn slots_that_share_one_blob_are_refused() {
        let mut bytes = DATABASES[1].1.to_vec();
        let slot = bytes[FILE_HEADER..FILE_HEADER + SLOT].to_vec();
        for copy in bytes[FILE_HEADER..PAGE].chunks_exact_mut(SLOT) {
            copy.copy_from_slice(&slot);
        }
        assert!(count(&bytes).is_err());
    }
}
