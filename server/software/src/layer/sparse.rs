//! Files with holes: of their bytes only those that are not zero are in the archive.

use super::header::{BLOCK, Block, number};
use super::pax::decimal;
use super::refused::Refused;

/// A run of bytes that is in the archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) from: u64,
    pub(super) length: u64,
}

/// All of a file's, in order.
pub(super) type Places = Vec<Place>;

/// More are refused; what Go reads in its 1 MiB of map is about this many.
const MOST: usize = 100_000;

/// Checks that places lie one behind another within the file and that together they are the data that the archive has.
pub(super) fn check(places: &[Place], size: u64, data: u64) -> Result<(), Refused> {
    let mut end = 0;
    let mut held: u64 = 0;
    for place in places {
        let to = place.from.checked_add(place.length).filter(|to| *to <= size && place.from >= end);
        end = to.ok_or_else(|| Refused::corrupt("a sparse file whose places overlap or lie outside"))?;
        held = held.saturating_add(place.length);
    }
    if held == data { Ok(()) } else { Err(Refused::corrupt("a sparse file whose places and data differ")) }
}

/// Adds the places that a GNU header or one of its extension blocks holds, 24 bytes each; an empty one ends them.
pub(super) fn add(places: &mut Places, fields: &[u8]) -> Result<(), Refused> {
    for field in fields.chunks_exact(24) {
        let (from, length) = field.split_at(12);
        if from.first() == Some(&0) || length.first() == Some(&0) {
            break;
        }
        match (number(from), number(length)) {
            (Some(from), Some(length)) if places.len() < MOST => places.push(Place { from, length }),
            _ => return Err(Refused::corrupt("a sparse file whose places cannot be read")),
        }
    }
    Ok(())
}

/// The places and whether another block follows, in an extension block.
pub(super) fn extension(block: &Block) -> (&[u8], bool) {
    (block.get(..504).unwrap_or_default(), block[504] != 0)
}

/// Reads places that are written in front of the data: lines of decimal numbers, first how many there are, padded to a
/// block. `next` gives a block and is called for as many as the lines take.
pub(super) fn in_front(mut next: impl FnMut() -> Result<Block, Refused>) -> Result<Places, Refused> {
    let mut lines = Lines { next: &mut next, block: [0; BLOCK], at: BLOCK };
    let count = lines.number()?;
    if count > MOST as u64 {
        return Err(Refused::corrupt("a sparse file with too many places"));
    }
    let mut places = Places::new();
    for _ in 0..count {
        places.push(Place { from: lines.number()?, length: lines.number()? });
    }
    Ok(places)
}

struct Lines<'n> {
    next: &'n mut dyn FnMut() -> Result<Block, Refused>,
    block: Block,
    at: usize,
}

impl Lines<'_> {
    fn number(&mut self) -> Result<u64, Refused> {
        let mut digits = Vec::new();
        loop {
            if self.at >= BLOCK {
                self.block = (self.next)()?;
                self.at = 0;
            }
            let byte = self.block.get(self.at).copied().unwrap_or_default();
            self.at += 1;
            match byte {
                b'\n' => return decimal(&digits),
                _ if digits.len() < 20 => digits.push(byte),
                _ => return Err(Refused::corrupt("a sparse file whose places cannot be read")),
            }
        }
    }
}
