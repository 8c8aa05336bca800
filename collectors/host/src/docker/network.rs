//! Networks and volumes of an engine.

use super::resource::{Engine, labels, set};
use crate::text::{cut, safe};
use plumbline_core::resource::Resource;
use serde_json::{Value, json};
use std::collections::BTreeSet;

pub(crate) const NETWORKS: &str = "docker.networks";
pub(crate) const VOLUMES: &str = "docker.volumes";
pub(crate) const LIST_NETWORKS: &str = "GET /networks";
pub(crate) const LIST_VOLUMES: &str = "GET /volumes";

/// Networks. Names are not unique among them: the second of a name carries its id too.
pub(crate) fn networks(engine: &Engine, listed: &[Value]) -> Vec<Resource> {
    let mut taken: BTreeSet<String> = BTreeSet::new();
    let mut sorted: Vec<&Value> = listed.iter().collect();
    sorted.sort_by_cached_key(|one| one["Created"].to_string());
    let named = sorted.into_iter().filter_map(|one| Some((one, one["Name"].as_str().filter(|name| !name.is_empty())?)));
    named
        .map(|(one, name)| {
            let uid = engine.uid_of("networks", &safe(name));
            let uid = if taken.insert(uid.clone()) { uid } else { format!("{uid}@{}", safe(text(&one["Id"]))) };
            let mut network = engine.resource(NETWORKS, "docker.network", uid, &safe(name));
            let names = ["Name", "Scope", "Driver", "EnableIPv6", "Internal", "Attachable", "Ingress", "Options"];
            set(&mut network, one, &names, LIST_NETWORKS);
            network.tags = labels(&one["Labels"]);
            network
        })
        .collect()
}

/// Volumes. Of a driver's options only the names are kept: those of a network share hold its password.
pub(crate) fn volumes(engine: &Engine, listed: &[Value]) -> Vec<Resource> {
    let named = listed.iter().filter_map(|one| Some((one, one["Name"].as_str().filter(|name| !name.is_empty())?)));
    named
        .map(|(one, name)| {
            let name = safe(name);
            let mut volume = engine.resource(VOLUMES, "docker.volume", engine.uid_of("volumes", &name), &name);
            set(&mut volume, one, &["Name", "Driver", "Scope", "Mountpoint"], LIST_VOLUMES);
            let options: Vec<String> =
                one["Options"].as_object().into_iter().flatten().map(|(option, _)| cut(option)).collect();
            volume.attributes.insert("Options".to_owned(), json!(options));
            volume.attributes.insert("Device".to_owned(), json!(bound(&one["Options"])));
            volume.tags = labels(&one["Labels"]);
            volume
        })
        .collect()
}

/// The folder of the host that a volume is, where it is made by binding one. Other devices may be shares, with what opens them.
fn bound(options: &Value) -> Option<String> {
    let binds = text(&options["o"]).split(',').any(|option| matches!(option.trim(), "bind" | "rbind"));
    let device = text(&options["device"]);
    (binds && device.starts_with('/')).then(|| safe(device))
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_networks_of_one_name_are_two() {
        let engine = Engine { id: "E1".to_owned() };
        let listed = [
            json!({ "Name": "a", "Id": "2", "Created": "2026-02" }),
            json!({ "Name": "a", "Id": "1", "Created": "2026-01" }),
        ];
        let uids: Vec<String> = networks(&engine, &listed).into_iter().map(|one| one.uid).collect();
        assert_eq!(uids, ["docker://E1/networks/a", "docker://E1/networks/a@2"]);
    }

    #[test]
    fn a_volume_may_be_a_folder_of_the_host() {
        let engine = Engine { id: "E1".to_owned() };
        let listed = [
            json!({ "Name": "host", "Options": { "type": "none", "o": "rw,bind", "device": "/etc" } }),
            json!({ "Name": "share", "Options": { "type": "nfs", "o": "addr=10.0.0.1", "device": ":/srv" } }),
            json!({ "Name": "plain", "Options": null }),
        ];
        let devices: Vec<Value> =
            volumes(&engine, &listed).iter().map(|one| one.attributes["Device"].clone()).collect();
        assert_eq!(devices, [json!("/etc"), Value::Null, Value::Null]);
    }

    #[test]
    fn a_shares_password_is_not_kept() {
        let engine = Engine { id: "E1".to_owned() };
        let share = json!({ "Name": "share", "Driver": "local", "Options": { "o": "username=a,password=hush", "type": "cifs" } });
        let volume = &volumes(&engine, &[share])[0];
        assert_eq!(volume.attributes["Options"], json!(["o", "type"]));
        assert!(!format!("{volume:?}").contains("hush"));
    }
}
