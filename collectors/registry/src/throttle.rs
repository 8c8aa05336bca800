//! How fast a registry lets us go. What it says to one request holds for all of them.

use crate::error::ReadError;
use reqwest::header::HeaderMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// The instant before which no request goes out.
pub(crate) struct Throttle {
    not_before: Mutex<Option<Instant>>,
    longest: Duration,
}

impl Throttle {
    /// Waits no longer than `longest` at a time; a registry that asks for more is not asked again until then.
    pub(crate) fn new(longest: Duration) -> Self {
        Self { not_before: Mutex::new(None), longest }
    }

    /// Waits until the next request may go.
    pub(crate) async fn turn(&self) -> Result<(), ReadError> {
        let not_before = *self.not_before.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(instant) = not_before else { return Ok(()) };
        let wait = instant.saturating_duration_since(Instant::now());
        if wait > self.longest {
            return Err(ReadError::Failed(format!(
                "the registry's rate limit is used up: it asks to wait for {} s",
                wait.as_secs()
            )));
        }
        tokio::time::sleep(wait).await;
        Ok(())
    }

    /// Heeds what any answer says of what is left.
    pub(crate) fn heed(&self, headers: &HeaderMap) {
        if remaining(headers) == Some(0) {
            // Docker Hub tells its window, not when it ends: a short pause then, and its refusal if that was not enough.
            let reset = seconds(headers, "ratelimit-reset").unwrap_or(Duration::from_secs(1));
            self.pause(reset);
        }
    }

    /// After a refusal for too many requests: the wait that it asks for, or `otherwise`.
    pub(crate) fn refused(&self, headers: &HeaderMap, otherwise: Duration) {
        self.pause(seconds(headers, "retry-after").unwrap_or(otherwise));
    }

    fn pause(&self, wait: Duration) {
        // A day is as good as never.
        let until = Instant::now() + wait.min(Duration::from_secs(24 * 60 * 60));
        let mut not_before = self.not_before.lock().unwrap_or_else(PoisonError::into_inner);
        *not_before = Some(not_before.map_or(until, |known| known.max(until)));
    }
}

/// `76;w=21600` → 76.
fn remaining(headers: &HeaderMap) -> Option<u64> {
    let text = headers.get("ratelimit-remaining")?.to_str().ok()?;
    text.split(';').next()?.trim().parse().ok()
}

fn seconds(headers: &HeaderMap, name: &str) -> Option<Duration> {
    headers.get(name)?.to_str().ok()?.trim().parse().ok().map(Duration::from_secs)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    #[tokio::test]
    async fn a_short_wait_is_waited_for() {
        let throttle = Throttle::new(Duration::from_secs(5));
        throttle.refused(&headers(&[("x-other", "1")]), Duration::from_millis(20));
        let began = Instant::now();
        throttle.turn().await.unwrap();
        assert!(began.elapsed() >= Duration::from_millis(19));
    }

    #[tokio::test]
    async fn a_long_wait_is_said_instead() {
        let throttle = Throttle::new(Duration::from_secs(5));
        throttle.refused(&headers(&[("retry-after", "3600")]), Duration::ZERO);
        let refused = throttle.turn().await.unwrap_err();
        assert!(refused.to_string().contains("rate limit"), "{refused}");
    }

    #[test]
    fn what_is_left_is_read_from_either_form() {
        assert_eq!(remaining(&headers(&[("ratelimit-remaining", "76;w=21600")])), Some(76));
        assert_eq!(remaining(&headers(&[("ratelimit-remaining", "0")])), Some(0));
        assert_eq!(remaining(&headers(&[("ratelimit-remaining", "none")])), None);
    }
}
