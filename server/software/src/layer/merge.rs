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

#[cfg(test)]
mod tests {
    use super::super::fixture::{Tar, dpkg};
    use super::*;

    fn merged(layers: Vec<Tar>) -> Software {
        merge(&layers.into_iter().map(|layer| layer.read().unwrap()).collect::<Vec<_>>())
    }

    fn brought(software: &Software) -> Vec<(&str, &str, u32)> {
        software.components.iter().map(name_and_layer).collect()
    }

    fn name_and_layer(one: &Installed) -> (&str, &str, u32) {
        (&one.component.name, &one.component.version, one.layer)
    }

    #[test]
    fn a_component_is_of_the_layer_from_which_on_it_was_listed() {
        let software = merged(vec![
            Tar::default().dpkg(&[("bash", "5"), ("curl", "7"), ("gone", "1"), ("back", "1")]),
            Tar::default().dpkg(&[("bash", "5"), ("curl", "8"), ("gone", "1")]),
            Tar::default().file("app", 0o644, ""),
            Tar::default().dpkg(&[("bash", "5"), ("curl", "8"), ("back", "1"), ("nano", "1")]),
        ]);

        assert_eq!(brought(&software), [("back", "1", 3), ("bash", "5", 0), ("curl", "8", 1), ("nano", "1", 3)]);
    }

    #[test]
    fn a_database_that_was_gone_in_between_brings_all_anew() {
        let database = || Tar::default().dpkg(&[("bash", "5")]);
        let removed = merged(vec![database(), Tar::default().file("var/lib/.wh.dpkg", 0o644, ""), database()]);
        let opaque = merged(vec![database(), Tar::default().file("var/.wh..wh..opq", 0o644, ""), database()]);
        let at_once = merged(vec![database(), database().file("var/lib/.wh.dpkg", 0o644, "")]);

        assert_eq!(brought(&removed), [("bash", "5", 2)]);
        assert_eq!(brought(&opaque), [("bash", "5", 2)]);
        assert_eq!(brought(&at_once), [("bash", "5", 0)]);
    }

    #[test]
    fn what_an_upper_layer_hides_is_gone() {
        let lower = || Tar::default().dpkg(&[("bash", "5")]).file("usr/bin/su", 0o4755, "x");
        for (what, upper) in [
            ("files", Tar::default().file("var/lib/dpkg/.wh.status", 0o644, "").file("usr/bin/.wh.su", 0o644, "")),
            ("folders", Tar::default().file(".wh.var", 0o644, "").file("usr/.wh.bin", 0o644, "")),
            ("opaque", Tar::default().file("var/lib/.wh..wh..opq", 0o644, "").file("usr/.wh..wh..opq", 0o644, "")),
            ("root", Tar::default().file(".wh..wh..opq", 0o644, "")),
            ("links", Tar::default().symlink("var", "x").symlink("usr/bin", "x")),
            ("replaced", Tar::default().file("var/lib/dpkg/status", 0o644, "").file("usr/bin/su", 0o755, "x")),
            ("by folders", Tar::default().folder("var/lib/dpkg/status", 0o755).folder("usr/bin/su/", 0o755)),
        ] {
            let software = merged(vec![lower(), upper]);
            assert_eq!((software.components, software.privileged), (vec![], vec![]), "{what}");
        }

        let beside = Tar::default()
            .folder("var", 0o755)
            .folder("usr/bin", 0o755)
            .file("usr/bin/.wh.s", 0o644, "")
            .file("var/lib/dpkg/status/.wh..wh..opq", 0o644, "");
        let software = merged(vec![lower(), beside]);
        assert_eq!((software.components.len(), software.privileged.len()), (1, 1));
    }

    #[test]
    fn a_whiteout_concerns_lower_layers_only() {
        let software = merged(vec![
            Tar::default().file("a/old", 0o4755, ""),
            Tar::default().file("a/new", 0o4755, "").file("a/.wh..wh..opq", 0o644, "").file("a/.wh.new", 0o644, ""),
        ]);

        let left: Vec<_> = software.privileged.iter().map(|(layer, one)| (*layer, one.path.as_str())).collect();
        assert_eq!(left, [(1, "a/new")]);
    }

    /// A layer with a listing of one package.
    fn listing(path: &str, component: Component) -> Contents {
        let mut contents = Tar::default().file(path, 0o644, "").read().unwrap();
        contents.unreadable = Vec::new();
        contents.listings = vec![Listing { path: path.to_owned(), reader: String::new(), components: vec![component] }];
        contents
    }

    #[test]
    fn a_package_is_listed_once_though_two_databases_list_it() {
        let layer = |path| listing(path, Component::new(Type::Apk, "musl", "1.2.5-r0", path));
        let software = merge(&[layer("lib/apk/db/installed"), layer("usr/lib/apk/db/installed")]);

        assert_eq!(brought(&software), [("musl", "1.2.5-r0", 0)]);
    }

    #[test]
    fn a_database_that_moves_keeps_its_packages_layers() {
        let layer = |path| listing(path, Component::new(Type::Rpm, "bash", "5", path));
        let mut upper = layer("usr/lib/sysimage/rpm/rpmdb.sqlite");
        upper.removed = vec!["var/lib/rpm/Packages".to_owned()];
        let software = merge(&[layer("var/lib/rpm/Packages"), upper]);

        assert_eq!(brought(&software), [("bash", "5", 0)]);
        assert_eq!(software.components[0].component.path, "usr/lib/sysimage/rpm/rpmdb.sqlite");
    }

    #[test]
    fn databases_are_the_same_within_one_root_only() {
        let database = |path| database(&listing(path, Component::new(Type::Rpm, "x", "1", path)).listings[0]);

        assert_eq!(database("lib/apk/db/installed"), database("usr/lib/apk/db/installed"));
        assert_ne!(database("var/lib/rpm/Packages"), database("chroot/var/lib/rpm/Packages"));
        assert_ne!(database("var/lib/rpm/Packages"), database("xvar/lib/rpm/Packages"));
        assert_ne!(database("var/lib/dpkg/status.d/a"), database("var/lib/dpkg/status.d/b"));
    }

    #[test]
    fn a_language_package_counts_for_each_place() {
        let metadata = "Metadata-Version: 2.1\nName: six\nVersion: 1.16.0\n\n";
        let software = merged(vec![
            Tar::default().file("a/six-1.16.0.dist-info/METADATA", 0o644, metadata),
            Tar::default().file("b/six-1.16.0.dist-info/METADATA", 0o644, metadata),
        ]);

        assert_eq!(brought(&software), [("six", "1.16.0", 0), ("six", "1.16.0", 1)]);
    }

    #[test]
    fn the_distribution_is_the_administrators_word_first() {
        let lower = || Tar::default().file("etc/os-release", 0o644, "ID=debian\nVERSION_ID=11\n");
        let upper =
            |version| Tar::default().file("usr/lib/os-release", 0o644, format!("ID=debian\nVERSION_ID={version}\n"));

        let both = merged(vec![lower(), upper("12")]);
        let linked = merged(vec![lower(), upper("12"), upper("13").symlink("etc/os-release", "../usr/lib/os-release")]);
        let none = merged(vec![lower(), Tar::default().file("etc/.wh.os-release", 0o644, "")]);

        assert_eq!(both.distribution, Some(Distribution::new("debian", "11")));
        assert_eq!(linked.distribution, Some(Distribution::new("debian", "13")));
        assert_eq!(none.distribution, None);
    }

    #[test]
    fn a_secret_that_a_later_layer_removes_is_still_told() {
        let mut lower = Tar::default().file("root/.netrc", 0o600, "").file("kept", 0o600, "").read().unwrap();
        lower.secrets = ["root/.netrc", "kept"]
            .map(|path| FileSecret {
                path: path.to_owned(),
                kind: "password".to_owned(),
                line: 1,
                fingerprint: String::new(),
                test: false,
            })
            .into();
        let upper = Tar::default().file("root/.wh..netrc", 0o644, "").read().unwrap();

        let software = merge(&[lower, upper]);
        let told: Vec<_> =
            software.secrets.iter().map(|(layer, one, shows)| (*layer, one.path.as_str(), *shows)).collect();
        assert_eq!(told, [(0, "root/.netrc", false), (0, "kept", true)]);
    }

    #[test]
    fn software_is_the_same_after_it_was_kept() {
        let software = merged(vec![
            Tar::default().file("var/lib/dpkg/status", 0o644, dpkg(&[("bash", "5")])).file("a", 0o4755, ""),
        ]);

        assert_eq!(Software::unpack(&software.pack()).unwrap(), software);
        assert!(Software::unpack(b"something else").is_err());
    }
}
