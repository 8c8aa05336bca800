//! Where on this host the files are that controls speak of: at their usual places, or where a daemon's flags say.

use super::host::{Host, odd};
use super::processes::{Processes, flag};
use crate::report::Missing;
use crate::text::kept;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Purpose → paths.
pub(super) type Paths = BTreeMap<String, Vec<String>>;

/// How deep a folder is walked, and the most files of one purpose.
const DEPTH: usize = 4;
const MOST: usize = 1_000;

/// Purposes whose file is always at one place.
const USUAL: [(&str, &str); 23] = [
    ("etc_docker", "/etc/docker"),
    ("etc_default_docker", "/etc/default/docker"),
    ("etc_sysconfig_docker", "/etc/sysconfig/docker"),
    ("run_containerd", "/run/containerd"),
    ("containerd_config", "/etc/containerd/config.toml"),
    ("dockerd", "/usr/bin/dockerd"),
    ("dockerd", "/usr/sbin/dockerd"),
    ("containerd", "/usr/bin/containerd"),
    ("containerd_shim", "/usr/bin/containerd-shim"),
    ("containerd_shim_runc_v1", "/usr/bin/containerd-shim-runc-v1"),
    ("containerd_shim_runc_v2", "/usr/bin/containerd-shim-runc-v2"),
    ("runc", "/usr/bin/runc"),
    ("runc", "/usr/sbin/runc"),
    ("kube_apiserver_manifest", "/etc/kubernetes/manifests/kube-apiserver.yaml"),
    ("kube_controller_manager_manifest", "/etc/kubernetes/manifests/kube-controller-manager.yaml"),
    ("kube_scheduler_manifest", "/etc/kubernetes/manifests/kube-scheduler.yaml"),
    ("etcd_manifest", "/etc/kubernetes/manifests/etcd.yaml"),
    ("kube_admin_config", "/etc/kubernetes/admin.conf"),
    ("kube_admin_config", "/etc/kubernetes/super-admin.conf"),
    ("kube_scheduler_config", "/etc/kubernetes/scheduler.conf"),
    ("kube_controller_manager_config", "/etc/kubernetes/controller-manager.conf"),
    ("kube_pki", "/etc/kubernetes/pki"),
    ("kubelet_service", "/etc/systemd/system/kubelet.service.d/10-kubeadm.conf"),
];

/// Purposes whose file a flag names, with where it is where nothing does.
const BY_FLAG: [(&str, &str, &str, &str); 8] = [
    ("var_lib_docker", "dockerd", "data-root", "/var/lib/docker"),
    ("daemon_json", "dockerd", "config-file", "/etc/docker/daemon.json"),
    ("etcd_data", "etcd", "data-dir", "/var/lib/etcd"),
    ("kubelet_kubeconfig", "kubelet", "kubeconfig", "/etc/kubernetes/kubelet.conf"),
    ("kubelet_config", "kubelet", "config", "/var/lib/kubelet/config.yaml"),
    ("kubelet_client_ca", "kubelet", "client-ca-file", "/etc/kubernetes/pki/ca.crt"),
    ("kube_proxy_kubeconfig", "kube-proxy", "kubeconfig", "/var/lib/kube-proxy/kubeconfig.conf"),
    ("containerd_socket", "containerd", "address", "/run/containerd/containerd.sock"),
];

/// The daemon's own certificates: by flag, or in daemon.json; nowhere where neither says.
const TLS: [(&str, &str); 3] = [("tls_ca", "tlscacert"), ("tls_certificate", "tlscert"), ("tls_key", "tlskey")];

/// What daemon.json says; an empty object where it is not there.
pub(super) fn daemon_json(host: &Host, processes: &Processes) -> Result<Value, Missing> {
    let path = flag(Some(processes), "dockerd", "config-file").unwrap_or("/etc/docker/daemon.json");
    let Some(text) = host.text(path)? else { return Ok(json!({})) };
    let mut read: Value = match serde_json::from_str(&text) {
        Ok(read @ Value::Object(_)) => read,
        _ if text.trim().is_empty() => json!({}),
        _ => return Err(odd(path, "it is no JSON object")),
    };
    // Tokens and passwords of log collectors and proxies: only which options are set is of interest.
    for secretive in ["log-opts", "proxies"] {
        if let Some(Value::Object(options)) = read.get_mut(secretive) {
            options.values_mut().for_each(|value| *value = Value::Null);
        }
    }
    Ok(kept(&read))
}

/// All purposes, with where their files would be; which of them are there is for [`super::files`] to say.
pub(super) fn find(
    host: &Host,
    processes: Option<&Processes>,
    units: Option<&BTreeMap<String, Option<String>>>,
    daemon: Option<&Value>,
) -> Paths {
    let mut paths = Paths::new();
    let mut add = |purpose: &str, path: &str| {
        let of = paths.entry(purpose.to_owned()).or_default();
        if path.starts_with('/') && of.len() < MOST && !of.iter().any(|known| known == path) {
            of.push(path.to_owned());
        }
    };
    for (purpose, path) in USUAL {
        add(purpose, path);
    }
    let in_json = |key: &str| daemon.and_then(|daemon| daemon.get(key)).and_then(Value::as_str);
    for (purpose, daemon, name, usual) in BY_FLAG {
        let json = if daemon == "dockerd" { in_json(name) } else { None };
        add(purpose, flag(processes, daemon, name).or(json).unwrap_or(usual));
    }
    for (purpose, name) in TLS {
        if let Some(path) = flag(processes, "dockerd", name).or_else(|| in_json(name)) {
            add(purpose, path);
        }
    }
    for (purpose, unit) in [
        ("docker_service", "docker.service"),
        ("docker_socket_unit", "docker.socket"),
        ("kubelet_service", "kubelet.service"),
    ] {
        if let Some(Some(path)) = units.and_then(|units| units.get(unit)) {
            add(purpose, path);
        }
    }
    for socket in sockets(processes, daemon) {
        add("docker_socket", &socket);
    }
    walk(host, "/etc/docker/certs.d", DEPTH, &mut |path| {
        let is_certificate = [".crt", ".cert", ".key", ".pem"].iter().any(|end| path.ends_with(end));
        if is_certificate {
            add("registry_certificates", path);
        }
    });
    walk(host, "/etc/kubernetes/pki", DEPTH, &mut |path| {
        add("kube_pki", path);
        match path.rsplit_once('.') {
            Some((_, "crt")) => add("kube_pki_certificates", path),
            Some((_, "key")) => add("kube_pki_keys", path),
            _ => {}
        }
    });
    walk(host, "/etc/cni/net.d", DEPTH, &mut |path| add("cni_config", path));
    paths
}

/// Unix sockets that the daemon listens on; by its flags, by daemon.json, or the usual one.
fn sockets(processes: Option<&Processes>, daemon: Option<&Value>) -> Vec<String> {
    let by_flag = processes
        .and_then(|all| all.get("dockerd")?.as_ref())
        .and_then(|process| process.flags.get("host"))
        .map_or(&[][..], Vec::as_slice);
    let by_json = daemon.and_then(|daemon| daemon["hosts"].as_array()).map_or(&[][..], Vec::as_slice);
    let hosts = by_flag.iter().map(String::as_str).chain(by_json.iter().filter_map(Value::as_str));
    let named: Vec<String> = hosts.filter_map(|host| Some(host.strip_prefix("unix://")?.to_owned())).collect();
    if named.is_empty() { vec!["/var/run/docker.sock".to_owned()] } else { named }
}

/// Every file and folder below a folder; a folder that cannot be listed is told by itself.
fn walk(host: &Host, folder: &str, depth: usize, tell: &mut dyn FnMut(&str)) {
    let names = match host.names(folder) {
        Ok(names) => names,
        Err(_) => return tell(folder),
    };
    for name in names {
        let path = format!("{folder}/{name}");
        tell(&path);
        let is_folder = host.metadata(&path).ok().flatten().is_some_and(|found| found.is_dir());
        if is_folder && depth > 1 {
            walk(host, &path, depth - 1, tell);
        }
    }
}
