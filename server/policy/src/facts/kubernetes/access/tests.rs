//! Rules of roles, read as the authorizer reads them.

use super::*;

fn subject(kind: &str, name: &str, grants: Value) -> Map<String, Value> {
    let attributes = json!({ "kind": kind, "name": name, "system": name.starts_with("system:"), "grants": grants });
    attributes.as_object().cloned().expect("an object")
}

fn facts(grants: Value) -> Map<String, Value> {
    let facts = of_subject(&subject("User", "jane", grants));
    facts.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

fn grant(namespace: Value, rule: Value) -> Value {
    json!({ "binding": "b", "role": "r", "namespace": namespace, "via": null, "rules": [rule] })
}

fn held(namespace: Value, rule: Value) -> Vec<String> {
    facts(json!([grant(namespace, rule)]))["powers"].as_object().expect("powers").keys().cloned().collect()
}

fn rule(groups: &[&str], resources: &[&str], verbs: &[&str]) -> Value {
    json!({ "apiGroups": groups, "resources": resources, "verbs": verbs })
}

#[test]
fn everything_in_the_cluster_is_every_power() {
    let all = held(Value::Null, rule(&["*"], &["*"], &["*"]));
    assert_eq!(all.len(), POWERS.len(), "{all:?}");
}

#[test]
fn everything_in_a_namespace_is_not_the_cluster() {
    let all = held(json!("shop"), rule(&["*"], &["*"], &["*"]));
    for power in
        ["everything", "nodes_proxy", "create_volumes", "change_webhooks", "approve_certificates", "change_nodes"]
    {
        assert!(!all.iter().any(|name| name == power), "{power}");
    }
    for power in ["read_secrets", "create_pods", "exec", "escalate", "bind", "impersonate", "change_namespaces"] {
        assert!(all.iter().any(|name| name == power), "{power}");
    }
}

#[test]
fn groups_and_subresources_are_told_apart() {
    assert!(held(Value::Null, rule(&["apps"], &["secrets"], &["get"])).is_empty());
    assert!(held(Value::Null, rule(&[""], &["pods"], &["get", "list"])).is_empty());
    assert!(held(Value::Null, rule(&[""], &["pods/*"], &["create"])).is_empty(), "no such wildcard");
    assert_eq!(held(Value::Null, rule(&[""], &["*/exec"], &["create"])), ["exec"]);
    assert_eq!(held(Value::Null, rule(&[""], &["pods/exec"], &["get"])), ["exec"]);
    assert_eq!(held(Value::Null, rule(&[""], &["nodes/proxy"], &["get"])), ["nodes_proxy"]);
    assert_eq!(held(Value::Null, rule(&["*"], &["secrets"], &["*"])), ["read_secrets"]);
}

#[test]
fn a_name_limits_what_is_read_and_voids_what_is_created() {
    let named = |resource: &str, verb: &str| {
        let mut rule = rule(&[""], &[resource], &[verb]);
        rule["resourceNames"] = json!(["one"]);
        facts(json!([grant(Value::Null, rule)]))["powers"].clone()
    };
    assert_eq!(named("secrets", "get")["read_secrets"][0]["names"], json!(["one"]));
    assert_eq!(named("pods", "create"), json!({}));
    assert_eq!(named("serviceaccounts/token", "create")["issue_tokens"][0]["names"], json!(["one"]));
}

#[test]
fn approving_certificates_takes_two_rules() {
    let approve = rule(&["certificates.k8s.io"], &["certificatesigningrequests/approval"], &["update"]);
    let sign = rule(&["certificates.k8s.io"], &["signers"], &["approve"]);
    assert!(held(Value::Null, approve.clone()).is_empty() && held(Value::Null, sign.clone()).is_empty());
    let both = facts(json!([grant(Value::Null, approve), grant(Value::Null, sign)]));
    assert_eq!(both["powers"]["approve_certificates"].as_array().map(Vec::len), Some(1));
}

#[test]
fn what_a_group_brings_is_the_groups_to_answer_for() {
    let mut given = grant(Value::Null, rule(&[""], &["secrets"], &["list"]));
    given["via"] = json!("system:serviceaccounts");
    let facts = facts(json!([given]));
    assert_eq!((&facts["powers"], &facts["inherited"]), (&json!({}), &json!(["read_secrets"])));
}

#[test]
fn everyone_is_judged_though_the_name_is_the_systems() {
    for (kind, name, judged) in [
        ("Group", "system:masters", false),
        ("Group", "system:authenticated", true),
        ("User", "system:anonymous", true),
        ("Group", "system:serviceaccounts:shop", true),
        ("User", "jane", true),
    ] {
        let facts = of_subject(&subject(kind, name, json!([])));
        let fact = facts.iter().find(|(fact, _)| *fact == "judged").map(|(_, value)| value.clone());
        assert_eq!(fact, Some(json!(judged)), "{name}");
    }
}

#[test]
fn a_role_is_known_however_it_is_written() {
    for role in
        [json!("system:discovery"), json!("ClusterRole/system:discovery"), json!({ "name": "system:discovery" })]
    {
        assert_eq!(facts(json!([{ "binding": "b", "role": role, "rules": [] }]))["beyond"], json!([]));
    }
}

#[test]
fn wildcards_are_named_by_their_list() {
    let facts: Map<String, Value> =
        of_role(&json!([rule(&[""], &["*"], &["get"]), rule(&["apps"], &["*/scale"], &["*"])]))
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect();
    assert_eq!(facts["wildcards"], json!(["resources", "verbs"]));
}

proptest::proptest! {
    #[test]
    fn no_shape_panics(name in "[a-z*/]{0,12}") {
        for odd in [json!(name), json!(7), json!([name]), json!({ "rules": [{ "verbs": name }] }), Value::Null] {
            facts(json!([odd, { "rules": odd, "role": odd, "namespace": odd, "via": odd }]));
            of_role(&odd);
        }
    }
}
