//! One rule of a role, matched as the authorizer matches it.

use super::words;
use serde_json::Value;

/// A rule's lists; what is absent is empty.
pub(super) struct Rule<'a> {
    groups: Vec<&'a str>,
    resources: Vec<&'a str>,
    verbs: Vec<&'a str>,
    pub(super) names: Vec<&'a str>,
}

impl<'a> Rule<'a> {
    pub(super) fn new(rule: &'a Value) -> Self {
        Self {
            groups: words(&rule["apiGroups"]),
            resources: words(&rule["resources"]),
            verbs: words(&rule["verbs"]),
            names: words(&rule["resourceNames"]),
        }
    }

    /// Whether it lets any of the verbs be used on the resource, which may be `pods/exec`.
    pub(super) fn lets(&self, verbs: &[&str], group: &str, resource: &str) -> bool {
        self.groups.iter().any(|one| *one == "*" || *one == group)
            && self.covers(resource)
            && self.verbs.iter().any(|one| *one == "*" || verbs.contains(one))
    }

    /// `*` is every resource and subresource, `*/scale` that subresource of each; `pods/*` is nothing.
    fn covers(&self, resource: &str) -> bool {
        let subresource = resource.split_once('/').map(|(_, subresource)| subresource);
        self.resources.iter().any(|one| {
            let any_with = one.strip_prefix("*/").is_some_and(|rest| Some(rest) == subresource);
            *one == "*" || *one == resource || any_with
        })
    }

    /// Whether it lets everything be done to everything.
    pub(super) fn is_everything(&self) -> bool {
        let all = |list: &[&str]| list.contains(&"*");
        all(&self.groups) && all(&self.resources) && all(&self.verbs) && self.names.is_empty()
    }

    /// The lists in which it names everything. A wildcard among groups alone says little, but covers what is to come.
    pub(super) fn wildcards(&self) -> Vec<&'static str> {
        let lists = [("apiGroups", &self.groups), ("resources", &self.resources), ("verbs", &self.verbs)];
        let wild = |list: &&Vec<&str>| list.iter().any(|one| *one == "*" || one.starts_with("*/"));
        lists.into_iter().filter(|(_, list)| wild(list)).map(|(name, _)| name).collect()
    }
}
