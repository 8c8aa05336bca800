//! The entries of a tar archive, one after another, from a stream.
//!
//! Our own and not the `tar` crate's, which reads long names and extended headers into memory whole, however large they
//! claim to be, and knows no sparse files but GNU's old ones.

use super::header::{BLOCK, Block, Header};
use super::ledger::Ledger;
use super::pax::{self, Extended, Sparse};
use super::refused::Refused;
use super::sparse::{self, Place, Places};
use std::io::{self, BufRead, Read};

/// What an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    File,
    HardLink,
    Symlink,
    Folder,
    /// A device or a pipe.
    Device,
}

/// One entry, its path as written.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) kind: Kind,
    pub(super) path: Vec<u8>,
    /// Of a link.
    pub(super) target: Vec<u8>,
    pub(super) mode: u32,
    /// Bytes, with the holes of a sparse file.
    pub(super) size: u64,
    /// The data in the archive.
    places: Places,
}

/// An archive, between two blocks or within an entry's data.
pub(super) struct Archive<'l, R> {
    source: R,
    ledger: &'l Ledger<'l>,
    /// Data of the entry at hand that was not read yet, and what pads it to a block.
    data: u64,
    padding: u64,
    /// Headers that may still come.
    headers: u64,
}

impl<'l, R: BufRead> Archive<'l, R> {
    pub(super) fn new(source: R, ledger: &'l Ledger<'l>, headers: u64) -> Self {
        Self { source, ledger, data: 0, padding: 0, headers }
    }

    /// The next entry, none at the end of the archive. What was not read of the one before is passed over.
    pub(super) fn next(&mut self) -> Result<Option<Entry>, Refused> {
        let mut extended = Extended::default();
        let (mut long_path, mut long_target) = (None, None);
        loop {
            let Some(header) = self.header()? else { return Ok(None) };
            match header.flag() {
                b'x' => extended = Extended::read(&self.special(&header)?)?,
                // Runtimes do not apply the records for all entries either.
                b'g' => drop(self.special(&header)?),
                b'L' => long_path = pax::long_name(&self.special(&header)?),
                b'K' => long_target = pax::long_name(&self.special(&header)?),
                _ => {
                    let mut entry = self.entry(&header, extended, long_path)?;
                    entry.target = long_target.unwrap_or(entry.target);
                    return Ok(Some(entry));
                }
            }
        }
    }

    /// The bytes of the entry at hand, holes included.
    pub(super) fn bytes<'a>(&'a mut self, entry: &'a Entry) -> Bytes<'a, 'l, R> {
        Bytes { archive: self, places: &entry.places, size: entry.size, at: 0 }
    }

    /// Reads what follows the last entry: nothing but zeros may.
    pub(super) fn finish(mut self) -> Result<(), Refused> {
        loop {
            let rest = self.source.fill_buf().map_err(damaged)?;
            if rest.is_empty() {
                return Ok(());
            }
            if rest.iter().any(|byte| *byte != 0) {
                return Err(Refused::corrupt("something follows its end"));
            }
            let length = rest.len();
            self.source.consume(length);
        }
    }

    fn entry(&mut self, header: &Header, mut extended: Extended, long_path: Option<Vec<u8>>) -> Result<Entry, Refused> {
        let mut sparse = extended.sparse()?.filter(|_| header.flag() != b'S');
        let sparse_path = sparse.as_mut().and_then(|sparse| sparse.path.take());
        let path = sparse_path.or(long_path).or(extended.path).unwrap_or_else(|| header.path());
        let target = extended.target.unwrap_or_else(|| header.target().to_vec());
        let kind = kind(header.flag(), &path)?;
        let mut entry = Entry { kind, path, target, mode: header.mode()?, size: 0, places: Places::new() };
        // Runtimes take all others for empty, whatever size they claim.
        if kind == Kind::File {
            self.begin(extended.size.map_or_else(|| header.size(), Ok)?)?;
            (entry.size, entry.places) = self.places(header, sparse)?;
        }
        Ok(entry)
    }

    /// The size of a file and where the data at hand belongs in it.
    fn places(&mut self, header: &Header, sparse: Option<Sparse>) -> Result<(u64, Places), Refused> {
        let size = self.data;
        let (size, places) = match sparse {
            _ if header.flag() == b'S' => (header.sparse_size()?, self.gnu_places(header)?),
            Some(Sparse { size: stated, places: Some(places), .. }) => (stated.unwrap_or(size), places),
            Some(Sparse { size: stated, places: None, .. }) => (stated.unwrap_or(size), self.places_in_front()?),
            None => return Ok((size, vec![Place { from: 0, length: size }])),
        };
        sparse::check(&places, size, self.data)?;
        Ok((size, places))
    }

    /// The places in an old GNU header and in the blocks between it and the data.
    fn gnu_places(&mut self, header: &Header) -> Result<Places, Refused> {
        if !header.is_gnu() {
            return Err(Refused::corrupt("a sparse file in another format than GNU's"));
        }
        let mut places = Places::new();
        let (fields, mut more) = header.sparse_places();
        sparse::add(&mut places, fields)?;
        while more {
            let block = self.block()?.ok_or_else(cut)?;
            let (fields, another) = sparse::extension(&block);
            sparse::add(&mut places, fields)?;
            more = another;
        }
        Ok(places)
    }

    fn places_in_front(&mut self) -> Result<Places, Refused> {
        let mut left = self.data;
        let places = sparse::in_front(|| {
            left =
                left.checked_sub(BLOCK as u64).ok_or_else(|| Refused::corrupt("a sparse file without its places"))?;
            self.block()?.ok_or_else(cut)
        })?;
        self.data = left;
        Ok(places)
    }

    /// The next header; none at the end: a block of zeros, or that of the stream.
    fn header(&mut self) -> Result<Option<Header>, Refused> {
        self.skip()?;
        let Some(block) = self.block()? else { return Ok(None) };
        if block.iter().all(|byte| *byte == 0) {
            return Ok(None);
        }
        self.headers = self.headers.checked_sub(1).ok_or(Refused::TooManyEntries)?;
        Header::new(block).map(Some)
    }

    /// The data of an extended header or of a long name.
    fn special(&mut self, header: &Header) -> Result<Vec<u8>, Refused> {
        let size = header.size()?;
        if size > pax::LIMIT {
            return Err(Refused::TooLarge(format!("an extended header claims {size} bytes")));
        }
        self.begin(size)?;
        let mut data = Vec::new();
        self.source.by_ref().take(size).read_to_end(&mut data).map_err(damaged)?;
        if (data.len() as u64) < size {
            return Err(cut());
        }
        self.data = 0;
        Ok(data)
    }

    /// Takes note of the data that follows a header.
    fn begin(&mut self, size: u64) -> Result<(), Refused> {
        if size > self.ledger.room() {
            return Err(Refused::TooLarge(format!("one file of it claims {size} bytes, which is more than is read")));
        }
        self.data = size;
        self.padding = (BLOCK as u64 - size % BLOCK as u64) % BLOCK as u64;
        Ok(())
    }

    /// Passes over the rest of the data and what pads it.
    fn skip(&mut self) -> Result<(), Refused> {
        let mut left = self.data.saturating_add(self.padding);
        while left > 0 {
            let length = self.source.fill_buf().map_err(damaged)?.len();
            if length == 0 {
                return Err(cut());
            }
            let some = usize::try_from(left).unwrap_or(usize::MAX).min(length);
            self.source.consume(some);
            left -= some as u64;
        }
        (self.data, self.padding) = (0, 0);
        Ok(())
    }

    /// The next block; none at the end of the stream.
    fn block(&mut self) -> Result<Option<Block>, Refused> {
        let mut block = [0; BLOCK];
        if self.source.fill_buf().map_err(damaged)?.is_empty() {
            return Ok(None);
        }
        self.source.read_exact(&mut block).map_err(damaged)?;
        Ok(Some(block))
    }
}

/// The bytes of a file.
pub(super) struct Bytes<'a, 'l, R> {
    archive: &'a mut Archive<'l, R>,
    places: &'a [Place],
    size: u64,
    at: u64,
}

impl<R: BufRead> Read for Bytes<'_, '_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while let Some((_, rest)) = self.places.split_first().filter(|(place, _)| place.from + place.length <= self.at)
        {
            self.places = rest;
        }
        let next = self.places.first();
        let in_hole = next.is_none_or(|place| self.at < place.from);
        let until = next.map_or(self.size, |place| if in_hole { place.from } else { place.from + place.length });
        let room = usize::try_from(until.saturating_sub(self.at)).unwrap_or(usize::MAX).min(buffer.len());
        let part = buffer.get_mut(..room).unwrap_or_default();
        let read = if in_hole { self.archive.zeros(part)? } else { self.archive.data(part)? };
        self.at += read as u64;
        Ok(read)
    }
}

impl<R: BufRead> Archive<'_, R> {
    fn zeros(&self, buffer: &mut [u8]) -> io::Result<usize> {
        buffer.fill(0);
        self.ledger.pass_hole(buffer.len() as u64)?;
        Ok(buffer.len())
    }

    fn data(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.source.read(buffer)?;
        if read == 0 && !buffer.is_empty() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.data = self.data.saturating_sub(read as u64);
        Ok(read)
    }
}

/// What a header's flag means; a flag that runtimes do not unpack is refused as they refuse it.
fn kind(flag: u8, path: &[u8]) -> Result<Kind, Refused> {
    Ok(match flag {
        0 if path.ends_with(b"/") => Kind::Folder,
        0 | b'0' | b'7' | b'S' => Kind::File,
        b'1' => Kind::HardLink,
        b'2' => Kind::Symlink,
        b'3' | b'4' | b'6' => Kind::Device,
        b'5' => Kind::Folder,
        _ => return Err(Refused::corrupt(format!("an entry of the unknown kind {:?}", char::from(flag)))),
    })
}

fn cut() -> Refused {
    Refused::corrupt("it ends too early")
}

/// What an error of a decompressor comes to.
pub(super) fn damaged(error: io::Error) -> Refused {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => cut(),
        _ => Refused::corrupt(error.to_string()),
    }
}
