//! Reads a layer, entry by entry.

use super::archive::{Archive, Entry, Kind, damaged};
use super::compression::Compression;
use super::contents::{Contents, FileSecret, Link};
use super::found::{Finds, Found};
use super::ledger::{Ledger, Stored, Unpacked};
use super::path::{Meaning, meaning, normal};
use super::refused::{Limits, Refused};
use super::{code, secrets, written};
use crate::distribution::{Distribution, parse_os_release};
use crate::packages::{self, Reader};
use sha2::{Digest, Sha256};
use std::collections::{BTreeSet, HashMap};
use std::io::{self, BufRead, BufReader, Read};

/// The largest file that is searched for secrets: 1 MiB.
const TEXT_LIMIT: u64 = 1 << 20;

/// The largest os-release file that is read: 64 KiB.
const RELEASE_LIMIT: u64 = 64 << 10;

/// Bytes by which a text is told from anything else.
const SNIFFED: u64 = 1024;

/// Bytes of the archive that are read at a time.
const AT_A_TIME: usize = 64 << 10;

/// Room that is kept from one file to the next.
const KEPT_ROOM: usize = 1 << 20;

/// Reads one layer to the end. `stream` is the blob as stored (compressed).
///
/// # Errors
/// When it is not read, and why; nothing of it counts then.
pub fn read(stream: impl Read, compression: Compression, limits: &Limits) -> Result<Contents, Refused> {
    read_again(stream, compression, limits, &[])
}

/// Reads a layer once more, this time with the hard links in mind that the first reading could not follow
/// ([`Contents::links`]): a file passes before it is known under which other names it is to be looked at. pnpm's store is
/// the common case.
///
/// # Errors
/// As [`read`].
pub fn read_again(
    stream: impl Read,
    compression: Compression,
    limits: &Limits,
    links: &[Link],
) -> Result<Contents, Refused> {
    let ledger = Ledger::new(limits);
    let stored = Stored { source: stream, ledger: &ledger };
    let unpacked = Unpacked { source: compression.unpack(stored), ledger: &ledger };
    let archive = Archive::new(BufReader::with_capacity(AT_A_TIME, unpacked), &ledger, limits.entries);
    let mut reading = Reading::new(limits, links);
    reading.all(archive).map_err(|why| ledger.refusal(why))?;
    let mut contents = reading.finish();
    (contents.compressed, contents.digest) = ledger.stored();
    (contents.uncompressed, contents.diff_id) = ledger.archive();
    Ok(contents)
}

/// A layer that is being read.
struct Reading<'i> {
    path_limit: usize,
    /// Second names that are to be looked at, by the first.
    second_names: HashMap<&'i str, Vec<&'i str>>,
    finds: Finds,
    written: Vec<u64>,
    removed: BTreeSet<String>,
    opaque: BTreeSet<String>,
    links: Vec<Link>,
    files: u64,
    devices: u64,
    /// The file at hand, or its beginning.
    bytes: Vec<u8>,
}

impl<'i> Reading<'i> {
    fn new(limits: &Limits, links: &'i [Link]) -> Self {
        let mut second_names: HashMap<&str, Vec<&str>> = HashMap::new();
        for link in links {
            second_names.entry(&link.target).or_default().push(&link.path);
        }
        Self {
            path_limit: limits.path,
            second_names,
            finds: Finds::default(),
            written: Vec::new(),
            removed: BTreeSet::new(),
            opaque: BTreeSet::new(),
            links: Vec::new(),
            files: 0,
            devices: 0,
            bytes: Vec::new(),
        }
    }

    fn all<R: BufRead>(&mut self, mut archive: Archive<'_, R>) -> Result<(), Refused> {
        while let Some(entry) = archive.next()? {
            let path = normal(&entry.path, self.path_limit)?;
            match meaning(&path)? {
                Meaning::Entry => self.entry(&mut archive, &entry, &path)?,
                Meaning::Removed(gone) => {
                    self.finds.hold(gone.len() + size_of::<String>())?;
                    self.removed.insert(gone);
                }
                Meaning::Opaque(folder) => {
                    self.finds.hold(folder.len() + size_of::<String>())?;
                    self.opaque.insert(folder);
                }
                Meaning::Ignored => {}
            }
        }
        archive.finish()
    }

    fn entry<R: BufRead>(&mut self, archive: &mut Archive<'_, R>, entry: &Entry, path: &str) -> Result<(), Refused> {
        let hash = written::of_file(path);
        if entry.kind == Kind::Folder {
            self.written.push(written::of_folder(hash));
            self.finds.forget(path);
            return self.finds.keep(path, Found { is_folder: true, mode: entry.mode, ..Found::default() });
        }
        if path.is_empty() {
            return Err(Refused::PathTrick("a file that takes the place of the root".to_owned()));
        }
        self.written.push(hash);
        self.files += 1;
        match entry.kind {
            Kind::File => self.file(archive, entry, path),
            Kind::HardLink => self.hard_link(entry, path),
            Kind::Symlink | Kind::Device | Kind::Folder => {
                self.devices += u64::from(entry.kind == Kind::Device);
                self.finds.forget_below(path);
                Ok(())
            }
        }
    }

    fn file<R: BufRead>(&mut self, archive: &mut Archive<'_, R>, entry: &Entry, path: &str) -> Result<(), Refused> {
        self.finds.forget_below(path);
        let is_executable = entry.mode & 0o111 != 0;
        let second_names = self.second_names.get(path).cloned().unwrap_or_default();
        let interest = |path: &str| Interest::of(path, is_executable);
        let all = [path].into_iter().chain(second_names.iter().copied());
        let is_wanted = all.map(interest).any(|interest| interest.limit().is_some_and(|limit| entry.size <= limit));

        let mut data = archive.bytes(entry);
        let is_whole = load(&mut data, entry.size, is_wanted, &mut self.bytes).map_err(damaged)?;
        let bytes = if is_whole { Some(self.bytes.as_slice()) } else { None };
        let mut found = interest(path).look(path, bytes, entry.size);
        found.mode = entry.mode;
        let is_code = code::is_code(path, entry.mode, &self.bytes);
        if let Some(text) = bytes.filter(|text| text.len() as u64 <= TEXT_LIMIT && is_text(text)) {
            found.secrets = secrets_of(path, text);
        }
        if is_code && self.finds.takes_hash() {
            let mut hash = Sha256::new_with_prefix(&self.bytes);
            io::copy(&mut data, &mut hash).map_err(damaged)?;
            found.sha256 = Some(format!("{:x}", hash.finalize()));
        }
        let named =
            second_names.into_iter().map(|name| (name.to_owned(), interest(name).look(name, bytes, entry.size)));
        found.named = named.collect();
        self.bytes.clear();
        self.bytes.shrink_to(KEPT_ROOM);
        self.finds.keep(path, found)
    }

    /// A second name of a file that came before, in this layer or in a lower one.
    fn hard_link(&mut self, entry: &Entry, path: &str) -> Result<(), Refused> {
        let target = normal(&entry.target, self.path_limit)?;
        if target == path {
            return Ok(());
        }
        self.finds.forget_below(path);
        let named = self.finds.take_named(&target, path);
        let nothing = Found::default();
        let first = self.finds.get(&target).filter(|found| !found.is_folder).unwrap_or(&nothing);
        let mode = entry.mode | first.mode;
        let interest = Interest::of(path, mode & 0o111 != 0);
        let known = named.or_else(|| interest.follow(path, first));
        let is_known = known.is_some();
        let mut found = known.unwrap_or_else(|| Found {
            unread: Some(format!("it is a hard link to {target}, which was not looked at for this")),
            ..Found::default()
        });
        found.mode = mode;
        found.sha256.clone_from(&first.sha256);
        found.secrets =
            first.secrets.iter().map(|secret| FileSecret { path: path.to_owned(), ..secret.clone() }).collect();
        if found.sha256.is_none() && code::is_code(path, mode, b"") {
            // Its content passed under a name that says nothing of code, or lies in a lower layer.
            self.finds.pass_over_hash();
        }
        if !is_known {
            self.finds.hold(path.len() + target.len() + size_of::<Link>())?;
            self.links.push(Link { path: path.to_owned(), target });
        }
        self.finds.keep(path, found)
    }

    fn finish(mut self) -> Contents {
        self.written.sort_unstable();
        self.written.dedup();
        let mut contents = Contents {
            files: self.files,
            devices: self.devices,
            removed: self.removed.into_iter().collect(),
            opaque: self.opaque.into_iter().collect(),
            written: self.written,
            links: self.links,
            ..Contents::default()
        };
        self.finds.sort_into(&mut contents);
        contents
    }
}

/// What a path is looked at for, secrets aside.
struct Interest {
    reader: Option<&'static Reader>,
    is_release: bool,
}

impl Interest {
    fn of(path: &str, is_executable: bool) -> Self {
        Self { reader: packages::reader_of(path, is_executable), is_release: Distribution::is_os_release(path) }
    }

    /// The largest file that is looked at, in bytes; none when it is of no interest at any size.
    fn limit(&self) -> Option<u64> {
        self.reader.map(|reader| reader.limit).or(self.is_release.then_some(RELEASE_LIMIT))
    }

    /// What is found in the file; `bytes` are none when it was not read whole.
    fn look(&self, path: &str, bytes: Option<&[u8]>, size: u64) -> Found {
        let mut found = Found::default();
        let Some(limit) = self.limit() else { return found };
        let Some(bytes) = bytes.filter(|bytes| bytes.len() as u64 <= limit) else {
            found.unread = Some(format!("it has {size} bytes; at most {limit} are read"));
            return found;
        };
        if self.is_release {
            found.distribution = parse_os_release(bytes);
            found.unread = found.distribution.is_none().then(|| "it names no distribution".to_owned());
        }
        if let Some(reader) = self.reader {
            found.read_by = Some(reader.name);
            match reader.read(packages::File { path, bytes }) {
                Ok(components) => found.components = components,
                Err(why) => found.unread = Some(why.to_string()),
            }
        }
        found
    }

    /// What is found in the file under a second name, from what was found under its first; none when it was not looked at
    /// for the same.
    fn follow(&self, path: &str, first: &Found) -> Option<Found> {
        let mut found = Found::default();
        if self.is_release {
            found.distribution = Some(first.distribution.clone()?);
        }
        if let Some(reader) = self.reader {
            found.read_by = Some(first.read_by.filter(|name| *name == reader.name)?);
            found.unread.clone_from(&first.unread);
            found.components.clone_from(&first.components);
            for component in &mut found.components {
                path.clone_into(&mut component.path);
            }
        }
        Some(found)
    }
}

/// Reads a file into `bytes`: whole when it is wanted or is a text of moderate size, else not or its beginning only. True
/// when it was read whole.
fn load(data: &mut impl Read, size: u64, is_wanted: bool, bytes: &mut Vec<u8>) -> io::Result<bool> {
    bytes.clear();
    if is_wanted {
        data.read_to_end(bytes)?;
        return Ok(true);
    }
    data.take(SNIFFED).read_to_end(bytes)?;
    if size > TEXT_LIMIT || !is_text(bytes) {
        return Ok(bytes.len() as u64 == size);
    }
    data.read_to_end(bytes)?;
    Ok(true)
}

/// Whether it begins as a text does: without a NUL.
fn is_text(bytes: &[u8]) -> bool {
    !bytes.iter().take(SNIFFED as usize).any(|byte| *byte == 0)
}

fn secrets_of(path: &str, text: &[u8]) -> Vec<FileSecret> {
    let secret = |one: secrets::Secret| FileSecret {
        path: path.to_owned(),
        kind: one.kind.to_owned(),
        line: one.line,
        fingerprint: one.fingerprint,
        test: one.test,
    };
    secrets::find(path, text).into_iter().map(secret).collect()
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{Tar, dpkg, gzip, zstd};
    use super::super::{Executable, Listing, Privileged};
    use super::*;

    fn contents(bytes: &[u8], compression: Compression) -> Contents {
        read(bytes, compression, &Limits::default()).unwrap()
    }

    fn names(listing: &Listing) -> Vec<&str> {
        listing.components.iter().map(|component| component.name.as_str()).collect()
    }

    #[test]
    fn what_matters_of_a_layer_is_kept() {
        let layer = Tar::default()
            .folder("./", 0o755)
            .dpkg(&[("curl", "7.88.1-10")])
            .file("./usr/lib/os-release", 0o644, "ID=debian\nVERSION_ID=\"12\"\n")
            .file("usr/bin/su", 0o4755, "abc")
            .folder("tmp", 0o1777)
            .folder("open", 0o777)
            .file("notes", 0o666, "anybody's")
            .entry(b'3', b"dev/null", b"", 0o666, 0, b"")
            .file("etc/.wh.shadow", 0o644, "")
            .file("opt/.wh..wh..opq", 0o644, "")
            .file(".wh..wh.orph/x", 0o4755, "left behind")
            .read()
            .unwrap();

        assert_eq!(layer.listings.iter().map(names).collect::<Vec<_>>(), [["curl"]]);
        assert_eq!(layer.distribution, [("usr/lib/os-release".to_owned(), Distribution::new("debian", "12"))]);
        assert_eq!(layer.privileged, [Privileged { path: "usr/bin/su".to_owned(), mode: 0o4755 }]);
        let writable: Vec<_> = layer.writable.iter().map(|one| one.path.as_str()).collect();
        assert_eq!(writable, ["notes", "open"]);
        // FIPS 180-4's first example.
        let sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad".to_owned();
        assert_eq!(layer.executables, [Executable { path: "usr/bin/su".to_owned(), sha256 }]);
        assert_eq!((layer.files, layer.devices), (5, 1));
        assert_eq!((layer.removed, layer.opaque), (vec!["etc/shadow".to_owned()], vec!["opt".to_owned()]));
        assert_eq!(layer.written.len(), 8);
    }

    #[test]
    fn files_with_code_are_hashed_whatever_their_mode() {
        let library = [b"\x7fELF".to_vec(), vec![7; 2 << 20]].concat();
        let sha256 = format!("{:x}", Sha256::digest(&library));
        let layer = Tar::default()
            .file("usr/lib/libc.so.6", 0o644, library)
            .file("usr/share/doc/text", 0o644, "nothing that runs")
            .file("var/www/shell.php", 0o644, "abc")
            .file("store/ab", 0o644, "PK")
            .hard_link("app/tool.jar", "store/ab")
            .read()
            .unwrap();

        let hashed: Vec<_> = layer.executables.iter().map(|one| (one.path.as_str(), one.sha256.as_str())).collect();
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(hashed, [("usr/lib/libc.so.6", sha256.as_str()), ("var/www/shell.php", abc)]);
        assert_eq!(layer.dropped.executables, 1, "the archive is known to be there and not what it is");
    }

    #[test]
    fn each_compression_reads_the_same_whatever_its_frames() {
        let tar = Tar::default().dpkg(&[("curl", "7.88.1-10")]).file("text", 0o644, "x".repeat(3000)).end();
        let plain = contents(&tar, Compression::None);
        let (start, rest) = tar.split_at(1234);
        let skippable = [&[0x5a, 0x2a, 0x4d, 0x18, 3, 0, 0, 0][..], b"toc"].concat();

        let members = contents(&[gzip(start), gzip(rest), gzip(b"")].concat(), Compression::Gzip);
        let frames = [zstd(start), skippable.clone(), zstd(rest), zstd(b""), skippable].concat();
        let frames = contents(&frames, Compression::Zstd);

        assert_eq!(plain.digest, plain.diff_id);
        assert_ne!(members.digest, plain.diff_id);
        for other in [members, frames] {
            assert_eq!((&other.diff_id, &other.listings), (&plain.diff_id, &plain.listings));
            assert_eq!(other.uncompressed, tar.len() as u64);
        }
    }

    #[test]
    fn sparse_files_of_all_kinds_have_the_content_that_was_packed() {
        for (kind, packed) in [
            ("gnu", &include_bytes!("fixtures/gnu-sparse.tar.gz")[..]),
            ("0.0", include_bytes!("fixtures/pax-sparse-0.0.tar.gz")),
            ("0.1", include_bytes!("fixtures/pax-sparse-0.1.tar.gz")),
            ("1.0", include_bytes!("fixtures/pax-sparse-1.0.tar.gz")),
        ] {
            let layer = contents(packed, Compression::Gzip);
            // What sha256sum said of the file: thirty runs of letters, 64 KiB apart.
            let sha256 = "7d1b42650edf1c88bbaaa01374bf4918331c290b23e12e29cbaff0f282bab3fa".to_owned();
            assert_eq!(layer.executables, [Executable { path: "holes".to_owned(), sha256 }], "{kind}");
            assert_eq!(layer.files, 1, "{kind}");
        }
    }

    #[test]
    fn long_names_of_both_kinds_are_read() {
        let folder = "very-long-folder-name-".repeat(6);
        let paths = [format!("{folder}/second"), format!("{folder}/{folder}/installed")];
        for packed in [&include_bytes!("fixtures/long-gnu.tar.gz")[..], include_bytes!("fixtures/long-posix.tar.gz")] {
            let layer = contents(packed, Compression::Gzip);
            assert_eq!(layer.privileged, paths.clone().map(|path| Privileged { path, mode: 0o4755 }));
            assert_eq!((layer.files, layer.executables.len()), (3, 2));
        }
    }

    #[test]
    fn a_path_that_is_written_twice_has_its_last_content() {
        let twice = Tar::default().dpkg(&[("old", "1")]).dpkg(&[("new", "2")]).read().unwrap();
        assert_eq!(twice.listings.iter().map(names).collect::<Vec<_>>(), [["new"]]);

        let replaced =
            Tar::default().file("a/b", 0o4755, "x").file("a.b", 0o4755, "x").symlink("a", "b").read().unwrap();
        assert_eq!(replaced.privileged, [Privileged { path: "a.b".to_owned(), mode: 0o4755 }]);
        let again = Tar::default().file("a", 0o4755, "x").folder("a", 0o755).read().unwrap();
        assert_eq!(again.privileged, []);
    }

    #[test]
    fn a_hard_link_is_the_file_under_another_path() {
        let layer = Tar::default()
            .file("one/six-1.16.0.dist-info/METADATA", 0o644, "Metadata-Version: 2.1\nName: six\nVersion: 1.16.0\n\n")
            .hard_link("two/six-1.16.0.dist-info/METADATA", "/one/six-1.16.0.dist-info/METADATA")
            .file("usr/bin/su", 0o4755, "abc")
            .hard_link("usr/bin/sg", "usr/bin/su")
            .read()
            .unwrap();

        let paths: Vec<_> = layer.listings.iter().flat_map(|one| [&one.path, &one.components[0].path]).collect();
        let (one, two) = ("one/six-1.16.0.dist-info/METADATA", "two/six-1.16.0.dist-info/METADATA");
        assert_eq!(paths, [one, one, two, two]);
        assert_eq!(layer.privileged.len(), 2);
        assert_eq!(layer.executables[0].sha256, layer.executables[1].sha256);
        assert_eq!((layer.unreadable, layer.links), (vec![], vec![]));
    }

    #[test]
    fn a_hard_link_to_what_was_not_looked_at_is_unknown_until_the_layer_is_read_again() {
        let tar = Tar::default()
            .file("store/files/ab/cdef", 0o644, dpkg(&[("curl", "7.88.1-10")]))
            .hard_link("var/lib/dpkg/status", "store/files/ab/cdef")
            .end();

        let first = contents(&tar, Compression::None);
        assert_eq!(first.listings, []);
        assert_eq!(first.unreadable[0].path, "var/lib/dpkg/status");

        let second = read_again(tar.as_slice(), Compression::None, &Limits::default(), &first.links).unwrap();
        assert_eq!(second.listings.iter().map(names).collect::<Vec<_>>(), [["curl"]]);
        assert_eq!(second.listings[0].path, "var/lib/dpkg/status");
        assert_eq!((second.unreadable, second.links), (vec![], vec![]));
    }

    #[test]
    fn a_database_that_cannot_be_read_is_unknown() {
        let path = "var/lib/dpkg/status";
        let size = packages::reader_of(path, false).unwrap().limit + 1;
        let holes = [("GNU.sparse.map", "0,1"), ("GNU.sparse.size", &size.to_string())];
        let large = Tar::default().pax(&holes).file(path, 0o644, "x").read().unwrap();
        let nameless = Tar::default().file("etc/os-release", 0o644, "NAME=x\n").read().unwrap();

        assert_eq!(large.unreadable[0].path, path);
        assert!(large.unreadable[0].why.contains(&size.to_string()), "{}", large.unreadable[0].why);
        assert_eq!(nameless.unreadable[0].path, "etc/os-release");
    }

    #[test]
    fn an_archive_without_its_end_is_read_as_runtimes_read_it() {
        let tar = Tar::default().dpkg(&[("curl", "7.88.1-10")]).cut();

        assert_eq!(contents(&tar, Compression::None).listings.len(), 1);
        assert_eq!(contents(&[], Compression::None).files, 0);
    }
}
