//! dpkg's order (deb-version(7)): epoch, then upstream version, then revision; runs of other characters and runs of digits
//! alternate, `~` comes before the end, letters before all other marks.

use std::cmp::Ordering;

/// `[epoch:]upstream[-revision]`.
#[derive(Debug, Clone)]
pub(super) struct Dpkg {
    epoch: u32,
    upstream: Box<str>,
    /// Empty where there is none, which is equal to `0`.
    revision: Box<str>,
}

impl Dpkg {
    /// As dpkg reads a database: it warns of unusual characters and takes them, so they are taken here.
    pub(super) fn parse(text: &str) -> Option<Self> {
        if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return None;
        }
        let (epoch, rest) = match text.split_once(':') {
            Some((epoch, rest)) => (parse_epoch(epoch)?, rest),
            None => (0, text),
        };
        let (upstream, revision) = match rest.rsplit_once('-') {
            Some((_, "")) => return None,
            Some(both) => both,
            None => (rest, ""),
        };
        (!upstream.is_empty()).then(|| Self { epoch, upstream: upstream.into(), revision: revision.into() })
    }
}

/// dpkg keeps an epoch in a C `int`.
fn parse_epoch(digits: &str) -> Option<u32> {
    let plain = digits.bytes().all(|byte| byte.is_ascii_digit());
    digits.parse().ok().filter(|&epoch| plain && epoch <= i32::MAX.unsigned_abs())
}

impl Ord for Dpkg {
    fn cmp(&self, other: &Self) -> Ordering {
        self.epoch
            .cmp(&other.epoch)
            .then_with(|| compare_part(&self.upstream, &other.upstream))
            .then_with(|| compare_part(&self.revision, &other.revision))
    }
}

impl PartialOrd for Dpkg {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Dpkg {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Dpkg {}

fn compare_part(a: &str, b: &str) -> Ordering {
    let (mut a, mut b) = (a.as_bytes(), b.as_bytes());
    while !a.is_empty() || !b.is_empty() {
        let decided = compare_marks(&mut a, &mut b).then_with(|| compare_digits(&mut a, &mut b));
        if decided != Ordering::Equal {
            return decided;
        }
    }
    Ordering::Equal
}

/// Compares up to the next digit of both.
fn compare_marks(a: &mut &[u8], b: &mut &[u8]) -> Ordering {
    loop {
        let (left, right) = (next_mark(a), next_mark(b));
        if left.is_none() && right.is_none() {
            return Ordering::Equal;
        }
        let decided = weight(left).cmp(&weight(right));
        if decided != Ordering::Equal {
            return decided;
        }
    }
}

/// Takes the next character unless it is a digit.
fn next_mark(text: &mut &[u8]) -> Option<u8> {
    let (&first, rest) = text.split_first().filter(|(first, _)| !first.is_ascii_digit())?;
    *text = rest;
    Some(first)
}

/// The end, and a digit, weigh nothing: only a tilde is lighter.
fn weight(mark: Option<u8>) -> i32 {
    match mark {
        None => 0,
        Some(b'~') => -1,
        Some(letter) if letter.is_ascii_alphabetic() => i32::from(letter),
        Some(other) => i32::from(other) + 256,
    }
}

/// Takes a run of digits of each and compares their values.
fn compare_digits(a: &mut &[u8], b: &mut &[u8]) -> Ordering {
    let (left, right) = (next_digits(a), next_digits(b));
    left.len().cmp(&right.len()).then_with(|| left.cmp(right))
}

/// Takes a run of digits; without its leading zeros.
fn next_digits<'a>(text: &mut &'a [u8]) -> &'a [u8] {
    let end = text.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len());
    let (digits, rest) = text.split_at_checked(end).unwrap_or((text, &[]));
    *text = rest;
    let zeros = digits.iter().take_while(|&&byte| byte == b'0').count();
    digits.get(zeros..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use crate::version::{Order, laws};
    use std::cmp::Ordering::{Equal, Greater, Less};

    #[test]
    fn versions_compare_as_dpkg_compares_them() {
        laws::holds(
            Order::Dpkg,
            &[
                ("7.6p2-4", Greater, "7.6-0"),
                ("1.0.3-3", Greater, "1.0-1"),
                ("1.3", Greater, "1.2.2-2"),
                ("1.3", Greater, "1.2.2"),
                ("0-pre", Equal, "0-pre"),
                ("0-pre", Less, "0-pree"),
                ("1.1.6r2-2", Greater, "1.1.6r-1"),
                ("2.6b2-1", Greater, "2.6b-2"),
                ("98.1p5-1", Less, "98.1-pre2-b6-2"),
                ("0.4a6-2", Greater, "0.4-1"),
                ("1:3.0.5-2", Less, "1:3.0.5.1"),
                ("1:0.4", Greater, "10.3"),
                ("1:1.25-4", Less, "1:1.25-8"),
                ("0:1.18.36", Equal, "1.18.36"),
                ("1.18.36", Greater, "1.18.35"),
                ("9:1.18.36:5.4-20", Less, "10:0.5.1-22"),
                ("9:1.18.36:5.4-20", Less, "9:1.18.36:5.5-1"),
                ("9:1.18.36:5.4-20", Less, " 9:1.18.37:4.3-22"),
                ("1.18.36-0.17.35-18", Greater, "1.18.36-19"),
                ("1:1.2.13-3", Less, "1:1.2.13-3.1"),
                ("2.0.7pre1-4", Less, "2.0.7r-1"),
                ("0.2", Less, "1.0-0"),
                ("1.0", Equal, "1.0-0"),
                ("1.0", Less, "1.0-0+b1"),
                ("1.0", Greater, "1.0-0~"),
                ("1.2.3", Equal, "1.2.3-0"),
                ("1.2.3-0", Equal, "1.2.3-00"),
                ("1.0~rc1", Less, "1.0"),
                ("1.0~~", Less, "1.0~"),
                ("1.0~~a", Less, "1.0~"),
                ("1.0~", Less, "1.0"),
                ("1.0", Less, "1.0a"),
                ("1.0a", Less, "1.0+dfsg"),
                ("1.0+dfsg-1", Less, "1.0.1-1"),
                ("1:7.88.1-10+deb12u5", Less, "1:7.88.1-10+deb12u12"),
                ("18446744073709551616", Greater, "9"),
            ],
        );
    }

    #[test]
    fn what_dpkg_refuses_is_refused() {
        laws::refuses(Order::Dpkg, &["1:", ":1", "a:1", "-1:1", "+1:1", "1-", "-1", "1 0", "2147483648:1", "1.0é"]);
    }
}
