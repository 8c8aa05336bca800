//! .NET: what a build put beside a program (`NAME.deps.json`), and what NuGet pins (`packages.lock.json`).
//!
//! A program that brings its own runtime names the runtime's package behind a mark, which is taken off: advisories for
//! .NET name that package.

use super::{file_name, json, tidy};
use crate::component::{Component, Type};
use crate::packages::{File, Unreadable};
use serde::Deserialize;
use std::collections::BTreeMap;

#[derive(Deserialize)]
struct Built {
    /// By `NAME/VERSION`.
    libraries: BTreeMap<String, Library>,
}

#[derive(Deserialize)]
struct Library {
    /// `package`, `runtimepack`, `project`, `reference`, …
    #[serde(rename = "type", default)]
    kind: String,
}

#[derive(Deserialize)]
struct Lock {
    /// By framework, then by name.
    dependencies: BTreeMap<String, BTreeMap<String, Locked>>,
}

#[derive(Deserialize)]
struct Locked {
    /// `Direct`, `Transitive`, `CentralTransitive`, `Project`.
    #[serde(rename = "type", default)]
    kind: String,
    #[serde(default)]
    resolved: String,
}

pub(super) fn wants_built(path: &str) -> bool {
    path.ends_with(".deps.json")
}

pub(super) fn read_built(file: File<'_>) -> Result<Vec<Component>, Unreadable> {
    let built: Built = json(file.bytes)?;
    let packages = built.libraries.iter().filter_map(|(key, library)| {
        let key = match library.kind.as_str() {
            "package" => key,
            "runtimepack" => key.strip_prefix("runtimepack.").unwrap_or(key),
            _ => return None,
        };
        let (name, version) = key.split_once('/').unwrap_or((key, ""));
        Some(Component::new(Type::Nuget, name, version, file.path))
    });
    tidy(packages)
}

pub(super) fn wants_lock(path: &str) -> bool {
    file_name(path) == "packages.lock.json"
}

pub(super) fn read_lock(file: File<'_>) -> Result<Vec<Component>, Unreadable> {
    let lock: Lock = json(file.bytes)?;
    let locked = lock.dependencies.into_values().flatten().filter(|(_, one)| one.kind != "Project");
    tidy(locked.map(|(name, one)| Component::new(Type::Nuget, name, one.resolved, file.path)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(listed: Result<Vec<Component>, Unreadable>) -> Vec<(String, String)> {
        listed.expect("readable").into_iter().map(|one| (one.name, one.version)).collect()
    }

    fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
        expected.iter().map(|(name, version)| ((*name).to_owned(), (*version).to_owned())).collect()
    }

    #[test]
    fn a_built_program_lists_packages_and_its_runtime_but_not_itself() {
        let text = r#"{"runtimeTarget":{"name":".NETCoreApp,Version=v8.0"},"targets":{".NETCoreApp,Version=v8.0":{}},
            "libraries":{"App/1.0.0":{"type":"project","serviceable":false,"sha512":""},
            "Newtonsoft.Json/13.0.1":{"type":"package","serviceable":true,"path":"newtonsoft.json/13.0.1"},
            "runtimepack.Microsoft.NETCore.App.Runtime.linux-x64/8.0.2":{"type":"runtimepack"}}}"#;
        let listed = names(read_built(File { path: "app/App.deps.json", bytes: text.as_bytes() }));
        assert_eq!(
            listed,
            pairs(&[("Microsoft.NETCore.App.Runtime.linux-x64", "8.0.2"), ("Newtonsoft.Json", "13.0.1")])
        );
    }

    #[test]
    fn a_lock_file_lists_packages_of_every_framework_once() {
        let text = r#"{"version":1,"dependencies":{
            "net6.0":{"Serilog":{"type":"Direct","requested":"[2.1.0, )","resolved":"2.1.0"},"mine":{"type":"Project"}},
            "net8.0":{"Serilog":{"type":"Direct","resolved":"2.1.0"},"Serilog.Core":{"type":"Transitive","resolved":"3.0.0"}}}}"#;
        let listed = names(read_lock(File { path: "packages.lock.json", bytes: text.as_bytes() }));
        assert_eq!(listed, pairs(&[("Serilog", "2.1.0"), ("Serilog.Core", "3.0.0")]));
    }

    #[test]
    fn another_document_is_unreadable() {
        assert!(read_built(File { path: "", bytes: b"{}" }).is_err());
        assert!(read_lock(File { path: "", bytes: b"[]" }).is_err());
    }
}
