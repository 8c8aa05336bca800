//! From advisories that matched a component to flaws, each once.
//!
//! Several databases tell of one flaw under ids of their own, and one update of a distribution fixes many. Ids that are
//! aliases are one flaw; an update is as many flaws as it names.

use super::judge::Hit;
use super::osv::Advisory;
use super::rating::{Rating, Urgency};
use crate::version::Order;
use serde::{Deserialize, Serialize};
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// What of an advisory is needed to tell its flaws: small, so that hundreds of thousands can be held.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Notice {
    pub id: String,
    /// The flaws that it tells of, each by all the ids it gives it.
    pub flaws: Vec<Vec<String>>,
    pub withdrawn: bool,
    pub rating: Option<Rating>,
}

/// One flaw of one component.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Flaw {
    /// Its CVE id where it has one, else GitHub's, else another; of several the smallest.
    pub id: String,
    /// Its other ids, sorted.
    pub aliases: Vec<String>,
    /// The advisories by which it was found, sorted.
    pub advisories: Vec<String>,
    /// The largest of the versions by which the advisories say that it is fixed: the smallest at which each of them that
    /// knows a fix is content. An advisory that knows none does not take away what another knows; after the upgrade it
    /// is judged again.
    pub fixed_in: Option<String>,
    pub rating: Rating,
    /// The distribution's, the most pressing where there are several.
    pub urgency: Option<Urgency>,
}

/// Ids of updates, which may fix many flaws at once.
const UPDATES: &[&str] = &[
    "DSA-",
    "DLA-",
    "DTSA-",
    "USN-",
    "LSN-",
    "ALSA-",
    "ALBA-",
    "ALEA-",
    "RHSA-",
    "RHBA-",
    "RHEA-",
    "RLSA-",
    "RXSA-",
    "RLBA-",
    "ELSA-",
    "SUSE-",
    "openSUSE-",
    "MGASA-",
    "OESA-",
    "PHSA-",
];

impl Notice {
    #[must_use]
    pub fn of(advisory: &Advisory) -> Self {
        Self {
            id: advisory.id.clone(),
            flaws: told(advisory),
            withdrawn: advisory.is_withdrawn(),
            rating: Rating::of(advisory),
        }
    }

    /// Whether what it says is said of one flaw alone.
    fn is_specific(&self) -> bool {
        self.flaws.len() == 1
    }
}

/// The flaws that an advisory tells of, each by its ids.
fn told(advisory: &Advisory) -> Vec<Vec<String>> {
    if UPDATES.iter().any(|prefix| advisory.id.starts_with(prefix)) {
        // AlmaLinux names the flaws of an update under `related`; older Debian records under `aliases`.
        let lists = [&advisory.upstream, &advisory.aliases, &advisory.related];
        if let Some(named) = lists.into_iter().map(|list| cves(list)).find(|named| !named.is_empty()) {
            return named.into_iter().map(|id| vec![id.to_owned()]).collect();
        }
    }
    let own = [Some(advisory.id.as_str()), embedded(&advisory.id)].into_iter().flatten();
    let mut own: BTreeSet<&str> = own.chain(advisory.aliases.iter().map(String::as_str)).collect();
    let upstream = match cves(&advisory.upstream) {
        named if named.is_empty() => advisory.upstream.iter().map(String::as_str).collect(),
        named => named,
    };
    if upstream.len() > 1 {
        let passed_on = !own.iter().any(|id| rank(id) < 2);
        if passed_on {
            return upstream.into_iter().map(|id| vec![id.to_owned()]).collect();
        }
    } else {
        own.extend(advisory.upstream.iter().map(String::as_str));
    }
    vec![own.into_iter().map(str::to_owned).collect()]
}

fn cves(ids: &[String]) -> BTreeSet<&str> {
    ids.iter().map(String::as_str).filter(|id| rank(id) == 0).collect()
}

/// The CVE id within ids as `DEBIAN-CVE-2031-1000`.
fn embedded(id: &str) -> Option<&str> {
    id.find("-CVE-").and_then(|at| id.get(at + 1..))
}

/// Which kind of id is preferred.
fn rank(id: &str) -> u8 {
    match id {
        id if id.starts_with("CVE-") => 0,
        id if id.starts_with("GHSA-") => 1,
        _ => 2,
    }
}

/// The flaws of one component, from the advisories that matched it; sorted by id. Withdrawn ones are passed over. Fixed
/// versions are compared in the order of the component's type.
#[must_use]
pub fn flaws<'a>(order: Order, matches: impl IntoIterator<Item = (&'a Notice, &'a Hit)>) -> Vec<Flaw> {
    let mut names = Names::default();
    let mut told = Vec::new();
    for (notice, hit) in matches.into_iter().filter(|(notice, _)| !notice.withdrawn) {
        for ids in &notice.flaws {
            if let Some(name) = names.join(ids) {
                told.push((name, notice, hit));
            }
        }
    }
    let mut found: HashMap<usize, Gathering<'a>> = HashMap::new();
    for (name, notice, hit) in told {
        found.entry(names.root(name)).or_default().add(order, notice, hit);
    }
    let mut ids = names.groups();
    let mut flaws: Vec<Flaw> =
        found.into_iter().filter_map(|(root, gathering)| gathering.flaw(ids.remove(&root)?)).collect();
    flaws.sort_by(|a, b| a.id.cmp(&b.id));
    flaws
}

/// Ids, joined into groups (a union-find).
#[derive(Default)]
struct Names<'a> {
    numbers: HashMap<&'a str, usize>,
    parents: Vec<usize>,
}

impl<'a> Names<'a> {
    /// Joins ids into one group; a number of the group.
    fn join(&mut self, ids: &'a [String]) -> Option<usize> {
        let mut group = None;
        for id in ids {
            let number = self.number(id);
            let root = self.root(number);
            match group {
                None => group = Some(root),
                Some(first) if first != root => {
                    if let Some(parent) = self.parents.get_mut(root) {
                        *parent = first;
                    }
                }
                Some(_) => {}
            }
        }
        group
    }

    fn number(&mut self, id: &'a str) -> usize {
        let next = self.parents.len();
        let number = *self.numbers.entry(id).or_insert(next);
        if number == next {
            self.parents.push(next);
        }
        number
    }

    /// Halves the path on the way, so that long chains do not stay long.
    fn root(&mut self, mut number: usize) -> usize {
        while let Some(&parent) = self.parents.get(number) {
            if parent == number {
                break;
            }
            let above = self.parents.get(parent).copied().unwrap_or(parent);
            if let Some(entry) = self.parents.get_mut(number) {
                *entry = above;
            }
            number = above;
        }
        number
    }

    /// The ids of each group, preferred first.
    fn groups(&mut self) -> BTreeMap<usize, Vec<String>> {
        let numbers: Vec<(&str, usize)> = self.numbers.iter().map(|(id, number)| (*id, *number)).collect();
        let mut groups: BTreeMap<usize, Vec<String>> = BTreeMap::new();
        for (id, number) in numbers {
            groups.entry(self.root(number)).or_default().push(id.to_owned());
        }
        for ids in groups.values_mut() {
            ids.sort_by(|a, b| rank(a).cmp(&rank(b)).then_with(|| a.cmp(b)));
        }
        groups
    }
}

/// What is said of one flaw.
#[derive(Default)]
struct Gathering<'a> {
    advisories: BTreeSet<&'a str>,
    fixed_in: Option<&'a str>,
    rating: Option<(&'a Rating, bool)>,
    urgency: Option<Urgency>,
}

impl<'a> Gathering<'a> {
    fn add(&mut self, order: Order, notice: &'a Notice, hit: &'a Hit) {
        self.advisories.insert(&notice.id);
        if let Some(fix) = hit.fixed_in.as_deref() {
            let later = self.fixed_in.is_none_or(|known| order.compare(fix, known).is_ok_and(Ordering::is_gt));
            self.fixed_in = if later { Some(fix) } else { self.fixed_in };
        }
        // What is said of the package in particular comes first, unless it is no rating.
        let own = hit.rating.as_ref().filter(|rating| rating.rated);
        if let Some(rating) = own.or(notice.rating.as_ref()).or(hit.rating.as_ref()) {
            let said = (rating, notice.is_specific());
            let heavier = self.rating.is_none_or(|known| weight(said) > weight(known));
            self.rating = if heavier { Some(said) } else { self.rating };
        }
        self.urgency = pressing(self.urgency, hit.urgency);
    }

    fn flaw(self, ids: Vec<String>) -> Option<Flaw> {
        let mut ids = ids.into_iter();
        let id = ids.next()?;
        let mut aliases: Vec<String> = ids.collect();
        aliases.sort_unstable();
        let rating = self.rating.map(|(rating, _)| rating.clone());
        Some(Flaw {
            id,
            aliases,
            advisories: self.advisories.into_iter().map(str::to_owned).collect(),
            fixed_in: self.fixed_in.map(str::to_owned),
            rating: rating.or_else(|| Rating::of_urgency(self.urgency?)).unwrap_or(Rating::UNRATED),
            urgency: self.urgency,
        })
    }
}

/// Which rating counts: what is said of this flaw alone before what is said of an update that fixes several; then the
/// newest vector before a word; then the worse.
fn weight((rating, specific): (&Rating, bool)) -> impl PartialOrd + use<> {
    (rating.rated, specific, rating.basis(), rating.score, rating.severity)
}

/// The more pressing; "not looked at yet" is the least of all.
fn pressing(a: Option<Urgency>, b: Option<Urgency>) -> Option<Urgency> {
    std::cmp::max_by_key(a, b, |urgency| urgency.map(|urgency| (urgency != Urgency::Unassigned, urgency)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn notice(json: &str) -> Notice {
        Notice::of(&Advisory::read(json.as_bytes()).unwrap())
    }

    fn fixed(version: &str) -> Hit {
        Hit { fixed_in: (!version.is_empty()).then(|| version.to_owned()), ..Hit::default() }
    }

    fn merged(matches: &[(Notice, Hit)]) -> Vec<Flaw> {
        flaws(Order::Semver, matches.iter().map(|(notice, hit)| (notice, hit)))
    }

    fn ids(flaws: &[Flaw]) -> Vec<&str> {
        flaws.iter().map(|flaw| flaw.id.as_str()).collect()
    }

    #[test]
    fn aliases_are_one_flaw_under_its_cve() {
        let found = merged(&[
            (notice(r#"{"id":"PYSEC-2031-7","aliases":["GHSA-aaaa-bbbb-cccc"]}"#), fixed("1.2.0")),
            (notice(r#"{"id":"GHSA-aaaa-bbbb-cccc","aliases":["CVE-2031-1000"]}"#), fixed("1.3.0")),
            (notice(r#"{"id":"CVE-2031-1000"}"#), fixed("")),
        ]);

        assert_eq!(ids(&found), ["CVE-2031-1000"]);
        assert_eq!(found[0].aliases, ["GHSA-aaaa-bbbb-cccc", "PYSEC-2031-7"]);
        assert_eq!(found[0].advisories, ["CVE-2031-1000", "GHSA-aaaa-bbbb-cccc", "PYSEC-2031-7"]);
        assert_eq!(found[0].fixed_in.as_deref(), Some("1.3.0"));
    }

    #[test]
    fn without_a_cve_github_names_it_and_else_the_smallest() {
        let found = merged(&[
            (notice(r#"{"id":"RUSTSEC-2031-0002","aliases":["GHSA-xxxx-yyyy-zzzz"]}"#), fixed("")),
            (notice(r#"{"id":"RUSTSEC-2031-0001","aliases":["PYSEC-2031-3"]}"#), fixed("")),
        ]);
        assert_eq!(ids(&found), ["GHSA-xxxx-yyyy-zzzz", "PYSEC-2031-3"]);
    }

    #[test]
    fn an_update_counts_once_for_each_flaw_it_fixes() {
        for json in [
            r#"{"id":"DSA-9000-1","upstream":["CVE-2031-1","CVE-2031-2","GHSA-aaaa-bbbb-cccc"]}"#,
            r#"{"id":"DSA-9000-1","aliases":["CVE-2031-1","CVE-2031-2"]}"#,
            r#"{"id":"ALSA-2031:1","related":["CVE-2031-1","CVE-2031-2","RHSA-2031:1"]}"#,
            r#"{"id":"CGA-2222-3333-4444","upstream":["CVE-2031-1","CVE-2031-2"]}"#,
        ] {
            let found = merged(&[
                (notice(json), fixed("2.0.0")),
                (notice(r#"{"id":"DEBIAN-CVE-2031-1","upstream":["CVE-2031-1"]}"#), fixed("1.9.0")),
            ]);
            assert_eq!(ids(&found), ["CVE-2031-1", "CVE-2031-2"], "{json}");
            assert_eq!(found[0].advisories.len(), 2, "{json}");
            assert_eq!(found[0].fixed_in.as_deref(), Some("2.0.0"));
        }
        assert_eq!(ids(&merged(&[(notice(r#"{"id":"DSA-9001-1"}"#), fixed(""))])), ["DSA-9001-1"]);
    }

    #[test]
    fn a_cve_within_an_id_is_known_without_being_named() {
        let found = merged(&[
            (notice(r#"{"id":"UBUNTU-CVE-2031-1"}"#), fixed("")),
            (notice(r#"{"id":"GHSA-aaaa-bbbb-cccc","aliases":["CVE-2031-1"]}"#), fixed("")),
        ]);
        assert_eq!(ids(&found), ["CVE-2031-1"]);
    }

    #[test]
    fn withdrawn_advisories_count_for_nothing() {
        let gone = r#"{"id":"GHSA-aaaa-bbbb-cccc","withdrawn":"2031-01-01T00:00:00Z","aliases":["CVE-2031-1"]}"#;
        assert_eq!(merged(&[(notice(gone), fixed("1.0.0"))]), []);
    }

    #[test]
    fn what_is_said_of_one_flaw_alone_rates_it() {
        let high = r#""severity":[{"type":"CVSS_V3","score":"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}]"#;
        let update = format!(r#"{{"id":"RLSA-2031:1","upstream":["CVE-2031-1","CVE-2031-2"],{high}}}"#);
        let own = r#"{"id":"GHSA-a","aliases":["CVE-2031-1"],"database_specific":{"severity":"LOW"}}"#;
        let found = merged(&[(notice(&update), fixed("")), (notice(own), fixed(""))]);

        assert_eq!(found[0].rating.severity.as_str(), "low");
        assert_eq!(found[1].rating.score, Some(9.8));
    }

    #[test]
    fn without_a_rating_the_urgency_counts_and_else_it_is_unrated() {
        let debian = || notice(r#"{"id":"DEBIAN-CVE-2031-1"}"#);
        let hit = |urgency| Hit { urgency, ..Hit::default() };
        let found = merged(&[(debian(), hit(Some(Urgency::Unassigned))), (debian(), hit(Some(Urgency::Unimportant)))]);
        assert_eq!((found[0].rating.severity.as_str(), found[0].rating.rated), ("low", true));
        assert_eq!(found[0].urgency, Some(Urgency::Unimportant));

        let unrated = &merged(&[(debian(), hit(Some(Urgency::Unassigned)))])[0];
        assert_eq!((unrated.rating.severity.as_str(), unrated.rating.rated), ("medium", false));
    }

    #[test]
    fn ten_thousand_advisories_of_one_flaw_are_merged_at_once() {
        let all: Vec<_> = (0..10_000)
            .map(|n| (notice(&format!(r#"{{"id":"X-{n}","aliases":["X-{}"]}}"#, n + 1)), fixed("")))
            .collect();
        assert_eq!(merged(&all).len(), 1);
    }
}
