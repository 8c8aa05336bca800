//! Precedence and defaults of containers.

use super::*;

fn only(spec: Value) -> Value {
    facts(&json!({ "metadata": {}, "spec": spec }))[0].clone()
}

fn with(context: Value, general: Value) -> Value {
    only(json!({ "securityContext": general, "containers": [{ "name": "app", "securityContext": context }] }))
}

#[test]
fn the_containers_setting_wins_over_the_pods() {
    let one = with(
        json!({ "runAsUser": 0, "seccompProfile": { "type": "Unconfined" } }),
        json!({ "runAsUser": 1000, "runAsNonRoot": true, "seccompProfile": { "type": "RuntimeDefault" } }),
    );
    assert_eq!((&one["root"], &one["seccomp"]), (&json!("yes"), &json!("Unconfined")));
    let other = with(Value::Null, json!({ "runAsUser": 1000, "seccompProfile": { "type": "RuntimeDefault" } }));
    assert_eq!((&other["root"], &other["seccomp"]), (&json!("no"), &json!("RuntimeDefault")));
}

#[test]
fn who_is_root_is_left_to_the_image_where_nobody_says() {
    assert_eq!(with(json!({}), json!({}))["root"], "image");
    assert_eq!(with(json!({ "runAsNonRoot": false }), json!({ "runAsNonRoot": true }))["root"], "image");
    assert_eq!(with(json!({ "runAsUser": "0" }), Value::Null)["root"], "yes");
    assert_eq!(with(Value::Null, json!({ "runAsNonRoot": true }))["root"], "no");
}

#[test]
fn escalation_is_allowed_unless_it_is_refused_and_can_be() {
    assert_eq!(with(Value::Null, Value::Null)["escalates"], true);
    assert_eq!(with(json!({ "allowPrivilegeEscalation": false }), Value::Null)["escalates"], false);
    let admin = json!({ "allowPrivilegeEscalation": false, "capabilities": { "add": ["CAP_SYS_ADMIN"] } });
    assert_eq!(with(admin, Value::Null)["escalates"], true);
    assert_eq!(with(json!({ "allowPrivilegeEscalation": false, "privileged": true }), Value::Null)["escalates"], true);
}

#[test]
fn capabilities_are_what_is_left() {
    let of = |add: Value, drop: Value| with(json!({ "capabilities": { "add": add, "drop": drop } }), Value::Null);
    assert_eq!(of(json!(["net_bind_service"]), json!(["all"]))["capabilities"], json!(["NET_BIND_SERVICE"]));
    assert_eq!(of(json!(["NET_RAW"]), json!(["NET_RAW"]))["capabilities"].as_array().map(Vec::len), Some(13));
    assert_eq!(of(Value::Null, Value::Null)["capabilities"].as_array().map(Vec::len), Some(14));
    assert_eq!(with(json!({ "privileged": true }), Value::Null)["capabilities"], json!(["ALL"]));
}

#[test]
fn roles_of_containers_are_told_apart() {
    let spec = json!({ "containers": [{ "name": "app" }], "ephemeralContainers": [{ "name": "debug" }],
        "initContainers": [{ "name": "mesh", "restartPolicy": "Always" }, { "name": "setup" }] });
    let all = facts(&json!({ "spec": spec }));
    let roles: Vec<&Value> = all.as_array().expect("a list").iter().map(|c| &c["role"]).collect();
    assert_eq!(roles, ["sidecar", "init", "regular", "ephemeral"]);
}

#[test]
fn apparmor_is_a_field_or_an_annotation() {
    let annotated = |field: Value| {
        facts(&json!({ "metadata": { "annotations": { format!("{APPARMOR}app"): "unconfined" } },
            "spec": { "securityContext": { "appArmorProfile": { "type": "RuntimeDefault" } },
                "containers": [{ "name": "app", "securityContext": { "appArmorProfile": field } }] } }))[0]["apparmor"]
            .clone()
    };
    assert_eq!(annotated(Value::Null), "Unconfined");
    assert_eq!(annotated(json!({ "type": "Localhost" })), "Localhost");
}

#[test]
fn a_secret_is_told_by_form_or_by_value() {
    let env = json!([
        { "name": "DB_PASSWORD", "value": "correct horse" },
        { "name": "API_TOKEN", "form": "text" },
        { "name": "TOKEN", "valueFrom": { "secretKeyRef": { "name": "a", "key": "b" } } },
        { "name": "PASSWORD", "value": "$(TOKEN)" },
        { "name": "LOG_LEVEL", "value": "debug" },
        { "name": "EMPTY_PASSWORD" },
    ]);
    let one =
        only(json!({ "containers": [{ "name": "app", "env": env, "envFrom": [{ "secretRef": { "name": "all" } }] }] }));
    assert_eq!(
        one["secrets"],
        json!([{ "name": "DB_PASSWORD", "form": "text" }, { "name": "API_TOKEN", "form": "text" }])
    );
    assert_eq!(one["secret_env"], json!(["TOKEN", "all of all"]));
}

#[test]
fn nothing_of_a_resource_is_no_limit() {
    let resources = json!({ "limits": { "cpu": "0", "memory": "128Mi" }, "requests": { "cpu": 0.5 } });
    let one = only(json!({ "containers": [{ "name": "app", "resources": resources }] }));
    assert_eq!((&one["limits"], &one["requests"]), (&json!(["memory"]), &json!(["cpu", "memory"])));
    let pod = only(json!({ "resources": { "limits": { "cpu": "1" } }, "containers": [{ "name": "app" }] }));
    assert_eq!(pod["limits"], json!(["cpu"]));
}

#[test]
fn the_latest_image_is_pulled_each_time() {
    let policy =
        |image: &str| only(json!({ "containers": [{ "name": "app", "image": image }] }))["pull_policy"].clone();
    assert_eq!((policy("nginx"), policy("nginx:latest")), (json!("Always"), json!("Always")));
    assert_eq!((policy("nginx:1.27"), policy("nginx@sha256:0")), (json!("IfNotPresent"), json!("IfNotPresent")));
}

#[test]
fn windows_names_its_administrator() {
    let named = |name: &str| {
        only(json!({ "os": { "name": "windows" }, "securityContext": { "windowsOptions": { "runAsUserName": name } },
            "containers": [{ "name": "app" }] }))["root"]
            .clone()
    };
    assert_eq!((named("ContainerAdministrator"), named("ContainerUser")), (json!("yes"), json!("no")));
}

proptest::proptest! {
    #[test]
    fn no_shape_panics(name in ".{0,20}", number in proptest::num::i64::ANY, flag: bool) {
        for odd in [json!(name), json!(number), json!(flag), json!([name]), json!({ name.clone(): number })] {
            let spec = json!({ "containers": [{ "name": odd, "securityContext": odd, "env": odd, "ports": [odd],
                "resources": odd, "image": odd, "lifecycle": odd }], "securityContext": odd, "initContainers": odd });
            let list = facts(&json!({ "spec": spec, "metadata": odd }));
            proptest::prop_assert!(list.is_array());
        }
    }
}
