//! Zstandard streams of many frames (RFC 8878), skippable ones included; `zstd:chunked` layers are made of those.
//!
//! The library decodes one frame. The frame's header is read here first, because the library keeps a window of the size
//! that the first header claims, whatever that is.

use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};
use std::io::{self, BufRead, Read};

/// The largest window that is kept: 64 MiB. Layers are made with 8 MiB.
const WINDOW: u64 = 64 << 20;

/// The frames of a stream, one after another.
pub(super) struct Frames<R> {
    source: R,
    decoder: FrameDecoder,
    inside: bool,
}

impl<R: BufRead> Frames<R> {
    pub(super) fn new(source: R) -> Self {
        Self { source, decoder: FrameDecoder::new(), inside: false }
    }

    /// Goes to the next frame that has content; false at the end of the stream.
    fn enter(&mut self) -> io::Result<bool> {
        while !self.source.fill_buf()?.is_empty() {
            let mut magic = [0; 4];
            self.source.read_exact(&mut magic)?;
            if magic == [0x28, 0xb5, 0x2f, 0xfd] {
                let header = header(&magic, &mut self.source)?;
                self.decoder.reset(header.chain(&mut self.source)).map_err(invalid)?;
                self.inside = true;
                return Ok(true);
            }
            if !matches!(magic, [0x50..=0x5f, 0x2a, 0x4d, 0x18]) {
                return Err(invalid("something that is no zstd frame"));
            }
            self.skip()?;
        }
        Ok(false)
    }

    /// Passes over a skippable frame, after its first four bytes.
    fn skip(&mut self) -> io::Result<()> {
        let mut length = [0; 4];
        self.source.read_exact(&mut length)?;
        let length = u64::from(u32::from_le_bytes(length));
        let skipped = io::copy(&mut (&mut self.source).take(length), &mut io::sink())?;
        if skipped < length { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(()) }
    }

    fn leave(&mut self) -> io::Result<()> {
        self.inside = false;
        match self.decoder.get_checksum_from_data() {
            Some(stated) if self.decoder.get_calculated_checksum() != Some(stated) => {
                Err(invalid("a zstd frame whose checksum is wrong"))
            }
            _ => Ok(()),
        }
    }
}

impl<R: BufRead> Read for Frames<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            if !self.inside && !self.enter()? {
                return Ok(0);
            }
            while self.decoder.can_collect() == 0 && !self.decoder.is_finished() {
                let some = BlockDecodingStrategy::UptoBytes(buffer.len());
                self.decoder.decode_blocks(&mut self.source, some).map_err(invalid)?;
            }
            let read = self.decoder.read(buffer)?;
            if read > 0 {
                return Ok(read);
            }
            self.leave()?;
        }
    }
}

/// The bytes of a frame's header, the first four included, when the window that it claims is not too large.
fn header(magic: &[u8], source: &mut impl Read) -> io::Result<io::Cursor<Vec<u8>>> {
    let mut bytes = magic.to_vec();
    let mut next = |count: u64| -> io::Result<Vec<u8>> {
        let mut field = Vec::new();
        let read = source.by_ref().take(count).read_to_end(&mut field)?;
        if (read as u64) < count {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        bytes.extend_from_slice(&field);
        Ok(field)
    };
    let descriptor = little_endian(&next(1)?);
    let single_segment = descriptor & 0x20 != 0;
    let window = if single_segment { None } else { Some(window(little_endian(&next(1)?))) };
    next([0, 1, 2, 4].get((descriptor & 3) as usize).copied().unwrap_or(0))?;
    let size = match (descriptor >> 6, single_segment) {
        (0, false) => 0,
        (0, true) => little_endian(&next(1)?),
        (1, _) => little_endian(&next(2)?) + 256,
        (2, _) => little_endian(&next(4)?),
        _ => little_endian(&next(8)?),
    };
    if window.unwrap_or(size) > WINDOW {
        return Err(invalid("a zstd frame that asks for too much memory"));
    }
    Ok(io::Cursor::new(bytes))
}

/// The window in bytes that a window descriptor states.
fn window(descriptor: u64) -> u64 {
    let base = 1_u64 << (10 + (descriptor >> 3).min(31));
    base + base / 8 * (descriptor & 7)
}

fn little_endian(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |value, byte| value << 8 | u64::from(*byte))
}

fn invalid(why: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}
