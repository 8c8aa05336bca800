//! ECS: clusters, the services that run in them, and the task definitions that matter.

mod containers;
mod services;
mod task_definitions;

use crate::attributes::object;
use crate::reader::{ReadError, Reader, Scope, reader};
use aws_sdk_ecs::Client;
use aws_sdk_ecs::types::{Cluster, ClusterConfiguration, ClusterField, Failure, Tag};
use serde_json::Value;

pub(super) const READERS: &[Reader] = &[
    reader!("ecs.clusters", clusters),
    reader!("ecs.services", services::read),
    reader!("ecs.task_definitions", task_definitions::read),
];

/// The most that one description of clusters takes.
const CLUSTERS_A_CALL: usize = 100;

async fn cluster_arns(scope: &Scope, client: &Client) -> Result<Vec<String>, ReadError> {
    let mut arns = Vec::new();
    let mut pages = client.list_clusters().into_paginator().send();
    while let Some(page) = scope.call("ecs:ListClusters", pages.try_next()).await? {
        arns.extend_from_slice(page.cluster_arns());
    }
    Ok(arns)
}

async fn clusters(scope: &Scope) -> Result<(), ReadError> {
    let client = Client::new(&scope.config);
    for arns in cluster_arns(scope, &client).await?.chunks(CLUSTERS_A_CALL) {
        let call = client
            .describe_clusters()
            .set_clusters(Some(arns.to_vec()))
            .include(ClusterField::Settings)
            .include(ClusterField::Configurations)
            .include(ClusterField::Tags);
        let answer = scope.call("ecs:DescribeClusters", call.send()).await?;
        whole("ecs:DescribeClusters", answer.failures())?;
        for found in answer.clusters() {
            cluster(scope, found).await?;
        }
    }
    Ok(())
}

/// A description that leaves out what still exists is not complete; what was deleted meanwhile is simply gone.
fn whole(permission: &str, failures: &[Failure]) -> Result<(), ReadError> {
    match failures.iter().find(|failure| failure.reason() != Some("MISSING")) {
        None => Ok(()),
        Some(failure) => Err(ReadError::Failed(format!(
            "{permission}: {} {}",
            failure.arn().unwrap_or("something"),
            failure.reason().unwrap_or("was not described"),
        ))),
    }
}

async fn cluster(scope: &Scope, found: &Cluster) -> Result<(), ReadError> {
    let (Some(arn), Some(name)) = (found.cluster_arn(), found.cluster_name()) else { return Ok(()) };
    let exec = found.configuration().and_then(|c| c.execute_command_configuration());
    let log = exec.and_then(|e| e.log_configuration());
    let log_group =
        log.and_then(|l| l.cloud_watch_log_group_name()).map(|group| scope.arn("logs", &format!("log-group:{group}")));
    let bucket = log.and_then(|l| l.s3_bucket_name()).map(|b| format!("arn:{}:s3:::{b}", scope.partition));
    let storage = found.configuration().and_then(|c| c.managed_storage_configuration());
    let keys = [
        exec.and_then(|e| e.kms_key_id()),
        storage.and_then(|s| s.kms_key_id()),
        storage.and_then(|s| s.fargate_ephemeral_storage_kms_key_id()),
    ];
    let mut resource = scope
        .resource("aws.ecs.cluster", arn, name)
        .set_all(described(found))
        .tags(tags(found.tags()))
        .edge("log_group", log_group)
        .edge("bucket", bucket);
    for key in keys.into_iter().flatten() {
        resource = resource.edge("key", Some(key_arn(scope, key)));
    }
    scope.emit(resource).await
}

/// A key is named by its ARN or by its bare id.
fn key_arn(scope: &Scope, key: &str) -> String {
    if key.starts_with("arn:") { key.to_owned() } else { scope.arn("kms", &format!("key/{key}")) }
}

fn tags(tags: &[Tag]) -> impl Iterator<Item = (&str, &str)> {
    tags.iter().map(|tag| (tag.key().unwrap_or_default(), tag.value().unwrap_or_default()))
}

fn described(found: &Cluster) -> Value {
    let settings: Vec<Value> = found
        .settings()
        .iter()
        .map(|s| object! { "name" => s.name().map(|n| n.as_str()), "value" => s.value() })
        .collect();
    let connect = found.service_connect_defaults().map(|d| object! { "namespace" => d.namespace() });
    object! {
        "clusterName" => found.cluster_name(),
        "status" => found.status(),
        "settings" => settings,
        "configuration" => found.configuration().map(configuration),
        "capacityProviders" => found.capacity_providers(),
        "serviceConnectDefaults" => connect,
        "registeredContainerInstancesCount" => found.registered_container_instances_count(),
        "runningTasksCount" => found.running_tasks_count(),
        "activeServicesCount" => found.active_services_count(),
    }
}

fn configuration(found: &ClusterConfiguration) -> Value {
    let exec = found.execute_command_configuration().map(|exec| {
        let log = exec.log_configuration().map(|log| {
            object! {
                "cloudWatchLogGroupName" => log.cloud_watch_log_group_name(),
                "cloudWatchEncryptionEnabled" => log.cloud_watch_encryption_enabled(),
                "s3BucketName" => log.s3_bucket_name(),
                "s3EncryptionEnabled" => log.s3_encryption_enabled(),
                "s3KeyPrefix" => log.s3_key_prefix(),
            }
        });
        object! {
            "kmsKeyId" => exec.kms_key_id(),
            "logging" => exec.logging().map(|l| l.as_str()),
            "logConfiguration" => log,
        }
    });
    let storage = found.managed_storage_configuration().map(|storage| {
        object! {
            "kmsKeyId" => storage.kms_key_id(),
            "fargateEphemeralStorageKmsKeyId" => storage.fargate_ephemeral_storage_kms_key_id(),
        }
    });
    object! { "executeCommandConfiguration" => exec, "managedStorageConfiguration" => storage }
}
