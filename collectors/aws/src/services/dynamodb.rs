//! DynamoDB: every table with its protection and its policy.

use crate::attributes::{document, object};
use crate::reader::{Detail, ReadError, Reader, Scope, reader, side_by_side};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{ContinuousBackupsDescription, TableDescription, Tag};
use serde_json::Value;

pub(super) const READERS: &[Reader] = &[reader!("dynamodb.tables", tables)];

const AT_ONCE: usize = 8;

const DESCRIBED: [&str; 12] = [
    "TableStatus",
    "TableId",
    "CreationDateTime",
    "ItemCount",
    "TableSizeBytes",
    "BillingModeSummary",
    "TableClassSummary",
    "SSEDescription",
    "DeletionProtectionEnabled",
    "StreamSpecification",
    "LatestStreamArn",
    "Replicas",
];

async fn tables(scope: &Scope) -> Result<(), ReadError> {
    let client = Client::new(&scope.config);
    let mut pages = client.list_tables().into_paginator().send();
    while let Some(page) = scope.call("dynamodb:ListTables", pages.try_next()).await? {
        side_by_side(AT_ONCE, page.table_names().iter().map(|name| table(scope, &client, name))).await?;
    }
    Ok(())
}

async fn table(scope: &Scope, client: &Client, name: &str) -> Result<(), ReadError> {
    let arn = scope.arn("dynamodb", &format!("table/{name}"));
    let (described, backups, policy, tags) = tokio::join!(
        scope.detail("TableStatus", "dynamodb:DescribeTable", &[], client.describe_table().table_name(name).send()),
        scope.detail(
            "ContinuousBackupsDescription",
            "dynamodb:DescribeContinuousBackups",
            &[],
            client.describe_continuous_backups().table_name(name).send(),
        ),
        scope.detail(
            "Policy",
            "dynamodb:GetResourcePolicy",
            &["PolicyNotFoundException"],
            client.get_resource_policy().resource_arn(&arn).send(),
        ),
        tags(scope, client, &arn),
    );
    let described = described.map(|answer| answer.table().map_or_else(|| object! {}, table_of));
    let key = match &described {
        Detail::Read(table) => table["SSEDescription"]["KMSMasterKeyArn"].as_str().map(ToOwned::to_owned),
        _ => None,
    };
    let mut resource = scope
        .resource("aws.dynamodb.table", &arn, name)
        .set("TableName", name)
        .set("TableArn", &arn)
        .details(&DESCRIBED, described)
        .detail(
            "ContinuousBackupsDescription",
            backups.map(|answer| answer.continuous_backups_description().map(backups_of)),
        )
        .detail("Policy", policy.map(|answer| answer.policy().map(document)))
        .edge("key", key);
    if let Detail::Read(tags) = &tags {
        resource = resource.tags(tags.iter().map(|tag| (tag.key(), tag.value())));
    }
    let tags = tags
        .map(|tags| tags.iter().map(|tag| object! { "Key" => tag.key(), "Value" => tag.value() }).collect::<Value>());
    scope.emit(resource.detail("Tags", tags)).await
}

async fn tags(scope: &Scope, client: &Client, arn: &str) -> Detail<Vec<Tag>> {
    let mut tags = Vec::new();
    let mut next: Option<String> = None;
    loop {
        let call = client.list_tags_of_resource().resource_arn(arn).set_next_token(next).send();
        match scope.detail("Tags", "dynamodb:ListTagsOfResource", &[], call).await {
            Detail::Read(page) => {
                tags.extend_from_slice(page.tags());
                next = page.next_token.filter(|token| !token.is_empty());
            }
            Detail::Absent => return Detail::Absent,
            Detail::Unread(unread) => return Detail::Unread(unread),
        }
        if next.is_none() {
            return Detail::Read(tags);
        }
    }
}

fn table_of(table: &TableDescription) -> Value {
    object! {
        "TableStatus" => table.table_status().map(|word| word.as_str()),
        "TableId" => table.table_id(),
        "CreationDateTime" => table.creation_date_time(),
        "ItemCount" => table.item_count(),
        "TableSizeBytes" => table.table_size_bytes(),
        "BillingModeSummary" => table.billing_mode_summary().map(|summary| object! {
            "BillingMode" => summary.billing_mode().map(|word| word.as_str()),
        }),
        "TableClassSummary" => table.table_class_summary().map(|summary| object! {
            "TableClass" => summary.table_class().map(|word| word.as_str()),
        }),
        "SSEDescription" => table.sse_description().map(|sse| object! {
            "Status" => sse.status().map(|word| word.as_str()),
            "SSEType" => sse.sse_type().map(|word| word.as_str()),
            "KMSMasterKeyArn" => sse.kms_master_key_arn(),
            "InaccessibleEncryptionDateTime" => sse.inaccessible_encryption_date_time(),
        }),
        "DeletionProtectionEnabled" => table.deletion_protection_enabled(),
        "StreamSpecification" => table.stream_specification().map(|stream| object! {
            "StreamEnabled" => stream.stream_enabled(),
            "StreamViewType" => stream.stream_view_type().map(|word| word.as_str()),
        }),
        "LatestStreamArn" => table.latest_stream_arn(),
        "Replicas" => table.replicas().iter().map(|replica| object! {
            "RegionName" => replica.region_name(),
            "ReplicaStatus" => replica.replica_status().map(|word| word.as_str()),
            "KMSMasterKeyId" => replica.kms_master_key_id(),
        }).collect::<Vec<_>>(),
    }
}

fn backups_of(backups: &ContinuousBackupsDescription) -> Value {
    object! {
        "ContinuousBackupsStatus" => backups.continuous_backups_status().as_str(),
        "PointInTimeRecoveryDescription" => backups.point_in_time_recovery_description().map(|recovery| object! {
            "PointInTimeRecoveryStatus" => recovery.point_in_time_recovery_status().map(|word| word.as_str()),
            "RecoveryPeriodInDays" => recovery.recovery_period_in_days(),
            "EarliestRestorableDateTime" => recovery.earliest_restorable_date_time(),
            "LatestRestorableDateTime" => recovery.latest_restorable_date_time(),
        }),
    }
}
