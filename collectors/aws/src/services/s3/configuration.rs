//! A bucket's configurations under S3's own field names.

use crate::attributes::object;
use aws_sdk_s3::operation::get_bucket_notification_configuration::GetBucketNotificationConfigurationOutput;
use aws_sdk_s3::operation::get_bucket_website::GetBucketWebsiteOutput;
use aws_sdk_s3::types::{
    CorsRule, Event, Grant, LifecycleRule, ObjectLockConfiguration, Owner, ReplicationConfiguration,
    ServerSideEncryptionConfiguration,
};
use serde_json::Value;

pub(super) fn acl(owner: Option<&Owner>, grants: &[Grant]) -> Value {
    object! {
        "Owner" => owner.map(|owner| object! { "ID" => owner.id() }),
        "Grants" => grants.iter().map(grant).collect::<Vec<_>>(),
    }
}

fn grant(grant: &Grant) -> Value {
    object! {
        "Grantee" => grant.grantee().map(|grantee| object! {
            "Type" => grantee.r#type().as_str(),
            "ID" => grantee.id(),
            "URI" => grantee.uri(),
        }),
        "Permission" => grant.permission().map(|word| word.as_str()),
    }
}

pub(super) fn encryption(encryption: &ServerSideEncryptionConfiguration) -> Value {
    object! {
        "Rules" => encryption.rules().iter().map(|rule| object! {
            "ApplyServerSideEncryptionByDefault" =>
                rule.apply_server_side_encryption_by_default().map(|by_default| object! {
                    "SSEAlgorithm" => by_default.sse_algorithm().as_str(),
                    "KMSMasterKeyID" => by_default.kms_master_key_id(),
                }),
            "BucketKeyEnabled" => rule.bucket_key_enabled(),
        }).collect::<Vec<_>>(),
    }
}

pub(super) fn lifecycle(rules: &[LifecycleRule]) -> Value {
    object! { "Rules" => rules.iter().map(lifecycle_rule).collect::<Vec<_>>() }
}

fn lifecycle_rule(rule: &LifecycleRule) -> Value {
    object! {
        "ID" => rule.id(),
        "Status" => rule.status().as_str(),
        "Expiration" => rule.expiration().map(|expiration| object! {
            "Date" => expiration.date(),
            "Days" => expiration.days(),
            "ExpiredObjectDeleteMarker" => expiration.expired_object_delete_marker(),
        }),
        "NoncurrentVersionExpiration" => rule.noncurrent_version_expiration().map(|expiration| object! {
            "NoncurrentDays" => expiration.noncurrent_days(),
            "NewerNoncurrentVersions" => expiration.newer_noncurrent_versions(),
        }),
        "Transitions" => rule.transitions().iter().map(|transition| object! {
            "Days" => transition.days(),
            "StorageClass" => transition.storage_class().map(|word| word.as_str()),
        }).collect::<Vec<_>>(),
        "AbortIncompleteMultipartUpload" => rule.abort_incomplete_multipart_upload().map(|abort| object! {
            "DaysAfterInitiation" => abort.days_after_initiation(),
        }),
    }
}

pub(super) fn object_lock(lock: &ObjectLockConfiguration) -> Value {
    object! {
        "ObjectLockEnabled" => lock.object_lock_enabled().map(|word| word.as_str()),
        "Rule" => lock.rule().map(|rule| object! {
            "DefaultRetention" => rule.default_retention().map(|retention| object! {
                "Mode" => retention.mode().map(|word| word.as_str()),
                "Days" => retention.days(),
                "Years" => retention.years(),
            }),
        }),
    }
}

pub(super) fn replication(replication: &ReplicationConfiguration) -> Value {
    object! {
        "Role" => replication.role(),
        "Rules" => replication.rules().iter().map(|rule| object! {
            "ID" => rule.id(),
            "Status" => rule.status().as_str(),
            "Destination" => rule.destination().map(|destination| object! {
                "Bucket" => destination.bucket(),
                "Account" => destination.account(),
            }),
        }).collect::<Vec<_>>(),
    }
}

pub(super) fn notifications(answer: &GetBucketNotificationConfigurationOutput) -> Value {
    object! {
        "TopicConfigurations" => answer.topic_configurations().iter()
            .map(|to| object! { "TopicArn" => to.topic_arn(), "Events" => words(to.events()) })
            .collect::<Vec<_>>(),
        "QueueConfigurations" => answer.queue_configurations().iter()
            .map(|to| object! { "QueueArn" => to.queue_arn(), "Events" => words(to.events()) })
            .collect::<Vec<_>>(),
        "LambdaFunctionConfigurations" => answer.lambda_function_configurations().iter()
            .map(|to| object! { "LambdaFunctionArn" => to.lambda_function_arn(), "Events" => words(to.events()) })
            .collect::<Vec<_>>(),
        "EventBridgeConfiguration" => answer.event_bridge_configuration().map(|_| object! {}),
    }
}

fn words(events: &[Event]) -> Vec<&str> {
    events.iter().map(Event::as_str).collect()
}

pub(super) fn website(answer: &GetBucketWebsiteOutput) -> Value {
    object! {
        "RedirectAllRequestsTo" => answer.redirect_all_requests_to().map(|redirect| object! {
            "HostName" => redirect.host_name(),
            "Protocol" => redirect.protocol().map(|word| word.as_str()),
        }),
        "IndexDocument" => answer.index_document().map(|index| object! { "Suffix" => index.suffix() }),
        "ErrorDocument" => answer.error_document().map(|error| object! { "Key" => error.key() }),
    }
}

pub(super) fn cors(rules: &[CorsRule]) -> Value {
    object! {
        "CORSRules" => rules.iter().map(|rule| object! {
            "ID" => rule.id(),
            "AllowedOrigins" => rule.allowed_origins(),
            "AllowedMethods" => rule.allowed_methods(),
            "AllowedHeaders" => rule.allowed_headers(),
            "ExposeHeaders" => rule.expose_headers(),
            "MaxAgeSeconds" => rule.max_age_seconds(),
        }).collect::<Vec<_>>(),
    }
}
