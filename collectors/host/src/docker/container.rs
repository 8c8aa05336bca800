//! Containers, known by the names that people manage them by: their ids change whenever they are made anew.

use super::client::Client;
use super::error::ReadError;
use super::image::{configure, in_registries, is_id};
use super::resource::{Engine, labels, miss, set};
use crate::text::{kept, safe};
use plumbline_core::resource::{Edge, Resource};
use serde_json::{Value, json};
use std::collections::HashMap;

pub(crate) const READER: &str = "docker.containers";
pub(crate) const LIST: &str = "GET /containers/json";
const INSPECT: &str = "GET /containers/{id}/json";
const INSPECT_EXEC: &str = "GET /exec/{id}/json";
/// The most commands running beside a container's own that are asked for.
const EXECS: usize = 200;

const INSPECTED: [&str; 6] = ["Image", "AppArmorProfile", "ProcessLabel", "MountLabel", "Platform", "HostConfig"];
const MADE: [&str; 5] = ["Config", "Mounts", "NetworkSettings", "State", "Secrets"];

/// What is known of images, for the edges of containers: id → `RepoDigests`.
pub(crate) type Digests = HashMap<String, Value>;

/// One container; none when it went away since it was listed.
pub(crate) async fn read(
    client: &Client,
    engine: &Engine,
    digests: &Digests,
    listed: &Value,
) -> Result<Option<Resource>, ReadError> {
    let Some(id) = listed["Id"].as_str().filter(|id| !id.is_empty()) else {
        return Err(ReadError::failed("the engine lists a container without an id"));
    };
    match client.get(INSPECT, &["containers", id, "json"], "").await {
        Ok(found) => {
            let mut container = described(engine, digests, id, &found);
            match execs(client, &found).await {
                Ok(execs) => {
                    container.attributes.insert("Execs".to_owned(), execs);
                }
                Err(ReadError::Closed) => return Err(ReadError::Closed),
                Err(error) => miss(&mut container, &["Execs"], &error.into_unread(INSPECT_EXEC)),
            }
            Ok(Some(container))
        }
        Err(ReadError::Missing(_)) => Ok(None),
        Err(ReadError::Closed) => Err(ReadError::Closed),
        Err(error) => {
            let mut container = empty(engine, listed["Names"][0].as_str().unwrap_or(id));
            let why = error.into_unread(INSPECT);
            miss(&mut container, &INSPECTED, &why);
            miss(&mut container, &MADE, &why);
            miss(&mut container, &["Execs"], &why);
            Ok(Some(container))
        }
    }
}

/// How people and programs entered the container just now: `docker exec`, as far as it gave more than the container has.
/// What a health check runs is as any other command of the container's user, and comes and goes: it is left out.
async fn execs(client: &Client, found: &Value) -> Result<Value, ReadError> {
    let ids: Vec<&str> = found["ExecIDs"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    if ids.len() > EXECS {
        return Err(ReadError::failed(format!("more than {EXECS} commands run in the container")));
    }
    let mut entered = Vec::new();
    for id in ids {
        match client.get(INSPECT_EXEC, &["exec", id, "json"], "").await {
            Ok(exec) => entered.extend(entry(&exec, &found["Config"]["User"])),
            // It has ended since.
            Err(ReadError::Missing(_)) => {}
            Err(error) => return Err(error),
        }
    }
    entered.sort_by_key(Value::to_string);
    entered.dedup();
    Ok(Value::Array(entered))
}

/// One command, when it has privileges or a user of its own.
fn entry(exec: &Value, of_container: &Value) -> Option<Value> {
    let (process, text) = (&exec["ProcessConfig"], |user: &Value| safe(user.as_str().unwrap_or_default()));
    let (privileged, user) = (process["privileged"] == json!(true), text(&process["user"]));
    let is_other = !user.is_empty() && user != text(of_container);
    (privileged || is_other).then(|| json!({ "Privileged": privileged, "User": user }))
}

fn empty(engine: &Engine, name: &str) -> Resource {
    let name = safe(name.trim_start_matches('/'));
    let mut container = engine.resource(READER, "docker.container", engine.uid_of("containers", &name), &name);
    container.attributes.insert("Name".to_owned(), json!(name));
    container
}

fn described(engine: &Engine, digests: &Digests, id: &str, found: &Value) -> Resource {
    let mut container = empty(engine, found["Name"].as_str().filter(|name| name.len() > 1).unwrap_or(id));
    set(&mut container, found, &INSPECTED, INSPECT);
    set(&mut container, found, &["Mounts"], INSPECT);
    if let Some(Value::Array(mounts)) = container.attributes.get_mut("Mounts") {
        // The engine lists them in no order.
        mounts.sort_by_cached_key(|mount| mount["Destination"].to_string());
    }
    container.attributes.extend([
        ("NetworkSettings".to_owned(), network(&found["NetworkSettings"])),
        ("State".to_owned(), state(&found["State"])),
    ]);
    configure(&mut container, found, INSPECT);
    container.tags = labels(&found["Config"]["Labels"]);
    container.edges = edges(engine, digests, found);
    container
}

/// Published ports and the networks' names; addresses change with each start.
fn network(of: &Value) -> Value {
    let networks: Vec<&String> = of["Networks"].as_object().into_iter().flatten().map(|(name, _)| name).collect();
    json!({ "Ports": kept(&of["Ports"]), "Networks": networks })
}

/// How it stands. When it ended is of interest once it has; when it began never is.
fn state(of: &Value) -> Value {
    let ended = matches!(of["Status"].as_str(), Some("exited" | "dead"));
    json!({
        "Status": kept(&of["Status"]),
        "Running": of["Running"],
        "FinishedAt": if ended { kept(&of["FinishedAt"]) } else { Value::Null },
    })
}

fn edges(engine: &Engine, digests: &Digests, found: &Value) -> Vec<Edge> {
    let mut edges = vec![Edge::new("daemon", engine.uid())];
    if let Some(image) = found["Image"].as_str().filter(|image| is_id(image)) {
        edges.push(Edge::new("image", engine.uid_of("images", image)));
        edges.extend(digests.get(image).map(in_registries).unwrap_or_default());
    }
    for (name, _) in found["NetworkSettings"]["Networks"].as_object().into_iter().flatten() {
        edges.push(Edge::new("network", engine.uid_of("networks", name)));
    }
    let volumes = found["Mounts"].as_array().into_iter().flatten().filter(|mount| mount["Type"] == "volume");
    for name in volumes.filter_map(|mount| mount["Name"].as_str()) {
        edges.push(Edge::new("volume", engine.uid_of("volumes", name)));
    }
    edges.sort();
    edges.dedup();
    edges
}

#[cfg(test)]
mod tests {
    use super::*;

    fn container(found: &Value) -> Resource {
        let image = format!("sha256:{}", "b".repeat(64));
        let digest = format!("registry.example.com/team/app@sha256:{}", "a".repeat(64));
        let digests = HashMap::from([(image, json!([digest]))]);
        described(&Engine { id: "E1".to_owned() }, &digests, "0123", found)
    }

    #[test]
    fn a_container_that_was_made_anew_is_the_same_one() {
        let first = json!({ "Id": "1", "Name": "/web", "State": { "Status": "running", "StartedAt": "a", "Pid": 7 },
            "NetworkSettings": { "Networks": { "front": { "IPAddress": "172.18.0.2" } } } });
        let second = json!({ "Id": "2", "Name": "/web", "State": { "Status": "running", "StartedAt": "b", "Pid": 8 },
            "NetworkSettings": { "Networks": { "front": { "IPAddress": "172.18.0.3" } } } });
        assert_eq!(container(&first), container(&second));
        assert_eq!(container(&first).uid, "docker://E1/containers/web");
    }

    #[test]
    fn a_container_points_to_all_that_it_is_made_of() {
        let image = format!("sha256:{}", "b".repeat(64));
        let found = json!({ "Name": "/web", "Image": image,
            "NetworkSettings": { "Networks": { "front": {} } },
            "Mounts": [{ "Type": "volume", "Name": "data", "Destination": "/data" },
                { "Type": "bind", "Source": "/srv", "Destination": "/srv" }] });
        let edges = container(&found).edges;
        let told: Vec<(&str, &str)> = edges.iter().map(|edge| (edge.relation.as_str(), edge.to.as_str())).collect();
        assert_eq!(
            told,
            [
                ("daemon", "docker://E1"),
                ("image", format!("docker://E1/images/{image}").as_str()),
                ("image", format!("registry.example.com/team/app@sha256:{}", "a".repeat(64)).as_str()),
                ("network", "docker://E1/networks/front"),
                ("volume", "docker://E1/volumes/data"),
            ]
        );
    }

    #[test]
    fn a_command_is_told_by_what_it_has_beyond_the_container() {
        let process = |of: Value| json!({ "Running": true, "ProcessConfig": of });
        let own = json!("app");
        assert_eq!(entry(&process(json!({ "privileged": false, "user": "app" })), &own), None, "a health check");
        assert_eq!(entry(&process(json!({ "entrypoint": "sh" })), &Value::Null), None);
        let root = entry(&process(json!({ "user": "root" })), &own);
        assert_eq!(root, Some(json!({ "Privileged": false, "User": "root" })));
        let all = entry(&process(json!({ "privileged": true, "user": "app" })), &own);
        assert_eq!(all, Some(json!({ "Privileged": true, "User": "app" })));
    }

    #[test]
    fn absurd_lists_are_unread_and_not_cut() {
        let mounts: Vec<Value> = (0..3_000).map(|at| json!({ "Type": "bind", "Source": format!("/{at}") })).collect();
        let read = container(&json!({ "Name": "/web", "Mounts": mounts }));
        assert!(read.unread.contains_key("Mounts") && !read.attributes.contains_key("Mounts"));
    }
}
