//! The three kinds of resource that a registry gives.

use crate::digest::Digest;
use crate::error::ReadError;
use crate::image::{self, Described};
use crate::newest::Named;
use crate::repository::{Listing, Seen, SeenImage};
use crate::signature::Signature;
use plumbline_core::resource::{Edge, Resource};
use plumbline_core::scope::ScopeKey;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// The most tags of an image, and tags and images of a repository, that their attributes list.
pub(crate) const MOST: usize = 1_000;

/// The scope of a repository's reader, or of the registry's (`global`).
pub(crate) fn key(host: &str, region: &str, reader: &str) -> ScopeKey {
    ScopeKey { account: host.to_owned(), region: region.to_owned(), reader: reader.to_owned() }
}

fn resource(scope: ScopeKey, kind: &str, uid: String, name: String, attributes: Map<String, Value>) -> Resource {
    Resource {
        region: scope.region.clone(),
        scope,
        kind: kind.to_owned(),
        uid,
        name,
        attributes,
        unread: BTreeMap::new(),
        tags: BTreeMap::new(),
        edges: Vec::new(),
    }
}

/// The registry itself.
pub(crate) fn registry(host: &str, attributes: Value) -> Resource {
    let attributes = if let Value::Object(attributes) = attributes { attributes } else { Map::new() };
    let scope = key(host, "global", "registry.registry");
    resource(scope, "registry.registry", host.to_owned(), host.to_owned(), attributes)
}

/// A repository, with what its tags lead to: images, and what is none (`artifact` then says what it is).
pub(crate) fn repository(host: &str, name: &str, listing: &Listing, seen: &Seen) -> Resource {
    let images = seen.images.iter().take(MOST).map(|image| {
        json!({
            "uid": image_uid(host, name, &image.digest),
            "digest": image.digest.as_str(),
            "tags": image.tags,
            "index": image.index.as_ref().map(Digest::as_str),
            "platform": image.platform,
            "created": image.created,
            "artifact": null,
        })
    });
    let artifacts = seen.artifacts.iter().take(MOST).map(|one| {
        json!({
            "uid": null, "digest": one.digest.as_str(), "tags": one.tags, "index": null, "platform": null,
            "created": null, "artifact": one.kind,
        })
    });
    let selected =
        listing.named.iter().take(MOST).map(|Named { tag, digest }| json!({ "tag": tag, "digest": digest.as_str() }));
    let instant = |text: &&str| chrono::DateTime::parse_from_rfc3339(text).ok();
    let newest = seen.images.iter().filter_map(|image| image.created.as_deref()).max_by_key(instant);
    let attributes = json!({
        "Repository": name,
        "Tags": listing.tags.iter().take(MOST).collect::<Vec<_>>(),
        "TagCount": listing.tags.len(),
        "SelectedTags": selected.collect::<Vec<_>>(),
        "Images": images.chain(artifacts).collect::<Vec<_>>(),
        "NewestCreated": newest,
    });
    let attributes = if let Value::Object(attributes) = attributes { attributes } else { Map::new() };
    let scope = key(host, name, "registry.repository");
    resource(scope, "registry.repository", repository_uid(host, name), name.to_owned(), attributes)
}

/// An image.
pub(crate) fn image(
    host: &str,
    repository: &str,
    image: &SeenImage,
    described: Described,
    signatures: Result<Vec<Signature>, ReadError>,
) -> Resource {
    let uid = image_uid(host, repository, &image.digest);
    let name = match image.tags.first() {
        Some(tag) => format!("{repository}:{tag}"),
        None => format!("{repository}@{}", image.digest.short()),
    };
    let mut attributes = described.attributes;
    attributes.extend(image::place(repository, &image.digest, &image.tags, image.index.as_ref()));
    let mut unread = described.unread;
    match signatures {
        Ok(found) => attributes.extend([("Signatures".to_owned(), json!(found))]),
        Err(error) => unread.extend([("Signatures".to_owned(), error.into_unread(repository))]),
    }
    let mut built = resource(key(host, repository, "registry.images"), "image", uid, name, attributes);
    built.unread = unread;
    built.edges.push(Edge::new("repository", repository_uid(host, repository)));
    built.edges.extend(image.index.as_ref().map(|index| Edge::new("index", image_uid(host, repository, index))));
    built
}

fn repository_uid(host: &str, repository: &str) -> String {
    format!("{host}/{repository}")
}

fn image_uid(host: &str, repository: &str, digest: &Digest) -> String {
    format!("{host}/{repository}@{digest}")
}
