//! The components of the control plane, found among the workloads of kube-system by what they run.

use crate::held::Name;
use crate::reference::CONTAINERS;
use crate::resource::{Naming, each};
use plumbline_core::resource::{Edge, Resource};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Where the components run.
pub(crate) const NAMESPACE: &str = "kube-system";

const COMPONENTS: [&str; 6] =
    ["kube-apiserver", "kube-controller-manager", "kube-scheduler", "etcd", "cloud-controller-manager", "kube-proxy"];

/// The components that a workload is. A static pod is one on its node; a daemon set is one for all nodes.
pub(crate) fn components(naming: &Naming, workload: &Resource) -> Vec<Resource> {
    if workload.region != NAMESPACE {
        return Vec::new();
    }
    let attributes = &workload.attributes;
    let Some(spec) = attributes.get("template").and_then(|template| template.get("spec")) else { return Vec::new() };
    let node = if attributes.get("kind").and_then(Value::as_str) == Some("Pod") { spec.get("nodeName") } else { None };
    let own = workload.name.rsplit('/').next().unwrap_or_default();
    let containers = CONTAINERS[..1].iter().flat_map(|list| each(spec, &[list]));
    containers
        .filter_map(|container| {
            let command = command(container);
            let component = component(&command)?;
            let fields = json!({
                "metadata": attributes.get("metadata"),
                "component": component,
                "node": node,
                "image": container.get("image"),
                "flags": flags(&command),
                "command": command,
                "environment": environment(container),
                "volumes": each(spec, &["volumes"]),
            });
            let fields = if let Value::Object(fields) = fields { fields } else { Map::new() };
            let name = Name { namespace: "".into(), name: format!("{component}/{own}").into() };
            let mut built = naming.resource("kubernetes.control_plane_component", "controlplane", &name, None, fields);
            built.name = format!("{component} {own}");
            built.region = NAMESPACE.to_owned();
            let node = node.and_then(Value::as_str);
            built.edges.extend(node.map(|node| Edge::new("node", naming.uid("nodes", "", node))));
            Some(built)
        })
        .collect()
}

/// Command and arguments, in one list.
pub(crate) fn command(container: &Value) -> Vec<String> {
    let words = ["command", "args"].iter().flat_map(|list| each(container, &[list]));
    words.filter_map(Value::as_str).map(str::to_owned).collect()
}

/// Which component a command starts: by its own name, or as the first word after a program that is all of them.
pub(crate) fn component(command: &[String]) -> Option<&'static str> {
    command.iter().take(2).find_map(|word| {
        let base = word.rsplit('/').next().unwrap_or(word);
        COMPONENTS.into_iter().find(|component| *component == base)
    })
}

/// Whether a variable sets what a flag may set as well.
pub(crate) fn is_flag(name: &str) -> bool {
    let secret = ["PASSWORD", "TOKEN", "SECRET"].iter().any(|word| name.contains(word));
    (name.starts_with("ETCD_") || name.starts_with("KUBE")) && !secret
}

/// The variables that set a component up.
fn environment(container: &Value) -> Vec<Value> {
    let flags = each(container, &["env"]).iter().filter(|variable| variable.get("value").is_some());
    flags.map(|variable| json!({ "name": variable["name"], "value": variable["value"] })).collect()
}

/// The flags of a command: `--a=b`, `--a b`, and `--a` alone, which means true.
fn flags(command: &[String]) -> BTreeMap<&str, Vec<&str>> {
    let mut found: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let mut words = command.iter().map(String::as_str).peekable();
    while let Some(word) = words.next() {
        let Some(flag) = word.strip_prefix("--").or_else(|| word.strip_prefix('-')).filter(|flag| !flag.is_empty())
        else {
            continue;
        };
        let (name, value) = match flag.split_once('=') {
            Some(pair) => pair,
            None => (flag, words.next_if(|next| !next.starts_with('-')).unwrap_or("true")),
        };
        found.entry(name).or_default().push(value);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split(' ').map(str::to_owned).collect()
    }

    #[test]
    fn flags_are_read_in_all_their_forms() {
        let command = words("kube-apiserver --anonymous-auth=false --tls-cipher-suites=A,B --v 2 --profiling -x=1");
        let expected = BTreeMap::from([
            ("anonymous-auth", vec!["false"]),
            ("tls-cipher-suites", vec!["A,B"]),
            ("v", vec!["2"]),
            ("profiling", vec!["true"]),
            ("x", vec!["1"]),
        ]);
        assert_eq!(flags(&command), expected);
        let twice = words("etcd --trusted-ca-file=/a --trusted-ca-file=/b");
        assert_eq!(flags(&twice)["trusted-ca-file"], ["/a", "/b"]);
    }

    #[test]
    fn a_component_is_known_by_its_program() {
        assert_eq!(component(&words("/usr/local/bin/kube-apiserver --v=2")), Some("kube-apiserver"));
        assert_eq!(component(&words("hyperkube kube-scheduler")), Some("kube-scheduler"));
        assert_eq!(component(&words("/coredns -conf x")), None);
    }
}
