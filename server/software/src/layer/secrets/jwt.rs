//! JSON web tokens (RFC 7519): signed, with a header and claims that can be read.

use super::Hit;
use super::pattern::{Anchor, Look};
use super::verify::{begins, entropy, is_base64url, run};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

/// The longest part of a token that is looked at, in bytes.
const LONGEST: usize = 8_192;
/// A signature has at least 256 bits.
const SHORTEST_SIGNATURE: usize = 43;

/// The letters with which a JSON object begins in base 64.
pub(super) const ANCHORS: &[Anchor] = &[Anchor { text: "eyJ", look: token }];

/// A token: of less weight, since most are valid for an hour.
fn token(look: &Look<'_>) -> Option<Hit> {
    if !begins(look.bytes, look.at) {
        return None;
    }
    let (header, at) = object(look.bytes, look.at)?;
    let algorithm = header.get("alg")?.as_str()?;
    let (claims, at) = object(look.bytes, at)?;
    let end = run(look.bytes, at, LONGEST, is_base64url);
    let signature = look.bytes.get(at..end)?;
    let is_signed = signature.len() >= SHORTEST_SIGNATURE && !algorithm.eq_ignore_ascii_case("none");
    (is_signed && entropy(signature) > 4.0 && !is_example(&claims))
        .then(|| Hit::new("jwt", look.at, end, look.bytes.get(look.at..end).unwrap_or_default()).lesser())
}

/// The object in the part that begins here, and where the next part begins.
fn object(bytes: &[u8], at: usize) -> Option<(Map<String, Value>, usize)> {
    let end = run(bytes, at, LONGEST, is_base64url);
    let part = bytes.get(at..end).filter(|_| bytes.get(end) == Some(&b'.'))?;
    let text = URL_SAFE_NO_PAD.decode(part).ok()?;
    match serde_json::from_slice(&text).ok()? {
        Value::Object(object) => Some((object, end + 1)),
        _ => None,
    }
}

/// Whether these are the claims that documentation shows everywhere.
fn is_example(claims: &Map<String, Value>) -> bool {
    claims.get("sub").and_then(Value::as_str) == Some("1234567890")
        || claims.get("iss").and_then(Value::as_str) == Some("joe")
}
