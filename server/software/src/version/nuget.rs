//! NuGet's order: up to four numbers, then a pre-release that ignores case; metadata does not count.

use super::cursor::Cursor;
use super::semver::{Stage, is_identifier};

/// In the order of significance.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct NuGet {
    /// Each at most `i32::MAX`, as in .NET.
    parts: [u32; 4],
    stage: Stage<Label>,
}

/// A dotted part of a pre-release. A number is what .NET reads as an `int`, so one too large for it is a word.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Label {
    Number(i32),
    /// In upper case.
    Word(Box<str>),
}

impl NuGet {
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut cursor = Cursor::new(text);
        let mut parts = [part(&mut cursor)?, 0, 0, 0];
        for next in parts.iter_mut().skip(1) {
            if !cursor.eat(".") {
                break;
            }
            *next = part(&mut cursor)?;
        }
        let mut stage = Stage::Release;
        if cursor.eat("-") {
            stage = Stage::Prerelease(cursor.run(|c| c != '+').split('.').map(label).collect::<Option<_>>()?);
        }
        let valid = if cursor.eat("+") { cursor.rest().split('.').all(is_identifier) } else { cursor.is_empty() };
        valid.then_some(Self { parts, stage })
    }
}

fn part(cursor: &mut Cursor<'_>) -> Option<u32> {
    cursor.digits()?.parse().ok().filter(|&part| part <= i32::MAX.unsigned_abs())
}

fn label(text: &str) -> Option<Label> {
    let number = || text.parse().map(Label::Number).ok();
    is_identifier(text).then(|| number().unwrap_or_else(|| Label::Word(text.to_ascii_uppercase().into())))
}

#[cfg(test)]
mod tests {
    use crate::version::{Order, laws};
    use std::cmp::Ordering::{Equal, Greater, Less};

    #[test]
    fn versions_compare_as_nuget_compares_them() {
        laws::holds(
            Order::NuGet,
            &[
                ("1.0", Equal, "1.0.0.0"),
                ("1", Equal, "1.0"),
                ("1.23.01", Equal, "1.23.1"),
                ("1.45.6.0", Equal, "1.45.6"),
                ("1.45.6", Less, "1.45.6.1"),
                ("1.45.6-Alpha", Equal, "1.45.6-alpha"),
                ("1.6.2-BeTa", Equal, "1.6.02-beta"),
                ("22.3.07", Equal, "22.3.07"),
                ("1.0.0", Greater, "1.0.0-beta"),
                ("1.0.0-alpha", Less, "1.0.0-beta"),
                ("1.0.0-BETA", Greater, "1.0.0-alpha"),
                ("1.0.0-beta.2", Less, "1.0.0-beta.11"),
                ("1.0.0-beta2", Greater, "1.0.0-beta11"),
                ("1.0.0-beta", Less, "1.0.0-beta.1"),
                ("1.0.0-1", Less, "1.0.0-a"),
                ("1.0.0-01", Equal, "1.0.0-1"),
                ("1.0.0-99999999999", Greater, "1.0.0-2"),
                ("1.0.0-99999999999", Less, "1.0.0-A"),
                ("1.0.0+AA", Equal, "1.0.0+beta"),
                ("1.0.0-beta+AA", Equal, "1.0.0-BETA"),
                ("1.0.0.10", Greater, "1.0.0.9"),
                ("2.0.0-rc.2.23480.1", Less, "2.0.0-rc.10"),
            ],
        );
    }

    #[test]
    fn what_nuget_refuses_is_refused() {
        laws::refuses(
            Order::NuGet,
            &["1.2.3.4.5", "v1.0", "1.0-", "1.0+", "1.0-a..b", "1..0", "1.0.", "2147483648.0", "1.0-b_c", "1.0 beta"],
        );
    }
}
