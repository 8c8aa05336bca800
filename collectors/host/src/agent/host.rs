//! A host's file system, below a folder: `/` where the agent runs on the host itself, another where it runs in a container
//! that has the host's files mounted.

use crate::report::Missing;
use sha2::{Digest, Sha256};
use std::fs::{File, Metadata};
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

/// The most links that are followed on the way to a file.
const LINKS: usize = 40;
/// The most entries of one folder.
const ENTRIES: usize = 5_000;

/// The host that is read.
#[derive(Debug, Clone)]
pub struct Host {
    root: PathBuf,
}

impl Host {
    #[must_use]
    pub fn at(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    /// Where a path of the host is: its links are followed within the host's own files, so that a link to `/run` does not
    /// lead to the container's.
    fn real(&self, path: &str) -> std::io::Result<PathBuf> {
        let mut todo: Vec<String> = parts(path).rev().map(str::to_owned).collect();
        let mut done: Vec<String> = Vec::new();
        let mut links = 0;
        while let Some(part) = todo.pop() {
            if part == ".." {
                done.pop();
                continue;
            }
            done.push(part);
            let here = self.below(&done);
            let Ok(target) = std::fs::read_link(&here) else { continue };
            links += 1;
            if links > LINKS {
                return Err(std::io::Error::other("too many links"));
            }
            let target = target.to_string_lossy().into_owned();
            done.pop();
            if target.starts_with('/') {
                done.clear();
            }
            todo.extend(parts(&target).rev().map(str::to_owned));
        }
        Ok(self.below(&done))
    }

    fn below(&self, parts: &[String]) -> PathBuf {
        let mut path = self.root.clone();
        path.extend(parts);
        path
    }

    /// What a file is; none when it is not there.
    pub(super) fn metadata(&self, path: &str) -> Result<Option<Metadata>, Missing> {
        match self.real(path).and_then(std::fs::metadata) {
            Ok(found) => Ok(Some(found)),
            Err(error) => absent(path, &error),
        }
    }

    /// The bytes of a file; none when it is not there.
    pub(super) fn bytes(&self, path: &str, limit: u64) -> Result<Option<Vec<u8>>, Missing> {
        let opened = self.real(path).and_then(|real| {
            // Opening a pipe or a device may wait or do something.
            if std::fs::metadata(&real)?.is_file() {
                File::open(real)
            } else {
                Err(std::io::Error::other("it is no file"))
            }
        });
        let file = match opened {
            Ok(file) => file,
            Err(error) => return absent(path, &error),
        };
        let mut bytes = Vec::new();
        match file.take(limit + 1).read_to_end(&mut bytes) {
            Ok(_) if bytes.len() as u64 > limit => Err(odd(path, &format!("it has more than {limit} bytes"))),
            Ok(_) => Ok(Some(bytes)),
            Err(error) => absent(path, &error),
        }
    }

    /// The text of a small file; none when it is not there.
    pub(super) fn text(&self, path: &str) -> Result<Option<String>, Missing> {
        Ok(self.bytes(path, 1 << 20)?.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
    }

    /// The names in a folder, in order; none when it is not there.
    pub(super) fn names(&self, path: &str) -> Result<Vec<String>, Missing> {
        let listed = self.real(path).and_then(std::fs::read_dir);
        let entries = match listed {
            Ok(entries) => entries,
            Err(error) if error.kind() == ErrorKind::NotADirectory => return Ok(Vec::new()),
            Err(error) => return absent::<Vec<String>>(path, &error).map(Option::unwrap_or_default),
        };
        let mut names: Vec<String> =
            entries.flatten().take(ENTRIES).map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        Ok(names)
    }

    /// An id of this machine that stays: a hash of its own, which is not to be told outside.
    pub(super) fn machine_id(&self) -> Option<String> {
        let text = self.text("/etc/machine-id").ok().flatten()?;
        let id = text.trim();
        if id.len() < 16 || id == "uninitialized" {
            return None;
        }
        let hash = Sha256::new().chain_update(b"plumbline machine\0").chain_update(id).finalize();
        Some(hex::encode(&hash[..16]))
    }
}

/// The parts of a path that lead anywhere.
fn parts(path: &str) -> impl DoubleEndedIterator<Item = &str> {
    path.split('/').filter(|part| !matches!(*part, "" | "."))
}

/// None for what is not there; for anything else why it was not read.
fn absent<T>(path: &str, error: &std::io::Error) -> Result<Option<T>, Missing> {
    match error.kind() {
        ErrorKind::NotFound | ErrorKind::NotADirectory => Ok(None),
        ErrorKind::PermissionDenied => {
            Err(Missing { permission: "root".to_owned(), detail: format!("{path}: {error}") })
        }
        _ => Err(odd(path, &error.to_string())),
    }
}

/// Something that no permission mends.
pub(super) fn odd(path: &str, why: &str) -> Missing {
    Missing { permission: "agent:report".to_owned(), detail: format!("{path}: {why}") }
}
