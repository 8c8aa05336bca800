//! Why the score changed, in one sentence.

use crate::{text, words};
use plumbline_core::text::short_hashes;
use plumbline_policy::Catalogue;
use plumbline_store::reconcile::{Cause, MovedFix, Reason};

/// A cause as a choice.
pub(super) fn cause_words(cause: Cause) -> &'static str {
    match cause {
        Cause::Ours => "Our own checks",
        Cause::NewResource => "New resources",
        Cause::NewVulnerability => "New vulnerabilities",
        Cause::NewFailure => "New failures",
        Cause::Fixed => "Fixed",
        Cause::Exception => "Accepted risk",
        Cause::Disconnected => "Disconnected sources",
        Cause::Rules => "Image rules",
    }
}

/// Why the score changed: "2 new internet-facing workloads with exploited flaws".
pub(super) fn sentence(cause: &str, findings: i64, reason: &Reason, catalogue: &Catalogue) -> String {
    let on = if reason.resources > 0 { format!(" on {}", things(reason, "")) } else { String::new() };
    let some = text::plural(findings, "finding");
    let said = match cause {
        "fixed" => match &reason.fix {
            Some(fix) => format!("{}: {some} closed", fix_title(fix, catalogue)),
            None => format!("{some} fixed{on}"),
        },
        "new_failure" => format!("{}{on}", text::plural(findings, "new failure")),
        "new_resource" if reason.resources > 0 => format!("{}{}", things(reason, "new "), with(reason)),
        "new_resource" => format!("{some} on new resources"),
        "new_vulnerability" => format!("{some} from newly known vulnerabilities{on}"),
        "disconnected" => format!("{some} of a source that was disconnected"),
        "rules" => format!("{some} by what is allowed or known to be bad"),
        "exception" => format!("{some} with risk accepted, or no longer"),
        _ => ours(findings, reason),
    };
    match &reason.group {
        Some((key, value)) => format!("{said} ({key} {value})"),
        None => said,
    }
}

/// What a change of ours moved, and whether everything is ranked by other weights since.
fn ours(findings: i64, reason: &Reason) -> String {
    let ranked = reason
        .ranking
        .map(|(was, is)| format!("everything is ranked by other weights, version {is} in place of {was}"));
    let moved = format!("{} moved by a change of our own checks", text::plural(findings, "finding"));
    match ranked {
        Some(ranked) if findings == 0 => words::capital(&ranked),
        Some(ranked) => format!("{moved}; {ranked}"),
        None => moved,
    }
}

/// What a fix is called, with what it moves from and to where it does.
pub(super) fn fix_title(fix: &MovedFix, catalogue: &Catalogue) -> String {
    let title = catalogue
        .fix(&fix.key)
        .map_or_else(|| words::capital(&fix.key.replace(['-', '_'], " ")), |check| check.fix.title.clone());
    if fix.target.contains(" → ") { format!("{title} ({})", short_hashes(&fix.target)) } else { title }
}

/// "2 new internet-facing workloads": what most of them are.
fn things(reason: &Reason, new: &str) -> String {
    let all: i64 = reason.exposures.values().sum();
    let internet = reason.exposures.get("internet").copied().unwrap_or(0);
    let facing = if internet * 2 > all { "internet-facing " } else { "" };
    let most = reason.kinds.iter().max_by_key(|(_, resources)| **resources);
    let kind = most
        .filter(|(_, resources)| **resources * 2 > reason.resources)
        .map_or("resource", |(kind, _)| words::kind(kind));
    let noun = if reason.resources == 1 { lower(kind) } else { plural(&lower(kind)) };
    format!("{} {new}{facing}{noun}", text::number(reason.resources))
}

/// "with exploited flaws", where they have flaws for the most part.
fn with(reason: &Reason) -> &'static str {
    let all: i64 = reason.exposures.values().sum();
    match reason {
        _ if reason.exploited > 0 => " with exploited flaws",
        _ if reason.flaws * 2 > all => " with flaws",
        _ => "",
    }
}

/// A word within a sentence; names such as "S3 bucket" stay as they are.
fn lower(word: &str) -> String {
    let mut letters = word.chars();
    match (letters.next(), letters.next()) {
        (Some(first), Some(second)) if second.is_lowercase() => {
            first.to_lowercase().chain(word.chars().skip(1)).collect()
        }
        _ => word.to_owned(),
    }
}

fn plural(noun: &str) -> String {
    match noun.strip_suffix('y') {
        Some(stem) if !stem.ends_with(['a', 'e', 'o', 'u']) => format!("{stem}ies"),
        _ if noun.ends_with('s') => noun.to_owned(),
        _ => format!("{noun}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn reason(kind: &str, resources: i64, internet: i64, exploited: i64) -> Reason {
        Reason {
            exposures: BTreeMap::from([("internet".to_owned(), internet), ("private".to_owned(), 1)]),
            kinds: BTreeMap::from([(kind.to_owned(), resources)]),
            resources,
            exploited,
            ..Reason::default()
        }
    }

    #[test]
    fn an_entry_says_what_moved_it() {
        let catalogue = Catalogue::builtin();
        let said = |cause, findings, reason: &Reason| sentence(cause, findings, reason, catalogue);
        assert_eq!(
            said("new_resource", 9, &reason("kubernetes.workload", 2, 8, 3)),
            "2 new internet-facing workloads with exploited flaws"
        );
        assert_eq!(said("fixed", 1, &reason("aws.iam.policy", 1, 0, 0)), "1 finding fixed on 1 IAM policy");
        let ranked = Reason { ranking: Some((1, 2)), ..Reason::default() };
        assert_eq!(said("ours", 0, &ranked), "Everything is ranked by other weights, version 2 in place of 1");
        assert!(said("ours", 3, &ranked).starts_with("3 findings moved by a change of our own checks; everything"));
        let group = Some(("team".to_owned(), "payments".to_owned()));
        let of_team = Reason { group, ..reason("aws.s3.bucket", 3, 0, 0) };
        assert_eq!(said("fixed", 5, &of_team), "5 findings fixed on 3 S3 buckets (team payments)");
        let fix =
            MovedFix {
                key: "image-bump-base".to_owned(), target: "base:1 → base:2".to_owned(), ..MovedFix::default()
            };
        let bumped = Reason { fix: Some(fix), ..reason("image", 4, 0, 0) };
        let title = &catalogue.fix("image-bump-base").expect("in the content").fix.title;
        assert_eq!(said("fixed", 1200, &bumped), format!("{title} (base:1 → base:2): 1,200 findings closed"));
    }

    #[test]
    fn an_older_entry_says_what_it_knows() {
        let said = |cause, findings| sentence(cause, findings, &Reason::default(), Catalogue::builtin());
        assert_eq!(said("new_failure", 3), "3 new failures");
        assert_eq!(said("fixed", 1), "1 finding fixed");
        assert_eq!(said("new_resource", 2), "2 findings on new resources");
    }

    #[test]
    fn several_are_told_in_the_plural() {
        assert_eq!(["policy", "key", "bucket", "address"].map(plural), ["policies", "keys", "buckets", "address"]);
        assert_eq!(["Workload", "S3 bucket", "VPC"].map(lower), ["workload", "S3 bucket", "VPC"]);
    }
}
