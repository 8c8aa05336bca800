//! What each container of a pod may do in the end: the pod's settings overlaid with its own, defaults made explicit.
//!
//! Shape: a list of {name, role: `regular` | `init` | `sidecar` | `ephemeral`, image: {reference, host, repository, tag,
//! digest}, pull_policy, privileged, escalates, host_process, run_as_non_root, run_as_user, root: `yes` | `no` | `image`,
//! add, drop, drops_all, capabilities, read_only, seccomp, apparmor, selinux, proc_mount, host_ports: [{port, ip}],
//! probe_hosts, liveness, readiness, limits, requests, secrets: [{name, form}], secret_env, stdin}.
//!
//! `capabilities` are what is left after additions and removals, from what runtimes give by default; `ALL` for all.
//! `root` is `image` where nobody says who the process runs as, so that the image decides. The annotations that seccomp
//! once had are not read by any Kubernetes since 1.27, and so count as nothing; those of AppArmor still do.

use super::pod::{capability_names, has_user_namespace, is, is_windows, selinux, writable_mounts};
use super::{first, items, number, text};
use crate::facts::container::{image, secrets};
use plumbline_core::environment;
use serde_json::{Value, json};

/// What containerd and CRI-O give where nothing is said.
const DEFAULT: [&str; 14] = [
    "AUDIT_WRITE",
    "CHOWN",
    "DAC_OVERRIDE",
    "FOWNER",
    "FSETID",
    "KILL",
    "MKNOD",
    "NET_BIND_SERVICE",
    "NET_RAW",
    "SETFCAP",
    "SETGID",
    "SETPCAP",
    "SETUID",
    "SYS_CHROOT",
];
const APPARMOR: &str = "container.apparmor.security.beta.kubernetes.io/";

/// The containers of a pod's template, in the order in which they start.
pub(super) fn facts(template: &Value) -> Value {
    let spec = &template["spec"];
    let init = items(&spec["initContainers"]).map(|c| (init_role(c), c));
    let regular = items(&spec["containers"]).map(|c| ("regular", c));
    let ephemeral = items(&spec["ephemeralContainers"]).map(|c| ("ephemeral", c));
    init.chain(regular).chain(ephemeral).map(|(role, c)| container(role, c, template)).collect()
}

/// An init container that is always restarted runs beside the others for as long as they do.
fn init_role(container: &Value) -> &'static str {
    if container["restartPolicy"] == "Always" { "sidecar" } else { "init" }
}

fn container(role: &str, container: &Value, template: &Value) -> Value {
    let spec = &template["spec"];
    let (own, general) = (&container["securityContext"], &spec["securityContext"]);
    let privileged = is(&own["privileged"]);
    let (add, drop) = (capability_names(&own["capabilities"]["add"]), capability_names(&own["capabilities"]["drop"]));
    let reference = container["image"].as_str().unwrap_or_default();
    json!({
        "name": container["name"],
        "role": role,
        "image": image(reference),
        "pull_policy": pull_policy(container, reference),
        "privileged": privileged,
        "escalates": privileged || own["allowPrivilegeEscalation"] != json!(false) || add.iter().any(is_admin),
        "host_process": is(first(&own["windowsOptions"]["hostProcess"], &general["windowsOptions"]["hostProcess"])),
        "run_as_non_root": first(&own["runAsNonRoot"], &general["runAsNonRoot"]),
        "run_as_user": number(first(&own["runAsUser"], &general["runAsUser"])),
        "root": root(own, general, is_windows(spec)),
        "user_namespace": has_user_namespace(spec),
        "drops_all": drop.iter().any(|name| name == "ALL"),
        "capabilities": capabilities(privileged, &add, &drop),
        "add": add,
        "drop": drop,
        "read_only": is(&own["readOnlyRootFilesystem"]),
        "seccomp": first(&own["seccompProfile"]["type"], &general["seccompProfile"]["type"]),
        "apparmor": apparmor(container, template),
        "selinux": first(&selinux(&own["seLinuxOptions"]), &selinux(&general["seLinuxOptions"])),
        "proc_mount": text(&own["procMount"]).unwrap_or("Default"),
        "host_ports": host_ports(&container["ports"]),
        "probe_hosts": probe_hosts(container),
        "liveness": container["livenessProbe"].is_object(),
        "readiness": container["readinessProbe"].is_object(),
        "limits": amounts(container, spec, &["limits"]),
        "requests": amounts(container, spec, &["requests", "limits"]),
        "writes": writable_mounts(container),
        "secrets": secrets(&variables(&container["env"])),
        "secret_env": secret_env(container),
    })
}

fn is_admin(name: &String) -> bool {
    name == "SYS_ADMIN" || name == "ALL"
}

/// What the kubelet does where nothing is said depends on the image's name.
fn pull_policy<'a>(container: &'a Value, reference: &str) -> &'a str {
    let parts = image(reference);
    let is_latest = parts["digest"].is_null() && (parts["tag"].is_null() || parts["tag"] == "latest");
    text(&container["imagePullPolicy"]).unwrap_or(if is_latest { "Always" } else { "IfNotPresent" })
}

/// Whether the process starts as root. A number says it by itself; without one, only the promise not to be root helps.
fn root(own: &Value, general: &Value, windows: bool) -> &'static str {
    if windows {
        let name = first(&own["windowsOptions"]["runAsUserName"], &general["windowsOptions"]["runAsUserName"]);
        return match text(name).map(str::to_ascii_lowercase).as_deref() {
            Some(name) if name.ends_with("containeradministrator") || name.ends_with("system") => "yes",
            Some(_) => "no",
            None if first(&own["runAsNonRoot"], &general["runAsNonRoot"]) == &json!(true) => "no",
            None => "image",
        };
    }
    match number(first(&own["runAsUser"], &general["runAsUser"])) {
        Some(0) => "yes",
        Some(_) => "no",
        None if first(&own["runAsNonRoot"], &general["runAsNonRoot"]) == &json!(true) => "no",
        None => "image",
    }
}

/// What is left: removals of one capability win over additions, an addition wins over the removal of all.
fn capabilities(privileged: bool, add: &[String], drop: &[String]) -> Vec<String> {
    let has = |list: &[String], name: &str| list.iter().any(|one| one == name);
    if privileged {
        return vec!["ALL".to_owned()];
    }
    let base: &[&str] = if has(drop, "ALL") { &[] } else { &DEFAULT };
    let mut left: Vec<String> = base.iter().map(|name| (*name).to_owned()).chain(add.iter().cloned()).collect();
    left.retain(|name| !has(drop, name));
    left.sort();
    left.dedup();
    left
}

/// The container's field, its annotation, then the pod's field.
fn apparmor(container: &Value, template: &Value) -> Value {
    let own = &container["securityContext"]["appArmorProfile"]["type"];
    let annotation = text(&container["name"])
        .and_then(|name| text(&template["metadata"]["annotations"][format!("{APPARMOR}{name}")]));
    match annotation {
        _ if !own.is_null() => own.clone(),
        Some("runtime/default") => json!("RuntimeDefault"),
        Some("unconfined") => json!("Unconfined"),
        Some(profile) if profile.starts_with("localhost/") => json!("Localhost"),
        Some(other) => json!(other),
        None => template["spec"]["securityContext"]["appArmorProfile"]["type"].clone(),
    }
}

fn host_ports(ports: &Value) -> Vec<Value> {
    items(ports)
        .filter_map(|port| Some((number(&port["hostPort"]).filter(|n| *n != 0)?, port)))
        .map(|(number, port)| json!({ "port": number, "ip": text(&port["hostIP"]) }))
        .collect()
}

/// Probes and hooks that ask another host than the pod: the field, and the host.
fn probe_hosts(container: &Value) -> Vec<String> {
    let probes = ["livenessProbe", "readinessProbe", "startupProbe"].map(|name| (name, &container[name]));
    let hooks = ["postStart", "preStop"].map(|name| (name, &container["lifecycle"][name]));
    probes
        .into_iter()
        .chain(hooks)
        .flat_map(|(name, handler)| ["httpGet", "tcpSocket"].map(|by| (name, &handler[by]["host"])))
        .filter_map(|(name, host)| Some(format!("{name} {}", text(host)?)))
        .collect()
}

/// The resources of which an amount is set, by the container or for the whole pod; nothing of one is no limit.
fn amounts(container: &Value, spec: &Value, lists: &[&str]) -> Vec<String> {
    let mut names: Vec<String> = [&container["resources"], &spec["resources"]]
        .into_iter()
        .flat_map(|resources| lists.iter().map(move |list| &resources[*list]))
        .filter_map(Value::as_object)
        .flatten()
        .filter(|(_, amount)| is_some_amount(amount))
        .map(|(name, _)| name.clone())
        .collect();
    names.sort();
    names.dedup();
    names
}

fn is_some_amount(amount: &Value) -> bool {
    let amount = amount.as_str().map_or_else(|| amount.to_string(), ToOwned::to_owned);
    amount.bytes().any(|b| (b'1'..=b'9').contains(&b))
}

/// Variables with a value of their own, by name and form. A collector says the form; a manifest has the value.
fn variables(env: &Value) -> Value {
    items(env)
        .filter(|variable| variable["valueFrom"].is_null())
        .filter_map(|variable| {
            let name = text(&variable["name"])?;
            let form = text(&variable["form"])
                .unwrap_or_else(|| environment::form(variable["value"].as_str().unwrap_or_default()));
            Some(json!({ "name": name, "form": form }))
        })
        .collect()
}

/// Secrets that the container gets as variables: names of variables, or of the secret where it is taken whole.
fn secret_env(container: &Value) -> Vec<String> {
    let single = items(&container["env"])
        .filter(|variable| variable["valueFrom"]["secretKeyRef"].is_object())
        .filter_map(|variable| text(&variable["name"]).map(ToOwned::to_owned));
    let whole = items(&container["envFrom"])
        .filter_map(|from| text(&from["secretRef"]["name"]))
        .map(|name| format!("all of {name}"));
    single.chain(whole).collect()
}

#[cfg(test)]
#[path = "container_tests.rs"]
mod tests;
