//! Values that only their name tells: `DB_PASSWORD=…` and passwords inside URLs. Looked for where settings are kept and
//! nowhere else; in source code such names hold anything.

use super::verify::{assigned, classes, entropy, is_placeholder, run};
use super::{Hit, MOST};
use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};
use std::sync::LazyLock;

const BEGINNINGS: &[&str] = &["pass", "pwd", "secret", "token", "key", "credential", "://"];
const URL: usize = 6;
/// The longest name that is looked at, in bytes.
const LONGEST_NAME: usize = 64;
/// The longest value that is looked at, in bytes.
const LONGEST_VALUE: usize = 512;

static AUTOMATON: LazyLock<Option<AhoCorasick>> = LazyLock::new(|| {
    AhoCorasick::builder()
        .match_kind(MatchKind::LeftmostFirst)
        .kind(Some(AhoCorasickKind::DFA))
        .ascii_case_insensitive(true)
        .build(BEGINNINGS)
        .ok()
});

/// The values in a text of settings; at most [`MOST`].
pub(super) fn find(bytes: &[u8]) -> Vec<Hit> {
    let mut free = 0;
    let hits = AUTOMATON.iter().flat_map(|automaton| automaton.find_iter(bytes)).filter_map(|found| {
        if found.start() < free {
            return None;
        }
        let hit = match found.pattern().as_usize() {
            URL => in_url(bytes, found.start(), found.end()),
            _ => after_name(bytes, found.start(), found.end()),
        }?;
        free = hit.end;
        Some(hit)
    });
    hits.take(MOST).collect()
}

/// What a name is taken to hold.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Holds {
    /// Chosen by people, perhaps short.
    Password,
    /// Made by a machine, long.
    Key,
}

/// The value after a name in which the word stands.
fn after_name(bytes: &[u8], at: usize, after: usize) -> Option<Hit> {
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    let before = bytes.get(at.saturating_sub(LONGEST_NAME)..at)?;
    let start = at - before.iter().rev().take_while(|byte| is_name(**byte)).count();
    let end = run(bytes, after, LONGEST_NAME, is_name);
    let name = std::str::from_utf8(bytes.get(start..end)?).ok()?;
    let holds = meaning(name)?;
    let (start, end) = assigned(bytes, end, LONGEST_VALUE).or_else(|| after_flag(bytes, name, end))?;
    let value = bytes.get(start..end)?;
    let spare = value.iter().rev().take_while(|byte| matches!(byte, b';' | b',' | b')' | b'}')).count();
    let value = value.get(..value.len() - spare)?;
    let kind = if holds == Holds::Password { "password" } else { "secret_value" };
    is_real(value, holds).then(|| Hit::new(kind, start, end - spare, value))
}

/// The value of a command's option that a space sets apart: `--password value`.
fn after_flag(bytes: &[u8], name: &str, end: usize) -> Option<(usize, usize)> {
    let start = run(bytes, end, 8, |byte| byte == b' ');
    let stop = run(bytes, start, LONGEST_VALUE, |byte| !byte.is_ascii_whitespace() && !matches!(byte, b'"' | b'\''));
    let is_value = name.starts_with("--") && start > end && bytes.get(start) != Some(&b'-');
    (is_value && stop > start).then_some((start, stop))
}

/// What a name is taken to hold, by its last words: `DB_PASSWORD`, `apiKey`; not `PASSWORD_FILE`, `GPG_KEY`, `KEYBOARD`.
fn meaning(name: &str) -> Option<Holds> {
    let words = words_of(name);
    let mut last = words.iter().rev().map(String::as_str);
    match (last.next()?, last.next()) {
        ("password" | "passwd" | "passphrase" | "pass" | "dbpass", _) => Some(Holds::Password),
        ("pwd", Some(before)) if before != "old" => Some(Holds::Password),
        ("secret" | "token" | "apikey" | "secretkey" | "authtoken" | "accesstoken" | "credentials", _) => {
            Some(Holds::Key)
        }
        (
            "key",
            Some("api" | "secret" | "private" | "auth" | "encryption" | "signing" | "master" | "access" | "account"),
        ) => Some(Holds::Key),
        ("base", Some("key")) if words.iter().any(|word| word == "secret") => Some(Holds::Key),
        _ => None,
    }
}

/// The words of a name, in lower case: they end at marks and where upper case begins.
fn words_of(name: &str) -> Vec<String> {
    let (mut words, mut word, mut was_lower) = (Vec::new(), String::new(), false);
    for letter in name.chars() {
        let is_mark = !letter.is_ascii_alphanumeric();
        if (is_mark || (was_lower && letter.is_ascii_uppercase())) && !word.is_empty() {
            words.push(std::mem::take(&mut word));
        }
        if !is_mark {
            word.push(letter.to_ascii_lowercase());
        }
        was_lower = letter.is_ascii_lowercase();
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}

/// Whether a value can be what its name says: neither a placeholder nor a path, an address, a word or a number.
fn is_real(value: &[u8], holds: Holds) -> bool {
    let (length, least) = match holds {
        Holds::Password => (8, 2.5),
        Holds::Key => (16, 3.0),
    };
    value.len() >= length
        && classes(value) >= 2
        && !is_elsewhere(value)
        && !is_name(value, holds)
        && entropy(value) >= least
        && !is_placeholder(value)
}

/// Whether a value says where the real one is.
fn is_elsewhere(value: &[u8]) -> bool {
    let starts = ["/", "./", "~/", "file:", "arn:"];
    starts.iter().any(|start| value.starts_with(start.as_bytes())) || memchr::memmem::find(value, b"://").is_some()
}

/// Whether a value is words rather than something made up: `my.config.api_key`.
fn is_name(value: &[u8], holds: Holds) -> bool {
    let is_words = value.iter().all(|byte| byte.is_ascii_alphabetic() || matches!(byte, b'_' | b'.' | b'-'));
    is_words && (holds == Holds::Password || entropy(value) < 4.0)
}

/// The password in `scheme://user:password@host`.
fn in_url(bytes: &[u8], at: usize, after: usize) -> Option<Hit> {
    if !at.checked_sub(1).and_then(|before| bytes.get(before)).is_some_and(u8::is_ascii_alphanumeric) {
        return None;
    }
    let end = run(bytes, after, LONGEST_VALUE, |byte| {
        !byte.is_ascii_whitespace() && !matches!(byte, b'/' | b'?' | b'#' | b'"' | b'\'' | b'`' | b'\\')
    });
    let authority = bytes.get(after..end)?;
    let account = authority.get(..authority.iter().rposition(|byte| *byte == b'@')?)?;
    let colon = account.iter().position(|byte| *byte == b':')?;
    let (user, password) = (account.get(..colon)?, account.get(colon + 1..)?);
    let start = after + colon + 1;
    (user != password && is_real(password, Holds::Password))
        .then(|| Hit::new("url_password", start, start + password.len(), password))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_mean_what_their_last_words_say() {
        for name in ["DB_PASSWORD", "dbPassword", "--password", "MYSQL_PWD", "spring.datasource.password"] {
            assert!(meaning(name) == Some(Holds::Password), "{name}");
        }
        for name in ["API_KEY", "apiKey", "CLIENT_SECRET", "access-token", "SECRET_KEY_BASE"] {
            assert!(meaning(name) == Some(Holds::Key), "{name}");
        }
        for name in [
            "PWD",
            "OLDPWD",
            "old_pwd",
            "PASSWORD_FILE",
            "GPG_KEY",
            "KEYBOARD",
            "TOKEN_URL",
            "COMPASS",
            "MONKEY",
            "SECRET_NAME",
        ] {
            assert!(meaning(name).is_none(), "{name}");
        }
    }
}
