//! Node: what `pnpm-lock.yaml` pins, versions 5 to 9 of the format.
//!
//! pnpm writes plain blocks of YAML, so the lines of the `packages` mapping are read as they stand: its keys name package
//! and version, in a form that depends on the format's version, and the few fields that matter are one level deeper.
//! Packages that only development needs are marked up to version 8 and left out, as in the lock files of npm.

use super::{file_name, is_under, text, tidy};
use crate::component::{Component, Type};
use crate::packages::{File, Unreadable};

pub(super) fn wants(path: &str) -> bool {
    file_name(path) == "pnpm-lock.yaml" && !is_under(path, "node_modules")
}

pub(super) fn read(file: File<'_>) -> Result<Vec<Component>, Unreadable> {
    let text = text(file.bytes)?;
    let format = text.lines().find_map(|line| line.strip_prefix("lockfileVersion:")).map(unquoted);
    let major = format.and_then(|format| format.split('.').next()).and_then(|major| major.parse::<u32>().ok());
    let Some(major @ 5..=9) = major else {
        return Err(Unreadable::new("it is no pnpm lock file of versions 5 to 9"));
    };
    tidy(entries(text).into_iter().filter_map(|entry| entry.component(major, file.path)))
}

/// One package of the mapping.
#[derive(Default)]
struct Entry<'a> {
    key: &'a str,
    name: Option<&'a str>,
    version: Option<&'a str>,
    dev: bool,
}

/// The entries of the mapping `packages`.
fn entries(text: &str) -> Vec<Entry<'_>> {
    let mut entries: Vec<Entry<'_>> = Vec::new();
    let mut inside = false;
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        let indent = line.len() - line.trim_start_matches(' ').len();
        match indent {
            0 => inside = line.trim_end() == "packages:",
            2 if inside => entries.extend(key(line.trim()).map(|key| Entry { key, ..Entry::default() })),
            4 if inside => {
                if let Some(entry) = entries.last_mut() {
                    entry.take(line.trim());
                }
            }
            _ => {}
        }
    }
    entries
}

/// The key of an entry; long ones stand behind a question mark, without the colon.
fn key(line: &str) -> Option<&str> {
    if let Some(long) = line.strip_prefix("? ") {
        return Some(unquoted(long));
    }
    let (key, _) = line.rsplit_once(':').filter(|(_, value)| value.is_empty() || *value == " {}")?;
    Some(unquoted(key)).filter(|key| !key.is_empty())
}

fn unquoted(value: &str) -> &str {
    value.trim().trim_matches(['\'', '"'])
}

impl<'a> Entry<'a> {
    fn take(&mut self, field: &'a str) {
        match field.split_once(": ") {
            Some(("name", value)) => self.name = Some(unquoted(value)),
            Some(("version", value)) => self.version = Some(unquoted(value)),
            Some(("dev", value)) => self.dev = value.trim() == "true",
            _ => {}
        }
    }

    fn component(&self, major: u32, path: &str) -> Option<Component> {
        if self.dev || self.key.contains("@file:") || self.key.contains("@link:") || self.key.starts_with("file:") {
            return None;
        }
        // What does not come from a registry is keyed by its address and has fields of its own.
        let (name, version) = if major == 5 { by_slash(self.key) } else { by_at(self.key) };
        let version = self.version.unwrap_or(version);
        let version = if version.starts_with(|first: char| first.is_ascii_digit()) { version } else { "" };
        Some(Component::new(Type::Npm, self.name.unwrap_or(name), version, path))
    }
}

/// Version 5: `/NAME/VERSION`, perhaps behind the registry's host and perhaps with `_PEERS` after it.
fn by_slash(key: &str) -> (&str, &str) {
    let path = key.split_once('/').map_or(key, |(_, path)| path);
    // Peers may hold slashes of their own, written as `+`, and scopes are the only other slash in a name.
    let scoped = path.starts_with('@');
    let mut slashes = path.match_indices('/').map(|(at, _)| at);
    let Some(end) = slashes.nth(usize::from(scoped)) else { return (path, "") };
    let rest = path.get(end + 1..).unwrap_or_default();
    (path.get(..end).unwrap_or(path), rest.split(['_', '(', '/']).next().unwrap_or(rest))
}

/// Since version 6: `NAME@VERSION`, up to version 8 behind a slash, perhaps with `(PEERS)` after it.
fn by_at(key: &str) -> (&str, &str) {
    let key = key.strip_prefix('/').unwrap_or(key);
    let key = key.split('(').next().unwrap_or(key);
    match key.char_indices().skip(1).find(|(_, letter)| *letter == '@') {
        Some((at, _)) => (key.get(..at).unwrap_or(key), key.get(at + 1..).unwrap_or_default()),
        None => (key, ""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listed(text: &str) -> Vec<(String, String)> {
        let listed = read(File { path: "app/pnpm-lock.yaml", bytes: text.as_bytes() }).expect("readable");
        listed.into_iter().map(|one| (one.name, one.version)).collect()
    }

    fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
        expected.iter().map(|(name, version)| ((*name).to_owned(), (*version).to_owned())).collect()
    }

    #[test]
    fn version_nine_keys_are_name_at_version() {
        let text = "lockfileVersion: '9.0'\n\nimporters:\n\n  .:\n    dependencies:\n      ms:\n        version: 2.1.3\n\n\
            packages:\n\n  '@scope/core@7.1.2':\n    resolution: {integrity: sha512-x}\n    engines: {node: '>=6'}\n\n\
            \u{20}\u{20}forked@https://example.org/forked.tar.gz:\n    resolution: {tarball: x}\n    version: 1.2.3\n\n\
            \u{20}\u{20}ms@2.1.3:\n    resolution: {integrity: sha512-y}\n\n  mine@file:mine:\n    resolution: {directory: mine}\n\n\
            snapshots:\n\n  ms@2.1.3: {}\n\n  other@1.0.0: {}\n";
        assert_eq!(listed(text), pairs(&[("@scope/core", "7.1.2"), ("forked", "1.2.3"), ("ms", "2.1.3")]));
    }

    #[test]
    fn version_six_keys_have_a_slash_and_peers_in_brackets() {
        let text = "lockfileVersion: '6.0'\n\npackages:\n\n  /@scope/core@7.1.2(ms@2.1.3):\n    dev: false\n\n\
            \u{20}\u{20}/tape@5.0.0:\n    resolution: {integrity: x}\n    dev: true\n\n  /ms@2.1.3:\n    dev: false\n";
        assert_eq!(listed(text), pairs(&[("@scope/core", "7.1.2"), ("ms", "2.1.3")]));
    }

    #[test]
    fn version_five_keys_are_paths_and_peers_follow_an_underscore() {
        let text = "lockfileVersion: 5.4\n\nspecifiers:\n  ms: ^2\n\npackages:\n\n  /@scope/core/7.1.2_ms@2.1.3+@a+b@1:\n    dev: false\n\n\
            \u{20}\u{20}/ms/2.1.3:\n    resolution: {integrity: x}\n    dev: false\n\n\
            \u{20}\u{20}github.com/someone/forked/0f3a:\n    name: forked\n    version: 0.2.0\n";
        assert_eq!(listed(text), pairs(&[("@scope/core", "7.1.2"), ("forked", "0.2.0"), ("ms", "2.1.3")]));
    }

    #[test]
    fn an_address_without_a_version_is_unknown_and_another_format_unreadable() {
        let text = "lockfileVersion: '9.0'\npackages:\n  a@https://example.org/a.tgz:\n    resolution: {tarball: x}\n";
        assert_eq!(listed(text), pairs(&[("a", "")]));
        assert!(read(File { path: "", bytes: b"lockfileVersion: '12.0'\n" }).is_err());
        assert!(read(File { path: "", bytes: b"packages:\n" }).is_err());
    }
}
