//! The signatures of a digest: found by cosign's tag, and by what the registry says refers to it.

use crate::client::Client;
use crate::digest::Digest;
use crate::error::ReadError;
use crate::manifest::{Descriptor, Index, Manifest};
use crate::verify::{self, TrustedKey};
use serde::Serialize;
use std::collections::BTreeSet;

/// The most signatures of one digest that are looked at.
const MOST: usize = 50;
/// Largest payload or bundle, in bytes.
const LARGEST: usize = 1 << 20;

const SIMPLE: &str = "application/vnd.dev.cosign.simplesigning.v1+json";
const COSIGN: &str = "application/vnd.dev.cosign.artifact.sig.v1+json";
const BUNDLE: &str = "application/vnd.dev.sigstore.bundle";
const NOTATION: &str = "application/vnd.cncf.notary.signature";
const SIGNATURE: &str = "dev.cosignproject.cosign/signature";

/// One signature, as the attribute `Signatures` lists it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Signature {
    /// How it was found: `tag` or `referrer`.
    pub(crate) by: &'static str,
    /// The digest of the signature's manifest.
    pub(crate) digest: String,
    /// What is signed: the `image` itself, or the `index` that lists it.
    pub(crate) of: &'static str,
    pub(crate) verified: bool,
    /// The fingerprint of the key that made it.
    pub(crate) key: Option<String>,
    /// Why it counts, or not.
    pub(crate) why: String,
}

/// Where and for what to look.
pub(crate) struct Search<'a> {
    pub(crate) client: &'a Client,
    pub(crate) repository: &'a str,
    pub(crate) keys: &'a [TrustedKey],
    /// All tags of the repository.
    pub(crate) tags: &'a BTreeSet<String>,
}

impl Search<'_> {
    /// All signatures of a digest.
    ///
    /// # Errors
    /// When one of the places could not be asked: there may be signatures then that were not seen.
    pub(crate) async fn of(&self, subject: &Digest, of: &'static str) -> Result<Vec<Signature>, ReadError> {
        let mut found = Vec::new();
        let tag = format!("{}.sig", subject.as_tag());
        if self.tags.contains(&tag) {
            self.read(&mut found, "tag", &tag, subject, of).await?;
        }
        for entry in self.referrers(subject).await? {
            self.referrer(&mut found, &entry, subject, of).await?;
        }
        found.truncate(MOST);
        Ok(found)
    }

    /// What refers to a digest, as far as it may be a signature.
    async fn referrers(&self, subject: &Digest) -> Result<Vec<Descriptor>, ReadError> {
        let index = match self.client.referrers(self.repository, subject).await? {
            Some(index) => index,
            None if self.tags.contains(&subject.as_tag()) => {
                self.client.manifest(self.repository, &subject.as_tag()).await?.bytes
            }
            None => return Ok(Vec::new()),
        };
        let index: Index = serde_json::from_slice(&index)
            .map_err(|_| ReadError::failed(format!("what refers to {subject} cannot be understood")))?;
        let signatures = index.manifests.into_iter().filter(|entry| {
            let kind = entry.artifact_type.as_deref().unwrap_or_default();
            kind == COSIGN || kind == NOTATION || kind.starts_with(BUNDLE)
        });
        Ok(signatures.take(MOST).collect())
    }

    async fn referrer(
        &self,
        found: &mut Vec<Signature>,
        entry: &Descriptor,
        subject: &Digest,
        of: &'static str,
    ) -> Result<(), ReadError> {
        if entry.artifact_type.as_deref() == Some(NOTATION) {
            let why = "signatures by Notation are not verified".to_owned();
            let digest = entry.digest.chars().take(150).collect();
            found.push(Signature { by: "referrer", digest, of, verified: false, key: None, why });
            return Ok(());
        }
        match Digest::parse(&entry.digest) {
            Some(digest) => self.read(found, "referrer", digest.as_str(), subject, of).await,
            None => Ok(()),
        }
    }

    /// Reads the manifest of one or more signatures.
    async fn read(
        &self,
        found: &mut Vec<Signature>,
        by: &'static str,
        reference: &str,
        subject: &Digest,
        of: &'static str,
    ) -> Result<(), ReadError> {
        let fetched = match self.client.manifest(self.repository, reference).await {
            Err(ReadError::Missing(_)) => return Ok(()),
            other => other?,
        };
        let digest = fetched.digest.to_string();
        let Ok(manifest) = serde_json::from_slice::<Manifest>(&fetched.bytes) else {
            let why = "its manifest cannot be understood".to_owned();
            found.push(Signature { by, digest, of, verified: false, key: None, why });
            return Ok(());
        };
        for layer in manifest.layers.iter().take(MOST.saturating_sub(found.len())) {
            let (verified, key, why) = match self.judge(layer, subject).await? {
                Ok(fingerprint) => (true, Some(fingerprint), "signed with a configured key".to_owned()),
                Err(why) => (false, None, why.to_owned()),
            };
            found.push(Signature { by, digest: digest.clone(), of, verified, key, why });
        }
        Ok(())
    }

    /// The fingerprint of the key that made a signature, or why none counts.
    async fn judge(&self, layer: &Descriptor, subject: &Digest) -> Result<Result<String, &'static str>, ReadError> {
        if self.keys.is_empty() {
            return Ok(Err("no key is configured"));
        }
        let Some(digest) = Digest::parse(&layer.digest) else { return Ok(Err("its payload has no digest")) };
        let signature = layer.annotation(SIGNATURE);
        let is_bundle = layer.media_type.starts_with(BUNDLE);
        if !is_bundle && (layer.media_type != SIMPLE || signature.is_none()) {
            return Ok(Err("its form is not known"));
        }
        let payload = match self.client.blob(self.repository, &digest, LARGEST).await {
            Err(ReadError::Missing(_)) => return Ok(Err("its payload is missing")),
            other => other?,
        };
        let judged = if is_bundle {
            verify::bundle(self.keys, &payload, subject.as_str())
        } else if verify::payload_is_about(&payload, subject.as_str()) {
            verify::signer(self.keys, &payload, signature.unwrap_or_default())
        } else {
            Err("the signature is about something else")
        };
        Ok(judged.map(|key| key.fingerprint.clone()))
    }
}
