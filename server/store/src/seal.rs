//! Secrets at rest: AES-256-GCM under a key with an id, bound to what they belong to.
//!
//! A sealed secret is `nonce (12 bytes) ‖ ciphertext ‖ tag (16 bytes)`. The associated data is the name of its owner
//! (tenant and row), so that a ciphertext moved to another row does not open. Keys rotate: new secrets are sealed with
//! the first key, old ones open with the one they name until they are sealed anew.

use crate::error::StoreError;
use aes_gcm::aead::{Aead, KeyInit, Payload};
use aes_gcm::{Aes256Gcm, Key, Nonce};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rand::RngCore;
use secrecy::{ExposeSecret, SecretSlice, SecretString};
use sha2::{Digest, Sha256};

const NONCE: usize = 12;

/// The master keys: the first seals, all open.
pub struct Keyring(Vec<(String, SecretSlice<u8>)>);

impl std::fmt::Debug for Keyring {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(id, _)| id)).finish()
    }
}

/// A secret as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed {
    pub key_id: String,
    pub bytes: Vec<u8>,
}

/// A key that cannot be used; says what is wrong with it and never the key.
#[derive(Debug, thiserror::Error)]
#[error("master key: {0}")]
pub struct KeyError(&'static str);

impl Keyring {
    /// Reads keys written as `id:base64`, separated by white space or commas, newest first.
    ///
    /// # Errors
    /// When there is none, an id repeats, or one is not 32 bytes.
    pub fn parse(text: &SecretString) -> Result<Self, KeyError> {
        let mut keys: Vec<(String, SecretSlice<u8>)> = Vec::new();
        for word in text.expose_secret().split([' ', '\n', '\t', '\r', ',']).filter(|word| !word.is_empty()) {
            let (id, encoded) = word.split_once(':').ok_or(KeyError("write it as id:base64"))?;
            let bytes = STANDARD.decode(encoded).map_err(|_| KeyError("it is not base64"))?;
            if bytes.len() != 32 {
                return Err(KeyError("it is not 32 bytes"));
            }
            if id.is_empty() || keys.iter().any(|(known, _)| known == id) {
                return Err(KeyError("each key needs an id of its own"));
            }
            keys.push((id.to_owned(), bytes.into()));
        }
        if keys.is_empty() {
            return Err(KeyError("there is none"));
        }
        Ok(Self(keys))
    }

    /// The id of the key that seals.
    #[must_use]
    pub fn current(&self) -> &str {
        &self.0[0].0
    }

    /// A key for another purpose, derived from the current one: 32 bytes, different for each purpose.
    #[must_use]
    pub fn derive(&self, purpose: &str) -> SecretSlice<u8> {
        let (_, key) = &self.0[0];
        let mut hash = Sha256::new();
        hash.update(b"plumbline derived key\0");
        hash.update(purpose.as_bytes());
        hash.update([0]);
        hash.update(key.expose_secret());
        hash.finalize().to_vec().into()
    }

    /// Seals a secret for its owner.
    ///
    /// # Errors
    /// [`StoreError::Sealed`] when the cipher refuses, which it does not for secrets of sensible size.
    pub fn seal(&self, owner: &str, secret: &SecretString, rng: &mut dyn RngCore) -> Result<Sealed, StoreError> {
        let (key_id, key) = &self.0[0];
        let mut nonce = [0u8; NONCE];
        rng.fill_bytes(&mut nonce);
        let payload = Payload { msg: secret.expose_secret().as_bytes(), aad: owner.as_bytes() };
        let sealed = cipher(key).encrypt(Nonce::from_slice(&nonce), payload).map_err(|_| StoreError::Sealed)?;
        Ok(Sealed { key_id: key_id.clone(), bytes: [nonce.as_slice(), &sealed].concat() })
    }

    /// Opens a secret of its owner.
    ///
    /// # Errors
    /// [`StoreError::Sealed`] when the key is not known, or key, owner or bytes are not those it was sealed with.
    pub fn open(&self, owner: &str, sealed: &Sealed) -> Result<SecretString, StoreError> {
        let (_, key) = self.0.iter().find(|(id, _)| *id == sealed.key_id).ok_or(StoreError::Sealed)?;
        let (nonce, body) = sealed.bytes.split_at_checked(NONCE).ok_or(StoreError::Sealed)?;
        let payload = Payload { msg: body, aad: owner.as_bytes() };
        let opened = cipher(key).decrypt(Nonce::from_slice(nonce), payload).map_err(|_| StoreError::Sealed)?;
        String::from_utf8(opened).map(SecretString::from).map_err(|_| StoreError::Sealed)
    }
}

fn cipher(key: &SecretSlice<u8>) -> Aes256Gcm {
    Aes256Gcm::new(Key::<Aes256Gcm>::from_slice(key.expose_secret()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    fn ring(text: &str) -> Keyring {
        Keyring::parse(&SecretString::from(text)).expect("keys")
    }

    fn key(byte: u8) -> String {
        STANDARD.encode([byte; 32])
    }

    #[test]
    fn a_secret_opens_only_for_its_owner() {
        let keys = ring(&format!("a:{}", key(1)));
        let sealed = keys.seal("one", &SecretString::from("hush"), &mut StdRng::seed_from_u64(1)).expect("sealed");
        assert_eq!(keys.open("one", &sealed).expect("opened").expose_secret(), "hush");
        assert!(keys.open("two", &sealed).is_err());
        let mut bent = sealed.clone();
        bent.bytes[20] ^= 1;
        assert!(keys.open("one", &bent).is_err());
    }

    #[test]
    fn an_old_secret_opens_after_rotation_and_not_after_the_key_is_gone() {
        let old = ring(&format!("a:{}", key(1)));
        let sealed = old.seal("one", &SecretString::from("hush"), &mut StdRng::seed_from_u64(1)).expect("sealed");
        let both = ring(&format!("b:{} a:{}", key(2), key(1)));
        assert_eq!(both.current(), "b");
        assert!(both.open("one", &sealed).is_ok());
        assert!(ring(&format!("b:{}", key(2))).open("one", &sealed).is_err());
    }

    #[test]
    fn a_key_that_is_not_one_is_named_without_being_shown() {
        for text in ["", "a", "a:!!", "a:AAAA", &format!("a:{0} a:{0}", key(1))] {
            assert!(Keyring::parse(&SecretString::from(text)).is_err(), "{text}");
        }
    }
}
