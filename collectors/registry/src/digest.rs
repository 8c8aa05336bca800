//! Digests as the image specification writes them: the one thing by which anything from a registry is believed.

use sha2::{Digest as _, Sha256, Sha512};
use std::fmt;

/// A digest of an algorithm that we can check: `sha256:…` or `sha512:…`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Digest(String);

impl Digest {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (algorithm, hex) = text.split_once(':')?;
        let length = match algorithm {
            "sha256" => 64,
            "sha512" => 128,
            _ => return None,
        };
        let sound = hex.len() == length && hex.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'a'..=b'f'));
        sound.then(|| Self(text.to_owned()))
    }

    /// The usual digest of some bytes.
    pub(crate) fn of(bytes: &[u8]) -> Self {
        Self(format!("sha256:{}", hex::encode(Sha256::digest(bytes))))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn matches(&self, bytes: &[u8]) -> bool {
        let mut hasher = self.hasher();
        hasher.update(bytes);
        hasher.finish() == *self
    }

    /// Begins to compute a digest of this one's algorithm.
    pub(crate) fn hasher(&self) -> Hasher {
        if self.0.starts_with("sha512:") { Hasher::Sha512(Sha512::new()) } else { Hasher::Sha256(Sha256::new()) }
    }

    /// The first twelve digits, for people.
    pub(crate) fn short(&self) -> &str {
        let hex = self.0.split_once(':').map_or(self.0.as_str(), |(_, hex)| hex);
        hex.get(..12).unwrap_or(hex)
    }

    /// The tag under which what refers to this digest is found where there is no referrers API: `sha256-…`.
    pub(crate) fn as_tag(&self) -> String {
        let tag = self.0.replacen(':', "-", 1);
        tag.chars().take(128).collect()
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A digest being computed.
pub(crate) enum Hasher {
    Sha256(Sha256),
    Sha512(Sha512),
}

impl Hasher {
    pub(crate) fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Sha256(hasher) => hasher.update(bytes),
            Self::Sha512(hasher) => hasher.update(bytes),
        }
    }

    pub(crate) fn finish(self) -> Digest {
        Digest(match self {
            Self::Sha256(hasher) => format!("sha256:{}", hex::encode(hasher.finalize())),
            Self::Sha512(hasher) => format!("sha512:{}", hex::encode(hasher.finalize())),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_algorithms_check_and_others_are_unknown() {
        let empty = Digest::parse("sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855").unwrap();
        assert!(empty.matches(b""));
        assert!(!empty.matches(b"x"));
        let long = "cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce47d0d13c5d85f2b0ff8318d2877eec2f63b9\
                    31bd47417a81a538327af927da3e";
        assert!(Digest::parse(&format!("sha512:{long}")).unwrap().matches(b""));
        assert_eq!(empty.short(), "e3b0c44298fc");
    }

    #[test]
    fn what_is_no_digest_is_refused() {
        for wrong in ["", "sha256:", "sha256:../../x", "md5:d41d8cd98f00b204e9800998ecf8427e", "sha256:E3B0"] {
            assert!(Digest::parse(wrong).is_none(), "{wrong}");
        }
    }
}
