//! Layers of images: what each one holds, and what they come to.
//!
//! A layer is read once, as a stream, and never unpacked: [`read`] keeps of it what matters later, [`merge`] lays such
//! contents over one another as a runtime would. Files that are of interest are held one at a time. A layer that is
//! damaged or that plays tricks is refused as a whole: what could not be looked at must not pass for clean.

mod archive;
mod code;
mod compression;
mod contents;
mod found;
mod header;
mod ledger;
mod merge;
mod pack;
mod path;
mod pax;
mod reading;
mod refused;
pub mod secrets;
mod sparse;
mod written;
mod zstd;

#[cfg(test)]
mod fixture;
#[cfg(test)]
mod hostile;

pub use compression::Compression;
pub use contents::{
    Contents, Dropped, Executable, FileSecret, Link, Listing, MOST_EXECUTABLES, MOST_SECRETS, MOST_WRITABLE,
    Privileged, Unread,
};
pub use merge::{Installed, Software, merge};
pub use pack::Unpackable;
pub use reading::{read, read_again};
pub use refused::{Limits, RATIO_COUNTS_FROM, Refused};

/// Changes whenever what is read from a layer changes; contents kept under an older one are read anew.
pub const READER_VERSION: u32 = 2;

/// Under which key the software of the image with this digest is kept.
#[must_use]
pub fn software_key(digest: &str) -> String {
    format!("software/{digest}/{READER_VERSION}")
}

/// That key, and those under which readers before this one kept it.
pub fn software_keys(digest: &str) -> impl Iterator<Item = String> {
    (1..=READER_VERSION).rev().map(move |version| format!("software/{digest}/{version}"))
}
