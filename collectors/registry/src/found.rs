//! The images that a repository's tags lead to, before they are read.

use crate::client::Fetched;
use crate::digest::Digest;
use crate::error::ReadError;
use crate::image::{self, Described};
use crate::manifest::{self, Document, Manifest};
use crate::repository::{Artifact, Listing, Repository, Seen};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Manifests up to this many bytes are held between finding an image and reading it; larger ones are asked for again.
const HELD: usize = 64 * 1024;

/// An image that a tag leads to.
#[derive(Default)]
pub(crate) struct Found {
    pub(crate) tags: BTreeSet<String>,
    pub(crate) index: Option<Digest>,
    pub(crate) content: Content,
}

#[derive(Default)]
pub(crate) enum Content {
    /// Not looked at yet.
    #[default]
    Unknown,
    Known(Described),
    Manifest(String, Box<Manifest>),
    Unreadable(String),
}

/// By digest.
pub(crate) type Images = BTreeMap<Digest, Found>;

impl Repository<'_> {
    /// Every image that the chosen tags lead to, by itself or through an index.
    pub(crate) async fn find(&self, listing: &Listing, seen: &mut Seen) -> Result<Images, ReadError> {
        let mut tagged: BTreeMap<Digest, BTreeSet<String>> = BTreeMap::new();
        for one in &listing.named {
            tagged.entry(one.digest.clone()).or_default().insert(one.tag.clone());
        }
        let mut known = self.recall(tagged.keys()).await?;
        let mut images = Images::new();
        for (digest, tags) in tagged {
            if let Some(described) = known.remove(&digest) {
                let found = images.entry(digest).or_default();
                found.tags.extend(tags);
                found.content = Content::Known(described);
                continue;
            }
            match self.client.manifest(self.name, digest.as_str()).await {
                Ok(fetched) => self.expand(&mut images, &fetched, &tags, seen).await?,
                Err(ReadError::Closed) => return Err(ReadError::Closed),
                // It is there, and never going to be readable: that is the image's misfortune, not the repository's.
                Err(ReadError::Rejected(why)) => {
                    let found = images.entry(digest).or_default();
                    found.tags.extend(tags);
                    found.content = Content::Unreadable(why);
                }
                Err(error) => seen.problems.push(error),
            }
        }
        self.recall_rest(&mut images).await?;
        Ok(images)
    }

    /// Adds the image, or the images of the index, that a tag names.
    async fn expand(
        &self,
        images: &mut Images,
        fetched: &Fetched,
        tags: &BTreeSet<String>,
        seen: &mut Seen,
    ) -> Result<(), ReadError> {
        match manifest::read(fetched) {
            Ok(Document::Artifact(kind)) => {
                let tags = tags.iter().cloned().collect();
                seen.artifacts.push(Artifact { digest: fetched.digest.clone(), tags, kind });
            }
            Ok(Document::Index(index)) => {
                let strange = index.manifests.iter().filter(|entry| Digest::parse(&entry.digest).is_none()).count();
                if strange > 0 {
                    self.note(&format!("{strange} entries of the index {} have no digest", fetched.digest)).await?;
                }
                let wanted = index.images().filter(|(entry, _)| {
                    let platform = entry.platform.as_ref();
                    platform.is_none_or(|platform| self.run.settings.wants_platform(&platform.name()))
                });
                for (_, digest) in wanted {
                    let found = images.entry(digest).or_default();
                    found.tags.extend(tags.iter().cloned());
                    found.index.get_or_insert_with(|| fetched.digest.clone());
                }
            }
            other => {
                let found = images.entry(fetched.digest.clone()).or_default();
                found.tags.extend(tags.iter().cloned());
                found.content = content(other, fetched);
            }
        }
        Ok(())
    }

    /// What earlier runs have described.
    async fn recall<'d>(
        &self,
        digests: impl Iterator<Item = &'d Digest>,
    ) -> Result<HashMap<Digest, Described>, ReadError> {
        let digests: Vec<&Digest> = digests.collect();
        let keys: Vec<String> = digests.iter().map(|digest| image::key(digest)).collect();
        let kept = self.run.memory.recall(&keys).await.map_err(|_| ReadError::Closed)?;
        let described = digests.into_iter().zip(keys).filter_map(|(digest, key)| {
            let described = serde_json::from_slice(kept.get(&key)?).ok()?;
            Some((digest.clone(), described))
        });
        Ok(described.collect())
    }

    async fn recall_rest(&self, images: &mut Images) -> Result<(), ReadError> {
        let unknown = images.iter().filter(|(_, found)| matches!(found.content, Content::Unknown));
        let unknown: Vec<Digest> = unknown.map(|(digest, _)| digest.clone()).collect();
        for (digest, described) in self.recall(unknown.iter()).await? {
            if let Some(found) = images.get_mut(&digest) {
                found.content = Content::Known(described);
            }
        }
        Ok(())
    }
}

fn content(read: Result<Document, String>, fetched: &Fetched) -> Content {
    match read {
        Ok(Document::Image(manifest)) if fetched.bytes.len() <= HELD => {
            Content::Manifest(fetched.media_type.clone(), manifest)
        }
        Ok(_) => Content::Unknown,
        Err(why) => Content::Unreadable(why),
    }
}
