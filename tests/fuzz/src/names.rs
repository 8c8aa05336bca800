//! Versions and package URLs.

use crate::choose;
use plumbline_software::sbom::purl;
use plumbline_software::version::{Order, Version};
use std::cmp::Ordering;

/// The longest package URL that is read, in bytes.
const LONGEST: usize = 4096;

/// Three versions, one a line: each equals itself, two of them are ordered the same both ways round, and what is below
/// something is below all that is above it.
pub(crate) fn version(data: &[u8]) {
    let Some((order, data)) = choose(&Order::ALL, data) else { return };
    let text = String::from_utf8_lossy(data);
    let versions: Vec<Version> = text.lines().take(3).filter_map(|line| order.parse(line).ok()).collect();
    for a in &versions {
        assert_eq!(a.cmp_same(a), Some(Ordering::Equal));
        for b in &versions {
            assert_eq!(a.cmp_same(b), b.cmp_same(a).map(Ordering::reverse), "{order} {text:?}");
        }
    }
    if let [a, b, c] = versions.as_slice() {
        transitive(a, b, c, &text);
        transitive(b, c, a, &text);
        transitive(c, a, b, &text);
        transitive(a, c, b, &text);
        transitive(c, b, a, &text);
        transitive(b, a, c, &text);
    }
}

fn transitive(a: &Version, b: &Version, c: &Version, text: &str) {
    let is_below = |a: &Version, b: &Version| a.cmp_same(b).is_some_and(Ordering::is_lt);
    let is_above = |a: &Version, b: &Version| a.cmp_same(b).is_some_and(Ordering::is_gt);
    assert!(!(is_below(a, b) && is_below(b, c)) || is_below(a, c), "{} {text:?}", a.order());
    let equal = a.cmp_same(b) == Some(Ordering::Equal);
    assert!(!equal || is_above(a, c) == is_above(b, c), "{} {text:?}", a.order());
}

/// A package URL that was read is read as the same when it is written again, unless that makes it too long.
pub(crate) fn purl(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Some((component, distribution)) = purl::parse(text) else { return };
    let written = component.purl(distribution.as_ref());
    let again = purl::parse(&written);
    assert!(
        written.len() > LONGEST
            || again.is_some_and(|(again, _)| again.name == component.name && again.version == component.version)
    );
}
