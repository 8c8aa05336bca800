//! CloudWatch: metric and composite alarms.

use crate::attributes::object;
use crate::reader::{Build, ReadError, Reader, Scope, reader};
use aws_sdk_cloudwatch::Client;
use aws_sdk_cloudwatch::types::{AlarmType, CompositeAlarm, Dimension, MetricAlarm, MetricDataQuery};
use serde_json::Value;

pub(super) const READERS: &[Reader] = &[reader!("cloudwatch.alarms", alarms)];

async fn alarms(scope: &Scope) -> Result<(), ReadError> {
    let client = Client::new(&scope.config);
    // Without the types, composite alarms are left out.
    let call = client.describe_alarms().alarm_types(AlarmType::MetricAlarm).alarm_types(AlarmType::CompositeAlarm);
    let mut pages = call.into_paginator().send();
    while let Some(page) = scope.call("cloudwatch:DescribeAlarms", pages.try_next()).await? {
        for found in page.metric_alarms() {
            metric_alarm(scope, found).await?;
        }
        for found in page.composite_alarms() {
            composite_alarm(scope, found).await?;
        }
    }
    Ok(())
}

fn begin(scope: &Scope, arn: Option<&str>, name: &str, kind: &str, actions: &[String]) -> Build {
    let uid = arn.map_or_else(|| scope.arn("cloudwatch", &format!("alarm:{name}")), ToOwned::to_owned);
    let mut resource = scope
        .resource("aws.cloudwatch.alarm", uid, name)
        .set("AlarmName", name)
        .set("AlarmArn", arn)
        .set("AlarmType", kind);
    for action in actions {
        let relation = match action.split(':').nth(2) {
            Some("sns") => "topic",
            Some("lambda") => "function",
            _ => continue,
        };
        resource = resource.edge(relation, Some(action));
    }
    resource
}

async fn metric_alarm(scope: &Scope, found: &MetricAlarm) -> Result<(), ReadError> {
    let Some(name) = found.alarm_name() else { return Ok(()) };
    let resource = begin(scope, found.alarm_arn(), name, "MetricAlarm", found.alarm_actions()).set_all(object! {
        "AlarmDescription" => found.alarm_description(),
        "ActionsEnabled" => found.actions_enabled(),
        "AlarmActions" => found.alarm_actions().to_vec(),
        "OKActions" => found.ok_actions().to_vec(),
        "InsufficientDataActions" => found.insufficient_data_actions().to_vec(),
        "StateValue" => found.state_value().map(|word| word.as_str()),
        "StateUpdatedTimestamp" => found.state_updated_timestamp().copied(),
        "MetricName" => found.metric_name(),
        "Namespace" => found.namespace(),
        "Statistic" => found.statistic().map(|word| word.as_str()),
        "ExtendedStatistic" => found.extended_statistic(),
        "Dimensions" => found.dimensions().iter().map(dimension).collect::<Vec<_>>(),
        "Period" => found.period(),
        "EvaluationPeriods" => found.evaluation_periods(),
        "DatapointsToAlarm" => found.datapoints_to_alarm(),
        "Threshold" => found.threshold(),
        "ComparisonOperator" => found.comparison_operator().map(|word| word.as_str()),
        "TreatMissingData" => found.treat_missing_data(),
        "Metrics" => found.metrics().iter().map(metric_query).collect::<Vec<_>>(),
        "AlarmRule" => None::<String>,
        "ActionsSuppressor" => None::<String>,
    });
    scope.emit(resource).await
}

/// The attributes of a metric alarm are null, so that a rule can tell the two apart and none is undefined.
async fn composite_alarm(scope: &Scope, found: &CompositeAlarm) -> Result<(), ReadError> {
    const OF_METRICS: [&str; 11] = [
        "MetricName",
        "Namespace",
        "Statistic",
        "ExtendedStatistic",
        "Dimensions",
        "Period",
        "EvaluationPeriods",
        "DatapointsToAlarm",
        "Threshold",
        "ComparisonOperator",
        "TreatMissingData",
    ];
    let Some(name) = found.alarm_name() else { return Ok(()) };
    let mut resource =
        begin(scope, found.alarm_arn(), name, "CompositeAlarm", found.alarm_actions()).set_all(object! {
            "AlarmDescription" => found.alarm_description(),
            "ActionsEnabled" => found.actions_enabled(),
            "AlarmActions" => found.alarm_actions().to_vec(),
            "OKActions" => found.ok_actions().to_vec(),
            "InsufficientDataActions" => found.insufficient_data_actions().to_vec(),
            "StateValue" => found.state_value().map(|word| word.as_str()),
            "StateUpdatedTimestamp" => found.state_updated_timestamp().copied(),
            "AlarmRule" => found.alarm_rule(),
            "ActionsSuppressor" => found.actions_suppressor(),
            "Metrics" => Vec::<Value>::new(),
        });
    for attribute in OF_METRICS {
        resource = resource.set(attribute, Value::Null);
    }
    scope.emit(resource).await
}

fn dimension(one: &Dimension) -> Value {
    object! { "Name" => one.name(), "Value" => one.value() }
}

fn metric_query(query: &MetricDataQuery) -> Value {
    let stat = query.metric_stat().map(|stat| {
        let metric = stat.metric().map(|metric| {
            object! {
                "Namespace" => metric.namespace(),
                "MetricName" => metric.metric_name(),
                "Dimensions" => metric.dimensions().iter().map(dimension).collect::<Vec<_>>(),
            }
        });
        object! { "Metric" => metric, "Period" => stat.period(), "Stat" => stat.stat() }
    });
    object! {
        "Id" => query.id(),
        "Expression" => query.expression(),
        "ReturnData" => query.return_data(),
        "AccountId" => query.account_id(),
        "MetricStat" => stat,
    }
}
