//! The Pod Security Standards as a whole: what keeps to them passes each control, and each single step outside fails
//! exactly those that forbid it. And no shape of an object, however odd, leaves a rule without an answer.

use plumbline_core::kind::Kinds;
use plumbline_core::verdict::Verdict;
use plumbline_policy::{Catalogue, Decision, Evaluator, Subject};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

const NOW: &str = "2026-01-15T12:00:00Z";

fn subject(kind: &str, attributes: Map<String, Value>) -> Subject {
    let uid = format!("k8s://cluster/{kind}/shop/web");
    Subject { kind: kind.to_owned(), uid, account: "cluster".to_owned(), attributes, ..Subject::default() }.with_facts()
}

fn decide(check: &str, subject: &Subject) -> Decision {
    let compiled = Catalogue::builtin().compiled(check).expect("a check of the catalogue");
    Evaluator::new().evaluate(compiled, subject, &BTreeMap::new(), NOW)
}

/// A pod that keeps to the restricted level.
fn restricted() -> Value {
    json!({
        "metadata": { "annotations": {} },
        "spec": {
            "securityContext": { "runAsNonRoot": true, "seccompProfile": { "type": "RuntimeDefault" } },
            "initContainers": [container("setup")],
            "containers": [container("web"), container("log")],
            "ephemeralContainers": [container("debug")],
            "volumes": [{ "name": "tmp", "emptyDir": {} }],
        },
    })
}

fn container(name: &str) -> Value {
    json!({ "name": name, "image": "registry.example.com/shop:1",
        "securityContext": { "allowPrivilegeEscalation": false, "capabilities": { "drop": ["ALL"] } } })
}

/// The controls of the standard that a pod breaks.
fn broken(template: &Value) -> Vec<String> {
    let metadata = json!({ "name": "web", "namespace": "shop" });
    let attributes = [("template".to_owned(), template.clone()), ("metadata".to_owned(), metadata)];
    let workload = subject("kubernetes.workload", attributes.into_iter().collect());
    let standard = Catalogue::builtin().framework("pod_security_standards").expect("the standard");
    let fails = |check: &String| match decide(check, &workload).verdict {
        Verdict::Fail => true,
        Verdict::Pass | Verdict::NotApplicable => false,
        Verdict::Unknown => panic!("{check} does not know"),
    };
    standard.controls.iter().filter(|control| control.checks.iter().any(fails)).map(|c| c.id.clone()).collect()
}

fn with(pointer: &str, value: Value) -> Value {
    let mut template = restricted();
    let (parent, field) = pointer.rsplit_once('/').expect("a pointer");
    let parent = template.pointer_mut(parent).unwrap_or_else(|| panic!("{pointer} has a parent"));
    parent[field] = value;
    template
}

#[test]
fn what_is_restricted_keeps_to_everything() {
    assert_eq!(broken(&restricted()), Vec::<String>::new());
}

#[test]
fn each_step_outside_breaks_exactly_the_controls_that_forbid_it() {
    let spec = |field: &str, value: Value| with(&format!("/spec/{field}"), value);
    let pod = |field: &str, value: Value| with(&format!("/spec/securityContext/{field}"), value);
    let web = |field: &str, value: Value| with(&format!("/spec/containers/0/securityContext/{field}"), value);
    let setup = |field: &str, value: Value| with(&format!("/spec/initContainers/0/securityContext/{field}"), value);
    let debug =
        |field: &str, value: Value| with(&format!("/spec/ephemeralContainers/0/securityContext/{field}"), value);
    let cases: Vec<(&str, Value, &[&str])> = vec![
        ("a HostProcess container", web("windowsOptions", json!({ "hostProcess": true })), &["B1"]),
        ("hostNetwork", spec("hostNetwork", json!(true)), &["B2"]),
        ("hostPID", spec("hostPID", json!(true)), &["B2"]),
        ("hostIPC", spec("hostIPC", json!(true)), &["B2"]),
        ("privileged, which escalates too", debug("privileged", json!(true)), &["B3", "R2"]),
        ("a capability of the baseline", web("capabilities/add", json!(["CHOWN"])), &["R6"]),
        ("a capability beyond it", setup("capabilities/add", json!(["NET_ADMIN"])), &["B4", "R6"]),
        ("the one that is allowed", web("capabilities/add", json!(["NET_BIND_SERVICE"])), &[]),
        ("no removal of all", web("capabilities/drop", json!(["NET_RAW"])), &["R6"]),
        ("a host path", spec("volumes", json!([{ "name": "h", "hostPath": { "path": "/data" } }])), &["B5", "R1"]),
        ("NFS", spec("volumes", json!([{ "name": "h", "nfs": { "server": "a", "path": "/" } }])), &["R1"]),
        ("a host port", with("/spec/containers/1/ports", json!([{ "containerPort": 1, "hostPort": 1 }])), &["B6"]),
        ("a host in a probe", with("/spec/containers/0/livenessProbe", json!({ "httpGet": { "host": "a" } })), &["B7"]),
        ("AppArmor off", web("appArmorProfile", json!({ "type": "Unconfined" })), &["B8"]),
        ("an SELinux user", pod("seLinuxOptions", json!({ "user": "system_u" })), &["B9"]),
        ("an unmasked /proc", web("procMount", json!("Unmasked")), &["B10", "R7"]),
        ("seccomp off", setup("seccompProfile", json!({ "type": "Unconfined" })), &["B11", "R5"]),
        ("no seccomp", pod("seccompProfile", Value::Null), &["R5"]),
        ("an unsafe setting of the kernel", pod("sysctls", json!([{ "name": "kernel.sem", "value": "1" }])), &["B12"]),
        ("escalation left open", web("allowPrivilegeEscalation", Value::Null), &["R2"]),
        ("a user that may be root", pod("runAsNonRoot", Value::Null), &["R3"]),
        ("a user that is", setup("runAsUser", json!(0)), &["R4"]),
        ("a user that is not", web("runAsUser", json!(1000)), &[]),
    ];
    for (what, template, expected) in cases {
        assert_eq!(broken(&template), expected, "{what}");
    }
}

#[test]
fn a_user_namespace_relaxes_who_the_user_is() {
    let mut template = with("/spec/hostUsers", json!(false));
    template["spec"]["securityContext"]["runAsNonRoot"] = json!(false);
    template["spec"]["containers"][0]["securityContext"]["runAsUser"] = json!(0);
    template["spec"]["containers"][0]["securityContext"]["procMount"] = json!("Unmasked");
    assert_eq!(broken(&template), ["R7"]);
}

#[test]
fn windows_is_not_asked_for_what_only_linux_has() {
    let mut template = with("/spec/os", json!({ "name": "windows" }));
    for list in ["initContainers", "containers", "ephemeralContainers"] {
        for container in template["spec"][list].as_array_mut().expect("containers") {
            container["securityContext"] = json!({ "runAsNonRoot": true });
        }
    }
    template["spec"]["securityContext"]["seccompProfile"] = Value::Null;
    assert_eq!(broken(&template), Vec::<String>::new());
}

/// A type error in a rule would leave the resource without a verdict, and nobody would know why.
#[test]
fn no_shape_leaves_a_rule_without_an_answer() {
    let odd =
        || [Value::Null, json!({}), json!([]), json!("odd"), json!(7), json!([{}, null, "odd", 7]), json!({ "a": {} })];
    let mut wrong = Vec::new();
    for kind in Kinds::builtin().iter().filter(|kind| kind.kind.starts_with("kubernetes.")) {
        let names: Vec<String> = kind.attributes.iter().chain(kind.details.keys()).cloned().collect();
        for shape in odd() {
            let attributes = names.iter().map(|name| (name.clone(), shape.clone())).collect();
            let subject = subject(&kind.kind, attributes);
            for compiled in Catalogue::builtin().for_kind(&kind.kind) {
                let decision = decide(&compiled.check.id, &subject);
                if decision.message.starts_with("The rule did not decide") {
                    wrong.push(format!("{} on {shape}: {}", compiled.check.id, decision.message));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
