//! What one layer holds, of all that matters later; small enough to be kept for each layer.

use super::written;
use crate::component::Component;
use crate::distribution::Distribution;
use serde::{Deserialize, Serialize};

/// Files with code that are kept of one layer at most.
pub const MOST_EXECUTABLES: usize = 100_000;

/// World-writable files and folders that are kept of one layer at most; as many setuid files.
pub const MOST_WRITABLE: usize = 1_000;

/// Secrets that are kept of one layer at most.
pub const MOST_SECRETS: usize = 10_000;

/// What one layer holds. Paths have no leading slash; lists are in the order of their paths.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contents {
    /// Bytes as stored.
    pub compressed: u64,
    /// Bytes of the archive.
    pub uncompressed: u64,
    /// Files that it writes: regular ones, links, devices and pipes.
    pub files: u64,
    /// Those that are devices or pipes.
    #[serde(default)]
    pub devices: u64,
    /// `sha256:…` of the archive, the id by which an image's configuration names the layer.
    pub diff_id: String,
    /// `sha256:…` of the bytes as stored, for the caller to compare with what was asked for.
    pub digest: String,
    /// What package databases and the like list.
    pub listings: Vec<Listing>,
    /// Files that should list packages and could not be read.
    pub unreadable: Vec<Unread>,
    /// os-release files, and what they say.
    pub distribution: Vec<(String, Distribution)>,
    /// Files and whole folders of lower layers that are gone.
    pub removed: Vec<String>,
    /// Folders of which nothing from lower layers is left; an empty one is the root.
    pub opaque: Vec<String>,
    /// Sorted hashes of every path that it writes.
    #[serde(with = "written")]
    pub written: Vec<u64>,
    /// Files that run as their owner or group.
    pub privileged: Vec<Privileged>,
    /// Files that all may write, and folders without the sticky bit.
    pub writable: Vec<Privileged>,
    pub secrets: Vec<FileSecret>,
    /// Files that hold code: programs, scripts, archives of either.
    pub executables: Vec<Executable>,
    /// Hard links that may list packages, to files that were not looked at for that; each is among the unreadable too.
    /// [`super::read_again`] resolves those whose targets the layer holds.
    #[serde(default)]
    pub links: Vec<Link>,
    /// How many more there were than are kept.
    #[serde(default)]
    pub dropped: Dropped,
}

/// The packages that a file lists.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listing {
    pub path: String,
    /// Who read it: the reader's name.
    pub reader: String,
    pub components: Vec<Component>,
}

/// A file that could not be read: what it lists is unknown, never nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unread {
    pub path: String,
    /// One line, for people.
    pub why: String,
}

/// A path and its mode.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Privileged {
    pub path: String,
    /// Permission, setuid, setgid and sticky bits.
    pub mode: u32,
}

/// A secret in a file. Not the secret itself, which is kept nowhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileSecret {
    pub path: String,
    pub kind: String,
    /// Counted from 1.
    pub line: u32,
    pub fingerprint: String,
    /// Whether it looks like one of a test or an example.
    pub test: bool,
}

/// A file that holds code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Executable {
    pub path: String,
    /// Of its content, in hex.
    pub sha256: String,
}

/// A second name of a file in the same layer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    pub path: String,
    pub target: String,
}

/// How many more a layer or an image has than are kept. Where one is not zero, the list is not all there is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dropped {
    pub privileged: u64,
    pub writable: u64,
    pub secrets: u64,
    pub executables: u64,
}

impl Dropped {
    pub(super) fn add(&mut self, other: Self) {
        self.privileged = self.privileged.saturating_add(other.privileged);
        self.writable = self.writable.saturating_add(other.writable);
        self.secrets = self.secrets.saturating_add(other.secrets);
        self.executables = self.executables.saturating_add(other.executables);
    }
}
