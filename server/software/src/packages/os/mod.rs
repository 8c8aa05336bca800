//! Package databases of operating systems: dpkg, apk and rpm.
//!
//! A database is read whole or not at all: one entry that cannot be understood makes the whole file unreadable, because
//! a list with holes would look like a list of everything that is installed.

mod apk;
mod dpkg;
mod rpm;

use super::{Reader, Unreadable};

/// Text databases; the largest seen in the wild are a tenth of this.
const TEXT_LIMIT: u64 = 64 << 20;

/// Binary databases carry the name of every file of every package.
const RPM_LIMIT: u64 = 256 << 20;

/// No system has as many packages as this; a file that says so was made to exhaust memory.
const MOST_PACKAGES: usize = 200_000;

/// No name, version or licence is as long as this, in bytes.
const LONGEST_TEXT: usize = 16 << 10;

pub(super) const READERS: &[Reader] = &[
    Reader { name: "dpkg", limit: TEXT_LIMIT, wants: dpkg::wants, read: dpkg::read },
    Reader { name: "apk", limit: TEXT_LIMIT, wants: apk::wants, read: apk::read },
    Reader { name: "rpm", limit: RPM_LIMIT, wants: rpm::wants, read: rpm::read },
    Reader { name: "rpm manifest", limit: TEXT_LIMIT, wants: rpm::manifest::wants, read: rpm::manifest::read },
];

/// A field as text. What is not UTF-8 in it is replaced, since old licences and names were Latin-1.
///
/// # Errors
/// When it is absurdly long.
fn text(field: &[u8]) -> Result<String, Unreadable> {
    if field.len() > LONGEST_TEXT {
        return Err(Unreadable::new(format!("a field of {} bytes is no name, version or licence", field.len())));
    }
    Ok(String::from_utf8_lossy(field).into_owned())
}

/// # Errors
/// When there are more packages than any system has.
fn refuse_too_many(packages: usize) -> Result<(), Unreadable> {
    if packages > MOST_PACKAGES {
        return Err(Unreadable::new(format!("it lists more than {MOST_PACKAGES} packages")));
    }
    Ok(())
}

/// The lines of a text database, without their ends.
fn lines(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    bytes.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::component::Component;
    use crate::packages::File;

    /// The packages that the file at a path lists, through the one door that callers have.
    pub(super) fn read(path: &str, bytes: &[u8]) -> Result<Vec<Component>, Unreadable> {
        crate::packages::reader_of(path, false).expect("a reader for this path").read(File { path, bytes })
    }

    #[test]
    fn a_field_that_is_not_utf8_is_kept_readable_and_an_endless_one_is_refused() {
        assert_eq!(text(b"Caf\xe9").unwrap(), "Caf\u{fffd}");
        assert!(text(&vec![b'x'; LONGEST_TEXT + 1]).is_err());
    }

    #[test]
    fn more_packages_than_any_system_has_are_refused() {
        let apk = b"P:a\n\n".repeat(MOST_PACKAGES + 1);
        let dpkg = b"Package: a\nStatus: install ok installed\n\n".repeat(MOST_PACKAGES + 1);
        assert!(read("lib/apk/db/installed", &apk).is_err());
        assert!(read("var/lib/dpkg/status", &dpkg).is_err());
    }
}
