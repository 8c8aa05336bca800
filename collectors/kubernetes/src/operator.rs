//! What the operator of this installation allows, and how long the collector waits.

use std::path::PathBuf;
use std::time::Duration;

/// What the operator allows to all tenants.
#[derive(Debug, Clone, Default)]
pub struct Operator {
    /// API servers on loopback, link-local and private addresses.
    pub private_endpoints: bool,
    /// The cluster that this server itself runs in, where its tenants may connect it with the server's own account.
    pub own_cluster: Option<OwnCluster>,
}

/// Where a pod finds the API server of its cluster, and what it shows there.
#[derive(Debug, Clone)]
pub struct OwnCluster {
    pub server: String,
    /// Holds `token` and `ca.crt`.
    pub folder: PathBuf,
}

/// How long to wait for an API server, how often to ask again, and how much to hold.
#[derive(Debug, Clone)]
pub struct Patience {
    /// Tries of one request, the first included.
    pub attempts: u32,
    /// The wait before the second try; it doubles.
    pub first_backoff: Duration,
    /// The longest single wait, whatever the API server asks for.
    pub longest_wait: Duration,
    pub connect: Duration,
    /// Without a byte, while an answer is awaited.
    pub idle: Duration,
    /// For one answer.
    pub document: Duration,
    /// How long a watch stays open before it is opened anew: a connection that is dead is noticed by then.
    pub watch: Duration,
    /// From a change until an early poll is asked for, so that changes that come together are one poll.
    pub debounce: Duration,
    /// The least from one early poll to the next.
    pub quiet: Duration,
    /// Objects in a page of a list.
    pub page: u32,
    /// Clusters that are watched at a time; more are read by listing alone.
    pub clusters: usize,
    /// Objects of one resource that are held; a list that has more fails.
    pub objects: usize,
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
            watch: Duration::from_secs(240),
            debounce: Duration::from_secs(2),
            quiet: Duration::from_secs(10),
            page: 500,
            clusters: 64,
            objects: 500_000,
        }
    }
}
