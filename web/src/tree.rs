//! A JSON document as people read it: one attribute after the other, its insides indented.

use serde_json::{Map, Value};

const MOST_LINES: usize = 300;

/// One attribute: a plain value, or lines below it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Attribute {
    pub(crate) name: String,
    /// The value of a plain attribute, or a word on what is below.
    pub(crate) value: String,
    pub(crate) lines: Vec<Line>,
    /// Lines that are left out.
    pub(crate) hidden: usize,
}

/// One line below an attribute. An item of a list has no key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line {
    /// 1 to 6.
    pub(crate) depth: usize,
    pub(crate) key: String,
    pub(crate) value: String,
}

impl Attribute {
    /// The same under a name of words, for names that are ours and not the provider's.
    #[must_use]
    pub(crate) fn in_words(self) -> Self {
        Self { name: crate::words::capital(&self.name.replace('_', " ")), ..self }
    }
}

/// The attributes of an object, by name.
#[must_use]
pub(crate) fn attributes(object: &Map<String, Value>) -> Vec<Attribute> {
    object.iter().map(|(name, value)| attribute(name, value)).collect()
}

/// The attributes of a document that should be an object; another becomes one attribute of that name.
#[must_use]
pub(crate) fn document(name: &str, value: &Value) -> Vec<Attribute> {
    value.as_object().map_or_else(|| vec![attribute(name, value)], attributes)
}

fn attribute(name: &str, value: &Value) -> Attribute {
    let mut lines = Vec::new();
    below(value, 1, &mut lines);
    let hidden = lines.len().saturating_sub(MOST_LINES);
    lines.truncate(MOST_LINES);
    Attribute { name: name.to_owned(), value: plain(value), lines, hidden }
}

fn below(value: &Value, depth: usize, lines: &mut Vec<Line>) {
    let children: Vec<(String, &Value)> = match value {
        Value::Object(map) => map.iter().map(|(key, child)| (key.clone(), child)).collect(),
        Value::Array(items) if inline(items).is_none() => {
            items.iter().enumerate().map(|(at, child)| (format!("{}.", at + 1), child)).collect()
        }
        _ => return,
    };
    for (key, child) in children {
        lines.push(Line { depth: depth.min(6), key, value: plain(child) });
        below(child, depth + 1, lines);
    }
}

/// A value in one line; empty for what needs lines of its own.
fn plain(value: &Value) -> String {
    match value {
        Value::Null => "none".to_owned(),
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        Value::Number(number) => number.to_string(),
        Value::String(text) if text.is_empty() => "empty".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(items) => inline(items).unwrap_or_default(),
        Value::Object(map) if map.is_empty() => "empty".to_owned(),
        Value::Object(_) => String::new(),
    }
}

/// A short list of plain values in one line.
fn inline(items: &[Value]) -> Option<String> {
    if items.is_empty() {
        return Some("empty list".to_owned());
    }
    let words: Option<Vec<String>> =
        items.iter().map(|item| if item.is_object() || item.is_array() { None } else { Some(plain(item)) }).collect();
    words.map(|words| words.join(", ")).filter(|line| line.len() <= 120)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_plain_value_takes_no_lines() {
        let read = document("x", &json!({ "On": false, "Ports": [22, 443], "Policy": null }));
        assert!(read.iter().all(|attribute| attribute.lines.is_empty()));
        let values: Vec<&str> = read.iter().map(|attribute| attribute.value.as_str()).collect();
        assert_eq!(values, ["no", "none", "22, 443"]);
    }

    #[test]
    fn what_is_inside_is_indented() {
        let read = document("x", &json!({ "Policy": { "Statement": [{ "Effect": "Allow" }] } }));
        let lines: Vec<(usize, &str, &str)> =
            read[0].lines.iter().map(|line| (line.depth, line.key.as_str(), line.value.as_str())).collect();
        assert_eq!(lines, [(1, "Statement", ""), (2, "1.", ""), (3, "Effect", "Allow")]);
    }

    #[test]
    fn a_long_document_is_cut_and_says_so() {
        let read = document("x", &json!({ "All": (0..1000).map(|n| json!({ "N": n })).collect::<Vec<_>>() }));
        assert_eq!((read[0].lines.len(), read[0].hidden), (300, 1700));
    }
}
