//! Python: the metadata that an installer leaves beside a package.
//!
//! Wheels leave `NAME.dist-info/METADATA`, older installers `NAME.egg-info/PKG-INFO` or the same as a plain file
//! `NAME.egg-info`, and an unpacked egg `EGG-INFO/PKG-INFO`. All are headers as in mail
//! (<https://packaging.python.org/en/latest/specifications/core-metadata/>).

use super::file_name;
use crate::component::{Component, Type};
use crate::packages::{File, Unreadable};

/// The longest licence that is taken for an expression; some packages put the whole text there.
const LICENCE: usize = 100;

pub(super) fn wants(path: &str) -> bool {
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    let folder = file_name(folder);
    match name {
        "METADATA" => folder.ends_with(".dist-info"),
        "PKG-INFO" => folder.ends_with(".egg-info") || folder == "EGG-INFO",
        _ => name.len() > ".egg-info".len() && name.ends_with(".egg-info"),
    }
}

pub(super) fn read(file: File<'_>) -> Result<Vec<Component>, Unreadable> {
    // Descriptions, which follow, are sometimes in another encoding; they must not hide the package.
    let text = String::from_utf8_lossy(file.bytes);
    let headers = Headers::of(&text);
    let name = headers.first("Name").ok_or_else(|| Unreadable::new("the metadata names no package"))?;
    let version = headers.first("Version").unwrap_or_default();
    let mut component = Component::new(Type::Pypi, normalized(name), version, file.path);
    component.licence = headers.licence().map(str::to_owned);
    Ok(vec![component])
}

/// The lines before the first empty one.
struct Headers<'a>(Vec<(&'a str, &'a str)>);

impl<'a> Headers<'a> {
    fn of(text: &'a str) -> Self {
        let lines = text.trim_start_matches('\u{feff}').lines().take_while(|line| !line.trim().is_empty());
        let fields = lines.filter(|line| !line.starts_with([' ', '\t'])).filter_map(|line| line.split_once(':'));
        Self(fields.map(|(key, value)| (key.trim(), value.trim())).collect())
    }

    fn all(&self, key: &str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(one, _)| one.eq_ignore_ascii_case(key)).map(|(_, value)| *value)
    }

    fn first(&self, key: &str) -> Option<&'a str> {
        self.all(key).find(|value| !value.is_empty() && *value != "UNKNOWN")
    }

    /// The expression, else the free field where it is short, else the first classifier.
    fn licence(&self) -> Option<&'a str> {
        let classified = || self.all("Classifier").find_map(|one| one.strip_prefix("License :: "));
        self.first("License-Expression")
            .or_else(|| self.first("License").filter(|text| text.len() <= LICENCE))
            .or_else(|| classified().map(|one| one.rsplit(" :: ").next().unwrap_or(one)))
    }
}

/// The name as the index knows it (PEP 503): lower case, runs of `-`, `_` and `.` as one `-`.
fn normalized(name: &str) -> String {
    let mut normal = String::with_capacity(name.len());
    for letter in name.chars() {
        if !matches!(letter, '-' | '_' | '.') {
            normal.extend(letter.to_lowercase());
        } else if !normal.ends_with('-') {
            normal.push('-');
        }
    }
    normal
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(text: &str) -> Component {
        let file = File { path: "lib/x.dist-info/METADATA", bytes: text.as_bytes() };
        read(file).expect("readable").remove(0)
    }

    #[test]
    fn a_package_is_known_by_its_normalized_name_version_and_licence() {
        let one = listed("Metadata-Version: 2.4\nName: Zope._.Interface\nVersion: 8.7\nLicense-Expression: ZPL-2.1\n");
        assert_eq!((one.name.as_str(), one.version.as_str()), ("zope-interface", "8.7"));
        assert_eq!(one.licence.as_deref(), Some("ZPL-2.1"));
        assert_eq!(one.path, "lib/x.dist-info/METADATA");
    }

    #[test]
    fn the_description_is_no_header_and_its_encoding_does_not_matter() {
        let text = b"Name: six\r\nSummary: a\r\n  Version: 9\r\nVersion: 1.17.0\r\n\r\nName: other\r\n\xff\xfe";
        let one = read(File { path: "", bytes: text }).expect("readable").remove(0);
        assert_eq!((one.name.as_str(), one.version.as_str()), ("six", "1.17.0"));
    }

    #[test]
    fn a_licence_comes_from_the_first_field_that_states_it_briefly() {
        assert_eq!(listed("Name: a\nVersion: 1\nLicense: MIT\n").licence.as_deref(), Some("MIT"));
        let long =
            format!("Name: a\nLicense: {}\nClassifier: License :: OSI Approved :: BSD License\n", "x".repeat(200));
        assert_eq!(listed(&long).licence.as_deref(), Some("BSD License"));
        assert_eq!(listed("Name: a\nLicense: UNKNOWN\n").licence, None);
    }

    #[test]
    fn metadata_without_a_name_is_unreadable_and_without_a_version_unknown() {
        assert!(read(File { path: "", bytes: b"Version: 1\n\nName: late" }).is_err());
        assert_eq!(listed("Name: a\n").version, "");
    }

    #[test]
    fn only_metadata_of_installed_packages_is_wanted() {
        for path in
            ["p/a-1.dist-info/METADATA", "p/a.egg-info/PKG-INFO", "p/a-1-py3.egg-info", "a.egg/EGG-INFO/PKG-INFO"]
        {
            assert!(wants(path), "{path}");
        }
        for path in ["METADATA", "src/PKG-INFO", "p/a.dist-info/RECORD", ".egg-info"] {
            assert!(!wants(path), "{path}");
        }
    }
}
