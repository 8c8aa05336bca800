//! Scores of CVSS vectors, versions 2.0, 3.0, 3.1 and 4.0 (<https://www.first.org/cvss/>).

use cvss::{Cvss, v3};

/// Longest vector with all metrics of version 4 is below 300 characters.
const LIMIT: usize = 512;

/// The versions, oldest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Version {
    V2,
    V30,
    V31,
    V4,
}

/// The version of a vector and its score, 0.0 to 10.0: the base score, with which temporal and environmental metrics have
/// nothing to do; in version 4, whose score is one, all metrics that the vector has. None for what is no whole vector.
#[must_use]
pub fn score(vector: &str) -> Option<(Version, f64)> {
    // Version 2 is often written in parentheses.
    let vector = vector.trim().trim_start_matches('(').trim_end_matches([')', '/']);
    if vector.len() > LIMIT {
        return None;
    }
    let parsed: Cvss = vector.parse().ok()?;
    let version = match parsed {
        Cvss::CvssV20(_) => Version::V2,
        Cvss::CvssV30(ref base) if is_whole(base) => Version::V30,
        Cvss::CvssV31(ref base) if is_whole(base) => Version::V31,
        Cvss::CvssV40(_) => Version::V4,
        _ => return None,
    };
    Some((version, parsed.score().clamp(0.0, 10.0)))
}

/// Whether all base metrics are there; one that is cut off would score zero.
fn is_whole(base: &v3::Vector) -> bool {
    let exploitability = base.av.is_some() && base.ac.is_some() && base.pr.is_some() && base.ui.is_some();
    exploitability && base.s.is_some() && base.c.is_some() && base.i.is_some() && base.a.is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// From the guides and example documents that FIRST publishes, and the scores there.
    const PUBLISHED: &[(&str, Version, f64)] = &[
        ("AV:N/AC:L/Au:N/C:N/I:N/A:C", Version::V2, 7.8),
        ("AV:N/AC:L/Au:N/C:C/I:C/A:C", Version::V2, 10.0),
        ("AV:L/AC:H/Au:N/C:C/I:C/A:C", Version::V2, 6.2),
        ("AV:N/AC:L/Au:N/C:N/I:N/A:C/E:F/RL:OF/RC:C", Version::V2, 7.8),
        ("(AV:N/AC:L/Au:N/C:P/I:P/A:P)", Version::V2, 7.5),
        ("CVSS:3.0/AV:N/AC:L/PR:L/UI:N/S:C/C:L/I:L/A:N", Version::V30, 6.4),
        ("CVSS:3.0/AV:N/AC:L/PR:N/UI:R/S:C/C:L/I:L/A:N", Version::V30, 6.1),
        ("CVSS:3.0/AV:N/AC:H/PR:N/UI:R/S:U/C:L/I:N/A:N", Version::V30, 3.1),
        ("CVSS:3.1/AV:N/AC:L/PR:L/UI:N/S:C/C:H/I:H/A:H", Version::V31, 9.9),
        ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", Version::V31, 9.8),
        ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:N/A:N", Version::V31, 7.5),
        ("CVSS:3.1/AV:P/AC:L/PR:N/UI:N/S:U/C:N/I:H/A:N", Version::V31, 4.6),
        ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:N", Version::V31, 0.0),
        ("CVSS:4.0/AV:L/AC:L/AT:P/PR:L/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N", Version::V4, 7.3),
        ("CVSS:4.0/AV:N/AC:L/AT:P/PR:N/UI:P/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N", Version::V4, 7.7),
        ("CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:H/SI:H/SA:H", Version::V4, 10.0),
        ("CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N", Version::V4, 9.3),
        ("CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:A/VC:N/VI:N/VA:N/SC:L/SI:L/SA:N", Version::V4, 5.1),
        ("CVSS:4.0/AV:P/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N", Version::V4, 7.0),
    ];

    #[test]
    fn published_vectors_have_their_published_scores() {
        for (vector, version, expected) in PUBLISHED {
            let (found, score) = score(vector).unwrap();
            assert_eq!(found, *version, "{vector}");
            assert!((score - expected).abs() < 0.001, "{vector}: {score}, published {expected}");
        }
    }

    #[test]
    fn what_is_no_vector_has_no_score() {
        for text in [
            "",
            "HIGH",
            "9.8",
            "CVSS:5.0/AV:N",
            "CVSS:3.1/AV:N",
            "AV:N/AC:L",
            "CVSS:4.0/AV:N",
            "CVSS:3.1/AV:Z/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H",
        ] {
            assert_eq!(score(text), None, "{text}");
        }
        assert_eq!(score(&"CVSS:3.1/".repeat(1000)), None);
    }

    proptest! {
        #[test]
        fn any_text_has_a_score_in_range_or_none(text in "(CVSS:[2345]\\.[01]/)?([A-Za-z]{1,3}:[A-Z]/?){0,12}.{0,4}") {
            if let Some((_, score)) = score(&text) {
                prop_assert!((0.0..=10.0).contains(&score));
            }
        }
    }
}
