//! What comes over the wire: pages of lists and lines of watches, each object looked at and let go before the next.
//!
//! The values of secrets and settings are dropped while they are parsed: only the names of their keys are ever in memory.

use crate::api::Part;
use serde::de::{DeserializeSeed, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt;

/// What a page says of the list.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct ListMeta {
    pub(crate) resource_version: String,
    #[serde(rename = "continue")]
    pub(crate) next: String,
}

/// Reads a page, and gives each of its objects to `each` as it comes.
pub(crate) fn page(part: Part, body: &[u8], each: &mut dyn FnMut(Value)) -> Result<ListMeta, serde_json::Error> {
    let mut parser = serde_json::Deserializer::from_slice(body);
    let meta = Page { part, each }.deserialize(&mut parser)?;
    parser.end()?;
    Ok(meta)
}

/// A line of a watch.
#[derive(Debug)]
pub(crate) enum Line {
    Put(Value),
    Gone(Value),
    /// Nothing happened up to here.
    Bookmark(String),
    /// The API server breaks off, with this status.
    Error(u64, String),
}

/// Reads a line of a watch.
pub(crate) fn line(part: Part, text: &[u8]) -> Result<Line, serde_json::Error> {
    #[derive(Deserialize)]
    struct Head {
        r#type: String,
    }
    #[derive(Deserialize)]
    struct Of<T> {
        object: T,
    }
    #[derive(Deserialize)]
    struct Status {
        #[serde(default)]
        code: u64,
        #[serde(default)]
        message: String,
    }
    let head: Head = serde_json::from_slice(text)?;
    if head.r#type == "ERROR" {
        let status = serde_json::from_slice::<Of<Status>>(text)?.object;
        return Ok(Line::Error(status.code, status.message));
    }
    let mut parser = serde_json::Deserializer::from_slice(text);
    let object = Event { part }.deserialize(&mut parser)?;
    match head.r#type.as_str() {
        "ADDED" | "MODIFIED" => Ok(Line::Put(object)),
        "DELETED" => Ok(Line::Gone(object)),
        "BOOKMARK" => Ok(Line::Bookmark(version(&object))),
        other => Err(serde_json::Error::custom(format!("{other} is no event"))),
    }
}

/// The version of an object.
pub(crate) fn version(of: &Value) -> String {
    of.pointer("/metadata/resourceVersion").and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// An object of a part.
#[derive(Clone, Copy)]
struct Item {
    part: Part,
}

impl<'de> DeserializeSeed<'de> for Item {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Value, D::Error> {
        if matches!(self.part, Part::Secrets | Part::ConfigMaps) { keyed(from) } else { Value::deserialize(from) }
    }
}

/// A secret or settings, without values.
fn keyed<'de, D: Deserializer<'de>>(from: D) -> Result<Value, D::Error> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Keyed {
        #[serde(default)]
        metadata: Value,
        #[serde(default)]
        r#type: Option<String>,
        #[serde(default)]
        data: Option<BTreeMap<String, IgnoredAny>>,
        #[serde(default)]
        binary_data: Option<BTreeMap<String, IgnoredAny>>,
    }
    let read = Keyed::deserialize(from)?;
    let names = |map: Option<BTreeMap<String, IgnoredAny>>| map.unwrap_or_default().into_keys();
    let mut keys: Vec<String> = names(read.data).chain(names(read.binary_data)).collect();
    keys.sort();
    Ok(json!({ "metadata": read.metadata, "type": read.r#type, "keys": keys }))
}

struct Page<'f> {
    part: Part,
    each: &'f mut dyn FnMut(Value),
}

impl<'de> DeserializeSeed<'de> for Page<'_> {
    type Value = ListMeta;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<ListMeta, D::Error> {
        from.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Page<'_> {
    type Value = ListMeta;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<ListMeta, A::Error> {
        let Self { part, each } = self;
        let (mut meta, mut listed) = (ListMeta::default(), false);
        while let Some(field) = map.next_key::<String>()? {
            match field.as_str() {
                "metadata" => meta = map.next_value()?,
                "items" => {
                    map.next_value_seed(Items { part, each: &mut *each })?;
                    listed = true;
                }
                _ => map.next_value::<IgnoredAny>().map(|_| ())?,
            }
        }
        if listed { Ok(meta) } else { Err(A::Error::missing_field("items")) }
    }
}

struct Items<'f> {
    part: Part,
    each: &'f mut dyn FnMut(Value),
}

impl<'de> DeserializeSeed<'de> for Items<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Items<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the objects of a list")
    }

    /// An empty list may come as null.
    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        while let Some(item) = items.next_element_seed(Item { part: self.part })? {
            (self.each)(item);
        }
        Ok(())
    }
}

/// The object of an event.
struct Event {
    part: Part,
}

impl<'de> DeserializeSeed<'de> for Event {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Value, D::Error> {
        from.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Event {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an event")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut object = None;
        while let Some(field) = map.next_key::<String>()? {
            if field == "object" {
                object = Some(map.next_value_seed(Item { part: self.part })?);
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        object.ok_or_else(|| A::Error::missing_field("object"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_gives_its_objects_and_where_to_go_on() {
        let body = br#"{"kind":"PodList","metadata":{"resourceVersion":"9","continue":"c"},"items":[{"a":1},{"a":2}]}"#;
        let mut seen = Vec::new();
        let meta = page(Part::Pods, body, &mut |item| seen.push(item)).unwrap();
        assert_eq!((meta.resource_version.as_str(), meta.next.as_str()), ("9", "c"));
        assert_eq!(seen, [json!({ "a": 1 }), json!({ "a": 2 })]);
        assert!(page(Part::Pods, br#"{"metadata":{},"items":null}"#, &mut |_| ()).is_ok());
        for wrong in [&br#"{"kind":"Status"}"#[..], &body[..40], b"[]"] {
            assert!(page(Part::Pods, wrong, &mut |_| ()).is_err(), "{}", String::from_utf8_lossy(wrong));
        }
    }

    #[test]
    fn a_secret_has_no_values_in_a_page_nor_in_an_event() {
        let secret = r#"{"metadata":{"name":"s"},"type":"Opaque","data":{"password":"aHVzaA=="}}"#;
        let expected = json!({ "metadata": { "name": "s" }, "type": "Opaque", "keys": ["password"] });
        let mut seen = Vec::new();
        page(Part::Secrets, format!(r#"{{"metadata":{{}},"items":[{secret}]}}"#).as_bytes(), &mut |s| seen.push(s))
            .unwrap();
        assert_eq!(seen, std::slice::from_ref(&expected));
        let event = line(Part::Secrets, format!(r#"{{"type":"ADDED","object":{secret}}}"#).as_bytes()).unwrap();
        assert!(matches!(event, Line::Put(object) if object == expected));
    }

    #[test]
    fn lines_of_a_watch_are_told_apart() {
        let read = |text: &str| line(Part::Pods, text.as_bytes());
        let object = r#""object":{"metadata":{"resourceVersion":"12"}}"#;
        let bookmark = read(&format!(r#"{{"type":"BOOKMARK",{object}}}"#)).unwrap();
        assert!(matches!(bookmark, Line::Bookmark(version) if version == "12"));
        let gone = read(r#"{"type":"ERROR","object":{"kind":"Status","code":410,"message":"too old"}}"#).unwrap();
        assert!(matches!(gone, Line::Error(410, _)));
        assert!(read(&format!(r#"{{"type":"NEWS",{object}}}"#)).is_err());
        assert!(read(r#"{"type":"ADDED"}"#).is_err());
    }
}
