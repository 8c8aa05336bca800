//! Identifiers. Those of things we create are time-ordered (UUIDv7); those of things we observe are derived from what
//! they name, so that the same observation always lands on the same row.

use crate::clock::SharedClock;
use chrono::{DateTime, Utc};
use rand::RngCore;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fmt;
use std::str::FromStr;
use std::sync::{Mutex, PoisonError};
use uuid::Uuid;

/// Mints ids: a clock and a random source, together.
pub struct Mint {
    clock: SharedClock,
    rng: Mutex<Box<dyn RngCore + Send>>,
}

impl fmt::Debug for Mint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mint").finish_non_exhaustive()
    }
}

impl Mint {
    /// Mints with `rng`: one seeded by the machine in production, by a number in tests.
    pub fn new(clock: SharedClock, rng: impl RngCore + Send + 'static) -> Self {
        Self { clock, rng: Mutex::new(Box::new(rng)) }
    }

    fn uuid(&self) -> Uuid {
        let millis = u64::try_from(self.clock.now().timestamp_millis()).unwrap_or(0);
        let mut random = [0u8; 10];
        self.fill(&mut random);
        uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid()
    }

    /// Fills a buffer with randomness, for tokens and nonces.
    pub fn fill(&self, buffer: &mut [u8]) {
        self.rng.lock().unwrap_or_else(PoisonError::into_inner).fill_bytes(buffer);
    }

    #[must_use]
    pub fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }
}

macro_rules! id {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl $name {
            /// Mints a time-ordered id from the clock and the random source that are passed in.
            #[must_use]
            pub fn mint(mint: &Mint) -> Self {
                Self(mint.uuid())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.parse().map(Self)
            }
        }
    )+};
}

id! {
    /// A customer.
    TenantId,
    /// A human being, who may be a member of several tenants.
    PersonId,
    /// Something a tenant connected.
    SourceId,
    /// One poll of a source.
    RunId,
    /// One unit of background work.
    JobId,
    /// A thing observed; derived from source and uid.
    ResourceId,
    /// A failing verdict with its history; derived from resource and check.
    FindingId,
    /// One action that closes many findings; derived from fix key and target.
    FixId,
    /// An attack path; derived from its ends.
    PathId,
    /// One package of one version; derived from its package URL and what it was built from.
    PackageId,
    /// What leaves the net score for a time.
    ExceptionId,
    /// Where a tenant's tickets are opened.
    TrackerId,
    /// One fix in a tracker.
    TicketId,
    /// A bill of materials that was handed in.
    BillId,
    /// A set of fixes that somebody means to do by a day.
    PlanId,
    /// One entry of the audit log.
    AuditId,
    /// A filter of findings that somebody keeps.
    ViewId,
}

impl ResourceId {
    /// The id of the resource that `source` knows as `uid`.
    #[must_use]
    pub fn derive(source: SourceId, uid: &str) -> Self {
        Self(derive("resource", &[&source.0.to_string(), uid]))
    }
}

impl FindingId {
    /// The fingerprint of "this check fails on this resource": the same across runs, machines and re-imports.
    #[must_use]
    pub fn derive(resource: ResourceId, check: &str) -> Self {
        Self(derive("finding", &[&resource.0.to_string(), check]))
    }

    /// The fingerprint of one of several failures of a check on a resource, such as one flaw of an image.
    #[must_use]
    pub fn derive_of(resource: ResourceId, check: &str, subject: &str) -> Self {
        Self(derive("finding", &[&resource.0.to_string(), check, subject]))
    }
}

impl FixId {
    /// The id of the fix `key` applied to `target` (an account, a region of it, or one resource) of `source`.
    #[must_use]
    pub fn derive(source: SourceId, key: &str, target: &str) -> Self {
        Self(derive("fix", &[&source.0.to_string(), key, target]))
    }
}

impl PackageId {
    /// The id of a package: the same in every image that has it.
    #[must_use]
    pub fn derive(purl: &str, source: &str, source_version: &str) -> Self {
        Self(derive("package", &[purl, source, source_version]))
    }
}

fn derive(what: &str, parts: &[&str]) -> Uuid {
    let mut hash = Sha256::new();
    hash.update(what.as_bytes());
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    let digest = hash.finalize();
    let mut bytes = [0u8; 16];
    bytes.copy_from_slice(&digest[..16]);
    uuid::Builder::from_custom_bytes(bytes).into_uuid()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn derived_ids_do_not_confuse_where_one_part_ends() {
        assert_ne!(derive("x", &["ab", "c"]), derive("x", &["a", "bc"]));
    }

    #[test]
    fn the_same_resource_has_the_same_id() {
        let source = SourceId(Uuid::nil());
        assert_eq!(ResourceId::derive(source, "arn:1"), ResourceId::derive(source, "arn:1"));
        assert_ne!(ResourceId::derive(source, "arn:1"), ResourceId::derive(source, "arn:2"));
    }
}
