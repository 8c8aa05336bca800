//! Snapshots that people made, and whom they are shared with. Automated ones cannot be shared and are not read.

use crate::attributes::object;
use crate::reader::{ReadError, Scope, side_by_side};
use aws_sdk_rds::Client;
use aws_sdk_rds::types::{DbClusterSnapshot, DbSnapshot};
use serde_json::Value;

const AT_ONCE: usize = 6;

pub(super) async fn of_instances(scope: &Scope) -> Result<(), ReadError> {
    let client = Client::new(&scope.config);
    let mut pages = client.describe_db_snapshots().snapshot_type("manual").max_records(100).into_paginator().send();
    while let Some(page) = scope.call("rds:DescribeDBSnapshots", pages.try_next()).await? {
        side_by_side(AT_ONCE, page.db_snapshots().iter().map(|found| of_instance(scope, &client, found))).await?;
    }
    Ok(())
}

async fn of_instance(scope: &Scope, client: &Client, found: &DbSnapshot) -> Result<(), ReadError> {
    let Some(id) = found.db_snapshot_identifier() else { return Ok(()) };
    let arn = found.db_snapshot_arn().map_or_else(|| scope.arn("rds", &format!("snapshot:{id}")), ToOwned::to_owned);
    let call = client.describe_db_snapshot_attributes().db_snapshot_identifier(id).send();
    let shared =
        scope.detail("DBSnapshotAttributes", "rds:DescribeDBSnapshotAttributes", &[], call).await.map(|answer| {
            let result = answer.db_snapshot_attributes_result();
            result
                .map_or(&[][..], |result| result.db_snapshot_attributes())
                .iter()
                .map(|attribute| {
                    object! {
                        "AttributeName" => attribute.attribute_name(),
                        "AttributeValues" => attribute.attribute_values(),
                    }
                })
                .collect::<Value>()
        });
    let resource = scope
        .resource("aws.rds.snapshot", arn, id)
        .set_all(instance_snapshot(found))
        .detail("DBSnapshotAttributes", shared)
        .tags(found.tag_list().iter().filter_map(|tag| Some((tag.key()?, tag.value()?))))
        .edge("instance", found.db_instance_identifier().map(|id| scope.arn("rds", &format!("db:{id}"))))
        .edge("key", found.kms_key_id().and_then(|key| crate::services::kms::key_uid(scope, key)));
    scope.emit(resource).await
}

fn instance_snapshot(found: &DbSnapshot) -> Value {
    object! {
        "DBSnapshotIdentifier" => found.db_snapshot_identifier(),
        "DBSnapshotArn" => found.db_snapshot_arn(),
        "DBInstanceIdentifier" => found.db_instance_identifier(),
        "DbiResourceId" => found.dbi_resource_id(),
        "SnapshotCreateTime" => found.snapshot_create_time(),
        "SnapshotType" => found.snapshot_type(),
        "Status" => found.status(),
        "Engine" => found.engine(),
        "EngineVersion" => found.engine_version(),
        "AllocatedStorage" => found.allocated_storage(),
        "Encrypted" => found.encrypted(),
        "KmsKeyId" => found.kms_key_id(),
        "SourceRegion" => found.source_region(),
        "SourceDBSnapshotIdentifier" => found.source_db_snapshot_identifier(),
        "VpcId" => found.vpc_id(),
    }
}

pub(super) async fn of_clusters(scope: &Scope) -> Result<(), ReadError> {
    let client = Client::new(&scope.config);
    let call = client.describe_db_cluster_snapshots().snapshot_type("manual").max_records(100);
    let mut pages = call.into_paginator().send();
    while let Some(page) = scope.call("rds:DescribeDBClusterSnapshots", pages.try_next()).await? {
        side_by_side(AT_ONCE, page.db_cluster_snapshots().iter().map(|found| of_cluster(scope, &client, found)))
            .await?;
    }
    Ok(())
}

async fn of_cluster(scope: &Scope, client: &Client, found: &DbClusterSnapshot) -> Result<(), ReadError> {
    let Some(id) = found.db_cluster_snapshot_identifier() else { return Ok(()) };
    let arn = found.db_cluster_snapshot_arn();
    let arn = arn.map_or_else(|| scope.arn("rds", &format!("cluster-snapshot:{id}")), ToOwned::to_owned);
    let call = client.describe_db_cluster_snapshot_attributes().db_cluster_snapshot_identifier(id).send();
    let shared = scope
        .detail("DBClusterSnapshotAttributes", "rds:DescribeDBClusterSnapshotAttributes", &[], call)
        .await
        .map(|answer| {
            let result = answer.db_cluster_snapshot_attributes_result();
            result
                .map_or(&[][..], |result| result.db_cluster_snapshot_attributes())
                .iter()
                .map(|attribute| {
                    object! {
                        "AttributeName" => attribute.attribute_name(),
                        "AttributeValues" => attribute.attribute_values(),
                    }
                })
                .collect::<Value>()
        });
    let resource = scope
        .resource("aws.rds.cluster_snapshot", arn, id)
        .set_all(cluster_snapshot(found))
        .detail("DBClusterSnapshotAttributes", shared)
        .tags(found.tag_list().iter().filter_map(|tag| Some((tag.key()?, tag.value()?))))
        .edge("cluster", found.db_cluster_identifier().map(|id| scope.arn("rds", &format!("cluster:{id}"))))
        .edge("key", found.kms_key_id().and_then(|key| crate::services::kms::key_uid(scope, key)));
    scope.emit(resource).await
}

fn cluster_snapshot(found: &DbClusterSnapshot) -> Value {
    object! {
        "DBClusterSnapshotIdentifier" => found.db_cluster_snapshot_identifier(),
        "DBClusterSnapshotArn" => found.db_cluster_snapshot_arn(),
        "DBClusterIdentifier" => found.db_cluster_identifier(),
        "SnapshotCreateTime" => found.snapshot_create_time(),
        "SnapshotType" => found.snapshot_type(),
        "Status" => found.status(),
        "Engine" => found.engine(),
        "EngineVersion" => found.engine_version(),
        "AllocatedStorage" => found.allocated_storage(),
        "StorageEncrypted" => found.storage_encrypted(),
        "KmsKeyId" => found.kms_key_id(),
        "SourceDBClusterSnapshotArn" => found.source_db_cluster_snapshot_arn(),
        "VpcId" => found.vpc_id(),
    }
}
