//! What a task definition's containers may do, and which variables hold a secret that should be stored elsewhere.
//!
//! Shape, for rules: `input.facts.containers` of a task definition is a list of {name, user, added, drops_all, secrets,
//! image}, where `user` is `root`, `other`, or `image` (it does not say, so the image decides);
//! `added` are capabilities in capitals without `CAP_`; `secrets` is [{name, form}]; and `image` is {reference, host,
//! repository, tag, digest}. `input.facts.host_paths` is [{volume, path, reach, writers}], where `reach` is
//! `runtime_socket`, `system` or `other`, and `writers` are the containers that mount it writable.
//! `input.facts.windows` says whether the operating system is Windows, and `input.facts.fargate` whether it may run there
//! only. `input.facts.environment_secrets` of a function is [{name, form}], and `input.facts.image` the image that it runs,
//! or null.

use serde_json::{Value, json};

/// Facts of a task definition's containers.
pub(super) fn containers(definitions: &Value) -> Value {
    items(definitions).map(container).collect()
}

fn container(definition: &Value) -> Value {
    let capabilities = &definition["linuxParameters"]["capabilities"];
    json!({
        "name": definition["name"],
        "user": user(&definition["user"]),
        "added": capability_names(&capabilities["add"]),
        "drops_all": capability_names(&capabilities["drop"]).iter().any(|name| name == "ALL"),
        "secrets": secrets(&definition["environment"]),
        "image": image(definition["image"].as_str().unwrap_or_default()),
    })
}

/// Those who start as root, by whichever spelling of user and group; a number with leading zeros is the same number.
fn user(user: &Value) -> &'static str {
    let name = match user {
        Value::Null => return "image",
        Value::String(name) => name.trim().to_owned(),
        other => other.to_string(),
    };
    let name = name.split(':').next().unwrap_or_default().trim().to_ascii_lowercase();
    if name.is_empty() {
        return "image";
    }
    let is_zero = name.bytes().all(|b| b == b'0');
    if is_zero || matches!(name.as_str(), "root" | "containeradministrator" | "administrator") {
        "root"
    } else {
        "other"
    }
}

fn capability_names(list: &Value) -> Vec<String> {
    let mut names: Vec<String> = items(list)
        .filter_map(Value::as_str)
        .map(|name| name.trim().to_ascii_uppercase())
        .map(|name| name.strip_prefix("CAP_").map_or_else(|| name.clone(), ToOwned::to_owned))
        .filter(|name| !name.is_empty())
        .collect();
    names.sort();
    names.dedup();
    names
}

/// The variables whose name and form together say that a secret is written down.
pub(super) fn secrets(variables: &Value) -> Value {
    items(variables)
        .filter(|variable| {
            let text = |key: &str| variable[key].as_str().unwrap_or_default();
            is_secret(text("name"), text("form"))
        })
        .cloned()
        .collect()
}

/// A form that is always a secret, whatever the name; or a name that says so, with a value that can be one.
fn is_secret(name: &str, form: &str) -> bool {
    match form {
        "access_key_id" | "private_key" | "token" | "url_with_password" => true,
        "empty" | "boolean" | "reference" | "path" | "url" => false,
        _ => names_a_secret(name),
    }
}

pub(super) fn names_a_secret(name: &str) -> bool {
    /// Words that mean a secret by themselves.
    const SECRET: [&str; 13] = [
        "password",
        "passwd",
        "passphrase",
        "pwd",
        "secret",
        "secrets",
        "token",
        "apikey",
        "credential",
        "credentials",
        "pat",
        "jwt",
        "passcode",
    ];
    /// Pairs of words that do.
    const PAIRS: [(&str, &str); 9] = [
        ("api", "key"),
        ("access", "key"),
        ("private", "key"),
        ("secret", "key"),
        ("encryption", "key"),
        ("signing", "key"),
        ("master", "key"),
        ("connection", "string"),
        ("auth", "key"),
    ];
    /// Last words by which the variable is about a secret and not one.
    const ABOUT: [&str; 26] = [
        "arn",
        "name",
        "id",
        "path",
        "file",
        "url",
        "uri",
        "endpoint",
        "host",
        "region",
        "ttl",
        "expiry",
        "expiration",
        "timeout",
        "length",
        "enabled",
        "policy",
        "version",
        "prefix",
        "header",
        "type",
        "count",
        "limit",
        "limits",
        "interval",
        "dir",
    ];
    let words = words(name);
    let Some(last) = words.last() else { return false };
    let exact_key_id = words.ends_with(&["access".to_owned(), "key".to_owned(), "id".to_owned()]);
    if exact_key_id || ABOUT.contains(&last.as_str()) {
        return false;
    }
    let joined = |a: &str, b: &str| words.iter().any(|w| w == &format!("{a}{b}"));
    let adjacent = |a: &str, b: &str| words.windows(2).any(|pair| pair[0] == a && pair[1] == b);
    words.iter().any(|word| SECRET.contains(&word.as_str()) || word.ends_with("password"))
        || PAIRS.iter().any(|(a, b)| adjacent(a, b) || joined(a, b))
}

/// The words of a name in snake, kebab, dotted or camel case, in lower case.
fn words(name: &str) -> Vec<String> {
    let mut words: Vec<String> = vec![String::new()];
    let mut before_lower = false;
    for c in name.chars() {
        let boundary = c.is_ascii_uppercase() && before_lower;
        if boundary || !c.is_ascii_alphanumeric() {
            words.push(String::new());
        }
        if c.is_ascii_alphanumeric()
            && let Some(word) = words.last_mut()
        {
            word.push(c.to_ascii_lowercase());
        }
        before_lower = c.is_ascii_lowercase();
    }
    words.retain(|word| !word.is_empty());
    words
}

/// The parts of an image reference. A name without a host is on Docker Hub.
pub(super) fn image(reference: &str) -> Value {
    let (rest, digest) = reference.split_once('@').map_or((reference, None), |(rest, digest)| (rest, Some(digest)));
    let (host, path) = match rest.split_once('/') {
        Some((first, path)) if first.contains(['.', ':']) || first == "localhost" => (first, path),
        _ => ("docker.io", rest),
    };
    let (repository, tag) = match path.rsplit_once(':') {
        Some((repository, tag)) if !tag.contains('/') => (repository, Some(tag)),
        _ => (path, None),
    };
    json!({ "reference": reference, "host": host, "repository": repository, "tag": tag, "digest": digest })
}

/// The image of a function that is packaged as one.
pub(super) fn image_of(code: &Value) -> Value {
    code["ImageUri"].as_str().map_or(Value::Null, image)
}

/// Where volumes reach into the host.
pub(super) fn host_paths(volumes: &Value, definitions: &Value) -> Value {
    items(volumes)
        .filter_map(|volume| {
            let path = volume["host"]["sourcePath"].as_str().filter(|path| !path.is_empty())?;
            let writers: Vec<&Value> = items(definitions)
                .filter(|definition| {
                    items(&definition["mountPoints"])
                        .any(|mount| mount["sourceVolume"] == volume["name"] && mount["readOnly"] != json!(true))
                })
                .map(|definition| &definition["name"])
                .collect();
            Some(json!({ "volume": volume["name"], "path": path, "reach": reach(path), "writers": writers }))
        })
        .collect()
}

pub(super) fn reach(path: &str) -> &'static str {
    const SYSTEM: [&str; 12] =
        ["/bin", "/boot", "/dev", "/etc", "/home", "/lib", "/proc", "/root", "/sbin", "/sys", "/usr", "/var/lib"];
    let path = normal(path);
    let lower = path.to_ascii_lowercase();
    if is_runtime_socket(&lower) || holds_runtime_socket(&path) {
        return "runtime_socket";
    }
    let below = |top: &str| path == top || path.strip_prefix(top).is_some_and(|rest| rest.starts_with('/'));
    if path == "/" || path == "/var" || lower == "c:" || SYSTEM.iter().any(|top| below(top)) {
        "system"
    } else {
        "other"
    }
}

/// A socket that is called as those of container runtimes are, wherever it lies; on Windows, one of their pipes.
fn is_runtime_socket(lower: &str) -> bool {
    const RUNTIMES: [&str; 8] = ["docker", "containerd", "crio", "cri-o", "podman", "buildkit", "pouchcri", "frakti"];
    let name = lower.rsplit(['/', '\\']).next().unwrap_or_default();
    let is_socket = name.ends_with(".sock") || name.ends_with(".socket") || lower.contains("pipe");
    is_socket && RUNTIMES.iter().any(|runtime| name.contains(runtime))
}

/// Folders that hold the socket of a container runtime.
fn holds_runtime_socket(path: &str) -> bool {
    const FOLDERS: [&str; 8] = [
        "/run",
        "/var/run",
        "/run/docker",
        "/var/run/docker",
        "/run/containerd",
        "/var/run/containerd",
        "/run/crio",
        "/var/run/crio",
    ];
    FOLDERS.contains(&path)
}

/// The path without doubled slashes, `.`, `..` and a slash at the end.
pub(super) fn normal(path: &str) -> String {
    if !path.starts_with('/') {
        return path.trim_end_matches(['/', '\\']).to_owned();
    }
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    format!("/{}", parts.join("/"))
}

/// Whether the operating system that a task definition asks for is Windows.
pub(super) fn is_windows(platform: &Value) -> bool {
    platform["operatingSystemFamily"].as_str().is_some_and(|family| family.to_ascii_uppercase().starts_with("WINDOWS"))
}

/// Whether a task definition is for Fargate alone.
pub(super) fn is_fargate_only(requires: &Value) -> bool {
    let names: Vec<&str> = items(requires).filter_map(Value::as_str).collect();
    !names.is_empty() && names.iter().all(|name| *name == "FARGATE")
}

fn items(list: &Value) -> impl Iterator<Item = &Value> {
    list.as_array().into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_has_many_names() {
        for name in ["0", "0:0", "root", "root:1000", "00", "Root", " root ", "0:100", "ContainerAdministrator"] {
            assert_eq!(user(&json!(name)), "root", "{name}");
        }
        for name in ["1000", "app", "1000:0", "10", "rooter"] {
            assert_eq!(user(&json!(name)), "other", "{name}");
        }
        for absent in [Value::Null, json!(""), json!(" "), json!(":")] {
            assert_eq!(user(&absent), "image", "{absent}");
        }
        assert_eq!(user(&json!(0)), "root");
    }

    #[test]
    fn a_secret_is_told_by_its_name_and_its_form() {
        let secret = [
            "DB_PASSWORD",
            "dbPassword",
            "PGPASSWORD",
            "API_KEY",
            "apiKey",
            "APIKEY",
            "AWS_SECRET_ACCESS_KEY",
            "GITHUB_TOKEN",
            "client-secret",
            "spring.datasource.password",
            "SECRET",
            "JWT_SECRET_VALUE",
            "PRIVATE_KEY",
        ];
        for name in secret {
            assert!(is_secret(name, "text"), "{name}");
        }
        let plain = [
            "DB_PASSWORD_SECRET_ARN",
            "SECRET_NAME",
            "TOKEN_URL",
            "AWS_ACCESS_KEY_ID",
            "PASSWORD_MIN_LENGTH",
            "KEYBOARD",
            "PATH",
            "COMPAT",
            "LOG_LEVEL",
            "TOKEN_TTL",
            "SECRETS_PREFIX",
            "MONKEY",
            "",
            "PATTERN",
        ];
        for name in plain {
            assert!(!is_secret(name, "text"), "{name}");
        }
        assert!(!is_secret("DB_PASSWORD", "reference") && !is_secret("DB_PASSWORD", "empty"));
        assert!(is_secret("ANYTHING", "access_key_id") && is_secret("DATABASE_URL", "url_with_password"));
    }

    #[test]
    fn capabilities_are_compared_without_their_prefix() {
        assert_eq!(capability_names(&json!(["CAP_sys_admin", "NET_RAW", "net_raw", ""])), ["NET_RAW", "SYS_ADMIN"]);
        assert!(capability_names(&Value::Null).is_empty());
    }

    #[test]
    fn an_image_reference_is_taken_apart() {
        let parts = |reference: &str| {
            let image = image(reference);
            [image["host"].clone(), image["repository"].clone(), image["tag"].clone(), image["digest"].clone()]
        };
        assert_eq!(parts("nginx"), [json!("docker.io"), json!("nginx"), Value::Null, Value::Null]);
        assert_eq!(parts("team/app:1"), [json!("docker.io"), json!("team/app"), json!("1"), Value::Null]);
        assert_eq!(parts("host:5000/app"), [json!("host:5000"), json!("app"), Value::Null, Value::Null]);
        assert_eq!(parts("r.io/a/b:2@sha256:0"), [json!("r.io"), json!("a/b"), json!("2"), json!("sha256:0")]);
    }

    #[test]
    fn a_path_that_reaches_into_the_host_is_seen_through_its_spelling() {
        for path in
            ["/var/run/docker.sock", "/var/run", "//run/", "/opt/../run/containerd/containerd.sock", "/run/docker"]
        {
            assert_eq!(reach(path), "runtime_socket", "{path}");
        }
        for path in ["/", "/etc", "/etc/", "/proc/1", "/var/lib/docker", "/var", "/opt/.."] {
            assert_eq!(reach(path), "system", "{path}");
        }
        for path in ["/data", "/opt/app", "/etcetera", "/mnt/var/lib"] {
            assert_eq!(reach(path), "other", "{path}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_definition_panics(name in ".{0,40}", path in ".{0,40}", reference in ".{0,60}") {
            let definitions = json!([{ "name": name, "user": name, "image": reference, "environment": [{ "name": name }] }]);
            proptest::prop_assert_eq!(containers(&definitions).as_array().map(Vec::len), Some(1));
            host_paths(&json!([{ "name": name, "host": { "sourcePath": path } }]), &definitions);
        }

        #[test]
        fn a_normal_path_is_its_own_normal_form(path in "/[a-z./]{0,30}") {
            proptest::prop_assert_eq!(normal(&normal(&path)), normal(&path));
        }
    }
}
