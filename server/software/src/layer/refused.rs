//! How much of a layer is read, and why one is not read.

/// What is read of one layer at most. More than that is refused: a layer is never read in part, because what was not
/// looked at must not pass for clean.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Bytes as stored.
    pub compressed: u64,
    /// Bytes of the archive, and of the holes of sparse files that are looked into.
    pub uncompressed: u64,
    /// Entries of the archive, extended headers included.
    pub entries: u64,
    /// Bytes of one path.
    pub path: usize,
    /// Uncompressed to compressed bytes. Counts from [`RATIO_COUNTS_FROM`] on: small layers may be all zeros.
    pub ratio: u64,
}

/// Uncompressed bytes from which on [`Limits::ratio`] counts: 64 MiB.
pub const RATIO_COUNTS_FROM: u64 = 64 << 20;

/// What one layer's contents may take of memory: 128 MiB, far above what 50,000 packages take.
pub(super) const MAY_HOLD: usize = 128 << 20;

impl Default for Limits {
    fn default() -> Self {
        Self { compressed: 10 << 30, uncompressed: 40 << 30, entries: 2_000_000, path: 4096, ratio: 1000 }
    }
}

/// Why a layer is not read; nothing of it counts then. One line for people.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// What is too large, and the limit.
    #[error("{0}")]
    TooLarge(String),
    #[error("the archive has more entries than are read")]
    TooManyEntries,
    /// Few bytes that unpack to very many.
    #[error("{compressed} bytes unpack to more than {uncompressed}: a decompression bomb")]
    Bomb { compressed: u64, uncompressed: u64 },
    /// The archive or its compression is damaged, or is something else.
    #[error("the archive is damaged: {0}")]
    Corrupt(String),
    /// A path that would lead out of the image or that no layer should have.
    #[error("a path that is refused: {0}")]
    PathTrick(String),
    /// The stream could not be read; nothing is known of the layer. Worth another try.
    #[error("the layer could not be fetched: {0}")]
    Io(String),
}

impl Refused {
    pub(super) fn corrupt(why: impl Into<String>) -> Self {
        Self::Corrupt(why.into())
    }
}
