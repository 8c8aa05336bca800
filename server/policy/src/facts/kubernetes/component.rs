//! The flags of a component of the control plane, typed, with the value that the component takes where none is given.
//!
//! Shape: `flags` is {name: value} of the flags below: a truth, a number (durations in seconds), a text, a list, or null
//! where nothing is given and there is no default; `given` are the names that were given; `admission` are the admission
//! plugins in force, and `gates` the feature gates that were set. Of etcd, a variable `ETCD_…` is a flag too; the
//! command line comes first.

use super::{items, text, words};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

#[derive(Clone, Copy)]
enum Type {
    Truth(bool),
    Number(i64),
    Seconds(i64),
    Text,
    Or(&'static str),
    List(&'static [&'static str]),
}

use Type::{List, Number, Or, Seconds, Text, Truth};

const API_SERVER: &[(&str, Type)] = &[
    ("anonymous-auth", Truth(true)),
    ("audit-log-maxage", Number(0)),
    ("audit-log-maxbackup", Number(0)),
    ("audit-log-maxsize", Number(0)),
    ("audit-log-path", Text),
    ("audit-policy-file", Text),
    ("audit-webhook-config-file", Text),
    ("authentication-config", Text),
    ("authorization-config", Text),
    ("authorization-mode", List(&["AlwaysAllow"])),
    ("client-ca-file", Text),
    ("disable-admission-plugins", List(&[])),
    ("enable-admission-plugins", List(&[])),
    ("enable-bootstrap-token-auth", Truth(false)),
    ("encryption-provider-config", Text),
    ("etcd-cafile", Text),
    ("etcd-certfile", Text),
    ("etcd-keyfile", Text),
    ("etcd-servers", List(&[])),
    ("kubelet-certificate-authority", Text),
    ("kubelet-client-certificate", Text),
    ("kubelet-client-key", Text),
    ("oidc-issuer-url", Text),
    ("profiling", Truth(true)),
    ("request-timeout", Seconds(60)),
    ("service-account-extend-token-expiration", Truth(true)),
    ("service-account-key-file", List(&[])),
    ("service-account-lookup", Truth(true)),
    ("tls-cert-file", Text),
    ("tls-cipher-suites", List(&[])),
    ("tls-min-version", Or("VersionTLS12")),
    ("tls-private-key-file", Text),
    ("token-auth-file", Text),
];
const CONTROLLER_MANAGER: &[(&str, Type)] = &[
    ("bind-address", Or("0.0.0.0")),
    ("profiling", Truth(true)),
    ("root-ca-file", Text),
    ("service-account-private-key-file", Text),
    ("terminated-pod-gc-threshold", Number(12_500)),
    ("use-service-account-credentials", Truth(false)),
];
const SCHEDULER: &[(&str, Type)] = &[("bind-address", Or("0.0.0.0")), ("config", Text), ("profiling", Truth(true))];
const ETCD: &[(&str, Type)] = &[
    ("auto-tls", Truth(false)),
    ("cert-file", Text),
    ("client-cert-auth", Truth(false)),
    ("config-file", Text),
    ("key-file", Text),
    ("listen-client-urls", List(&["http://localhost:2379"])),
    ("peer-auto-tls", Truth(false)),
    ("peer-cert-file", Text),
    ("peer-client-cert-auth", Truth(false)),
    ("peer-key-file", Text),
    ("peer-trusted-ca-file", Text),
    ("trusted-ca-file", Text),
];
const PROXY: &[(&str, Type)] = &[("config", Text), ("metrics-bind-address", Or("127.0.0.1:10249"))];
const CLOUD: &[(&str, Type)] = &[("bind-address", Or("0.0.0.0")), ("profiling", Truth(true))];

/// Plugins that an API server has unless they are turned off.
const ADMISSION: [&str; 19] = [
    "CertificateApproval",
    "CertificateSigning",
    "CertificateSubjectRestriction",
    "DefaultIngressClass",
    "DefaultStorageClass",
    "DefaultTolerationSeconds",
    "LimitRanger",
    "MutatingAdmissionWebhook",
    "NamespaceLifecycle",
    "PersistentVolumeClaimResize",
    "PodSecurity",
    "Priority",
    "ResourceQuota",
    "RuntimeClass",
    "ServiceAccount",
    "StorageObjectInUseProtection",
    "TaintNodesByCondition",
    "ValidatingAdmissionPolicy",
    "ValidatingAdmissionWebhook",
];

/// The facts of one component. `flags` is {name: [value, …]}, as the command line gives them.
pub(super) fn facts(component: &Value, flags: &Value, environment: &Value) -> Vec<(&'static str, Value)> {
    let known = match component.as_str() {
        Some("kube-apiserver") => API_SERVER,
        Some("kube-controller-manager") => CONTROLLER_MANAGER,
        Some("kube-scheduler") => SCHEDULER,
        Some("etcd") => ETCD,
        Some("kube-proxy") => PROXY,
        Some("cloud-controller-manager") => CLOUD,
        _ => &[],
    };
    let given = given(flags, environment);
    let typed = known.iter().map(|(name, kind)| ((*name).to_owned(), typed(*kind, given.get(*name))));
    let gates = given.get("feature-gates").map(|values| gates(values)).unwrap_or_default();
    vec![
        ("flags", Value::Object(typed.collect())),
        ("given", given.keys().cloned().collect()),
        ("admission", admission(&given)),
        ("gates", Value::Object(gates)),
    ]
}

/// Values by flag. Underscores are another way to write the dashes of a name.
fn given(flags: &Value, environment: &Value) -> Map<String, Value> {
    let variables = items(environment).filter_map(|variable| {
        let name = text(&variable["name"])?.strip_prefix("ETCD_")?;
        Some((dashed(name), json!([variable["value"]])))
    });
    let flags = flags.as_object().into_iter().flatten().map(|(name, values)| (dashed(name), values.clone()));
    variables.chain(flags).collect()
}

fn dashed(name: &str) -> String {
    name.to_ascii_lowercase().replace('_', "-")
}

fn typed(kind: Type, values: Option<&Value>) -> Value {
    let last = values.and_then(|values| words(values).last().copied()).filter(|value| !value.is_empty());
    match kind {
        Truth(default) => last.map_or(Some(default), truth).map_or(Value::Null, Value::Bool),
        Number(default) => last.map_or(Some(default), |n| n.trim().parse().ok()).map_or(Value::Null, Value::from),
        Seconds(default) => last.map_or(Some(default), seconds).map_or(Value::Null, Value::from),
        Text => last.into(),
        Or(default) => last.unwrap_or(default).into(),
        List(default) => values.map_or_else(|| json!(default), |values| json!(list(values))),
    }
}

/// A list that may be given in parts, each of several members.
fn list(values: &Value) -> Vec<&str> {
    words(values).into_iter().flat_map(|part| part.split(',')).map(str::trim).filter(|one| !one.is_empty()).collect()
}

/// What Go takes for a truth.
fn truth(word: &str) -> Option<bool> {
    match word {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}

/// Whole seconds of a duration as Go writes it: `1m30s`, `0`.
pub(super) fn seconds(duration: &str) -> Option<i64> {
    let mut milliseconds = 0.0;
    let mut rest = duration.trim();
    if rest == "0" {
        return Some(0);
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let amount: f64 = rest[..digits].parse().ok()?;
        let unit_end = rest[digits..].find(|c: char| c.is_ascii_digit()).map_or(rest.len(), |end| digits + end);
        milliseconds += amount
            * match &rest[digits..unit_end] {
                "h" => 3_600_000.0,
                "m" => 60_000.0,
                "s" => 1_000.0,
                "ms" => 1.0,
                _ => return None,
            };
        rest = &rest[unit_end..];
    }
    #[expect(clippy::cast_possible_truncation, reason = "a duration in seconds is far below what an integer holds")]
    (!duration.trim().is_empty()).then_some((milliseconds / 1_000.0) as i64)
}

/// What is on by default, less what is turned off, and what is turned on.
fn admission(given: &Map<String, Value>) -> Value {
    let named = |flag: &str| -> BTreeSet<&str> { given.get(flag).map(list).unwrap_or_default().into_iter().collect() };
    let (on, off) = (named("enable-admission-plugins"), named("disable-admission-plugins"));
    let by_default: BTreeSet<&str> = ADMISSION.into_iter().filter(|plugin| !off.contains(plugin)).collect();
    by_default.union(&on).copied().collect()
}

fn gates(values: &Value) -> Map<String, Value> {
    let pairs = list(values).into_iter().filter_map(|pair| pair.split_once('='));
    pairs.filter_map(|(gate, word)| Some((gate.trim().to_owned(), Value::Bool(truth(word.trim())?)))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(component: &str, flags: Value) -> Map<String, Value> {
        facts(&json!(component), &flags, &Value::Null).into_iter().map(|(name, v)| (name.to_owned(), v)).collect()
    }

    #[test]
    fn what_is_not_given_has_the_components_default() {
        let server = of("kube-apiserver", json!({}));
        assert_eq!(server["flags"]["anonymous-auth"], json!(true));
        assert_eq!(server["flags"]["authorization-mode"], json!(["AlwaysAllow"]));
        assert_eq!(server["flags"]["client-ca-file"], Value::Null);
        assert_eq!(of("kube-scheduler", Value::Null)["flags"]["bind-address"], json!("0.0.0.0"));
    }

    #[test]
    fn values_have_the_type_of_their_flag() {
        let server = of(
            "kube-apiserver",
            json!({ "anonymous_auth": ["F"], "audit-log-maxage": ["7", "30"], "request-timeout": ["1m30s"],
                "authorization-mode": ["Node, RBAC", "Webhook"], "profiling": ["maybe"], "client-ca-file": [""] }),
        );
        let flags = &server["flags"];
        assert_eq!((&flags["anonymous-auth"], &flags["audit-log-maxage"]), (&json!(false), &json!(30)));
        assert_eq!((&flags["request-timeout"], &flags["profiling"]), (&json!(90), &Value::Null));
        assert_eq!(
            (&flags["authorization-mode"], &flags["client-ca-file"]),
            (&json!(["Node", "RBAC", "Webhook"]), &Value::Null)
        );
    }

    #[test]
    fn admission_is_the_default_with_what_was_turned_on_and_off() {
        let server = of(
            "kube-apiserver",
            json!({ "enable-admission-plugins": ["NodeRestriction,AlwaysPullImages"], "disable-admission-plugins": ["ServiceAccount"] }),
        );
        let has = |name: &str| server["admission"].as_array().expect("a list").iter().any(|one| one == name);
        assert!(has("NodeRestriction") && has("NamespaceLifecycle") && !has("ServiceAccount"));
    }

    #[test]
    fn etcd_is_told_by_its_environment_too() {
        let environment =
            json!([{ "name": "ETCD_CERT_FILE", "value": "/a" }, { "name": "ETCD_AUTO_TLS", "value": "true" }]);
        let etcd = facts(&json!("etcd"), &json!({ "auto-tls": ["false"] }), &environment);
        assert_eq!((&etcd[0].1["cert-file"], &etcd[0].1["auto-tls"]), (&json!("/a"), &json!(false)));
    }

    #[test]
    fn durations_are_seconds() {
        for (text, expected) in [
            ("0", Some(0)),
            ("4h0m0s", Some(14_400)),
            ("1.5h", Some(5_400)),
            ("1500ms", Some(1)),
            ("5", None),
            ("", None),
            ("x", None),
        ] {
            assert_eq!(seconds(text), expected, "{text}");
        }
    }

    #[test]
    fn feature_gates_are_pairs() {
        let manager =
            of("kube-controller-manager", json!({ "feature-gates": ["RotateKubeletServerCertificate=true,Odd"] }));
        assert_eq!(manager["gates"], json!({ "RotateKubeletServerCertificate": true }));
    }

    proptest::proptest! {
        #[test]
        fn no_flag_panics(name in "[a-z_-]{0,20}", value in ".{0,30}") {
            for component in ["kube-apiserver", "etcd", value.as_str()] {
                of(component, json!({ name.clone(): [value], "request-timeout": [value], "feature-gates": value }));
            }
            seconds(&value);
        }
    }
}
