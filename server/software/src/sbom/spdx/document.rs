//! An SPDX document, whichever way it is written, and the bill that it is.

use crate::sbom::gathering::{Facts, Gathering, Notes, is_followed};
use crate::sbom::{Bill, Kind, MOST_COMPONENTS, Subject, Unreadable, purl};

/// The identifier that every document has.
pub(super) const DOCUMENT: &str = "SPDXRef-DOCUMENT";
/// The most subjects that are noted; a document with more than one has no single subject anyway.
const MOST_DESCRIBED: usize = 16;

#[derive(Debug, Default)]
pub(super) struct Document {
    pub(super) version: String,
    pub(super) name: String,
    pub(super) namespace: String,
    pub(super) created: String,
    pub(super) packages: Vec<Package>,
    pub(super) notes: Notes,
    pub(super) described: Described,
}

/// Identifiers of what a document describes.
#[derive(Debug, Default)]
pub(super) struct Described(Vec<String>);

impl Described {
    /// Takes a relationship, if it is one that says what the document describes.
    pub(super) fn relate(&mut self, from: &str, kind: &str, to: &str) {
        match kind {
            "DESCRIBES" if from == DOCUMENT => self.add(to),
            "DESCRIBED_BY" if to == DOCUMENT => self.add(from),
            _ => {}
        }
    }

    pub(super) fn add(&mut self, id: &str) {
        if self.0.len() < MOST_DESCRIBED && !self.0.iter().any(|known| known == id) {
            self.0.push(id.to_owned());
        }
    }

    pub(super) fn absorb(&mut self, other: Self) {
        other.0.iter().for_each(|id| self.add(id));
    }

    /// The one thing described; none when there are several.
    fn only(self) -> Option<String> {
        let mut all = self.0.into_iter();
        all.next().filter(|_| all.next().is_none())
    }
}

#[derive(Debug, Default)]
pub(super) struct Package {
    pub(super) id: String,
    pub(super) purpose: String,
    pub(super) facts: Facts,
}

impl Document {
    /// Takes a package.
    ///
    /// # Errors
    /// When there are too many: in words.
    pub(super) fn take(&mut self, package: Package) -> Result<(), String> {
        if self.packages.len() >= MOST_COMPONENTS {
            return Err(format!("more than {MOST_COMPONENTS} packages are listed"));
        }
        self.packages.push(package);
        Ok(())
    }

    /// The bill that this document is.
    ///
    /// # Errors
    /// When its version is not one we know.
    pub(super) fn into_bill(self) -> Result<Bill, Unreadable> {
        if !matches!(self.version.as_str(), "SPDX-2.2" | "SPDX-2.3") {
            let version = self.version.trim_start_matches("SPDX-").to_owned();
            return Err(Unreadable::Version { format: "SPDX", version, supported: "2.2 and 2.3" });
        }
        let mut found = Gathering::default();
        found.take_left_out(&self.notes);
        let only = self.described.only();
        let mut subject = Subject { name: self.name, ..Subject::default() };
        for package in self.packages {
            let is_subject = only.as_ref().is_some_and(|id| *id == package.id);
            if is_subject {
                subject = subject_of(&package);
            }
            keep(&mut found, package, is_subject).map_err(|error| Unreadable::Damaged(error.to_string()))?;
        }
        Ok(found.into_bill(subject, self.created, serial_of(&self.namespace)))
    }
}

fn subject_of(package: &Package) -> Subject {
    let kind = match package.purpose.as_str() {
        "CONTAINER" => Kind::Image,
        "DEVICE" | "OPERATING-SYSTEM" | "OPERATING_SYSTEM" | "FIRMWARE" => Kind::Host,
        _ => Kind::File,
    };
    Subject { name: package.facts.name.clone(), version: package.facts.version.clone(), kind }
}

/// Keeps a package for what it is. The subject is a component only when it is a package itself.
fn keep(found: &mut Gathering, package: Package, is_subject: bool) -> Result<(), crate::sbom::gathering::TooMany> {
    let followed = is_followed(package.facts.purl.as_deref());
    match package.purpose.as_str() {
        _ if is_subject && !followed => Ok(()),
        "OPERATING-SYSTEM" | "OPERATING_SYSTEM" if !followed => {
            let distribution = purl::distribution_of(&package.facts.name, &package.facts.version);
            found.distribution = found.distribution.take().or(Some(distribution));
            Ok(())
        }
        "FILE" if !followed => Ok(()),
        _ => found.take(package.facts),
    }
}

/// The UUID that a document's namespace ends in, if it does.
fn serial_of(namespace: &str) -> String {
    let tail = namespace.len().checked_sub(36).and_then(|start| namespace.get(start..)).unwrap_or_default();
    let dashes = [8, 13, 18, 23];
    let is_uuid = tail
        .bytes()
        .enumerate()
        .all(|(index, byte)| if dashes.contains(&index) { byte == b'-' } else { byte.is_ascii_hexdigit() });
    if is_uuid { tail.to_owned() } else { String::new() }
}

/// Takes a note of ours out of the text of an annotation: `plumbline:path=etc/x`.
pub(super) fn note(notes: &mut Notes, text: &str) {
    if let Some((name, value)) = text.split_once('=').filter(|(name, _)| name.starts_with("plumbline:")) {
        notes.take(name, value);
    }
}

/// A licence as SPDX states it; its words for "not stated" are none.
pub(super) fn stated(licence: Option<String>) -> Option<String> {
    licence.filter(|licence| !matches!(licence.as_str(), "" | "NOASSERTION" | "NONE"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_serial_is_the_uuid_that_a_namespace_ends_in() {
        let uuid = "3e671687-395b-41f5-a30f-a58921a69b79";
        assert_eq!(serial_of(&format!("urn:uuid:{uuid}")), uuid);
        assert_eq!(serial_of(&format!("https://example.org/api-{uuid}")), uuid);
        assert_eq!(serial_of("https://example.org/api"), "");
        assert_eq!(serial_of("é-395b-41f5-a30f-a58921a69b793e671687"), "");
    }
}
