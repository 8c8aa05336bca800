//! Archives for tests, entry by entry.

use super::{Compression, Contents, Limits, Refused, read};
use flate2::write::GzEncoder;
use ruzstd::encoding::{CompressionLevel, compress_to_vec};
use std::io::Write;

/// An archive in the making.
#[derive(Debug, Default, Clone)]
pub(super) struct Tar {
    bytes: Vec<u8>,
}

impl Tar {
    /// Any entry, with the size that it states.
    pub(super) fn entry(mut self, flag: u8, path: &[u8], target: &[u8], mode: u32, size: u64, data: &[u8]) -> Self {
        let mut header = [0; 512];
        header[..path.len()].copy_from_slice(path);
        header[100..107].copy_from_slice(format!("{mode:07o}").as_bytes());
        header[124..135].copy_from_slice(format!("{size:011o}").as_bytes());
        header[156] = flag;
        header[157..157 + target.len()].copy_from_slice(target);
        header[257..265].copy_from_slice(b"ustar\x0000");
        header[148..156].fill(b' ');
        let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
        header[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
        self.bytes.extend_from_slice(&header);
        self.bytes.extend_from_slice(data);
        self.bytes.resize(self.bytes.len().next_multiple_of(512), 0);
        self
    }

    pub(super) fn file(self, path: &str, mode: u32, data: impl AsRef<[u8]>) -> Self {
        let data = data.as_ref();
        self.entry(b'0', path.as_bytes(), b"", mode, data.len() as u64, data)
    }

    pub(super) fn folder(self, path: &str, mode: u32) -> Self {
        self.entry(b'5', path.as_bytes(), b"", mode, 0, b"")
    }

    pub(super) fn hard_link(self, path: &str, target: &str) -> Self {
        self.entry(b'1', path.as_bytes(), target.as_bytes(), 0o644, 0, b"")
    }

    pub(super) fn symlink(self, path: &str, target: &str) -> Self {
        self.entry(b'2', path.as_bytes(), target.as_bytes(), 0o777, 0, b"")
    }

    /// An extended header.
    pub(super) fn pax(self, records: &[(&str, &str)]) -> Self {
        let mut data = String::new();
        for (key, value) in records {
            let rest = format!(" {key}={value}\n");
            let length = (1..).find(|length| length.to_string().len() + rest.len() == *length).unwrap();
            data += &format!("{length}{rest}");
        }
        self.entry(b'x', b"pax", b"", 0o644, data.len() as u64, data.as_bytes())
    }

    /// A dpkg database with these packages.
    pub(super) fn dpkg(self, packages: &[(&str, &str)]) -> Self {
        self.file("var/lib/dpkg/status", 0o644, dpkg(packages))
    }

    /// Without the blocks at the end.
    pub(super) fn cut(self) -> Vec<u8> {
        self.bytes
    }

    pub(super) fn end(mut self) -> Vec<u8> {
        self.bytes.extend_from_slice(&[0; 1024]);
        self.bytes
    }

    pub(super) fn read(self) -> Result<Contents, Refused> {
        read(self.end().as_slice(), Compression::None, &Limits::default())
    }
}

/// What a dpkg database with these packages reads.
pub(super) fn dpkg(packages: &[(&str, &str)]) -> String {
    let stanza = |(name, version): &(&str, &str)| {
        format!("Package: {name}\nStatus: install ok installed\nArchitecture: amd64\nVersion: {version}\n\n")
    };
    packages.iter().map(stanza).collect()
}

pub(super) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packed = GzEncoder::new(Vec::new(), flate2::Compression::default());
    packed.write_all(bytes).unwrap();
    packed.finish().unwrap()
}

pub(super) fn zstd(bytes: &[u8]) -> Vec<u8> {
    compress_to_vec(bytes, CompressionLevel::Fastest)
}
