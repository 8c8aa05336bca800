//! The catalogue of resource kinds: what a collector reads of each, and the permission that each attribute takes.
//!
//! One YAML file a service, in `kinds/<provider>/`. It is the contract between a collector, which fills attributes, the
//! checks, which name those they need, and the pages, which print the exact access policy.

use include_dir::{Dir, DirEntry, include_dir};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

static FILES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/kinds");

/// One kind of resource.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kind {
    /// `<provider>.<service>.<noun>`.
    pub kind: String,
    /// Singular, as shown to people: "S3 bucket".
    pub title: String,
    /// The reader, and so the scope, that lists it: `<service>.<what>`. Several kinds may come from one reader.
    pub reader: String,
    /// How often the reader runs.
    pub per: Per,
    /// The permissions that listing it takes; without any one of them the scope is denied.
    pub list: Vec<String>,
    /// Further attributes, each read by a call of its own that may be refused by itself: attribute → permission.
    #[serde(default)]
    pub details: BTreeMap<String, String>,
    /// Attributes that come with the listing.
    #[serde(default)]
    pub attributes: Vec<String>,
    /// Relations to other resources that the collector reports.
    #[serde(default)]
    pub edges: Vec<String>,
}

/// Whether a reader runs once in an account or once in each of its enabled regions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Per {
    Account,
    Region,
}

impl Kind {
    /// The permission that reads `attribute`, or none when the kind has no such attribute.
    #[must_use]
    pub fn permission_for(&self, attribute: &str) -> Option<&str> {
        self.details.get(attribute).map(String::as_str).or_else(|| {
            let listed = self.attributes.iter().any(|a| a == attribute);
            listed.then(|| self.list.first().map_or("", String::as_str))
        })
    }

    /// What it is read from, as a source's row names it. A kind that many providers have, such as `image`, is the one's
    /// whose reader lists it.
    #[must_use]
    pub fn provider(&self) -> &str {
        self.kind.split_once('.').map_or_else(|| self.service(), |(provider, _)| provider)
    }

    /// The service part of the reader.
    #[must_use]
    pub fn service(&self) -> &str {
        self.reader.split_once('.').map_or(self.reader.as_str(), |(service, _)| service)
    }
}

/// All kinds, by name.
#[derive(Debug, Clone, Default)]
pub struct Kinds(BTreeMap<String, Kind>);

/// A catalogue file that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KindError {
    #[error("{file}: {source}")]
    Syntax { file: String, source: serde_yaml_ng::Error },
    #[error("{file}: kind {kind} is declared twice")]
    Duplicate { file: String, kind: String },
}

impl Kinds {
    /// The catalogue that ships with the product.
    ///
    /// # Panics
    /// When an embedded file is not valid; a test reads them all.
    #[must_use]
    pub fn builtin() -> &'static Self {
        static BUILTIN: LazyLock<Kinds> = LazyLock::new(|| {
            let mut files = Vec::new();
            collect_yaml(&FILES, &mut files);
            #[expect(clippy::panic, reason = "the embedded catalogue is part of the program; a test reads it")]
            Kinds::parse(files).unwrap_or_else(|error| panic!("embedded kind catalogue: {error}"))
        });
        &BUILTIN
    }

    /// Reads catalogue files, given as (name, YAML text).
    ///
    /// # Errors
    /// When a file is not valid, or two declare one kind.
    pub fn parse<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Self, KindError> {
        let mut kinds = BTreeMap::new();
        for (file, text) in files {
            let listed: Vec<Kind> =
                serde_yaml_ng::from_str(text).map_err(|source| KindError::Syntax { file: file.to_owned(), source })?;
            for kind in listed {
                let name = kind.kind.clone();
                if kinds.insert(name.clone(), kind).is_some() {
                    return Err(KindError::Duplicate { file: file.to_owned(), kind: name });
                }
            }
        }
        Ok(Self(kinds))
    }

    #[must_use]
    pub fn get(&self, kind: &str) -> Option<&Kind> {
        self.0.get(kind)
    }

    pub fn iter(&self) -> impl Iterator<Item = &Kind> {
        self.0.values()
    }

    /// Every permission that reading all of a provider's takes, sorted.
    #[must_use]
    pub fn permissions(&self, provider: &str) -> BTreeSet<&str> {
        self.iter()
            .filter(|kind| kind.provider() == provider)
            .flat_map(|k| k.list.iter().chain(k.details.values()))
            .map(String::as_str)
            .collect()
    }
}

fn collect_yaml<'a>(dir: &'a Dir<'a>, files: &mut Vec<(&'a str, &'a str)>) {
    for entry in dir.entries() {
        match entry {
            DirEntry::Dir(below) => collect_yaml(below, files),
            DirEntry::File(file) => {
                if let (Some(name), Some(text)) = (file.path().to_str(), file.contents_utf8())
                    && name.ends_with(".yaml")
                {
                    files.push((name, text));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_embedded_kind_reads() {
        for kind in Kinds::builtin().iter() {
            assert!(
                ["aws", "docker", "host", "kubernetes", "registry", "sbom"].contains(&kind.provider()),
                "{} names its provider",
                kind.kind
            );
            assert!(!kind.list.is_empty(), "{} says which permission lists it", kind.kind);
            assert!(kind.reader.contains('.'), "{}: reader is <service>.<what>", kind.kind);
        }
    }
}
