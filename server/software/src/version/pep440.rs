//! PEP 440, Python's order: `[epoch!]release[pre][.postN][.devN][+local]` in any of the spellings it normalizes.

use super::cursor::Cursor;
use super::number::Number;

/// In the order of significance.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Pep440 {
    epoch: Number,
    /// Without trailing zeros: `1.0` is `1`.
    release: Box<[Number]>,
    pre: Pre,
    post: Option<Number>,
    dev: Dev,
    local: Option<Box<[Local]>>,
}

/// Where it stands before the release; ascending.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Pre {
    /// A development release of the release itself: `1.0.dev1`.
    Development,
    Alpha(Number),
    Beta(Number),
    Candidate(Number),
    /// No pre-release.
    Final,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Dev {
    Number(Number),
    Final,
}

/// A part of a local version; words come before numbers.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Local {
    Word(Box<str>),
    Number(Number),
}

const SEPARATORS: [char; 3] = ['-', '_', '.'];

impl Pep440 {
    pub(super) fn parse(text: &str) -> Option<Self> {
        let lower = text.to_ascii_lowercase();
        let mut cursor = Cursor::new(&lower);
        cursor.eat("v");
        let (epoch, release) = release(&mut cursor)?;
        let pre = labelled(&mut cursor, &PRE_LABELS);
        let post = implicit_post(&mut cursor).or_else(|| labelled(&mut cursor, &POST_LABELS).map(|(_, n)| n));
        let dev = labelled(&mut cursor, &["dev"]).map_or(Dev::Final, |(_, n)| Dev::Number(n));
        let local = if cursor.eat("+") { Some(local(cursor)?) } else { None };
        if local.is_none() && !cursor.is_empty() {
            return None;
        }
        let pre = match pre {
            Some((label, n)) => pre_of(label, n),
            None if post.is_none() && dev != Dev::Final => Pre::Development,
            None => Pre::Final,
        };
        Some(Self { epoch, release, pre, post, dev, local })
    }
}

/// Longer words before those that they begin with.
const PRE_LABELS: [&str; 8] = ["alpha", "a", "beta", "b", "preview", "pre", "rc", "c"];
const POST_LABELS: [&str; 3] = ["post", "rev", "r"];

fn pre_of(label: &str, n: Number) -> Pre {
    match label {
        "alpha" | "a" => Pre::Alpha(n),
        "beta" | "b" => Pre::Beta(n),
        _ => Pre::Candidate(n),
    }
}

/// Epoch and release.
fn release(cursor: &mut Cursor<'_>) -> Option<(Number, Box<[Number]>)> {
    let mut first = Number::of(cursor.digits()?);
    let mut epoch = Number::ZERO;
    if cursor.eat("!") {
        epoch = first;
        first = Number::of(cursor.digits()?);
    }
    let mut release = vec![first];
    loop {
        let mut ahead = *cursor;
        let Some(digits) = Some(ahead.eat(".")).filter(|&dot| dot).and_then(|_| ahead.digits()) else { break };
        release.push(Number::of(digits));
        *cursor = ahead;
    }
    while release.last() == Some(&Number::ZERO) {
        release.pop();
    }
    Some((epoch, release.into()))
}

/// `[separator]label[separator][number]`; no number is zero.
fn labelled<'a>(cursor: &mut Cursor<'_>, labels: &[&'a str]) -> Option<(&'a str, Number)> {
    let mut ahead = *cursor;
    ahead.eat_any(&SEPARATORS);
    let label = labels.iter().find(|label| ahead.eat(label))?;
    ahead.eat_any(&SEPARATORS);
    let number = ahead.digits().map_or(Number::ZERO, Number::of);
    *cursor = ahead;
    Some((label, number))
}

/// `1.0-1` is a post-release.
fn implicit_post(cursor: &mut Cursor<'_>) -> Option<Number> {
    let mut ahead = *cursor;
    let digits = Some(ahead.eat("-")).filter(|&dash| dash).and_then(|_| ahead.digits())?;
    *cursor = ahead;
    Some(Number::of(digits))
}

/// All that follows the `+`.
fn local(cursor: Cursor<'_>) -> Option<Box<[Local]>> {
    cursor.rest().split(SEPARATORS).map(local_part).collect()
}

fn local_part(part: &str) -> Option<Local> {
    let valid = !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let number = part.bytes().all(|byte| byte.is_ascii_digit());
    valid.then(|| if number { Local::Number(Number::of(part)) } else { Local::Word(part.into()) })
}

#[cfg(test)]
mod tests {
    use crate::version::{Order, laws};
    use std::cmp::Ordering::{Equal, Greater, Less};

    #[test]
    fn the_published_list_ascends() {
        laws::ascends(
            Order::Pep440,
            &[
                "1.0.dev456",
                "1.0a1",
                "1.0a2.dev456",
                "1.0a12.dev456",
                "1.0a12",
                "1.0b1.dev456",
                "1.0b2",
                "1.0b2.post345.dev456",
                "1.0b2.post345",
                "1.0b2-346",
                "1.0c1.dev456",
                "1.0c1",
                "1.0rc2",
                "1.0c3",
                "1.0",
                "1.0+abc.5",
                "1.0+abc.7",
                "1.0+5",
                "1.0.post456.dev34",
                "1.0.post456",
                "1.0.15",
                "1.1.dev1",
                "1.2+123abc",
                "1.2+123abc456",
                "1.2+abc",
                "1.2+abc123",
                "1.2+abc123def",
                "1.2+1234.abc",
                "1.2+123456",
                "1.2.r32+123456",
                "1.2.rev33+123456",
                "1!0.0.1",
                "1!1.0",
            ],
        );
    }

    #[test]
    fn spellings_that_normalize_alike_are_equal() {
        laws::holds(
            Order::Pep440,
            &[
                ("1.0", Equal, "1.0.0"),
                ("v1.0", Equal, " 1.0 "),
                ("0!1.0", Equal, "1.0"),
                ("1.0-ALPHA-1", Equal, "1.0a1"),
                ("1.0.beta_2", Equal, "1.0b2"),
                ("1.0preview3", Equal, "1.0rc3"),
                ("1.0pre3", Equal, "1.0c3"),
                ("1.0a", Equal, "1.0a0"),
                ("1.0-1", Equal, "1.0.post1"),
                ("1.0-r4", Equal, "1.0.post4"),
                ("1.0post", Equal, "1.0.post0"),
                ("1.0dev", Equal, "1.0-dev0"),
                ("1.0a--1", Equal, "1.0a0.post1"),
                ("1.0+Ubuntu-1", Equal, "1.0+ubuntu.1"),
                ("01.002", Equal, "1.2"),
                ("20240101000000000000000000", Greater, "9"),
                ("1.0", Less, "1.0.1"),
            ],
        );
    }

    #[test]
    fn what_is_no_python_version_is_refused() {
        laws::refuses(
            Order::Pep440,
            &["1.0-foo", "1.", "1.0+", "1.0+a+b", "1.0+_x", "dev", "1!", "2004d-x", "1.0.x", "1 .0", "1.0٣"],
        );
    }
}
