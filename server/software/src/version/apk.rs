//! apk's order: `number{.number}[letter]{_suffix[number]}[~hash][-rN]`, compared piece by piece.

use super::cursor::Cursor;
use super::number::Number;

/// The pieces of a version, the last of them [`Piece::End`]: so the order of the variants is the whole order.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Apk(Box<[Piece]>);

/// One piece, in ascending order of the variants where two versions differ in kind.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Piece {
    /// `_alpha`, `_beta`, `_pre`, `_rc`: comes before the version without it.
    Before(u8),
    End,
    Revision(Number),
    Hash(Box<str>),
    SuffixNumber(Number),
    /// `_cvs`, `_svn`, `_git`, `_hg`, `_p`: comes after the version without it.
    After(u8),
    Letter(char),
    Part(Part),
    First(Number),
}

/// A number after a dot.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    /// What follows a leading zero; compared as text, like the decimals of a fraction.
    Fraction(Box<str>),
    Whole(Number),
}

impl Apk {
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut cursor = Cursor::new(text);
        let mut pieces = Vec::with_capacity(6);
        pieces.push(Piece::First(Number::of(cursor.digits()?)));
        while cursor.eat(".") {
            pieces.push(Piece::Part(part(cursor.digits()?)));
        }
        pieces.extend(letter(&mut cursor));
        while cursor.eat("_") {
            pieces.push(suffix(cursor.run(|c| c.is_ascii_lowercase()))?);
            pieces.extend(cursor.digits().map(|digits| Piece::SuffixNumber(Number::of(digits))));
        }
        if cursor.eat("~") {
            let hash = cursor.run(|c| c.is_ascii_hexdigit());
            pieces.push(Piece::Hash(Some(hash).filter(|hash| !hash.is_empty())?.into()));
        }
        if cursor.eat("-r") {
            pieces.push(Piece::Revision(Number::of(cursor.digits()?)));
        }
        pieces.push(Piece::End);
        cursor.is_empty().then(|| Self(pieces.into()))
    }
}

fn part(digits: &str) -> Part {
    match digits.strip_prefix('0') {
        Some(decimals) => Part::Fraction(decimals.into()),
        None => Part::Whole(Number::of(digits)),
    }
}

fn letter(cursor: &mut Cursor<'_>) -> Option<Piece> {
    let letter = cursor.rest().chars().next().filter(char::is_ascii_lowercase)?;
    cursor.eat_any(&[letter]).then_some(Piece::Letter(letter))
}

fn suffix(word: &str) -> Option<Piece> {
    Some(match word {
        "alpha" => Piece::Before(0),
        "beta" => Piece::Before(1),
        "pre" => Piece::Before(2),
        "rc" => Piece::Before(3),
        "cvs" => Piece::After(0),
        "svn" => Piece::After(1),
        "git" => Piece::After(2),
        "hg" => Piece::After(3),
        "p" => Piece::After(4),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use crate::version::{Order, laws};
    use std::cmp::Ordering::{Equal, Greater, Less};

    #[test]
    fn versions_compare_as_apk_compares_them() {
        laws::holds(
            Order::Apk,
            &[
                ("2.34", Greater, "0.1.0_alpha"),
                ("0.1.0_alpha", Equal, "0.1.0_alpha"),
                ("0.1.0_alpha", Less, "0.1.3_alpha"),
                ("0.1.0_alpha2", Greater, "0.1.0_alpha"),
                ("1.0.4-r3", Less, "1.0.4-r4"),
                ("1.1", Greater, "1.1_alpha1"),
                ("1.3_alpha2", Less, "1.3_alpha3"),
                ("0.8_beta4", Less, "4.8-r1"),
                ("2.3.0b-r1", Less, "2.3.0b-r2"),
                ("0.12.3", Greater, "0.12"),
                ("3.1_p16", Less, "3.1_p17"),
                ("1.06-r6", Less, "006"),
                ("006", Greater, "1.0.0"),
                ("2.01.01_alpha10", Greater, "0.94"),
                ("1.39", Greater, "1.00_beta2"),
                ("1.02.07", Less, "1.02.10-r1"),
                ("20060720", Greater, "3.0.20060720"),
                ("6b-r7", Greater, "1.12-r7"),
                ("1.2.07.8", Less, "1.2.12.04"),
                ("0.98", Less, "1.00"),
                ("4.2.52_p2-r1", Less, "4.2.52_p4-r2"),
                ("0.9.8c-r1", Less, "0.9.8d"),
                ("1.8.5", Less, "1.8.5_p2"),
                ("1.3-r0", Less, "1.3.1-r0"),
                ("1.3_pre1-r1", Less, "1.3.2"),
                ("1.0_p10-r0", Greater, "1.0_p9-r0"),
                ("0.1.0_alpha_pre2", Less, "0.1.0_alpha"),
                ("1.0.0_pre20191002222144-r0", Less, "1.0.0_pre20210530193627-r0"),
                ("1.0_git20240101", Greater, "1.0"),
                ("1.0_cvs", Less, "1.0_svn"),
                ("1.0_hg", Less, "1.0_p"),
                ("1.2.10", Greater, "1.2.9"),
                ("1.02", Less, "1.1"),
                ("1.0~1234abcd", Greater, "1.0"),
                ("1.0~1234", Less, "1.0~1235"),
                ("1.0~1234", Greater, "1.0-r5"),
                ("1.0~1234-r1", Greater, "1.0~1234"),
            ],
        );
    }

    #[test]
    fn what_apk_refuses_is_refused() {
        laws::refuses(
            Order::Apk,
            &[
                "23_foo",
                "1.0bc",
                "1.",
                "a1",
                "1..2",
                "1a2",
                "1.0-r",
                "1.0-1",
                "1.0~",
                "1.0-r1~ab",
                "1.0_",
                "1.0_alpha.1",
            ],
        );
    }
}
