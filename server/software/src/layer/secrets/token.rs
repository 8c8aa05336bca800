//! Tokens of services, known by a prefix that their issuer chose so that they can be found.

use super::Hit;
use super::pattern::{Anchor, Detector, Look};
use super::verify::{begins, classes, ends_in_crc32, entropy, is_base64url, is_placeholder, run};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// The longest token that is looked at, in bytes.
const LONGEST: usize = 2_048;

const fn anchor(text: &'static str, look: Detector) -> Anchor {
    Anchor { text, look }
}

pub(super) const ANCHORS: &[Anchor] = &[
    anchor("ghp_", github),
    anchor("gho_", github),
    anchor("ghu_", github),
    anchor("ghs_", github),
    anchor("github_pat_", |look| plain(look, "github_token", 82..=82, is_word, |body| body.get(22) == Some(&b'_'))),
    anchor("glpat-", gitlab),
    anchor("gldt-", gitlab),
    anchor("glrt-", gitlab),
    anchor("glptt-", |look| plain(look, "gitlab_token", 40..=40, is_hex, |_| true)),
    anchor("xoxb-", slack),
    anchor("xoxp-", slack),
    anchor("xoxa-", slack),
    anchor("xoxr-", slack),
    anchor("xapp-", slack),
    anchor("hooks.slack.com/services/T", slack_webhook),
    anchor("sk_live_", |look| plain(look, "stripe_key", 24..=247, is_alphanumeric, is_mixed)),
    anchor("rk_live_", |look| plain(look, "stripe_key", 24..=247, is_alphanumeric, is_mixed)),
    // Many are shipped to browsers and in programs on purpose, so that one weighs less.
    anchor("AIza", |look| plain(look, "google_api_key", 35..=35, is_base64url, is_mixed).map(Hit::lesser)),
    anchor("GOCSPX-", |look| plain(look, "google_oauth_secret", 28..=28, is_base64url, is_mixed)),
    anchor("npm_", |look| checked(look, "npm_token")),
    anchor("pypi-AgEIcHlwaS5vcmc", pypi),
    anchor("SG.", sendgrid),
    anchor("dop_v1_", |look| plain(look, "digitalocean_token", 64..=64, is_hex, |_| true)),
    anchor("doo_v1_", |look| plain(look, "digitalocean_token", 64..=64, is_hex, |_| true)),
    anchor("dckr_pat_", |look| plain(look, "docker_token", 27..=27, is_base64url, is_mixed)),
    anchor("sk-ant-api03-", |look| plain(look, "anthropic_key", 95..=95, is_base64url, |body| body.ends_with(b"AA"))),
    anchor("T3BlbkFJ", openai),
    anchor("hf_", |look| plain(look, "huggingface_token", 34..=34, |byte| byte.is_ascii_alphabetic(), is_varied)),
    anchor("hvs.", |look| plain(look, "vault_token", 90..=120, is_base64url, is_mixed)),
    anchor("glsa_", |look| plain(look, "grafana_token", 41..=41, is_word, |body| body.get(32) == Some(&b'_'))),
    anchor("shpat_", |look| plain(look, "shopify_token", 32..=32, is_hex, |_| true)),
    anchor("rubygems_", |look| plain(look, "rubygems_key", 48..=48, is_hex, |_| true)),
    anchor("lin_api_", |look| plain(look, "linear_key", 40..=40, is_alphanumeric, is_mixed)),
    anchor("AGE-SECRET-KEY-1", |look| plain(look, "age_key", 58..=58, |byte| BECH32.contains(&byte), is_age_key)),
];

fn is_alphanumeric(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

fn is_hex(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'a'..=b'f')
}

/// Lower case, upper case and digits: any random value of some length has them, hardly any word does.
fn is_mixed(body: &[u8]) -> bool {
    let has = |is: fn(&u8) -> bool| body.iter().any(is);
    has(u8::is_ascii_lowercase) && has(u8::is_ascii_uppercase) && has(u8::is_ascii_digit)
}

fn is_varied(body: &[u8]) -> bool {
    classes(body) >= 2 && entropy(body) > 4.0
}

/// The least entropy of a random value of this many letters, with some room for bad luck.
fn least_entropy(length: usize) -> f64 {
    if length < 30 { 3.2 } else { 3.0 }
}

/// A token of one run of letters after its prefix.
fn plain(
    look: &Look<'_>,
    kind: &'static str,
    lengths: std::ops::RangeInclusive<usize>,
    is: impl Fn(u8) -> bool,
    fits: impl Fn(&[u8]) -> bool,
) -> Option<Hit> {
    let (body, end) = body(look, is)?;
    let is_sound = lengths.contains(&body.len()) && fits(body) && is_random(body);
    is_sound.then(|| hit(look, kind, end))
}

/// A token whose last six letters check the rest.
fn checked(look: &Look<'_>, kind: &'static str) -> Option<Hit> {
    let (body, end) = body(look, is_alphanumeric)?;
    (body.len() == 36 && ends_in_crc32(body)).then(|| hit(look, kind, end))
}

fn github(look: &Look<'_>) -> Option<Hit> {
    checked(look, "github_token")
}

/// What follows the prefix, when the prefix begins a word.
fn body<'a>(look: &Look<'a>, is: impl Fn(u8) -> bool) -> Option<(&'a [u8], usize)> {
    let end = run(look.bytes, look.after, LONGEST, is);
    look.bytes.get(look.after..end).filter(|_| begins(look.bytes, look.at)).map(|body| (body, end))
}

fn hit(look: &Look<'_>, kind: &'static str, end: usize) -> Hit {
    Hit::new(kind, look.at, end, look.bytes.get(look.at..end).unwrap_or_default())
}

fn is_random(body: &[u8]) -> bool {
    entropy(body) >= least_entropy(body.len()) && !is_placeholder(body)
}

/// Twenty letters, or the newer and longer form whose check digits follow a dot.
fn gitlab(look: &Look<'_>) -> Option<Hit> {
    let (body, mut end) = body(look, |byte| is_base64url(byte) || byte == b'.')?;
    let spare = body.iter().rev().take_while(|byte| **byte == b'.').count();
    let body = body.get(..body.len() - spare)?;
    end -= spare;
    let mut parts = body.splitn(2, |byte| *byte == b'.');
    let (first, rest) = (parts.next()?, parts.next());
    let fits = match rest {
        None => first.len() == 20,
        Some(rest) => (27..=300).contains(&first.len()) && (9..=12).contains(&rest.len()),
    };
    (fits && classes(first) >= 2 && is_random(first)).then(|| hit(look, "gitlab_token", end))
}

/// Numbers, then a random part, between hyphens.
fn slack(look: &Look<'_>) -> Option<Hit> {
    let (body, end) = body(look, |byte| byte.is_ascii_alphanumeric() || byte == b'-')?;
    let parts: Vec<&[u8]> = body.split(|byte| *byte == b'-').collect();
    let (last, before) = parts.split_last()?;
    let numbers = before.iter().filter(|part| part.len() >= 9 && part.iter().all(u8::is_ascii_digit)).count();
    let least = if look.bytes.get(look.at..look.after) == Some(b"xapp-") { 1 } else { 2 };
    let fits = numbers >= least && (2..=4).contains(&before.len()) && (20..=64).contains(&last.len());
    (fits && classes(last) >= 2 && is_random(last)).then(|| hit(look, "slack_token", end))
}

/// An address that anyone may post to: `T…/B…/` and 24 letters.
fn slack_webhook(look: &Look<'_>) -> Option<Hit> {
    let (body, end) = body(look, |byte| byte.is_ascii_alphanumeric() || byte == b'/')?;
    let parts: Vec<&[u8]> = body.split(|byte| *byte == b'/').collect();
    let [team, channel, value] = parts.as_slice() else { return None };
    let fits = team.len() >= 7 && channel.len() >= 8 && channel.starts_with(b"B") && value.len() == 24;
    (fits && is_mixed(value) && is_random(value)).then(|| hit(look, "slack_webhook", end))
}

/// A macaroon in base 64.
fn pypi(look: &Look<'_>) -> Option<Hit> {
    let (body, end) = body(look, is_base64url)?;
    let encoded = look.bytes.get(look.at + "pypi-".len()..end)?;
    let decodes = URL_SAFE_NO_PAD.decode(encoded).is_ok();
    (decodes && (50..=1_000).contains(&body.len()) && is_random(body)).then(|| hit(look, "pypi_token", end))
}

/// 22 letters, a dot, 43 letters.
fn sendgrid(look: &Look<'_>) -> Option<Hit> {
    let (first, dot) = body(look, is_base64url)?;
    let end = run(look.bytes, dot + 1, LONGEST, is_base64url);
    let second = look.bytes.get(dot + 1..end)?;
    let fits = first.len() == 22 && look.bytes.get(dot) == Some(&b'.') && second.len() == 43;
    (fits && is_mixed(second) && is_random(second)).then(|| hit(look, "sendgrid_key", end))
}

/// A mark in the middle of the key; it begins with `sk-`.
fn openai(look: &Look<'_>) -> Option<Hit> {
    let from = look.at.saturating_sub(160);
    let before = look.bytes.get(from..look.at)?;
    let start = from + memchr::memmem::rfind(before, b"sk-").filter(|at| begins(look.bytes, from + at))?;
    let end = run(look.bytes, look.after, LONGEST, is_base64url);
    let key = look.bytes.get(start..end)?;
    let fits = look.at - start >= 23 && end - look.after >= 20 && key.iter().all(|byte| is_base64url(*byte));
    (fits && is_mixed(key) && is_random(key)).then(|| Hit::new("openai_key", start, end, key))
}

const BECH32: &[u8; 32] = b"QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L";

/// Whether the check digits are right (BIP 173).
fn is_age_key(body: &[u8]) -> bool {
    let prefix = b"age-secret-key-";
    let high = prefix.iter().map(|byte| u32::from(byte >> 5));
    let low = prefix.iter().map(|byte| u32::from(byte & 31));
    let data = body
        .iter()
        .filter_map(|byte| BECH32.iter().position(|one| one == byte))
        .filter_map(|at| u32::try_from(at).ok());
    polymod(high.chain([0]).chain(low).chain(data)) == 1
}

pub(super) fn polymod(values: impl Iterator<Item = u32>) -> u32 {
    const GENERATOR: [u32; 5] = [0x3B6A_57B2, 0x2650_8E6D, 0x1EA1_19FA, 0x3D42_33DD, 0x2A14_62B3];
    values.fold(1, |sum, value| {
        let top = sum >> 25;
        let sum = (sum & 0x01FF_FFFF) << 5 ^ value;
        GENERATOR.iter().enumerate().fold(sum, |sum, (bit, word)| if top >> bit & 1 == 1 { sum ^ word } else { sum })
    })
}
