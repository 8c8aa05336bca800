//! Secrets left in files and in an image's settings: found by their form and proven by it.
//!
//! A finding that is wrong costs trust, so that a form alone is not enough: check digits are recomputed, encodings undone,
//! key structures walked, and what looks like a placeholder or has too little entropy is passed over. The value is never
//! kept, only a fingerprint by which the same secret is known again, and where it stands.
//!
//! One pass looks for the few letters that each form begins with; only there is looked closer, and never far, so that the
//! time is linear in the size of the file whatever it holds.

mod account;
mod assignment;
mod cloud;
mod jwt;
mod key;
mod keystore;
mod pattern;
mod place;
mod token;
mod verify;

use sha2::{Digest, Sha256};
use std::fmt::Write;

/// The most secrets that are told of one file or text.
pub const MOST: usize = 1_000;
/// How many bytes are looked at to tell a binary file.
const HEAD: usize = 1_024;
/// Sets our fingerprints apart from plain hashes, which could be looked up.
const DOMAIN: &[u8] = b"plumbline secret v1\0";

/// Where a secret is, and what it is; not the value.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Secret {
    /// What it is, in a word that stays: `aws_access_key`, `private_key`, …
    pub kind: &'static str,
    /// From 1.
    pub line: u32,
    /// The same for the same value: 16 bytes of a SHA-256, in hexadecimal.
    pub fingerprint: String,
    /// Where the value begins and ends, in bytes.
    pub start: usize,
    pub end: usize,
    /// Of less weight: of no use alone or for long (an encrypted key, a session's token).
    pub lesser: bool,
    /// In a place where tests, examples and documentation are kept.
    pub test: bool,
}

/// A find, before its value is forgotten.
pub(crate) struct Hit {
    kind: &'static str,
    start: usize,
    end: usize,
    /// The value without its dress (line breaks, escapes), for the fingerprint.
    value: Vec<u8>,
    lesser: bool,
}

impl Hit {
    fn new(kind: &'static str, start: usize, end: usize, value: &[u8]) -> Self {
        Self { kind, start, end, value: value.to_vec(), lesser: false }
    }

    fn lesser(self) -> Self {
        Self { lesser: true, ..self }
    }
}

/// The secrets in a file, in order. `path` is without a leading slash. Binary files are passed over, except key stores;
/// what is inside archives is not seen.
#[must_use]
pub fn find(path: &str, bytes: &[u8]) -> Vec<Secret> {
    if bytes.iter().take(HEAD).any(|byte| *byte == 0) || keystore::is_named_so(path) {
        return told(bytes, keystore::find(path, bytes).into_iter().collect(), place::is_test(path));
    }
    let mut hits = account::find(path, bytes);
    hits.extend(pattern::find(path, bytes));
    if place::is_environment(path) {
        hits.extend(assignment::find(bytes));
    }
    told(bytes, hits, place::is_test(path))
}

/// The secrets in a setting of an image or of what runs: an environment variable with its name (`NAME=value`), a label, a
/// command of its history. `place` says where, and decides nothing but whether it is a test's.
#[must_use]
pub fn find_in_text(place: &str, text: &str) -> Vec<Secret> {
    let bytes = text.as_bytes();
    let mut hits = pattern::find("", bytes);
    hits.extend(assignment::find(bytes));
    told(bytes, hits, place::is_test(place))
}

/// The text with every secret in it replaced.
#[must_use]
pub fn redact(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = 0;
    for (start, end) in covered(text.as_bytes()) {
        out.push_str(text.get(rest..start).unwrap_or_default());
        out.push_str("[redacted]");
        rest = end;
    }
    out.push_str(text.get(rest..).unwrap_or_default());
    out
}

/// What is secret in a text, as ranges that do not touch; widened to whole letters.
fn covered(bytes: &[u8]) -> Vec<(usize, usize)> {
    let mut hits = pattern::find_all(bytes);
    hits.extend(assignment::find(bytes));
    hits.sort_by_key(|hit| hit.start);
    let is_inside = |at: usize| bytes.get(at).is_some_and(|byte| byte & 0xC0 == 0x80);
    let mut ranges: Vec<(usize, usize)> = Vec::new();
    for hit in hits {
        let (mut start, mut end) = (hit.start, hit.end);
        while is_inside(start) {
            start -= 1;
        }
        while is_inside(end) {
            end += 1;
        }
        match ranges.last_mut() {
            Some(last) if start <= last.1 => last.1 = last.1.max(end),
            _ => ranges.push((start, end)),
        }
    }
    ranges
}

/// Puts finds in order, drops what overlaps an earlier one, and forgets the values.
fn told(bytes: &[u8], mut hits: Vec<Hit>, test: bool) -> Vec<Secret> {
    hits.sort_by_key(|hit| hit.start);
    let (mut secrets, mut free, mut line, mut counted) = (Vec::new(), 0, 1_u32, 0);
    for hit in hits.into_iter().take(MOST) {
        if hit.start < free {
            continue;
        }
        let between = bytes.get(counted..hit.start).unwrap_or_default();
        let breaks = between.iter().filter(|byte| **byte == b'\n').count();
        line = line.saturating_add(u32::try_from(breaks).unwrap_or(u32::MAX));
        (counted, free) = (hit.start, hit.end);
        secrets.push(Secret {
            kind: hit.kind,
            line,
            fingerprint: fingerprint(&hit.value),
            start: hit.start,
            end: hit.end,
            lesser: hit.lesser,
            test,
        });
    }
    secrets
}

fn fingerprint(value: &[u8]) -> String {
    let digest = Sha256::new().chain_update(DOMAIN).chain_update(value).finalize();
    digest.iter().take(16).fold(String::with_capacity(32), |mut text, byte| {
        // Writing to a string does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests;
