//! Whether a signature is by one of the keys that a tenant trusts, and about the digest that it is found at.

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P384_SHA256_ASN1, ED25519, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey,
    VerificationAlgorithm,
};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

/// Identifiers of algorithms within a public key (RFC 5280 and RFC 8410), in DER.
const P256: &[u8] = &[0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
const P384: &[u8] = &[0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22];
const EDWARDS: &[u8] = &[0x06, 0x03, 0x2b, 0x65, 0x70];
const RSA: &[u8] = &[0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];

const STATEMENT: &str = "application/vnd.in-toto+json";

/// A public key, as a tenant gave it.
#[derive(Clone)]
pub(crate) struct TrustedKey {
    der: Vec<u8>,
    algorithm: &'static dyn VerificationAlgorithm,
    /// SHA-256 of the key's DER form, in hex.
    pub(crate) fingerprint: String,
}

impl TrustedKey {
    /// Reads a key in PEM form (`BEGIN PUBLIC KEY`).
    ///
    /// # Errors
    /// With a sentence for the person who gave it.
    pub(crate) fn parse(pem: &str) -> Result<Self, String> {
        let wrong = || "A trusted key is not a public key in PEM form.".to_owned();
        let (_, rest) = pem.split_once("-----BEGIN PUBLIC KEY-----").ok_or_else(wrong)?;
        let (body, _) = rest.split_once("-----END PUBLIC KEY-----").ok_or_else(wrong)?;
        let body: String = body.split_whitespace().collect();
        let der = STANDARD.decode(body).map_err(|_| wrong())?;
        // The identifier stands within the first bytes, whatever the key's length.
        let head = der.get(..der.len().min(40)).unwrap_or_default();
        let names = |identifier: &[u8]| head.windows(identifier.len()).any(|window| window == identifier);
        let algorithm: &'static dyn VerificationAlgorithm = if names(P256) {
            &ECDSA_P256_SHA256_ASN1
        } else if names(P384) {
            &ECDSA_P384_SHA256_ASN1
        } else if names(EDWARDS) {
            &ED25519
        } else if names(RSA) {
            &RSA_PKCS1_2048_8192_SHA256
        } else {
            return Err(
                "A trusted key is of a kind that is not known: ECDSA (P-256, P-384), Ed25519 and RSA are.".into()
            );
        };
        let fingerprint = hex::encode(Sha256::digest(&der));
        Ok(Self { der, algorithm, fingerprint })
    }

    fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(self.algorithm, &self.der).verify(message, signature).is_ok()
    }
}

/// Which key a signature is by.
///
/// # Errors
/// With why it is by none, in a line.
pub(crate) fn signer<'a>(
    keys: &'a [TrustedKey],
    message: &[u8],
    signature: &str,
) -> Result<&'a TrustedKey, &'static str> {
    if keys.is_empty() {
        return Err("no key is configured");
    }
    let signature = STANDARD.decode(signature.trim()).map_err(|_| "the signature cannot be read")?;
    let found = keys.iter().find(|key| key.verifies(message, &signature));
    found.ok_or("no configured key made this signature")
}

/// Whether a simple-signing payload is about this digest
/// (<https://github.com/containers/image/blob/main/docs/containers-signature.5.md>).
pub(crate) fn payload_is_about(payload: &[u8], digest: &str) -> bool {
    let payload: Value = serde_json::from_slice(payload).unwrap_or_default();
    let text = |pointer: &str| payload.pointer(pointer).and_then(Value::as_str);
    text("/critical/type") == Some("cosign container image signature")
        && text("/critical/image/docker-manifest-digest") == Some(digest)
}

/// A Sigstore bundle, as far as a signature by a plain key needs it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Bundle {
    dsse_envelope: Envelope,
}

/// A DSSE envelope (<https://github.com/secure-systems-lab/dsse>).
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Envelope {
    payload: String,
    payload_type: String,
    signatures: Vec<EnvelopeSignature>,
}

#[derive(Deserialize)]
struct EnvelopeSignature {
    sig: String,
}

/// Which key a bundle about this digest is by.
///
/// # Errors
/// With why it is by none, in a line.
pub(crate) fn bundle<'a>(keys: &'a [TrustedKey], bundle: &[u8], digest: &str) -> Result<&'a TrustedKey, &'static str> {
    let Bundle { dsse_envelope: envelope } =
        serde_json::from_slice(bundle).map_err(|_| "the bundle cannot be understood")?;
    let payload = STANDARD.decode(&envelope.payload).map_err(|_| "the bundle cannot be understood")?;
    if envelope.payload_type != STATEMENT || !statement_is_about(&payload, digest) {
        return Err("the signature is about something else");
    }
    let signed = authenticated(&envelope.payload_type, &payload);
    let mut last = "the bundle holds no signature";
    for signature in envelope.signatures.iter().take(16) {
        match signer(keys, &signed, &signature.sig) {
            Ok(key) => return Ok(key),
            Err(why) => last = why,
        }
    }
    Err(last)
}

/// What a DSSE signature is over.
fn authenticated(kind: &str, payload: &[u8]) -> Vec<u8> {
    let mut signed = format!("DSSEv1 {} {kind} {} ", kind.len(), payload.len()).into_bytes();
    signed.extend_from_slice(payload);
    signed
}

fn statement_is_about(statement: &[u8], digest: &str) -> bool {
    let statement: Value = serde_json::from_slice(statement).unwrap_or_default();
    let Some((algorithm, hex)) = digest.split_once(':') else { return false };
    let is_signature =
        statement.get("predicateType").and_then(Value::as_str) == Some("https://sigstore.dev/cosign/sign/v1");
    let subjects = statement.get("subject").and_then(Value::as_array).into_iter().flatten();
    let mut digests = subjects.filter_map(|subject| subject.pointer("/digest")?.get(algorithm)?.as_str());
    is_signature && digests.any(|one| one == hex)
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_lc_rs::rand::SystemRandom;
    use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair};
    use serde_json::json;

    const DIGEST: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    fn pem(prefix: &[u8], public: &[u8]) -> String {
        let der: Vec<u8> = prefix.iter().chain(public).copied().collect();
        format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", STANDARD.encode(der))
    }

    fn ecdsa() -> (EcdsaKeyPair, TrustedKey) {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap();
        let prefix = hex::decode("3059301306072a8648ce3d020106082a8648ce3d030107034200").unwrap();
        let key = TrustedKey::parse(&pem(&prefix, pair.public_key().as_ref())).unwrap();
        (pair, key)
    }

    fn sign(pair: &EcdsaKeyPair, message: &[u8]) -> String {
        STANDARD.encode(pair.sign(&SystemRandom::new(), message).unwrap())
    }

    #[test]
    fn a_signature_is_by_its_key_and_no_other() {
        let (pair, key) = ecdsa();
        let (_, stranger) = ecdsa();
        let signature = sign(&pair, b"payload");
        let keys = [stranger.clone(), key.clone()];
        assert_eq!(signer(&keys, b"payload", &signature).ok().map(|k| &k.fingerprint), Some(&key.fingerprint));
        assert!(signer(&keys, b"another", &signature).is_err());
        assert!(signer(&[stranger], b"payload", &signature).is_err());
        assert_eq!(signer(&[], b"payload", &signature).err(), Some("no key is configured"));
    }

    #[test]
    fn an_edwards_key_verifies_too() {
        let pair = Ed25519KeyPair::generate().unwrap();
        let prefix = hex::decode("302a300506032b6570032100").unwrap();
        let key = TrustedKey::parse(&pem(&prefix, pair.public_key().as_ref())).unwrap();
        let signature = STANDARD.encode(pair.sign(b"payload"));
        assert!(signer(std::slice::from_ref(&key), b"payload", &signature).is_ok());
        assert!(signer(&[key], b"payloae", &signature).is_err());
    }

    #[test]
    fn a_payload_is_about_one_digest() {
        let payload = |kind: &str| {
            json!({ "critical": { "type": kind, "image": { "docker-manifest-digest": DIGEST } } }).to_string()
        };
        let good = payload("cosign container image signature");
        assert!(payload_is_about(good.as_bytes(), DIGEST));
        assert!(!payload_is_about(good.as_bytes(), "sha256:00"));
        assert!(!payload_is_about(payload("atomic").as_bytes(), DIGEST));
        assert!(!payload_is_about(b"nonsense", DIGEST));
    }

    #[test]
    fn a_bundle_is_by_its_key_and_about_its_subject() {
        let (pair, key) = ecdsa();
        let statement = json!({ "predicateType": "https://sigstore.dev/cosign/sign/v1",
            "subject": [{ "digest": { "sha256": DIGEST.trim_start_matches("sha256:") } }] })
        .to_string();
        let signature = sign(&pair, &authenticated(STATEMENT, statement.as_bytes()));
        let whole = json!({ "dsseEnvelope": { "payload": STANDARD.encode(&statement), "payloadType": STATEMENT,
            "signatures": [{ "sig": signature }] } })
        .to_string();
        let keys = [key];
        assert!(bundle(&keys, whole.as_bytes(), DIGEST).is_ok());
        assert!(bundle(&keys, whole.as_bytes(), &DIGEST.replace('e', "f")).is_err());
        assert!(bundle(&[], whole.as_bytes(), DIGEST).is_err());
        assert!(bundle(&keys, b"{}", DIGEST).is_err());
    }

    #[test]
    fn what_is_no_public_key_is_refused() {
        let (_, key) = ecdsa();
        assert_eq!(key.fingerprint.len(), 64);
        for wrong in ["", "-----BEGIN PUBLIC KEY-----\n!\n-----END PUBLIC KEY-----", &pem(&[1, 2], &[3])] {
            assert!(TrustedKey::parse(wrong).is_err(), "{wrong}");
        }
    }
}
