//! What a subject of roles may do that gives it more than it seems, read the way the RBAC authorizer reads rules.
//!
//! Shape: `powers` is {name: [{binding, role, namespace, names}]}: the power, by which grant, where (null for the whole
//! cluster), and for which names alone (empty for all). `inherited` names the powers that came through a group of
//! service accounts, which the group answers for. `wildcards` is [{binding, role, namespace, of}]: grants by rules that
//! name everything of `verbs`, `resources` or `apiGroups`. `missing_roles` are grants of roles that do not exist.
//! `everyone` says that anyone who reaches the API server, or any pod, is that subject. `judged` says whether the cluster
//! did not come with it.
//!
//! Objects of the cluster itself (nodes, volumes, webhooks, requests for certificates) are out of reach of what is granted
//! in one namespace. A rule that names objects never matches creating one, for that request has no name yet.

mod power;
mod rule;

use super::{items, text, words};
use power::POWERS;
use rule::Rule;
use serde_json::{Map, Value, json};

/// Roles that Kubernetes gives everyone, and which give nothing away.
const FOR_EVERYONE: [&str; 4] =
    ["system:basic-user", "system:discovery", "system:public-info-viewer", "system:service-account-issuer-discovery"];

/// A role as one subject has it.
struct Grant<'a> {
    given: &'a Value,
    rules: Vec<Rule<'a>>,
}

impl<'a> Grant<'a> {
    fn new(given: &'a Value) -> Self {
        Self { given, rules: items(&given["rules"]).map(Rule::new).collect() }
    }

    fn in_cluster(&self) -> bool {
        text(&self.given["namespace"]).is_none()
    }

    /// The grant as it is shown, for these names alone.
    fn shown(&self, names: &[&str]) -> Value {
        json!({
            "binding": self.given["binding"],
            "role": role_name(&self.given["role"]),
            "namespace": text(&self.given["namespace"]),
            "names": names,
        })
    }
}

/// A role by its name, whether it stands there as a name, as `ClusterRole/name`, or as a reference.
fn role_name(role: &Value) -> &str {
    let name = role.as_str().or_else(|| role["name"].as_str()).unwrap_or_default();
    name.rsplit_once('/').map_or(name, |(_, name)| name)
}

/// The facts of a subject.
pub(super) fn of_subject(attributes: &Map<String, Value>) -> Vec<(&'static str, Value)> {
    let at = |name: &str| attributes.get(name).unwrap_or(&Value::Null);
    let (inherited, own): (Vec<&Value>, Vec<&Value>) =
        items(at("grants")).partition(|grant| text(&grant["via"]).is_some());
    let own: Vec<Grant<'_>> = own.into_iter().map(Grant::new).collect();
    let inherited: Vec<Grant<'_>> = inherited.into_iter().map(Grant::new).collect();
    let everyone = is_everyone(at("kind"), at("name"));
    let missing = own.iter().filter(|grant| grant.given["missing"] == json!(true));
    vec![
        ("powers", powers(&own)),
        ("inherited", powers(&inherited).as_object().into_iter().flatten().map(|(name, _)| name.clone()).collect()),
        ("wildcards", wildcards(&own)),
        ("missing_roles", missing.map(|grant| grant.shown(&[])).collect()),
        ("beyond", beyond(&own)),
        ("everyone", everyone.into()),
        ("judged", (at("system") != &json!(true) || everyone).into()),
    ]
}

/// The facts of a role, as if it were granted in the whole cluster.
pub(super) fn of_role(rules: &Value) -> Vec<(&'static str, Value)> {
    let given = json!({ "rules": rules });
    let grants = [Grant::new(&given)];
    let of: Vec<&str> = grants[0].rules.iter().flat_map(Rule::wildcards).collect();
    vec![
        ("powers", powers(&grants).as_object().into_iter().flatten().map(|(name, _)| name.clone()).collect()),
        ("wildcards", sorted(of).into()),
    ]
}

fn sorted(mut names: Vec<&str>) -> Vec<&str> {
    names.sort_unstable();
    names.dedup();
    names
}

/// Grants to everyone beyond those that Kubernetes comes with.
fn beyond(grants: &[Grant<'_>]) -> Value {
    grants
        .iter()
        .filter(|grant| !FOR_EVERYONE.contains(&role_name(&grant.given["role"])))
        .map(|grant| grant.shown(&[]))
        .collect()
}

/// Names that stand for whoever asks, or for every pod.
fn is_everyone(kind: &Value, name: &Value) -> bool {
    let name = name.as_str().unwrap_or_default();
    match kind.as_str() {
        Some("User") => name == "system:anonymous",
        Some("Group") => {
            matches!(name, "system:unauthenticated" | "system:authenticated" | "system:serviceaccounts")
                || name.starts_with("system:serviceaccounts:")
        }
        _ => false,
    }
}

fn powers(grants: &[Grant<'_>]) -> Value {
    let held = POWERS.iter().filter_map(|power| {
        let by: Vec<Value> = power.by(grants);
        (!by.is_empty()).then(|| (power.name.to_owned(), Value::from(by)))
    });
    Value::Object(held.collect())
}

fn wildcards(grants: &[Grant<'_>]) -> Value {
    grants
        .iter()
        .filter_map(|grant| {
            let of = sorted(grant.rules.iter().flat_map(Rule::wildcards).collect());
            let mut shown = grant.shown(&[]);
            shown["of"] = json!(of);
            (!of.is_empty()).then_some(shown)
        })
        .collect()
}

#[cfg(test)]
mod tests;
