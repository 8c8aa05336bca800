//! Changes of a source that come together ask for one poll together.

use crate::collect::Standing;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::Instant;

/// What has happened since the last poll, as far as the next one is concerned.
pub struct Stir {
    changed: Notify,
    /// Whether a poll was asked for that has not begun.
    asked: AtomicBool,
    standing: Mutex<Standing>,
    polled: Mutex<Instant>,
}

impl Stir {
    #[must_use]
    pub fn new(standing: Standing) -> Self {
        Self {
            changed: Notify::new(),
            asked: AtomicBool::new(false),
            standing: Mutex::new(standing),
            polled: Mutex::new(Instant::now()),
        }
    }

    /// Something is worth a poll.
    pub fn stir(&self) {
        self.changed.notify_one();
    }

    /// A poll begins: what changes from here on takes another.
    pub fn polled(&self, standing: Standing) {
        *self.standing.lock().unwrap_or_else(PoisonError::into_inner) = standing;
        *self.polled.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
        self.asked.store(false, Ordering::Release);
    }

    /// Asks for polls as long as the source is polled; returns when it was not for two intervals.
    pub async fn ask(&self, debounce: Duration, quiet: Duration) {
        loop {
            let left = self.unused_in();
            if left.is_zero() {
                return;
            }
            tokio::select! {
                () = self.changed.notified() => {}
                () = tokio::time::sleep(left) => continue,
            }
            tokio::time::sleep(debounce).await;
            // A poll may have begun meanwhile.
            while let Some(wait) = quiet.checked_sub(self.since_poll()).filter(|wait| !wait.is_zero()) {
                tokio::time::sleep(wait).await;
            }
            if !self.asked.swap(true, Ordering::AcqRel) {
                let wake = self.standing.lock().unwrap_or_else(PoisonError::into_inner).wake.clone();
                if wake.wake().await.is_err() {
                    self.asked.store(false, Ordering::Release);
                }
            }
        }
    }

    /// How long until nobody is seen to poll any more.
    fn unused_in(&self) -> Duration {
        let every = self.standing.lock().unwrap_or_else(PoisonError::into_inner).every;
        (every * 2).saturating_sub(self.since_poll())
    }

    fn since_poll(&self) -> Duration {
        self.polled.lock().unwrap_or_else(PoisonError::into_inner).elapsed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::collect::{CollectError, Wake};
    use crate::id::SourceId;
    use async_trait::async_trait;
    use std::sync::Arc;
    use std::sync::atomic::AtomicU32;
    use uuid::Uuid;

    #[derive(Default)]
    struct Counted(AtomicU32);

    #[async_trait]
    impl Wake for Counted {
        async fn wake(&self) -> Result<(), CollectError> {
            self.0.fetch_add(1, Ordering::Relaxed);
            Ok(())
        }
    }

    fn standing(wake: Arc<Counted>) -> Standing {
        Standing { source: SourceId(Uuid::nil()), every: Duration::from_millis(500), wake }
    }

    #[tokio::test]
    async fn many_changes_are_one_poll_and_an_unused_watch_ends() {
        let wake = Arc::new(Counted::default());
        let stir = Arc::new(Stir::new(standing(wake.clone())));
        let asking = tokio::spawn({
            let stir = stir.clone();
            async move { stir.ask(Duration::from_millis(20), Duration::from_millis(200)).await }
        });
        for _ in 0..50 {
            stir.stir();
            tokio::time::sleep(Duration::from_millis(8)).await;
        }
        assert_eq!(wake.0.load(Ordering::Relaxed), 1, "not again before a poll has begun");
        stir.polled(standing(wake.clone()));
        stir.stir();
        tokio::time::sleep(Duration::from_millis(60)).await;
        assert_eq!(wake.0.load(Ordering::Relaxed), 1, "quiet for a while after a poll");
        tokio::time::sleep(Duration::from_millis(340)).await;
        assert_eq!(wake.0.load(Ordering::Relaxed), 2);
        tokio::time::sleep(Duration::from_millis(900)).await;
        assert!(asking.is_finished(), "nobody polls any more");
    }
}
