//! Facts: what the engine works out of a resource's attributes before any rule sees it.
//!
//! Some questions are a parser's or an algorithm's work and not a rule's: whom a resource policy lets in once its denies
//! and conditions are weighed, or whether a metric filter's pattern matches what it should. They are answered here, in
//! tested Rust, and a rule reads them as `input.facts`. A fact is worked out from the resource's own attributes alone.

use serde_json::{Map, Value};

/// The facts of one resource; empty for most kinds.
#[must_use]
pub fn of(kind: &str, attributes: &Map<String, Value>) -> Map<String, Value> {
    let _ = (kind, attributes);
    Map::new()
}
