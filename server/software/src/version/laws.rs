//! What every order must obey, and the tables that the files of the orders are tried with.

use super::{Order, Version};
use proptest::prelude::*;
use std::cmp::Ordering;

/// Every row holds, both ways round.
pub(super) fn holds(order: Order, rows: &[(&str, Ordering, &str)]) {
    for &(a, expected, b) in rows {
        assert_eq!(order.compare(a, b), Ok(expected), "{a} to {b}");
        assert_eq!(order.compare(b, a), Ok(expected.reverse()), "{b} to {a}");
    }
}

/// Each comes before all that follow it.
pub(super) fn ascends(order: Order, versions: &[&str]) {
    for (index, older) in versions.iter().enumerate() {
        let rows: Vec<_> = versions.iter().skip(index + 1).map(|newer| (*older, Ordering::Less, *newer)).collect();
        holds(order, &rows);
    }
}

/// None is a version.
pub(super) fn refuses(order: Order, texts: &[&str]) {
    for text in texts {
        assert!(order.parse(text).is_err(), "{text}");
    }
}

/// What versions of an order look like; small alphabets, so that near misses and equals are frequent.
fn plausible(order: Order) -> &'static str {
    match order {
        Order::Dpkg => "([0-2]:)?[0-9][0-9a-b.+~]{0,5}(-[0-9ab.+~]{1,4})?",
        Order::Apk => "[0-2]{1,2}(\\.[0-2]{1,2}){0,2}[ab]?(_(alpha|rc|git|p)[0-2]?){0,2}(~[ab1]{1,2})?(-r[0-2])?",
        Order::Rpm => "([0-2]:)?[0-1a-b.~^_]{1,6}(-[0-1a-b.~^]{1,3})?",
        Order::Pep440 => {
            "([0-1]!)?[0-1]{1,2}(\\.[0-1]){0,2}((a|b|rc)[0-1])?(\\.post[0-1])?(\\.dev[0-1])?(\\+[a0-1](\\.[a0-1])?)?"
        }
        Order::Semver => "v?(0|1)\\.(0|1|10)\\.(0|1)(-(0|1|10|a|-)(\\.(0|1|a)){0,2})?(\\+[a0-1]{1,2})?",
        Order::Maven => "[0-1]([.-]?(0|1|10|alpha|a|rc|snapshot|ga|final|sp|x)){0,4}",
        Order::RubyGems => "[0-1](\\.([0-1]|10|a|b1)){0,4}(-[0-1ab])?",
        Order::NuGet => "[0-1](\\.[0-1]{1,2}){0,3}(-[0-1aAb-](\\.[0-1aB]){0,2})?",
        Order::Go => {
            "v[0-1]\\.[0-1]\\.[0-1](-(0\\.)?2019(01|02)01000000-[ab]{2})?(\\+incompatible)?|go1\\.2[0-1](rc[0-1])?"
        }
        Order::Packagist => {
            "v?[0-1](\\.[0-1]{1,2}){0,3}(-(alpha|b|RC|p|stable)[0-1]?(\\.[0-1])?)?(-dev)?|2010-0[1-2](-p1)?"
        }
    }
}

/// An order and three texts that are likely versions of it.
fn three_plausible() -> impl Strategy<Value = (Order, [String; 3])> {
    prop::sample::select(&Order::ALL[..]).prop_flat_map(|order| {
        let one = plausible(order);
        (Just(order), [one, one, one])
    })
}

/// An order and three texts over the characters that mean something to some order.
fn three_odd() -> impl Strategy<Value = (Order, [String; 3])> {
    let one = "[0-2]{0,1}[0-1a-bprcv.~^:+_!*=-]{0,6}";
    (prop::sample::select(&Order::ALL[..]), [one, one, one])
}

/// Reflexive, antisymmetric, transitive, and equals are interchangeable.
fn obey([a, b, c]: &[Version; 3]) {
    let compare = |x: &Version, y: &Version| x.cmp_same(y).expect("they are of one order");

    assert_eq!(compare(a, a), Ordering::Equal, "{a:?}");
    assert_eq!(compare(a, b), compare(b, a).reverse(), "{a:?} to {b:?}");
    let (ab, bc, ac) = (compare(a, b), compare(b, c), compare(a, c));
    if ab == bc || bc == Ordering::Equal {
        assert_eq!(ac, ab, "{a:?} to {b:?} to {c:?}");
    }
    if ab == Ordering::Equal {
        assert_eq!(ac, bc, "{a:?} equals {b:?}, not so to {c:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2048, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn plausible_versions_are_read_and_totally_ordered((order, texts) in three_plausible()) {
        let versions = texts.map(|text| order.parse(&text).expect("it is plausible"));

        obey(&versions);
    }

    #[test]
    fn odd_versions_are_totally_ordered_or_refused((order, texts) in three_odd()) {
        let versions: Vec<Version> = texts.iter().filter_map(|text| order.parse(text).ok()).collect();

        if let Ok(three) = <[Version; 3]>::try_from(versions) {
            obey(&three);
        }
    }

    #[test]
    fn no_text_makes_an_order_panic(a in any::<String>(), b in "\\PC{0,30}") {
        for order in Order::ALL {
            let own = order.parse(&a).map(|version| version.cmp_same(&version));
            prop_assert!(matches!(own, Err(_) | Ok(Some(Ordering::Equal))), "{order}: {own:?}");
            let there = order.compare(&a, &b);
            prop_assert_eq!(there.ok().map(Ordering::reverse), order.compare(&b, &a).ok());
        }
    }
}

#[test]
fn a_long_version_is_read_in_time_and_compares() {
    for pattern in ["1", "1.", "a", "-", "~", "1a", "1-", ".a", "1-a", "0.", "a-1"] {
        let long = pattern.repeat(super::LONGEST / pattern.len());
        for order in Order::ALL {
            if let Ok(version) = order.parse(&long) {
                assert_eq!(version.cmp_same(&version.clone()), Some(Ordering::Equal), "{order}: {pattern}");
            }
        }
    }
}
