//! os-release: lines of shell assignments (os-release(5)).

use super::Distribution;

/// No such file is longer than a page or two; what comes after this is not looked at.
const LONGEST_FILE: usize = 64 << 10;
/// Nor is any value that we use, in bytes.
const LONGEST_VALUE: usize = 128;

/// The distribution an os-release file names; none when it names none or the name is not one (os-release(5) allows
/// letters, digits, `.`, `_` and `-`). Without `VERSION_ID` the release is empty.
///
/// openEuler keeps its service pack out of `VERSION_ID`, and advisories are by service pack: there the release is
/// completed from `VERSION` (`22.03 (LTS-SP4)` gives `22.03-LTS-SP4`).
#[must_use]
pub fn parse_os_release(bytes: &[u8]) -> Option<Distribution> {
    let text = String::from_utf8_lossy(bytes.get(..LONGEST_FILE).unwrap_or(bytes));
    let (mut id, mut release, mut version) = (None, String::new(), String::new());
    for (key, value) in text.lines().filter_map(|line| line.trim().split_once('=')) {
        match key {
            "ID" => id = Some(unquoted(value).to_ascii_lowercase()),
            "VERSION_ID" => release = unquoted(value),
            "VERSION" => version = unquoted(value),
            _ => {}
        }
    }
    let id = id.filter(|id| !id.is_empty() && is_word(id))?;
    if !is_word(&release) {
        return None;
    }
    if id == "openeuler" {
        release = with_service_pack(release, &version);
    }
    Some(Distribution { id, release })
}

/// A value without its quotes and escapes.
fn unquoted(value: &str) -> String {
    let value = value.trim();
    for quote in ['"', '\''] {
        if let Some(inner) = value.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote)) {
            return if quote == '"' { unescaped(inner) } else { inner.to_owned() };
        }
    }
    unescaped(value)
}

fn unescaped(value: &str) -> String {
    let mut plain = String::with_capacity(value.len());
    let mut letters = value.chars();
    while let Some(letter) = letters.next() {
        plain.extend(if letter == '\\' { letters.next() } else { Some(letter) });
    }
    plain
}

fn is_word(value: &str) -> bool {
    value.len() <= LONGEST_VALUE
        && value.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-' | b'+' | b'~'))
}

fn with_service_pack(release: String, version: &str) -> String {
    let pack = version.strip_prefix(&release).and_then(|rest| rest.trim().strip_prefix('(')?.strip_suffix(')'));
    match pack {
        Some(pack) if is_word(pack) && !pack.is_empty() => format!("{release}-{pack}"),
        _ => release,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn told(text: &str) -> Option<String> {
        parse_os_release(text.as_bytes()).map(|distribution| distribution.to_string())
    }

    #[test]
    fn names_are_read_with_and_without_quotes() {
        let debian = "PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nVERSION_ID=\"12\"\nID=debian\nID_LIKE=other\n";
        assert_eq!(told(debian).as_deref(), Some("debian-12"));
        assert_eq!(told("# a comment\n\nID='alpine'\nVERSION_ID=3.20.1\r\n").as_deref(), Some("alpine-3.20.1"));
        assert_eq!(told("ID=\"a\\b\"\n").as_deref(), Some("ab"));
        assert_eq!(told("ID=wolfi\nVERSION_ID=\"\"\n").as_deref(), Some("wolfi"));
    }

    #[test]
    fn a_service_pack_is_part_of_the_release_of_openeuler() {
        let release = "ID=\"openEuler\"\nVERSION=\"22.03 (LTS-SP4)\"\nVERSION_ID=\"22.03\"\n";
        assert_eq!(told(release).as_deref(), Some("openeuler-22.03-LTS-SP4"));
        let innovation = "ID=openEuler\nVERSION=23.09\nVERSION_ID=23.09\n";
        assert_eq!(told(innovation).as_deref(), Some("openeuler-23.09"));
    }

    #[test]
    fn a_file_that_names_none_gives_none() {
        for text in ["", "NAME=Linux\n", "ID=\n", "ID=$(reboot)\n", "ID=debian\nVERSION_ID=<b>\n", "\0\0"] {
            assert_eq!(told(text), None, "{text:?}");
        }
        assert_eq!(told(&format!("ID={}", "a".repeat(500))), None);
    }

    proptest! {
        #[test]
        fn nothing_panics(bytes in proptest::collection::vec(any::<u8>(), 0..300), value in "[a\"'\\\\ =]{0,12}") {
            let _ = parse_os_release(&bytes);
            if let Some(found) = parse_os_release(format!("ID={value}\nVERSION_ID={value}").as_bytes()) {
                prop_assert!(is_word(&found.id) && is_word(&found.release));
            }
        }
    }
}
