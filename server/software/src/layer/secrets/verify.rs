//! What proves that letters of the right form are a secret: check digits, entropy, and not being an example.

/// Bits per byte of the text's own distribution (Shannon).
pub(super) fn entropy(bytes: &[u8]) -> f64 {
    let mut counts = [0_u32; 256];
    for byte in bytes {
        if let Some(count) = counts.get_mut(usize::from(*byte)) {
            *count += 1;
        }
    }
    let total = bytes.len() as f64;
    let share = |count: &u32| f64::from(*count) / total;
    counts.iter().filter(|count| **count > 0).map(share).map(|p| -p * p.log2()).sum()
}

/// How many of lower case, upper case, digits and other marks occur.
pub(super) fn classes(bytes: &[u8]) -> usize {
    let kinds: [fn(&u8) -> bool; 4] =
        [u8::is_ascii_lowercase, u8::is_ascii_uppercase, u8::is_ascii_digit, |byte| !byte.is_ascii_alphanumeric()];
    kinds.iter().filter(|is| bytes.iter().any(is)).count()
}

/// The IEEE CRC-32, as in zip files.
pub(super) fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| if crc & 1 == 1 { (crc >> 1) ^ 0xEDB8_8320 } else { crc >> 1 })
    })
}

/// Whether the last six of these letters are the CRC-32 of those before, in base 62: the check digits of GitHub's and
/// npm's tokens (<https://github.blog/2021-04-05-behind-githubs-new-authentication-token-formats/>).
pub(super) fn ends_in_crc32(body: &[u8]) -> bool {
    let Some((payload, digits)) = body.split_last_chunk::<6>() else { return false };
    *digits == base62(crc32(payload))
}

/// Six digits in base 62.
pub(super) fn base62(mut number: u32) -> [u8; 6] {
    const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let mut out = [b'0'; 6];
    for place in out.iter_mut().rev() {
        *place = DIGITS.get((number % 62) as usize).copied().unwrap_or(b'0');
        number /= 62;
    }
    out
}

/// Words by which people mark what is no real value.
const PLACEHOLDERS: &[&str] = &[
    "example",
    "changeme",
    "change_me",
    "change-me",
    "changeit",
    "placeholder",
    "dummy",
    "redacted",
    "replace",
    "insert",
    "your_",
    "your-",
    "yourpass",
    "yoursecret",
    "yourtoken",
    "yourkey",
    "mypassword",
    "mysecret",
    "sample",
    "not_a_real",
    "notreal",
    "xxxx",
    "****",
    "....",
    "1234567890",
    "0123456789",
    "abcdefgh",
    "deadbeef",
    "todo",
    "fixme",
    "undefined",
    "insecure",
    "test_",
    "_test",
    "-test",
    "test-",
    "fake",
];

/// Whether a value is one that people write in place of a real one, or a reference to one that is elsewhere.
pub(super) fn is_placeholder(value: &[u8]) -> bool {
    let lower = String::from_utf8_lossy(value).to_ascii_lowercase();
    let is_reference = lower.starts_with(['$', '<', '{', '%', '@'])
        || ["${", "{{", "$(", "<%"].iter().any(|mark| lower.contains(mark));
    let longest_run = value.chunk_by(|a, b| a == b).map(<[u8]>::len).max().unwrap_or_default();
    is_reference || longest_run >= 6 || PLACEHOLDERS.iter().any(|word| lower.contains(word))
}

/// Where the run of such bytes that begins at `from` ends.
pub(super) fn run(bytes: &[u8], from: usize, most: usize, is: impl Fn(u8) -> bool) -> usize {
    let rest = bytes.get(from..).unwrap_or_default();
    from + rest.iter().take(most).take_while(|byte| is(**byte)).count()
}

/// Whether a word begins here: what stands before is no letter or digit, unless that is the end of an escape such as `\n`.
pub(super) fn begins(bytes: &[u8], at: usize) -> bool {
    let before = |back: usize| at.checked_sub(back).and_then(|place| bytes.get(place)).copied();
    match before(1) {
        Some(b'n' | b't' | b'r') if before(2) == Some(b'\\') => true,
        Some(byte) => !byte.is_ascii_alphanumeric(),
        None => true,
    }
}

/// Letters of base 64 in its usual form.
pub(super) fn is_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=')
}

/// Letters of base 64 in its form for URLs.
pub(super) fn is_base64url(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')
}

/// A value that is set after a name: where it begins and ends. Understands `name=value`, `name: value`, `"name": "value"`
/// and `name => 'value'`; `from` is where the name ends. None when the value is longer than `most`.
pub(super) fn assigned(bytes: &[u8], from: usize, most: usize) -> Option<(usize, usize)> {
    let is_quote = |byte| matches!(byte, b'"' | b'\'' | b'\\' | b'`' | b']');
    let at = run(bytes, from, 3, is_quote);
    let at = run(bytes, at, 8, |byte| matches!(byte, b' ' | b'\t'));
    let sign = run(bytes, at, 2, |byte| matches!(byte, b'=' | b':' | b'>'));
    if sign == at {
        return None;
    }
    let at = run(bytes, sign, 16, |byte| matches!(byte, b' ' | b'\t'));
    let start = run(bytes, at, 2, |byte| matches!(byte, b'"' | b'\'' | b'\\' | b'`'));
    let quoted = start.checked_sub(1).and_then(|place| bytes.get(place)).copied().filter(|_| start > at);
    let end = run(bytes, start, most + 1, |byte| match quoted {
        Some(quote @ (b'"' | b'\'' | b'`')) => byte != quote && byte != b'\\' && byte != b'\n',
        _ => !byte.is_ascii_whitespace() && !matches!(byte, b'"' | b'\'' | b'`' | b'\\'),
    });
    (end > start && end - start <= most).then_some((start, end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn check_digits_are_those_that_the_formats_publish() {
        assert_eq!(crc32(b"123456789"), 0xCBF4_3926);
        assert_eq!(base62(0), *b"000000");
        assert_eq!(base62(61), *b"00000z");
        assert!(ends_in_crc32(&[b"payload".as_slice(), &base62(crc32(b"payload"))].concat()));
        assert!(!ends_in_crc32(b"payload000000"));
        assert!(!ends_in_crc32(b"short"));
    }

    #[test]
    fn entropy_is_in_bits_per_byte() {
        assert!(entropy(b"").abs() < 1e-9);
        assert!(entropy(b"aaaa").abs() < 1e-9);
        assert!((entropy(b"abcd") - 2.0).abs() < 1e-9);
    }

    #[test]
    fn placeholders_and_references_are_no_values() {
        for text in
            ["changeme123", "<password>", "${TOKEN}", "$TOKEN", "your-token-here", "aaaaaaaaaa", "{{ x }}", "%PASS%"]
        {
            assert!(is_placeholder(text.as_bytes()), "{text}");
        }
        assert!(!is_placeholder(b"k9Qw2ZrT7vLp"));
    }

    #[test]
    fn assigned_values_are_found_in_every_dress() {
        for text in [
            "name=value rest",
            "name: value",
            "name\": \"value\"",
            "name' => 'value'",
            "name\\\": \\\"value\\\"",
            "name = `value`",
        ] {
            let (start, end) = assigned(text.as_bytes(), 4, 9).unwrap();
            assert_eq!(text.get(start..end), Some("value"), "{text}");
        }
        assert_eq!(assigned(b"name value", 4, 9), None);
        assert_eq!(assigned(b"name=longervalue", 4, 9), None);
        assert_eq!(assigned(b"name=", 4, 9), None);
    }
}
