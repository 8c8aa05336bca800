//! Database clusters: Aurora, Multi-AZ, DocumentDB and Neptune.

use super::parameters::Groups;
use super::{group_uids, groups, secret};
use crate::attributes::object;
use crate::reader::{Detail, ReadError, Scope, side_by_side};
use aws_sdk_rds::Client;
use aws_sdk_rds::types::DbCluster;
use serde_json::{Value, json};

const AT_ONCE: usize = 6;

pub(super) async fn read(scope: &Scope) -> Result<(), ReadError> {
    let client = Client::new(&scope.config);
    let parameters = Groups::of_clusters(scope, &client);
    let mut pages = client.describe_db_clusters().max_records(100).into_paginator().send();
    while let Some(page) = scope.call("rds:DescribeDBClusters", pages.try_next()).await? {
        side_by_side(AT_ONCE, page.db_clusters().iter().map(|found| cluster(scope, &parameters, found))).await?;
    }
    Ok(())
}

async fn cluster(scope: &Scope, parameters: &Groups<'_>, found: &DbCluster) -> Result<(), ReadError> {
    let Some(id) = found.db_cluster_identifier() else { return Ok(()) };
    let arn = found.db_cluster_arn().map_or_else(|| scope.arn("rds", &format!("cluster:{id}")), ToOwned::to_owned);
    let settings = match found.db_cluster_parameter_group() {
        Some(group) => parameters.get(group).await,
        None => Detail::Read(json!([])),
    };
    let mut resource = scope
        .resource("aws.rds.cluster", arn, id)
        .set_all(identity(found))
        .set_all(protection(found))
        .detail("Parameters", settings)
        .tags(found.tag_list().iter().filter_map(|tag| Some((tag.key()?, tag.value()?))))
        .edge("key", found.kms_key_id().and_then(|key| crate::services::kms::key_uid(scope, key)))
        .edge("role", found.monitoring_role_arn())
        .edge("secret", found.master_user_secret().and_then(|secret| secret.secret_arn()));
    for group in group_uids(scope, found.vpc_security_groups()) {
        resource = resource.edge("security_group", Some(group));
    }
    for member in found.db_cluster_members().iter().filter_map(|member| member.db_instance_identifier()) {
        resource = resource.edge("instance", Some(scope.arn("rds", &format!("db:{member}"))));
    }
    scope.emit(resource).await
}

fn identity(found: &DbCluster) -> Value {
    object! {
        "DBClusterIdentifier" => found.db_cluster_identifier(),
        "DBClusterArn" => found.db_cluster_arn(),
        "DbClusterResourceId" => found.db_cluster_resource_id(),
        "Status" => found.status(),
        "Engine" => found.engine(),
        "EngineVersion" => found.engine_version(),
        "EngineMode" => found.engine_mode(),
        "EngineLifecycleSupport" => found.engine_lifecycle_support(),
        "ClusterCreateTime" => found.cluster_create_time(),
        "MasterUsername" => found.master_username(),
        "MasterUserSecret" => found.master_user_secret().map(secret),
        "Endpoint" => found.endpoint(),
        "ReaderEndpoint" => found.reader_endpoint(),
        "Port" => found.port(),
        "AvailabilityZones" => found.availability_zones(),
        "DBClusterMembers" => found.db_cluster_members().iter().map(|member| object! {
            "DBInstanceIdentifier" => member.db_instance_identifier(),
            "IsClusterWriter" => member.is_cluster_writer(),
        }).collect::<Vec<_>>(),
        "DBClusterParameterGroup" => found.db_cluster_parameter_group(),
        "DBSubnetGroup" => found.db_subnet_group(),
        "VpcSecurityGroups" => groups(found.vpc_security_groups()),
        "ReplicationSourceIdentifier" => found.replication_source_identifier(),
        "GlobalClusterIdentifier" => found.global_cluster_identifier(),
        "NetworkType" => found.network_type(),
    }
}

fn protection(found: &DbCluster) -> Value {
    object! {
        "MultiAZ" => found.multi_az(),
        "StorageEncrypted" => found.storage_encrypted(),
        "KmsKeyId" => found.kms_key_id(),
        "BackupRetentionPeriod" => found.backup_retention_period(),
        "BacktrackWindow" => found.backtrack_window(),
        "CopyTagsToSnapshot" => found.copy_tags_to_snapshot(),
        "AutoMinorVersionUpgrade" => found.auto_minor_version_upgrade(),
        "PubliclyAccessible" => found.publicly_accessible(),
        "DeletionProtection" => found.deletion_protection(),
        "IAMDatabaseAuthenticationEnabled" => found.iam_database_authentication_enabled(),
        "EnabledCloudwatchLogsExports" => found.enabled_cloudwatch_logs_exports(),
        "HttpEndpointEnabled" => found.http_endpoint_enabled(),
        "ActivityStreamStatus" => found.activity_stream_status().map(|word| word.as_str()),
    }
}
