//! Bills of materials: what is installed, in the two formats that other tools exchange.
//!
//! A bill leaves as CycloneDX 1.6 or SPDX 2.3 and comes in as either, from us or from any other tool. What an imported
//! bill lists and we cannot follow (a kind of package without advisories, an entry without a package URL) is counted and
//! named, so that it is shown as unknown and never taken for clean.
//!
//! An import may be hostile: its size and the number of its entries are bounded, and nothing but the entries is kept.

pub mod cyclonedx;
mod gathering;
mod licence;
pub mod purl;
pub mod spdx;

use crate::component::Component;
use crate::distribution::Distribution;
use serde::{Deserialize, Serialize};

/// The largest bill that is read, in bytes.
pub const LARGEST: usize = 256 << 20;
/// The most components that a bill may list.
pub const MOST_COMPONENTS: usize = 500_000;
/// The most names that are kept of what a bill lists and we cannot follow.
pub const MOST_LEFT_OUT: usize = 1_000;
/// The longest name, version or path that is taken from a bill, in bytes.
const LONGEST: usize = 4_096;
/// How this product signs what it writes.
const TOOL: &str = "plumbline";
const TOOL_VERSION: &str = env!("CARGO_PKG_VERSION");

/// What is installed in one image, on one host or in one file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bill {
    pub subject: Subject,
    /// When the list was made: RFC 3339, in UTC. Empty when an imported bill does not say.
    pub created: String,
    /// The UUID of this bill. Empty when an imported bill has none.
    pub serial: String,
    pub distribution: Option<Distribution>,
    pub components: Vec<Entry>,
    /// Names of what is installed and cannot be followed; at most [`MOST_LEFT_OUT`] of them.
    #[serde(default)]
    pub left_out: Vec<String>,
    /// How many could not be followed.
    #[serde(default)]
    pub left_out_total: usize,
}

/// What a bill is about.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subject {
    /// `registry.example/app/api` for an image, the host's name, a file's name.
    pub name: String,
    /// The digest of an image (`sha256:…`); else what is known of the version, or nothing.
    pub version: String,
    pub kind: Kind,
}

/// The kind of a bill's subject.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    Image,
    Host,
    /// Anything else that has components: an archive, an application, a repository.
    #[default]
    File,
}

/// A component, and the layer of an image that brought it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Entry {
    pub component: Component,
    pub layer: Option<String>,
}

impl Entry {
    /// What the formats have no field for, under names of ours.
    fn own_words(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let source = self.component.source.as_ref();
        let all = [
            ("plumbline:layer", self.layer.as_deref()),
            ("plumbline:path", Some(self.component.path.as_str()).filter(|path| !path.is_empty())),
            ("plumbline:source:name", source.map(|source| source.name.as_str())),
            ("plumbline:source:version", source.map(|source| source.version.as_str())),
        ];
        all.into_iter().filter_map(|(name, value)| value.map(|value| (name, value)))
    }
}

/// Why a bill of materials was not read; nothing of it counts then.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    #[error("the file has {0} bytes; at most {LARGEST} are read")]
    TooLarge(usize),
    /// Some other format, named as far as it can be told.
    #[error("{0}")]
    Format(String),
    /// A version of the format that is not read.
    #[error("{format} {version} is not read; supported: {supported}")]
    Version { format: &'static str, version: String, supported: &'static str },
    #[error("the file is damaged: {0}")]
    Damaged(String),
}

impl From<serde_json::Error> for Unreadable {
    fn from(error: serde_json::Error) -> Self {
        Self::Damaged(error.to_string())
    }
}

/// Reads a bill of materials in any supported format: CycloneDX JSON, SPDX JSON or SPDX tag-value.
///
/// # Errors
/// When it is too large, of another format or version, or damaged.
pub fn read(bytes: &[u8]) -> Result<Bill, Unreadable> {
    let text = text_of(bytes)?;
    if !text.starts_with('{') {
        return spdx::read(bytes);
    }
    let mark: Mark = serde_json::from_str(text)?;
    if mark.bom_format.is_some() {
        cyclonedx::read(bytes)
    } else if mark.spdx_version.is_some() {
        spdx::read(bytes)
    } else if mark.context.is_some() {
        Err(Unreadable::Format("SPDX 3 is not read: export the bill as SPDX 2.3 or as CycloneDX JSON".to_owned()))
    } else {
        Err(Unreadable::Format("neither a CycloneDX nor an SPDX document".to_owned()))
    }
}

/// What tells the formats apart.
#[derive(Deserialize)]
struct Mark {
    #[serde(rename = "bomFormat")]
    bom_format: Option<serde::de::IgnoredAny>,
    #[serde(rename = "spdxVersion")]
    spdx_version: Option<serde::de::IgnoredAny>,
    #[serde(rename = "@context")]
    context: Option<serde::de::IgnoredAny>,
}

/// The text of a bill without its byte order mark, once it is small enough and no XML.
fn text_of(bytes: &[u8]) -> Result<&str, Unreadable> {
    if bytes.len() > LARGEST {
        return Err(Unreadable::TooLarge(bytes.len()));
    }
    let text = std::str::from_utf8(bytes).map_err(|_| Unreadable::Format("the file is no UTF-8 text".to_owned()))?;
    let text = text.trim_start_matches('\u{feff}').trim_start();
    if text.starts_with('<') {
        return Err(Unreadable::Format("XML is not read: export the bill as JSON".to_owned()));
    }
    Ok(text)
}

impl Bill {
    /// The components in the order in which they are written, which does not depend on how they were found.
    fn ordered(&self) -> Vec<&Entry> {
        let mut entries: Vec<&Entry> = self.components.iter().collect();
        entries.sort_unstable();
        entries
    }
}

#[cfg(test)]
mod sample;
#[cfg(test)]
mod tests;
