//! Counts and hashes the bytes of a layer as they pass, on both sides of the decompression.
//!
//! Decompressors pass errors on in forms of their own, so the first refusal is kept here, where it is not lost.

use super::refused::{Limits, RATIO_COUNTS_FROM, Refused};
use sha2::{Digest, Sha256};
use std::cell::{Cell, RefCell};
use std::io::{self, Read};

/// What has passed so far.
pub(super) struct Ledger<'l> {
    limits: &'l Limits,
    stored: Side,
    archive: Side,
    /// Bytes of holes in sparse files that were looked into.
    holes: Cell<u64>,
    refused: RefCell<Option<Refused>>,
}

/// One side of the decompression.
#[derive(Default)]
struct Side {
    bytes: Cell<u64>,
    hash: RefCell<Sha256>,
}

impl Side {
    fn pass(&self, bytes: &[u8]) -> u64 {
        self.hash.borrow_mut().update(bytes);
        let total = self.bytes.get().saturating_add(bytes.len() as u64);
        self.bytes.set(total);
        total
    }

    fn digest(&self) -> String {
        format!("sha256:{:x}", self.hash.borrow().clone().finalize())
    }
}

impl<'l> Ledger<'l> {
    pub(super) fn new(limits: &'l Limits) -> Self {
        Self {
            limits,
            stored: Side::default(),
            archive: Side::default(),
            holes: Cell::new(0),
            refused: RefCell::new(None),
        }
    }

    /// The refusal that came first, if one did; else the error at hand.
    pub(super) fn refusal(&self, at_hand: Refused) -> Refused {
        self.refused.borrow().clone().unwrap_or(at_hand)
    }

    /// Bytes as stored, and their digest.
    pub(super) fn stored(&self) -> (u64, String) {
        (self.stored.bytes.get(), self.stored.digest())
    }

    /// Bytes of the archive, and their digest.
    pub(super) fn archive(&self) -> (u64, String) {
        (self.archive.bytes.get(), self.archive.digest())
    }

    /// Bytes of the archive that may still come.
    pub(super) fn room(&self) -> u64 {
        self.limits.uncompressed.saturating_sub(self.archive.bytes.get())
    }

    /// Counts zeros that are in no archive but cost time all the same.
    pub(super) fn pass_hole(&self, bytes: u64) -> io::Result<()> {
        self.holes.set(self.holes.get().saturating_add(bytes));
        self.check_unpacked()
    }

    fn check_unpacked(&self) -> io::Result<()> {
        let unpacked = self.archive.bytes.get().saturating_add(self.holes.get());
        let compressed = self.stored.bytes.get();
        if unpacked > self.limits.uncompressed {
            let limit = self.limits.uncompressed;
            return Err(self.refuse(Refused::TooLarge(format!("the layer unpacks to more than {limit} bytes"))));
        }
        if unpacked > RATIO_COUNTS_FROM && unpacked / self.limits.ratio.max(1) > compressed {
            return Err(self.refuse(Refused::Bomb { compressed, uncompressed: unpacked }));
        }
        Ok(())
    }

    fn refuse(&self, why: Refused) -> io::Error {
        let error = io::Error::other(why.to_string());
        self.refused.borrow_mut().get_or_insert(why);
        error
    }
}

/// The bytes as stored.
pub(super) struct Stored<'l, R> {
    pub(super) source: R,
    pub(super) ledger: &'l Ledger<'l>,
}

impl<R: Read> Read for Stored<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let ledger = self.ledger;
        let read = self.source.read(buffer).map_err(|error| match error.kind() {
            io::ErrorKind::Interrupted => error,
            _ => ledger.refuse(Refused::Io(error.to_string())),
        })?;
        let total = ledger.stored.pass(buffer.get(..read).unwrap_or_default());
        if total > ledger.limits.compressed {
            let limit = ledger.limits.compressed;
            return Err(ledger.refuse(Refused::TooLarge(format!("the layer is larger than {limit} bytes"))));
        }
        Ok(read)
    }
}

/// The bytes of the archive.
pub(super) struct Unpacked<'l, R> {
    pub(super) source: R,
    pub(super) ledger: &'l Ledger<'l>,
}

impl<R: Read> Read for Unpacked<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.source.read(buffer)?;
        self.ledger.archive.pass(buffer.get(..read).unwrap_or_default());
        self.ledger.check_unpacked()?;
        Ok(read)
    }
}
