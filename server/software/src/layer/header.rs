//! One 512-byte header of a tar archive: v7, ustar, star and GNU.
//!
//! Where the formats leave room, this reads what Go's `archive/tar` reads: container runtimes unpack with it, and a reader
//! of its own mind could be shown other files than run.

use super::refused::Refused;

/// Bytes of a block.
pub(super) const BLOCK: usize = 512;

/// One block of an archive.
pub(super) type Block = [u8; BLOCK];

/// The variants of the format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    V7,
    Ustar,
    Star,
    Gnu,
}

/// A header whose checksum holds.
pub(super) struct Header(Block);

impl Header {
    /// # Errors
    /// When the checksum is wrong: the archive is damaged or something else.
    pub(super) fn new(block: Block) -> Result<Self, Refused> {
        let header = Self(block);
        let stated = octal(header.field(148, 8)).ok_or_else(|| Refused::corrupt("a header without a checksum"))?;
        let counted =
            || header.0.iter().enumerate().map(|(at, byte)| if (148..156).contains(&at) { b' ' } else { *byte });
        let unsigned: u64 = counted().map(u64::from).sum();
        // Some old programs added up signed bytes.
        let signed: i64 = counted().map(|byte| i64::from(byte.cast_signed())).sum();
        if stated == unsigned || i64::try_from(stated) == Ok(signed) {
            Ok(header)
        } else {
            Err(Refused::corrupt("a header whose checksum is wrong"))
        }
    }

    /// The byte that says what the entry is.
    pub(super) fn flag(&self) -> u8 {
        self.0[156]
    }

    /// The mode's permission, setuid, setgid and sticky bits.
    pub(super) fn mode(&self) -> Result<u32, Refused> {
        let mode = number(self.field(100, 8)).ok_or_else(|| Refused::corrupt("a mode that is no number"))?;
        Ok((mode & 0o7777) as u32)
    }

    /// Bytes of data that follow.
    pub(super) fn size(&self) -> Result<u64, Refused> {
        number(self.field(124, 12)).ok_or_else(|| Refused::corrupt("a size that is no number"))
    }

    /// The path, as far as the header holds it.
    pub(super) fn path(&self) -> Vec<u8> {
        let name = text(self.field(0, 100));
        let prefix = match self.format() {
            Format::V7 => &[],
            Format::Ustar => text(self.field(345, 155)),
            Format::Star => text(self.field(345, 131)),
            Format::Gnu => self.prefix_by_mistake(),
        };
        if prefix.is_empty() { name.to_vec() } else { [prefix, b"/", name].concat() }
    }

    /// The target of a link, as far as the header holds it.
    pub(super) fn target(&self) -> &[u8] {
        text(self.field(157, 100))
    }

    pub(super) fn is_gnu(&self) -> bool {
        self.format() == Format::Gnu
    }

    /// Of a GNU sparse file: its size with the holes.
    pub(super) fn sparse_size(&self) -> Result<u64, Refused> {
        number(self.field(483, 12)).ok_or_else(|| Refused::corrupt("a sparse file whose size is no number"))
    }

    /// Of a GNU sparse file: the four places of data that the header holds, and whether blocks with more follow.
    pub(super) fn sparse_places(&self) -> (&[u8], bool) {
        (self.field(386, 96), self.0[482] != 0)
    }

    /// Go before 1.8 wrote a prefix into GNU headers, where the times of access and change are. It shows in that those
    /// are no numbers.
    fn prefix_by_mistake(&self) -> &[u8] {
        let is_time = |field: &[u8]| field.first() == Some(&0) || number(field).is_some();
        let prefix = text(self.field(345, 155));
        let mistaken = !(is_time(self.field(345, 12)) && is_time(self.field(357, 12)));
        if mistaken && prefix.is_ascii() { prefix } else { &[] }
    }

    fn format(&self) -> Format {
        match (self.field(257, 6), self.field(263, 2), self.field(508, 4)) {
            (b"ustar\0", _, b"tar\0") => Format::Star,
            (b"ustar\0", ..) => Format::Ustar,
            (b"ustar ", b" \0", _) => Format::Gnu,
            _ => Format::V7,
        }
    }

    fn field(&self, from: usize, length: usize) -> &[u8] {
        self.0.get(from..from + length).unwrap_or_default()
    }
}

/// What comes before the first NUL.
pub(super) fn text(field: &[u8]) -> &[u8] {
    field.split(|byte| *byte == 0).next().unwrap_or_default()
}

/// A number: octal digits, or big-endian binary behind a set first bit. None for what is neither, is negative or does not
/// fit.
pub(super) fn number(field: &[u8]) -> Option<u64> {
    match field.split_first() {
        Some((first, rest)) if first & 0x80 != 0 => {
            // The second bit is the sign.
            let start = (first & 0x40 == 0).then_some(u64::from(first & 0x3f))?;
            rest.iter().try_fold(start, |value, byte| Some(value.checked_mul(256)? | u64::from(*byte)))
        }
        _ => octal(field),
    }
}

/// Octal digits between spaces and NULs; nothing is zero.
fn octal(field: &[u8]) -> Option<u64> {
    let blank = |byte: &u8| matches!(byte, b' ' | 0);
    let from = field.iter().position(|byte| !blank(byte)).unwrap_or(field.len());
    let to = field.iter().rposition(|byte| !blank(byte)).map_or(from, |last| last + 1);
    text(field.get(from..to)?).iter().try_fold(0_u64, |value, byte| match byte {
        b'0'..=b'7' => Some(value.checked_mul(8)? | u64::from(byte - b'0')),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_octal_or_binary() {
        assert_eq!(number(b"0000644\0"), Some(0o644));
        assert_eq!(number(b"   1750 \0"), Some(0o1750));
        assert_eq!(number(&[0; 12]), Some(0));
        assert_eq!(number(&[0x80, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0]), Some(2 << 32));

        assert_eq!(number(b"00000x4\0"), None);
        assert_eq!(number(b"00000084"), None);
        assert_eq!(number(&[0xff; 12]), None);
        assert_eq!(number(&[0x80, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]), None);
    }
}
