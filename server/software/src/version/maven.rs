//! Maven's order (`ComparableVersion`): numbers and qualifiers in lists within lists. A hyphen, or a change between digits
//! and letters, opens a list; what counts for nothing at a list's end is dropped.
//!
//! As Maven 4 has it: earlier ones differ in unusual mixtures of qualifiers and hyphens, and are no total order there.

use super::number::Number;
use std::cmp::Ordering;

/// The outermost list.
#[derive(Debug, Clone)]
pub(super) struct Maven(Vec<Item>);

/// One item of a list; a list within a list is always its last.
#[derive(Debug, Clone)]
enum Item {
    Number(Number),
    Qualifier(Qualifier),
    /// A qualifier and its number: `rc1`, `rc-1`.
    Numbered(Qualifier, Number),
    List(Vec<Item>),
}

/// A word, in ascending order of the variants.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Qualifier {
    Alpha,
    Beta,
    Milestone,
    Candidate,
    Snapshot,
    /// `ga`, `final`, `release`: as if it were not there.
    Release,
    ServicePack,
    Other(Box<str>),
}

impl Maven {
    /// Maven takes any text; white space and control characters are refused here.
    pub(super) fn parse(text: &str) -> Option<Self> {
        if text.chars().any(|c| c.is_whitespace() || c.is_control()) {
            return None;
        }
        let lower = text.to_lowercase();
        let mut lists = Lists::new();
        let mut rest = lower.as_str();
        while !rest.is_empty() {
            rest = lists.take_item(rest);
        }
        Some(Self(lists.close()))
    }
}

/// The open lists, the innermost last.
struct Lists {
    outer: Vec<Vec<Item>>,
    inner: Vec<Item>,
}

impl Lists {
    fn new() -> Self {
        Self { outer: Vec::new(), inner: Vec::new() }
    }

    /// Opens a list, unless the innermost is still empty.
    fn open(&mut self) {
        if !self.inner.is_empty() {
            self.outer.push(std::mem::take(&mut self.inner));
        }
    }

    /// Takes one item and the separator after it; returns what follows.
    fn take_item<'a>(&mut self, text: &'a str) -> &'a str {
        let rest = if text.starts_with(|c: char| c.is_ascii_digit()) {
            self.take_number(text)
        } else if text.starts_with(['.', '-']) {
            self.inner.push(Item::Number(Number::ZERO));
            text
        } else {
            self.take_word(text)
        };
        match rest.strip_prefix('-') {
            Some(after) => {
                self.open();
                after
            }
            None => rest.strip_prefix('.').unwrap_or(rest),
        }
    }

    fn take_number<'a>(&mut self, text: &'a str) -> &'a str {
        let (digits, rest) = split_digits(text);
        self.inner.push(Item::Number(Number::of(digits)));
        if !rest.is_empty() && !rest.starts_with(['.', '-']) {
            self.open();
        }
        rest
    }

    /// A word with the number that follows it, with or without a hyphen between.
    fn take_word<'a>(&mut self, text: &'a str) -> &'a str {
        let end = text.find(|c: char| c == '.' || c == '-' || c.is_ascii_digit()).unwrap_or(text.len());
        let (word, rest) = text.split_at_checked(end).unwrap_or((text, ""));
        let (digits, after) = split_digits(rest.strip_prefix('-').unwrap_or(rest));
        if !digits.is_empty() {
            self.open();
            self.inner.push(Item::Numbered(Qualifier::before_number(word), Number::of(digits)));
            if !after.is_empty() && !after.starts_with(['.', '-']) {
                self.open();
            }
            return after;
        }
        if rest.is_empty() {
            self.open(); // a last word after a dot is as after a hyphen
        }
        self.inner.push(Item::Qualifier(Qualifier::of(word)));
        rest
    }

    /// Closes all, from the innermost.
    fn close(mut self) -> Vec<Item> {
        let mut list = normalize(self.inner);
        while let Some(mut outer) = self.outer.pop() {
            outer.push(Item::List(list));
            list = normalize(outer);
        }
        list
    }
}

fn split_digits(text: &str) -> (&str, &str) {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    text.split_at_checked(end).unwrap_or((text, ""))
}

/// Drops what counts for nothing: at the end, and before a qualifier, also one that begins the list within.
fn normalize(items: Vec<Item>) -> Vec<Item> {
    let mut kept: Vec<Item> = Vec::with_capacity(items.len()); // from the last to the first
    for item in items.into_iter().rev() {
        if !item.is_null() || !kept.last().is_none_or(hides_null_before) {
            kept.push(item);
        }
    }
    kept.reverse();
    match kept.as_mut_slice() {
        [Item::List(only)] => std::mem::take(only),
        _ => kept,
    }
}

fn hides_null_before(next: &Item) -> bool {
    match next {
        Item::Qualifier(_) => true,
        Item::List(items) => matches!(items.first(), Some(Item::Qualifier(_) | Item::Numbered(..))),
        Item::Number(_) | Item::Numbered(..) => false,
    }
}

impl Item {
    fn is_null(&self) -> bool {
        match self {
            Self::Number(number) => *number == Number::ZERO,
            Self::List(items) => items.is_empty(),
            Self::Qualifier(_) | Self::Numbered(..) => false,
        }
    }

    /// Compares to nothing at all, which is what the release is.
    fn compare_to_nothing(&self) -> Ordering {
        match self {
            Self::Number(number) => number.cmp(&Number::ZERO),
            Self::Qualifier(word) => word.cmp(&Qualifier::Release),
            Self::Numbered(word, number) => word.cmp(&Qualifier::Release).then_with(|| number.cmp(&Number::ZERO)),
            Self::List(items) => first_decided(items.iter().map(Self::compare_to_nothing)),
        }
    }

    fn compare(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Number(a), Self::Number(b)) => a.cmp(b),
            (Self::Number(_), _) => Ordering::Greater,
            (_, Self::Number(_)) => Ordering::Less,
            (Self::List(a), Self::List(b)) => compare_lists(a, b),
            (Self::List(items), word) => compare_list_to_word(items, word),
            (word, Self::List(items)) => compare_list_to_word(items, word).reverse(),
            (a, b) => compare_words(a, b),
        }
    }

    fn word(&self) -> Option<(&Qualifier, Option<&Number>)> {
        match self {
            Self::Qualifier(word) => Some((word, None)),
            Self::Numbered(word, number) => Some((word, Some(number))),
            Self::Number(_) | Self::List(_) => None,
        }
    }
}

/// `X` comes before `X1`, unless X is but another word for the release.
fn compare_words(a: &Item, b: &Item) -> Ordering {
    let (Some((a, left)), Some((b, right))) = (a.word(), b.word()) else { return Ordering::Equal };
    a.cmp(b).then_with(|| match (left, right) {
        (Some(_), None) | (None, Some(_)) if *a == Qualifier::Release => {
            left.unwrap_or(&Number::ZERO).cmp(right.unwrap_or(&Number::ZERO))
        }
        _ => left.cmp(&right),
    })
}

/// The word stands against the list's first item, nothing against the others.
fn compare_list_to_word(items: &[Item], word: &Item) -> Ordering {
    match items.split_first() {
        Some((first, others)) => {
            first.compare(word).then_with(|| first_decided(others.iter().map(Item::compare_to_nothing)))
        }
        None => word.compare_to_nothing().reverse(),
    }
}

fn compare_lists(a: &[Item], b: &[Item]) -> Ordering {
    let at = |index: usize| match (a.get(index), b.get(index)) {
        (Some(a), Some(b)) => a.compare(b),
        (Some(a), None) => a.compare_to_nothing(),
        (None, Some(b)) => b.compare_to_nothing().reverse(),
        (None, None) => Ordering::Equal,
    };
    first_decided((0..a.len().max(b.len())).map(at))
}

fn first_decided(mut orderings: impl Iterator<Item = Ordering>) -> Ordering {
    orderings.find(|&decided| decided != Ordering::Equal).unwrap_or(Ordering::Equal)
}

impl Qualifier {
    fn of(word: &str) -> Self {
        match word {
            "alpha" => Self::Alpha,
            "beta" => Self::Beta,
            "milestone" => Self::Milestone,
            "rc" | "cr" => Self::Candidate,
            "snapshot" => Self::Snapshot,
            "ga" | "final" | "release" => Self::Release,
            "sp" => Self::ServicePack,
            _ => Self::Other(word.into()),
        }
    }

    /// Followed by a number, single letters are short for words.
    fn before_number(word: &str) -> Self {
        match word {
            "a" => Self::Alpha,
            "b" => Self::Beta,
            "m" => Self::Milestone,
            _ => Self::of(word),
        }
    }
}

impl Ord for Maven {
    fn cmp(&self, other: &Self) -> Ordering {
        compare_lists(&self.0, &other.0)
    }
}

impl PartialOrd for Maven {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Maven {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Maven {}

#[cfg(test)]
mod tests {
    use crate::version::{Order, laws};
    use std::cmp::Ordering::{Equal, Greater, Less};

    #[test]
    fn the_published_lists_ascend() {
        laws::ascends(
            Order::Maven,
            &[
                "1-alpha2snapshot",
                "1-alpha2",
                "1-alpha-123",
                "1-beta-2",
                "1-beta123",
                "1-m2",
                "1-m11",
                "1-rc",
                "1-cr2",
                "1-rc123",
                "1-SNAPSHOT",
                "1",
                "1-sp",
                "1-sp2",
                "1-sp123",
                "1-abc",
                "1-def",
                "1-pom-1",
                "1-1-snapshot",
                "1-1",
                "1-2",
                "1-123",
            ],
        );
        laws::ascends(
            Order::Maven,
            &[
                "2.0", "2.0.a", "2-1", "2.0.2", "2.0.123", "2.1.0", "2.1-a", "2.1b", "2.1-c", "2.1-1", "2.1.0.1",
                "2.2", "2.123", "11.a2", "11.a11", "11.b2", "11.b11", "11.m2", "11.m11", "11", "11.a", "11b", "11c",
                "11m",
            ],
        );
    }

    #[test]
    fn spellings_of_one_version_are_equal() {
        let alike = [
            ("1", "1.0.0"),
            ("1", "1-0"),
            ("1.0", "1.0-0"),
            ("1a", "1.0.0-a"),
            ("1.0.0x", "1-x"),
            ("1cr", "1rc"),
            ("1a1", "1-alpha-1"),
            ("1b2", "1-beta-2"),
            ("1m3", "1MileStone3"),
            ("1X", "1x"),
            ("1ga", "1"),
            ("1RELeaSE", "1"),
            ("1FINAL", "1"),
            ("0000000000000000000000000000000001", "1"),
            ("5.0.7", "5.0.7.RELEASE"),
            ("2.0.0.Final", "2.0.0"),
            ("1.é", "1.É"),
        ];

        let rows: Vec<_> = alike.into_iter().map(|(a, b)| (a, Equal, b)).collect();

        laws::holds(Order::Maven, &rows);
    }

    #[test]
    fn versions_compare_as_maven_compares_them() {
        laws::holds(
            Order::Maven,
            &[
                ("1.5", Less, "2"),
                ("1.0-alpha-1", Less, "1.0"),
                ("1.0-alpha-1", Less, "1.0-beta-1"),
                ("1.0-beta-1", Less, "1.0-SNAPSHOT"),
                ("1.0-alpha-1-SNAPSHOT", Less, "1.0-alpha-1"),
                ("1.0", Less, "1.0-1"),
                ("2.0-1", Less, "2.0.1"),
                ("2.0.1-klm", Less, "2.0.1-lmn"),
                ("2.0.1-xyz", Less, "2.0.1-123"),
                ("6.1.0rc3", Less, "6.1.0"),
                ("6.1.0rc3", Less, "6.1H.5-beta"),
                ("6.1.0", Less, "6.1H.5-beta"),
                ("20190126.230843", Less, "1234567890.12345"),
                ("123456789012345.1H.5-beta", Less, "12345678901234567890.1H.5-beta"),
                ("1-0.alpha", Less, "1"),
                ("1-0.beta", Less, "1"),
                ("1", Greater, "é"),
                ("7", Greater, "J"),
                ("0.7", Less, "2"),
                ("zebra", Greater, "aardvark"),
                ("2.0.0-rc1", Less, "2.0.0-RC2"),
                ("32.1.1-android", Less, "32.1.1-jre"),
                ("4.1.94.Final", Less, "4.1.100.Final"),
                ("2.14.1", Greater, "2.3.1"),
            ],
        );
    }

    #[test]
    fn white_space_is_refused() {
        laws::refuses(Order::Maven, &["1 0", "1\u{0}"]);
    }
}
