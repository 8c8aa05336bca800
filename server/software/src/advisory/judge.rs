//! Whether a version is affected.
//!
//! The evaluation is that of the OSV schema (<https://ossf.github.io/osv-schema/#evaluation>): a version is affected when
//! it is listed, or when it lies within any of the ranges; within a range the last event at or before it decides. Bounds
//! are parsed once and sorted, so that one advisory can be asked about many versions.

use super::osv::{Affected, Event, Range, RangeKind};
use super::rating::{Rating, Urgency};
use crate::component::Type;
use crate::version::{Order, Unparsable, Version};
use std::cmp::Ordering;

/// How many ranges in a row are left when a fixed version is looked for; a fix beyond that is not given.
const ROUNDS: usize = 16;

/// A version is affected.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Hit {
    /// The smallest version above that is affected no more, by all ranges of the package. None where none is known.
    pub fixed_in: Option<String>,
    /// What the advisory says of this package in particular, if it does.
    pub rating: Option<Rating>,
    pub urgency: Option<Urgency>,
}

/// Whether a version is affected can not be told.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unjudged {
    #[error(transparent)]
    Version(#[from] Unparsable),
    #[error("a range is ordered in a way that is not known")]
    Range,
    #[error("it tells of commits alone, and no version can be held against those")]
    Commits,
}

impl Affected {
    /// Judges a version.
    ///
    /// # Errors
    /// When a range needs a version that can not be parsed, unless the list or another range says that it is affected.
    pub fn judge(&self, version: &str) -> Result<Option<Hit>, Unjudged> {
        Judge::of(self).judge(&mut Subject::new(version))
    }
}

/// A version in question, parsed at most once for each order.
struct Subject<'a> {
    text: &'a str,
    parsed: Vec<(Order, Result<Version, Unparsable>)>,
}

impl<'a> Subject<'a> {
    fn new(text: &'a str) -> Self {
        Self { text, parsed: Vec::new() }
    }

    fn at(&mut self, order: Order) -> Result<&Version, Unjudged> {
        let position = match self.parsed.iter().position(|(known, _)| *known == order) {
            Some(position) => position,
            None => {
                self.parsed.push((order, order.parse(self.text)));
                self.parsed.len() - 1
            }
        };
        match self.parsed.get(position) {
            Some((_, Ok(version))) => Ok(version),
            Some((_, Err(error))) => Err(error.clone().into()),
            None => Err(Unjudged::Range),
        }
    }
}

/// An affected package, made ready to judge.
#[derive(Debug)]
struct Judge {
    timelines: Vec<Result<Timeline, Unjudged>>,
    /// Sorted.
    listed: Vec<Box<str>>,
    /// Neither a range of versions nor a version is named.
    only_commits: bool,
    rating: Option<Rating>,
    urgency: Option<Urgency>,
}

impl Judge {
    fn of(affected: &Affected) -> Self {
        let mut listed: Vec<Box<str>> = affected.versions.iter().map(|version| version.as_str().into()).collect();
        listed.sort_unstable();
        Self {
            timelines: affected.ranges.iter().map(|range| Timeline::of(range, affected.kind)).collect(),
            only_commits: affected.commits && affected.ranges.is_empty() && affected.versions.is_empty(),
            listed,
            rating: Rating::of_affected(affected),
            urgency: affected.urgency,
        }
    }

    fn judge(&self, subject: &mut Subject<'_>) -> Result<Option<Hit>, Unjudged> {
        let listed = self.listed.binary_search_by(|version| (**version).cmp(subject.text)).is_ok();
        match self.within(subject) {
            Ok(true) => Ok(Some(self.hit(self.fix(subject)))),
            Ok(false) if !listed => Ok(None),
            Err(error) if !listed => Err(error),
            Ok(false) | Err(_) => Ok(Some(self.hit(None))),
        }
    }

    fn hit(&self, fixed_in: Option<String>) -> Hit {
        Hit { fixed_in, rating: self.rating.clone(), urgency: self.urgency }
    }

    /// Whether it lies within any range. One that says yes outweighs one that can not tell.
    fn within(&self, subject: &mut Subject<'_>) -> Result<bool, Unjudged> {
        let mut unclear = self.only_commits.then_some(Unjudged::Commits);
        for timeline in &self.timelines {
            match timeline.as_ref().map_err(Clone::clone).and_then(|timeline| timeline.place(subject)) {
                Ok(Place::Within(_)) => return Ok(true),
                Ok(Place::Outside) => {}
                Err(error) => unclear = Some(error),
            }
        }
        unclear.map_or(Ok(false), Err)
    }

    /// Leaves one range after the other. All versions up to the end of a range are affected by it, so the first version
    /// that is in no range is the smallest one.
    fn fix(&self, subject: &mut Subject<'_>) -> Option<String> {
        let mut fix = self.leave(subject)??;
        for _ in 0..ROUNDS {
            match self.leave(&mut Subject::new(fix)) {
                None => return Some(fix.to_owned()),
                Some(next) => fix = next?,
            }
        }
        None
    }

    /// The end of a range that it lies in: `None` when it lies in none, `Some(None)` when there is no end.
    fn leave(&self, subject: &mut Subject<'_>) -> Option<Option<&str>> {
        self.timelines.iter().flatten().find_map(|timeline| match timeline.place(subject) {
            Ok(Place::Within(end)) => Some(end),
            _ => None,
        })
    }
}

/// Where a version lies; within, with the version that ends it.
enum Place<'a> {
    Outside,
    Within(Option<&'a str>),
}

/// A range with its events in order.
#[derive(Debug)]
struct Timeline {
    order: Order,
    steps: Vec<Step>,
    limits: Vec<Version>,
}

#[derive(Debug)]
struct Step {
    at: Point,
    effect: Effect,
}

#[derive(Debug)]
enum Point {
    /// Before all versions.
    Start,
    At(Version),
}

#[derive(Debug)]
enum Effect {
    Introduced,
    Fixed(Box<str>),
    LastAffected,
}

impl Timeline {
    fn of(range: &Range, kind: Option<Type>) -> Result<Self, Unjudged> {
        let order = order(range.kind, kind).ok_or(Unjudged::Range)?;
        let mut steps = Vec::with_capacity(range.events.len());
        let mut limits = Vec::new();
        let mut unlimited = false;
        for event in &range.events {
            let (text, effect) = match event {
                Event::Introduced(text) => (text, Effect::Introduced),
                Event::Fixed(text) => (text, Effect::Fixed(text.as_str().into())),
                Event::LastAffected(text) => (text, Effect::LastAffected),
                Event::Limit(text) if text == "*" => {
                    unlimited = true;
                    continue;
                }
                Event::Limit(text) => {
                    limits.push(order.parse(text)?);
                    continue;
                }
            };
            steps.push(Step { at: Point::of(order, text)?, effect });
        }
        if unlimited {
            limits.clear();
        }
        // Stable: of events at one version, the one that stands later in the record decides.
        steps.sort_by(|a, b| a.at.compare(&b.at));
        Ok(Self { order, steps, limits })
    }

    fn place(&self, subject: &mut Subject<'_>) -> Result<Place<'_>, Unjudged> {
        // "Every version" needs no version to be understood.
        if self.limits.is_empty() && self.steps.iter().all(|step| matches!(step.at, Point::Start)) {
            return Ok(self.decide(self.steps.len(), None));
        }
        let version = subject.at(self.order)?;
        if !self.limits.is_empty() && !self.limits.iter().any(|limit| compare(version, limit).is_lt()) {
            return Ok(Place::Outside);
        }
        let passed = self.steps.partition_point(|step| step.at.compare_to(version).is_le());
        Ok(self.decide(passed, Some(version)))
    }

    /// The last of the passed steps that has an effect decides; the next fix ends it.
    fn decide(&self, passed: usize, version: Option<&Version>) -> Place<'_> {
        let (before, after) = self.steps.split_at_checked(passed).unwrap_or((&self.steps, &[]));
        let last = before.iter().rev().find(|step| match step.effect {
            Effect::LastAffected => version.is_none_or(|version| step.at.compare_to(version).is_lt()),
            Effect::Introduced | Effect::Fixed(_) => true,
        });
        if !last.is_some_and(|step| matches!(step.effect, Effect::Introduced)) {
            return Place::Outside;
        }
        Place::Within(after.iter().find_map(|step| match &step.effect {
            Effect::Fixed(text) => Some(&**text),
            _ => None,
        }))
    }
}

impl Point {
    /// `0` is before all versions, also in orders that do not know it as a version.
    fn of(order: Order, text: &str) -> Result<Self, Unparsable> {
        if text == "0" { Ok(Self::Start) } else { order.parse(text).map(Self::At) }
    }

    fn compare(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Start, Self::Start) => Ordering::Equal,
            (Self::Start, Self::At(_)) => Ordering::Less,
            (Self::At(_), Self::Start) => Ordering::Greater,
            (Self::At(a), Self::At(b)) => compare(a, b),
        }
    }

    fn compare_to(&self, version: &Version) -> Ordering {
        match self {
            Self::Start => Ordering::Less,
            Self::At(at) => compare(at, version),
        }
    }
}

/// Compares two versions that the same order parsed.
fn compare(a: &Version, b: &Version) -> Ordering {
    a.cmp_same(b).unwrap_or(Ordering::Equal)
}

/// The order of a range of a package. Go's own order is Semantic Versioning with the letter that Go puts before it.
fn order(range: RangeKind, kind: Option<Type>) -> Option<Order> {
    match (range, kind) {
        (RangeKind::Semver, Some(Type::Golang)) => Some(Order::Go),
        (RangeKind::Semver, _) => Some(Order::Semver),
        (RangeKind::Ecosystem, Some(kind)) => Some(kind.order()),
        (RangeKind::Ecosystem, None) | (RangeKind::Other, _) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::osv::Advisory;
    use super::*;
    use proptest::prelude::*;

    fn affected(ecosystem: &str, rest: &str) -> Affected {
        let json =
            format!(r#"{{"id":"X-1","affected":[{{"package":{{"ecosystem":"{ecosystem}","name":"x"}},{rest}}}]}}"#);
        Advisory::read(json.as_bytes()).unwrap().affected.remove(0)
    }

    fn range(ecosystem: &str, kind: &str, events: &str) -> Affected {
        affected(ecosystem, &format!(r#""ranges":[{{"type":"{kind}","events":[{events}]}}]"#))
    }

    /// Which of the versions are hit, and where each is fixed.
    fn hits<'a>(affected: &Affected, versions: &[&'a str]) -> Vec<(&'a str, Option<String>)> {
        versions.iter().filter_map(|version| Some((*version, affected.judge(version).unwrap()?.fixed_in))).collect()
    }

    fn fixed<'a>(pairs: &[(&'a str, &str)]) -> Vec<(&'a str, Option<String>)> {
        pairs.iter().map(|(version, fix)| (*version, (!fix.is_empty()).then(|| (*fix).to_owned()))).collect()
    }

    #[test]
    fn every_version_of_an_unfixed_flaw_is_affected() {
        let unfixed = range("npm", "SEMVER", r#"{"introduced":"0"}"#);
        assert_eq!(hits(&unfixed, &["0.0.1", "9.9.9"]), fixed(&[("0.0.1", ""), ("9.9.9", "")]));
        assert!(unfixed.judge("no version at all").unwrap().is_some(), "no version is needed to tell");
    }

    #[test]
    fn all_before_the_fix_is_affected() {
        let one = range("npm", "SEMVER", r#"{"introduced":"0"},{"fixed":"1.0.2"}"#);
        assert_eq!(
            hits(&one, &["0.0.1", "1.0.1", "1.0.2-rc.1", "1.0.2", "1.0.3"]),
            fixed(&[("0.0.1", "1.0.2"), ("1.0.1", "1.0.2"), ("1.0.2-rc.1", "1.0.2")])
        );
    }

    #[test]
    fn several_spans_have_each_their_fix_in_whatever_order_they_stand() {
        let events = r#"{"fixed":"3.2.5"},{"introduced":"1.0.0"},{"introduced":"3.0.0"},{"fixed":"1.0.2"}"#;
        let spans = range("npm", "SEMVER", events);
        assert_eq!(
            hits(&spans, &["0.9.0", "1.0.0", "1.0.1", "1.0.2", "2.0.0", "3.0.0", "3.2.4", "3.2.5", "4.0.0"]),
            fixed(&[("1.0.0", "1.0.2"), ("1.0.1", "1.0.2"), ("3.0.0", "3.2.5"), ("3.2.4", "3.2.5")])
        );
    }

    #[test]
    fn the_last_affected_version_is_affected_and_no_later_one() {
        let one = range("npm", "SEMVER", r#"{"introduced":"0"},{"last_affected":"2.1.0"}"#);
        assert_eq!(hits(&one, &["2.0.0", "2.1.0", "2.1.1"]), fixed(&[("2.0.0", ""), ("2.1.0", "")]));
    }

    #[test]
    fn a_range_says_nothing_from_its_limit_on() {
        let one = range("npm", "SEMVER", r#"{"introduced":"1.0.0"},{"limit":"2.0.0"}"#);
        assert_eq!(hits(&one, &["0.1.0", "1.5.0", "2.0.0"]), fixed(&[("1.5.0", "")]));
        let open = range("npm", "SEMVER", r#"{"introduced":"1.0.0"},{"limit":"2.0.0"},{"limit":"*"}"#);
        assert_eq!(hits(&open, &["2.0.0"]), fixed(&[("2.0.0", "")]));
    }

    #[test]
    fn ranges_are_alternatives_and_a_fix_is_outside_of_all() {
        let overlapping = affected(
            "npm",
            r#""ranges":[{"type":"SEMVER","events":[{"introduced":"0"},{"fixed":"1.5.0"}]},
                {"type":"SEMVER","events":[{"introduced":"1.2.0"},{"fixed":"2.0.0"}]}]"#,
        );
        assert_eq!(hits(&overlapping, &["1.0.0", "1.7.0", "2.0.0"]), fixed(&[("1.0.0", "2.0.0"), ("1.7.0", "2.0.0")]));
    }

    #[test]
    fn events_at_one_version_count_in_the_order_in_which_they_stand() {
        let empty = range("npm", "SEMVER", r#"{"introduced":"1.0.0"},{"fixed":"1.0.0"}"#);
        assert_eq!(hits(&empty, &["1.0.0"]), []);
        let again =
            range("npm", "SEMVER", r#"{"introduced":"0"},{"fixed":"1.0.0"},{"introduced":"1.0.0"},{"fixed":"2.0.0"}"#);
        assert_eq!(hits(&again, &["0.5.0", "1.0.0"]), fixed(&[("0.5.0", "2.0.0"), ("1.0.0", "2.0.0")]));
    }

    #[test]
    fn distributions_are_judged_in_their_own_order() {
        let debian = range("Debian:12", "ECOSYSTEM", r#"{"introduced":"0"},{"fixed":"7.88.1-10+deb12u6"}"#);
        assert_eq!(
            hits(&debian, &["7.88.1-10+deb12u5", "7.88.1-10+deb12u10", "7.88.1-10+deb12u6~bpo1"]),
            fixed(&[("7.88.1-10+deb12u5", "7.88.1-10+deb12u6"), ("7.88.1-10+deb12u6~bpo1", "7.88.1-10+deb12u6")])
        );
        let never = range("Debian:12", "ECOSYSTEM", r#"{"introduced":"0"},{"fixed":"0"}"#);
        assert_eq!(hits(&never, &["1.0-1"]), []);
    }

    #[test]
    fn a_listed_version_is_affected_letter_for_letter() {
        let listed = affected("npm", r#""versions":["odd one","1.0.0"]"#);
        assert_eq!(hits(&listed, &["odd one", "1.0.0", "1.0"]), fixed(&[("odd one", ""), ("1.0.0", "")]));
    }

    #[test]
    fn commits_alone_leave_a_package_unjudged_and_beside_versions_they_say_nothing() {
        let git = r#"{"type":"GIT","repo":"https://example.org/x","events":[{"introduced":"0"}]}"#;
        let commits = affected("npm", &format!(r#""ranges":[{git}]"#));
        assert_eq!(commits.judge("1.0.0"), Err(Unjudged::Commits));
        let listed = affected("npm", &format!(r#""ranges":[{git}],"versions":["1.0.0"]"#));
        assert_eq!(hits(&listed, &["1.0.0", "1.1.0"]), fixed(&[("1.0.0", "")]));
        let semver = r#"{"type":"SEMVER","events":[{"introduced":"0"},{"fixed":"1.1.0"}]}"#;
        let both = affected("npm", &format!(r#""ranges":[{git},{semver}]"#));
        assert_eq!(hits(&both, &["1.0.0", "1.1.0"]), fixed(&[("1.0.0", "1.1.0")]));
    }

    #[test]
    fn what_does_not_parse_is_unjudged_unless_it_is_listed() {
        let one = range("npm", "SEMVER", r#"{"introduced":"0"},{"fixed":"1.0.2"}"#);
        assert!(matches!(one.judge("not a version"), Err(Unjudged::Version(_))));
        assert!(matches!(one.judge(""), Err(Unjudged::Version(_))), "a version that is not known");
        let listed = affected(
            "npm",
            r#""versions":["odd"],"ranges":[{"type":"SEMVER","events":[{"introduced":"0"},{"fixed":"1.0.2"}]}]"#,
        );
        assert!(listed.judge("odd").unwrap().is_some());
    }

    #[test]
    fn a_bound_or_a_range_that_is_not_understood_leaves_the_version_unjudged() {
        let bound = range("npm", "SEMVER", r#"{"introduced":"0"},{"fixed":"soon"}"#);
        assert!(matches!(bound.judge("1.0.0"), Err(Unjudged::Version(_))));
        let kind = range("npm", "LUNAR", r#"{"introduced":"0"}"#);
        assert_eq!(kind.judge("1.0.0"), Err(Unjudged::Range));
        let ecosystem = range("Brand New", "ECOSYSTEM", r#"{"introduced":"1"}"#);
        assert_eq!(ecosystem.judge("1.0.0"), Err(Unjudged::Range));
        let other = affected(
            "npm",
            r#""ranges":[{"type":"LUNAR","events":[]},{"type":"SEMVER","events":[{"introduced":"0"},{"fixed":"2.0.0"}]}]"#,
        );
        assert_eq!(hits(&other, &["1.0.0"]), fixed(&[("1.0.0", "2.0.0")]), "one range that says yes is enough");
    }

    /// The evaluation as the schema writes it down, over whole numbers.
    fn as_written(ranges: &[Vec<(u8, u32)>], versions: &[u32], version: u32) -> bool {
        versions.contains(&version)
            || ranges.iter().any(|events| {
                let limits: Vec<u32> = events.iter().filter(|(kind, _)| *kind == 3).map(|(_, at)| *at).collect();
                let mut sorted = events.clone();
                sorted.sort_by_key(|(_, at)| *at);
                let mut vulnerable = false;
                for (kind, at) in sorted {
                    match kind {
                        0 if version >= at => vulnerable = true,
                        1 if version >= at => vulnerable = false,
                        2 if version > at => vulnerable = false,
                        _ => {}
                    }
                }
                vulnerable && (limits.is_empty() || limits.iter().any(|limit| version < *limit))
            })
    }

    fn numbered(ranges: &[Vec<(u8, u32)>], versions: &[u32]) -> Affected {
        let version = |n: u32| if n == 0 { "0".to_owned() } else { format!("{n}.0.0") };
        let range = |events: &Vec<(u8, u32)>| Range {
            kind: RangeKind::Semver,
            events: events
                .iter()
                .map(|(kind, at)| match kind {
                    0 => Event::Introduced(version(*at)),
                    1 => Event::Fixed(version(*at)),
                    2 => Event::LastAffected(version(*at)),
                    _ => Event::Limit(format!("{at}.0.0")),
                })
                .collect(),
        };
        let mut affected = affected("npm", r#""versions":[]"#);
        affected.ranges = ranges.iter().map(range).collect();
        affected.versions = versions.iter().map(|n| format!("{n}.0.0")).collect();
        affected
    }

    proptest! {
        #[test]
        fn verdicts_are_those_of_the_evaluation_as_it_is_written(
            ranges in prop::collection::vec(prop::collection::vec((0..4_u8, 0..12_u32), 0..7), 0..4),
            versions in prop::collection::vec(1..12_u32, 0..4),
        ) {
            let affected = numbered(&ranges, &versions);
            for version in 1..14 {
                let text = format!("{version}.0.0");
                let hit = affected.judge(&text).unwrap();
                prop_assert_eq!(hit.is_some(), as_written(&ranges, &versions, version), "{}", version);
                if let Some(fix) = hit.and_then(|hit| hit.fixed_in) {
                    let fix: u32 = fix.split('.').next().unwrap().parse().unwrap();
                    prop_assert!(fix > version && !as_written(&ranges, &[], fix));
                }
            }
        }
    }
}
