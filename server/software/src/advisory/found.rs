//! What all advisories together say of one version of a package.
//!
//! An advisory that cannot be judged leaves the version unjudged, unless every flaw that it tells of is known to be there
//! by another entry: then nothing is left open.

use super::flaw::{Flaw, Notice, flaws};
use super::judge::{Hit, Unjudged};
use super::osv::Affected;
use crate::version::Order;
use std::collections::HashSet;

/// What one advisory says of a package.
#[derive(Debug, Clone, PartialEq)]
pub struct Told {
    pub notice: Notice,
    pub affected: Vec<Affected>,
    /// The version that it is to be held against: of the package, or of the source that it was built from.
    pub version: String,
}

/// What is known of a version.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Found {
    /// Each flaw once, by id.
    pub flaws: Vec<Flaw>,
    /// Advisories that leave it open whether the version is affected, with why. This is unknown, not clean.
    pub unjudged: Vec<(String, Unjudged)>,
}

/// Judges a version by everything that is told of its package. Withdrawn advisories count for nothing.
#[must_use]
pub fn find(order: Order, told: &[Told]) -> Found {
    let mut hits: Vec<(&Notice, Hit)> = Vec::new();
    let mut unclear: Vec<(&Notice, Unjudged)> = Vec::new();
    for Told { notice, affected, version } in told.iter().filter(|one| !one.notice.withdrawn) {
        for one in affected {
            match one.judge(version) {
                Ok(Some(hit)) => hits.push((notice, hit)),
                Ok(None) => {}
                Err(why) => unclear.push((notice, why)),
            }
        }
    }
    let flaws = flaws(order, hits.iter().map(|(notice, hit)| (*notice, hit)));
    let there: HashSet<&str> =
        flaws.iter().flat_map(|flaw| std::iter::once(&flaw.id).chain(&flaw.aliases)).map(String::as_str).collect();
    unclear.retain(|(notice, _)| !notice.flaws.iter().all(|ids| ids.iter().any(|id| there.contains(id.as_str()))));
    unclear.sort_by(|(a, _), (b, _)| a.id.cmp(&b.id));
    unclear.dedup_by(|(a, _), (b, _)| a.id == b.id);
    let unjudged = unclear.into_iter().map(|(notice, why)| (notice.id.clone(), why)).collect();
    Found { flaws, unjudged }
}

#[cfg(test)]
mod tests {
    use super::super::osv::Advisory;
    use super::*;

    fn told(record: &str, version: &str) -> Told {
        let advisory = Advisory::read(record.as_bytes()).unwrap();
        Told { notice: Notice::of(&advisory), affected: advisory.affected, version: version.to_owned() }
    }

    fn ids(found: &Found) -> (Vec<&str>, Vec<&str>) {
        let flaws = found.flaws.iter().map(|flaw| flaw.id.as_str()).collect();
        (flaws, found.unjudged.iter().map(|(id, _)| id.as_str()).collect())
    }

    const GITHUB: &str = r#"{"id":"GHSA-aaaa-bbbb-cccc","aliases":["CVE-2031-1"],"affected":[{
        "package":{"ecosystem":"npm","name":"left"},
        "ranges":[{"type":"SEMVER","events":[{"introduced":"0"},{"fixed":"1.2.0"}]}]}]}"#;
    const COMMITS: &str = r#"{"id":"OSV-2031-7","aliases":["CVE-2031-1"],"affected":[{
        "package":{"ecosystem":"npm","name":"left"},
        "ranges":[{"type":"GIT","repo":"https://example.org/left","events":[{"introduced":"0"}]}]}]}"#;

    #[test]
    fn what_one_advisory_leaves_open_is_unjudged() {
        let found = find(Order::Semver, &[told(COMMITS, "1.0.0")]);
        assert_eq!(ids(&found), (vec![], vec!["OSV-2031-7"]));
        assert_eq!(found.unjudged[0].1, Unjudged::Commits);
        assert_eq!(ids(&find(Order::Semver, &[told(GITHUB, "not a version")])).1, ["GHSA-aaaa-bbbb-cccc"]);
    }

    #[test]
    fn a_flaw_that_is_there_by_another_entry_is_not_left_open() {
        let found = find(Order::Semver, &[told(COMMITS, "1.0.0"), told(GITHUB, "1.0.0")]);
        assert_eq!(ids(&found), (vec!["CVE-2031-1"], vec![]));
        // The other entry says that it is fixed, which says nothing of the commits.
        let found = find(Order::Semver, &[told(COMMITS, "1.2.0"), told(GITHUB, "1.2.0")]);
        assert_eq!(ids(&found), (vec![], vec!["OSV-2031-7"]));
    }

    #[test]
    fn an_update_that_tells_of_more_than_is_known_to_be_there_is_left_open() {
        let update =
            COMMITS.replace("OSV-2031-7", "DSA-9000-1").replace(r#"["CVE-2031-1"]"#, r#"["CVE-2031-1","CVE-2031-2"]"#);
        let found = find(Order::Semver, &[told(&update, "1.0.0"), told(GITHUB, "1.0.0")]);
        assert_eq!(ids(&found), (vec!["CVE-2031-1"], vec!["DSA-9000-1"]));
    }

    #[test]
    fn withdrawn_advisories_neither_hit_nor_leave_anything_open() {
        let withdrawn = |record: &str| record.replacen('{', r#"{"withdrawn":"2031-01-01T00:00:00Z","#, 1);
        let all = [told(&withdrawn(COMMITS), "1.0.0"), told(&withdrawn(GITHUB), "1.0.0")];
        assert_eq!(find(Order::Semver, &all), Found::default());
    }

    #[test]
    fn each_order_finds_its_own_versions() {
        for (ecosystem, kind, fixed, affected, mended) in [
            ("Debian", "ECOSYSTEM", "7.88.1-10+deb12u6", "7.88.1-10+deb12u5", "7.88.1-10+deb12u6"),
            ("Alpine:v3.20", "ECOSYSTEM", "8.9.0-r1", "8.9.0-r0", "8.9.0-r1"),
            ("Go", "SEMVER", "1.21.8", "1.21.0", "1.21.8"),
            ("PyPI", "ECOSYSTEM", "2.4.post1", "2.4", "2.4.post1"),
            ("Red Hat:enterprise_linux:9::baseos", "ECOSYSTEM", "1:3.0-4.el9", "1:3.0-3.el9", "1:3.0-4.el9"),
        ] {
            let record = format!(
                r#"{{"id":"X-1","affected":[{{"package":{{"ecosystem":"{ecosystem}","name":"x"}},
                "ranges":[{{"type":"{kind}","events":[{{"introduced":"0"}},{{"fixed":"{fixed}"}}]}}]}}]}}"#
            );
            let order = super::super::ecosystem::kind(ecosystem).unwrap().order();
            assert_eq!(ids(&find(order, &[told(&record, affected)])).0, ["X-1"], "{ecosystem}");
            assert_eq!(find(order, &[told(&record, mended)]), Found::default(), "{ecosystem}");
        }
    }
}
