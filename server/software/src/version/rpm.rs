//! rpm's order: epoch, version and release, each of the last two by rpmvercmp: runs of letters and of digits, with `~`
//! before the end, `^` after it and before all else, letters before digits; other characters only separate.

use super::number::Number;
use std::cmp::Ordering;

/// `[epoch:]version[-release]`.
#[derive(Debug, Clone)]
pub(super) struct Rpm {
    epoch: Number,
    version: Box<str>,
    /// None comes before any.
    release: Option<Box<str>>,
}

impl Rpm {
    pub(super) fn parse(text: &str) -> Option<Self> {
        if text.chars().any(|c| c.is_whitespace() || c.is_control()) {
            return None;
        }
        let epoch = text.split_once(':').filter(|(epoch, _)| epoch.bytes().all(|byte| byte.is_ascii_digit()));
        let (epoch, rest) = epoch.unwrap_or(("", text));
        let (version, release) = match rest.rsplit_once('-') {
            Some((version, release)) => (version, Some(release)),
            None => (rest, None),
        };
        if version.is_empty() || release.is_some_and(str::is_empty) {
            return None;
        }
        Some(Self { epoch: Number::of(epoch), version: version.into(), release: release.map(Into::into) })
    }
}

impl Ord for Rpm {
    fn cmp(&self, other: &Self) -> Ordering {
        let release = || match (&self.release, &other.release) {
            (Some(a), Some(b)) => compare_part(a, b),
            (a, b) => a.is_some().cmp(&b.is_some()),
        };
        self.epoch.cmp(&other.epoch).then_with(|| compare_part(&self.version, &other.version)).then_with(release)
    }
}

impl PartialOrd for Rpm {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Rpm {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Rpm {}

/// One piece of a version or release, in ascending order of the variants.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Piece<'a> {
    Tilde,
    End,
    Caret,
    Letters(&'a [u8]),
    /// How many digits without leading zeros, and which.
    Digits(usize, &'a [u8]),
}

fn compare_part(a: &str, b: &str) -> Ordering {
    let (mut a, mut b) = (a.as_bytes(), b.as_bytes());
    loop {
        let (left, right) = (next_piece(&mut a), next_piece(&mut b));
        match left.cmp(&right) {
            Ordering::Equal if left == Piece::End => return Ordering::Equal,
            Ordering::Equal => {}
            decided => return decided,
        }
    }
}

fn next_piece<'a>(text: &mut &'a [u8]) -> Piece<'a> {
    take_while(text, |byte| !byte.is_ascii_alphanumeric() && byte != b'~' && byte != b'^');
    match text.split_first() {
        None => Piece::End,
        Some((b'~', rest)) => {
            *text = rest;
            Piece::Tilde
        }
        Some((b'^', rest)) => {
            *text = rest;
            Piece::Caret
        }
        Some((first, _)) if first.is_ascii_digit() => {
            take_while(text, |byte| byte == b'0');
            let digits = take_while(text, |byte| byte.is_ascii_digit());
            Piece::Digits(digits.len(), digits)
        }
        Some(_) => Piece::Letters(take_while(text, |byte| byte.is_ascii_alphabetic())),
    }
}

fn take_while<'a>(text: &mut &'a [u8], matches: impl Fn(u8) -> bool) -> &'a [u8] {
    let end = text.iter().position(|&byte| !matches(byte)).unwrap_or(text.len());
    let (run, rest) = text.split_at_checked(end).unwrap_or((text, &[]));
    *text = rest;
    run
}

#[cfg(test)]
mod tests {
    use crate::version::{Order, laws};
    use std::cmp::Ordering::{Equal, Greater, Less};

    #[test]
    fn versions_compare_as_rpm_compares_them() {
        laws::holds(
            Order::Rpm,
            &[
                ("1.0", Less, "2.0"),
                ("2.0", Less, "2.0.1"),
                ("2.0.1a", Greater, "2.0.1"),
                ("5.5p1", Less, "5.5p2"),
                ("5.5p1", Less, "5.5p10"),
                ("10xyz", Less, "10.1xyz"),
                ("xyz10", Less, "xyz10.1"),
                ("xyz.4", Less, "8"),
                ("5.5p2", Less, "5.6p1"),
                ("6.0.rc1", Greater, "6.0"),
                ("10b2", Greater, "10a1"),
                ("1.0a", Less, "1.0aa"),
                ("10.0001", Equal, "10.1"),
                ("10.0001", Less, "10.0039"),
                ("4.999.9", Less, "5.0"),
                ("20101121", Less, "20101122"),
                ("2_0", Equal, "2.0"),
                ("a+", Equal, "a_"),
                ("+a", Equal, "_a"),
                ("+", Equal, "_"),
                ("1.0~rc1", Less, "1.0"),
                ("1.0~rc1", Less, "1.0~rc2"),
                ("1.0~rc1~git123", Less, "1.0~rc1"),
                ("1.0^", Greater, "1.0"),
                ("1.0^git1", Less, "1.0^git2"),
                ("1.0^git1", Less, "1.01"),
                ("1.0^20160101", Less, "1.0.1"),
                ("1.0^20160101^git1", Greater, "1.0^20160101"),
                ("1.0~rc1^git1", Greater, "1.0~rc1"),
                ("1.0^git1~pre", Less, "1.0^git1"),
                ("1b.fc17", Less, "1.fc17"),
                ("1g.fc17", Greater, "1.fc17"),
                ("1.1.α", Equal, "1.1.ββ"),
                ("1:1.0-1", Greater, "2.0-1"),
                ("0:1.0-1", Equal, "1.0-1"),
                ("1.0-1.el9", Less, "1.0-1.el9_2"),
                ("1.0", Less, "1.0-1"),
                ("7.76.1-26.el9_3.2", Less, "7.76.1-29.el9"),
            ],
        );
    }

    #[test]
    fn what_has_no_version_is_refused() {
        laws::refuses(Order::Rpm, &["1:", "-1", "1.0-", "1:-1", "1 0", "1.0\u{7}"]);
    }
}
