//! Paths as layers write them, and whiteouts among them.

use super::refused::Refused;

/// A path without a leading slash and without `.` and empty parts; empty for the root. Bytes that are no UTF-8 are
/// written `\xff`.
///
/// # Errors
/// With `..` in it, a NUL, or longer than `limit` bytes. Nothing is unpacked here, but a runtime that unpacks it may be
/// led astray, and what it then runs is not what was looked at.
pub(super) fn normal(path: &[u8], limit: usize) -> Result<String, Refused> {
    if path.len() > limit {
        return Err(Refused::PathTrick(format!("it is longer than {limit} bytes")));
    }
    if path.contains(&0) {
        return Err(Refused::PathTrick(format!("{} has a NUL in it", shown(path))));
    }
    let mut normal = String::with_capacity(path.len());
    for part in path.split(|byte| *byte == b'/').filter(|part| !part.is_empty() && *part != b".") {
        if part == b".." {
            return Err(Refused::PathTrick(format!("{} leads upwards", shown(path))));
        }
        if !normal.is_empty() {
            normal.push('/');
        }
        push(&mut normal, part);
    }
    Ok(normal)
}

/// What an entry's name makes of it.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    Entry,
    /// The path in lower layers that is gone, with all below it.
    Removed(String),
    /// Of this folder nothing of lower layers is left.
    Opaque(String),
    /// Something that a storage driver left behind.
    Ignored,
}

/// # Errors
/// When a whiteout names its own folder or the one above.
pub(super) fn meaning(path: &str) -> Result<Meaning, Refused> {
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    if name == ".wh..wh..opq" {
        return Ok(Meaning::Opaque(folder.to_owned()));
    }
    if path.split('/').any(|part| part.starts_with(".wh..wh.")) {
        return Ok(Meaning::Ignored);
    }
    match name.strip_prefix(".wh.") {
        None => Ok(Meaning::Entry),
        Some("" | "." | "..") => Err(Refused::PathTrick(format!("the whiteout {path} names no file"))),
        Some(gone) if folder.is_empty() => Ok(Meaning::Removed(gone.to_owned())),
        Some(gone) => Ok(Meaning::Removed(format!("{folder}/{gone}"))),
    }
}

/// A path for a sentence: at most 200 bytes of it.
fn shown(path: &[u8]) -> String {
    let mut shown = String::new();
    push(&mut shown, path.get(..200).unwrap_or(path));
    shown
}

fn push(text: &mut String, bytes: &[u8]) {
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        for byte in chunk.invalid() {
            text.push_str(&format!("\\x{byte:02x}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_has_one_form() {
        for path in ["./etc/passwd", "/etc/passwd", "etc//passwd", "etc/./passwd/"] {
            assert_eq!(normal(path.as_bytes(), 4096).unwrap(), "etc/passwd", "{path}");
        }
        assert_eq!(normal(b"./", 4096).unwrap(), "");
        assert_eq!(normal(b"a/..b/c\xff", 4096).unwrap(), "a/..b/c\\xff");
    }

    #[test]
    fn a_path_that_leads_elsewhere_is_refused() {
        for path in [&b"../etc/passwd"[..], b"a/../b", b"a/..", b"/../x", b"a\0b"] {
            assert!(matches!(normal(path, 4096), Err(Refused::PathTrick(_))), "{path:?}");
        }
        assert!(matches!(normal(&[b'a'; 4097], 4096), Err(Refused::PathTrick(_))));
    }

    #[test]
    fn a_whiteout_names_what_is_gone() {
        assert_eq!(meaning("etc/.wh.passwd").unwrap(), Meaning::Removed("etc/passwd".to_owned()));
        assert_eq!(meaning(".wh.etc").unwrap(), Meaning::Removed("etc".to_owned()));
        assert_eq!(meaning("opt/.wh..wh..opq").unwrap(), Meaning::Opaque("opt".to_owned()));
        assert_eq!(meaning(".wh..wh..opq").unwrap(), Meaning::Opaque(String::new()));
        assert_eq!(meaning(".wh..wh.plnk/12.3").unwrap(), Meaning::Ignored);
        assert_eq!(meaning("etc/passwd").unwrap(), Meaning::Entry);

        for path in [".wh.", "a/.wh..", "a/.wh..."] {
            assert!(matches!(meaning(path), Err(Refused::PathTrick(_))), "{path}");
        }
    }
}
