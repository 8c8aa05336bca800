//! The clusters that are watched: opened by the first poll of a source, held until nobody polls it any more.

use crate::api::Part;
use crate::client::Client;
use crate::discovery::{Discovered, Have};
use crate::error::ReadError;
use crate::follow::Follower;
use crate::held::{Held, Known, Place};
use crate::list;
use crate::operator::Patience;
use crate::pod::Sharing;
use futures::stream::{self, StreamExt};
use plumbline_core::collect::Standing;
use plumbline_core::id::SourceId;
use plumbline_core::resource::Unread;
use plumbline_core::stir::Stir;
use serde_json::Value;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;
use tokio_util::sync::{CancellationToken, DropGuard};

/// Parts that are listed at once.
const AT_ONCE: usize = 4;

/// All clusters that are watched by this process.
#[derive(Default)]
pub(crate) struct Live {
    clusters: Mutex<HashMap<SourceId, Arc<Cluster>>>,
}

/// A cluster as long as it is held.
pub(crate) struct Cluster {
    /// What it was opened with: other settings open it anew.
    print: [u8; 32],
    opened: Instant,
    pub(crate) client: Client,
    /// The cluster's name where its cloud or its kubeconfig says it.
    pub(crate) name: Option<String>,
    pub(crate) held: Arc<Mutex<Held>>,
    pub(crate) sharing: Arc<Mutex<Sharing>>,
    pub(crate) kubelets: tokio::sync::Mutex<HashMap<String, Kubelet>>,
    /// One poll at a time.
    pub(crate) polling: tokio::sync::Mutex<()>,
    watched: Option<Watched>,
}

/// What a kubelet's settings were when they were last asked for.
pub(crate) struct Kubelet {
    pub(crate) read: Instant,
    pub(crate) config: Result<Value, Unread>,
}

/// What a cluster has that is watched.
struct Watched {
    stir: Arc<Stir>,
    stop: CancellationToken,
    followers: Mutex<BTreeMap<Place, DropGuard>>,
    _all: DropGuard,
}

impl Cluster {
    /// One that is read this once.
    pub(crate) fn once(client: Client, name: Option<String>) -> Self {
        Self {
            print: [0; 32],
            opened: Instant::now(),
            client,
            name,
            held: Arc::default(),
            sharing: Arc::default(),
            kubelets: tokio::sync::Mutex::default(),
            polling: tokio::sync::Mutex::default(),
            watched: None,
        }
    }

    /// Brings every place up to date: those that are not followed are listed, and followed from there on. Returns how well
    /// each is known.
    pub(crate) async fn freshen(&self, places: &[Place], discovered: &Discovered) -> BTreeMap<Place, Known> {
        let tries: Vec<_> = places.iter().map(|place| self.fresh(place, discovered)).collect();
        let known: Vec<Known> = stream::iter(tries).buffered(AT_ONCE).collect().await;
        self.sharing.lock().unwrap_or_else(PoisonError::into_inner).tidy();
        places.iter().cloned().zip(known).collect()
    }

    async fn fresh(&self, place: &Place, discovered: &Discovered) -> Known {
        let version = match discovered.have(place.0) {
            Have::Version(version) => version,
            Have::Absent => return self.forget(place, Known::Absent),
            Have::Unknown(error) => return self.forget(place, Known::Unread(error.clone())),
        };
        if self.held().known(place) == Known::Live {
            return Known::Live;
        }
        self.unfollow(place);
        let turn = self.held().clear(place);
        match list::list(&self.client, place, version, &self.sharing).await {
            Ok(listed) => {
                self.held().fill(place, listed.entries);
                self.follow(place, version, turn, listed.version);
                Known::Listed
            }
            // The list of what is in the group is older than this answer.
            Err(ReadError::Missing(_)) => Known::Absent,
            Err(error) => Known::Unread(error),
        }
    }

    fn forget(&self, place: &Place, known: Known) -> Known {
        self.unfollow(place);
        self.held().clear(place);
        known
    }

    fn follow(&self, place: &Place, api_version: &str, turn: u64, from: String) {
        let Some(watched) = &self.watched else { return };
        let stop = watched.stop.child_token();
        let follower = Follower {
            client: self.client.clone(),
            held: self.held.clone(),
            sharing: self.sharing.clone(),
            stir: watched.stir.clone(),
            place: place.clone(),
            api_version: api_version.to_owned(),
            turn,
        };
        tokio::spawn(follower.follow(from, stop.clone()));
        let mut followers = watched.followers.lock().unwrap_or_else(PoisonError::into_inner);
        followers.insert(place.clone(), stop.drop_guard());
    }

    fn unfollow(&self, place: &Place) {
        if let Some(watched) = &self.watched {
            watched.followers.lock().unwrap_or_else(PoisonError::into_inner).remove(place);
        }
    }

    pub(crate) fn held(&self) -> std::sync::MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Live {
    /// The cluster of a source, if it is held and was opened with the same.
    pub(crate) fn held(&self, standing: &Standing, print: &[u8; 32], no_older: Duration) -> Option<Arc<Cluster>> {
        let mut clusters = self.clusters.lock().unwrap_or_else(PoisonError::into_inner);
        let known = clusters.get(&standing.source)?;
        if known.print != *print || known.opened.elapsed() > no_older {
            clusters.remove(&standing.source);
            return None;
        }
        if let Some(watched) = &known.watched {
            watched.stir.polled(standing.clone());
        }
        Some(known.clone())
    }

    /// Begins to hold a cluster, unless there are too many already: then it is read this once.
    pub(crate) fn hold(
        self: &Arc<Self>,
        standing: &Standing,
        print: [u8; 32],
        client: Client,
        name: Option<String>,
        patience: &Patience,
    ) -> Arc<Cluster> {
        let mut clusters = self.clusters.lock().unwrap_or_else(PoisonError::into_inner);
        if clusters.len() >= patience.clusters {
            return Arc::new(Cluster::once(client, name));
        }
        let stop = CancellationToken::new();
        let stir = Arc::new(Stir::new(standing.clone()));
        let watched = Watched {
            stir: stir.clone(),
            stop: stop.clone(),
            followers: Mutex::default(),
            _all: stop.clone().drop_guard(),
        };
        let cluster = Arc::new(Cluster { print, watched: Some(watched), ..Cluster::once(client, name) });
        clusters.insert(standing.source, cluster.clone());
        let (live, source) = (Arc::downgrade(self), standing.source);
        let (debounce, quiet) = (patience.debounce, patience.quiet);
        tokio::spawn(async move {
            tokio::select! {
                () = stop.cancelled() => return,
                () = stir.ask(debounce, quiet) => {}
            }
            // A later cluster of the same source is not ours to end: it has another stop.
            if let Some(live) = live.upgrade() {
                let mut clusters = live.clusters.lock().unwrap_or_else(PoisonError::into_inner);
                let ours = |cluster: &Arc<Cluster>| {
                    cluster.watched.as_ref().is_some_and(|watched| Arc::ptr_eq(&watched.stir, &stir))
                };
                if clusters.get(&source).is_some_and(ours) {
                    clusters.remove(&source);
                }
            }
        });
        cluster
    }
}

/// The places that a source's settings ask for.
pub(crate) fn places(parts: impl IntoIterator<Item = Part>, namespaces: &[Option<String>]) -> Vec<Place> {
    let mut places = Vec::new();
    for part in parts {
        if part.api().namespaced {
            places.extend(namespaces.iter().map(|namespace| (part, namespace.clone())));
        } else {
            places.push((part, None));
        }
    }
    places
}
