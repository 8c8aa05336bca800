//! One-time tokens: shown once, kept as a hash.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use plumbline_core::id::Mint;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

/// A secret that opens something once. Printing it shows nothing.
#[derive(Debug, Clone)]
pub struct Token(SecretString);

impl Token {
    /// Mints one of 256 bits.
    #[must_use]
    pub fn mint(mint: &Mint) -> Self {
        let mut bytes = [0u8; 32];
        mint.fill(&mut bytes);
        Self(URL_SAFE_NO_PAD.encode(bytes).into())
    }

    /// The token as it came back in a link.
    #[must_use]
    pub fn from_link(text: &str) -> Self {
        Self(text.to_owned().into())
    }

    /// The text to put into the link or cookie.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    /// What is stored of it. A token has 256 random bits, so a fast hash without salt is enough.
    #[must_use]
    pub fn hash(&self) -> [u8; 32] {
        Sha256::digest(self.expose().as_bytes()).into()
    }
}
