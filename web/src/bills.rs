//! Bills of materials that people hand in, and what was made of them.

use crate::call::{Call, ReadPosture, RunSource};
use crate::error::WebError;
use crate::form::{Form, Pressed};
use crate::frame::{Flash, Frame, Nav};
use crate::route::Route;
use crate::upload::{MOST_BYTES, Upload};
use crate::{fixes, sources, text, words};
use actix_web::web::Bytes;
use actix_web::{HttpResponse, web};
use askama::Template;
use chrono::{DateTime, Utc};
use plumbline_core::id::{BillId, ResourceId, SourceId};
use plumbline_core::role::Permission;
use plumbline_software::layer::{self, Installed, READER_VERSION, Software};
use plumbline_software::sbom::{self, Bill, Kind};
use plumbline_store::bill::{self, BillRow, NewBill, RegistryImage};
use plumbline_store::job::{self, Task};
use plumbline_store::{PageRequest, StoreError, memory};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::json;
use sha2::{Digest, Sha256};
use uuid::Uuid;

const PATH: &str = "/bills";
/// Names of entries that cannot be followed, of those that are kept.
const EXAMPLES: usize = 20;

pub(crate) fn routes() -> Vec<Route> {
    vec![Route::get("/bills", show), Route::post("/bills", hand_in), Route::post("/bills/{bill}/remove", take_away)]
}

#[derive(Template)]
#[template(path = "bills.html")]
struct Page {
    frame: Frame,
    may_hand_in: bool,
    most: usize,
    source: Option<String>,
    lines: Vec<Line>,
    next: Option<String>,
    typed: Typed,
    refused: Option<String>,
}

/// A bill, as a row.
struct Line {
    id: String,
    what: &'static str,
    name: String,
    version: String,
    /// What it tells of; none while a registry tells more.
    href: String,
    /// The registry's image that counts instead.
    instead: Option<(String, String)>,
    format: String,
    made: Option<String>,
    components: String,
    left_out: Option<String>,
    examples: Vec<String>,
    uploaded: String,
    machine_uploaded: String,
}

impl Line {
    fn of(row: &BillRow, source: SourceId, known: &[RegistryImage], now: DateTime<Utc>) -> Self {
        let better = known.iter().find(|image| layer::software_keys(&row.version).any(|key| key == image.software));
        let made = DateTime::parse_from_rfc3339(&row.made).map(|at| text::day(at.to_utc()));
        Self {
            id: row.bill_id.to_string(),
            what: if row.kind == "image" { "Image" } else { "Application" },
            name: row.name.clone(),
            version: row.version.clone(),
            href: format!("/resources/{}", ResourceId::derive(source, &row.uid())),
            instead: better.map(|image| (format!("/resources/{}", image.resource_id), image.source_name.clone())),
            format: row.format.clone(),
            made: made.ok(),
            components: text::number(row.components),
            left_out: (row.left_out > 0).then(|| text::number(row.left_out)),
            examples: row.examples.0.clone(),
            uploaded: text::ago(row.uploaded_at, now),
            machine_uploaded: text::machine(row.uploaded_at),
        }
    }
}

/// What was typed beside the document; what is left out is taken from it.
#[derive(Debug, Clone, Default, Deserialize)]
struct Typed {
    #[serde(default)]
    kind: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    version: String,
    /// The document as text, from those who send no file.
    #[serde(default)]
    document: String,
}

async fn show(mut call: Call<ReadPosture>) -> Result<HttpResponse, WebError> {
    let page = page(&mut call, Typed::default(), None).await?;
    call.page(&page)
}

async fn page<P>(call: &mut Call<P>, typed: Typed, refused: Option<String>) -> Result<Page, WebError> {
    let after = words::query(&call.visit().here).find(|(key, _)| key == "after").map(|(_, value)| value);
    let source = bill::source(&mut call.tx).await?;
    let (mut lines, mut next) = (Vec::new(), None);
    if let Some(source) = source {
        let found = bill::list(&mut call.tx, source, &PageRequest { after, size: 50 }).await?;
        let images = found.items.iter().filter(|row| row.kind == "image");
        let keys: Vec<String> = images.flat_map(|row| layer::software_keys(&row.version)).collect();
        let known = bill::registry_images(&mut call.tx, &keys).await?;
        lines = found.items.iter().map(|row| Line::of(row, source, &known, call.now)).collect();
        next = found.next.map(|after| format!("{PATH}?{}", fixes::pair("after", &after)));
    }
    Ok(Page {
        frame: call.frame(Nav::Sources),
        may_hand_in: call.may(Permission::RunSource),
        most: MOST_BYTES >> 20,
        source: source.map(sources::href),
        lines,
        next,
        typed,
        refused,
    })
}

async fn refuse(mut call: Call<RunSource>, typed: Typed, words: String) -> Result<HttpResponse, WebError> {
    let page = page(&mut call, typed, Some(words)).await?;
    call.visit().page_with(HttpResponse::UnprocessableEntity(), &page)
}

async fn hand_in(mut call: Call<RunSource>, form: Upload<Typed>) -> Result<HttpResponse, WebError> {
    let Upload { typed, file } = form;
    let document = if file.is_empty() { Bytes::from(typed.document.clone()) } else { file };
    let asked = typed.clone();
    let read = web::block(move || Read::of(&document, &asked)).await;
    let read = match read.map_err(|error| WebError::Internal(error.to_string()))? {
        Ok(read) => read,
        Err(words) => return refuse(call, typed, words).await,
    };
    let keys: Vec<String> = layer::software_keys(&read.bill.version).collect();
    let known = bill::registry_images(&mut call.tx, &keys).await?;
    if let Some(image) = known.first().filter(|_| read.bill.kind == "image") {
        let words = format!(
            "{} has this image as {}, and all that is in it was read from there. The document would tell its flaws twice.",
            image.source_name, image.name
        );
        return refuse(call, typed, words).await;
    }
    match keep(&mut call, &read).await {
        Err(WebError::Conflict(words)) => refuse(call, typed, words).await,
        other => {
            other?;
            call.done(PATH, Flash::good("The document is kept. What it lists is being judged.")).await
        }
    }
}

/// Keeps what was read, and has it judged.
async fn keep(call: &mut Call<RunSource>, read: &Read) -> Result<(), WebError> {
    let (mint, keyring, now) = (call.visit().state.mint.clone(), call.visit().state.keyring.clone(), call.now);
    let source = bill::source_or_new(&mut call.tx, &keyring, &mint).await?;
    memory::keep(&mut call.tx, &read.bill.software, &read.packed, now).await?;
    let person = call.actor.id;
    match bill::hand_in(&mut call.tx, source, &read.bill, person, &mint).await {
        Err(StoreError::Conflict(words)) => return Err(WebError::Conflict(words)),
        other => other?,
    }
    let object = format!("{} {}", read.bill.name, read.bill.version);
    let detail = json!({ "kind": read.bill.kind, "components": read.bill.components, "document": read.digest });
    call.record("bill.handed_in", object.trim_end(), detail).await?;
    Ok(job::enqueue(&mut call.tx, &Task::Collect { source_id: source }, now, &mint).await?)
}

async fn take_away(
    mut call: Call<RunSource>,
    id: web::Path<Uuid>,
    _form: Form<Pressed>,
) -> Result<HttpResponse, WebError> {
    let (now, mint) = (call.now, call.visit().state.mint.clone());
    let (source, of) = bill::take_away(&mut call.tx, BillId(*id), now).await?;
    call.record("bill.taken_away", &of, json!({})).await?;
    job::enqueue(&mut call.tx, &Task::Collect { source_id: source }, now, &mint).await?;
    call.done(PATH, Flash::good(format!("{of} is taken away. Its findings are resolved with the run that begins now.")))
        .await
}

/// A document that was understood.
struct Read {
    bill: NewBill,
    packed: Vec<u8>,
    /// Of the document, in hex.
    digest: String,
}

/// What tells the formats apart.
#[derive(Deserialize)]
struct Mark {
    #[serde(rename = "bomFormat")]
    cyclonedx: Option<IgnoredAny>,
}

impl Read {
    /// Reads a document, or says why not to whom handed it in. Takes a while for a large one.
    fn of(document: &[u8], typed: &Typed) -> Result<Self, String> {
        if document.is_empty() {
            return Err("Choose a document.".to_owned());
        }
        let read = sbom::read(document).map_err(|error| format!("The document cannot be read: {error}."))?;
        let is_cyclonedx = serde_json::from_slice::<Mark>(document).is_ok_and(|mark| mark.cyclonedx.is_some());
        let digest = format!("{:x}", Sha256::digest(document));
        let (kind, name, version) = subject(&read, typed)?;
        if read.components.is_empty() {
            return Err("The document lists nothing that can be followed: no entry has a package URL of a kind that \
                        advisories are known of."
                .to_owned());
        }
        let distribution = read.distribution.as_ref().map(|one| json!({ "id": one.id, "release": one.release }));
        let bill = NewBill {
            kind,
            name,
            version,
            format: if is_cyclonedx { "CycloneDX" } else { "SPDX" },
            made: read.created.chars().take(60).collect(),
            software: format!("{}{digest}/{READER_VERSION}", bill::KEYS),
            distribution,
            components: i64::try_from(read.components.len()).unwrap_or(i64::MAX),
            left_out: i64::try_from(read.left_out_total).unwrap_or(i64::MAX),
            examples: read.left_out.iter().take(EXAMPLES).map(|name| one_line(name)).collect(),
        };
        let installed = |entry: sbom::Entry| Installed { component: entry.component, layer: 0 };
        let software = Software {
            distribution: read.distribution,
            components: read.components.into_iter().map(installed).collect(),
            ..Software::default()
        };
        Ok(Self { bill, packed: software.pack(), digest })
    }
}

/// What a document is of: what was typed, else what it says itself.
fn subject(read: &Bill, typed: &Typed) -> Result<(&'static str, String, String), String> {
    let or = |typed: &str, own: &str| if typed.trim().is_empty() { one_line(own) } else { one_line(typed) };
    let (mut name, mut version) = (or(&typed.name, &read.subject.name), or(&typed.version, &read.subject.version));
    let is_image = match typed.kind.as_str() {
        "image" => true,
        "application" => false,
        _ => read.subject.kind == Kind::Image,
    };
    if let (true, Some((before, digest))) = (is_image, name.clone().split_once('@')) {
        (name, version) = (before.to_owned(), digest.to_owned());
    }
    if name.is_empty() {
        return Err("The document does not say what it is of: type its name.".to_owned());
    }
    if name.chars().count() > 255 || version.chars().count() > 255 {
        return Err("Name and version have at most 255 letters each.".to_owned());
    }
    if !is_image {
        return Ok(("application", name, version));
    }
    let is_digest = version.strip_prefix("sha256:").is_some_and(|hex| {
        hex.len() == 64 && hex.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
    });
    if !is_digest {
        return Err("An image is its digest: type it as sha256: and 64 digits.".to_owned());
    }
    Ok(("image", repository(&name)?, version))
}

/// `registry/repository` of an image's name, as the registry's own collector names it.
fn repository(name: &str) -> Result<String, String> {
    let (host, path) = match name.split_once('/') {
        Some((first, path)) if first.contains(['.', ':']) || first == "localhost" => (first.to_ascii_lowercase(), path),
        _ => ("docker.io".to_owned(), name),
    };
    let path = match path.rsplit_once(':') {
        Some((path, tag)) if !tag.contains('/') => path,
        _ => path,
    };
    let is_sound = |path: &str| !path.is_empty() && path.bytes().all(|byte| byte.is_ascii_graphic());
    if !is_sound(path) || !is_sound(&host) {
        return Err("An image's name is a registry and a repository, as in registry.example.com/shop/api.".to_owned());
    }
    let library = if host == "docker.io" && !path.contains('/') { "library/" } else { "" };
    Ok(format!("{host}/{library}{path}"))
}

/// Words of a document go into a row and a sentence.
fn one_line(text: &str) -> String {
    let line: String = text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect();
    line.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

    fn document(purl: &str) -> Vec<u8> {
        json!({
            "bomFormat": "CycloneDX", "specVersion": "1.5",
            "metadata": { "component": { "type": "application", "name": "till", "version": "2.0" } },
            "components": [{ "type": "library", "name": "x", "version": "1", "purl": purl }],
        })
        .to_string()
        .into_bytes()
    }

    fn typed(kind: &str, name: &str, version: &str) -> Typed {
        Typed { kind: kind.to_owned(), name: name.to_owned(), version: version.to_owned(), document: String::new() }
    }

    fn refused(document: &[u8], typed: &Typed) -> String {
        Read::of(document, typed).err().unwrap_or_default()
    }

    #[test]
    fn what_it_is_of_is_typed_or_said_by_the_document() {
        let document = document("pkg:npm/lodash@4.17.20");
        let read = Read::of(&document, &Typed::default()).unwrap();
        assert_eq!(
            (read.bill.kind, read.bill.name.as_str(), read.bill.version.as_str()),
            ("application", "till", "2.0")
        );
        assert_eq!((read.bill.format, read.bill.components), ("CycloneDX", 1));
        assert_eq!(Software::unpack(&read.packed).unwrap().components[0].component.name, "lodash");

        let whole = format!("Registry.example.com/shop/api@{DIGEST}");
        for typed in [typed("image", &whole, ""), typed("image", "registry.example.com/shop/api:1.2", DIGEST)] {
            let image = Read::of(&document, &typed).unwrap().bill;
            let is = (image.kind, image.name.as_str(), image.version.as_str());
            assert_eq!(is, ("image", "registry.example.com/shop/api", DIGEST));
        }
    }

    #[test]
    fn a_document_that_will_not_do_is_refused_in_words() {
        let good = document("pkg:npm/lodash@4.17.20");
        assert_eq!(refused(b"", &Typed::default()), "Choose a document.");
        assert!(refused(b"<bom/>", &Typed::default()).contains("XML is not read"));
        assert!(refused(b"{\"a\": 1}", &Typed::default()).contains("neither a CycloneDX nor an SPDX"));
        assert!(refused(&good[..good.len() - 9], &Typed::default()).contains("damaged"));
        assert!(refused(&document("pkg:swift/x@1"), &Typed::default()).contains("lists nothing that can be followed"));
        assert!(refused(&good, &typed("image", "registry.example.com/shop", "1.2")).contains("An image is its digest"));
        assert!(
            refused(&good, &typed("image", "registry.example.com/", DIGEST)).contains("a registry and a repository")
        );
        assert!(refused(&good, &typed("application", &"x".repeat(256), "")).contains("255 letters"));
    }

    #[test]
    fn names_of_docker_hub_are_whole() {
        assert_eq!(repository("nginx:1.27").as_deref(), Ok("docker.io/library/nginx"));
        assert_eq!(repository("team/tool").as_deref(), Ok("docker.io/team/tool"));
        assert_eq!(repository("localhost:5000/a:1").as_deref(), Ok("localhost:5000/a"));
    }
}
