//! What all resources of an engine have: their uids, and attributes that may be too much to keep.

use crate::text::member;
use plumbline_core::resource::{Resource, Unread};
use plumbline_core::scope::ScopeKey;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// The engine that everything else belongs to.
#[derive(Debug, Clone)]
pub(crate) struct Engine {
    pub(crate) id: String,
}

impl Engine {
    pub(crate) fn scope(&self, reader: &str) -> ScopeKey {
        ScopeKey { account: self.id.clone(), region: "global".to_owned(), reader: reader.to_owned() }
    }

    pub(crate) fn uid(&self) -> String {
        format!("docker://{}", self.id)
    }

    /// The uid of a part of the engine: `containers`, `images`, `networks`, `volumes`.
    pub(crate) fn uid_of(&self, sort: &str, name: &str) -> String {
        format!("docker://{}/{sort}/{name}", self.id)
    }

    pub(crate) fn resource(&self, reader: &str, kind: &str, uid: String, name: &str) -> Resource {
        Resource {
            scope: self.scope(reader),
            kind: kind.to_owned(),
            uid,
            name: name.to_owned(),
            region: "global".to_owned(),
            attributes: Map::new(),
            unread: BTreeMap::new(),
            tags: BTreeMap::new(),
            edges: Vec::new(),
        }
    }
}

/// Sets these attributes from the members of an object; one that is absurdly large is unread, for its call's permission.
pub(crate) fn set(resource: &mut Resource, of: &Value, names: &[&str], permission: &str) {
    for &name in names {
        match member(of, name) {
            Ok(value) => {
                resource.attributes.insert(name.to_owned(), value);
            }
            Err(detail) => {
                miss(resource, &[name], &Unread { permission: permission.to_owned(), denied: false, detail })
            }
        }
    }
}

/// Says of these attributes why they are not there.
pub(crate) fn miss(resource: &mut Resource, names: &[&str], why: &Unread) {
    for &name in names {
        resource.attributes.remove(name);
        resource.unread.insert(name.to_owned(), why.clone());
    }
}

/// Labels as tags; what is no text is left out.
pub(crate) fn labels(of: &Value) -> BTreeMap<String, String> {
    let members = of.as_object().into_iter().flatten().take(crate::text::MOST);
    members.filter_map(|(name, value)| Some((crate::text::cut(name), crate::text::safe(value.as_str()?)))).collect()
}
