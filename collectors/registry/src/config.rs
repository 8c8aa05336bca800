//! An image's configuration: how it is meant to run and how it was made.
//!
//! Environment, labels and history are where passwords end up. Their values are searched for secrets and then left out or
//! redacted: nothing that was found leaves this module but its kind, its place and its fingerprint.

use crate::manifest::Platform;
use plumbline_software::layer::secrets;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Largest configuration, in bytes.
pub(crate) const LARGEST: usize = 8 << 20;
/// The most entries of any list in it, and the longest text that is kept of each, in characters.
const MOST: usize = 2_000;
const LONGEST: usize = 4_000;

#[derive(Debug, Deserialize)]
pub(crate) struct ImageConfig {
    #[serde(default)]
    pub(crate) created: Option<String>,
    #[serde(flatten)]
    pub(crate) platform: Platform,
    #[serde(default)]
    config: Option<Settings>,
    #[serde(default)]
    history: Option<Vec<Step>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Settings {
    user: Option<String>,
    env: Option<Vec<String>>,
    exposed_ports: Option<BTreeMap<String, Value>>,
    entrypoint: Option<Words>,
    cmd: Option<Words>,
    working_dir: Option<String>,
    volumes: Option<BTreeMap<String, Value>>,
    labels: Option<BTreeMap<String, String>>,
    healthcheck: Option<Healthcheck>,
    stop_signal: Option<String>,
    shell: Option<Words>,
}

/// A command; old images have one string.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Words {
    Many(Vec<String>),
    One(String),
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Healthcheck {
    test: Option<Vec<String>>,
    /// In nanoseconds, as are the others.
    interval: Option<i64>,
    timeout: Option<i64>,
    start_period: Option<i64>,
    retries: Option<i64>,
}

/// What made one layer, or none.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Step {
    created: Option<String>,
    created_by: Option<String>,
    empty_layer: bool,
}

impl ImageConfig {
    /// # Errors
    /// With one line that says why it is not read.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, String> {
        let read: Self = serde_json::from_slice(bytes)
            .map_err(|e| format!("the image's configuration cannot be understood: {e}"))?;
        let settings = read.config.as_ref();
        let lengths = [
            read.history.as_ref().map_or(0, Vec::len),
            settings.and_then(|s| s.env.as_ref()).map_or(0, Vec::len),
            settings.and_then(|s| s.labels.as_ref()).map_or(0, BTreeMap::len),
            settings.and_then(|s| s.exposed_ports.as_ref()).map_or(0, BTreeMap::len),
            settings.and_then(|s| s.volumes.as_ref()).map_or(0, BTreeMap::len),
        ];
        if lengths.into_iter().any(|length| length > MOST) {
            return Err(format!("the image's configuration has a list of more than {MOST} entries"));
        }
        Ok(read)
    }

    /// The attribute `Config`.
    pub(crate) fn settings(&self) -> Value {
        let none = Settings::default();
        let settings = self.config.as_ref().unwrap_or(&none);
        let names =
            settings.env.iter().flatten().map(|line| line.split_once('=').map_or(line.as_str(), |(name, _)| name));
        let labels: Map<String, Value> =
            settings.labels.iter().flatten().map(|(name, value)| (cut(name), safe(value).into())).collect();
        json!({
            "User": settings.user.as_deref().map(cut),
            "Env": names.map(cut).collect::<Vec<_>>(),
            "ExposedPorts": keys(settings.exposed_ports.as_ref()),
            "Entrypoint": settings.entrypoint.as_ref().map(Words::safe),
            "Cmd": settings.cmd.as_ref().map(Words::safe),
            "WorkingDir": settings.working_dir.as_deref().map(cut),
            "Volumes": keys(settings.volumes.as_ref()),
            "Labels": labels,
            "Healthcheck": settings.healthcheck.as_ref().map(Healthcheck::to_value),
            "StopSignal": settings.stop_signal.as_deref().map(cut),
            "Shell": settings.shell.as_ref().map(Words::safe),
        })
    }

    /// The attribute `History`, lowest first.
    pub(crate) fn history(&self) -> Value {
        let steps = self.history.iter().flatten().map(|step| {
            json!({
                "created": step.created.as_deref().map(cut),
                "created_by": step.created_by.as_deref().map(safe),
                "empty_layer": step.empty_layer,
            })
        });
        steps.collect()
    }

    /// What made each of `count` layers, lowest first; nothing is said where the history does not fit the layers.
    pub(crate) fn makers(&self, count: usize) -> Vec<Option<String>> {
        let steps = self.history.iter().flatten().filter(|step| !step.empty_layer);
        let makers: Vec<Option<String>> = steps.map(|step| step.created_by.as_deref().map(safe)).collect();
        if makers.len() == count { makers } else { vec![None; count] }
    }

    /// Secrets in environment, labels and history, as the attribute `Secrets` lists them.
    pub(crate) fn secrets(&self) -> Vec<Value> {
        let none = Settings::default();
        let settings = self.config.as_ref().unwrap_or(&none);
        let mut found = Vec::new();
        for line in settings.env.iter().flatten() {
            let name = line.split_once('=').map_or(line.as_str(), |(name, _)| name);
            search(&mut found, "env", name, line);
        }
        for (name, value) in settings.labels.iter().flatten() {
            search(&mut found, "label", name, value);
        }
        for words in [&settings.entrypoint, &settings.cmd].into_iter().flatten() {
            search(&mut found, "command", "command", &words.line());
        }
        for (at, step) in self.history.iter().flatten().enumerate() {
            search(&mut found, "history", &at.to_string(), step.created_by.as_deref().unwrap_or_default());
        }
        found
    }
}

fn search(found: &mut Vec<Value>, place: &str, name: &str, text: &str) {
    if found.len() >= MOST {
        return;
    }
    found.extend(secrets::find_in_text(place, text).into_iter().map(|secret| {
        json!({
            "kind": secret.kind, "where": place, "path": null, "name": cut(name), "line": secret.line,
            "fingerprint": secret.fingerprint, "layer": null, "test": secret.test, "visible": true,
        })
    }));
}

impl Words {
    fn safe(&self) -> Vec<String> {
        match self {
            Self::Many(words) => words.iter().take(MOST).map(|word| safe(word)).collect(),
            Self::One(word) => vec![safe(word)],
        }
    }

    fn line(&self) -> String {
        match self {
            Self::Many(words) => words.join(" "),
            Self::One(word) => word.clone(),
        }
    }
}

impl Healthcheck {
    fn to_value(&self) -> Value {
        json!({
            "Test": self.test.iter().flatten().take(MOST).map(|word| safe(word)).collect::<Vec<_>>(),
            "Interval": self.interval, "Timeout": self.timeout, "StartPeriod": self.start_period, "Retries": self.retries,
        })
    }
}

fn keys(map: Option<&BTreeMap<String, Value>>) -> Vec<String> {
    map.into_iter().flatten().map(|(key, _)| cut(key)).collect()
}

/// A text without the secrets in it, cut to what is kept. Redacted first, so that no secret is cut into one that is missed.
fn safe(text: &str) -> String {
    cut(&secrets::redact(text))
}

fn cut(text: &str) -> String {
    text.chars().filter(|c| *c != '\0').take(LONGEST).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: &str = r#"{
        "created": "2024-05-01T10:00:00Z", "os": "linux", "architecture": "arm64", "variant": "v8",
        "config": {
            "User": "app", "Env": ["PATH=/usr/bin", "MODE=fast", "EMPTY"], "ExposedPorts": {"8080/tcp": {}},
            "Entrypoint": ["/app"], "Cmd": "serve", "WorkingDir": "/srv", "Volumes": {"/data": {}},
            "Labels": {"team": "web"}, "Healthcheck": {"Test": ["CMD", "true"], "Interval": 1000},
            "StopSignal": "SIGTERM", "Shell": ["/bin/sh", "-c"]
        },
        "history": [
            {"created": "2024-05-01T09:00:00Z", "created_by": "ADD rootfs.tar /"},
            {"created_by": "ENV MODE=fast", "empty_layer": true},
            {"created_by": "RUN make"}
        ]
    }"#;

    #[test]
    fn the_environment_is_told_by_name_alone() {
        let config = ImageConfig::parse(WHOLE.as_bytes()).unwrap();
        let settings = config.settings();
        assert_eq!(settings["Env"], json!(["PATH", "MODE", "EMPTY"]));
        assert_eq!(settings["ExposedPorts"], json!(["8080/tcp"]));
        assert_eq!(settings["Cmd"], json!(["serve"]));
        assert_eq!(settings["Healthcheck"]["Test"], json!(["CMD", "true"]));
        assert_eq!(config.platform.name(), "linux/arm64/v8");
    }

    #[test]
    fn each_layer_knows_what_made_it() {
        let config = ImageConfig::parse(WHOLE.as_bytes()).unwrap();
        let makers = config.makers(2);
        assert_eq!(makers, [Some("ADD rootfs.tar /".to_owned()), Some("RUN make".to_owned())]);
        assert_eq!(config.makers(3), [None, None, None]);
        assert_eq!(config.history().as_array().map(Vec::len), Some(3));
    }

    #[test]
    fn secrets_are_told_by_place_and_never_by_value() {
        let value = ["q7Vx2mZp9", "LrT4wBnK8s"].concat();
        let text = serde_json::json!({
            "config": { "Env": [format!("DB_PASSWORD={value}")], "Labels": { "note": format!("DB_PASSWORD={value}") } },
            "history": [{ "created_by": "FROM scratch" }, { "created_by": format!("ENV DB_PASSWORD={value}") }],
        });
        let config = ImageConfig::parse(text.to_string().as_bytes()).unwrap();
        let found = config.secrets();
        let places: Vec<_> = found.iter().map(|one| (one["where"].as_str(), one["name"].as_str())).collect();
        assert_eq!(
            places,
            [(Some("env"), Some("DB_PASSWORD")), (Some("label"), Some("note")), (Some("history"), Some("1"))]
        );
        let shown = format!("{found:?} {} {}", config.settings(), config.history());
        assert!(!shown.contains(&value), "{shown}");
    }

    #[test]
    fn nulls_are_what_builders_write_for_nothing() {
        let nothing = br#"{"config": {"Env": null, "Labels": null, "Healthcheck": null}, "history": null}"#;
        let config = ImageConfig::parse(nothing).unwrap();
        assert_eq!(config.settings()["Env"], json!([]));
        assert_eq!(config.history(), json!([]));
        assert!(ImageConfig::parse(br#"{"config": null}"#).is_ok());
    }

    #[test]
    fn absurd_lists_are_refused() {
        let history = vec!["{}"; MOST + 1].join(",");
        assert!(ImageConfig::parse(format!("{{\"history\":[{history}]}}").as_bytes()).is_err());
        assert!(ImageConfig::parse(b"[").is_err());
    }
}
