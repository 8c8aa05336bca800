//! Passwords: argon2id, a few at a time, away from the threads that answer.

use crate::error::WebError;
use actix_web::web;
use argon2::password_hash::{PasswordHash, PasswordHasher, PasswordVerifier, SaltString};
use argon2::{Algorithm, Argon2, Params, Version};
use plumbline_core::id::Mint;
use secrecy::{ExposeSecret, SecretString};
use std::sync::Arc;
use tokio::sync::Semaphore;

/// Hashing takes 19 MiB each; so many at once and no more, so that a flood of sign-ins fills a queue and not the memory.
const AT_ONCE: usize = 4;
const SHORTEST: usize = 12;
const LONGEST: usize = 200;

/// A hash that no password has, checked for people who do not exist, so that they take as long as those who do.
const NOBODY: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$cGx1bWJsaW5lLW5vYm9keQ$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// Hashes and checks passwords.
#[derive(Clone)]
pub struct Passwords {
    permits: Arc<Semaphore>,
}

impl Passwords {
    pub(crate) fn new() -> Self {
        Self { permits: Arc::new(Semaphore::new(AT_ONCE)) }
    }

    /// Hashes a new password.
    ///
    /// # Errors
    /// [`WebError::Internal`] when the hasher refuses.
    pub async fn hash(&self, password: SecretString, mint: Arc<Mint>) -> Result<String, WebError> {
        self.blocking(move || hash(&password, &mint)).await?.map_err(WebError::Internal)
    }

    /// Whether the password is that of the hash. Without a hash it never is, and takes as long to find out.
    ///
    /// # Errors
    /// [`WebError::Internal`] when the thread is gone.
    pub async fn verify(&self, password: SecretString, hash: Option<String>) -> Result<bool, WebError> {
        self.blocking(move || verify(&password, hash.as_deref())).await
    }

    async fn blocking<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, WebError> {
        let gone = |error: String| WebError::Internal(error);
        let _permit = self.permits.clone().acquire_owned().await.map_err(|error| gone(error.to_string()))?;
        web::block(work).await.map_err(|error| gone(error.to_string()))
    }
}

fn argon2() -> Argon2<'static> {
    Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::DEFAULT)
}

/// Hashes a password here and now, as when seeding a demo.
///
/// # Errors
/// When the hasher refuses; says why.
pub fn hash(password: &SecretString, mint: &Mint) -> Result<String, String> {
    let mut salt = [0u8; 16];
    mint.fill(&mut salt);
    let salt = SaltString::encode_b64(&salt).map_err(|error| error.to_string())?;
    let hash = argon2().hash_password(password.expose_secret().as_bytes(), &salt);
    hash.map(|hash| hash.to_string()).map_err(|error| error.to_string())
}

fn verify(password: &SecretString, hash: Option<&str>) -> bool {
    let known = hash.and_then(|hash| PasswordHash::new(hash).ok());
    let exists = known.is_some();
    let Some(hash) = known.or_else(|| PasswordHash::new(NOBODY).ok()) else { return false };
    argon2().verify_password(password.expose_secret().as_bytes(), &hash).is_ok() && exists
}

/// Whether a new password will do; the sentence is for the person who chose it.
///
/// # Errors
/// [`WebError::Invalid`] when it is too short, too long or the person's own address.
pub fn check_new(password: &SecretString, email: &str) -> Result<(), WebError> {
    let text = password.expose_secret();
    let length = text.chars().count();
    if length < SHORTEST {
        return Err(WebError::Invalid(format!("A password has at least {SHORTEST} characters. A few words will do.")));
    }
    if length > LONGEST {
        return Err(WebError::Invalid(format!("A password has at most {LONGEST} characters.")));
    }
    let first = text.chars().next();
    if text.eq_ignore_ascii_case(email) || text.chars().all(|letter| Some(letter) == first) {
        return Err(WebError::Invalid("That password is easily guessed. A few words will do.".to_owned()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use plumbline_core::clock::FrozenClock;
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    #[test]
    fn a_password_is_known_again_and_another_is_not() {
        let clock = Arc::new(FrozenClock::at(chrono::DateTime::UNIX_EPOCH));
        let mint = Mint::new(clock, StdRng::seed_from_u64(1));
        let hash = hash(&SecretString::from("correct horse battery"), &mint).expect("a hash");

        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
        assert!(verify(&SecretString::from("correct horse battery"), Some(&hash)));
        assert!(!verify(&SecretString::from("wrong horse battery"), Some(&hash)));
    }

    #[test]
    fn nobody_has_a_password_and_the_hash_for_nobody_reads() {
        assert!(PasswordHash::new(NOBODY).is_ok());
        assert!(!verify(&SecretString::from(""), None));
    }
}
