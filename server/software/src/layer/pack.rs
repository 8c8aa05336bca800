//! Contents and software as bytes to be kept: deflated JSON.

use super::contents::Contents;
use super::merge::Software;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::io::{Read, Write};

/// The most that is unpacked: 512 MiB. What is kept of a layer is bounded far below.
const LIMIT: u64 = 512 << 20;

/// Why bytes could not be unpacked.
#[derive(Debug, thiserror::Error)]
pub enum Unpackable {
    #[error("what was kept is damaged: {0}")]
    Damaged(#[from] std::io::Error),
    #[error("what was kept is larger than {LIMIT} bytes")]
    TooLarge,
    #[error("what was kept has another form: {0}")]
    Form(#[from] serde_json::Error),
}

impl Contents {
    /// As bytes.
    #[must_use]
    pub fn pack(&self) -> Vec<u8> {
        pack(self)
    }

    /// From bytes.
    ///
    /// # Errors
    /// When they are something else.
    pub fn unpack(bytes: &[u8]) -> Result<Self, Unpackable> {
        unpack(bytes)
    }
}

impl Software {
    /// As bytes.
    #[must_use]
    pub fn pack(&self) -> Vec<u8> {
        pack(self)
    }

    /// From bytes.
    ///
    /// # Errors
    /// When they are something else.
    pub fn unpack(bytes: &[u8]) -> Result<Self, Unpackable> {
        unpack(bytes)
    }
}

/// Writing to memory does not fail; if it did, nothing would come of it that could be unpacked.
fn pack(value: &impl Serialize) -> Vec<u8> {
    let json = serde_json::to_vec(value).unwrap_or_default();
    let mut packed = ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(&json).and_then(|()| packed.finish()).unwrap_or_default()
}

fn unpack<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Unpackable> {
    let mut json = Vec::new();
    ZlibDecoder::new(bytes).take(LIMIT + 1).read_to_end(&mut json)?;
    if json.len() as u64 > LIMIT {
        return Err(Unpackable::TooLarge);
    }
    Ok(serde_json::from_slice(&json)?)
}
