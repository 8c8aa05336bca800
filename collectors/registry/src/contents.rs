//! What an image's layers come to, as attributes.

use crate::manifest::Descriptor;
use plumbline_software::layer::{Contents, Software};
use serde_json::{Map, Value, json};

/// The most entries that are kept of a list that may be long. A list that is cut is never made empty by it.
const MOST: usize = 1_000;

/// The attribute `Layers`, lowest first. What is in a layer that could not be read is null.
pub(crate) fn layers(
    descriptors: &[Descriptor],
    makers: &[Option<String>],
    contents: &[Option<&Contents>],
    software: Option<&Software>,
) -> Value {
    let mut added = vec![0_u64; descriptors.len()];
    for installed in software.iter().flat_map(|software| &software.components) {
        if let Some(count) = usize::try_from(installed.layer).ok().and_then(|at| added.get_mut(at)) {
            *count += 1;
        }
    }
    let each = descriptors.iter().enumerate().map(|(at, layer)| {
        let read = contents.get(at).copied().flatten();
        json!({
            "digest": layer.digest,
            "size": layer.size,
            "mediaType": layer.media_type,
            "files": read.map(|contents| contents.files),
            "uncompressed": read.map(|contents| contents.uncompressed),
            "diffId": read.map(|contents| &contents.diff_id),
            "createdBy": makers.get(at).cloned().flatten(),
            "added": software.and_then(|_| added.get(at)),
        })
    });
    each.collect()
}

/// The attributes that tell what is in the image; `found` are the secrets of its configuration.
pub(crate) fn attributes(
    software: &Software,
    layers: &[Descriptor],
    key: &str,
    found: Vec<Value>,
) -> Map<String, Value> {
    let digest = |at: u32| usize::try_from(at).ok().and_then(|at| layers.get(at)).map(|layer| layer.digest.as_str());
    let privileged = software.privileged.iter().take(MOST).map(|(layer, file)| {
        json!({ "path": file.path, "mode": format!("{:04o}", file.mode & 0o7777), "layer": digest(*layer) })
    });
    let unreadable = software
        .unreadable
        .iter()
        .take(MOST)
        .map(|(layer, unread)| json!({ "path": unread.path, "why": unread.why, "layer": digest(*layer) }));
    let in_files = software.secrets.iter().map(|(layer, secret, visible)| {
        json!({
            "kind": secret.kind, "where": "file", "path": secret.path, "name": null, "line": secret.line,
            "fingerprint": secret.fingerprint, "layer": digest(*layer), "test": secret.test, "visible": visible,
        })
    });
    let secrets: Vec<Value> = found.into_iter().chain(in_files).take(MOST).collect();
    let distribution = software.distribution.as_ref().map(|one| json!({ "id": one.id, "release": one.release }));
    let pairs = [
        ("Secrets", Value::Array(secrets)),
        ("Distribution", distribution.unwrap_or_default()),
        ("PrivilegedFiles", privileged.collect()),
        ("Software", key.into()),
        ("ComponentCount", software.components.len().into()),
        ("Unreadable", unreadable.collect()),
    ];
    pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}
