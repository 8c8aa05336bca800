//! A bill as CycloneDX 1.6 JSON, component by component.

use crate::component::Component;
use crate::distribution::Distribution;
use crate::sbom::licence::{self, Statement};
use crate::sbom::{Bill, Entry, Kind, TOOL, TOOL_VERSION, purl};
use serde::{Serialize, Serializer};
use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::HashMap;
use std::io::{self, BufWriter, Write};

const SUBJECT: &str = "subject";
const DISTRIBUTION: &str = "distribution";

/// Writes a bill as CycloneDX 1.6 JSON. The order depends only on what the bill lists.
///
/// # Errors
/// When the destination refuses the bytes.
pub fn write(bill: &Bill, into: impl Write) -> io::Result<()> {
    let mut into = BufWriter::new(into);
    serde_json::to_writer(&mut into, &Document::of(bill))?;
    into.flush()
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Document<'a> {
    bom_format: &'static str,
    spec_version: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    serial_number: Option<String>,
    version: u32,
    metadata: Metadata<'a>,
    components: Components<'a>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    compositions: Vec<Composition>,
}

#[derive(Serialize)]
struct Metadata<'a> {
    #[serde(skip_serializing_if = "str::is_empty")]
    timestamp: &'a str,
    tools: Tools,
    component: Item<'a>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    properties: Vec<Property<'a>>,
}

#[derive(Serialize)]
struct Tools {
    components: [Tool; 1],
}

#[derive(Serialize)]
struct Tool {
    #[serde(rename = "type")]
    kind: &'static str,
    name: &'static str,
    version: &'static str,
}

/// That something is known to be missing.
#[derive(Serialize)]
struct Composition {
    aggregate: &'static str,
    assemblies: [&'static str; 1],
}

#[derive(Serialize)]
struct Item<'a> {
    #[serde(rename = "bom-ref")]
    reference: Cow<'a, str>,
    #[serde(rename = "type")]
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    group: Option<&'a str>,
    name: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    version: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    licenses: Option<[Choice<'a>; 1]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    purl: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    properties: Vec<Property<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
enum Choice<'a> {
    License(Named<'a>),
    Expression(&'a str),
}

#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
enum Named<'a> {
    Id(&'a str),
    Name(&'a str),
}

#[derive(Serialize)]
struct Property<'a> {
    name: &'static str,
    value: Cow<'a, str>,
}

impl<'a> Document<'a> {
    fn of(bill: &'a Bill) -> Self {
        let incomplete = Composition { aggregate: "incomplete", assemblies: [SUBJECT] };
        Self {
            bom_format: "CycloneDX",
            spec_version: "1.6",
            serial_number: (!bill.serial.is_empty()).then(|| format!("urn:uuid:{}", bill.serial)),
            version: 1,
            metadata: Metadata::of(bill),
            components: Components { bill, entries: bill.ordered() },
            compositions: if bill.left_out_total > 0 { vec![incomplete] } else { Vec::new() },
        }
    }
}

impl<'a> Metadata<'a> {
    fn of(bill: &'a Bill) -> Self {
        let mut properties: Vec<_> = bill.left_out.iter().map(|name| property("plumbline:left_out", name)).collect();
        if bill.left_out_total > 0 {
            let total = Cow::Owned(bill.left_out_total.to_string());
            properties.push(Property { name: "plumbline:left_out:total", value: total });
        }
        Self {
            timestamp: &bill.created,
            tools: Tools { components: [Tool { kind: "application", name: TOOL, version: TOOL_VERSION }] },
            component: Item::of_subject(bill),
            properties,
        }
    }
}

fn property<'a>(name: &'static str, value: &'a str) -> Property<'a> {
    Property { name, value: Cow::Borrowed(value) }
}

/// The list of components, made one at a time as it is written.
struct Components<'a> {
    bill: &'a Bill,
    entries: Vec<&'a Entry>,
}

impl Serialize for Components<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let distribution = self.bill.distribution.as_ref();
        let seen = RefCell::new(HashMap::new());
        let items = self.entries.iter().map(|entry| {
            let purl = entry.component.purl(distribution);
            Item::of_entry(entry, reference(&purl, &mut seen.borrow_mut()), purl)
        });
        serializer.collect_seq(distribution.map(Item::of_distribution).into_iter().chain(items))
    }
}

/// A reference that nothing else in the document has: the package URL, numbered when it was there before.
fn reference(purl: &str, seen: &mut HashMap<String, u32>) -> String {
    match seen.get_mut(purl) {
        Some(times) => {
            *times += 1;
            // Package URLs that we write have no subpath, so that no other one ends so.
            format!("{purl}#{times}")
        }
        None => {
            seen.insert(purl.to_owned(), 1);
            purl.to_owned()
        }
    }
}

impl<'a> Item<'a> {
    fn new(reference: impl Into<Cow<'a, str>>, kind: &'static str, name: &'a str, version: &'a str) -> Self {
        let reference = reference.into();
        Self { reference, kind, group: None, name, version, licenses: None, purl: None, properties: Vec::new() }
    }

    fn of_subject(bill: &'a Bill) -> Self {
        let kind = match bill.subject.kind {
            Kind::Image => "container",
            Kind::Host => "device",
            Kind::File => "file",
        };
        let mut item = Self::new(SUBJECT, kind, &bill.subject.name, &bill.subject.version);
        item.purl =
            (bill.subject.kind == Kind::Image).then(|| purl::of_image(&bill.subject.name, &bill.subject.version));
        item
    }

    fn of_distribution(distribution: &'a Distribution) -> Self {
        Self::new(DISTRIBUTION, "operating-system", &distribution.id, &distribution.release)
    }

    fn of_entry(entry: &'a Entry, reference: String, purl: String) -> Self {
        let component = &entry.component;
        let (group, name) = split(component);
        let mut item = Self::new(reference, "library", name, &component.version);
        item.group = group;
        item.purl = Some(purl);
        item.licenses = component.licence.as_deref().map(|licence| [choice(licence)]);
        item.properties = properties(entry);
        item
    }
}

/// Group and name, as the ecosystems that have groups write them.
fn split(component: &Component) -> (Option<&str>, &str) {
    use crate::component::Type;
    let halves = match component.kind {
        Type::Maven => component.name.split_once(':'),
        Type::Npm | Type::Composer => component.name.split_once('/'),
        _ => None,
    };
    halves.map_or((None, &component.name), |(group, name)| (Some(group), name))
}

fn choice(licence: &str) -> Choice<'_> {
    match licence::kind_of(licence) {
        Statement::Identifier => Choice::License(Named::Id(licence)),
        Statement::Expression => Choice::Expression(licence),
        Statement::Text => Choice::License(Named::Name(licence)),
    }
}

fn properties(entry: &Entry) -> Vec<Property<'_>> {
    entry.own_words().map(|(name, value)| property(name, value)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_never_given_twice() {
        let mut seen = HashMap::new();

        let given: Vec<_> = ["a", "b", "a", "a"].map(|purl| reference(purl, &mut seen)).to_vec();

        assert_eq!(given, ["a", "b", "a#2", "a#3"]);
    }
}
