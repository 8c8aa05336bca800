//! One repository: its tags, what they name, and every image among that.

use crate::client::Client;
use crate::digest::Digest;
use crate::error::ReadError;
use crate::found::{Content, Found};
use crate::image::{self, Described, Reader};
use crate::manifest::{self, Document};
use crate::newest::{self, CANDIDATES, Named};
use crate::resource;
use crate::run::Run;
use crate::signature::{Search, Signature};
use crate::tags::{self, Chosen};
use futures::stream::{self, StreamExt};
use plumbline_core::collect::{CollectError, Event};
use plumbline_core::scope::Outcome;
use std::collections::{BTreeSet, HashMap};

/// Tags resolved at once.
const AT_ONCE: usize = 4;
/// One repository while it is read.
pub(crate) struct Repository<'a> {
    pub(crate) run: &'a Run,
    pub(crate) name: &'a str,
    /// Counts the calls of the scope `registry.images`.
    pub(crate) client: Client,
}

/// What the tags are and what the chosen ones name.
pub(crate) struct Listing {
    pub(crate) tags: Vec<String>,
    pub(crate) named: Vec<Named>,
    /// Tags that could not be resolved.
    problems: Vec<ReadError>,
}

/// What has been seen of the images so far.
#[derive(Default)]
pub(crate) struct Seen {
    pub(crate) images: Vec<SeenImage>,
    /// What tags name that is no image.
    pub(crate) artifacts: Vec<Artifact>,
    pub(crate) problems: Vec<ReadError>,
    /// Signatures of indexes, which their images share.
    of_indexes: HashMap<Digest, Result<Vec<Signature>, ReadError>>,
}

pub(crate) struct SeenImage {
    pub(crate) digest: Digest,
    pub(crate) tags: Vec<String>,
    pub(crate) index: Option<Digest>,
    pub(crate) platform: Option<String>,
    pub(crate) created: Option<String>,
}

/// A chart, a bill of materials, or whatever else a registry keeps.
pub(crate) struct Artifact {
    pub(crate) digest: Digest,
    pub(crate) tags: Vec<String>,
    /// Its media type.
    pub(crate) kind: String,
}

impl<'a> Repository<'a> {
    pub(crate) fn new(run: &'a Run, name: &'a str) -> Self {
        Self { run, name, client: run.client.counted() }
    }

    fn reader(&self) -> Reader<'_> {
        let run = self.run;
        Reader { client: &self.client, memory: &run.memory, layers: &run.layers, repository: self.name }
    }

    /// Reads it all; the scopes of the repository and of its images end here.
    pub(crate) async fn read(&self) -> Result<(), CollectError> {
        let client = self.run.client.counted();
        let limit = self.client.patience().repository;
        let late = || ReadError::Failed(format!("not finished after {} s", limit.as_secs()));
        let listed = tokio::time::timeout(limit, Box::pin(self.list(&client))).await;
        let listing = match listed.unwrap_or_else(|_| Err(late())) {
            Ok(listing) => listing,
            Err(ReadError::Closed) => return Err(CollectError::Cancelled),
            Err(error) => {
                let outcome = error.into_outcome();
                self.ended("registry.repository", outcome.clone(), client.calls()).await?;
                return self.ended("registry.images", outcome, self.client.calls()).await;
            }
        };
        let mut seen = Seen::default();
        let outcome = match tokio::time::timeout(limit, Box::pin(self.images(&listing, &mut seen))).await {
            Ok(Err(ReadError::Closed)) => return Err(CollectError::Cancelled),
            Ok(Err(error)) => error.into_outcome(),
            Ok(Ok(())) => outcome(listing.problems.iter().chain(&seen.problems)),
            Err(_) => late().into_outcome(),
        };
        let repository = resource::repository(&self.run.settings.host, self.name, &listing, &seen);
        self.run.send(Event::Resource(Box::new(repository))).await?;
        self.ended("registry.repository", Outcome::Complete, client.calls()).await?;
        self.ended("registry.images", outcome, self.client.calls()).await
    }

    async fn ended(&self, reader: &str, outcome: Outcome, api_calls: u32) -> Result<(), CollectError> {
        let scope = resource::key(&self.run.settings.host, self.name, reader);
        self.run.send(Event::Ended { scope, outcome, api_calls }).await
    }

    pub(crate) async fn note(&self, words: &str) -> Result<(), ReadError> {
        let note = Event::Note(format!("{}: {words}", self.name));
        self.run.send(note).await.map_err(|_| ReadError::Closed)
    }

    /// All tags, and the digests of those that the policy chooses.
    async fn list(&self, client: &Client) -> Result<Listing, ReadError> {
        let tags = client.tags(self.name).await?;
        let odd = tags.iter().filter(|tag| !tags::is_tag(tag)).count();
        if odd > 0 {
            self.note(&format!("{odd} tags have names that no registry may give, and are not read")).await?;
        }
        let mut problems = Vec::new();
        let named = match tags::choose(&self.run.settings.tags, &tags) {
            Chosen::These(chosen) => self.resolve(client, chosen, &mut problems).await?,
            Chosen::NewestOf { tags: mut candidates, count } => {
                if candidates.len() > CANDIDATES {
                    let words = format!("the newest are looked for among the last {CANDIDATES} in natural order");
                    self.note(&format!("{} tags: {words}", candidates.len())).await?;
                    candidates.truncate(CANDIDATES);
                }
                let named = self.resolve(client, candidates, &mut problems).await?;
                newest::choose(&self.reader(), named, count).await?
            }
        };
        Ok(Listing { tags, named, problems })
    }

    async fn resolve(
        &self,
        client: &Client,
        chosen: Vec<String>,
        problems: &mut Vec<ReadError>,
    ) -> Result<Vec<Named>, ReadError> {
        let asking: Vec<_> =
            chosen.into_iter().map(|tag| async move { (client.resolve(self.name, &tag).await, tag) }).collect();
        let mut answers = stream::iter(asking).buffered(AT_ONCE);
        let mut named = Vec::new();
        while let Some((answer, tag)) = answers.next().await {
            match answer {
                Ok(digest) => named.push(Named { tag, digest }),
                Err(ReadError::Closed) => return Err(ReadError::Closed),
                Err(ReadError::Missing(_)) => self.note(&format!("the tag {tag} is listed and names nothing")).await?,
                Err(error) => problems.push(error),
            }
        }
        Ok(named)
    }

    async fn images(&self, listing: &Listing, seen: &mut Seen) -> Result<(), ReadError> {
        let images = self.find(listing, seen).await?;
        let all_tags: BTreeSet<String> = listing.tags.iter().cloned().collect();
        for (digest, found) in images {
            self.image(&digest, found, &all_tags, seen).await?;
        }
        Ok(())
    }

    async fn image(
        &self,
        digest: &Digest,
        found: Found,
        all_tags: &BTreeSet<String>,
        seen: &mut Seen,
    ) -> Result<(), ReadError> {
        let Found { tags, index, content } = found;
        let Some(described) = self.describe(digest, content).await? else { return Ok(()) };
        let mut tags: Vec<String> = tags.into_iter().collect();
        // The first names the image, and a version says more than that it was the latest once.
        tags.sort_by(|one, other| (one == "latest").cmp(&(other == "latest")).then_with(|| tags::natural(other, one)));
        tags.truncate(resource::MOST);
        let signatures = self.signatures(digest, index.as_ref(), all_tags, seen).await;
        if matches!(signatures, Err(ReadError::Closed)) {
            return Err(ReadError::Closed);
        }
        let (platform, created) = (described.text("Platform"), described.text("Created"));
        let image = SeenImage {
            digest: digest.clone(),
            platform: platform.map(str::to_owned),
            created: created.map(str::to_owned),
            tags,
            index,
        };
        let resource = resource::image(&self.run.settings.host, self.name, &image, described, signatures);
        seen.images.push(image);
        self.run.send(Event::Resource(Box::new(resource))).await.map_err(|_| ReadError::Closed)
    }

    /// What an image is. None for one that is not wanted, and for one that an index names and the registry does not hold.
    async fn describe(&self, digest: &Digest, content: Content) -> Result<Option<Described>, ReadError> {
        let content = match content {
            Content::Unknown => match self.client.manifest(self.name, digest.as_str()).await {
                Ok(fetched) => match manifest::read(&fetched) {
                    Ok(Document::Artifact(_)) => return Ok(None),
                    Ok(Document::Index(_)) => Content::Unreadable("an index within an index is not read".to_owned()),
                    Ok(Document::Image(manifest)) => Content::Manifest(fetched.media_type, manifest),
                    Err(why) => Content::Unreadable(why),
                },
                Err(ReadError::Missing(_)) => {
                    self.note(&format!("{digest} is listed in an index and not in the registry")).await?;
                    return Ok(None);
                }
                Err(ReadError::Closed) => return Err(ReadError::Closed),
                Err(error) => return Ok(Some(Described::unread(&error.into_unread(self.name)))),
            },
            other => other,
        };
        let wanted = |platform: &str| self.run.settings.wants_platform(platform);
        match content {
            Content::Manifest(media_type, manifest) => {
                self.reader().describe(digest, &media_type, &manifest, wanted).await
            }
            Content::Known(described) => Ok(Some(described).filter(|d| d.text("Platform").is_none_or(wanted))),
            Content::Unreadable(why) => Ok(Some(Described::unread(&image::not_read(self.name, &why)))),
            Content::Unknown => Ok(None),
        }
    }

    /// The signatures of an image and of the index that lists it.
    async fn signatures(
        &self,
        digest: &Digest,
        index: Option<&Digest>,
        tags: &BTreeSet<String>,
        seen: &mut Seen,
    ) -> Result<Vec<Signature>, ReadError> {
        let search = Search { client: &self.client, repository: self.name, keys: &self.run.keys, tags };
        let mut found = search.of(digest, "image").await?;
        if let Some(index) = index {
            let known = match seen.of_indexes.get(index) {
                Some(known) => known.clone(),
                None => {
                    let read = search.of(index, "index").await;
                    seen.of_indexes.insert(index.clone(), read.clone());
                    read
                }
            };
            found.extend(known?);
        }
        Ok(found)
    }
}

/// How the scope of the images ended. What was refused weighs more than what failed, for somebody can grant it.
fn outcome<'e>(problems: impl Iterator<Item = &'e ReadError>) -> Outcome {
    let problems: Vec<&ReadError> = problems.collect();
    let denied = problems.iter().find(|problem| matches!(problem, ReadError::Denied { .. }));
    match (denied, problems.first()) {
        (Some(denied), _) => (**denied).clone().into_outcome(),
        (None, Some(first)) => Outcome::Failed { detail: format!("{} could not be read: {first}", problems.len()) },
        (None, None) => Outcome::Complete,
    }
}
