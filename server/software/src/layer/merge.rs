//! What layers come to when they lie one over another.

use super::contents::{Contents, Dropped, Executable, FileSecret, Listing, Privileged, Unread};
use super::written;
use crate::component::{Component, Type};
use crate::distribution::Distribution;
use serde::{Deserialize, Serialize};
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, HashMap};

/// What an image comes to. The numbers are layers' indexes, lowest first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Software {
    pub distribution: Option<Distribution>,
    pub components: Vec<Installed>,
    pub unreadable: Vec<(u32, Unread)>,
    pub privileged: Vec<(u32, Privileged)>,
    pub writable: Vec<(u32, Privileged)>,
    /// Of all layers, and whether the file is still visible in the image: who can pull the image can pull each layer.
    pub secrets: Vec<(u32, FileSecret, bool)>,
    pub executables: Vec<(u32, Executable)>,
    /// How many more its layers have than are kept.
    #[serde(default)]
    pub dropped: Dropped,
}

/// A component of an image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Installed {
    pub component: Component,
    /// The layer that brought it: the lowest from which on it was listed without a break.
    pub layer: u32,
}

/// What the layers come to, lowest first.
#[must_use]
pub fn merge(layers: &[Contents]) -> Software {
    let mut software = Software::default();
    let mut cover = Cover::default();
    let mut ends = HashMap::new();
    let mut releases: BTreeMap<&str, &Distribution> = BTreeMap::new();
    for (layer, contents) in numbered(layers).rev() {
        for listing in &contents.listings {
            ends.insert((layer, listing.path.as_str()), cover.end(&listing.path));
        }
        for (path, distribution) in &contents.distribution {
            if cover.end(path).is_none() {
                releases.insert(path, distribution);
            }
        }
        software.add(layer, contents, &cover);
        cover.add(layer, contents);
    }
    software.sort();
    // The administrator's comes first, and in the order of paths too.
    software.distribution = releases.into_values().next().cloned();
    software.components = components(layers, &ends);
    software
}

/// Layers with their indexes.
fn numbered(layers: &[Contents]) -> impl DoubleEndedIterator<Item = (u32, &Contents)> {
    layers.iter().enumerate().map(|(index, contents)| (u32::try_from(index).unwrap_or(u32::MAX), contents))
}

impl Software {
    /// Adds what is still to be seen of a layer under those that cover it.
    fn add(&mut self, layer: u32, contents: &Contents, cover: &Cover) {
        let shows = |path: &str| cover.end(path).is_none();
        let modes = |list: &[Privileged]| -> Vec<_> {
            list.iter().filter(|one| shows(&one.path)).map(|one| (layer, one.clone())).collect()
        };
        self.privileged.extend(modes(&contents.privileged));
        self.writable.extend(modes(&contents.writable));
        let unreadable = contents.unreadable.iter().filter(|one| shows(&one.path));
        self.unreadable.extend(unreadable.map(|one| (layer, one.clone())));
        let executables = contents.executables.iter().filter(|one| shows(&one.path));
        self.executables.extend(executables.map(|one| (layer, one.clone())));
        self.secrets.extend(contents.secrets.iter().map(|one| (layer, one.clone(), shows(&one.path))));
        self.dropped.add(contents.dropped);
    }

    /// Lowest layer first; within a layer the order stays.
    fn sort(&mut self) {
        self.unreadable.sort_by_key(|(layer, _)| *layer);
        self.privileged.sort_by_key(|(layer, _)| *layer);
        self.writable.sort_by_key(|(layer, _)| *layer);
        self.secrets.sort_by_key(|(layer, ..)| *layer);
        self.executables.sort_by_key(|(layer, _)| *layer);
    }
}

/// What upper layers hide of lower ones, by the hash of a path: the lowest of them that does.
#[derive(Default)]
struct Cover {
    /// What is written or removed. Where that is no folder, all that was below is gone too.
    whole: HashMap<u64, u32>,
    /// All below is gone.
    below: HashMap<u64, u32>,
}

impl Cover {
    /// Lays a layer over what comes next; layers come topmost first.
    fn add(&mut self, layer: u32, contents: &Contents) {
        self.whole.extend(contents.written.iter().map(|hash| (*hash, layer)));
        self.whole.extend(contents.removed.iter().map(|path| (written::of_file(path), layer)));
        self.below.extend(contents.opaque.iter().map(|path| (written::of_file(path), layer)));
    }

    /// The layer in which what is at a path ends; none when it is still there on top.
    fn end(&self, path: &str) -> Option<u32> {
        let hash = written::of_file(path);
        let at = [self.whole.get(&hash), self.whole.get(&written::of_folder(hash))];
        let above = folders(path).flat_map(|folder| {
            let hash = written::of_file(folder);
            [self.whole.get(&hash), self.below.get(&hash)]
        });
        at.into_iter().chain(above).flatten().min().copied()
    }
}

/// The folders that a path lies in, the root last.
fn folders(path: &str) -> impl Iterator<Item = &str> {
    let parents = std::iter::successors(Some(path), |path| path.rsplit_once('/').map(|(folder, _)| folder)).skip(1);
    parents.chain((!path.is_empty()).then_some(""))
}

/// What a component is the same by.
type Identity<'c> = (Type, &'c str, &'c str, Option<&'c str>);

fn identity(component: &Component) -> Identity<'_> {
    (component.kind, &component.name, &component.version, component.architecture.as_deref())
}

/// For each component of a database, the layer that brought it.
type Origins<'c> = HashMap<Identity<'c>, u32>;

/// The components that are still listed on top, each once, and with the layers that brought them. `ends` says for each
/// layer and path in which layer the listing there ends.
fn components(layers: &[Contents], ends: &HashMap<(u32, &str), Option<u32>>) -> Vec<Installed> {
    let mut kept: BTreeMap<(Identity<'_>, &str), (u32, &Component)> = BTreeMap::new();
    // What databases listed when a layer rewrote them, by that layer and the database.
    let mut before: HashMap<(u32, String), Origins<'_>> = HashMap::new();
    for (layer, contents) in numbered(layers) {
        for listing in &contents.listings {
            let origins = origins(listing, layer, &before);
            match ends.get(&(layer, listing.path.as_str())).copied().flatten() {
                None => listing.components.iter().for_each(|component| keep(&mut kept, component, &origins)),
                Some(end) => before.entry((end, database(listing))).or_default().extend(origins),
            }
        }
        before.retain(|(end, _), _| *end > layer);
    }
    let installed = |(layer, component): (u32, &Component)| Installed { component: component.clone(), layer };
    kept.into_values().map(installed).collect()
}

/// The layers that brought what is listed: those that are known from the listing that this one replaces, else this one.
fn origins<'c>(listing: &'c Listing, layer: u32, before: &HashMap<(u32, String), Origins<'_>>) -> Origins<'c> {
    let before = before.get(&(layer, database(listing)));
    let origin = |identity: &Identity<'_>| before.and_then(|origins| origins.get(identity)).copied().unwrap_or(layer);
    listing.components.iter().map(identity).map(|identity| (identity, origin(&identity))).collect()
}

/// Keeps a component once: of a distribution once in all, since its databases may be listed twice; of a language once for
/// each file, since it is installed in as many places. The lowest layer counts.
fn keep<'c>(
    kept: &mut BTreeMap<(Identity<'c>, &'c str), (u32, &'c Component)>,
    component: &'c Component,
    origins: &Origins<'_>,
) {
    let identity = identity(component);
    let Some(layer) = origins.get(&identity).copied() else { return };
    let path = if component.kind.is_of_distribution() { "" } else { component.path.as_str() };
    match kept.entry((identity, path)) {
        Entry::Vacant(place) => drop(place.insert((layer, component))),
        Entry::Occupied(mut place) if layer < place.get().0 => drop(place.insert((layer, component))),
        Entry::Occupied(_) => {}
    }
}

/// What a listing's database is the same by in other layers: its path; for rpm and apk its root, since theirs moves within
/// it with the distribution's release.
fn database(listing: &Listing) -> String {
    let folder = listing.path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let moving = [
        ("var/lib/rpm", "rpm"),
        ("usr/lib/sysimage/rpm", "rpm"),
        ("usr/share/rpm", "rpm"),
        ("usr/lib/apk/db", "apk"),
        ("lib/apk/db", "apk"),
    ];
    let root = |(place, name): (&str, &str)| {
        let root = folder.strip_suffix(place)?;
        (root.is_empty() || root.ends_with('/')).then(|| format!("{root}:{name}"))
    };
    moving.into_iter().find_map(root).unwrap_or_else(|| listing.path.clone())
}
