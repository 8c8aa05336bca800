//! PHP: what Composer installed, and what it pins.
//!
//! `installed.json` is a list in Composer 1 and an object with that list in Composer 2; `composer.lock` has the same, with
//! what only development needs apart, which is left out: where it is installed all the same, `installed.json` shows it.

use super::{file_name, is_under, json, tidy};
use crate::component::{Component, Type};
use crate::packages::{File, Unreadable};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(untagged)]
enum Listing {
    One(Vec<Package>),
    Two { packages: Vec<Package> },
}

#[derive(Deserialize)]
struct Package {
    name: String,
    #[serde(default)]
    version: String,
    #[serde(default)]
    license: serde_json::Value,
}

pub(super) fn wants_installed(path: &str) -> bool {
    path == "composer/installed.json" || path.ends_with("/composer/installed.json")
}

pub(super) fn wants_lock(path: &str) -> bool {
    file_name(path) == "composer.lock" && !is_under(path, "vendor")
}

pub(super) fn read(file: File<'_>) -> Result<Vec<Component>, Unreadable> {
    let (Listing::One(packages) | Listing::Two { packages }) = json(file.bytes)?;
    tidy(packages.into_iter().map(|package| component(package, file.path)))
}

fn component(package: Package, path: &str) -> Component {
    // A branch (`dev-main`) stays as it is: it has no place in the order of versions.
    let mut component = Component::new(Type::Composer, package.name.to_lowercase(), package.version, path);
    let words: Vec<&str> = match &package.license {
        serde_json::Value::Array(many) => many.iter().filter_map(|one| one.as_str()).collect(),
        other => other.as_str().into_iter().collect(),
    };
    component.licence = (!words.is_empty()).then(|| words.join(" OR "));
    component
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(text: &str) -> Vec<Component> {
        read(File { path: "vendor/composer/installed.json", bytes: text.as_bytes() }).expect("readable")
    }

    #[test]
    fn both_versions_of_the_list_are_read() {
        let package =
            r#"{"name":"Monolog/monolog","version":"2.9.1","version_normalized":"2.9.1.0","license":["MIT"]}"#;
        for text in [format!("[{package}]"), format!(r#"{{"packages":[{package}],"dev":true,"dev-package-names":[]}}"#)]
        {
            let one = listed(&text).remove(0);
            assert_eq!((one.name.as_str(), one.version.as_str()), ("monolog/monolog", "2.9.1"));
            assert_eq!(one.licence.as_deref(), Some("MIT"));
        }
    }

    #[test]
    fn a_lock_file_lists_what_runs() {
        let text =
            r#"{"packages":[{"name":"a/b","version":"dev-main"}],"packages-dev":[{"name":"a/test","version":"1.0"}]}"#;
        let names: Vec<_> = listed(text).into_iter().map(|one| (one.name, one.version)).collect();
        assert_eq!(names, [("a/b".to_owned(), "dev-main".to_owned())]);
    }

    #[test]
    fn another_document_is_unreadable() {
        assert!(read(File { path: "", bytes: b"{}" }).is_err());
        assert!(read(File { path: "", bytes: b"[{}]" }).is_err());
    }
}
