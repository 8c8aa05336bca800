//! Advisories out of a bundle: a zip as osv.dev offers for each ecosystem, a folder of records, or a folder of zips.
//!
//! Records are handed on one by one and never held together. One that can not be read is counted and named; the rest is
//! read all the same.

use super::osv::{Advisory, LIMIT, Unreadable};
use std::fs::{self, File};
use std::io::{BufReader, Read};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use zip::ZipArchive;

/// The most records of a bundle; osv.dev has some 600,000 in all.
const RECORDS: u64 = 4_000_000;
/// The most bytes of all records together, unpacked.
const BYTES: u64 = 64 << 30;
/// How many times its own size an archive may unpack to, beyond what is little anyway; real ones do some ten times.
const RATIO: u64 = 100;
const LITTLE: u64 = 64 << 20;
/// How many of the unreadable records are named.
const NAMED: usize = 100;
/// How deep folders are read.
const DEPTH: usize = 16;

/// What came of reading a bundle.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Outcome {
    /// Advisories that were handed on.
    pub read: u64,
    /// Records that could not be read.
    pub unreadable: u64,
    /// The first hundred of these: which, and why.
    pub named: Vec<(String, Unreadable)>,
    /// False when the receiver wanted no more.
    pub complete: bool,
}

/// Reads a bundle, handing each advisory on until the receiver breaks off.
///
/// # Errors
/// When the bundle as a whole can not be read: there is none, it is no zip and no folder, or beyond all bounds. What was
/// handed on before is then not the whole.
pub fn read(path: &Path, each: impl FnMut(Advisory) -> ControlFlow<()>) -> Result<Outcome, Unreadable> {
    let mut reading = Reading { each, outcome: Outcome::default(), bytes: 0 };
    let about = fs::metadata(path).map_err(|error| failed(path, &error))?;
    let flow = if about.is_dir() { reading.folder(path)? } else { reading.archive(path)? };
    reading.outcome.complete = flow.is_continue();
    Ok(reading.outcome)
}

struct Reading<F> {
    each: F,
    outcome: Outcome,
    bytes: u64,
}

impl<F: FnMut(Advisory) -> ControlFlow<()>> Reading<F> {
    /// A folder and those in it, in the order of their names. Links are not followed.
    fn folder(&mut self, root: &Path) -> Result<ControlFlow<()>, Unreadable> {
        let mut waiting = vec![(root.to_owned(), 0)];
        while let Some((path, depth)) = waiting.pop() {
            for entry in listed(&path)? {
                let kind = fs::symlink_metadata(&entry).map_err(|error| failed(&entry, &error))?.file_type();
                let flow = if kind.is_dir() && depth < DEPTH {
                    waiting.push((entry, depth + 1));
                    ControlFlow::Continue(())
                } else if has_ending(&entry, "json") {
                    self.file(&entry, kind.is_file())?
                } else if kind.is_file() && has_ending(&entry, "zip") {
                    self.archive(&entry)?
                } else if kind.is_dir() {
                    self.refuse(&entry, Unreadable::new("too deep in folders"))
                } else {
                    ControlFlow::Continue(())
                };
                if flow.is_break() {
                    return Ok(flow);
                }
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    fn file(&mut self, path: &Path, is_plain: bool) -> Result<ControlFlow<()>, Unreadable> {
        if !is_plain {
            return Ok(self.refuse(path, Unreadable::new("not a plain file")));
        }
        let content = File::open(path).map_err(|error| Unreadable::new(error.to_string())).and_then(bounded);
        self.record(&path.display().to_string(), content)
    }

    fn archive(&mut self, path: &Path) -> Result<ControlFlow<()>, Unreadable> {
        let file = File::open(path).map_err(|error| failed(path, &error))?;
        let size = file.metadata().map_err(|error| failed(path, &error))?.len();
        let most = self.bytes + LITTLE + size.saturating_mul(RATIO);
        let mut archive = ZipArchive::new(BufReader::new(file)).map_err(|error| failed(path, &error))?;
        for number in 0..archive.len() {
            let (name, content) = match archive.by_index(number) {
                Ok(entry) => {
                    let name = entry.name().map_or_else(|_| format!("entry {number}"), |name| name.into_owned());
                    if !entry.is_file() || !name.ends_with(".json") {
                        continue;
                    }
                    (name, bounded(entry))
                }
                Err(error) => (format!("entry {number}"), Err(Unreadable::new(error.to_string()))),
            };
            if self.record(&name, content)?.is_break() {
                return Ok(ControlFlow::Break(()));
            }
            if self.bytes > most {
                return Err(failed(path, &format!("it unpacks to more than {RATIO} times its size")));
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    fn record(&mut self, name: &str, content: Result<Vec<u8>, Unreadable>) -> Result<ControlFlow<()>, Unreadable> {
        self.bytes += content.as_ref().map_or(LIMIT, Vec::len) as u64;
        if self.bytes > BYTES || self.outcome.read + self.outcome.unreadable >= RECORDS {
            return Err(Unreadable::new(format!("more than {RECORDS} records or {BYTES} bytes of them")));
        }
        match content.and_then(|content| Advisory::read(&content)) {
            Ok(advisory) => {
                self.outcome.read += 1;
                Ok((self.each)(advisory))
            }
            Err(why) => Ok(self.refuse(Path::new(name), why)),
        }
    }

    fn refuse(&mut self, path: &Path, why: Unreadable) -> ControlFlow<()> {
        self.outcome.unreadable += 1;
        if self.outcome.named.len() < NAMED {
            let name = path.display().to_string();
            self.outcome.named.push((name.chars().filter(|letter| !letter.is_control()).take(200).collect(), why));
        }
        ControlFlow::Continue(())
    }
}

/// The content, as long as it is within the limit of a record; whatever length is claimed for it.
fn bounded(content: impl Read) -> Result<Vec<u8>, Unreadable> {
    let mut bytes = Vec::new();
    content.take(LIMIT as u64 + 1).read_to_end(&mut bytes).map_err(|error| Unreadable::new(error.to_string()))?;
    if bytes.len() > LIMIT { Err(Unreadable::new(format!("larger than {LIMIT} bytes"))) } else { Ok(bytes) }
}

fn listed(folder: &Path) -> Result<Vec<PathBuf>, Unreadable> {
    let entries = fs::read_dir(folder).map_err(|error| failed(folder, &error))?;
    let paths: Result<Vec<_>, _> = entries.map(|entry| entry.map(|entry| entry.path())).collect();
    let mut paths = paths.map_err(|error| failed(folder, &error))?;
    paths.sort();
    Ok(paths)
}

fn has_ending(path: &Path, ending: &str) -> bool {
    path.extension().is_some_and(|found| found.eq_ignore_ascii_case(ending))
}

fn failed(path: &Path, error: &dyn std::fmt::Display) -> Unreadable {
    Unreadable::new(format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use zip::write::{SimpleFileOptions, ZipWriter};

    fn ids(path: &Path) -> (Vec<String>, Outcome) {
        let mut ids = Vec::new();
        let outcome = read(path, |advisory| {
            ids.push(advisory.id);
            ControlFlow::Continue(())
        });
        (ids, outcome.unwrap())
    }

    fn zip(path: &Path, entries: &[(&str, &[u8])]) {
        let mut archive = ZipWriter::new(File::create(path).unwrap());
        for (name, content) in entries {
            archive.start_file(*name, SimpleFileOptions::default()).unwrap();
            archive.write_all(content).unwrap();
        }
        archive.finish().unwrap();
    }

    #[test]
    fn a_zip_is_read_and_what_is_unreadable_in_it_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("all.zip");
        let huge = vec![b' '; LIMIT + 1];
        zip(
            &path,
            &[
                ("X-1.json", br#"{"id":"X-1"}"#),
                ("bad.json", b"{"),
                ("huge.json", &huge),
                ("a.txt", b""),
                ("X-2.json", br#"{"id":"X-2"}"#),
            ],
        );

        let (ids, outcome) = ids(&path);

        assert_eq!(ids, ["X-1", "X-2"]);
        assert_eq!((outcome.read, outcome.unreadable, outcome.complete), (2, 2, true));
        assert_eq!(outcome.named.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["bad.json", "huge.json"]);
    }

    #[test]
    fn a_folder_is_read_with_its_folders_and_zips_but_no_links() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("npm/2031")).unwrap();
        fs::write(folder.path().join("X-1.json"), r#"{"id":"X-1"}"#).unwrap();
        fs::write(folder.path().join("npm/2031/X-2.json"), r#"{"id":"X-2"}"#).unwrap();
        zip(&folder.path().join("npm/all.zip"), &[("X-3.json", br#"{"id":"X-3"}"#)]);
        std::os::unix::fs::symlink("/etc/passwd", folder.path().join("link.json")).unwrap();
        std::os::unix::fs::symlink("..", folder.path().join("npm/loop")).unwrap();

        let (ids, outcome) = ids(folder.path());

        assert_eq!(ids, ["X-1", "X-3", "X-2"]);
        assert_eq!((outcome.read, outcome.unreadable), (3, 1));
    }

    #[test]
    fn what_is_no_bundle_is_unreadable() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("all.zip");
        fs::write(&path, b"not a zip").unwrap();
        let never = |_| ControlFlow::Continue(());
        assert!(read(&path, never).is_err());
        assert!(read(&folder.path().join("absent"), never).is_err());
    }

    #[test]
    fn the_receiver_can_break_off() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("X-1.json"), r#"{"id":"X-1"}"#).unwrap();
        fs::write(folder.path().join("X-2.json"), r#"{"id":"X-2"}"#).unwrap();
        let outcome = read(folder.path(), |_| ControlFlow::Break(())).unwrap();
        assert_eq!((outcome.read, outcome.complete), (1, false));
    }

    #[test]
    fn an_archive_that_unpacks_without_end_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("all.zip");
        let padded = format!(r#"{{"id":"X-1"{}}}"#, " ".repeat(LIMIT - 100));
        let entries: Vec<(String, &[u8])> = (0..30).map(|n| (format!("{n}.json"), padded.as_bytes())).collect();
        let entries: Vec<(&str, &[u8])> = entries.iter().map(|(name, content)| (name.as_str(), *content)).collect();
        zip(&path, &entries);

        let why = read(&path, |_| ControlFlow::Continue(())).unwrap_err();
        assert!(why.to_string().contains("more than 100 times its size"), "{why}");
        zip(&path, &entries[..10]);
        assert_eq!(read(&path, |_| ControlFlow::Continue(())).unwrap().read, 10, "what is little may be packed well");
    }
}
