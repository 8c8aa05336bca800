//! Advisories by what they are about, made ready to judge many components.
//!
//! An index is built once and then only read, so any number of threads can ask it at the same time. When new advisories
//! arrive, an index of those alone tells what they change.

use super::ecosystem::{self, Key};
use super::judge::{Hit, Judge, Subject};
use super::osv::Advisory;
use crate::component::Component;
use crate::distribution::Distribution;
use std::collections::HashMap;

/// Affected packages by ecosystem and name.
#[derive(Debug, Default)]
pub struct Index {
    ecosystems: HashMap<Box<str>, Names>,
    entries: usize,
}

type Names = HashMap<Box<str>, Vec<Entry>>;

#[derive(Debug)]
struct Entry {
    advisory: usize,
    judge: Judge,
}

/// What is known of a version.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Found {
    /// Advisories that affect it, by the numbers under which they were added. One may stand here several times, when it
    /// lists a package several times.
    pub hits: Vec<(usize, Hit)>,
    /// Advisories about the package by which it could not be judged, sorted. These are unknown, not clean.
    pub unjudged: Vec<usize>,
}

impl Index {
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an advisory under a number of the caller's. A withdrawn one is left out, as is what it says of packages that
    /// are of no known type.
    pub fn add(&mut self, number: usize, advisory: &Advisory) {
        if advisory.is_withdrawn() {
            return;
        }
        for affected in advisory.affected.iter().filter(|affected| affected.kind.is_some()) {
            let ecosystem = ecosystem::scope(&affected.ecosystem);
            let names = entry(&mut self.ecosystems, &ecosystem);
            let judge = Judge::of(affected).trimmed();
            entry(names, &affected.name).push(Entry { advisory: number, judge });
            self.entries += 1;
        }
    }

    /// How many affected packages it holds, over all advisories.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries == 0
    }

    /// What is known of a version of a package; the name is that of a [`Key`].
    #[must_use]
    pub fn find(&self, ecosystem: &str, name: &str, version: &str) -> Found {
        let mut found = Found::default();
        self.gather(ecosystem, name, version, &mut found);
        found.settled()
    }

    /// What is known of a component, by all of its [keys](ecosystem::keys). None when it has no key: nothing can be known.
    #[must_use]
    pub fn find_component(&self, component: &Component, distribution: Option<&Distribution>) -> Option<Found> {
        let keys = ecosystem::keys(component, distribution);
        if keys.is_empty() {
            return None;
        }
        let mut found = Found::default();
        for Key { ecosystem, name, version } in &keys {
            self.gather(ecosystem, name, version, &mut found);
        }
        Some(found.settled())
    }

    fn gather(&self, ecosystem: &str, name: &str, version: &str, found: &mut Found) {
        let scope = ecosystem::scope(ecosystem);
        // Some distributions may leave the release out of an advisory, which then counts for all.
        let base = ecosystem::base(&scope);
        let mut subject = Subject::new(version);
        self.gather_in(&scope, name, &mut subject, found);
        if base != scope {
            self.gather_in(base, name, &mut subject, found);
        }
    }

    fn gather_in(&self, ecosystem: &str, name: &str, subject: &mut Subject<'_>, found: &mut Found) {
        let entries = self.ecosystems.get(ecosystem).and_then(|names| names.get(name));
        for entry in entries.into_iter().flatten() {
            match entry.judge.judge(subject) {
                Ok(Some(hit)) => found.hits.push((entry.advisory, hit)),
                Ok(None) => {}
                Err(_) => found.unjudged.push(entry.advisory),
            }
        }
    }
}

impl Found {
    /// An advisory that affects it by one entry or name is not unjudged by another.
    fn settled(mut self) -> Self {
        if !self.unjudged.is_empty() {
            let mut hit: Vec<usize> = self.hits.iter().map(|(advisory, _)| *advisory).collect();
            hit.sort_unstable();
            self.unjudged.retain(|advisory| hit.binary_search(advisory).is_err());
            self.unjudged.sort_unstable();
            self.unjudged.dedup();
        }
        self
    }
}

/// The value of a key, an empty one when it is new.
fn entry<'a, T: Default>(map: &'a mut HashMap<Box<str>, T>, key: &str) -> &'a mut T {
    map.entry(key.into()).or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::component::Type;

    fn index(records: &[&str]) -> Index {
        let mut index = Index::new();
        for (number, record) in records.iter().enumerate() {
            index.add(number, &Advisory::read(record.as_bytes()).unwrap());
        }
        index
    }

    fn affecting(index: &Index, ecosystem: &str, name: &str, version: &str) -> Vec<usize> {
        index.find(ecosystem, name, version).hits.into_iter().map(|(number, _)| number).collect()
    }

    const NPM: &str = r#"{"id":"GHSA-a","affected":[{"package":{"ecosystem":"npm","name":"left"},
        "ranges":[{"type":"SEMVER","events":[{"introduced":"0"},{"fixed":"1.2.0"}]}]}]}"#;
    const ALPINE: &str = r#"{"id":"ALPINE-CVE-2031-1","affected":[
        {"package":{"ecosystem":"Alpine:v3.20","name":"thing"},
         "ranges":[{"type":"ECOSYSTEM","events":[{"introduced":"0"},{"fixed":"8.9.0-r1"}]}],"versions":["8.8.0-r0"]},
        {"package":{"ecosystem":"Alpine:v3.21","name":"thing"},
         "ranges":[{"type":"ECOSYSTEM","events":[{"introduced":"0"},{"fixed":"8.9.0-r3"}]}]}]}"#;
    const GO: &str = r#"{"id":"GO-2031-1","affected":[{"package":{"ecosystem":"Go","name":"stdlib"},
        "ranges":[{"type":"SEMVER","events":[{"introduced":"0"},{"fixed":"1.21.8"},{"introduced":"1.22.0-0"},
        {"fixed":"1.22.1"}]}]}]}"#;
    const PYPI: &str = r#"{"id":"PYSEC-2031-1","affected":[{"package":{"ecosystem":"PyPI","name":"Some.Thing"},
        "ranges":[{"type":"ECOSYSTEM","events":[{"introduced":"2.0a1"},{"fixed":"2.4.post1"}]}]}]}"#;
    const REDHAT: &str = r#"{"id":"RHSA-2031:1","affected":[
        {"package":{"ecosystem":"Red Hat:enterprise_linux:9::baseos","name":"thing"},
         "ranges":[{"type":"ECOSYSTEM","events":[{"introduced":"0"},{"fixed":"1:3.0-4.el9"}]}]}]}"#;

    #[test]
    fn a_version_is_judged_by_the_advisories_of_its_package_and_release() {
        let index = index(&[NPM, ALPINE, GO, PYPI, REDHAT]);

        assert_eq!(index.len(), 6);
        assert_eq!(affecting(&index, "npm", "left", "1.1.9"), [0]);
        assert!(affecting(&index, "npm", "right", "1.1.9").is_empty());
        assert!(affecting(&index, "Alpine:v3.20", "thing", "8.9.0-r1").is_empty());
        assert_eq!(affecting(&index, "Alpine:v3.21", "thing", "8.9.0-r1"), [1]);
        assert_eq!(affecting(&index, "Go", "stdlib", "1.22.0"), [2]);
        assert!(affecting(&index, "Go", "stdlib", "1.21.8").is_empty());
        assert_eq!(affecting(&index, "PyPI", "some-thing", "2.4"), [3]);
        assert_eq!(affecting(&index, "Red Hat:enterprise_linux:9::appstream", "thing", "1:3.0-3.el9"), [4]);
    }

    #[test]
    fn a_component_is_found_by_its_type_and_name() {
        let index = index(&[NPM, GO]);
        let go = Component::new(Type::Golang, "stdlib", "1.21.0", "");
        let found = index.find_component(&go, None).unwrap();
        assert_eq!(found.hits[0].1.fixed_in.as_deref(), Some("1.21.8"));

        let loose = Component::new(Type::Deb, "left", "1.0", "");
        assert_eq!(index.find_component(&loose, None), None, "without a release nothing is known");
    }

    #[test]
    fn what_can_not_be_judged_is_told() {
        let index = index(&[NPM]);
        let found = index.find("npm", "left", "not a version");
        assert_eq!((found.hits.len(), found.unjudged), (0, vec![0]));
        assert_eq!(index.find("npm", "left", "").unjudged, [0]);
    }

    #[test]
    fn withdrawn_advisories_are_left_out() {
        let withdrawn = NPM.replacen('{', r#"{"withdrawn":"2031-01-01T00:00:00Z","#, 1);
        assert!(index(&[&withdrawn]).is_empty());
    }

    #[test]
    fn an_advisory_without_a_release_counts_for_all_releases() {
        let all = ALPINE.replace("Alpine:v3.20", "Debian").replace("8.9.0-r1", "8.9.0-1");
        assert_eq!(affecting(&index(&[&all]), "Debian:12", "thing", "8.8.0-1"), [0]);
    }
}
