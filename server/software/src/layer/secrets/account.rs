//! Files that exist to hold passwords, known by their name: `.netrc`, `.git-credentials`, `.pgpass`, htpasswd files and
//! the shadow files of accounts.

use super::verify::is_placeholder;
use super::{Hit, MOST};

/// The secrets in such a file; none in any other.
pub(super) fn find(path: &str, bytes: &[u8]) -> Vec<Hit> {
    let name = path.rsplit('/').next().unwrap_or(path);
    let read: fn(&str) -> Option<(&'static str, &str)> = match name {
        _ if matches!(path, "etc/shadow" | "etc/shadow-" | "etc/gshadow" | "etc/gshadow-") => hash,
        _ if name.contains("htpasswd") => hash,
        ".netrc" | "_netrc" => netrc,
        ".git-credentials" => git,
        ".pgpass" => postgres,
        _ => return Vec::new(),
    };
    let Ok(text) = std::str::from_utf8(bytes) else { return Vec::new() };
    let mut at = 0;
    let hits = text.split_inclusive('\n').filter_map(|line| {
        let begins = at;
        at += line.len();
        let (kind, value) = read(line.trim_end())?;
        let start = begins + (value.as_ptr() as usize).checked_sub(line.as_ptr() as usize)?;
        Some(Hit::new(kind, start, start + value.len(), value.as_bytes()))
    });
    hits.take(MOST).collect()
}

/// The hash of an account's password: the second field, unless the account is locked or has none.
fn hash(line: &str) -> Option<(&'static str, &str)> {
    let hash = line.split(':').nth(1)?;
    let is_modular = hash.starts_with('$') && hash.matches('$').count() >= 2 && hash.len() >= 20;
    let is_sha = hash.strip_prefix("{SHA}").is_some_and(|rest| rest.len() == 28);
    (is_modular || is_sha).then_some(("password_hash", hash))
}

/// What follows the word `password`.
fn netrc(line: &str) -> Option<(&'static str, &str)> {
    let mut words = line.split_whitespace();
    words.find(|word| *word == "password")?;
    real(words.next()?)
}

/// `https://user:password@host`.
fn git(line: &str) -> Option<(&'static str, &str)> {
    let (_, rest) = line.split_once("://")?;
    let (account, _) = rest.rsplit_once('@')?;
    real(account.split_once(':')?.1)
}

/// `host:port:database:user:password`.
fn postgres(line: &str) -> Option<(&'static str, &str)> {
    if line.starts_with('#') {
        return None;
    }
    real(line.splitn(5, ':').nth(4)?)
}

fn real(password: &str) -> Option<(&'static str, &str)> {
    (password.len() >= 4 && !is_placeholder(password.as_bytes())).then_some(("password", password))
}
