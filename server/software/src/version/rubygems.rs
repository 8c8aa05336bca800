//! RubyGems' order: numbers and words of a version side by side; a word makes a pre-release, so it comes before a number.

use super::number::Number;
use std::cmp::Ordering;

/// Segments without the zeros that count for nothing: those before the first word and those at the end.
#[derive(Debug, Clone)]
pub(super) struct RubyGems(Box<[Segment]>);

/// Words come before numbers.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Segment {
    Word(Box<str>),
    Number(Number),
}

const ZERO: Segment = Segment::Number(Number::ZERO);

impl RubyGems {
    pub(super) fn parse(text: &str) -> Option<Self> {
        if !is_version(text) {
            return None;
        }
        let mut segments = Vec::with_capacity(4);
        let mut numbers_only = true;
        for (index, part) in text.split('-').enumerate() {
            if index > 0 {
                push(&mut segments, Segment::Word("pre".into()), &mut numbers_only);
            }
            for run in runs(part) {
                push(&mut segments, run, &mut numbers_only);
            }
        }
        trim(&mut segments);
        Some(Self(segments.into()))
    }
}

/// `N[.part…]`, then at most hyphenated parts that also hold letters, digits and dots.
fn is_version(text: &str) -> bool {
    let (release, prerelease) = text.split_once('-').map_or((text, None), |(release, rest)| (release, Some(rest)));
    let of = |part: &str, marks: &[u8]| {
        !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || marks.contains(&byte))
    };
    let first_is_number =
        release.split('.').next().is_some_and(|first| first.bytes().all(|byte| byte.is_ascii_digit()));
    first_is_number
        && release.split('.').all(|part| of(part, b""))
        && prerelease.is_none_or(|rest| rest.split('.').all(|part| of(part, b"-")))
}

/// Adds a segment; the first word drops the zeros before it.
fn push(segments: &mut Vec<Segment>, segment: Segment, numbers_only: &mut bool) {
    if *numbers_only && matches!(segment, Segment::Word(_)) {
        trim(segments);
        *numbers_only = false;
    }
    segments.push(segment);
}

fn trim(segments: &mut Vec<Segment>) {
    while segments.last() == Some(&ZERO) {
        segments.pop();
    }
}

/// Runs of digits and of letters; dots only separate.
fn runs(part: &str) -> impl Iterator<Item = Segment> {
    let kind = |byte: &u8| (byte.is_ascii_digit(), byte.is_ascii_alphabetic());
    part.as_bytes().chunk_by(move |a, b| kind(a) == kind(b)).filter_map(|run| {
        let text = std::str::from_utf8(run).ok()?;
        match run.first() {
            Some(first) if first.is_ascii_digit() => Some(Segment::Number(Number::of(text))),
            Some(first) if first.is_ascii_alphabetic() => Some(Segment::Word(text.into())),
            _ => None,
        }
    })
}

impl Ord for RubyGems {
    /// The shorter goes on with zeros.
    fn cmp(&self, other: &Self) -> Ordering {
        (0..self.0.len().max(other.0.len()))
            .map(|index| self.0.get(index).unwrap_or(&ZERO).cmp(other.0.get(index).unwrap_or(&ZERO)))
            .find(|&decided| decided != Ordering::Equal)
            .unwrap_or(Ordering::Equal)
    }
}

impl PartialOrd for RubyGems {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for RubyGems {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for RubyGems {}

#[cfg(test)]
mod tests {
    use crate::version::{Order, laws};
    use std::cmp::Ordering::{Equal, Greater, Less};

    #[test]
    fn versions_compare_as_rubygems_compares_them() {
        laws::holds(
            Order::RubyGems,
            &[
                ("1.0", Equal, "1.0.0"),
                ("1.0", Greater, "1.0.a"),
                ("1.8.2", Greater, "0.0.0"),
                ("1.8.2", Greater, "1.8.2.a"),
                ("1.8.2.b", Greater, "1.8.2.a"),
                ("1.8.2.a", Less, "1.8.2"),
                ("1.8.2.a10", Greater, "1.8.2.a9"),
                ("0.beta.1", Equal, "0.0.beta.1"),
                ("0.0.beta", Less, "0.0.beta.1"),
                ("5.a", Less, "5.0.0.rc2"),
                ("5.x", Greater, "5.0.0.rc2"),
                ("1.9.3", Equal, "1.9.3.0"),
                ("1.9.3.alpha", Less, "1.9.3.alpha2"),
                ("1.2.3.rc1", Less, "1.2.3"),
                ("1.2.b1", Equal, "1.2.b.1"),
                ("1.0.0-1", Equal, "1.0.0.pre.1"),
                ("1.0.0-1", Less, "1.0.0"),
                ("1.0.0-beta.2", Less, "1.0.0-beta.11"),
                ("1.0.B", Less, "1.0.a"),
                ("01.2", Equal, "1.2"),
                ("1.10", Greater, "1.9"),
                ("2.0.0.rc1.1", Greater, "2.0.0.rc1"),
                ("3.12.0.20240101000000000000000001", Greater, "3.12.0.9"),
            ],
        );
    }

    #[test]
    fn what_rubygems_calls_malformed_is_refused() {
        laws::refuses(
            Order::RubyGems,
            &[
                "junk",
                "1.0\n2.0",
                "1..2",
                "1.2 3.4",
                "2.3422222.222.222222222.22222.ads0as.dasd0.ddd2222.2.qd3e.",
                "1.",
                "1-",
                "v1.0",
                "1_0",
                "1.é",
            ],
        );
    }
}
