//! The page of an image: its layers and what each brought, its components, what is wrong with it and what cures most.

pub(crate) mod components;
mod stack;

use crate::call::{Call, ReadPosture};
use crate::error::WebError;
use crate::fixes::FixLine;
use crate::frame::{Frame, Nav};
use crate::resource::Body;
use crate::tags::{self, Tags};
use crate::{text, words};
use actix_web::HttpResponse;
use askama::Template;
use chrono::DateTime;
use components::{Components, Query};
use plumbline_core::id::{ResourceId, SourceId};
use plumbline_store::resource::ResourceDetail;
use plumbline_store::{software, tag};
use serde_json::{Map, Value};
use stack::Stack;

pub(crate) async fn show(
    mut call: Call<ReadPosture>,
    found: &ResourceDetail,
    body: Body,
) -> Result<HttpResponse, WebError> {
    let id = ResourceId(found.resource_id);
    let key = found.attributes.0.get("Software").and_then(Value::as_str);
    let base = software::base_of(&mut call.tx, id).await?;
    let fixes = software::fixes_of(&mut call.tx, id).await?;
    let sums = match key {
        Some(key) => software::layer_sums(&mut call.tx, key).await?,
        None => Vec::new(),
    };
    let query = Query::parse(&call.visit().here);
    let components = match key {
        Some(key) => Some(Components::read(&mut call.tx, id, key, &query).await?),
        None => None,
    };
    let uid = format!("{}/{}", found.account, found.region);
    let repository = ResourceId::derive(SourceId(found.source_id), &uid);
    let digests = digests(&found.attributes.0);
    let stretches = tag::stretches(&mut call.tx, repository, &uid, Some(&digests), tags::SHOWN).await?;
    let catalogue = call.catalogue();
    let page = Page {
        frame: call.frame(Nav::Resources),
        head: Head::of(found),
        base: base.as_ref().map(|base| Base { id: base.resource_id.to_string(), name: base.name.clone() }),
        stack: Stack::of(&found.attributes.0, &sums, base.map_or(0, |base| base.layers)),
        fixes: fixes.iter().map(|row| FixLine::of(row, catalogue)).collect(),
        components,
        tags: Tags::of(&stretches, false, call.now),
        body,
    };
    call.page(&page)
}

#[derive(Template)]
#[template(path = "resources/image.html")]
struct Page {
    frame: Frame,
    body: Body,
    head: Head,
    base: Option<Base>,
    /// None when the layers were not read.
    stack: Option<Stack>,
    /// None when the software was not read.
    components: Option<Components>,
    fixes: Vec<FixLine>,
    /// Those that led to it, or to an index that lists it, and when.
    tags: Tags,
}

/// The image's own digest, and that of the index that lists it.
fn digests(attributes: &Map<String, Value>) -> Vec<String> {
    ["Digest", "Index"].iter().filter_map(|name| Some(attributes.get(*name)?.as_str()?.to_owned())).collect()
}

/// The image that it is built on.
struct Base {
    id: String,
    name: String,
}

/// What the registry says of the image.
struct Head {
    id: String,
    repository: String,
    tags: Vec<String>,
    digest: String,
    index: Option<String>,
    platform: Option<String>,
    created: Option<String>,
    size: Option<String>,
    distribution: Option<String>,
    components: Option<String>,
}

impl Head {
    fn of(found: &ResourceDetail) -> Self {
        let attributes = &found.attributes.0;
        let plain = |name: &str| attributes.get(name).and_then(Value::as_str).map(str::to_owned);
        let tags = attributes.get("Tags").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        Self {
            id: found.resource_id.to_string(),
            repository: format!("{}/{}", found.account, found.region),
            tags: tags.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
            digest: plain("Digest").unwrap_or_else(|| found.uid.clone()),
            index: plain("Index"),
            platform: plain("Platform"),
            created: plain("Created").map(|at| created(&at)),
            size: attributes.get("Size").and_then(Value::as_u64).map(size),
            distribution: attributes.get("Distribution").and_then(distribution),
            components: attributes
                .get("ComponentCount")
                .and_then(Value::as_i64)
                .map(|count| text::plural(count, "component")),
        }
    }
}

/// The instant at which an image says that it was made, or its words where they are none.
fn created(at: &str) -> String {
    DateTime::parse_from_rfc3339(at).map_or_else(|_| at.to_owned(), |at| text::when(at.to_utc()))
}

/// "Debian 12"; none where there is none.
fn distribution(value: &Value) -> Option<String> {
    let id = words::capital(value.get("id")?.as_str()?);
    let release = value.get("release").and_then(Value::as_str).unwrap_or_default();
    Some(format!("{id} {release}").trim_end().to_owned())
}

/// Bytes in their largest unit, by thousands as registries count them.
fn size(bytes: u64) -> String {
    let mut rest = bytes;
    let mut tenths = 0;
    for unit in ["bytes", "kB", "MB", "GB"] {
        if rest < 1000 {
            return if unit == "bytes" { format!("{rest} bytes") } else { format!("{rest}.{tenths} {unit}") };
        }
        tenths = rest % 1000 / 100;
        rest /= 1000;
    }
    format!("{rest}.{tenths} TB")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn sizes_are_in_their_largest_unit() {
        let sizes = [0, 999, 1000, 1_560_000, 29_123_456, 2_000_000_000, 7_300_000_000_000];
        assert_eq!(sizes.map(size), ["0 bytes", "999 bytes", "1.0 kB", "1.5 MB", "29.1 MB", "2.0 GB", "7.3 TB"]);
    }

    #[test]
    fn what_an_image_says_of_itself_is_read_with_care() {
        assert_eq!(created("2026-01-02T03:04:05.678+02:00"), "2 Jan 2026, 01:04 UTC");
        assert_eq!(created("long ago"), "long ago");
        assert_eq!(distribution(&json!({ "id": "debian", "release": "12" })).as_deref(), Some("Debian 12"));
        assert_eq!(distribution(&json!({ "id": "arch", "release": "" })).as_deref(), Some("Arch"));
        assert_eq!(distribution(&Value::Null), None);
    }
}
