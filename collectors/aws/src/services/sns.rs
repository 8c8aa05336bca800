//! SNS: topics with their policies, and who is subscribed to them.

use crate::attributes::{document, object};
use crate::reader::{Detail, ReadError, Reader, Scope, reader, side_by_side};
use aws_sdk_sns::Client;
use aws_sdk_sns::types::Subscription;
use serde_json::Value;
use std::collections::{BTreeSet, HashMap};

pub(super) const READERS: &[Reader] = &[reader!("sns.topics", topics), reader!("sns.subscriptions", subscriptions)];

const AT_ONCE: usize = 8;

const ATTRIBUTES: [&str; 9] = [
    "Policy",
    "KmsMasterKeyId",
    "DisplayName",
    "Owner",
    "FifoTopic",
    "SignatureVersion",
    "SubscriptionsConfirmed",
    "SubscriptionsPending",
    "SubscriptionsDeleted",
];

async fn topics(scope: &Scope) -> Result<(), ReadError> {
    let client = Client::new(&scope.config);
    let mut pages = client.list_topics().into_paginator().send();
    while let Some(page) = scope.call("sns:ListTopics", pages.try_next()).await? {
        let found = page.topics().iter().filter_map(|topic| topic.topic_arn());
        side_by_side(AT_ONCE, found.map(|arn| topic(scope, &client, arn))).await?;
    }
    Ok(())
}

async fn topic(scope: &Scope, client: &Client, arn: &str) -> Result<(), ReadError> {
    let attributes = scope
        .detail("Policy", "sns:GetTopicAttributes", &[], client.get_topic_attributes().topic_arn(arn).send())
        .await
        .map(|answer| answer.attributes().map_or_else(|| object! {}, attributes_of));
    let key = match &attributes {
        Detail::Read(read) => read["KmsMasterKeyId"].as_str().and_then(|key| super::kms::key_uid(scope, key)),
        _ => None,
    };
    let tags = scope
        .detail("Tags", "sns:ListTagsForResource", &[], client.list_tags_for_resource().resource_arn(arn).send())
        .await
        .map(|answer| answer.tags.unwrap_or_default());
    let mut resource = scope
        .resource("aws.sns.topic", arn, arn.rsplit(':').next().unwrap_or(arn))
        .set("TopicArn", arn)
        .details(&ATTRIBUTES, attributes)
        .edge("key", key);
    if let Detail::Read(tags) = &tags {
        resource = resource.tags(tags.iter().map(|tag| (tag.key(), tag.value())));
    }
    let tags = tags
        .map(|tags| tags.iter().map(|tag| object! { "Key" => tag.key(), "Value" => tag.value() }).collect::<Value>());
    scope.emit(resource.detail("Tags", tags)).await
}

/// All values are text, as SNS sends them; the policy is parsed.
fn attributes_of(read: &HashMap<String, String>) -> Value {
    let text = |name: &str| read.get(name).map(String::as_str).filter(|text| !text.is_empty());
    object! {
        "Policy" => text("Policy").map(document),
        "KmsMasterKeyId" => text("KmsMasterKeyId"),
        "DisplayName" => text("DisplayName"),
        "Owner" => text("Owner"),
        "FifoTopic" => text("FifoTopic"),
        "SignatureVersion" => text("SignatureVersion"),
        "SubscriptionsConfirmed" => text("SubscriptionsConfirmed"),
        "SubscriptionsPending" => text("SubscriptionsPending"),
        "SubscriptionsDeleted" => text("SubscriptionsDeleted"),
    }
}

async fn subscriptions(scope: &Scope) -> Result<(), ReadError> {
    let client = Client::new(&scope.config);
    let mut seen = BTreeSet::new();
    let mut pages = client.list_subscriptions().into_paginator().send();
    while let Some(page) = scope.call("sns:ListSubscriptions", pages.try_next()).await? {
        for found in page.subscriptions() {
            // Several that wait for the same endpoint's confirmation are one to us.
            if seen.insert(uid(found)) {
                scope.emit(subscription(scope, found)).await?;
            }
        }
    }
    Ok(())
}

fn subscription(scope: &Scope, found: &Subscription) -> crate::reader::Build {
    let protocol = found.protocol().unwrap_or_default();
    let endpoint = found.endpoint();
    scope
        .resource("aws.sns.subscription", uid(found), format!("{protocol} {}", shown(protocol, endpoint.unwrap_or(""))))
        .set("SubscriptionArn", found.subscription_arn())
        .set("Owner", found.owner())
        .set("Protocol", found.protocol())
        .set("Endpoint", endpoint.map(|endpoint| shown(protocol, endpoint)))
        .set("TopicArn", found.topic_arn())
        .edge("topic", found.topic_arn())
        .edge("queue", endpoint.filter(|_| protocol == "sqs"))
        .edge("function", endpoint.filter(|_| protocol == "lambda"))
}

/// A subscription that nobody has confirmed yet has a word in the place of its ARN.
fn uid(found: &Subscription) -> String {
    let arn = found.subscription_arn().unwrap_or_default();
    if arn.starts_with("arn:") {
        return arn.to_owned();
    }
    let (topic, protocol) = (found.topic_arn().unwrap_or_default(), found.protocol().unwrap_or_default());
    format!("{topic}:{arn}:{protocol}:{:016x}", digest(found.endpoint().unwrap_or_default()))
}

/// A webhook's path and query are often its password: only its scheme and host are kept.
fn shown(protocol: &str, endpoint: &str) -> String {
    if !matches!(protocol, "http" | "https") {
        return endpoint.to_owned();
    }
    match url::Url::parse(endpoint) {
        Ok(url) => format!("{}://{}/", url.scheme(), url.host_str().unwrap_or_default()),
        Err(_) => format!("{protocol}://"),
    }
}

/// FNV-1a: the same in every version and on every machine, and nothing that has to stand against an attacker.
fn digest(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_webhook_keeps_its_host_alone() {
        assert_eq!(
            shown("https", "https://user:pw@hooks.example.com/services/T0/B1/secret?x=1"),
            "https://hooks.example.com/"
        );
        assert_eq!(shown("https", "no url"), "https://");
        assert_eq!(shown("email", "ops@example.com"), "ops@example.com");
    }

    #[test]
    fn subscriptions_that_wait_are_told_apart_by_their_endpoint() {
        let waiting = |endpoint: &str| {
            uid(&Subscription::builder()
                .subscription_arn("PendingConfirmation")
                .topic_arn("arn:aws:sns:eu-west-1:111122223333:alerts")
                .protocol("email")
                .endpoint(endpoint)
                .build())
        };
        assert_ne!(waiting("a@example.com"), waiting("b@example.com"));
        assert_eq!(waiting("a@example.com"), waiting("a@example.com"));
    }
}
