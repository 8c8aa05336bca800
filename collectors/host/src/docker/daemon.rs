//! The daemon: what `/info` and `/version` say, without what changes from one minute to the next.

use super::client::Client;
use super::error::ReadError;
use super::resource::{Engine, miss, set};
use super::settings::{Endpoint, Settings};
use crate::text::{kept, safe};
use plumbline_core::resource::Resource;
use serde_json::{Value, json};

pub(crate) const READER: &str = "docker.daemon";
pub(crate) const INFO: &str = "GET /info";
pub(crate) const VERSION: &str = "GET /version";

/// Of `/info`; counts of containers, goroutines and file handles are not among them.
const OF_INFO: [&str; 27] = [
    "Name",
    "ServerVersion",
    "OperatingSystem",
    "OSVersion",
    "OSType",
    "KernelVersion",
    "Architecture",
    "Driver",
    "DriverStatus",
    "LoggingDriver",
    "CgroupDriver",
    "CgroupVersion",
    "SecurityOptions",
    "LiveRestoreEnabled",
    "ExperimentalBuild",
    "Debug",
    "RegistryConfig",
    "DockerRootDir",
    "Runtimes",
    "DefaultRuntime",
    "Isolation",
    "Plugins",
    "Warnings",
    "Labels",
    "IPv4Forwarding",
    "BridgeNfIptables",
    "Swarm",
];

pub(crate) async fn read(client: &Client, settings: &Settings, engine: &Engine, info: &Value) -> Resource {
    let name = info["Name"].as_str().filter(|name| !name.is_empty()).map_or_else(|| engine.id.clone(), safe);
    let mut daemon = engine.resource(READER, "docker.daemon", engine.uid(), &name);
    set(&mut daemon, info, &OF_INFO, INFO);
    if let Some(status) = daemon.attributes.get_mut("DriverStatus") {
        settle_status(status);
    }
    if let Some(swarm) = daemon.attributes.get_mut("Swarm") {
        *swarm = without_indexes(swarm);
    }
    daemon.attributes.insert("Endpoint".to_owned(), endpoint(settings));
    match client.get(VERSION, &["version"], "").await {
        Ok(version) => {
            let kept = json!({
                "Version": kept(&version["Version"]), "ApiVersion": kept(&version["ApiVersion"]),
                "MinAPIVersion": kept(&version["MinAPIVersion"]), "Components": components(&version["Components"]),
            });
            daemon.attributes.insert("Version".to_owned(), kept);
        }
        Err(error) => miss(&mut daemon, &["Version"], &ReadError::into_unread(error, VERSION)),
    }
    daemon
}

fn endpoint(settings: &Settings) -> Value {
    match settings.endpoint() {
        Ok(Endpoint::Tls(url)) => json!({ "Scheme": "https", "Host": url.host_str() }),
        _ => json!({ "Scheme": "unix", "Host": null }),
    }
}

/// How full the storage is changes all the time.
fn settle_status(status: &mut Value) {
    let volatile = |line: &Value| {
        let name = line[0].as_str().unwrap_or_default();
        ["Space", "Dirs", "Objects"].iter().any(|word| name.contains(word))
    };
    if let Some(lines) = status.as_array_mut() {
        lines.retain(|line| !volatile(line));
    }
}

/// What tells how the swarm is set up; not when its state was last written.
fn without_indexes(swarm: &Value) -> Value {
    let cluster = &swarm["Cluster"];
    json!({
        "NodeID": swarm["NodeID"], "NodeAddr": swarm["NodeAddr"], "LocalNodeState": swarm["LocalNodeState"],
        "ControlAvailable": swarm["ControlAvailable"], "Managers": swarm["Managers"], "Nodes": swarm["Nodes"],
        "Cluster": cluster.is_object().then(|| json!({
            "ID": cluster["ID"], "Spec": cluster["Spec"], "RootRotationInProgress": cluster["RootRotationInProgress"],
            "DataPathPort": cluster["DataPathPort"],
        })),
    })
}

fn components(list: &Value) -> Vec<Value> {
    let items = list.as_array().into_iter().flatten().take(20);
    items.map(|one| json!({ "Name": kept(&one["Name"]), "Version": kept(&one["Version"]) })).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_full_the_disk_is_does_not_make_a_daemon_another() {
        let mut status =
            json!([["Backing Filesystem", "xfs"], ["Data Space Used", "1 GB"], ["Base Device Size", "10.74GB"]]);
        settle_status(&mut status);
        assert_eq!(status, json!([["Backing Filesystem", "xfs"], ["Base Device Size", "10.74GB"]]));
        let swarm =
            json!({ "LocalNodeState": "active", "Cluster": { "ID": "x", "Version": { "Index": 9 }, "Spec": {} } });
        assert_eq!(without_indexes(&swarm)["Cluster"].get("Version"), None);
        assert_eq!(without_indexes(&json!({}))["Cluster"], Value::Null);
    }
}
