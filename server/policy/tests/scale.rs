//! Resources with long lists are decided too: a rule that runs into the machine's bound would leave the worst images unknown.

use plumbline_core::verdict::Verdict;
use plumbline_policy::{Catalogue, Decision, Evaluator, Subject};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

const NOW: &str = "2026-01-15T12:00:00Z";

fn members(value: Value) -> Map<String, Value> {
    value.as_object().cloned().expect("an object")
}

/// As [`decide`], of a kind whose facts follow from its attributes.
fn decide_of(kind: &str, check: &str, attributes: Value) -> Decision {
    let subject = Subject { kind: kind.to_owned(), attributes: members(attributes), ..Subject::default() }.with_facts();
    let compiled = Catalogue::builtin().compiled(check).expect("a check of the catalogue");
    Evaluator::new().evaluate(compiled, &subject, &BTreeMap::new(), NOW)
}

fn decide(check: &str, attributes: Value, facts: Value) -> Decision {
    let subject = Subject {
        kind: "image".to_owned(),
        uid: "registry.example.com/shop@sha256:aa".to_owned(),
        attributes: members(attributes),
        facts: members(facts),
        ..Subject::default()
    };
    let compiled = Catalogue::builtin().compiled(check).expect("a check of the catalogue");
    Evaluator::new().evaluate(compiled, &subject, &BTreeMap::new(), NOW)
}

#[test]
fn an_image_with_thousands_of_flaws_is_decided() {
    let flaw = |n: usize| {
        let id = format!("CVE-2024-{n}");
        json!({ "class": if n < 5_000 { "high" } else { "low" }, "subject": id, "message": "tool 1 (fixed in 2)",
            "fix_key": "image-upgrade-packages", "fix_target": "registry.example.com/shop@sha256:aa",
            "observed": { "flaw": id } })
    };
    let flaws: Vec<Value> = (0..10_000).map(flaw).collect();
    let decision = decide(
        "image_no_high_flaws",
        json!({ "Software": "software/a/1", "ComponentCount": 900, "Unreadable": [] }),
        json!({ "flaws": flaws, "unjudged": { "count": 0, "examples": [] } }),
    );
    assert_eq!((decision.verdict, decision.failures.len()), (Verdict::Fail, 5_000), "{}", decision.message);
}

#[test]
fn an_image_with_a_thousand_secrets_is_decided() {
    let secret = |n: usize| {
        json!({ "kind": "private_key", "where": "file", "path": format!("keys/{n}.pem"), "name": null, "line": 1,
            "fingerprint": format!("{:04x}", n / 2), "layer": "sha256:aa", "test": false, "visible": true })
    };
    let secrets: Vec<Value> = (0..1_000).map(secret).collect();
    let decision = decide("image_no_secrets_in_files", json!({ "Secrets": secrets }), json!({}));
    assert_eq!((decision.verdict, decision.failures.len()), (Verdict::Fail, 500), "{}", decision.message);
    assert_eq!(decision.failures[1].message, "private key in /keys/2.pem, line 1 and in 1 more place");
}

#[test]
fn an_image_with_a_history_of_two_thousand_steps_is_decided() {
    let made_by = |n: usize| format!("ADD part{n} /app/ # buildkit");
    let step = |n: usize| json!({ "created": null, "created_by": made_by(n), "empty_layer": false });
    let history: Vec<Value> = (0..2_000).map(step).collect();
    for (check, expected) in
        [("image_copies_rather_than_adds", Verdict::Fail), ("image_updates_and_installs_together", Verdict::Pass)]
    {
        let decision = decide(check, json!({ "History": history, "Layers": [] }), json!({ "base": null }));
        assert_eq!(decision.verdict, expected, "{check}: {}", decision.message);
    }
}

#[test]
fn a_subject_with_thousands_of_grants_is_decided() {
    let rules = json!([{ "apiGroups": [""], "resources": ["secrets"], "verbs": ["list"] }]);
    let grant = |n: usize| {
        let namespace = if n == 1_999 { json!("kube-system") } else { json!(format!("team-{n}")) };
        json!({ "binding": format!("b{n}"), "role": "reader", "namespace": namespace, "via": null, "rules": rules })
    };
    let grants: Vec<Value> = (0..2_000).map(grant).collect();
    let attributes = json!({ "kind": "Group", "name": "everybody-here", "system": false, "grants": grants });
    let decision = decide_of("kubernetes.subject", "kubernetes_subject_reads_no_secrets", attributes);
    assert_eq!(decision.verdict, Verdict::Fail, "{}", decision.message);
    assert_eq!(decision.observed["grants"], json!(["b1999 → reader in kube-system"]));
}

#[test]
fn a_workload_with_hundreds_of_containers_is_decided() {
    let container = |n: usize| {
        let env: Vec<Value> = (0..50).map(|m| json!({ "name": format!("PASSWORD_{m}"), "value": "horse" })).collect();
        json!({ "name": format!("c{n}"), "image": "registry.example.com/shop:1", "env": env })
    };
    let containers: Vec<Value> = (0..200).map(container).collect();
    let attributes = json!({ "kind": "Deployment", "template": { "spec": { "containers": containers } } });
    let check = "kubernetes_workload_no_secrets_in_environment";
    let decision = decide_of("kubernetes.workload", check, attributes);
    assert_eq!((decision.verdict, decision.failures.len()), (Verdict::Fail, 10_000), "{}", decision.message);
}
