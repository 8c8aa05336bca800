//! The cluster itself: what it is, what a stranger is told, and how its kubelets are set up.

use crate::client::Client;
use crate::discovery::Discovered;
use crate::error::ReadError;
use crate::live::{Cluster, Kubelet};
use crate::resource::labels;
use futures::stream::{self, StreamExt};
use plumbline_core::resource::Unread;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::time::Instant;

/// The permission that reads a kubelet's settings.
pub(crate) const KUBELET: &str = "get nodes/proxy";
/// What tells what strangers are answered.
const STRANGER: &str = "get /version without credentials";
/// How long a kubelet's settings are taken to hold: they change when it is started anew.
const HOLD: Duration = Duration::from_secs(60 * 60);
const AT_ONCE: usize = 4;

/// What a cluster is, by the version's name and by what its nodes carry.
pub(crate) fn distribution(discovered: &Discovered, nodes: &[Value]) -> &'static str {
    let version = discovered.version.get("gitVersion").and_then(Value::as_str).unwrap_or_default();
    let group = |name: &str| discovered.groups.iter().any(|group| group == name);
    if version.contains("-eks-") {
        return "eks";
    }
    if version.contains("-gke.") {
        return "gke";
    }
    if version.contains("+k3s") {
        return "k3s";
    }
    if group("config.openshift.io") {
        return "openshift";
    }
    let labelled = |prefix: &str| {
        nodes.iter().any(|node| labels(node.get("metadata")).keys().any(|label| label.starts_with(prefix)))
    };
    let provided = |prefix: &str| {
        let id = |node: &Value| node.pointer("/spec/providerID").and_then(Value::as_str).map(str::to_owned);
        nodes.iter().filter_map(id).any(|id| id.starts_with(prefix))
    };
    let annotated = nodes.iter().any(|node| {
        let annotations = node.pointer("/metadata/annotations").and_then(Value::as_object);
        annotations.is_some_and(|all| all.keys().any(|name| name.starts_with("kubeadm.alpha.kubernetes.io/")))
    });
    match () {
        () if labelled("eks.amazonaws.com/") => "eks",
        () if labelled("cloud.google.com/gke-") => "gke",
        () if labelled("kubernetes.azure.com/") => "aks",
        () if labelled("node.openshift.io/") => "openshift",
        () if provided("kind://") => "kind",
        () if annotated => "kubeadm",
        () => "unknown",
    }
}

/// What somebody without a credential is answered: whether the health, and whether the API.
pub(crate) async fn anonymous(client: &Client) -> Result<Value, Unread> {
    let unread = |error: ReadError| error.unread(STRANGER);
    let answers = |status: u16| (200..300).contains(&status);
    let healthz = client.as_stranger("/healthz").await.map_err(unread)?;
    let api = client.as_stranger("/api").await.map_err(unread)?;
    let version = client.as_stranger("/version").await.map_err(unread)?;
    Ok(json!({ "healthz": answers(healthz), "api": answers(api), "version": answers(version) }))
}

/// The settings of each kubelet: asked for when they are not known, or were not for a while. Where one is refused for want of
/// the permission all are, and the others are not asked for.
pub(crate) async fn kubelets(cluster: &Cluster, nodes: &[&str]) -> HashMap<String, Result<Value, Unread>> {
    let mut known = cluster.kubelets.lock().await;
    known.retain(|node, kubelet| kubelet.read.elapsed() < HOLD && kubelet.config.is_ok() && nodes.contains(&&**node));
    let wanted: Vec<&&str> = nodes.iter().filter(|node| !known.contains_key(**node)).collect();
    let refused = AtomicBool::new(false);
    let tries = wanted.into_iter().map(|node| async {
        let config = if refused.load(Ordering::Relaxed) {
            let detail = "refused for another node already".to_owned();
            Err(Unread { permission: KUBELET.to_owned(), denied: true, detail })
        } else {
            kubelet(&cluster.client, node).await
        };
        if config.as_ref().is_err_and(|why| why.denied) {
            refused.store(true, Ordering::Relaxed);
        }
        ((*node).to_owned(), Kubelet { read: Instant::now(), config })
    });
    let tries: Vec<_> = tries.collect();
    let read: Vec<_> = stream::iter(tries).buffered(AT_ONCE).collect().await;
    known.extend(read);
    known.iter().map(|(node, kubelet)| (node.clone(), kubelet.config.clone())).collect()
}

async fn kubelet(client: &Client, node: &str) -> Result<Value, Unread> {
    let failed = |words: &str| ReadError::failed(words).unread(KUBELET);
    let sound = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.');
    if node.is_empty() || !node.bytes().all(sound) {
        return Err(failed("the node has a name that cannot be asked for"));
    }
    let read = client.value_once(&format!("/api/v1/nodes/{node}/proxy/configz")).await;
    let mut read = read.map_err(|error| error.unread(KUBELET))?;
    match read.get_mut("kubeletconfig").map(Value::take) {
        Some(config) if config.is_object() => Ok(config),
        _ => Err(failed("the kubelet does not tell its settings")),
    }
}
