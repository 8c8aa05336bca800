//! Credentials of clouds, clusters and registries: known by the name they are kept under or by what stands beside them.

use super::Hit;
use super::pattern::{Anchor, Detector, Look};
use super::verify::{assigned, begins, classes, entropy, is_base64, is_base64url, is_placeholder, run};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// How far from an access key's id its secret is looked for, in bytes.
const NEAR: usize = 300;
/// The longest value that holds a key in itself, and the longest line of settings around one, in bytes.
const LONGEST: usize = 512;
/// The longest token of any form, in bytes.
const LONGEST_TOKEN: usize = 2_048;
/// The longest value that is a file in base 64, in bytes.
const LONGEST_FILE: usize = 16 << 10;

const fn anchor(text: &'static str, look: Detector) -> Anchor {
    Anchor { text, look }
}

pub(super) const ANCHORS: &[Anchor] = &[
    anchor("AKIA", aws_pair),
    anchor("ASIA", aws_pair),
    anchor("aws_secret_access_key", aws_secret),
    anchor("AWS_SECRET_ACCESS_KEY", aws_secret),
    anchor("SecretAccessKey", aws_secret),
    anchor("secretAccessKey", aws_secret),
    anchor("AccountKey", azure_storage),
    anchor("SharedAccessKey", azure_bus),
    anchor("7Q~", azure_client_secret),
    anchor("8Q~", azure_client_secret),
    anchor("\"auth\"", docker_auth),
    anchor("LS0tLS1CRUdJTi", encoded_key),
    anchor("token:", cluster_token),
    anchor(":_authToken", npm_auth_token),
    anchor(":_auth", npm_auth),
    anchor("TWILIO_AUTH_TOKEN", twilio),
    anchor("twilio_auth_token", twilio),
];

fn value<'a>(look: &Look<'a>, (start, end): (usize, usize)) -> &'a [u8] {
    look.bytes.get(start..end).unwrap_or_default()
}

/// Forty letters as random as a secret access key's.
fn is_aws_secret(value: &[u8]) -> bool {
    value.len() == 40
        && value.iter().all(|byte| is_base64(*byte) && *byte != b'=')
        && [u8::is_ascii_lowercase as fn(&u8) -> bool, u8::is_ascii_uppercase, u8::is_ascii_digit]
            .iter()
            .all(|is| value.iter().any(is))
        && entropy(value) >= 4.0
        && !is_placeholder(value)
}

/// A secret access key under its usual name.
fn aws_secret(look: &Look<'_>) -> Option<Hit> {
    let (start, end) = assigned(look.bytes, look.after, LONGEST)?;
    // Settings in one line go on after a comma or a semicolon.
    let end = run(look.bytes, start, end - start, |byte| is_base64(byte) && byte != b'=');
    is_aws_secret(value(look, (start, end))).then(|| Hit::new("aws_access_key", start, end, value(look, (start, end))))
}

/// The secret that stands beside an access key's id. The id alone is no secret.
fn aws_pair(look: &Look<'_>) -> Option<Hit> {
    let end = run(look.bytes, look.after, 17, |byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
    let is_id = end - look.after == 16
        && begins(look.bytes, look.at)
        && !look.bytes.get(end).is_some_and(u8::is_ascii_alphanumeric);
    if !is_id || is_placeholder(value(look, (look.at, end))) {
        return None;
    }
    let from = look.at.saturating_sub(NEAR);
    let until = look.bytes.len().min(end + NEAR);
    let (start, end) = words(look.bytes, from, until)
        .find(|(start, stop)| is_aws_secret(value(look, (*start, *stop))) && is_called_secret(look, *start, end))?;
    Some(Hit::new("aws_access_key", start, end, value(look, (start, end))))
}

/// Whether the word `secret` stands shortly before, or the id itself with hardly anything between, as in a CSV file.
fn is_called_secret(look: &Look<'_>, start: usize, id_end: usize) -> bool {
    let before = value(look, (start.saturating_sub(64), start)).to_ascii_lowercase();
    let gap = start.checked_sub(id_end);
    memchr::memmem::find(&before, b"secret").is_some() || gap.is_some_and(|gap| (1..=4).contains(&gap))
}

/// The runs of base 64 letters between two places.
fn words(bytes: &[u8], from: usize, until: usize) -> impl Iterator<Item = (usize, usize)> {
    let mut at = from;
    std::iter::from_fn(move || {
        while at < until {
            let start = run(bytes, at, until - at, |byte| !is_base64(byte) || byte == b'=');
            let end = run(bytes, start, 4_096, |byte| is_base64(byte) && byte != b'=');
            at = end.max(at + 1);
            if end > start {
                return Some((start, end));
            }
        }
        None
    })
}

/// A value in base 64 that comes to so many bytes.
fn key_of(look: &Look<'_>, kind: &'static str, length: usize) -> Option<Hit> {
    let (start, _) = assigned(look.bytes, look.after, LONGEST)?;
    let end = run(look.bytes, start, 256, is_base64);
    let text = value(look, (start, end));
    let fits =
        STANDARD.decode(text).is_ok_and(|key| key.len() == length) && entropy(text) > 4.0 && !is_placeholder(text);
    fits.then(|| Hit::new(kind, start, end, text))
}

/// A storage account's key; not that of the emulator, which its documentation publishes.
fn azure_storage(look: &Look<'_>) -> Option<Hit> {
    let is_emulator = |hit: &Hit| hit.value.starts_with(b"Eby8vdM02xNOcqFl");
    key_of(look, "azure_storage_key", 64).filter(|hit| !is_emulator(hit))
}

fn azure_bus(look: &Look<'_>) -> Option<Hit> {
    key_of(look, "azure_shared_access_key", 32)
}

/// A client secret: three letters, the mark, and 31 to 34 letters.
fn azure_client_secret(look: &Look<'_>) -> Option<Hit> {
    let is = |byte: u8| is_base64url(byte) || matches!(byte, b'.' | b'~');
    let start = look.at.checked_sub(3)?;
    let end = run(look.bytes, look.after, 64, is);
    let text = value(look, (start, end));
    let is_whole = !start.checked_sub(1).and_then(|before| look.bytes.get(before)).is_some_and(|byte| is(*byte));
    let fits = is_whole && text.iter().all(|byte| is(*byte)) && (31..=34).contains(&(end - look.after));
    (fits && classes(text) >= 3 && entropy(text) > 4.0).then(|| Hit::new("azure_client_secret", start, end, text))
}

/// User and password in base 64.
fn is_basic(text: &[u8]) -> bool {
    let Some(plain) = STANDARD.decode(text).ok().and_then(|plain| String::from_utf8(plain).ok()) else { return false };
    let Some((user, password)) = plain.split_once(':') else { return false };
    let is_printed = plain.chars().all(|letter| !letter.is_control());
    is_printed && !user.is_empty() && password.len() >= 4 && user != password && !is_placeholder(password.as_bytes())
}

/// A registry's user and password in a Docker client's settings.
fn docker_auth(look: &Look<'_>) -> Option<Hit> {
    let place = assigned(look.bytes, look.after, LONGEST)?;
    let text = value(look, place);
    (is_basic(text) && look.file.is_docker_config()).then(|| Hit::new("registry_password", place.0, place.1, text))
}

/// An armoured key in base 64, as a kubeconfig file or a manifest holds it.
fn encoded_key(look: &Look<'_>) -> Option<Hit> {
    if !begins(look.bytes, look.at) {
        return None;
    }
    let end = run(look.bytes, look.after, LONGEST_FILE, is_base64);
    let text = value(look, (look.at, end));
    let plain = STANDARD.decode(text).ok()?;
    let is_key = memchr::memmem::find(&plain, b" PRIVATE KEY-----").is_some();
    let before = value(look, (look.at.saturating_sub(32), look.at));
    let is_cluster = memchr::memmem::find(before, b"client-key-data").is_some();
    is_key.then(|| Hit::new(if is_cluster { "kubernetes_client_key" } else { "private_key" }, look.at, end, text))
}

/// A user's token in a kubeconfig file.
fn cluster_token(look: &Look<'_>) -> Option<Hit> {
    if !begins(look.bytes, look.at) || !look.file.is_kubeconfig() {
        return None;
    }
    let place = assigned(look.bytes, look.after.checked_sub(1)?, LONGEST_TOKEN)?;
    let text = value(look, place);
    let fits = text.len() >= 16 && classes(text) >= 2 && entropy(text) >= 3.2 && !is_placeholder(text);
    fits.then(|| Hit::new("kubernetes_token", place.0, place.1, text))
}

/// A registry's token in npm's settings, of any form.
fn npm_auth_token(look: &Look<'_>) -> Option<Hit> {
    let place = assigned(look.bytes, look.after, LONGEST_TOKEN)?;
    let text = value(look, place);
    let fits = text.len() >= 16 && classes(text) >= 2 && entropy(text) >= 3.0 && !is_placeholder(text);
    fits.then(|| Hit::new("npm_token", place.0, place.1, text))
}

fn npm_auth(look: &Look<'_>) -> Option<Hit> {
    let place = assigned(look.bytes, look.after, LONGEST)?;
    let text = value(look, place);
    (is_basic(text) && look.file.path.ends_with("npmrc")).then(|| Hit::new("npm_password", place.0, place.1, text))
}

fn twilio(look: &Look<'_>) -> Option<Hit> {
    let place = assigned(look.bytes, look.after, LONGEST)?;
    let text = value(look, place);
    let is_hex = text.len() == 32 && text.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    (is_hex && entropy(text) >= 3.0 && !is_placeholder(text)).then(|| Hit::new("twilio_token", place.0, place.1, text))
}
