//! CycloneDX JSON, read entry by entry: of each only what is asked for is kept.

use crate::sbom::gathering::{Facts, Gathering, Notes, is_followed};
use crate::sbom::{Bill, Kind, Subject, Unreadable, purl, text_of};
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::fmt;

/// How deep components may stand inside components.
const DEEPEST: u32 = 32;
const SUPPORTED: &str = "1.2 to 1.7";

/// Reads a CycloneDX document in JSON. Components inside components are listed beside them; files are no packages and not
/// listed.
///
/// # Errors
/// When it is too large, no CycloneDX JSON of a version we know, damaged, or lists too many components.
pub fn read(bytes: &[u8]) -> Result<Bill, Unreadable> {
    let document: Document = serde_json::from_str(text_of(bytes)?)?;
    if document.bom_format.as_deref() != Some("CycloneDX") {
        return Err(Unreadable::Format("no CycloneDX document".to_owned()));
    }
    let version = document.spec_version.unwrap_or_default();
    if !matches!(version.as_str(), "1.2" | "1.3" | "1.4" | "1.5" | "1.6" | "1.7") {
        return Err(Unreadable::Version { format: "CycloneDX", version, supported: SUPPORTED });
    }
    let metadata = document.metadata.unwrap_or_default();
    let mut found = document.components.unwrap_or_default().0;
    found.take_left_out(&metadata.properties.unwrap_or_default().0);
    let subject = metadata.component.map_or_else(|| Ok(Subject::default()), |root| root.into_subject(&mut found))?;
    let serial = document.serial_number.unwrap_or_default();
    let serial = serial.strip_prefix("urn:uuid:").unwrap_or(&serial).to_owned();
    Ok(found.into_bill(subject, metadata.timestamp.unwrap_or_default(), serial))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    bom_format: Option<String>,
    spec_version: Option<String>,
    serial_number: Option<String>,
    metadata: Option<Metadata>,
    components: Option<Listed>,
}

#[derive(Default, Deserialize)]
struct Metadata {
    timestamp: Option<String>,
    component: Option<Root>,
    properties: Option<Properties>,
}

/// What the document is about.
#[derive(Deserialize)]
struct Root {
    #[serde(rename = "type")]
    kind: Option<String>,
    group: Option<String>,
    name: Option<String>,
    version: Option<String>,
    purl: Option<String>,
    components: Option<Listed>,
}

impl Root {
    /// The subject. One that is a package itself is a component too, as are those inside it.
    fn into_subject(self, found: &mut Gathering) -> Result<Subject, Unreadable> {
        let damaged = |error: crate::sbom::gathering::TooMany| Unreadable::Damaged(error.to_string());
        let (name, version) = (self.name.unwrap_or_default(), self.version.unwrap_or_default());
        if is_followed(self.purl.as_deref()) {
            let (name, version) = (name.clone(), version.clone());
            found.take(Facts { name, version, purl: self.purl, ..Facts::default() }).map_err(damaged)?;
        }
        found.absorb(self.components.unwrap_or_default().0).map_err(damaged)?;
        let kind = match self.kind.as_deref() {
            Some("container") => Kind::Image,
            Some("device" | "operating-system" | "platform" | "firmware") => Kind::Host,
            _ => Kind::File,
        };
        let name = match self.group.filter(|group| !group.is_empty()) {
            Some(group) => format!("{group}/{name}"),
            None => name,
        };
        Ok(Subject { name, version, kind })
    }
}

/// A list of components, gathered as it is read.
#[derive(Default)]
struct Listed(Gathering);

impl<'de> Deserialize<'de> for Listed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut found = Gathering::default();
        Items { found: &mut found, depth: 0 }.deserialize(deserializer)?;
        Ok(Self(found))
    }
}

/// Reads a list of components into what was found.
struct Items<'a> {
    found: &'a mut Gathering,
    depth: u32,
}

impl<'de> DeserializeSeed<'de> for Items<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Items<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of components")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        if self.depth > DEEPEST {
            return Err(A::Error::custom(format!("components stand more than {DEEPEST} deep inside each other")));
        }
        while list.next_element_seed(Item { found: &mut *self.found, depth: self.depth })?.is_some() {}
        Ok(())
    }
}

/// Reads one component into what was found.
struct Item<'a> {
    found: &'a mut Gathering,
    depth: u32,
}

impl<'de> DeserializeSeed<'de> for Item<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Item<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a component")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let (mut facts, mut kind) = (Facts::default(), None::<String>);
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "type" => kind = map.next_value()?,
                "name" => facts.name = map.next_value::<Option<_>>()?.unwrap_or_default(),
                "version" => facts.version = map.next_value::<Option<_>>()?.unwrap_or_default(),
                "purl" => facts.purl = map.next_value()?,
                "licenses" => facts.licence = map.next_value::<Option<Licences>>()?.and_then(|stated| stated.0),
                "properties" => facts.notes = map.next_value::<Option<Properties>>()?.unwrap_or_default().0,
                "components" => map.next_value_seed(Items { found: &mut *self.found, depth: self.depth + 1 })?,
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        keep(self.found, facts, kind.as_deref()).map_err(A::Error::custom)
    }
}

/// Keeps an entry for what it is.
fn keep(found: &mut Gathering, facts: Facts, kind: Option<&str>) -> Result<(), crate::sbom::gathering::TooMany> {
    match (kind, is_followed(facts.purl.as_deref())) {
        (Some("operating-system"), false) => {
            let distribution = purl::distribution_of(&facts.name, &facts.version);
            found.distribution = found.distribution.take().or(Some(distribution));
            Ok(())
        }
        (Some("file"), false) => Ok(()),
        _ => found.take(facts),
    }
}

/// Properties by name, of which only the known ones are kept.
#[derive(Default)]
struct Properties(Notes);

#[derive(Deserialize)]
struct Property {
    name: Option<String>,
    value: Option<String>,
}

impl<'de> Deserialize<'de> for Properties {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct List;
        impl<'de> Visitor<'de> for List {
            type Value = Properties;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of properties")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Properties, A::Error> {
                let mut notes = Notes::default();
                while let Some(property) = list.next_element::<Property>()? {
                    if let (Some(name), Some(value)) = (property.name, property.value) {
                        notes.take(&name, &value);
                    }
                }
                Ok(Properties(notes))
            }
        }
        deserializer.deserialize_seq(List)
    }
}

/// The licence that a component states; several are joined.
struct Licences(Option<String>);

#[derive(Deserialize)]
struct Choice {
    license: Option<Named>,
    expression: Option<String>,
}

#[derive(Deserialize)]
struct Named {
    id: Option<String>,
    name: Option<String>,
}

impl<'de> Deserialize<'de> for Licences {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct List;
        impl<'de> Visitor<'de> for List {
            type Value = Licences;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of licences")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Licences, A::Error> {
                let mut all: Option<String> = None;
                while let Some(choice) = list.next_element::<Choice>()? {
                    let named = choice.license.and_then(|named| named.id.or(named.name));
                    let Some(one) = choice.expression.or(named) else { continue };
                    match &mut all {
                        None => all = Some(one),
                        Some(all) if all.len() + one.len() < crate::sbom::LONGEST => {
                            all.push_str(" AND ");
                            all.push_str(&one);
                        }
                        Some(_) => {}
                    }
                }
                Ok(Licences(all))
            }
        }
        deserializer.deserialize_seq(List)
    }
}
