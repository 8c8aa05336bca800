//! Task definitions: those that services run, and the latest active revision of each family.
//!
//! An account keeps every revision ever registered, so all of them would be thousands that nothing runs.

use super::containers;
use super::{services, tags};
use crate::attributes::object;
use crate::reader::{Detail, ReadError, Scope, side_by_side};
use aws_sdk_ecs::Client;
use aws_sdk_ecs::types::{TaskDefinition, TaskDefinitionFamilyStatus, TaskDefinitionField, Volume};
use serde_json::Value;
use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

/// Task definitions that are read at once; the account's budget limits the calls.
const AT_ONCE: usize = 12;

pub(super) async fn read(scope: &Scope) -> Result<(), ReadError> {
    let client = Client::new(&scope.config);
    let used = services::task_definitions(scope, &client).await?;
    let seen = Mutex::new(BTreeSet::new());
    let mut pages =
        client.list_task_definition_families().status(TaskDefinitionFamilyStatus::Active).into_paginator().send();
    while let Some(page) = scope.call("ecs:ListTaskDefinitionFamilies", pages.try_next()).await? {
        side_by_side(AT_ONCE, page.families().iter().map(|family| one(scope, &client, family, &seen))).await?;
    }
    let latest = seen.lock().unwrap_or_else(PoisonError::into_inner).clone();
    side_by_side(AT_ONCE, used.difference(&latest).map(|arn| one(scope, &client, arn, &seen))).await
}

/// Reads the revision that a name stands for: an ARN itself, a family its latest active one.
async fn one(scope: &Scope, client: &Client, name: &str, seen: &Mutex<BTreeSet<String>>) -> Result<(), ReadError> {
    let call = client.describe_task_definition().task_definition(name).include(TaskDefinitionField::Tags);
    // AWS says "ClientException" for one that was deregistered since it was listed.
    let answer = match scope.detail("", "ecs:DescribeTaskDefinition", &["ClientException"], call.send()).await {
        Detail::Read(answer) => answer,
        Detail::Absent => return Ok(()),
        Detail::Unread(unread) if unread.denied => {
            return Err(ReadError::Denied { permission: unread.permission, detail: unread.detail });
        }
        Detail::Unread(unread) => return Err(ReadError::Failed(unread.detail)),
    };
    let Some(found) = answer.task_definition() else { return Ok(()) };
    let Some(arn) = found.task_definition_arn() else { return Ok(()) };
    if !seen.lock().unwrap_or_else(PoisonError::into_inner).insert(arn.to_owned()) {
        return Ok(());
    }
    let mut resource = scope
        .resource("aws.ecs.task_definition", arn, arn.rsplit('/').next().unwrap_or(arn))
        .set_all(described(found))
        .tags(tags(answer.tags()))
        .edge("role", found.task_role_arn().filter(|role| role.starts_with("arn:")))
        .edge("role", found.execution_role_arn().filter(|role| role.starts_with("arn:")));
    for (relation, to) in containers::edges(scope, found.container_definitions()) {
        resource = resource.edge(relation, Some(to));
    }
    for system in found.volumes().iter().filter_map(|v| v.efs_volume_configuration()) {
        let uid = scope.arn("elasticfilesystem", &format!("file-system/{}", system.file_system_id()));
        resource = resource.edge("file_system", Some(uid));
    }
    scope.emit(resource).await
}

fn described(found: &TaskDefinition) -> Value {
    let names =
        |list: &[aws_sdk_ecs::types::Compatibility]| list.iter().map(|c| c.as_str().to_owned()).collect::<Vec<_>>();
    let platform = found.runtime_platform().map(|p| {
        object! {
            "cpuArchitecture" => p.cpu_architecture().map(|a| a.as_str()),
            "operatingSystemFamily" => p.operating_system_family().map(|o| o.as_str()),
        }
    });
    object! {
        "taskDefinitionArn" => found.task_definition_arn(),
        "family" => found.family(),
        "revision" => found.revision(),
        "status" => found.status().map(|s| s.as_str()),
        "networkMode" => found.network_mode().map(|m| m.as_str()),
        "pidMode" => found.pid_mode().map(|m| m.as_str()),
        "ipcMode" => found.ipc_mode().map(|m| m.as_str()),
        "taskRoleArn" => found.task_role_arn(),
        "executionRoleArn" => found.execution_role_arn(),
        "requiresCompatibilities" => names(found.requires_compatibilities()),
        "compatibilities" => names(found.compatibilities()),
        "runtimePlatform" => platform,
        "cpu" => found.cpu(),
        "memory" => found.memory(),
        "ephemeralStorage" => found.ephemeral_storage().map(|e| object! { "sizeInGiB" => e.size_in_gib() }),
        "enableFaultInjection" => found.enable_fault_injection(),
        "volumes" => found.volumes().iter().map(volume).collect::<Vec<_>>(),
        "containerDefinitions" => found.container_definitions().iter().map(containers::described).collect::<Vec<_>>(),
        "registeredAt" => found.registered_at(),
    }
}

/// A volume. The options of a Docker volume driver stay away: a network share's hold its password.
fn volume(found: &Volume) -> Value {
    let efs = found.efs_volume_configuration().map(|e| {
        let authorization = e.authorization_config().map(|a| {
            object! { "accessPointId" => a.access_point_id(), "iam" => a.iam().map(|i| i.as_str()) }
        });
        object! {
            "fileSystemId" => e.file_system_id(),
            "rootDirectory" => e.root_directory(),
            "transitEncryption" => e.transit_encryption().map(|t| t.as_str()),
            "authorizationConfig" => authorization,
        }
    });
    let docker = found.docker_volume_configuration().map(|d| {
        object! {
            "scope" => d.scope().map(|s| s.as_str()),
            "driver" => d.driver(),
            "autoprovision" => d.autoprovision(),
        }
    });
    object! {
        "name" => found.name(),
        "host" => found.host().map(|h| object! { "sourcePath" => h.source_path() }),
        "dockerVolumeConfiguration" => docker,
        "efsVolumeConfiguration" => efs,
        "fsxWindowsFileServerVolumeConfiguration" =>
            found.fsx_windows_file_server_volume_configuration().map(|f| object! { "fileSystemId" => f.file_system_id() }),
        "configuredAtLaunch" => found.configured_at_launch(),
    }
}
