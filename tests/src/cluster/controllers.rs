//! What the controllers of a real cluster would do at once: workloads get their pods.

use super::kinds::{Kind, by_plural};
use super::state::{At, State, hex};
use anyhow::{Context, Result};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;

/// Brings an object's pods in line with it.
pub(super) fn follow(state: &mut State, at: &At) -> Result<()> {
    let object = state.objects.get(at).cloned().context("it was just written")?;
    let count = || usize::try_from(object.pointer("/spec/replicas").and_then(Value::as_u64).unwrap_or(1)).unwrap_or(1);
    let owned = object.pointer("/metadata/ownerReferences").is_some();
    match at.0.as_str() {
        "deployments.apps" => replica_set(state, &object),
        "statefulsets.apps" | "replicationcontrollers" => {
            let names = (0..count()).map(|n| format!("{}-{n}", at.2)).collect();
            pods(state, &object, &object["spec"]["template"], names, &[])
        }
        "replicasets.apps" if !owned => replicas(state, &object, count()),
        "daemonsets.apps" => {
            let nodes: Vec<String> = state.of("nodes", None).map(|(at, _)| at.2.clone()).collect();
            let names = nodes.iter().map(|node| format!("{}-{node}", at.2)).collect();
            pods(state, &object, &object["spec"]["template"], names, &nodes)
        }
        "jobs.batch" => pods(state, &object, &object["spec"]["template"], vec![format!("{}-x1", at.2)], &[]),
        "pods" if object["status"].is_null() => {
            let node = first_node(state);
            let mut pod = (*object).clone();
            run(&mut pod, node.as_deref());
            state.write(kind("", "pods")?, pod).map(|_| ())
        }
        _ => Ok(()),
    }
}

fn kind(group: &str, plural: &str) -> Result<&'static Kind> {
    by_plural(group, plural).context("a kind of the stand-in")
}

fn first_node(state: &State) -> Option<String> {
    state.of("nodes", None).next().map(|(at, _)| at.2.clone())
}

/// The replica set of a deployment's present template; earlier ones go.
fn replica_set(state: &mut State, deployment: &Value) -> Result<()> {
    let template = &deployment["spec"]["template"];
    let hash = &hex(&Sha256::digest(template.to_string()))[..10];
    let (namespace, name) = (word(deployment, "namespace"), word(deployment, "name"));
    let set = format!("{name}-{hash}");
    let old: Vec<String> = state
        .of("replicasets.apps", Some(&namespace))
        .filter(|(at, object)| owner_name(object) == Some(&name) && at.2 != set)
        .map(|(at, _)| at.2.clone())
        .collect();
    for gone in old {
        state.delete("replicasets.apps", &namespace, &gone)?;
    }
    let replicas_wanted = deployment.pointer("/spec/replicas").and_then(Value::as_u64).unwrap_or(1);
    let mut template = template.clone();
    template["metadata"]["labels"]["pod-template-hash"] = json!(hash);
    let object = json!({
        "metadata": { "name": set, "namespace": namespace, "ownerReferences": [owner(deployment)] },
        "spec": { "replicas": replicas_wanted, "template": template },
    });
    let at = state.write(kind("apps", "replicasets")?, object)?;
    let object = state.objects.get(&at).cloned().context("it was just written")?;
    replicas(state, &object, usize::try_from(replicas_wanted)?)
}

fn replicas(state: &mut State, set: &Value, count: usize) -> Result<()> {
    let name = word(set, "name");
    let names = (0..count).map(|n| format!("{name}-{n:05}")).collect();
    pods(state, set, &set["spec"]["template"], names, &[])
}

/// Makes an owner's pods those that are named, spread over the nodes or one on each of these.
fn pods(state: &mut State, owner_of: &Value, template: &Value, names: Vec<String>, on: &[String]) -> Result<()> {
    let (namespace, name) = (word(owner_of, "namespace"), word(owner_of, "name"));
    let nodes: Vec<String> = state.of("nodes", None).map(|(at, _)| at.2.clone()).collect();
    let wanted: BTreeSet<&String> = names.iter().collect();
    let surplus: Vec<String> = state
        .of("pods", Some(&namespace))
        .filter(|(at, pod)| owner_name(pod) == Some(&name) && !wanted.contains(&at.2))
        .map(|(at, _)| at.2.clone())
        .collect();
    for gone in surplus {
        state.delete("pods", &namespace, &gone)?;
    }
    for (place, pod_name) in names.iter().enumerate() {
        let mut pod = json!({ "metadata": template["metadata"], "spec": template["spec"] });
        if pod["metadata"].is_null() {
            pod["metadata"] = json!({});
        }
        pod["metadata"]["name"] = json!(pod_name);
        pod["metadata"]["namespace"] = json!(namespace);
        pod["metadata"]["ownerReferences"] = json!([owner(owner_of)]);
        let node = on.get(place).or_else(|| nodes.get(place % nodes.len().max(1)));
        run(&mut pod, node.map(String::as_str));
        if owner_of["kind"] == "Job" {
            pod["status"]["phase"] = json!("Succeeded");
        }
        let known = ("pods".to_owned(), namespace.clone(), pod_name.clone());
        let same = state.objects.get(&known).is_some_and(|before| before["spec"] == pod["spec"]);
        if !same {
            state.write(kind("", "pods")?, pod)?;
        }
    }
    Ok(())
}

/// Puts a pod on a node, where it runs.
fn run(pod: &mut Value, node: Option<&str>) {
    if let Some(node) = node
        && pod["spec"]["nodeName"].is_null()
    {
        pod["spec"]["nodeName"] = json!(node);
    }
    let of = |pod: &Value, list: &str| -> Vec<Value> {
        let containers = pod["spec"][list].as_array().cloned().unwrap_or_default();
        containers
            .iter()
            .map(|container| {
                let image = container["image"].as_str().unwrap_or_default();
                json!({
                    "name": container["name"], "image": image, "imageID": pulled(image), "ready": true,
                    "restartCount": 0, "state": { "running": { "startedAt": "2026-11-01T08:00:00Z" } },
                })
            })
            .collect()
    };
    pod["status"] = json!({
        "phase": "Running",
        "conditions": [{ "type": "Ready", "status": "True" }],
        "containerStatuses": of(pod, "containers"),
        "initContainerStatuses": of(pod, "initContainers"),
    });
}

/// What a kubelet says that it pulled: the repository, and a digest that is always the same for the same name.
fn pulled(image: &str) -> String {
    if image.contains("@sha256:") {
        return image.to_owned();
    }
    let tag = image.rfind(':').filter(|colon| !image[*colon..].contains('/'));
    let repository = tag.map_or(image, |colon| &image[..colon]);
    format!("{repository}@sha256:{}", hex(&Sha256::digest(image)))
}

fn owner(of: &Value) -> Value {
    json!({
        "apiVersion": of["apiVersion"], "kind": of["kind"], "name": of["metadata"]["name"],
        "uid": of["metadata"]["uid"], "controller": true, "blockOwnerDeletion": true,
    })
}

fn owner_name(object: &Value) -> Option<&str> {
    object.pointer("/metadata/ownerReferences/0/name").and_then(Value::as_str)
}

fn word(object: &Value, field: &str) -> String {
    object["metadata"][field].as_str().unwrap_or_default().to_owned()
}
