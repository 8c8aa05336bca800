//! The contents of layers: out of memory, or read from the registry once.
//!
//! However many images share a layer, it is read once for a tenant. Within a run two images that want the same layer at
//! the same time wait for one reading of it; across runs the tenant's memory answers.

use crate::blob;
use crate::client::Client;
use crate::digest::Digest;
use crate::error::ReadError;
use crate::manifest::Descriptor;
use futures::stream::{self, StreamExt};
use plumbline_core::collect::Memory;
use plumbline_software::layer::{self, Compression, Contents, Limits, Link, READER_VERSION};
use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use tokio::sync::OnceCell;

/// Layers of one image read at once.
const AT_ONCE: usize = 2;

type Read = Result<Arc<Contents>, ReadError>;
type Cell = OnceCell<Read>;

/// All layers of a run.
pub(crate) struct Layers {
    memory: Arc<dyn Memory>,
    limits: Limits,
    /// Those being read.
    cells: Mutex<HashMap<Digest, Weak<Cell>>>,
    /// Those that this run could not read, by repository and digest: the other images that share one do not try again.
    failed: Mutex<HashMap<(String, Digest), ReadError>>,
}

impl Layers {
    pub(crate) fn new(memory: Arc<dyn Memory>) -> Self {
        Self { memory, limits: Limits::default(), cells: Mutex::default(), failed: Mutex::default() }
    }

    /// The contents of an image's layers, lowest first.
    ///
    /// # Errors
    /// Only when the run cannot go on; a layer that could not be read is an error in its place.
    pub(crate) async fn of_image(
        &self,
        client: &Client,
        repository: &str,
        layers: &[Descriptor],
    ) -> Result<Vec<Read>, ReadError> {
        let digests: BTreeSet<Digest> = layers.iter().filter_map(|layer| Digest::parse(&layer.digest)).collect();
        let known = &self.recall(digests).await?;
        // Collected first, so that each reading borrows from the list and not from the iterator.
        let readings: Vec<_> = layers.iter().map(|layer| self.one(client, repository, layer, known)).collect();
        let read: Vec<Read> = stream::iter(readings).buffered(AT_ONCE).collect().await;
        if read.iter().any(|one| matches!(one, Err(ReadError::Closed))) { Err(ReadError::Closed) } else { Ok(read) }
    }

    async fn one(
        &self,
        client: &Client,
        repository: &str,
        layer: &Descriptor,
        known: &HashMap<Digest, Arc<Contents>>,
    ) -> Read {
        let digest = Digest::parse(&layer.digest)
            .ok_or_else(|| ReadError::failed(format!("{}: no digest that can be checked", layer.digest)))?;
        if let Some(contents) = known.get(&digest) {
            return Ok(contents.clone());
        }
        let place = (repository.to_owned(), digest.clone());
        let failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner).get(&place).cloned();
        if let Some(error) = failed {
            return Err(error);
        }
        let cell = self.cell(&digest);
        let read = cell.get_or_init(|| Box::pin(self.recall_or_read(client, repository, layer, &digest))).await.clone();
        if let Err(error) = &read {
            self.failed.lock().unwrap_or_else(PoisonError::into_inner).insert(place, error.clone());
        }
        read
    }

    fn cell(&self, digest: &Digest) -> Arc<Cell> {
        let mut cells = self.cells.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(cell) = cells.get(digest).and_then(Weak::upgrade) {
            return cell;
        }
        cells.retain(|_, cell| cell.strong_count() > 0);
        let cell = Arc::new(Cell::new());
        cells.insert(digest.clone(), Arc::downgrade(&cell));
        cell
    }

    /// Another image may have read it since we asked.
    async fn recall_or_read(&self, client: &Client, repository: &str, layer: &Descriptor, digest: &Digest) -> Read {
        let known = self.recall(BTreeSet::from([digest.clone()])).await?;
        if let Some(contents) = known.get(digest) {
            return Ok(contents.clone());
        }
        let contents = self.read(client, repository, layer, digest).await?;
        let packed = tokio::task::spawn_blocking(move || (contents.pack(), contents)).await;
        let (packed, contents) = packed.map_err(|_| ReadError::Closed)?;
        self.memory.keep(&key(digest), packed).await.map_err(|_| ReadError::Closed)?;
        Ok(Arc::new(contents))
    }

    async fn recall(&self, digests: BTreeSet<Digest>) -> Result<HashMap<Digest, Arc<Contents>>, ReadError> {
        let keys: Vec<String> = digests.iter().map(key).collect();
        let mut found = self.memory.recall(&keys).await.map_err(|_| ReadError::Closed)?;
        let unpacking = tokio::task::spawn_blocking(move || {
            let kept = digests.into_iter().filter_map(|digest| {
                let packed = found.remove(&key(&digest))?;
                // What cannot be unpacked is read anew.
                Contents::unpack(&packed).ok().map(|contents| (digest, Arc::new(contents)))
            });
            kept.collect()
        });
        unpacking.await.map_err(|_| ReadError::Closed)
    }

    async fn read(
        &self,
        client: &Client,
        repository: &str,
        layer: &Descriptor,
        digest: &Digest,
    ) -> Result<Contents, ReadError> {
        if Compression::of_media_type(&layer.media_type).is_none() {
            let kind: String = layer.media_type.chars().take(200).collect();
            return Err(ReadError::failed(format!("layer {}: its type, {kind}, is not read", digest.short())));
        }
        let contents = self.stream(client, repository, layer, digest, Vec::new()).await?;
        if contents.links.is_empty() {
            return Ok(contents);
        }
        // Files that list packages under names that are told only after them: the layer passes once more, once.
        self.stream(client, repository, layer, digest, contents.links).await
    }

    async fn stream(
        &self,
        client: &Client,
        repository: &str,
        layer: &Descriptor,
        digest: &Digest,
        links: Vec<Link>,
    ) -> Result<Contents, ReadError> {
        let (pump, incoming) = blob::channel(layer.size, digest);
        let (limits, wanted) = (self.limits.clone(), digest.clone());
        let reading = tokio::task::spawn_blocking(move || read_stream(incoming, &limits, &links, &wanted));
        let limit = client.patience().layer;
        let pumped = tokio::time::timeout(limit, pump.run(client, repository, digest)).await;
        let read = reading.await.unwrap_or_else(|_| Err("its reader broke down".to_owned()));
        match pumped {
            Err(_) => Err(ReadError::failed(format!("layer {}: not read after {} s", digest.short(), limit.as_secs()))),
            Ok(Err(error)) => Err(error),
            Ok(Ok(())) => read.map_err(|why| ReadError::failed(format!("layer {}: {why}", digest.short()))),
        }
    }
}

fn key(digest: &Digest) -> String {
    format!("layer/{digest}/{READER_VERSION}")
}

/// Reads a layer to its end, and believes it only when the digest is the one that was asked for. Blocks.
fn read_stream(
    mut incoming: blob::Incoming,
    limits: &Limits,
    links: &[Link],
    wanted: &Digest,
) -> Result<Contents, String> {
    let first = incoming.peek().map_err(|error| error.to_string())?;
    // Registries and builders disagree about media types; the first bytes do not lie about what has to be undone.
    let compression = Compression::sniff(first);
    let contents =
        layer::read_again(&mut incoming, compression, limits, links).map_err(|refused| refused.to_string())?;
    let digest = incoming.finish().map_err(|error| error.to_string())?;
    if digest.as_ref() == Some(wanted) { Ok(contents) } else { Err("its bytes have another digest".to_owned()) }
}
