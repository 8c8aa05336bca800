//! Files that list installed packages: which they are, and how each is read.

mod language;
mod os;

use crate::component::Component;

/// A file of an image or a host.
#[derive(Debug, Clone, Copy)]
pub struct File<'a> {
    /// Without a leading slash.
    pub path: &'a str,
    pub bytes: &'a [u8],
}

/// Why a file that lists packages could not be read: one line, for people. What it lists is then unknown, never nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unreadable(pub String);

impl Unreadable {
    pub(crate) fn new(why: impl Into<String>) -> Self {
        Self(why.into())
    }
}

/// One way to list packages.
pub struct Reader {
    /// As shown: `dpkg`, `rpm`, `Go binary`.
    pub name: &'static str,
    /// The largest file that is read, in bytes.
    pub limit: u64,
    /// Whether it is about the file at this path (without a leading slash); `executable` says whether a mode bit does.
    wants: fn(path: &str, executable: bool) -> bool,
    read: fn(File<'_>) -> Result<Vec<Component>, Unreadable>,
}

impl Reader {
    /// The packages that a file lists. A file that turns out to be something else (an executable that is no Go binary)
    /// lists none; one that is damaged is an error.
    ///
    /// # Errors
    /// When it should list packages and cannot be understood.
    pub fn read(&self, file: File<'_>) -> Result<Vec<Component>, Unreadable> {
        (self.read)(file)
    }
}

/// How the file at a path is read; none when it lists no packages.
#[must_use]
pub fn reader_of(path: &str, executable: bool) -> Option<&'static Reader> {
    os::READERS.iter().chain(language::READERS).find(|reader| (reader.wants)(path, executable))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn package_databases_are_known_by_their_path() {
        for (path, name) in [
            ("var/lib/dpkg/status", "dpkg"),
            ("lib/apk/db/installed", "apk"),
            ("var/lib/rpm/Packages", "rpm"),
            ("usr/lib/python3/dist-packages/six-1.16.0.dist-info/METADATA", "Python package"),
            ("app/node_modules/left-pad/package.json", "npm package"),
        ] {
            assert_eq!(reader_of(path, false).map(|reader| reader.name), Some(name), "{path}");
        }
        assert!(reader_of("etc/passwd", false).is_none());
    }
}
