//! What a resource's own attributes tell of that stands in an attacker's way. What was not read tells of nothing.

use crate::engine::Subject;
use plumbline_core::risk::{Guard, Guards};
use serde_json::Value;

/// The check that a namespace passes when it lets in only what is allowed.
pub const ISOLATES_NAMESPACE: &str = "kubernetes_namespace_denies_ingress_by_default";
/// The check that a cluster passes when its network does what policies say.
pub const ENFORCES_POLICIES: &str = "kubernetes_cluster_enforces_network_policies";

/// The guards of a resource whose facts have been worked out. None for what is no workload.
#[must_use]
pub fn guards(subject: &Subject) -> Guards {
    let holds = [(Guard::NonRoot, is_non_root(subject)), (Guard::ReadOnly, is_read_only(subject))];
    holds.into_iter().filter(|(_, holds)| *holds).map(|(guard, _)| guard).collect()
}

fn is_non_root(subject: &Subject) -> bool {
    match subject.kind.as_str() {
        "kubernetes.workload" => every(subject.facts.get("containers"), |one| one["root"] == "no"),
        "aws.ecs.task_definition" => every(subject.facts.get("containers"), |one| one["user"] == "other"),
        "docker.container" => {
            let user = subject.attributes.get("Config").and_then(|config| config.get("User")).and_then(Value::as_str);
            user.is_some_and(is_other)
        }
        _ => false,
    }
}

fn is_read_only(subject: &Subject) -> bool {
    match subject.kind.as_str() {
        "kubernetes.workload" => every(subject.facts.get("containers"), |one| one["read_only"] == true),
        "aws.ecs.task_definition" => {
            every(subject.attributes.get("containerDefinitions"), |one| one["readonlyRootFilesystem"] == true)
        }
        "docker.container" => {
            subject.attributes.get("HostConfig").is_some_and(|config| config["ReadonlyRootfs"] == true)
        }
        _ => false,
    }
}

/// Whether something holds of each item of a list that has some.
fn every(list: Option<&Value>, holds: impl Fn(&Value) -> bool) -> bool {
    list.and_then(Value::as_array).is_some_and(|items| !items.is_empty() && items.iter().all(holds))
}

/// Whether a user, as Docker writes it, is named and is not root.
fn is_other(user: &str) -> bool {
    let name = user.split(':').next().unwrap_or_default().trim();
    !name.is_empty() && name != "root" && !name.bytes().all(|byte| byte == b'0')
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn subject(kind: &str, attributes: Value) -> Subject {
        let attributes = attributes.as_object().cloned().unwrap_or_default();
        Subject { kind: kind.to_owned(), attributes, ..Subject::default() }.with_facts()
    }

    fn workload(first: Value, second: Value) -> Guards {
        let containers = json!([
            { "name": "a", "image": "a", "securityContext": first },
            { "name": "b", "image": "b", "securityContext": second },
        ]);
        guards(&subject("kubernetes.workload", json!({ "template": { "spec": { "containers": containers } } })))
    }

    #[test]
    fn a_workload_is_guarded_when_each_of_its_containers_is() {
        let strict = json!({ "runAsNonRoot": true, "readOnlyRootFilesystem": true });
        let both: Guards = [Guard::NonRoot, Guard::ReadOnly].into_iter().collect();
        assert_eq!(workload(strict.clone(), strict.clone()), both);
        assert_eq!(workload(strict.clone(), json!({ "runAsUser": 1000 })), [Guard::NonRoot].into_iter().collect());
        assert_eq!(workload(strict, json!({})), Guards::NONE);
    }

    #[test]
    fn what_was_not_read_guards_nothing() {
        for kind in ["kubernetes.workload", "docker.container", "aws.ecs.task_definition"] {
            assert_eq!(guards(&subject(kind, json!({}))), Guards::NONE, "{kind}");
        }
        let unsaid = json!({ "containerDefinitions": [{ "name": "a", "image": "a" }] });
        assert_eq!(guards(&subject("aws.ecs.task_definition", unsaid)), Guards::NONE);
    }

    #[test]
    fn a_container_is_guarded_by_its_user() {
        let user = |user: &str| guards(&subject("docker.container", json!({ "Config": { "User": user } })));
        assert!(user("10001:10001").has(Guard::NonRoot) && user("app").has(Guard::NonRoot));
        assert_eq!((user(""), user("root"), user("0:5")), (Guards::NONE, Guards::NONE, Guards::NONE));
    }

    #[test]
    fn the_checks_that_isolate_are_there() {
        let catalogue = crate::Catalogue::builtin();
        assert!([ISOLATES_NAMESPACE, ENFORCES_POLICIES].into_iter().all(|id| catalogue.check(id).is_some()));
    }
}
