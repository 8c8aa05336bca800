//! Node: what `package-lock.json` and `npm-shrinkwrap.json` pin, in all three versions of the format
//! (<https://docs.npmjs.com/cli/configuring-npm/package-lock-json>).
//!
//! Packages that only development needs are marked there and left out: where they are installed all the same,
//! `node_modules` shows them. So are links to folders beside the project, which are no packages of the registry.

use super::{add, file_name, is_under, json, node, tidy};
use crate::component::{Component, Type};
use crate::packages::{File, Unreadable};
use serde::Deserialize;
use std::collections::BTreeMap;

/// The file: `packages` since version 2, `dependencies` before (and beside it in version 2, saying the same).
#[derive(Deserialize)]
struct Lock {
    #[serde(rename = "lockfileVersion")]
    format: Option<u32>,
    packages: Option<BTreeMap<String, Placed>>,
    dependencies: Option<BTreeMap<String, Dependency>>,
}

/// A package by the folder that it is put in.
#[derive(Deserialize)]
struct Placed {
    /// Given where the folder's name is an alias.
    name: Option<String>,
    #[serde(default)]
    version: String,
    #[serde(default)]
    dev: bool,
    #[serde(default)]
    link: bool,
    license: Option<serde_json::Value>,
}

/// A package by name, with those that are put below it.
#[derive(Deserialize)]
struct Dependency {
    #[serde(default)]
    version: String,
    #[serde(default)]
    dev: bool,
    #[serde(default)]
    dependencies: BTreeMap<String, Dependency>,
}

pub(super) fn wants(path: &str) -> bool {
    matches!(file_name(path), "package-lock.json" | "npm-shrinkwrap.json") && !is_under(path, "node_modules")
}

pub(super) fn read(file: File<'_>) -> Result<Vec<Component>, Unreadable> {
    let lock: Lock = json(file.bytes)?;
    match (lock.packages, lock.dependencies) {
        (Some(packages), _) => tidy(packages.iter().filter_map(|(place, one)| placed(place, one, file.path))),
        (None, Some(dependencies)) => {
            let mut components = Vec::new();
            add_all(&dependencies, file.path, &mut components)?;
            tidy(components)
        }
        // A project without dependencies has neither.
        (None, None) if lock.format.is_some() => Ok(Vec::new()),
        (None, None) => Err(Unreadable::new("it has neither packages nor dependencies")),
    }
}

fn placed(place: &str, one: &Placed, path: &str) -> Option<Component> {
    // Other places are the project itself and its workspaces.
    let folder = node::folder_of(place)?;
    if one.dev || one.link {
        return None;
    }
    let mut component = Component::new(Type::Npm, one.name.as_deref().unwrap_or(folder), one.version.as_str(), path);
    component.licence = one.license.as_ref().and_then(|value| value.as_str()).map(str::to_owned);
    Some(component)
}

/// Nesting is bounded by the JSON reader, which stops at a depth of 128.
fn add_all(
    dependencies: &BTreeMap<String, Dependency>,
    path: &str,
    into: &mut Vec<Component>,
) -> Result<(), Unreadable> {
    for (name, one) in dependencies {
        if !one.dev && !one.version.starts_with("file:") {
            add(dependency(name, &one.version, path), into)?;
        }
        add_all(&one.dependencies, path, into)?;
    }
    Ok(())
}

/// `npm:NAME@VERSION` is an alias; an address of a repository or an archive says no version.
fn dependency(name: &str, version: &str, path: &str) -> Component {
    let alias = version.strip_prefix("npm:").and_then(|real| real.rsplit_once('@'));
    let (name, version) = alias.filter(|(name, _)| !name.is_empty()).unwrap_or((name, version));
    let version = if version.starts_with(|first: char| first.is_ascii_digit()) { version } else { "" };
    Component::new(Type::Npm, name, version, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(text: &str) -> Vec<(String, String)> {
        let listed = read(File { path: "app/package-lock.json", bytes: text.as_bytes() }).expect("readable");
        listed.into_iter().map(|one| (one.name, one.version)).collect()
    }

    fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
        expected.iter().map(|(name, version)| ((*name).to_owned(), (*version).to_owned())).collect()
    }

    #[test]
    fn version_three_lists_packages_by_folder() {
        let text = r#"{"name":"root","version":"1.0.0","lockfileVersion":3,"requires":true,"packages":{
            "":{"name":"root","version":"1.0.0","dependencies":{"left-pad":"^1.3.0"}},
            "node_modules/@types/estree":{"version":"1.0.5","dev":true,"license":"MIT"},
            "node_modules/alias-of-ms":{"name":"ms","version":"2.1.3","license":"MIT"},
            "node_modules/left-pad":{"version":"1.3.0"},
            "node_modules/left-pad/node_modules/@s/deep":{"version":"0.1.0"},
            "node_modules/mine":{"resolved":"packages/mine","link":true},
            "packages/mine":{"version":"9.9.9"}},
            "dependencies":{"ignored":{"version":"1.0.0"}}}"#;
        assert_eq!(listed(text), pairs(&[("@s/deep", "0.1.0"), ("left-pad", "1.3.0"), ("ms", "2.1.3")]));
    }

    #[test]
    fn version_one_nests_dependencies() {
        let text = r#"{"lockfileVersion":1,"dependencies":{
            "@types/estree":{"version":"1.0.5","dev":true},
            "alias-of-ms":{"version":"npm:ms@2.1.3"},
            "forked":{"version":"git+ssh://git@example.org/forked.git#abc"},
            "beside":{"version":"file:../beside"},
            "left-pad":{"version":"1.3.0","requires":{"x":"^1"},"dependencies":{"x":{"version":"1.0.1"}}}}}"#;
        assert_eq!(listed(text), pairs(&[("forked", ""), ("left-pad", "1.3.0"), ("ms", "2.1.3"), ("x", "1.0.1")]));
    }

    #[test]
    fn another_document_is_unreadable_and_an_empty_project_lists_nothing() {
        assert!(read(File { path: "", bytes: b"{}" }).is_err());
        assert!(read(File { path: "", bytes: b"<<<<<<< mine" }).is_err());
        assert_eq!(listed(r#"{"lockfileVersion":1}"#), []);
    }
}
