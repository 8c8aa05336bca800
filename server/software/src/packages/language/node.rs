//! Node: the `package.json` of each package under `node_modules`.

use super::json;
use crate::component::{Component, Type};
use crate::packages::{File, Unreadable};
use serde::Deserialize;
use serde_json::Value;

/// What is read of a package's own description.
#[derive(Deserialize)]
struct Package {
    // Any value: a description with a wrong type in one of these is still a package.
    #[serde(default)]
    name: Value,
    #[serde(default)]
    version: Value,
    #[serde(default)]
    license: Value,
    #[serde(default)]
    licenses: Value,
}

pub(super) fn wants(path: &str) -> bool {
    path.strip_suffix("/package.json").and_then(folder_of).is_some()
}

pub(super) fn read(file: File<'_>) -> Result<Vec<Component>, Unreadable> {
    let package: Package = json(file.bytes)?;
    // The folder's name may be an alias, the description's is what the registry knows; one of the two there always is.
    let folder = file.path.strip_suffix("/package.json").and_then(folder_of).unwrap_or_default();
    let name = package.name.as_str().filter(|name| !name.is_empty()).unwrap_or(folder);
    let version = package.version.as_str().unwrap_or_default().trim().trim_start_matches(['v', '=']);
    let mut component = Component::new(Type::Npm, name, version, file.path);
    component.licence = licence(&package.license).or_else(|| licence(&package.licenses));
    Ok(vec![component])
}

/// The package that a folder holds: `NAME` or `@scope/NAME` right under the last `node_modules`.
pub(super) fn folder_of(folder: &str) -> Option<&str> {
    let inside = match folder.rfind("/node_modules/") {
        Some(at) => folder.get(at + "/node_modules/".len()..)?,
        None => folder.strip_prefix("node_modules/")?,
    };
    let parts = inside.split('/').count();
    let whole = if inside.starts_with('@') { parts == 2 } else { parts == 1 };
    (whole && !inside.is_empty() && !inside.starts_with('.')).then_some(inside)
}

/// A word, an object with a type, or a list of either.
fn licence(value: &Value) -> Option<String> {
    match value {
        Value::String(word) if !word.is_empty() => Some(word.clone()),
        Value::Object(fields) => fields.get("type")?.as_str().map(str::to_owned),
        Value::Array(many) => {
            let words: Vec<&str> =
                many.iter().filter_map(|one| one.as_str().or_else(|| one.get("type")?.as_str())).collect();
            (!words.is_empty()).then(|| words.join(" OR "))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(path: &str, text: &str) -> Component {
        read(File { path, bytes: text.as_bytes() }).expect("readable").remove(0)
    }

    #[test]
    fn a_package_is_what_its_own_description_says() {
        let one = listed(
            "node_modules/alias/package.json",
            r#"{"name":"left-pad","version":"1.3.0","main":"index.js","devDependencies":{"tape":"*"},"license":"WTFPL"}"#,
        );
        assert_eq!((one.name.as_str(), one.version.as_str()), ("left-pad", "1.3.0"));
        assert_eq!(one.licence.as_deref(), Some("WTFPL"));
    }

    #[test]
    fn a_description_without_name_or_version_is_a_package_of_unknown_version() {
        let one = listed("a/node_modules/@scope/b/package.json", r#"{"type":"module","version":3}"#);
        assert_eq!((one.name.as_str(), one.version.as_str()), ("@scope/b", ""));
        assert!(read(File { path: "node_modules/b/package.json", bytes: b"{" }).is_err());
    }

    #[test]
    fn old_forms_of_the_licence_are_understood() {
        let old = r#"{"name":"a","version":"1.0.0","licenses":[{"type":"MIT","url":"x"},{"type":"Apache-2.0"}]}"#;
        assert_eq!(listed("", old).licence.as_deref(), Some("MIT OR Apache-2.0"));
        assert_eq!(listed("", r#"{"name":"a","license":{"type":"ISC"}}"#).licence.as_deref(), Some("ISC"));
    }

    #[test]
    fn only_the_root_of_a_package_is_wanted() {
        for path in [
            "node_modules/a/package.json",
            "app/node_modules/@s/a/package.json",
            "node_modules/a/node_modules/b/package.json",
            "node_modules/.pnpm/a@1.0.0/node_modules/a/package.json",
        ] {
            assert!(wants(path), "{path}");
        }
        for path in [
            "package.json",
            "node_modules/a/dist/package.json",
            "node_modules/.cache/package.json",
            "node_modules/@s/package.json",
        ] {
            assert!(!wants(path), "{path}");
        }
    }
}
