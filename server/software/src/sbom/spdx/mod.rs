//! SPDX (<https://spdx.github.io/spdx-spec/v2.3/>): 2.3 JSON out; 2.2 and 2.3 in, as JSON or as tag-value text.

mod document;
mod json;
mod tag_value;
mod write;

use crate::sbom::{Bill, Unreadable, text_of};

pub use write::write;

/// Reads an SPDX document, in JSON or as tag-value text.
///
/// # Errors
/// When it is too large, no SPDX document of a version we know, damaged, or lists too many packages.
pub fn read(bytes: &[u8]) -> Result<Bill, Unreadable> {
    let text = text_of(bytes)?;
    if text.starts_with('{') { json::read(text)?.into_bill() } else { tag_value::read(text)?.into_bill() }
}
