//! SQS: every queue with its policy and encryption.

use crate::attributes::{document, object};
use crate::reader::{Detail, ReadError, Reader, Scope, reader, side_by_side};
use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::QueueAttributeName as Name;
use serde_json::Value;
use std::collections::HashMap;

pub(super) const READERS: &[Reader] = &[reader!("sqs.queues", queues)];

const AT_ONCE: usize = 8;

const ATTRIBUTES: [&str; 11] = [
    "Policy",
    "KmsMasterKeyId",
    "KmsDataKeyReusePeriodSeconds",
    "SqsManagedSseEnabled",
    "RedrivePolicy",
    "RedriveAllowPolicy",
    "FifoQueue",
    "MessageRetentionPeriod",
    "VisibilityTimeout",
    "CreatedTimestamp",
    "LastModifiedTimestamp",
];

async fn queues(scope: &Scope) -> Result<(), ReadError> {
    let client = Client::new(&scope.config);
    // Without a page size the listing stops at a thousand and does not say so.
    let mut pages = client.list_queues().max_results(1000).into_paginator().send();
    while let Some(page) = scope.call("sqs:ListQueues", pages.try_next()).await? {
        side_by_side(AT_ONCE, page.queue_urls().iter().map(|url| queue(scope, &client, url))).await?;
    }
    Ok(())
}

async fn queue(scope: &Scope, client: &Client, url: &str) -> Result<(), ReadError> {
    let name = url.rsplit('/').next().unwrap_or(url);
    let arn = scope.arn("sqs", name);
    let attributes = client.get_queue_attributes().queue_url(url).attribute_names(Name::All).send();
    let attributes = scope
        .detail("Policy", "sqs:GetQueueAttributes", &[], attributes)
        .await
        .map(|answer| answer.attributes().map_or_else(|| object! {}, attributes_of));
    let (key, dead_letters) = match &attributes {
        Detail::Read(read) => (
            read["KmsMasterKeyId"].as_str().and_then(|key| super::kms::key_uid(scope, key)),
            read["RedrivePolicy"]["deadLetterTargetArn"].as_str().map(ToOwned::to_owned),
        ),
        _ => (None, None),
    };
    let tags = scope
        .detail("Tags", "sqs:ListQueueTags", &[], client.list_queue_tags().queue_url(url).send())
        .await
        .map(|answer| answer.tags.unwrap_or_default());
    let mut resource = scope
        .resource("aws.sqs.queue", &arn, name)
        .set("QueueUrl", url)
        .set("QueueArn", &arn)
        .details(&ATTRIBUTES, attributes)
        .edge("key", key)
        .edge("dead_letter_queue", dead_letters);
    if let Detail::Read(tags) = &tags {
        resource = resource.tags(tags.iter().map(|(key, value)| (key.as_str(), value.as_str())));
    }
    scope.emit(resource.detail("Tags", tags)).await
}

/// All values are text, as SQS sends them; policies are parsed, and an empty one is none.
fn attributes_of(read: &HashMap<Name, String>) -> Value {
    let text = |name: Name| read.get(&name).map(String::as_str).filter(|text| !text.is_empty());
    object! {
        "Policy" => text(Name::Policy).map(document),
        "KmsMasterKeyId" => text(Name::KmsMasterKeyId),
        "KmsDataKeyReusePeriodSeconds" => text(Name::KmsDataKeyReusePeriodSeconds),
        "SqsManagedSseEnabled" => text(Name::SqsManagedSseEnabled),
        "RedrivePolicy" => text(Name::RedrivePolicy).map(document),
        "RedriveAllowPolicy" => text(Name::RedriveAllowPolicy).map(document),
        "FifoQueue" => text(Name::FifoQueue),
        "MessageRetentionPeriod" => text(Name::MessageRetentionPeriod),
        "VisibilityTimeout" => text(Name::VisibilityTimeout),
        "CreatedTimestamp" => text(Name::CreatedTimestamp),
        "LastModifiedTimestamp" => text(Name::LastModifiedTimestamp),
    }
}
