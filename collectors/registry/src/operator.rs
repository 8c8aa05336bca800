//! What the operator of this installation allows, and how long it waits.

use std::time::Duration;

/// How long to wait for a registry, and how often to ask again.
#[derive(Debug, Clone)]
pub struct Patience {
    /// Tries of one request, the first included.
    pub attempts: u32,
    /// The wait before the second try; it doubles.
    pub first_backoff: Duration,
    /// The longest single wait, whatever the registry asks for.
    pub longest_wait: Duration,
    pub connect: Duration,
    /// Without a byte.
    pub idle: Duration,
    /// For one small answer.
    pub document: Duration,
    /// For one layer.
    pub layer: Duration,
    /// For all images of one repository.
    pub repository: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            attempts: 5,
            first_backoff: Duration::from_millis(500),
            longest_wait: Duration::from_secs(60),
            connect: Duration::from_secs(5),
            idle: Duration::from_secs(30),
            document: Duration::from_secs(60),
            layer: Duration::from_secs(60 * 60),
            repository: Duration::from_secs(4 * 60 * 60),
        }
    }
}

/// What the operator allows to all tenants.
#[derive(Debug, Clone, Copy, Default)]
pub struct Operator {
    /// Registries on loopback, link-local and private addresses.
    pub private_endpoints: bool,
}
