//! What a pod's volumes are, and how far those of the host reach.
//!
//! Shape: a list of {name, type, path, reach, writers}. `type` is the field that makes it (`hostPath`, `emptyDir`, …), or
//! `emptyDir` where none is there, as the API has it. `path` and `reach` are of host paths only; `reach` is `runtime_socket`,
//! `root`, `kubelet`, `cluster_keys`, `system` or `other`. `writers` are the containers that mount it writable.

use super::pod::writable_mounts;
use super::{items, text};
use crate::facts::container::{normal, reach};
use serde_json::{Value, json};
use std::borrow::Cow;

/// The facts of the volumes of a pod's specification.
pub(super) fn facts(spec: &Value) -> Value {
    items(&spec["volumes"]).map(|volume| one(volume, spec)).collect()
}

fn one(volume: &Value, spec: &Value) -> Value {
    let path = text(&volume["hostPath"]["path"]);
    json!({
        "name": volume["name"],
        "type": kind(volume),
        "path": path,
        "reach": path.map(reaches),
        "writers": writers(volume, spec),
    })
}

fn kind(volume: &Value) -> &str {
    let fields = volume.as_object().into_iter().flatten();
    fields
        .filter(|(field, value)| *field != "name" && !value.is_null())
        .map(|(field, _)| field.as_str())
        .next()
        .unwrap_or("emptyDir")
}

fn writers<'a>(volume: &'a Value, spec: &'a Value) -> Vec<&'a Value> {
    ["initContainers", "containers", "ephemeralContainers"]
        .into_iter()
        .flat_map(|list| items(&spec[list]))
        .filter(|container| writable_mounts(container).iter().any(|name| volume["name"] == *name))
        .map(|container| &container["name"])
        .collect()
}

fn reaches(path: &str) -> &'static str {
    /// Whoever reads these is the node, or the cluster.
    const KEYS: [&str; 4] = ["/etc/kubernetes", "/var/lib/etcd", "/var/lib/rancher", "/root/.kube"];
    const KUBELET: [&str; 5] = [
        "/var/lib/kubelet",
        "/var/lib/containerd",
        "/var/lib/docker",
        "/programdata/containerd",
        "/programdata/docker",
    ];
    let path = normal(&unix(path));
    let below = |top: &str| path == top || path.strip_prefix(top).is_some_and(|rest| rest.starts_with('/'));
    match path.as_str() {
        "/" => "root",
        _ if KEYS.iter().any(|top| below(top)) => "cluster_keys",
        _ if reach(&path) == "runtime_socket" => "runtime_socket",
        _ if KUBELET.iter().any(|top| below(top)) => "kubelet",
        _ => reach(&path),
    }
}

/// A path of Windows by the names that a node of Linux has for it: without its drive, with slashes, in small letters.
fn unix(path: &str) -> Cow<'_, str> {
    let drive = path.as_bytes().get(1) == Some(&b':') && path.as_bytes()[0].is_ascii_alphabetic();
    if !drive {
        return Cow::Borrowed(path);
    }
    let below = path[2..].replace('\\', "/").to_ascii_lowercase();
    Cow::Owned(format!("/{}", below.trim_start_matches('/')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_paths_are_classed_by_what_they_give_away() {
        for (path, class) in [
            ("/", "root"),
            ("//", "root"),
            ("/etc/..", "root"),
            ("/run/containerd/containerd.sock", "runtime_socket"),
            ("/var/run", "runtime_socket"),
            ("/var/run/crio/crio.sock", "runtime_socket"),
            ("/etc/kubernetes/pki/", "cluster_keys"),
            ("/var/lib/kubelet/pods", "kubelet"),
            ("/etc/ssl", "system"),
            ("/var/log", "other"),
            ("/data", "other"),
            ("/etc/kubernetes-data", "system"),
            ("/run/spire/sockets/agent.sock", "other"),
            ("/opt/cri-dockerd.sock", "runtime_socket"),
            (r"\\.\pipe\containerd-containerd", "runtime_socket"),
            (r"\\.\pipe\docker_engine", "runtime_socket"),
            (r"C:\", "root"),
            ("c:/", "root"),
            (r"C:\var\lib\kubelet\pki", "kubelet"),
            (r"C:\ProgramData\docker", "kubelet"),
            (r"C:\etc\kubernetes", "cluster_keys"),
            (r"D:\data", "other"),
        ] {
            assert_eq!(reaches(path), class, "{path}");
        }
    }

    #[test]
    fn a_volume_without_a_source_is_an_empty_folder() {
        let spec = json!({ "volumes": [{ "name": "a" }, { "name": "b", "emptyDir": null, "nfs": { "server": "x" } }] });
        assert_eq!((&facts(&spec)[0]["type"], &facts(&spec)[1]["type"]), (&json!("emptyDir"), &json!("nfs")));
    }

    #[test]
    fn who_mounts_it_writable_is_named() {
        let mount = |read_only: bool| json!([{ "name": "host", "mountPath": "/h", "readOnly": read_only }]);
        let spec = json!({ "volumes": [{ "name": "host", "hostPath": { "path": "/etc" } }],
            "containers": [{ "name": "a", "volumeMounts": mount(true) }, { "name": "b", "volumeMounts": mount(false) }] });
        assert_eq!(facts(&spec)[0]["writers"], json!(["b"]));
    }
}
