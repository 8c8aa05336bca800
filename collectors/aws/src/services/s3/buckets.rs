//! Buckets: one listing for the account, and of each bucket its configuration, asked in its own region.

use super::configuration::{acl, encryption, lifecycle, notifications, replication, website};
use crate::attributes::{document, object};
use crate::reader::{Build, Detail, ReadError, Scope, side_by_side};
use aws_sdk_s3::Client;
use aws_sdk_s3::types::{Bucket, PublicAccessBlockConfiguration};
use plumbline_core::resource::Unread;
use serde_json::Value;
use std::collections::BTreeMap;

/// Buckets whose details are read at once; the account's budget limits the calls.
const AT_ONCE: usize = 16;
/// Every attribute that is read by a call of its own.
const DETAILS: [&str; 16] = [
    "PublicAccessBlockConfiguration",
    "Policy",
    "PolicyStatus",
    "Owner",
    "Grants",
    "OwnershipControls",
    "Versioning",
    "ServerSideEncryptionConfiguration",
    "LoggingEnabled",
    "LifecycleConfiguration",
    "ObjectLockConfiguration",
    "NotificationConfiguration",
    "WebsiteConfiguration",
    "CORSConfiguration",
    "ReplicationConfiguration",
    "TagSet",
];

pub(super) async fn read(scope: &Scope) -> Result<(), ReadError> {
    let home = client(scope, &scope.home_region);
    let mut clients: BTreeMap<String, Client> = BTreeMap::new();
    // S3 names a bucket's region only when it is asked for pages.
    let mut pages = home.list_buckets().max_buckets(1000).into_paginator().send();
    while let Some(page) = scope.call("s3:ListAllMyBuckets", pages.try_next()).await? {
        for region in page.buckets().iter().filter_map(Bucket::bucket_region) {
            clients.entry(region.to_owned()).or_insert_with(|| client(scope, region));
        }
        side_by_side(AT_ONCE, page.buckets().iter().map(|found| bucket(scope, &home, &clients, found))).await?;
    }
    Ok(())
}

/// A stand-in does not answer to a bucket's name as its host.
fn client(scope: &Scope, region: &str) -> Client {
    let config = scope.config_in(region);
    let stand_in = config.endpoint_url().is_some();
    Client::from_conf(aws_sdk_s3::config::Builder::from(&config).force_path_style(stand_in).build())
}

async fn bucket(
    scope: &Scope,
    home: &Client,
    clients: &BTreeMap<String, Client>,
    found: &Bucket,
) -> Result<(), ReadError> {
    let Some(name) = found.name() else { return Ok(()) };
    let region = match found.bucket_region() {
        Some(region) => Detail::Read(region.to_owned()),
        None => location(scope, home, name).await,
    };
    let resource = scope
        .resource("aws.s3.bucket", format!("arn:{}:s3:::{name}", scope.partition), name)
        .set("Name", name)
        .set("CreationDate", found.creation_date());
    let resource = match region {
        Detail::Read(region) => {
            let client = clients.get(&region).cloned().unwrap_or_else(|| client(scope, &region));
            let resource = resource.region(&region).set("BucketRegion", &region);
            configuration(scope, &client, name, resource).await
        }
        Detail::Absent => resource,
        Detail::Unread(unread) => nowhere(resource, &unread),
    };
    scope.emit(resource).await
}

/// The region of a bucket that the listing gave none for. The two oldest regions answer with words of their own.
async fn location(scope: &Scope, client: &Client, name: &str) -> Detail<String> {
    let call = client.get_bucket_location().bucket(name).send();
    scope.detail("BucketRegion", "s3:GetBucketLocation", &[], call).await.map(|answer| {
        match answer.location_constraint().map(|region| region.as_str()) {
            None | Some("") => "us-east-1".to_owned(),
            Some("EU") => "eu-west-1".to_owned(),
            Some(region) => region.to_owned(),
        }
    })
}

/// Where a bucket is cannot be told, so nobody can be asked about it.
fn nowhere(mut resource: Build, unread: &Unread) -> Build {
    for name in ["BucketRegion"].iter().chain(&DETAILS) {
        resource = resource.detail(name, Detail::<Value>::Unread(unread.clone()));
    }
    resource
}

async fn configuration(scope: &Scope, client: &Client, name: &str, resource: Build) -> Build {
    let resource = access(scope, client, name, resource).await;
    let resource = protection(scope, client, name, resource).await;
    surroundings(scope, client, name, resource).await
}

/// Who may use it.
async fn access(scope: &Scope, client: &Client, name: &str, resource: Build) -> Build {
    let (block, policy, status, grants, owners) = tokio::join!(
        scope.detail(
            "PublicAccessBlockConfiguration",
            "s3:GetBucketPublicAccessBlock",
            &["NoSuchPublicAccessBlockConfiguration"],
            client.get_public_access_block().bucket(name).send(),
        ),
        scope.detail(
            "Policy",
            "s3:GetBucketPolicy",
            &["NoSuchBucketPolicy"],
            client.get_bucket_policy().bucket(name).send(),
        ),
        scope.detail(
            "PolicyStatus",
            "s3:GetBucketPolicyStatus",
            &["NoSuchBucketPolicy"],
            client.get_bucket_policy_status().bucket(name).send(),
        ),
        scope.detail("Grants", "s3:GetBucketAcl", &[], client.get_bucket_acl().bucket(name).send()),
        scope.detail(
            "OwnershipControls",
            "s3:GetBucketOwnershipControls",
            &["OwnershipControlsNotFoundError"],
            client.get_bucket_ownership_controls().bucket(name).send(),
        ),
    );
    let status = status.map(|answer| answer.policy_status().map(|status| object! { "IsPublic" => status.is_public() }));
    let owners = owners.map(|answer| {
        answer.ownership_controls().map(|controls| {
            object! {
                "Rules" => controls.rules().iter()
                    .map(|rule| object! { "ObjectOwnership" => rule.object_ownership().as_str() })
                    .collect::<Vec<_>>(),
            }
        })
    });
    resource
        .detail(
            "PublicAccessBlockConfiguration",
            block.map(|answer| answer.public_access_block_configuration().map(blocks)),
        )
        .detail("Policy", policy.map(|answer| answer.policy().map(document)))
        .detail("PolicyStatus", status)
        .details(&["Owner", "Grants"], grants.map(|answer| acl(answer.owner(), answer.grants())))
        .detail("OwnershipControls", owners)
}

fn blocks(block: &PublicAccessBlockConfiguration) -> Value {
    object! {
        "BlockPublicAcls" => block.block_public_acls(),
        "IgnorePublicAcls" => block.ignore_public_acls(),
        "BlockPublicPolicy" => block.block_public_policy(),
        "RestrictPublicBuckets" => block.restrict_public_buckets(),
    }
}

/// What keeps the data.
async fn protection(scope: &Scope, client: &Client, name: &str, resource: Build) -> Build {
    let (versioning, encrypted, cycle, lock, replicated) = tokio::join!(
        scope.detail("Versioning", "s3:GetBucketVersioning", &[], client.get_bucket_versioning().bucket(name).send(),),
        scope.detail(
            "ServerSideEncryptionConfiguration",
            "s3:GetEncryptionConfiguration",
            &["ServerSideEncryptionConfigurationNotFoundError"],
            client.get_bucket_encryption().bucket(name).send(),
        ),
        scope.detail(
            "LifecycleConfiguration",
            "s3:GetLifecycleConfiguration",
            &["NoSuchLifecycleConfiguration"],
            client.get_bucket_lifecycle_configuration().bucket(name).send(),
        ),
        scope.detail(
            "ObjectLockConfiguration",
            "s3:GetBucketObjectLockConfiguration",
            &["ObjectLockConfigurationNotFoundError"],
            client.get_object_lock_configuration().bucket(name).send(),
        ),
        scope.detail(
            "ReplicationConfiguration",
            "s3:GetReplicationConfiguration",
            &["ReplicationConfigurationNotFoundError"],
            client.get_bucket_replication().bucket(name).send(),
        ),
    );
    let versioning = versioning.map(|answer| {
        object! {
            "Status" => answer.status().map(|word| word.as_str()),
            "MFADelete" => answer.mfa_delete().map(|word| word.as_str()),
        }
    });
    let mut resource = resource.detail("Versioning", versioning);
    if let Detail::Read(answer) = &encrypted {
        for key in answer.server_side_encryption_configuration().map_or(&[][..], |sse| sse.rules()) {
            let key =
                key.apply_server_side_encryption_by_default().and_then(|by_default| by_default.kms_master_key_id());
            // A bare id is of the bucket's own region, which is not the scope's: only a full name is an edge.
            resource = resource.edge("key", key.filter(|key| key.starts_with("arn:") && key.contains(":key/")));
        }
    }
    if let Detail::Read(answer) = &replicated {
        for rule in answer.replication_configuration().map_or(&[][..], |replication| replication.rules()) {
            resource = resource.edge("replica", rule.destination().map(|destination| destination.bucket()));
        }
    }
    resource
        .detail(
            "ServerSideEncryptionConfiguration",
            encrypted.map(|answer| answer.server_side_encryption_configuration().map(encryption)),
        )
        .detail("LifecycleConfiguration", cycle.map(|answer| lifecycle(answer.rules())))
        .detail(
            "ObjectLockConfiguration",
            lock.map(|answer| answer.object_lock_configuration().map(super::configuration::object_lock)),
        )
        .detail(
            "ReplicationConfiguration",
            replicated.map(|answer| answer.replication_configuration().map(replication)),
        )
}

/// What is around it: logs, events, a web site, tags.
async fn surroundings(scope: &Scope, client: &Client, name: &str, mut resource: Build) -> Build {
    let (logging, events, site, cors, tags) = tokio::join!(
        scope.detail("LoggingEnabled", "s3:GetBucketLogging", &[], client.get_bucket_logging().bucket(name).send()),
        scope.detail(
            "NotificationConfiguration",
            "s3:GetBucketNotification",
            &[],
            client.get_bucket_notification_configuration().bucket(name).send(),
        ),
        scope.detail(
            "WebsiteConfiguration",
            "s3:GetBucketWebsite",
            &["NoSuchWebsiteConfiguration"],
            client.get_bucket_website().bucket(name).send(),
        ),
        scope.detail(
            "CORSConfiguration",
            "s3:GetBucketCORS",
            &["NoSuchCORSConfiguration"],
            client.get_bucket_cors().bucket(name).send(),
        ),
        scope.detail(
            "TagSet",
            "s3:GetBucketTagging",
            &["NoSuchTagSet"],
            client.get_bucket_tagging().bucket(name).send()
        ),
    );
    if let Detail::Read(answer) = &logging {
        let target = answer.logging_enabled().map(|logging| logging.target_bucket());
        resource = resource.edge("log_bucket", target.map(|bucket| format!("arn:{}:s3:::{bucket}", scope.partition)));
    }
    if let Detail::Read(answer) = &events {
        for topic in answer.topic_configurations() {
            resource = resource.edge("topic", Some(topic.topic_arn()));
        }
        for queue in answer.queue_configurations() {
            resource = resource.edge("queue", Some(queue.queue_arn()));
        }
        for function in answer.lambda_function_configurations() {
            resource = resource.edge("function", Some(function.lambda_function_arn()));
        }
    }
    if let Detail::Read(answer) = &tags {
        resource = resource.tags(answer.tag_set().iter().map(|tag| (tag.key(), tag.value())));
    }
    resource
        .detail(
            "LoggingEnabled",
            logging.map(|answer| {
                answer.logging_enabled().map(|logging| {
                    object! {
                        "TargetBucket" => logging.target_bucket(),
                        "TargetPrefix" => logging.target_prefix(),
                    }
                })
            }),
        )
        .detail("NotificationConfiguration", events.map(|answer| notifications(&answer)))
        .detail("WebsiteConfiguration", site.map(|answer| website(&answer)))
        .detail("CORSConfiguration", cors.map(|answer| super::configuration::cors(answer.cors_rules())))
        .detail(
            "TagSet",
            tags.map(|answer| {
                answer
                    .tag_set()
                    .iter()
                    .map(|tag| object! { "Key" => tag.key(), "Value" => tag.value() })
                    .collect::<Value>()
            }),
        )
}
