//! A bill as SPDX 2.3 JSON, package by package.

use crate::sbom::licence::{self, Statement};
use crate::sbom::{Bill, Entry, Kind, TOOL, TOOL_VERSION, purl};
use serde::{Serialize, Serializer};
use std::borrow::Cow;
use std::io::{self, BufWriter, Write};

use super::document::DOCUMENT;

const SUBJECT: &str = "SPDXRef-Subject";
const DISTRIBUTION: &str = "SPDXRef-Distribution";
const NOT_STATED: &str = "NOASSERTION";
const NAME_SHOWN: usize = 64;

/// Writes a bill as SPDX 2.3 JSON. The order depends only on what the bill lists.
///
/// # Errors
/// When the bill has no serial or its instant is not RFC 3339 in UTC, which SPDX requires; when the destination refuses
/// the bytes.
pub fn write(bill: &Bill, into: impl Write) -> io::Result<()> {
    let invalid = |why| io::Error::new(io::ErrorKind::InvalidInput, why);
    let created = whole_seconds(&bill.created).ok_or_else(|| invalid("the bill's instant is not RFC 3339 in UTC"))?;
    if bill.serial.is_empty() {
        return Err(invalid("the bill has no serial"));
    }
    let mut into = BufWriter::new(into);
    serde_json::to_writer(&mut into, &Document::of(bill, &created))?;
    into.flush()
}

/// An instant without its fraction of a second, as SPDX wants it: `2026-01-02T03:04:05Z`.
fn whole_seconds(instant: &str) -> Option<String> {
    let (seconds, rest) = instant.split_at_checked(19)?;
    let shape = |index: usize, byte: u8| match index {
        4 | 7 => byte == b'-',
        10 => byte == b'T',
        13 | 16 => byte == b':',
        _ => byte.is_ascii_digit(),
    };
    let zone = rest.trim_start_matches(|letter: char| letter == '.' || letter.is_ascii_digit());
    let fits = seconds.bytes().enumerate().all(|(index, byte)| shape(index, byte));
    (fits && matches!(zone, "Z" | "+00:00")).then(|| format!("{seconds}Z"))
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Document<'a> {
    spdx_version: &'static str,
    data_license: &'static str,
    #[serde(rename = "SPDXID")]
    id: &'static str,
    name: &'a str,
    document_namespace: String,
    creation_info: CreationInfo<'a>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    annotations: Vec<Annotation<'a>>,
    packages: Packages<'a>,
    relationships: Relationships<'a>,
}

#[derive(Serialize)]
struct CreationInfo<'a> {
    created: &'a str,
    creators: [String; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Annotation<'a> {
    annotation_date: &'a str,
    annotation_type: &'static str,
    annotator: String,
    comment: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Package<'a> {
    #[serde(rename = "SPDXID")]
    id: Cow<'static, str>,
    name: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    version_info: &'a str,
    download_location: &'static str,
    files_analyzed: bool,
    license_concluded: &'static str,
    license_declared: &'a str,
    copyright_text: &'static str,
    primary_package_purpose: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    external_refs: Vec<Reference>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    annotations: Vec<Annotation<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Reference {
    reference_category: &'static str,
    reference_type: &'static str,
    reference_locator: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Relationship {
    spdx_element_id: &'static str,
    relationship_type: &'static str,
    related_spdx_element: Cow<'static, str>,
}

impl<'a> Document<'a> {
    fn of(bill: &'a Bill, created: &'a str) -> Self {
        let entries = bill.ordered();
        Self {
            spdx_version: "SPDX-2.3",
            data_license: "CC0-1.0",
            id: DOCUMENT,
            name: named(&bill.subject.name),
            document_namespace: format!("urn:uuid:{}", bill.serial),
            creation_info: CreationInfo { created, creators: [signature()] },
            annotations: left_out(bill, created),
            relationships: Relationships { bill, entries: entries.clone() },
            packages: Packages { bill, entries, created },
        }
    }
}

fn signature() -> String {
    format!("Tool: {TOOL}-{TOOL_VERSION}")
}

/// A name, which SPDX requires.
fn named(name: &str) -> &str {
    if name.is_empty() { NOT_STATED } else { name }
}

fn annotation<'a>(date: &'a str, name: &str, value: &str) -> Annotation<'a> {
    Annotation {
        annotation_date: date,
        annotation_type: "OTHER",
        annotator: signature(),
        comment: format!("{name}={value}"),
    }
}

/// What could not be followed, so that a reader does not take the list for complete.
fn left_out<'a>(bill: &Bill, date: &'a str) -> Vec<Annotation<'a>> {
    if bill.left_out_total == 0 {
        return Vec::new();
    }
    let total = annotation(date, "plumbline:left_out:total", &bill.left_out_total.to_string());
    let names = bill.left_out.iter().map(|name| annotation(date, "plumbline:left_out", name));
    std::iter::once(total).chain(names).collect()
}

/// The list of packages, made one at a time as it is written.
struct Packages<'a> {
    bill: &'a Bill,
    entries: Vec<&'a Entry>,
    created: &'a str,
}

impl Serialize for Packages<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let distribution = self.bill.distribution.as_ref();
        let subject = Package::of_subject(self.bill);
        let system = distribution.map(|one| Package::new(DISTRIBUTION, &one.id, &one.release, "OPERATING-SYSTEM"));
        let packages = self.entries.iter().enumerate().map(|(index, entry)| {
            Package::of_entry(entry, id_of(index, entry), entry.component.purl(distribution), self.created)
        });
        serializer.collect_seq(std::iter::once(subject).chain(system).chain(packages))
    }
}

/// That the document describes its subject, and the subject contains the rest.
struct Relationships<'a> {
    bill: &'a Bill,
    entries: Vec<&'a Entry>,
}

impl Serialize for Relationships<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let relation =
            |from, kind, to| Relationship { spdx_element_id: from, relationship_type: kind, related_spdx_element: to };
        let describes = relation(DOCUMENT, "DESCRIBES", Cow::Borrowed(SUBJECT));
        let system = self.bill.distribution.as_ref().map(|_| Cow::Borrowed(DISTRIBUTION));
        let packages = self.entries.iter().enumerate().map(|(index, entry)| Cow::Owned(id_of(index, entry)));
        let contents = system.into_iter().chain(packages).map(|to| relation(SUBJECT, "CONTAINS", to));
        serializer.collect_seq(std::iter::once(describes).chain(contents))
    }
}

/// An identifier of the letters that SPDX permits, unique by its number and readable by its name.
fn id_of(index: usize, entry: &Entry) -> String {
    let name: String = entry
        .component
        .name
        .chars()
        .take(NAME_SHOWN)
        .map(|letter| if letter.is_ascii_alphanumeric() || matches!(letter, '.' | '-') { letter } else { '-' })
        .collect();
    format!("SPDXRef-{}-{}-{name}", index + 1, entry.component.kind.as_str())
}

impl<'a> Package<'a> {
    fn new(id: impl Into<Cow<'static, str>>, name: &'a str, version: &'a str, purpose: &'static str) -> Self {
        Self {
            id: id.into(),
            name: named(name),
            version_info: version,
            download_location: NOT_STATED,
            files_analyzed: false,
            license_concluded: NOT_STATED,
            license_declared: NOT_STATED,
            copyright_text: NOT_STATED,
            primary_package_purpose: purpose,
            external_refs: Vec::new(),
            annotations: Vec::new(),
        }
    }

    fn of_subject(bill: &'a Bill) -> Self {
        let subject = &bill.subject;
        let purpose = match subject.kind {
            Kind::Image => "CONTAINER",
            Kind::Host => "DEVICE",
            Kind::File => "FILE",
        };
        let mut package = Self::new(SUBJECT, &subject.name, &subject.version, purpose);
        if subject.kind == Kind::Image {
            package.external_refs.push(reference(purl::of_image(&subject.name, &subject.version)));
        }
        package
    }

    fn of_entry(entry: &'a Entry, id: String, purl: String, date: &'a str) -> Self {
        let component = &entry.component;
        let mut package = Self::new(id, &component.name, &component.version, "LIBRARY");
        package.external_refs.push(reference(purl));
        package.annotations = notes(entry, date);
        if let Some(licence) = component.licence.as_deref() {
            match licence::kind_of(licence) {
                Statement::Identifier | Statement::Expression => package.license_declared = licence,
                Statement::Text => package.annotations.push(annotation(date, "plumbline:licence", licence)),
            }
        }
        package
    }
}

fn reference(purl: String) -> Reference {
    Reference { reference_category: "PACKAGE-MANAGER", reference_type: "purl", reference_locator: purl }
}

fn notes<'a>(entry: &Entry, date: &'a str) -> Vec<Annotation<'a>> {
    entry.own_words().map(|(name, value)| annotation(date, name, value)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_is_cut_to_whole_seconds_and_must_be_in_utc() {
        assert_eq!(whole_seconds("2026-01-02T03:04:05.678901Z").as_deref(), Some("2026-01-02T03:04:05Z"));
        assert_eq!(whole_seconds("2026-01-02T03:04:05+00:00").as_deref(), Some("2026-01-02T03:04:05Z"));
        for wrong in ["", "2026-01-02", "2026-01-02T03:04:05", "2026-01-02T03:04:05+02:00", "2026-01-02 03:04:05Z"] {
            assert_eq!(whole_seconds(wrong), None, "{wrong}");
        }
    }
}
