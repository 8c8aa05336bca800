//! The container definitions of a task definition: how a container is confined, and never what it is told in secret.
//!
//! Values of environment variables, commands, entry points, health check commands and the options of third-party log
//! drivers may hold secrets and stay away.

use super::super::ecr::repository_of;
use crate::attributes::object;
use crate::reader::Scope;
use aws_sdk_ecs::types::{ContainerDefinition, LinuxParameters, LogConfiguration, LogDriver};
use plumbline_core::environment;
use serde_json::{Map, Value};

pub(super) fn described(found: &ContainerDefinition) -> Value {
    let mut container = identity(found);
    let parts = [confinement(found), inputs(found)];
    if let Value::Object(all) = &mut container {
        all.extend(
            parts
                .into_iter()
                .filter_map(|part| match part {
                    Value::Object(members) => Some(members),
                    _ => None,
                })
                .flatten(),
        );
    }
    container
}

fn identity(found: &ContainerDefinition) -> Value {
    let ports: Vec<Value> = found
        .port_mappings()
        .iter()
        .map(|p| {
            object! {
                "containerPort" => p.container_port(),
                "hostPort" => p.host_port(),
                "protocol" => p.protocol().map(|p| p.as_str()),
                "containerPortRange" => p.container_port_range(),
            }
        })
        .collect();
    object! {
        "name" => found.name(),
        "image" => found.image(),
        "repositoryCredentials" => found
            .repository_credentials()
            .map(|r| object! { "credentialsParameter" => r.credentials_parameter() }),
        "essential" => found.essential(),
        "cpu" => found.cpu(),
        "memory" => found.memory(),
        "memoryReservation" => found.memory_reservation(),
        "portMappings" => ports,
        "versionConsistency" => found.version_consistency().map(|v| v.as_str()),
        "logConfiguration" => found.log_configuration().map(log_configuration),
        "firelensConfiguration" =>
            found.firelens_configuration().map(|f| object! { "type" => f.r#type().as_str() }),
        "healthCheck" => found.health_check().map(|h| {
            object! { "interval" => h.interval(), "timeout" => h.timeout(), "retries" => h.retries() }
        }),
    }
}

fn confinement(found: &ContainerDefinition) -> Value {
    let ulimits: Vec<Value> = found
        .ulimits()
        .iter()
        .map(|u| {
            object! { "name" => u.name().as_str(), "softLimit" => u.soft_limit(), "hardLimit" => u.hard_limit() }
        })
        .collect();
    let controls: Vec<Value> = found
        .system_controls()
        .iter()
        .map(|c| object! { "namespace" => c.namespace(), "value" => c.value() })
        .collect();
    let mounts: Vec<Value> = found
        .mount_points()
        .iter()
        .map(|m| {
            object! {
                "sourceVolume" => m.source_volume(),
                "containerPath" => m.container_path(),
                "readOnly" => m.read_only(),
            }
        })
        .collect();
    object! {
        "user" => found.user(),
        "privileged" => found.privileged(),
        "readonlyRootFilesystem" => found.readonly_root_filesystem(),
        "linuxParameters" => found.linux_parameters().map(linux_parameters),
        "dockerSecurityOptions" => found.docker_security_options(),
        "disableNetworking" => found.disable_networking(),
        "interactive" => found.interactive(),
        "pseudoTerminal" => found.pseudo_terminal(),
        "ulimits" => ulimits,
        "systemControls" => controls,
        "mountPoints" => mounts,
    }
}

fn inputs(found: &ContainerDefinition) -> Value {
    let environment: Vec<Value> = found
        .environment()
        .iter()
        .map(|v| environment::variable(v.name().unwrap_or_default(), v.value().unwrap_or_default()))
        .collect();
    let secrets: Vec<Value> =
        found.secrets().iter().map(|s| object! { "name" => s.name(), "valueFrom" => s.value_from() }).collect();
    let files: Vec<Value> = found
        .environment_files()
        .iter()
        .map(|f| object! { "value" => f.value(), "type" => f.r#type().as_str() })
        .collect();
    object! { "environment" => environment, "secrets" => secrets, "environmentFiles" => files }
}

fn linux_parameters(found: &LinuxParameters) -> Value {
    let capabilities = found.capabilities().map(|c| object! { "add" => c.add(), "drop" => c.drop() });
    let devices: Vec<Value> = found
        .devices()
        .iter()
        .map(|d| {
            let permissions: Vec<String> = d.permissions().iter().map(|p| p.as_str().to_owned()).collect();
            object! { "hostPath" => d.host_path(), "containerPath" => d.container_path(), "permissions" => permissions }
        })
        .collect();
    object! {
        "capabilities" => capabilities,
        "devices" => devices,
        "initProcessEnabled" => found.init_process_enabled(),
        "sharedMemorySize" => found.shared_memory_size(),
    }
}

/// The driver, the options that say where its logs go, and the bare names of the rest.
fn log_configuration(found: &LogConfiguration) -> Value {
    const SHOWN: [&str; 7] = [
        "awslogs-group",
        "awslogs-region",
        "awslogs-stream-prefix",
        "awslogs-create-group",
        "mode",
        "max-buffer-size",
        "Name",
    ];
    let (mut options, mut hidden) = (Map::new(), Vec::new());
    for (name, value) in found.options().into_iter().flatten() {
        if SHOWN.contains(&name.as_str()) {
            options.insert(name.clone(), Value::from(value.as_str()));
        } else {
            hidden.push(environment::variable(name, value));
        }
    }
    hidden.sort_by_key(Value::to_string);
    let secrets: Vec<Value> =
        found.secret_options().iter().map(|s| object! { "name" => s.name(), "valueFrom" => s.value_from() }).collect();
    object! {
        "logDriver" => found.log_driver().as_str(),
        "options" => Value::Object(options),
        "otherOptions" => hidden,
        "secretOptions" => secrets,
    }
}

/// What the containers point to: images and their repositories, stored secrets, log groups.
pub(super) fn edges(scope: &Scope, containers: &[ContainerDefinition]) -> Vec<(&'static str, String)> {
    let mut edges = Vec::new();
    for container in containers {
        if let Some(image) = container.image() {
            edges.push(("image", image.to_owned()));
            edges.extend(repository_of(scope.partition, image).map(|arn| ("repository", arn)));
        }
        edges.extend(container.secrets().iter().filter_map(|secret| stored(scope, secret.value_from())));
        edges.extend(container.log_configuration().and_then(|log| log_group(scope, log)));
    }
    edges
}

/// A secret by its ARN without the JSON key and version that may follow, or a parameter by its ARN or bare name.
fn stored(scope: &Scope, from: &str) -> Option<(&'static str, String)> {
    let parts: Vec<&str> = from.split(':').collect();
    match parts.get(2) {
        Some(&"secretsmanager") if parts.len() >= 7 => Some(("secret", parts[..7].join(":"))),
        Some(&"ssm") => Some(("parameter", from.to_owned())),
        Some(_) => None,
        None => Some(("parameter", scope.arn("ssm", &format!("parameter/{}", from.trim_start_matches('/'))))),
    }
}

fn log_group(scope: &Scope, found: &LogConfiguration) -> Option<(&'static str, String)> {
    if *found.log_driver() != LogDriver::Awslogs {
        return None;
    }
    let options = found.options()?;
    let region = options.get("awslogs-region").map_or(scope.region(), String::as_str);
    let group = options.get("awslogs-group")?;
    Some(("log_group", format!("arn:{}:logs:{region}:{}:log-group:{group}", scope.partition, scope.account())))
}
