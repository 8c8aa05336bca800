//! Key stores in binary form (Java's JKS and JCEKS, PKCS #12): told only when a private key is in them, not just
//! certificates that are trusted.

use super::Hit;

/// The most entries of a store that are walked.
const MOST_ENTRIES: u32 = 10_000;

/// Whether a name is that of a key store.
pub(super) fn is_named_so(path: &str) -> bool {
    let lower = path.to_ascii_lowercase();
    [".jks", ".jceks", ".keystore", ".p12", ".pfx"].iter().any(|end| lower.ends_with(end))
}

/// A key store with a private key in it. Its keys are encrypted, so that it weighs less.
pub(super) fn find(path: &str, bytes: &[u8]) -> Option<Hit> {
    let holds = is_named_so(path) && (java_holds_key(bytes).unwrap_or(false) || pkcs12_holds_key(bytes));
    holds.then(|| Hit::new("key_store", 0, bytes.len(), bytes).lesser())
}

/// Walks a Java store to its first private or secret key.
fn java_holds_key(bytes: &[u8]) -> Option<bool> {
    let (magic, rest) = number(bytes)?;
    let (version, rest) = number(rest)?;
    let (count, mut rest) = number(rest)?;
    if !matches!(magic, 0xFEED_FEED | 0xCECE_CECE) || !matches!(version, 1 | 2) {
        return None;
    }
    for _ in 0..count.min(MOST_ENTRIES) {
        let (tag, after) = number(rest)?;
        if tag != 2 {
            return Some(matches!(tag, 1 | 3));
        }
        // A trusted certificate: alias, date, type of certificate, certificate.
        let after = text(after)?.get(8..)?;
        let after = if version == 2 { text(after)? } else { after };
        let (length, after) = number(after)?;
        rest = after.get(usize::try_from(length).ok()?..)?;
    }
    Some(false)
}

fn number(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let (number, rest) = bytes.split_first_chunk::<4>()?;
    Some((u32::from_be_bytes(*number), rest))
}

/// What follows a text that its first two bytes give the length of.
fn text(bytes: &[u8]) -> Option<&[u8]> {
    let (length, rest) = bytes.split_first_chunk::<2>()?;
    rest.get(usize::from(u16::from_be_bytes(*length))..)
}

/// Whether this is a PKCS #12 file (a sequence that begins with version 3) that names a bag of keys (RFC 7292, 4.2).
fn pkcs12_holds_key(bytes: &[u8]) -> bool {
    const BAG: &[u8] = b"\x2A\x86\x48\x86\xF7\x0D\x01\x0C\x0A\x01";
    let is_pkcs12 = bytes.first() == Some(&0x30)
        && bytes.get(1..16).is_some_and(|head| head.windows(3).any(|part| part == [2, 1, 3]));
    is_pkcs12 && memchr::memmem::find_iter(bytes, BAG).any(|at| matches!(bytes.get(at + BAG.len()), Some(1 | 2)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn java(tag: u8) -> Vec<u8> {
        let mut bytes = vec![0xFE, 0xED, 0xFE, 0xED, 0, 0, 0, 2, 0, 0, 0, 2];
        // A trusted certificate first: alias "a", a date, type "X", two bytes.
        bytes.extend([0, 0, 0, 2, 0, 1, b'a', 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, b'X', 0, 0, 0, 2, 9, 9]);
        bytes.extend([0, 0, 0, tag, 0, 1, b'b', 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, b'X', 0, 0, 0, 2, 9, 9]);
        bytes
    }

    #[test]
    fn a_store_of_keys_is_told_and_one_of_certificates_is_not() {
        assert!(find("app/server.jks", &java(1)).is_some());
        assert!(find("app/server.jks", &java(2)).is_none());
        assert!(find("etc/ssl/certs/java/cacerts", &java(1)).is_none());
        for cut in 0..java(2).len() {
            assert!(find("app/server.jks", java(2).get(..cut).unwrap()).is_none());
        }
    }

    #[test]
    fn a_pkcs12_file_is_told_when_it_names_a_bag_of_keys() {
        let with = |kind: u8| {
            [b"\x30\x82\x01\x00\x02\x01\x03\x30".as_slice(), b"\x2A\x86\x48\x86\xF7\x0D\x01\x0C\x0A\x01", &[kind]]
                .concat()
        };
        assert!(find("app/client.p12", &with(2)).is_some());
        assert!(find("app/client.p12", &with(3)).is_none());
        assert!(find("app/client.bin", &with(2)).is_none());
    }
}
