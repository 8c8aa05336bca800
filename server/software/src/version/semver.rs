//! Semantic Versioning 2.0.0, the order of npm and Cargo; also the base of Go's. Build metadata does not count.

use super::cursor::Cursor;
use super::number::Number;

/// In the order of significance.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Semver {
    pub(super) core: [Number; 3],
    pub(super) stage: Stage<Identifier>,
}

/// A pre-release comes before the release.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Stage<T> {
    Prerelease(Box<[T]>),
    Release,
}

/// Numbers come before words.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Identifier {
    Number(Number),
    Word(Box<str>),
}

impl Semver {
    /// As npm reads it, with any `v`, `=` and spaces in front.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut cursor = Cursor::new(text);
        cursor.run(|c| c == 'v' || c == '=' || c.is_whitespace());
        let core = [number(&mut cursor)?, dotted(&mut cursor)?, dotted(&mut cursor)?];
        Self::after_core(core, cursor)
    }

    /// The pre-release and the build metadata, if any.
    pub(super) fn after_core(core: [Number; 3], mut cursor: Cursor<'_>) -> Option<Self> {
        let mut stage = Stage::Release;
        if cursor.eat("-") {
            let identifiers = cursor.run(|c| c != '+').split('.').map(identifier).collect::<Option<_>>()?;
            stage = Stage::Prerelease(identifiers);
        }
        let valid = if cursor.eat("+") { cursor.rest().split('.').all(is_identifier) } else { cursor.is_empty() };
        valid.then_some(Self { core, stage })
    }
}

/// Digits without a needless zero in front.
pub(super) fn number(cursor: &mut Cursor<'_>) -> Option<Number> {
    cursor.digits().filter(|digits| has_no_leading_zero(digits)).map(Number::of)
}

pub(super) fn dotted(cursor: &mut Cursor<'_>) -> Option<Number> {
    if cursor.eat(".") { number(cursor) } else { None }
}

fn has_no_leading_zero(digits: &str) -> bool {
    digits == "0" || !digits.starts_with('0')
}

fn identifier(text: &str) -> Option<Identifier> {
    if !is_identifier(text) {
        None
    } else if text.bytes().all(|byte| byte.is_ascii_digit()) {
        has_no_leading_zero(text).then(|| Identifier::Number(Number::of(text)))
    } else {
        Some(Identifier::Word(text.into()))
    }
}

/// Whether it is made of letters, digits and hyphens, and not empty.
pub(super) fn is_identifier(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

#[cfg(test)]
mod tests {
    use crate::version::{Order, laws};
    use std::cmp::Ordering::{Equal, Greater, Less};

    #[test]
    fn versions_compare_as_the_specification_and_npm_compare_them() {
        laws::ascends(
            Order::Semver,
            &[
                "1.0.0-alpha",
                "1.0.0-alpha.1",
                "1.0.0-alpha.beta",
                "1.0.0-beta",
                "1.0.0-beta.2",
                "1.0.0-beta.11",
                "1.0.0-rc.1",
                "1.0.0",
                "2.0.0",
                "2.1.0",
                "2.1.1",
            ],
        );
        laws::holds(
            Order::Semver,
            &[
                ("0.0.0", Greater, "0.0.0-foo"),
                ("0.0.1", Greater, "0.0.0"),
                ("0.10.0", Greater, "0.9.0"),
                ("v1.2.3", Equal, "=1.2.3"),
                ("= v1.2.3", Equal, "1.2.3"),
                ("1.2.3", Greater, "1.2.3-asdf"),
                ("1.2.3", Greater, "1.2.3-4"),
                ("1.2.3-5-foo", Greater, "1.2.3-5"),
                ("1.2.3-5", Greater, "1.2.3-4"),
                ("1.2.3-5-Foo", Less, "1.2.3-5-foo"),
                ("3.0.0", Greater, "2.7.2+asdf"),
                ("1.2.3-a.10", Greater, "1.2.3-a.5"),
                ("1.2.3-a.b", Greater, "1.2.3-a.5"),
                ("1.2.3-a.b", Greater, "1.2.3-a"),
                ("1.2.3-a.b.c.10.d.5", Greater, "1.2.3-a.b.c.5.d.100"),
                ("1.2.3-r2", Greater, "1.2.3-r100"),
                ("1.2.3-r100", Greater, "1.2.3-R2"),
                ("1.0.0+0.build.1-rc.10000aaa-kk-0.1", Equal, "1.0.0+00"),
                ("99999999999999999999999.999999999999999999.0", Greater, "18446744073709551615.0.0"),
                ("1.0.0-0A.is.legal", Greater, "1.0.0-0"),
            ],
        );
    }

    #[test]
    fn what_the_specification_calls_invalid_is_refused() {
        laws::refuses(
            Order::Semver,
            &[
                "1",
                "1.2",
                "1.2.3-0123",
                "1.2.3-0123.0123",
                "1.1.2+.123",
                "+invalid",
                "-invalid",
                "alpha",
                "1.0.0-alpha_beta",
                "1.0.0-alpha..1",
                "01.1.1",
                "1.01.1",
                "1.2.3.DEV",
                "1.2.31.2.3----RC-SNAPSHOT.12.09.1--..12+788",
                "1.1.2+meta+meta",
                "1.0.0-",
                "1.0.0beta",
            ],
        );
    }
}
