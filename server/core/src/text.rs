//! What others say, as it may stand in a scope, a log or a sentence of ours.

use std::fmt::Write as _;

/// At most 400 characters in one line, and none that controls.
#[must_use]
pub fn one_line(text: &str) -> String {
    let line: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
    line.chars().filter(|c| !c.is_control()).take(400).collect()
}

/// An error with all its causes, in one line.
#[must_use]
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let _ = write!(text, ": {inner}");
        cause = inner.source();
    }
    one_line(&text)
}

/// A text with its hashes cut to their first twelve digits, as people tell images apart. A hash is a run of forty hex digits or
/// more that is no part of a longer word.
#[must_use]
pub fn short_hashes(text: &str) -> String {
    let (mut short, mut rest) = (String::with_capacity(text.len()), text);
    while let Some(at) = rest.find(|c: char| c.is_ascii_alphanumeric()) {
        let (before, word) = rest.split_at(at);
        let (word, after) = word.split_at(word.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(word.len()));
        let is_hash = word.len() >= 40 && word.bytes().all(|digit| digit.is_ascii_hexdigit());
        short.push_str(before);
        short.push_str(word.get(..12).filter(|_| is_hash).unwrap_or(word));
        rest = after;
    }
    short.push_str(rest);
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_cut_and_nothing_else_is() {
        let digest = "ab".repeat(32);
        assert_eq!(
            short_hashes(&format!("r.example.com/web@sha256:{digest}")),
            "r.example.com/web@sha256:abababababab"
        );
        assert_eq!(short_hashes(&format!("a@sha256:{digest} → b:2")), "a@sha256:abababababab → b:2");
        for same in ["", "base:1 → base:2", "éééé, ünd", "deadbeef", &"z".repeat(64), &format!("{digest}xyz")] {
            assert_eq!(short_hashes(same), same);
        }
    }
}
