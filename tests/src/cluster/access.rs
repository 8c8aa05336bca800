//! Who asks, and whether the roles and bindings that are loaded let them.

use super::kinds::by_plural;
use super::state::State;
use serde_json::Value;

const RBAC: &str = "rbac.authorization.k8s.io";

/// Somebody who asks.
#[derive(Debug, Clone)]
pub(super) struct Asker {
    pub(super) name: String,
    pub(super) groups: Vec<String>,
}

/// What is asked for.
#[derive(Debug, Clone)]
pub(super) enum Deed {
    Path { verb: String, path: String },
    Resource { verb: String, group: String, resource: String, sub: String, namespace: String, name: String },
}

impl Asker {
    /// By the token alone; none where it is nobody's.
    pub(super) fn of(state: &State, authorization: Option<&str>) -> Option<Self> {
        let named = |name: &str, groups: &[&str]| Self {
            name: name.to_owned(),
            groups: groups.iter().map(|group| (*group).to_owned()).collect(),
        };
        let Some(authorization) = authorization else {
            return Some(named("system:anonymous", &["system:unauthenticated"]));
        };
        let token = authorization.strip_prefix("Bearer ")?;
        if token == "admin" {
            return Some(named("admin", &["system:masters", "system:authenticated"]));
        }
        let (namespace, name) = token.strip_prefix("sa.")?.split_once('.')?;
        let at = ("serviceaccounts".to_owned(), namespace.to_owned(), name.to_owned());
        state.objects.contains_key(&at).then(|| {
            let own = format!("system:serviceaccounts:{namespace}");
            named(
                &format!("system:serviceaccount:{namespace}:{name}"),
                &["system:serviceaccounts", &own, "system:authenticated"],
            )
        })
    }

    fn is(&self, subject: &Value, at: &str) -> bool {
        let name = subject["name"].as_str().unwrap_or_default();
        match subject["kind"].as_str() {
            Some("User") => self.name == name,
            Some("Group") => self.groups.iter().any(|group| group == name),
            Some("ServiceAccount") => {
                let namespace = subject["namespace"].as_str().unwrap_or(at);
                self.name == format!("system:serviceaccount:{namespace}:{name}")
            }
            _ => false,
        }
    }
}

/// The rules that somebody has, in a namespace or in the whole cluster.
pub(super) fn rules(state: &State, asker: &Asker, namespace: &str) -> Vec<Value> {
    let mut found = Vec::new();
    let mut bound = |binding: &Value, at: &str| {
        let subjects = binding["subjects"].as_array().map_or(&[][..], Vec::as_slice);
        if subjects.iter().any(|subject| asker.is(subject, at)) {
            found.extend(of_role(state, &binding["roleRef"], at));
        }
    };
    for (_, binding) in state.of("clusterrolebindings.rbac.authorization.k8s.io", None) {
        bound(binding, "");
    }
    if !namespace.is_empty() {
        for (at, binding) in state.of("rolebindings.rbac.authorization.k8s.io", Some(namespace)) {
            bound(binding, &at.1);
        }
    }
    found
}

fn of_role(state: &State, role: &Value, namespace: &str) -> Vec<Value> {
    let name = role["name"].as_str().unwrap_or_default().to_owned();
    let at = match role["kind"].as_str() {
        Some("Role") => (format!("roles.{RBAC}"), namespace.to_owned(), name),
        _ => (format!("clusterroles.{RBAC}"), String::new(), name),
    };
    state.objects.get(&at).and_then(|role| role["rules"].as_array().cloned()).unwrap_or_default()
}

/// Whether somebody may do something.
pub(super) fn allowed(state: &State, asker: &Asker, deed: &Deed) -> bool {
    if asker.groups.iter().any(|group| group == "system:masters") {
        return true;
    }
    let namespace = if let Deed::Resource { namespace, .. } = deed { namespace.as_str() } else { "" };
    rules(state, asker, namespace).iter().any(|rule| covers(rule, deed))
}

fn covers(rule: &Value, deed: &Deed) -> bool {
    let list = |field: &str| rule[field].as_array().map_or(&[][..], Vec::as_slice);
    let has = |field: &str, wanted: &str| list(field).iter().any(|one| one == wanted || one == "*");
    match deed {
        Deed::Path { verb, path } => {
            has("verbs", verb)
                && list("nonResourceURLs").iter().filter_map(Value::as_str).any(|url| match url.strip_suffix('*') {
                    Some(prefix) => path.starts_with(prefix),
                    None => url == path,
                })
        }
        Deed::Resource { verb, group, resource, sub, name, .. } => {
            let full = if sub.is_empty() { resource.clone() } else { format!("{resource}/{sub}") };
            let names = list("resourceNames");
            has("verbs", verb)
                && has("apiGroups", group)
                && has("resources", &full)
                && (names.is_empty() || (!name.is_empty() && names.iter().any(|one| one == name)))
        }
    }
}

/// The API server's words for a refusal.
pub(super) fn refusal(asker: &Asker, deed: &Deed) -> String {
    let who = &asker.name;
    match deed {
        Deed::Path { verb, path } => format!("forbidden: User \"{who}\" cannot {verb} path \"{path}\""),
        Deed::Resource { verb, group, resource, sub, namespace, name } => {
            let full = if sub.is_empty() { resource.clone() } else { format!("{resource}/{sub}") };
            let kind = by_plural(group, resource);
            let of = kind.map_or_else(|| resource.clone(), super::kinds::Kind::resource);
            let place = if namespace.is_empty() {
                "at the cluster scope".to_owned()
            } else {
                format!("in the namespace \"{namespace}\"")
            };
            let named = if name.is_empty() { String::new() } else { format!(" \"{name}\"") };
            format!(
                "{of}{named} is forbidden: User \"{who}\" cannot {verb} resource \"{full}\" in API group \"{group}\" {place}"
            )
        }
    }
}
