//! From what a document says of an entry to a component, whatever the format.

use super::{Bill, Entry, LONGEST, MOST_COMPONENTS, MOST_LEFT_OUT, Subject, purl};
use crate::component::{Component, Source};
use crate::distribution::Distribution;

/// What is said of one entry.
#[derive(Debug, Default)]
pub(super) struct Facts {
    pub(super) name: String,
    pub(super) version: String,
    pub(super) purl: Option<String>,
    pub(super) licence: Option<String>,
    pub(super) notes: Notes,
}

/// What is said of an entry in the words of a tool: CycloneDX properties, SPDX annotations.
#[derive(Debug, Default)]
pub(super) struct Notes {
    layer: Option<String>,
    path: Option<String>,
    licence: Option<String>,
    source_name: Option<String>,
    source_version: Option<String>,
    source_release: Option<String>,
    source_epoch: Option<String>,
    left_out: Vec<String>,
    left_out_total: Option<String>,
}

impl Notes {
    /// Takes a note if its name is one we know: ours, or one of the common scanners'. The first of a name counts.
    pub(super) fn take(&mut self, name: &str, value: &str) {
        let place = match name {
            "plumbline:layer" | "aquasecurity:trivy:LayerDiffID" | "syft:location:0:layerID" => &mut self.layer,
            "plumbline:path" | "aquasecurity:trivy:FilePath" | "syft:location:0:path" => &mut self.path,
            "plumbline:licence" => &mut self.licence,
            "plumbline:source:name" | "aquasecurity:trivy:SrcName" => &mut self.source_name,
            "plumbline:source:version" | "aquasecurity:trivy:SrcVersion" => &mut self.source_version,
            "aquasecurity:trivy:SrcRelease" => &mut self.source_release,
            "aquasecurity:trivy:SrcEpoch" => &mut self.source_epoch,
            "plumbline:left_out:total" => &mut self.left_out_total,
            "plumbline:left_out" if self.left_out.len() < MOST_LEFT_OUT => return self.left_out.push(shortened(value)),
            _ => return,
        };
        if place.is_none() {
            *place = Some(value.to_owned());
        }
    }

    /// The source package, put together where a tool keeps epoch, version and release apart.
    fn source(&self) -> Option<Source> {
        let name = self.source_name.clone()?;
        let mut version = self.source_version.clone().unwrap_or_default();
        if let Some(release) = self.source_release.as_deref().filter(|release| !release.is_empty()) {
            version = format!("{version}-{release}");
        }
        if let Some(epoch) = self.source_epoch.as_deref().filter(|epoch| !matches!(*epoch, "" | "0")) {
            version = format!("{epoch}:{version}");
        }
        Some(Source { name, version })
    }
}

/// What was found in a document so far.
#[derive(Debug, Default)]
pub(super) struct Gathering {
    pub(super) components: Vec<Entry>,
    /// As the document says it.
    pub(super) distribution: Option<Distribution>,
    /// As the first package of a distribution says it.
    implied: Option<Distribution>,
    left_out: Vec<String>,
    left_out_total: usize,
}

/// The document lists more than is read.
#[derive(Debug, thiserror::Error)]
#[error("more than {MOST_COMPONENTS} components are listed")]
pub(super) struct TooMany;

impl Gathering {
    /// Takes an entry: as a component when we follow its kind, else as left out.
    ///
    /// # Errors
    /// When there are too many.
    pub(super) fn take(&mut self, facts: Facts) -> Result<(), TooMany> {
        if self.components.len() + self.left_out_total >= MOST_COMPONENTS {
            return Err(TooMany);
        }
        match entry_of(&facts) {
            Some((entry, distribution)) => {
                self.implied = self.implied.take().or(distribution);
                self.components.push(entry);
            }
            None => {
                self.leave_out(if facts.name.is_empty() { facts.purl.as_deref().unwrap_or("?") } else { &facts.name })
            }
        }
        Ok(())
    }

    fn leave_out(&mut self, name: &str) {
        self.left_out_total += 1;
        if self.left_out.len() < MOST_LEFT_OUT {
            self.left_out.push(shortened(name));
        }
    }

    /// Takes what an earlier export left out.
    pub(super) fn take_left_out(&mut self, notes: &Notes) {
        let stated = notes.left_out_total.as_deref().and_then(|total| total.parse::<usize>().ok()).unwrap_or_default();
        self.left_out_total = self.left_out_total.saturating_add(stated.max(notes.left_out.len()));
        let room = MOST_LEFT_OUT.saturating_sub(self.left_out.len());
        self.left_out.extend(notes.left_out.iter().take(room).cloned());
    }

    /// Takes what was found elsewhere in the document.
    ///
    /// # Errors
    /// When both together are too many.
    pub(super) fn absorb(&mut self, other: Self) -> Result<(), TooMany> {
        let total = self.left_out_total.saturating_add(other.left_out_total);
        if self.components.len() + other.components.len() > MOST_COMPONENTS {
            return Err(TooMany);
        }
        self.components.extend(other.components);
        self.distribution = self.distribution.take().or(other.distribution);
        self.implied = self.implied.take().or(other.implied);
        self.left_out_total = total;
        self.left_out.extend(other.left_out.into_iter().take(MOST_LEFT_OUT.saturating_sub(self.left_out.len())));
        Ok(())
    }

    /// The bill that this comes to.
    pub(super) fn into_bill(self, subject: Subject, created: String, serial: String) -> Bill {
        Bill {
            subject,
            created,
            serial,
            distribution: self.distribution.or(self.implied),
            components: self.components,
            left_out: self.left_out,
            left_out_total: self.left_out_total,
        }
    }
}

/// The component that an entry is, if it is one that we follow and none of its words is absurdly long.
fn entry_of(facts: &Facts) -> Option<(Entry, Option<Distribution>)> {
    let (mut component, distribution) = purl::parse(facts.purl.as_deref()?)?;
    if component.version.is_empty() {
        component.version.clone_from(&facts.version);
    }
    let notes = &facts.notes;
    component.source = notes.source().or(component.source);
    component.licence = notes.licence.clone().or_else(|| facts.licence.clone()).filter(|licence| fits(licence));
    component.path = notes.path.as_deref().unwrap_or_default().trim_start_matches('/').to_owned();
    let entry = Entry { component, layer: notes.layer.clone() };
    is_sound(&entry).then_some((entry, distribution))
}

fn is_sound(entry: &Entry) -> bool {
    let Component { name, version, source, path, .. } = &entry.component;
    let source = source.iter().flat_map(|source| [&source.name, &source.version]);
    [name, version, path].into_iter().chain(source).chain(&entry.layer).all(|text| fits(text))
}

/// Whether a text may be kept: bounded, and without the byte that databases refuse.
fn fits(text: &str) -> bool {
    text.len() <= LONGEST && !text.contains('\0')
}

/// A name, short enough for a list.
pub(super) fn shortened(name: &str) -> String {
    name.chars().filter(|letter| *letter != '\0').take(200).collect()
}

/// Whether a package URL names a kind of component that we follow.
pub(super) fn is_followed(purl: Option<&str>) -> bool {
    purl.and_then(purl::parse).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::component::Type;

    fn facts(purl: &str) -> Facts {
        Facts { name: "some".to_owned(), version: "1".to_owned(), purl: Some(purl.to_owned()), ..Facts::default() }
    }

    #[test]
    fn what_is_not_followed_is_counted_and_named() {
        let mut found = Gathering::default();

        found.take(facts("pkg:swift/example.org/some@1")).unwrap();
        found.take(Facts { name: "bare".to_owned(), ..Facts::default() }).unwrap();
        found.take(facts("pkg:npm/some")).unwrap();

        let bill = found.into_bill(Subject::default(), String::new(), String::new());
        assert_eq!((bill.left_out, bill.left_out_total), (vec!["some".to_owned(), "bare".to_owned()], 2));
        assert_eq!(bill.components.len(), 1);
    }

    #[test]
    fn a_scanners_notes_become_layer_path_and_source() {
        let mut facts = facts("pkg:deb/debian/libc6@2.36-9?distro=debian-12.5");
        for (name, value) in [
            ("aquasecurity:trivy:LayerDiffID", "sha256:aa"),
            ("aquasecurity:trivy:SrcName", "glibc"),
            ("aquasecurity:trivy:SrcVersion", "2.36"),
            ("aquasecurity:trivy:SrcRelease", "9"),
            ("aquasecurity:trivy:SrcEpoch", "1"),
            ("syft:location:0:path", "/var/lib/dpkg/status"),
            ("other:thing", "x"),
        ] {
            facts.notes.take(name, value);
        }

        let (entry, distribution) = entry_of(&facts).unwrap();

        let mut expected = Component::new(Type::Deb, "libc6", "2.36-9", "var/lib/dpkg/status");
        expected.source = Some(Source { name: "glibc".to_owned(), version: "1:2.36-9".to_owned() });
        assert_eq!(entry, Entry { component: expected, layer: Some("sha256:aa".to_owned()) });
        assert_eq!(distribution, Some(Distribution::new("debian", "12")));
    }

    #[test]
    fn an_absurd_version_is_left_out_rather_than_cut() {
        let mut long = facts("pkg:npm/some");
        long.version = "1".repeat(LONGEST + 1);

        assert!(entry_of(&long).is_none());
        assert!(entry_of(&facts("pkg:npm/some")).is_some());
    }
}
