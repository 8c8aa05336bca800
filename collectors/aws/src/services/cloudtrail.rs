//! CloudTrail: every trail once, in its home region, with its status and selectors.
//!
//! A multi-region trail shows in every region, and an organization's trail in every member account, as a shadow. A
//! shadow of another region is passed over; the one of another account is a resource of its own, so that a member account
//! that is watched only by its organization is seen to be watched.

use crate::attributes::object;
use crate::reader::{Detail, ReadError, Reader, Scope, reader, side_by_side};
use aws_sdk_cloudtrail::Client;
use aws_sdk_cloudtrail::operation::get_trail_status::GetTrailStatusOutput;
use aws_sdk_cloudtrail::types::{AdvancedEventSelector, DataResource, EventSelector, InsightSelector, Trail};
use serde_json::{Map, Value};

pub(super) const READERS: &[Reader] = &[reader!("cloudtrail.trails", trails)];

const AT_ONCE: usize = 8;

async fn trails(scope: &Scope) -> Result<(), ReadError> {
    let client = Client::new(&scope.config);
    let call = client.describe_trails().include_shadow_trails(true).send();
    let answer = scope.call("cloudtrail:DescribeTrails", call).await?;
    let ours = answer.trail_list().iter().filter(|found| is_read_here(scope, found));
    side_by_side(AT_ONCE, ours.map(|found| trail(scope, found))).await
}

/// A trail is read in its home region; where this run does not read that region, in the first that it does read.
fn is_read_here(scope: &Scope, found: &Trail) -> bool {
    match found.home_region() {
        None => true,
        Some(home) if scope.regions.contains(home) => home == scope.region(),
        Some(_) => scope.regions.first().is_some_and(|first| first == scope.region()),
    }
}

async fn trail(scope: &Scope, found: &Trail) -> Result<(), ReadError> {
    let (Some(arn), Some(name)) = (found.trail_arn(), found.name()) else { return Ok(()) };
    let home = found.home_region().unwrap_or_else(|| scope.region());
    let owner = arn.split(':').nth(4).unwrap_or_default();
    let is_ours = owner == scope.account();
    let begun = if is_ours {
        scope.resource("aws.cloudtrail.trail", arn, name)
    } else {
        let uid = format!("arn:{}:cloudtrail:{home}:{}:organization-trail/{name}", scope.partition, scope.account());
        scope.resource("aws.cloudtrail.organization_trail", uid, name).edge("trail", Some(arn))
    };
    let client = Client::new(&scope.config_in(home));
    let status = scope
        .detail("Status", "cloudtrail:GetTrailStatus", &[], client.get_trail_status().name(arn).send())
        .await
        .map(|answer| status(&answer));
    let selectors = scope
        .detail(
            "EventSelectors",
            "cloudtrail:GetEventSelectors",
            &[],
            client.get_event_selectors().trail_name(arn).send(),
        )
        .await
        .map(|answer| {
            object! {
                "EventSelectors" => answer.event_selectors().iter().map(event_selector).collect::<Vec<_>>(),
                "AdvancedEventSelectors" =>
                    answer.advanced_event_selectors().iter().map(advanced_selector).collect::<Vec<_>>(),
            }
        });
    let insights = scope
        .detail(
            "InsightSelectors",
            "cloudtrail:GetInsightSelectors",
            &["InsightNotEnabledException"],
            client.get_insight_selectors().trail_name(arn).send(),
        )
        .await
        .map(|answer| answer.insight_selectors().iter().map(insight_selector).collect::<Vec<_>>());
    let mut resource = begun
        .region(home)
        .set_all(settings(found))
        .detail("Status", status)
        .details(&["EventSelectors", "AdvancedEventSelectors"], selectors)
        .detail("InsightSelectors", insights)
        .edge("bucket", found.s3_bucket_name().map(|bucket| format!("arn:{}:s3:::{bucket}", scope.partition)))
        .edge("log_group", found.cloud_watch_logs_log_group_arn().map(|arn| arn.trim_end_matches(":*")))
        .edge("role", found.cloud_watch_logs_role_arn())
        .edge("key", found.kms_key_id())
        .edge("topic", found.sns_topic_arn());
    if is_ours {
        let tags = tags(scope, &client, arn).await;
        if let Detail::Read(pairs) = &tags {
            resource =
                resource.tags(pairs.iter().map(|(key, value)| (key.clone(), value.as_str().unwrap_or_default())));
        }
        resource = resource.detail("TagsList", tags.map(Value::Object));
    }
    scope.emit(resource).await
}

fn settings(found: &Trail) -> Value {
    object! {
        "Name" => found.name(),
        "TrailARN" => found.trail_arn(),
        "HomeRegion" => found.home_region(),
        "S3BucketName" => found.s3_bucket_name(),
        "S3KeyPrefix" => found.s3_key_prefix(),
        "SnsTopicARN" => found.sns_topic_arn(),
        "IncludeGlobalServiceEvents" => found.include_global_service_events(),
        "IsMultiRegionTrail" => found.is_multi_region_trail(),
        "IsOrganizationTrail" => found.is_organization_trail(),
        "LogFileValidationEnabled" => found.log_file_validation_enabled(),
        "CloudWatchLogsLogGroupArn" => found.cloud_watch_logs_log_group_arn(),
        "CloudWatchLogsRoleArn" => found.cloud_watch_logs_role_arn(),
        "KmsKeyId" => found.kms_key_id(),
        "HasCustomEventSelectors" => found.has_custom_event_selectors(),
        "HasInsightSelectors" => found.has_insight_selectors(),
    }
}

fn status(answer: &GetTrailStatusOutput) -> Value {
    object! {
        "IsLogging" => answer.is_logging(),
        "LatestDeliveryError" => answer.latest_delivery_error(),
        "LatestDeliveryTime" => answer.latest_delivery_time().copied(),
        "LatestNotificationError" => answer.latest_notification_error(),
        "LatestNotificationTime" => answer.latest_notification_time().copied(),
        "LatestDigestDeliveryError" => answer.latest_digest_delivery_error(),
        "LatestDigestDeliveryTime" => answer.latest_digest_delivery_time().copied(),
        "LatestCloudWatchLogsDeliveryError" => answer.latest_cloud_watch_logs_delivery_error(),
        "LatestCloudWatchLogsDeliveryTime" => answer.latest_cloud_watch_logs_delivery_time().copied(),
        "StartLoggingTime" => answer.start_logging_time().copied(),
        "StopLoggingTime" => answer.stop_logging_time().copied(),
    }
}

fn event_selector(selector: &EventSelector) -> Value {
    let resources: Vec<Value> = selector.data_resources().iter().map(data_resource).collect();
    object! {
        "ReadWriteType" => selector.read_write_type().map(|kind| kind.as_str()),
        "IncludeManagementEvents" => selector.include_management_events(),
        "DataResources" => resources,
        "ExcludeManagementEventSources" => selector.exclude_management_event_sources().to_vec(),
    }
}

fn data_resource(resource: &DataResource) -> Value {
    object! { "Type" => resource.r#type(), "Values" => resource.values().to_vec() }
}

fn advanced_selector(selector: &AdvancedEventSelector) -> Value {
    let fields: Vec<Value> = selector
        .field_selectors()
        .iter()
        .map(|field| {
            object! {
                "Field" => field.field(),
                "Equals" => field.equals().to_vec(),
                "StartsWith" => field.starts_with().to_vec(),
                "EndsWith" => field.ends_with().to_vec(),
                "NotEquals" => field.not_equals().to_vec(),
                "NotStartsWith" => field.not_starts_with().to_vec(),
                "NotEndsWith" => field.not_ends_with().to_vec(),
            }
        })
        .collect();
    object! { "Name" => selector.name(), "FieldSelectors" => fields }
}

fn insight_selector(selector: &InsightSelector) -> Value {
    let categories: Vec<String> = selector.event_categories().iter().map(|c| c.as_str().to_owned()).collect();
    object! { "InsightType" => selector.insight_type().map(|kind| kind.as_str()), "EventCategories" => categories }
}

/// The trail's tags, as one object.
async fn tags(scope: &Scope, client: &Client, arn: &str) -> Detail<Map<String, Value>> {
    let call = client.list_tags().resource_id_list(arn).send();
    scope.detail("TagsList", "cloudtrail:ListTags", &[], call).await.map(|answer| {
        let listed = answer.resource_tag_list().iter().flat_map(|entry| entry.tags_list());
        listed.map(|tag| (tag.key().to_owned(), Value::from(tag.value().unwrap_or_default()))).collect()
    })
}
