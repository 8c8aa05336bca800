//! How a layer is compressed.

use super::zstd::Frames;
use flate2::bufread::MultiGzDecoder;
use serde::{Deserialize, Serialize};
use std::io::{BufReader, Read};

/// The compressions that layers have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Compression {
    None,
    Gzip,
    Zstd,
}

/// Bytes that are read of the stream at a time.
const AT_A_TIME: usize = 128 << 10;

impl Compression {
    /// What the media type of a layer says: OCI's (`application/vnd.oci.image.layer.v1.tar+gzip`) and Docker's
    /// (`application/vnd.docker.image.rootfs.diff.tar.gzip`), with those of layers that are not to be distributed. None
    /// for what is no layer or cannot be read, such as an encrypted one.
    #[must_use]
    pub fn of_media_type(media_type: &str) -> Option<Self> {
        let essence = media_type.split(';').next()?.trim().to_ascii_lowercase();
        let rest = [
            "application/vnd.oci.image.layer.v1.",
            "application/vnd.oci.image.layer.nondistributable.v1.",
            "application/vnd.docker.image.rootfs.diff.",
            "application/vnd.docker.image.rootfs.foreign.diff.",
        ]
        .into_iter()
        .find_map(|prefix| essence.strip_prefix(prefix))?;
        match rest {
            "tar" => Some(Self::None),
            "tar+gzip" | "tar.gzip" => Some(Self::Gzip),
            "tar+zstd" | "tar.zstd" => Some(Self::Zstd),
            _ => None,
        }
    }

    /// What the first bytes say; four are enough. Container runtimes go by these and not by the media type.
    #[must_use]
    pub fn sniff(start: &[u8]) -> Self {
        match start {
            [0x1f, 0x8b, ..] => Self::Gzip,
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Self::Zstd,
            _ => Self::None,
        }
    }

    /// The archive within a stream. All members or frames are read; what follows them must be another.
    pub(super) fn unpack<'r>(self, stream: impl Read + 'r) -> Box<dyn Read + 'r> {
        let stream = BufReader::with_capacity(AT_A_TIME, stream);
        match self {
            Self::None => Box::new(stream),
            Self::Gzip => Box::new(MultiGzDecoder::new(stream)),
            Self::Zstd => Box::new(Frames::new(stream)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn media_types_of_both_kinds_name_the_compression() {
        for (media_type, compression) in [
            ("application/vnd.oci.image.layer.v1.tar", Some(Compression::None)),
            ("application/vnd.oci.image.layer.v1.tar+gzip", Some(Compression::Gzip)),
            ("application/vnd.oci.image.layer.v1.tar+zstd", Some(Compression::Zstd)),
            ("application/vnd.oci.image.layer.nondistributable.v1.tar+gzip", Some(Compression::Gzip)),
            ("application/vnd.docker.image.rootfs.diff.tar.gzip", Some(Compression::Gzip)),
            ("application/vnd.docker.image.rootfs.foreign.diff.tar.gzip; x=y", Some(Compression::Gzip)),
            ("application/vnd.oci.image.layer.v1.tar+gzip+encrypted", None),
            ("application/vnd.in-toto+json", None),
        ] {
            assert_eq!(Compression::of_media_type(media_type), compression, "{media_type}");
        }
    }

    #[test]
    fn the_first_bytes_name_the_compression() {
        assert_eq!(Compression::sniff(&[0x1f, 0x8b, 8, 0]), Compression::Gzip);
        assert_eq!(Compression::sniff(&[0x28, 0xb5, 0x2f, 0xfd]), Compression::Zstd);
        assert_eq!(Compression::sniff(&[0x51, 0x2a, 0x4d, 0x18]), Compression::Zstd);
        assert_eq!(Compression::sniff(b"etc/"), Compression::None);
        assert_eq!(Compression::sniff(&[]), Compression::None);
    }
}
