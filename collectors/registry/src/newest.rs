//! Which tags name the images that were created last.
//!
//! A registry does not tell: every tag's image has to be asked for its configuration. That is done once for a digest and
//! then remembered, so that a later run asks only for the digests of tags, which registries do not count as pulls. The
//! creation time is the manifest's annotation or else the configuration's; an image without any counts as the oldest.

use crate::config::{self, ImageConfig};
use crate::digest::Digest;
use crate::error::ReadError;
use crate::image::Reader;
use crate::manifest::{self, Document, Index, Manifest};
use chrono::{DateTime, Utc};
use futures::stream::{self, StreamExt, TryStreamExt};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

/// The most tags of a repository among which the newest are looked for: the last in natural order.
pub(crate) const CANDIDATES: usize = 1_000;
const AT_ONCE: usize = 4;
/// What is remembered of a digest that is no image.
const NO_IMAGE: &[u8] = b"none";

/// A tag, and the digest that it names now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Named {
    pub(crate) tag: String,
    pub(crate) digest: Digest,
}

/// Of the tags those that name the `count` images that were created last; several tags of one image count once.
pub(crate) async fn choose(reader: &Reader<'_>, named: Vec<Named>, count: usize) -> Result<Vec<Named>, ReadError> {
    let digests: BTreeSet<Digest> = named.iter().map(|one| one.digest.clone()).collect();
    let keys: Vec<String> = digests.iter().map(key).collect();
    let known = reader.memory.recall(&keys).await.map_err(|_| ReadError::Closed)?;
    let asking: Vec<_> = digests
        .into_iter()
        .map(|digest| {
            let known = known.get(&key(&digest)).cloned();
            async move {
                let created = match known {
                    Some(created) => created,
                    None => ask(reader, &digest).await?,
                };
                Ok::<_, ReadError>((digest, created))
            }
        })
        .collect();
    let created: BTreeMap<Digest, Vec<u8>> = stream::iter(asking).buffer_unordered(AT_ONCE).try_collect().await?;
    Ok(last(named, &created, count))
}

/// Picks by what is known of each digest; `named` is in order of preference.
fn last(named: Vec<Named>, created: &BTreeMap<Digest, Vec<u8>>, count: usize) -> Vec<Named> {
    let mut order: Vec<&Digest> = Vec::new();
    let mut seen = BTreeSet::new();
    for one in &named {
        let is_image = created.get(&one.digest).is_none_or(|created| created != NO_IMAGE);
        if is_image && seen.insert(&one.digest) {
            order.push(&one.digest);
        }
    }
    order.sort_by_key(|digest| Reverse(created.get(*digest).and_then(|created| instant(created))));
    let kept: BTreeSet<Digest> = order.into_iter().take(count).cloned().collect();
    named.into_iter().filter(|one| kept.contains(&one.digest)).collect()
}

fn instant(created: &[u8]) -> Option<DateTime<Utc>> {
    let text = std::str::from_utf8(created).ok()?;
    DateTime::parse_from_rfc3339(text).ok().map(|instant| instant.to_utc())
}

fn key(digest: &Digest) -> String {
    format!("created/{digest}")
}

/// When an image was created, in the words of its maker; empty when it does not say.
async fn ask(reader: &Reader<'_>, digest: &Digest) -> Result<Vec<u8>, ReadError> {
    let created = match asked(reader, digest).await {
        // What is broken for good stands last, so that it does not hide the others.
        Err(ReadError::Missing(_) | ReadError::Rejected(_)) => return Ok(Vec::new()),
        other => other?,
    };
    reader.memory.keep(&key(digest), created.clone()).await.map_err(|_| ReadError::Closed)?;
    Ok(created)
}

async fn asked(reader: &Reader<'_>, digest: &Digest) -> Result<Vec<u8>, ReadError> {
    match document(reader, digest).await? {
        Some(Document::Image(manifest)) => of_image(reader, &manifest).await,
        Some(Document::Index(index)) => of_index(reader, &index).await,
        Some(Document::Artifact(_)) => Ok(NO_IMAGE.to_vec()),
        None => Ok(Vec::new()),
    }
}

/// None for what is not understood: it then stands last, and is said to be unread if it is chosen.
async fn document(reader: &Reader<'_>, digest: &Digest) -> Result<Option<Document>, ReadError> {
    let fetched = reader.client.manifest(reader.repository, digest.as_str()).await?;
    Ok(manifest::read(&fetched).ok())
}

async fn of_image(reader: &Reader<'_>, manifest: &Manifest) -> Result<Vec<u8>, ReadError> {
    if let Some(created) = manifest.created() {
        return Ok(created.as_bytes().to_vec());
    }
    let Some(digest) = Digest::parse(&manifest.config.digest) else { return Ok(Vec::new()) };
    let bytes = reader.client.blob(reader.repository, &digest, config::LARGEST).await?;
    Ok(ImageConfig::parse(&bytes).ok().and_then(|config| config.created).unwrap_or_default().into_bytes())
}

/// The platforms of one build are created together; the first stands for all.
async fn of_index(reader: &Reader<'_>, index: &Index) -> Result<Vec<u8>, ReadError> {
    if let Some(created) = index.created() {
        return Ok(created.as_bytes().to_vec());
    }
    let Some((_, digest)) = index.images().next() else { return Ok(NO_IMAGE.to_vec()) };
    match document(reader, &digest).await {
        Ok(Some(Document::Image(manifest))) => of_image(reader, &manifest).await,
        Ok(_) | Err(ReadError::Missing(_)) => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(tag: &str, digest: &Digest) -> Named {
        Named { tag: tag.to_owned(), digest: digest.clone() }
    }

    #[test]
    fn images_count_not_tags_and_the_undated_are_oldest() {
        let [a, b, c, d] = [b"a", b"b", b"c", b"d"].map(|bytes| Digest::of(bytes));
        let all = vec![named("latest", &b), named("3", &a), named("2", &b), named("1", &c), named("chart", &d)];
        let created = BTreeMap::from([
            (a.clone(), b"2024-01-01T00:00:00Z".to_vec()),
            (b.clone(), b"2024-05-01T00:00:00.5+02:00".to_vec()),
            (c.clone(), b"yesterday".to_vec()),
            (d.clone(), NO_IMAGE.to_vec()),
        ]);
        let tags = |count| -> Vec<String> { last(all.clone(), &created, count).into_iter().map(|n| n.tag).collect() };
        assert_eq!(tags(1), ["latest", "2"]);
        assert_eq!(tags(2), ["latest", "3", "2"]);
        assert_eq!(tags(9), ["latest", "3", "2", "1"]);
    }
}
