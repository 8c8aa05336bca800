//! Images that an engine holds, with what ties them to the registry that they came from.

use super::client::Client;
use super::error::ReadError;
use super::resource::{Engine, labels, miss, set};
use crate::text::{kept, member, safe, secrets_in};
use plumbline_core::resource::{Edge, Resource, Unread};
use serde_json::{Value, json};

pub(crate) const READER: &str = "docker.images";
pub(crate) const LIST: &str = "GET /images/json";
const INSPECT: &str = "GET /images/{name}/json";

const INSPECTED: [&str; 4] = ["RepoTags", "RepoDigests", "Created", "Size"];

/// One image; none when it went away since it was listed.
pub(crate) async fn read(client: &Client, engine: &Engine, listed: &Value) -> Result<Option<Resource>, ReadError> {
    let Some(id) = listed["Id"].as_str().filter(|id| is_id(id)) else {
        return Err(ReadError::failed("the engine lists an image without an id"));
    };
    match client.get(INSPECT, &["images", id, "json"], "").await {
        Ok(found) => Ok(Some(described(engine, id, &found))),
        Err(ReadError::Missing(_)) => Ok(None),
        Err(ReadError::Closed) => Err(ReadError::Closed),
        Err(error) => {
            let mut image = engine.resource(READER, "docker.image", engine.uid_of("images", id), id);
            let why = error.into_unread(INSPECT);
            miss(&mut image, &INSPECTED, &why);
            miss(&mut image, &["Config", "Platform", "Secrets", "LastTagTime"], &why);
            image.attributes.insert("Id".to_owned(), json!(id));
            Ok(Some(image))
        }
    }
}

fn described(engine: &Engine, id: &str, found: &Value) -> Resource {
    let name = texts(&found["RepoTags"]).into_iter().next().unwrap_or_else(|| short(id).to_owned());
    let mut image = engine.resource(READER, "docker.image", engine.uid_of("images", id), &name);
    set(&mut image, found, &INSPECTED, INSPECT);
    let platform = format!("{}/{}", text(&found["Os"]), text(&found["Architecture"]));
    image.attributes.extend([
        ("Id".to_owned(), json!(id)),
        ("Platform".to_owned(), json!(platform)),
        ("LastTagTime".to_owned(), kept(&found["Metadata"]["LastTagTime"])),
    ]);
    configure(&mut image, found, INSPECT);
    image.tags = labels(&found["Config"]["Labels"]);
    image.edges = in_registries(&found["RepoDigests"]);
    image
}

/// The attributes that come of a configuration; one that is absurdly large is unread.
pub(crate) fn configure(resource: &mut Resource, found: &Value, permission: &str) {
    let config = &found["Config"];
    match member(found, "Config") {
        Ok(_) => resource
            .attributes
            .extend([("Config".to_owned(), settings(config)), ("Secrets".to_owned(), json!(secrets(config)))]),
        Err(detail) => {
            let why = Unread { permission: permission.to_owned(), denied: false, detail };
            miss(resource, &["Config", "Secrets"], &why);
        }
    }
}

/// The part of a configuration that an image and a container share. Of the environment only the names are kept.
fn settings(config: &Value) -> Value {
    let names = texts(&config["Env"]).into_iter().map(|line| {
        let name = line.split_once('=').map_or(line.as_str(), |(name, _)| name);
        crate::text::cut(name)
    });
    let names: Vec<String> = names.collect();
    let mut settings = json!({ "Env": names });
    for name in
        ["User", "Image", "ExposedPorts", "Entrypoint", "Cmd", "WorkingDir", "Volumes", "Healthcheck", "StopSignal"]
    {
        settings[name] = kept(config.get(name).unwrap_or(&Value::Null));
    }
    settings
}

/// Secrets in environment, labels and command, told by place and fingerprint.
fn secrets(config: &Value) -> Vec<Value> {
    let mut found = Vec::new();
    for line in texts(&config["Env"]) {
        let name = line.split_once('=').map_or(line.as_str(), |(name, _)| name);
        found.extend(secrets_in("env", name, &line));
    }
    for (name, value) in config["Labels"].as_object().into_iter().flatten() {
        found.extend(secrets_in("label", name, value.as_str().unwrap_or_default()));
    }
    for part in ["Entrypoint", "Cmd"] {
        found.extend(secrets_in("command", part, &texts(&config[part]).join(" ")));
    }
    found.truncate(crate::text::MOST);
    found
}

/// Edges to the same images as the registry collector names them: `host/repository@digest`.
pub(crate) fn in_registries(digests: &Value) -> Vec<Edge> {
    let named = texts(digests).into_iter().take(crate::text::MOST);
    named.filter_map(|reference| Some(Edge::new("image", in_registry(&reference)?))).collect()
}

/// An image's name as a registry's collector gives it. A name without a host is on Docker Hub.
fn in_registry(reference: &str) -> Option<String> {
    let (name, digest) = reference.split_once('@')?;
    if !is_id(digest) {
        return None;
    }
    let (host, repository) = match name.split_once('/') {
        Some((first, rest)) if first.contains(['.', ':']) || first == "localhost" => (first, rest.to_owned()),
        Some(_) => ("docker.io", name.to_owned()),
        None => ("docker.io", format!("library/{name}")),
    };
    Some(format!("{host}/{repository}@{digest}"))
}

/// `sha256:` and hexadecimal digits.
pub(crate) fn is_id(id: &str) -> bool {
    id.strip_prefix("sha256:").is_some_and(|hex| hex.len() == 64 && hex.bytes().all(|b| b.is_ascii_hexdigit()))
}

fn short(id: &str) -> &str {
    id.get(7..19).unwrap_or(id)
}

fn text(value: &Value) -> String {
    safe(value.as_str().unwrap_or_default())
}

/// The texts of a list, which may be null or one text.
pub(crate) fn texts(list: &Value) -> Vec<String> {
    match list {
        Value::String(one) => vec![one.clone()],
        Value::Array(items) => items.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_is_named_as_its_registry_names_it() {
        let digest = format!("sha256:{}", "a".repeat(64));
        for (name, wanted) in [
            ("registry.example.com:5000/team/app", "registry.example.com:5000/team/app"),
            ("localhost/app", "localhost/app"),
            ("team/app", "docker.io/team/app"),
            ("nginx", "docker.io/library/nginx"),
        ] {
            assert_eq!(in_registry(&format!("{name}@{digest}")), Some(format!("{wanted}@{digest}")), "{name}");
        }
        assert_eq!(in_registry("nginx:latest"), None);
        assert_eq!(in_registry("nginx@sha256:beef"), None);
    }

    #[test]
    fn the_environment_is_told_by_name_and_its_secrets_by_fingerprint() {
        let value = ["q7Vx2mZp9", "LrT4wBnK8s"].concat();
        let config =
            json!({ "Env": ["PATH=/bin", format!("DB_PASSWORD={value}"), "BARE"], "Cmd": null, "Labels": null });
        assert_eq!(settings(&config)["Env"], json!(["PATH", "DB_PASSWORD", "BARE"]));
        let found = secrets(&config);
        assert_eq!(found.len(), 1);
        assert_eq!((found[0]["where"].as_str(), found[0]["name"].as_str()), (Some("env"), Some("DB_PASSWORD")));
        assert!(!format!("{found:?}{}", settings(&config)).contains(&value));
    }
}
