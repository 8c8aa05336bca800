//! Lists a part to its end, a page at a time.

use crate::api::Part;
use crate::client::{Ask, Client, NAMES};
use crate::error::ReadError;
use crate::held::{Kept, Name, Place, fold};
use crate::pod::Sharing;
use crate::wire;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// How often a list is begun anew when the API server no longer has what it began with.
const ANEW: u32 = 3;
/// How often a page that makes no sense is asked for.
const TRIES: u32 = 3;

/// What was listed, and from where a watch goes on.
pub(crate) struct Listed {
    pub(crate) entries: BTreeMap<Name, Kept>,
    pub(crate) version: String,
}

/// Lists a part in a version of the API.
///
/// # Errors
/// When any page could not be read: then nothing is known.
pub(crate) async fn list(
    client: &Client,
    place: &Place,
    version: &str,
    sharing: &Mutex<Sharing>,
) -> Result<Listed, ReadError> {
    for _ in 0..ANEW {
        match whole(client, place, version, sharing).await {
            Err(ReadError::Gone) => {}
            other => return other,
        }
    }
    Err(ReadError::Gone)
}

async fn whole(
    client: &Client,
    (part, place): &Place,
    version: &str,
    sharing: &Mutex<Sharing>,
) -> Result<Listed, ReadError> {
    let path = part.api().path(version, place.as_deref());
    let most = client.patience().objects;
    let mut limit = page_size(*part, client.patience().page);
    let mut listed = Listed { entries: BTreeMap::new(), version: String::new() };
    let (mut next, mut tries) = (String::new(), 0);
    loop {
        let mut query = vec![("limit", limit.to_string())];
        if !next.is_empty() {
            query.push(("continue", next.clone()));
        }
        let accept = if *part == Part::CustomResources { NAMES } else { "application/json" };
        let body = match client.body(Ask { path: &path, query: &query, accept }).await {
            Err(ReadError::TooLong(_)) if limit > 1 => {
                limit = (limit / 10).max(1);
                continue;
            }
            other => other?,
        };
        let meta = {
            let mut sharing = sharing.lock().unwrap_or_else(PoisonError::into_inner);
            let mut each = |object| {
                let (name, kept) = fold(*part, version, &object, &mut sharing);
                listed.entries.insert(name, kept);
            };
            wire::page(*part, &body, &mut each)
        };
        match meta {
            Ok(meta) => {
                listed.version = meta.resource_version;
                next = meta.next;
                tries = 0;
            }
            Err(error) => {
                tries += 1;
                if tries >= TRIES {
                    return Err(ReadError::failed(format!("{path}: the list makes no sense: {error}")));
                }
                continue;
            }
        }
        if listed.entries.len() > most {
            return Err(ReadError::failed(format!("{path}: there are more than {most} objects")));
        }
        if next.is_empty() {
            return Ok(listed);
        }
    }
}

/// Settings may be a megabyte each.
fn page_size(part: Part, usual: u32) -> u32 {
    if matches!(part, Part::Secrets | Part::ConfigMaps) { usual.min(50) } else { usual }
}
