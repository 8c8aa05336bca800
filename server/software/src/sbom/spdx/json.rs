//! SPDX in JSON, read package by package: of each only what is asked for is kept.

use super::document::{Described, Document, Package, note, stated};
use crate::sbom::Unreadable;
use crate::sbom::gathering::{Facts, Notes};
use serde::Deserialize;
use serde::de::{Deserializer, Error, SeqAccess, Visitor};
use std::fmt;
use std::marker::PhantomData;

/// Reads a document; its version is not looked at yet.
pub(super) fn read(text: &str) -> Result<Document, Unreadable> {
    let file: File = serde_json::from_str(text)?;
    let mut document = file.packages.unwrap_or_default().0;
    document.version = file.spdx_version.unwrap_or_default();
    document.name = file.name.unwrap_or_default();
    document.namespace = file.document_namespace.unwrap_or_default();
    document.created = file.creation_info.and_then(|info| info.created).unwrap_or_default();
    document.notes = file.annotations.unwrap_or_default().0;
    for described in [file.relationships, file.document_describes].into_iter().flatten() {
        document.described.absorb(described.0);
    }
    Ok(document)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct File {
    spdx_version: Option<String>,
    name: Option<String>,
    document_namespace: Option<String>,
    creation_info: Option<CreationInfo>,
    packages: Option<Folded<Document>>,
    relationships: Option<Folded<Described>>,
    document_describes: Option<Folded<Described>>,
    annotations: Option<Folded<Notes>>,
}

#[derive(Deserialize)]
struct CreationInfo {
    created: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Listed {
    #[serde(rename = "SPDXID")]
    id: Option<String>,
    name: Option<String>,
    version_info: Option<String>,
    primary_package_purpose: Option<String>,
    license_declared: Option<String>,
    license_concluded: Option<String>,
    external_refs: Option<Folded<Purl>>,
    annotations: Option<Folded<Notes>>,
}

impl Listed {
    fn into_package(self) -> Package {
        let facts = Facts {
            name: self.name.unwrap_or_default(),
            version: self.version_info.unwrap_or_default(),
            purl: self.external_refs.and_then(|refs| refs.0.0),
            licence: stated(self.license_declared).or_else(|| stated(self.license_concluded)),
            notes: self.annotations.unwrap_or_default().0,
        };
        let purpose = self.primary_package_purpose.unwrap_or_default();
        Package { id: self.id.unwrap_or_default(), purpose, facts }
    }
}

/// The package URL among the references of a package.
#[derive(Default)]
struct Purl(Option<String>);

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Reference {
    reference_type: Option<String>,
    reference_locator: Option<String>,
}

#[derive(Deserialize)]
struct Annotation {
    comment: Option<String>,
}

/// A relationship, or in the older list of what is described just an identifier.
#[derive(Deserialize)]
#[serde(untagged)]
enum Relation {
    Id(String),
    #[serde(rename_all = "camelCase")]
    Full {
        spdx_element_id: Option<String>,
        relationship_type: Option<String>,
        related_spdx_element: Option<String>,
    },
}

/// Something that a list is folded into as it is read, so that the list itself is never held.
trait Fold: Default {
    type Item: for<'de> Deserialize<'de>;

    fn fold(&mut self, item: Self::Item) -> Result<(), String>;
}

impl Fold for Document {
    type Item = Listed;

    fn fold(&mut self, item: Listed) -> Result<(), String> {
        self.take(item.into_package())
    }
}

impl Fold for Purl {
    type Item = Reference;

    fn fold(&mut self, item: Reference) -> Result<(), String> {
        if self.0.is_none() && item.reference_type.as_deref() == Some("purl") {
            self.0 = item.reference_locator;
        }
        Ok(())
    }
}

impl Fold for Notes {
    type Item = Annotation;

    fn fold(&mut self, item: Annotation) -> Result<(), String> {
        note(self, &item.comment.unwrap_or_default());
        Ok(())
    }
}

impl Fold for Described {
    type Item = Relation;

    fn fold(&mut self, item: Relation) -> Result<(), String> {
        match item {
            Relation::Id(id) => self.add(&id),
            Relation::Full { spdx_element_id, relationship_type, related_spdx_element } => self.relate(
                &spdx_element_id.unwrap_or_default(),
                &relationship_type.unwrap_or_default(),
                &related_spdx_element.unwrap_or_default(),
            ),
        }
        Ok(())
    }
}

/// A list, folded.
#[derive(Default)]
struct Folded<T>(T);

impl<'de, T: Fold> Deserialize<'de> for Folded<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(Elements(PhantomData))
    }
}

struct Elements<T>(PhantomData<T>);

impl<'de, T: Fold> Visitor<'de> for Elements<T> {
    type Value = Folded<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Folded<T>, A::Error> {
        let mut into = T::default();
        while let Some(item) = list.next_element::<T::Item>()? {
            into.fold(item).map_err(A::Error::custom)?;
        }
        Ok(Folded(into))
    }
}
