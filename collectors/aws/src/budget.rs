//! How many calls may be under way at once, and when to stop trying a region.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use tokio::sync::Semaphore;

/// Calls under way in one account. AWS throttles by account and region; more than this only buys throttling.
const PER_ACCOUNT: usize = 48;
/// Calls under way in one region of an account, so that a region that hangs cannot hold all of the account's places.
const PER_REGION: usize = 12;
/// Timeouts in a row after which a region is given up for the run.
const GIVE_UP_AFTER: u32 = 3;

/// The budget of one account.
#[derive(Clone)]
pub(crate) struct AccountBudget(Arc<Semaphore>);

impl AccountBudget {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Semaphore::new(PER_ACCOUNT)))
    }

    pub(crate) fn region(&self) -> RegionBudget {
        RegionBudget {
            account: self.0.clone(),
            region: Arc::new(Semaphore::new(PER_REGION)),
            timeouts: Arc::new(AtomicU32::new(0)),
        }
    }
}

/// The budget of one region of an account.
#[derive(Clone)]
pub(crate) struct RegionBudget {
    account: Arc<Semaphore>,
    region: Arc<Semaphore>,
    timeouts: Arc<AtomicU32>,
}

impl RegionBudget {
    /// Waits for a place, runs the call in it, and gives the place back.
    pub(crate) async fn spend<T>(&self, call: impl Future<Output = T>) -> T {
        let _region = self.region.acquire().await;
        let _account = self.account.acquire().await;
        call.await
    }

    pub(crate) fn answered(&self) {
        self.timeouts.store(0, Ordering::Relaxed);
    }

    pub(crate) fn timed_out(&self) {
        self.timeouts.fetch_add(1, Ordering::Relaxed);
    }

    /// Whether the region has hung so often in a row that asking it again is no use.
    pub(crate) fn given_up(&self) -> bool {
        self.timeouts.load(Ordering::Relaxed) >= GIVE_UP_AFTER
    }
}
