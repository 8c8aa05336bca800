//! What an API server has: its version, its groups, and which version of each resource.

use crate::api::{APIS, Api, Part, root};
use crate::client::{Ask, Client};
use crate::error::ReadError;
use serde::Deserialize;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// What there is.
#[derive(Debug)]
pub(crate) struct Discovered {
    pub(crate) version: Value,
    pub(crate) groups: Vec<String>,
    parts: HashMap<Part, Have>,
}

/// Whether an API server has a resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Have {
    /// In this version.
    Version(String),
    /// It has none, such as the Gateway API where nobody installed it.
    Absent,
    /// It could not be asked.
    Unknown(ReadError),
}

#[derive(Deserialize)]
struct Groups {
    #[serde(default)]
    groups: Vec<Group>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Group {
    name: String,
    #[serde(default)]
    versions: Vec<Version>,
    #[serde(default)]
    preferred_version: Option<Version>,
}

#[derive(Deserialize)]
struct Version {
    version: String,
}

#[derive(Deserialize)]
struct Resources {
    #[serde(default)]
    resources: Vec<Named>,
}

#[derive(Deserialize)]
struct Named {
    name: String,
}

impl Group {
    /// Its versions, the preferred one first.
    fn versions(&self) -> Vec<&str> {
        let preferred = self.preferred_version.iter();
        let mut seen = BTreeSet::new();
        preferred.chain(&self.versions).map(|v| v.version.as_str()).filter(|v| seen.insert(*v)).collect()
    }
}

impl Discovered {
    pub(crate) fn have(&self, part: Part) -> &Have {
        self.parts.get(&part).unwrap_or(&Have::Absent)
    }

    /// Asks for groups and for what is in those that we read.
    pub(crate) async fn of(client: &Client) -> Result<Self, ReadError> {
        let version = client.value("/version").await?;
        let body = client.body(Ask::of("/apis")).await?;
        let listed: Groups =
            serde_json::from_slice(&body).map_err(|_| ReadError::failed("the list of API groups makes no sense"))?;
        let mut parts = HashMap::new();
        let wanted: BTreeSet<&str> = APIS.iter().map(|api| api.group).collect();
        for group in wanted {
            let apis: Vec<&Api> = APIS.iter().filter(|api| api.group == group).collect();
            let versions = match listed.groups.iter().find(|known| known.name == group) {
                Some(known) => known.versions(),
                None if group.is_empty() => vec!["v1"],
                None => Vec::new(),
            };
            let found = resources(client, group, &versions, &apis).await;
            parts.extend(apis.iter().map(|api| (api.part, found.get(api.plural).cloned().unwrap_or(Have::Absent))));
        }
        let mut groups: Vec<String> = listed.groups.into_iter().map(|group| group.name).collect();
        groups.sort();
        Ok(Self { version, groups, parts })
    }

    /// Which of what we read this API server does not have, for a note.
    pub(crate) fn absent(&self) -> Vec<String> {
        let absent = APIS.iter().filter(|api| *self.have(api.part) == Have::Absent);
        absent.map(Api::resource).collect()
    }
}

/// In which of a group's versions each wanted resource is: the first that has it.
async fn resources(client: &Client, group: &str, versions: &[&str], apis: &[&Api]) -> BTreeMap<&'static str, Have> {
    let mut found = BTreeMap::new();
    for version in versions {
        if apis.iter().all(|api| matches!(found.get(api.plural), Some(Have::Version(_)))) {
            break;
        }
        let read = client.body(Ask::of(&root(group, version))).await.and_then(|body| {
            serde_json::from_slice::<Resources>(&body)
                .map_err(|_| ReadError::failed(format!("the list of what is in {group}/{version} makes no sense")))
        });
        match read {
            Ok(listed) => {
                let names: BTreeSet<&str> = listed.resources.iter().map(|named| named.name.as_str()).collect();
                for api in apis.iter().filter(|api| names.contains(api.plural)) {
                    let known = found.entry(api.plural).or_insert_with(|| Have::Version((*version).to_owned()));
                    if matches!(known, Have::Unknown(_)) {
                        *known = Have::Version((*version).to_owned());
                    }
                }
            }
            Err(ReadError::Missing(_)) => {}
            Err(error) => {
                for api in apis {
                    found.entry(api.plural).or_insert_with(|| Have::Unknown(error.clone()));
                }
            }
        }
    }
    found
}
