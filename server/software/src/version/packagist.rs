//! Composer's order: a version is normalized to four numbers (or a date) and a stability, and compared as PHP's
//! `version_compare` does. Branches (`dev-main`) have no order.

use super::cursor::Cursor;
use super::number::Number;

/// The parts of a normalized version, the last of them [`Part::End`].
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Packagist(Box<[Part]>);

/// In the order of `version_compare`: whoever goes on with a stability below the end is older, with anything else newer.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    Dev,
    Alpha,
    Beta,
    Candidate,
    End,
    Number(Number),
    Patch,
}

/// What Composer puts where a branch has a wildcard.
const WILDCARD: Number = Number::Small(9_999_999);
/// Longest first.
const LABELS: [(&str, Option<Part>); 9] = [
    ("stable", None),
    ("beta", Some(Part::Beta)),
    ("b", Some(Part::Beta)),
    ("rc", Some(Part::Candidate)),
    ("alpha", Some(Part::Alpha)),
    ("a", Some(Part::Alpha)),
    ("patch", Some(Part::Patch)),
    ("pl", Some(Part::Patch)),
    ("p", Some(Part::Patch)),
];

impl Packagist {
    pub(super) fn parse(text: &str) -> Option<Self> {
        let version = without_build(text)?;
        let mut parts = classical(version).or_else(|| dated(version)).or_else(|| branch(version))?;
        parts.push(Part::End);
        Some(Self(parts.into()))
    }
}

/// Drops `+build`.
fn without_build(text: &str) -> Option<&str> {
    let (version, build) = text.split_once('+').unwrap_or((text, "."));
    let whole = !build.is_empty() && !text.contains(|c: char| c.is_whitespace());
    whole.then_some(version)
}

/// `[v]N[.N[.N[.N]]]` and a stability; the first number has at most five digits.
fn classical(text: &str) -> Option<Vec<Part>> {
    let mut cursor = Cursor::new(text);
    cursor.eat_ignoring_case("v");
    let major = cursor.digits().filter(|digits| digits.len() <= 5)?;
    let mut parts = vec![Part::Number(Number::of(major))];
    while parts.len() < 4 {
        let mut ahead = cursor;
        let Some(digits) = Some(ahead.eat(".")).filter(|&dot| dot).and_then(|_| ahead.digits()) else { break };
        parts.push(Part::Number(Number::of(digits)));
        cursor = ahead;
    }
    parts.resize(4, Part::Number(Number::ZERO));
    stability(cursor, parts)
}

/// `[v]2010-01-02…` and a stability.
fn dated(text: &str) -> Option<Vec<Part>> {
    let mut cursor = Cursor::new(text);
    cursor.eat_ignoring_case("v");
    let rest = cursor.rest();
    let date = cursor.run(|c| c.is_ascii_digit() || DATE_MARKS.contains(&c)).trim_end_matches(DATE_MARKS);
    let parts = date.split(DATE_MARKS).map(|digits| Part::Number(Number::of(digits))).collect();
    is_date(date).then(|| stability(Cursor::new(rest.strip_prefix(date)?), parts))?
}

const DATE_MARKS: [char; 3] = ['.', ':', '-'];

/// Four digits, one to six times two, and at most two more numbers of at most three digits.
fn is_date(text: &str) -> bool {
    let mut rest = text;
    let year = take_digits(&mut rest, 4);
    year.is_some() && (0..6).map_while(|_| take_group(&mut rest, 2).map(|_| rest)).any(|rest| is_tail(rest, 2))
}

fn is_tail(text: &str, groups: usize) -> bool {
    let shorter = |length| {
        let mut rest = text;
        take_group(&mut rest, length).is_some_and(|_| is_tail(rest, groups - 1))
    };
    text.is_empty() || (groups > 0 && (1..=3).any(shorter))
}

/// A separator, if there is one, and exactly so many digits.
fn take_group<'a>(text: &mut &'a str, length: usize) -> Option<&'a str> {
    let mut rest = text.strip_prefix(DATE_MARKS).unwrap_or(text);
    let digits = take_digits(&mut rest, length)?;
    *text = rest;
    Some(digits)
}

fn take_digits<'a>(text: &mut &'a str, length: usize) -> Option<&'a str> {
    let (digits, rest) = text.split_at_checked(length)?;
    *text = rest;
    Some(digits).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Adds `[-]label[N…][-dev]`; none when something else follows.
fn stability(mut cursor: Cursor<'_>, mut parts: Vec<Part>) -> Option<Vec<Part>> {
    cursor.eat_any(&['.', '_', '-']);
    let label = LABELS.iter().find(|(label, _)| cursor.eat_ignoring_case(label)).map(|(_, part)| part);
    let mut numbers = if label.is_some() { numbers(&mut cursor) } else { Vec::new() };
    let development = eat_dev(&mut cursor);
    if !cursor.is_empty() {
        return None;
    }
    match label {
        Some(None) => return Some(parts), // "stable" adds nothing, whatever follows it
        Some(Some(part)) => {
            parts.push(part.clone());
            parts.append(&mut numbers);
        }
        None => {}
    }
    parts.extend(development.then_some(Part::Dev));
    Some(parts)
}

/// `1`, `.1`, `-1-2`: what follows a label.
fn numbers(cursor: &mut Cursor<'_>) -> Vec<Part> {
    let mut numbers = Vec::new();
    loop {
        let mut ahead = *cursor;
        ahead.eat_any(&['.', '-']);
        let Some(digits) = ahead.digits() else { return numbers };
        numbers.push(Part::Number(Number::of(digits)));
        *cursor = ahead;
    }
}

fn eat_dev(cursor: &mut Cursor<'_>) -> bool {
    let mut ahead = *cursor;
    ahead.eat_any(&['.', '-']);
    let found = ahead.eat_ignoring_case("dev");
    if found {
        *cursor = ahead;
    }
    found
}

/// A branch named by numbers: `1.x-dev`, `2.1.*-dev`.
fn branch(text: &str) -> Option<Vec<Part>> {
    let (name, end) = text.split_at_checked(text.len().checked_sub(3)?)?;
    let name = name.strip_suffix(['.', '-']).unwrap_or(name);
    let numbers = name.strip_prefix(['v', 'V']).unwrap_or(name);
    let mut parts: Vec<Part> = numbers.split('.').take(5).enumerate().map(branch_part).collect::<Option<_>>()?;
    if !end.eq_ignore_ascii_case("dev") || parts.len() > 4 {
        return None;
    }
    parts.resize(4, Part::Number(WILDCARD));
    parts.push(Part::Dev);
    Some(parts)
}

/// Only the first cannot be a wildcard.
fn branch_part((index, part): (usize, &str)) -> Option<Part> {
    let digits = !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    match part {
        "x" | "X" | "*" if index > 0 => Some(Part::Number(WILDCARD)),
        _ => digits.then(|| Part::Number(Number::of(part))),
    }
}

#[cfg(test)]
mod tests {
    use crate::version::{Order, laws};
    use std::cmp::Ordering::{Equal, Greater, Less};

    #[test]
    fn spellings_that_normalize_alike_are_equal() {
        let alike = [
            ("1.0.0", "1.0.0.0"),
            ("1.0.0RC1dev", "1.0.0.0-RC1-dev"),
            ("1.0.0-rC15-dev", "1.0.0.RC.15-dev"),
            ("1.0.0.pl3-dev", "1.0.0.0-patch3-dev"),
            ("1.0-dev", "1.0.0.0-dev"),
            ("0", "0.0.0.0"),
            ("10.4.13beta.2", "10.4.13.0-b2"),
            ("10.4.13-b", "10.4.13-beta"),
            ("V1.0.0", "1.0.0-stable"),
            ("2010-01-02", "v2010:01:02"),
            ("20100102-203040-p1", "20100102.203040-patch1"),
            ("20100102203040-10", "20100102203040.10"),
            ("1.x-dev", "1.9999999.9999999.9999999-dev"),
            ("v1.0.3.*-dev", "1.0.3.9999999-dev"),
            ("1.0.0-beta.5+foo", "1.0.0-beta5"),
            ("1.0.0-alpha-2.1-3+foo", "1.0.0a2.1.3"),
        ];

        let rows: Vec<_> = alike.into_iter().map(|(a, b)| (a, Equal, b)).collect();

        laws::holds(Order::Packagist, &rows);
    }

    #[test]
    fn versions_compare_as_composer_compares_them() {
        laws::ascends(
            Order::Packagist,
            &[
                "1.0.0-dev",
                "1.0.0-alpha1-dev",
                "1.0.0-alpha1",
                "1.0.0-alpha2",
                "1.0.0-alpha10",
                "1.0.0-beta1",
                "1.0.0-RC1",
                "1.0.0",
                "1.0.0-patch1",
                "1.0.0-p2",
                "1.0.0.1-dev",
                "1.0.0.1",
                "1.0.1",
                "1.9.0",
                "1.10.0",
                "1.x-dev",
                "2.0",
                "2010.1.555",
                "20100102",
                "20100102.0.1",
            ],
        );
        laws::holds(
            Order::Packagist,
            &[
                ("20150920.0.0", Less, "20150920.0.1"),
                ("v5.4.35", Less, "5.4.46"),
                ("1.0.0-RC1", Greater, "1.0.0-RC1-dev"),
            ],
        );
    }

    #[test]
    fn branches_and_what_composer_refuses_are_refused() {
        laws::refuses(
            Order::Packagist,
            &[
                "dev-main",
                "dev-feature/foo",
                "DEV-1.0",
                "master",
                "a",
                "1.0.0-meh",
                "1.0.0.0.0",
                "feature-foo",
                "1.0.0+foo bar",
                "1.0.0+",
                "foo-dev",
                "x-dev",
                "12345678901234567890123",
                "2010-1-2",
                "1.0.0-0.3.7",
            ],
        );
    }
}
