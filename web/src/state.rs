//! What the application was started with.

use crate::call::Key;
use crate::limits::Limits;
use crate::passwords::Passwords;
use actix_web::cookie;
use plumbline_core::clock::SharedClock;
use plumbline_core::collect::Collector;
use plumbline_core::id::Mint;
use plumbline_policy::Catalogue;
use plumbline_store::Database;
use plumbline_store::seal::Keyring;
use std::sync::Arc;
use url::{Host, Url};

/// How the web part is set up; read at boot.
#[derive(Clone)]
pub struct Config {
    /// Where people reach it, without a path.
    pub public_url: Url,
    /// Signs and encrypts cookies; the same on every web server of an installation.
    pub cookie_key: cookie::Key,
    /// Whether a proxy of ours stands in front, so that the last `X-Forwarded-For` address is the caller's.
    pub behind_proxy: bool,
    /// Whether a tenant's sign-in provider may be at a private or loopback address, or without TLS.
    pub private_issuers: bool,
}

impl Config {
    /// Whether cookies are marked as secure: always, but for a trial on this very machine.
    #[must_use]
    pub fn secure_cookies(&self) -> bool {
        let loopback = match self.public_url.host() {
            Some(Host::Domain(name)) => name == "localhost",
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            None => false,
        };
        !(self.public_url.scheme() == "http" && loopback)
    }

    /// The scheme, host and port that a browser calls our origin.
    #[must_use]
    pub fn origin(&self) -> String {
        self.public_url.origin().ascii_serialization()
    }

    /// An absolute link to one of our paths.
    #[must_use]
    pub fn link(&self, path: &str) -> String {
        format!("{}{path}", self.origin())
    }

    /// The name of a cookie: bound to this host where cookies are secure.
    #[must_use]
    pub fn cookie_name(&self, name: &str) -> String {
        let prefix = if self.secure_cookies() { "__Host-" } else { "" };
        format!("{prefix}plumbline-{name}")
    }
}

/// Everything the handlers share. The database opens for the extractors alone.
pub struct AppState {
    database: Database,
    pub keyring: Arc<Keyring>,
    pub clock: SharedClock,
    pub mint: Arc<Mint>,
    pub collectors: Arc<[Arc<dyn Collector>]>,
    pub catalogue: &'static Catalogue,
    pub config: Config,
    pub limits: Limits,
    pub passwords: Passwords,
}

/// What the application needs from outside.
pub struct Parts {
    pub database: Database,
    pub keyring: Arc<Keyring>,
    pub clock: SharedClock,
    pub mint: Arc<Mint>,
    pub collectors: Arc<[Arc<dyn Collector>]>,
    pub catalogue: &'static Catalogue,
    pub config: Config,
}

impl AppState {
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        Self {
            limits: Limits::new(parts.clock.clone()),
            passwords: Passwords::new(),
            database: parts.database,
            keyring: parts.keyring,
            clock: parts.clock,
            mint: parts.mint,
            collectors: parts.collectors,
            catalogue: parts.catalogue,
            config: parts.config,
        }
    }

    /// The database, for who holds the key to it.
    pub(crate) fn database(&self, _: Key) -> &Database {
        &self.database
    }

    /// The collector for a provider.
    #[must_use]
    pub fn collector(&self, provider: &str) -> Option<&Arc<dyn Collector>> {
        self.collectors.iter().find(|collector| collector.provider() == provider)
    }
}
