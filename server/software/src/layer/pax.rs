//! Extended headers: records that say more of the entry that follows than its own header can.

use super::header::text;
use super::refused::Refused;
use super::sparse::{Place, Places};

/// What is read of an extended header or of a long name at most: 1 MiB, as Go reads.
pub(super) const LIMIT: u64 = 1 << 20;

/// What extended headers say of the entry that follows; an entry's own header counts where they say nothing.
#[derive(Debug, Default)]
pub(super) struct Extended {
    pub(super) path: Option<Vec<u8>>,
    pub(super) target: Option<Vec<u8>>,
    pub(super) size: Option<u64>,
    major: String,
    minor: String,
    sparse_name: Option<Vec<u8>>,
    sparse_size: Option<u64>,
    sparse_map: Option<Vec<u64>>,
}

/// What extended headers say of a sparse file.
#[derive(Debug)]
pub(super) struct Sparse {
    pub(super) path: Option<Vec<u8>>,
    /// Bytes, with the holes.
    pub(super) size: Option<u64>,
    /// Where its data belongs; none when that is written in front of the data.
    pub(super) places: Option<Places>,
}

impl Extended {
    /// Reads the records: `LENGTH KEY=VALUE\n`, the length counting all of it.
    ///
    /// # Errors
    /// When they are malformed: then it cannot be known which file the entry is.
    pub(super) fn read(mut records: &[u8]) -> Result<Self, Refused> {
        let mut extended = Self::default();
        while !records.is_empty() {
            let (key, value, rest) =
                record(records).ok_or_else(|| Refused::corrupt("an extended header is malformed"))?;
            extended.take(key, value)?;
            records = rest;
        }
        Ok(extended)
    }

    fn take(&mut self, key: &[u8], value: &[u8]) -> Result<(), Refused> {
        let some = || (!value.is_empty()).then(|| value.to_vec());
        match key {
            b"path" => self.path = some(),
            b"linkpath" => self.target = some(),
            b"size" => self.size = optional(value)?,
            b"GNU.sparse.major" => self.major = String::from_utf8_lossy(value).into_owned(),
            b"GNU.sparse.minor" => self.minor = String::from_utf8_lossy(value).into_owned(),
            b"GNU.sparse.name" => self.sparse_name = some(),
            b"GNU.sparse.size" | b"GNU.sparse.realsize" => self.sparse_size = optional(value)?,
            b"GNU.sparse.map" => {
                self.sparse_map = Some(value.split(|byte| *byte == b',').map(decimal).collect::<Result<_, _>>()?);
            }
            b"GNU.sparse.offset" | b"GNU.sparse.numbytes" => {
                self.sparse_map.get_or_insert_default().push(decimal(value)?);
            }
            _ => {}
        }
        Ok(())
    }

    /// What they say of the entry as a sparse file, if they call it one.
    pub(super) fn sparse(&mut self) -> Result<Option<Sparse>, Refused> {
        let places = match (self.major.as_str(), self.minor.as_str(), self.sparse_map.take()) {
            ("1", "0", _) => None,
            ("0", "0" | "1", map) => Some(pairs(&map.unwrap_or_default())?),
            ("", "", Some(map)) => Some(pairs(&map)?),
            _ => return Ok(None),
        };
        Ok(Some(Sparse { path: self.sparse_name.take(), size: self.sparse_size, places }))
    }
}

/// A long name: what comes before the first NUL. An empty one says nothing.
pub(super) fn long_name(data: &[u8]) -> Option<Vec<u8>> {
    Some(text(data).to_vec()).filter(|name| !name.is_empty())
}

/// The first record's key and value, and the records after it.
fn record(records: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let space = records.iter().take(20).position(|byte| *byte == b' ')?;
    let length = usize::try_from(decimal(records.get(..space)?).ok()?).ok()?;
    let (body, rest) = (records.get(space + 1..length)?, records.get(length..)?);
    let body = body.strip_suffix(b"\n")?;
    let equals = body.iter().position(|byte| *byte == b'=')?;
    Some((body.get(..equals)?, body.get(equals + 1..)?, rest))
}

fn optional(value: &[u8]) -> Result<Option<u64>, Refused> {
    if value.is_empty() { Ok(None) } else { decimal(value).map(Some) }
}

/// A number in decimal digits.
pub(super) fn decimal(digits: &[u8]) -> Result<u64, Refused> {
    std::str::from_utf8(digits)
        .ok()
        .filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))
        .and_then(|digits| digits.parse().ok())
        .ok_or_else(|| Refused::corrupt("an extended header has a number that is none"))
}

/// Pairs of offset and length.
fn pairs(numbers: &[u64]) -> Result<Places, Refused> {
    let (pairs, rest) = numbers.as_chunks::<2>();
    if rest.is_empty() {
        Ok(pairs.iter().map(|[from, length]| Place { from: *from, length: *length }).collect())
    } else {
        Err(Refused::corrupt("a sparse file with half a place"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_record_of_a_key_counts_and_an_empty_one_takes_it_back() {
        let extended = Extended::read(b"10 path=a\n10 path=b\n11 size=12\n13 linkpath=\n").unwrap();
        assert_eq!(extended.path.as_deref(), Some(&b"b"[..]));
        assert_eq!(extended.size, Some(12));
        assert_eq!(extended.target, None);
    }

    #[test]
    fn malformed_records_are_refused() {
        for records in [&b"8 path=a\n"[..], b"11 path=a\n", b"path=a\n", b"0 path=a\n", b"8 path\n ", b"10 size=x\n"] {
            assert!(Extended::read(records).is_err(), "{:?}", String::from_utf8_lossy(records));
        }
    }
}
