//! Which paths a layer writes, as hashes: enough to know what an upper layer replaces, at 8 bytes a path.
//!
//! The first 64 bits of SHA-256. A plain checksum would not do: somebody could make a path up that collides with that of a
//! package database, and so have the database pass for replaced.

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serializer};
use sha2::{Digest, Sha256};

/// What sets a folder's hash apart from that of anything else at its path.
const FOLDER: u64 = 0x666f_6c64_6572_0001;

/// The hash of a path at which something other than a folder is written. Stable: it is stored.
pub(super) fn of_file(path: &str) -> u64 {
    let digest = Sha256::digest(path.as_bytes());
    digest.first_chunk().map_or(0, |start| u64::from_be_bytes(*start))
}

/// The hash of a path at which a folder is written, from that of a file there.
pub(super) fn of_folder(of_file: u64) -> u64 {
    of_file ^ FOLDER
}

/// Hashes as base64 of their bytes, little-endian.
pub(super) fn serialize<S: Serializer>(hashes: &[u64], serializer: S) -> Result<S::Ok, S::Error> {
    let bytes: Vec<u8> = hashes.iter().flat_map(|hash| hash.to_le_bytes()).collect();
    serializer.serialize_str(&STANDARD_NO_PAD.encode(bytes))
}

pub(super) fn deserialize<'d, D: Deserializer<'d>>(deserializer: D) -> Result<Vec<u64>, D::Error> {
    let text = String::deserialize(deserializer)?;
    let bytes = STANDARD_NO_PAD.decode(text).map_err(D::Error::custom)?;
    let (hashes, rest) = bytes.as_chunks::<8>();
    if !rest.is_empty() {
        return Err(D::Error::custom("hashes that are cut"));
    }
    Ok(hashes.iter().map(|hash| u64::from_le_bytes(*hash)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_of_a_path_never_changes() {
        // SHA-256 of "abc" begins with ba7816bf8f01cfea (FIPS 180-4, example 1).
        assert_eq!(of_file("abc"), 0xba78_16bf_8f01_cfea);
        assert_eq!(of_folder(of_folder(of_file("abc"))), of_file("abc"));
    }
}
