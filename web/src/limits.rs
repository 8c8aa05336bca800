//! How often something may be tried: by address, and by who is claimed to be there. Each web server counts for itself.

use crate::error::WebError;
use governor::clock::Clock;
use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::state::keyed::DefaultKeyedStateStore;
use governor::{Quota, RateLimiter};
use plumbline_core::clock::SharedClock;
use sha2::{Digest, Sha256};
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::time::Duration;

/// Past so many keys, those that have recovered are forgotten.
const KEYS: usize = 20_000;

/// Our clock, as the limiter reads one.
#[derive(Clone)]
struct Ticks(SharedClock);

impl Clock for Ticks {
    type Instant = Nanos;

    fn now(&self) -> Nanos {
        let micros = u64::try_from(self.0.now().timestamp_micros()).unwrap_or(0);
        Nanos::from(Duration::from_micros(micros))
    }
}

type Limiter = RateLimiter<[u8; 16], DefaultKeyedStateStore<[u8; 16]>, Ticks, NoOpMiddleware<Nanos>>;

/// The limits on coming in.
pub struct Limits {
    clock: Ticks,
    /// Per claimed e-mail address: slow enough for guessing, quick enough for somebody who mistypes.
    by_email: Limiter,
    /// Per network address: an office behind one address, not a botnet's member.
    by_address: Limiter,
    /// Per agent: one that runs wild does not fill the store.
    by_agent: Limiter,
}

fn quota(burst: u32, one_every: Duration) -> Quota {
    let burst = NonZeroU32::new(burst).unwrap_or(NonZeroU32::MIN);
    Quota::with_period(one_every).map_or_else(|| Quota::per_hour(burst), |quota| quota.allow_burst(burst))
}

impl Limits {
    pub(crate) fn new(clock: SharedClock) -> Self {
        let clock = Ticks(clock);
        let limiter = |quota| RateLimiter::new(quota, DefaultKeyedStateStore::default(), clock.clone());
        Self {
            by_email: limiter(quota(5, Duration::from_secs(60))),
            by_address: limiter(quota(20, Duration::from_secs(10))),
            by_agent: limiter(quota(6, Duration::from_secs(10))),
            clock: clock.clone(),
        }
    }

    /// Counts an attempt to sign in as somebody.
    ///
    /// # Errors
    /// [`WebError::TooMany`] with the wait.
    pub fn email(&self, email: &str) -> Result<(), WebError> {
        self.check(&self.by_email, email.trim().to_lowercase().as_bytes())
    }

    /// Counts an attempt from an address; those of one IPv6 network count together.
    ///
    /// # Errors
    /// [`WebError::TooMany`] with the wait.
    pub fn address(&self, address: IpAddr) -> Result<(), WebError> {
        match address {
            IpAddr::V4(v4) => self.check(&self.by_address, &v4.octets()),
            IpAddr::V6(v6) => self.check(&self.by_address, &v6.octets()[..8]),
        }
    }

    /// Counts a report of an agent.
    ///
    /// # Errors
    /// [`WebError::TooMany`] with the wait.
    pub fn agent(&self, source: &[u8]) -> Result<(), WebError> {
        self.check(&self.by_agent, source)
    }

    fn check(&self, limiter: &Limiter, key: &[u8]) -> Result<(), WebError> {
        if limiter.len() > KEYS {
            limiter.retain_recent();
        }
        let digest = Sha256::digest(key);
        let mut key = [0u8; 16];
        key.copy_from_slice(&digest[..16]);
        limiter.check_key(&key).map_err(|until| WebError::TooMany { wait: until.wait_time_from(self.clock.now()) })
    }
}
