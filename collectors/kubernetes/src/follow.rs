//! Watches a part from where its list ended: every change is taken in as it happens.

use crate::api::Part;
use crate::client::{Ask, Client};
use crate::error::ReadError;
use crate::held::{Change, Held, Known, Place, fold};
use crate::pod::Sharing;
use crate::wire::{self, Line};
use plumbline_core::stir::Stir;
use plumbline_core::text::chain;
use reqwest::Response;
use serde_json::Value;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// The longest line of a watch: no object is larger than what etcd takes, some megabytes.
const LONGEST: usize = 16 << 20;
/// A watch that ends sooner than this is not opened again at once.
const SHORT: Duration = Duration::from_secs(1);
/// A watch that takes longer to open is not relied on meanwhile.
const PROMPT: Duration = Duration::from_secs(2);

/// One part, followed.
pub(crate) struct Follower {
    pub(crate) client: Client,
    pub(crate) held: Arc<Mutex<Held>>,
    pub(crate) sharing: Arc<Mutex<Sharing>>,
    pub(crate) stir: Arc<Stir>,
    pub(crate) place: Place,
    /// The version of the API.
    pub(crate) api_version: String,
    pub(crate) turn: u64,
}

/// Why a watch ended.
enum End {
    /// It may be opened again from where it ended.
    Closed,
    /// What happened since is not to be had: only a list helps.
    Lost(ReadError),
}

impl Follower {
    /// Follows from a version on until told to stop, or until only a list helps.
    pub(crate) async fn follow(self, version: String, stop: CancellationToken) {
        tokio::select! {
            () = stop.cancelled() => {}
            () = self.on(version) => {}
        }
    }

    async fn on(&self, mut version: String) {
        let mut backoff = self.client.patience().first_backoff;
        loop {
            let began = Instant::now();
            match self.once(&mut version).await {
                End::Closed if began.elapsed() >= SHORT => {
                    backoff = self.client.patience().first_backoff;
                    continue;
                }
                End::Closed => self.know(Known::Not),
                End::Lost(error @ (ReadError::Failed(_) | ReadError::TooLong(_))) => {
                    // Until it is open again, nobody relies on what is held.
                    tracing::debug!(part = self.place.0.api().plural, %error, "a watch is broken");
                    self.know(Known::Not);
                }
                End::Lost(error) => {
                    self.know(Known::Not);
                    if matches!(error, ReadError::Gone) {
                        self.stir.stir();
                    }
                    return;
                }
            }
            tokio::time::sleep(backoff).await;
            backoff = backoff.saturating_mul(2).min(self.client.patience().longest_wait);
        }
    }

    /// One watch, from its opening to its end.
    async fn once(&self, version: &mut String) -> End {
        let (part, place) = &self.place;
        let path = part.api().path(&self.api_version, place.as_deref());
        let open_for = self.client.patience().watch;
        let query = [
            ("watch", "1".to_owned()),
            ("allowWatchBookmarks", "true".to_owned()),
            ("resourceVersion", version.clone()),
            ("timeoutSeconds", open_for.as_secs().max(1).to_string()),
        ];
        let mut opening = Box::pin(self.client.listen(Ask { path: &path, query: &query, accept: "application/json" }));
        let opened = match tokio::time::timeout(PROMPT, &mut opening).await {
            Ok(opened) => opened,
            Err(_) => {
                self.know(Known::Not);
                opening.await
            }
        };
        let answer = match opened {
            Ok(answer) => answer,
            Err(error) => return End::Lost(error),
        };
        self.know(Known::Live);
        // A connection that died without a word is noticed when the watch should long have ended.
        let listening = tokio::time::timeout(open_for + Duration::from_secs(30), self.listen(answer, version));
        listening.await.unwrap_or(End::Closed)
    }

    async fn listen(&self, mut answer: Response, version: &mut String) -> End {
        let mut rest: Vec<u8> = Vec::new();
        loop {
            let chunk = match answer.chunk().await {
                Ok(Some(chunk)) => chunk,
                Ok(None) => return End::Closed,
                Err(error) => {
                    tracing::debug!(error = chain(&error.without_url()), "a watch broke off");
                    return End::Closed;
                }
            };
            rest.extend_from_slice(&chunk);
            let mut done = 0;
            while let Some(length) = rest[done..].iter().position(|byte| *byte == b'\n') {
                let text = &rest[done..done + length];
                done += length + 1;
                if !text.trim_ascii().is_empty()
                    && let Err(end) = self.line(text, version)
                {
                    return end;
                }
            }
            rest.drain(..done);
            if rest.len() > LONGEST {
                return End::Lost(ReadError::Gone);
            }
        }
    }

    fn line(&self, text: &[u8], version: &mut String) -> Result<(), End> {
        // What cannot be understood may be anything: a list says what there is.
        let line = wire::line(self.place.0, text).map_err(|_| End::Lost(ReadError::Gone))?;
        match line {
            Line::Put(object) => {
                let (name, kept) = self.fold(&object);
                self.take(Change::Put(name, kept));
                *version = wire::version(&object);
            }
            Line::Gone(object) => {
                let (name, _) = self.fold(&object);
                self.take(Change::Gone(name));
                *version = wire::version(&object);
            }
            Line::Bookmark(at) => *version = at,
            Line::Error(410, _) => return Err(End::Lost(ReadError::Gone)),
            Line::Error(code, message) => {
                tracing::debug!(code, message, "the API server breaks a watch off");
                return Err(End::Closed);
            }
        }
        Ok(())
    }

    fn fold(&self, object: &Value) -> (crate::held::Name, crate::held::Kept) {
        let mut sharing = self.sharing.lock().unwrap_or_else(PoisonError::into_inner);
        fold(self.part(), &self.api_version, object, &mut sharing)
    }

    fn part(&self) -> Part {
        self.place.0
    }

    fn take(&self, change: Change) {
        let news = self.held.lock().unwrap_or_else(PoisonError::into_inner).take(&self.place, self.turn, change);
        if news {
            self.stir.stir();
        }
    }

    fn know(&self, known: Known) {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).set_known(&self.place, self.turn, known);
    }
}
