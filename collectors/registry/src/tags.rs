//! Which tags of a repository are read. All but "newest" is decided from the names alone.

use crate::settings::Policy;
use plumbline_core::glob;
use semver::Version;
use std::cmp::{Ordering, Reverse};

/// Whether a tag is one that the distribution specification allows.
pub(crate) fn is_tag(tag: &str) -> bool {
    let rest = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    let first = tag.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    first && tag.len() <= 128 && tag.bytes().all(rest)
}

/// Whether a tag is where signatures, attestations and other referrers of a digest are kept, and so names no image.
pub(crate) fn is_referrer(tag: &str) -> bool {
    let hex = |text: &str, length| text.len() >= length && text.bytes().take(length).all(|b| b.is_ascii_hexdigit());
    let after = |text: Option<&str>, length: usize| {
        text.is_some_and(|text| {
            hex(text, length) && text.get(length..).is_some_and(|end| end.is_empty() || end.starts_with('.'))
        })
    };
    after(tag.strip_prefix("sha256-"), 64) || after(tag.strip_prefix("sha512-"), 121)
}

/// What the names alone say.
pub(crate) enum Chosen {
    /// These are read.
    These(Vec<String>),
    /// Of these the `count` that were created last: their images have to be asked.
    NewestOf { tags: Vec<String>, count: usize },
}

/// Applies a policy to all tags of a repository; the answer is in order of preference.
pub(crate) fn choose(policy: &Policy, tags: &[String]) -> Chosen {
    let mut images: Vec<String> = tags.iter().filter(|tag| is_tag(tag) && !is_referrer(tag)).cloned().collect();
    images.sort_by(|one, other| natural(other, one));
    images.dedup();
    match policy {
        Policy::All => Chosen::These(images),
        Policy::Glob { patterns } => {
            images.retain(|tag| glob::selects(patterns, tag));
            Chosen::These(images)
        }
        Policy::Semver { count } => {
            let mut versions: Vec<(Version, String)> =
                images.into_iter().filter_map(|tag| version(&tag).map(|version| (version, tag))).collect();
            versions.sort_by_key(|(version, _)| Reverse(version.clone()));
            Chosen::These(versions.into_iter().take(*count).map(|(_, tag)| tag).collect())
        }
        Policy::Newest { count } if images.len() <= *count => Chosen::These(images),
        Policy::Newest { count } => Chosen::NewestOf { tags: images, count: *count },
    }
}

/// `v1.2.3-rc.1` and `1.2.3_build` are versions; `1.2` and `latest` are not, for they move.
fn version(tag: &str) -> Option<Version> {
    let plain = tag.strip_prefix('v').unwrap_or(tag);
    // A tag cannot hold the plus sign of build metadata; by custom it is written as an underscore.
    Version::parse(&plain.replacen('_', "+", 1)).ok()
}

/// Runs of digits as numbers, everything else byte by byte.
pub(crate) fn natural(one: &str, other: &str) -> Ordering {
    let (mut left, mut right) = (one.as_bytes(), other.as_bytes());
    loop {
        let (a, rest_a) = piece(left);
        let (b, rest_b) = piece(right);
        let order = match (a.first(), b.first()) {
            (None, None) => return one.cmp(other),
            (Some(x), Some(y)) if x.is_ascii_digit() && y.is_ascii_digit() => {
                let (a, b) = (without_zeros(a), without_zeros(b));
                a.len().cmp(&b.len()).then_with(|| a.cmp(b))
            }
            _ => a.cmp(b),
        };
        if order.is_ne() {
            return order;
        }
        (left, right) = (rest_a, rest_b);
    }
}

fn piece(text: &[u8]) -> (&[u8], &[u8]) {
    let digits = text.first().is_some_and(u8::is_ascii_digit);
    let end = text.iter().position(|byte| byte.is_ascii_digit() != digits).unwrap_or(text.len());
    text.split_at_checked(end).unwrap_or((text, &[]))
}

fn without_zeros(digits: &[u8]) -> &[u8] {
    let zeros = digits.iter().take_while(|byte| **byte == b'0').count();
    digits.get(zeros..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn these(policy: &Policy, tags: &[&str]) -> Vec<String> {
        let tags: Vec<String> = tags.iter().map(|&tag| tag.to_owned()).collect();
        match choose(policy, &tags) {
            Chosen::These(tags) | Chosen::NewestOf { tags, .. } => tags,
        }
    }

    #[test]
    fn the_highest_versions_are_kept_and_moving_tags_are_not() {
        let tags = ["1.9.0", "v1.10.0", "1.10.0-rc.1", "latest", "1.10", "2", "0.9.9_build5"];
        assert_eq!(these(&Policy::Semver { count: 3 }, &tags), ["v1.10.0", "1.10.0-rc.1", "1.9.0"]);
    }

    #[test]
    fn signatures_are_no_images() {
        let signature = format!("sha256-{}.sig", "a".repeat(64));
        let referrers = format!("sha256-{}", "b".repeat(64));
        let tags = ["1", signature.as_str(), referrers.as_str(), "sha256-short", "bad tag", ""];
        assert_eq!(these(&Policy::All, &tags), ["sha256-short", "1"]);
    }

    #[test]
    fn patterns_choose_and_exclude() {
        let policy = Policy::Glob { patterns: vec!["release-*".to_owned(), "!*-dirty".to_owned()] };
        assert_eq!(
            these(&policy, &["release-2", "release-10", "release-2-dirty", "main"]),
            ["release-10", "release-2"]
        );
    }

    #[test]
    fn few_tags_need_no_dates() {
        let tags = ["a".to_owned(), "b".to_owned()];
        assert!(matches!(choose(&Policy::Newest { count: 2 }, &tags), Chosen::These(_)));
        assert!(matches!(choose(&Policy::Newest { count: 1 }, &tags), Chosen::NewestOf { .. }));
    }

    proptest! {
        #[test]
        fn the_natural_order_is_an_order(a in "[a-z0-9.]{0,8}", b in "[a-z0-9.]{0,8}", c in "[a-z0-9.]{0,8}") {
            prop_assert_eq!(natural(&a, &b), natural(&b, &a).reverse());
            prop_assert_eq!(natural(&a, &a), Ordering::Equal);
            if natural(&a, &b).is_le() && natural(&b, &c).is_le() {
                prop_assert!(natural(&a, &c).is_le());
            }
        }
    }
}
