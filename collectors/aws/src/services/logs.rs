//! CloudWatch Logs: log groups and metric filters.

use crate::attributes::object;
use crate::reader::{ReadError, Reader, Scope, reader};
use aws_sdk_cloudwatchlogs::Client;
use aws_sdk_cloudwatchlogs::types::{LogGroup, MetricFilter, MetricTransformation};
use aws_smithy_types::DateTime;
use serde_json::Value;

pub(super) const READERS: &[Reader] =
    &[reader!("logs.log_groups", log_groups), reader!("logs.metric_filters", metric_filters)];

async fn log_groups(scope: &Scope) -> Result<(), ReadError> {
    let client = Client::new(&scope.config);
    let mut pages = client.describe_log_groups().into_paginator().send();
    while let Some(page) = scope.call("logs:DescribeLogGroups", pages.try_next()).await? {
        for found in page.log_groups() {
            log_group(scope, found).await?;
        }
    }
    Ok(())
}

async fn log_group(scope: &Scope, found: &LogGroup) -> Result<(), ReadError> {
    let Some(name) = found.log_group_name() else { return Ok(()) };
    let resource = scope
        .resource("aws.logs.log_group", group_arn(scope, name), name)
        .set("logGroupName", name)
        .set("arn", found.arn())
        .set("creationTime", found.creation_time().map(DateTime::from_millis))
        .set("retentionInDays", found.retention_in_days())
        .set("metricFilterCount", found.metric_filter_count())
        .set("storedBytes", found.stored_bytes())
        .set("kmsKeyId", found.kms_key_id())
        .set("dataProtectionStatus", found.data_protection_status().map(|word| word.as_str()))
        .set("logGroupClass", found.log_group_class().map(|word| word.as_str()))
        .set("deletionProtectionEnabled", found.deletion_protection_enabled())
        .edge("key", found.kms_key_id());
    scope.emit(resource).await
}

/// The ARN without the `:*` that stands for the group's streams; others refer to the group in both forms.
fn group_arn(scope: &Scope, name: &str) -> String {
    scope.arn("logs", &format!("log-group:{name}"))
}

async fn metric_filters(scope: &Scope) -> Result<(), ReadError> {
    let client = Client::new(&scope.config);
    let mut pages = client.describe_metric_filters().into_paginator().send();
    while let Some(page) = scope.call("logs:DescribeMetricFilters", pages.try_next()).await? {
        for found in page.metric_filters() {
            metric_filter(scope, found).await?;
        }
    }
    Ok(())
}

async fn metric_filter(scope: &Scope, found: &MetricFilter) -> Result<(), ReadError> {
    let (Some(name), Some(group)) = (found.filter_name(), found.log_group_name()) else { return Ok(()) };
    let group_arn = group_arn(scope, group);
    let transformations: Vec<Value> = found.metric_transformations().iter().map(transformation).collect();
    let resource = scope
        .resource("aws.logs.metric_filter", format!("{group_arn}:metric-filter:{name}"), name)
        .set("filterName", name)
        .set("filterPattern", found.filter_pattern().unwrap_or_default())
        .set("logGroupName", group)
        .set("metricTransformations", transformations)
        .set("creationTime", found.creation_time().map(DateTime::from_millis))
        .set("applyOnTransformedLogs", found.apply_on_transformed_logs())
        .set("fieldSelectionCriteria", found.field_selection_criteria())
        .edge("log_group", Some(group_arn));
    scope.emit(resource).await
}

fn transformation(change: &MetricTransformation) -> Value {
    object! {
        "metricName" => change.metric_name(),
        "metricNamespace" => change.metric_namespace(),
        "metricValue" => change.metric_value(),
        "defaultValue" => change.default_value(),
        "dimensions" => change.dimensions().cloned(),
        "unit" => change.unit().map(|word| word.as_str()),
    }
}
