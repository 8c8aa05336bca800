//! AWS Config: recorders and delivery channels of each region, with how they fare.

use crate::attributes::object;
use crate::reader::{Detail, ReadError, Reader, Scope, reader};
use aws_sdk_config::Client;
use aws_sdk_config::types::{
    ConfigExportDeliveryInfo, ConfigurationRecorder, ConfigurationRecorderStatus, DeliveryChannel,
    DeliveryChannelStatus, RecordingGroup, RecordingMode,
};
use serde_json::Value;

pub(super) const READERS: &[Reader] =
    &[reader!("config.recorders", recorders), reader!("config.delivery_channels", delivery_channels)];

async fn recorders(scope: &Scope) -> Result<(), ReadError> {
    let client = Client::new(&scope.config);
    let answer =
        scope.call("config:DescribeConfigurationRecorders", client.describe_configuration_recorders().send()).await?;
    let found = answer.configuration_recorders();
    let names: Vec<String> = found.iter().filter_map(|recorder| recorder.name().map(ToOwned::to_owned)).collect();
    let statuses = if found.is_empty() {
        Detail::Read(Vec::new())
    } else {
        let call = client.describe_configuration_recorder_status().send();
        scope
            .detail("Status", "config:DescribeConfigurationRecorderStatus", &[], call)
            .await
            .map(|answer| answer.configuration_recorders_status().to_vec())
    };
    for found in found {
        recorder(scope, found, &statuses).await?;
    }
    let region = scope.resource("aws.config.status", scope.arn("config", "status"), scope.region());
    scope.emit(region.set("ConfigurationRecorders", names)).await
}

async fn recorder(
    scope: &Scope,
    found: &ConfigurationRecorder,
    statuses: &Detail<Vec<ConfigurationRecorderStatus>>,
) -> Result<(), ReadError> {
    let name = found.name().unwrap_or("default");
    let status = statuses.clone().map(|all| all.iter().find(|status| status.name() == Some(name)).map(recorder_status));
    // Older recorders, and the ones of stand-ins, are told without an ARN.
    let uid =
        found.arn().map_or_else(|| scope.arn("config", &format!("configuration-recorder/{name}")), ToOwned::to_owned);
    let resource = scope
        .resource("aws.config.recorder", uid, name)
        .set("name", name)
        .set("arn", found.arn())
        .set("roleARN", found.role_arn())
        .set("recordingGroup", found.recording_group().map(recording_group))
        .set("recordingMode", found.recording_mode().map(recording_mode))
        .set("recordingScope", found.recording_scope().map(|scope| scope.as_str()))
        .set("servicePrincipal", found.service_principal())
        .detail("Status", status)
        .edge("role", found.role_arn());
    scope.emit(resource).await
}

fn recording_group(group: &RecordingGroup) -> Value {
    let names = |types: &[aws_sdk_config::types::ResourceType]| -> Vec<String> {
        types.iter().map(|kind| kind.as_str().to_owned()).collect()
    };
    object! {
        "allSupported" => group.all_supported(),
        "includeGlobalResourceTypes" => group.include_global_resource_types(),
        "resourceTypes" => names(group.resource_types()),
        "exclusionByResourceTypes" => group.exclusion_by_resource_types().map(|excluded| {
            object! { "resourceTypes" => names(excluded.resource_types()) }
        }),
        "recordingStrategy" => group.recording_strategy().map(|strategy| {
            object! { "useOnly" => strategy.use_only().map(|kind| kind.as_str()) }
        }),
    }
}

fn recording_mode(mode: &RecordingMode) -> Value {
    let overrides: Vec<Value> = mode
        .recording_mode_overrides()
        .iter()
        .map(|one| {
            let types: Vec<String> = one.resource_types().iter().map(|kind| kind.as_str().to_owned()).collect();
            object! { "resourceTypes" => types, "recordingFrequency" => one.recording_frequency().as_str() }
        })
        .collect();
    object! { "recordingFrequency" => mode.recording_frequency().as_str(), "recordingModeOverrides" => overrides }
}

fn recorder_status(status: &ConfigurationRecorderStatus) -> Value {
    object! {
        "recording" => status.recording(),
        "lastStatus" => status.last_status().map(|word| word.as_str()),
        "lastErrorCode" => status.last_error_code(),
        "lastErrorMessage" => status.last_error_message(),
        "lastStartTime" => status.last_start_time().copied(),
        "lastStopTime" => status.last_stop_time().copied(),
        "lastStatusChangeTime" => status.last_status_change_time().copied(),
    }
}

async fn delivery_channels(scope: &Scope) -> Result<(), ReadError> {
    let client = Client::new(&scope.config);
    let answer = scope.call("config:DescribeDeliveryChannels", client.describe_delivery_channels().send()).await?;
    if answer.delivery_channels().is_empty() {
        return Ok(());
    }
    let call = client.describe_delivery_channel_status().send();
    let statuses = scope
        .detail("Status", "config:DescribeDeliveryChannelStatus", &[], call)
        .await
        .map(|answer| answer.delivery_channels_status().to_vec());
    for found in answer.delivery_channels() {
        delivery_channel(scope, found, &statuses).await?;
    }
    Ok(())
}

async fn delivery_channel(
    scope: &Scope,
    found: &DeliveryChannel,
    statuses: &Detail<Vec<DeliveryChannelStatus>>,
) -> Result<(), ReadError> {
    let name = found.name().unwrap_or("default");
    let status = statuses.clone().map(|all| all.iter().find(|status| status.name() == Some(name)).map(channel_status));
    let frequency = found.config_snapshot_delivery_properties().map(|properties| {
        object! { "deliveryFrequency" => properties.delivery_frequency().map(|word| word.as_str()) }
    });
    let resource = scope
        .resource("aws.config.delivery_channel", scope.arn("config", &format!("delivery-channel/{name}")), name)
        .set("name", name)
        .set("s3BucketName", found.s3_bucket_name())
        .set("s3KeyPrefix", found.s3_key_prefix())
        .set("s3KmsKeyArn", found.s3_kms_key_arn())
        .set("snsTopicARN", found.sns_topic_arn())
        .set("configSnapshotDeliveryProperties", frequency)
        .detail("Status", status)
        .edge("bucket", found.s3_bucket_name().map(|bucket| format!("arn:{}:s3:::{bucket}", scope.partition)))
        .edge("key", found.s3_kms_key_arn())
        .edge("topic", found.sns_topic_arn());
    scope.emit(resource).await
}

fn channel_status(status: &DeliveryChannelStatus) -> Value {
    let stream = status.config_stream_delivery_info().map(|info| {
        object! {
            "lastStatus" => info.last_status().map(|word| word.as_str()),
            "lastErrorCode" => info.last_error_code(),
            "lastErrorMessage" => info.last_error_message(),
            "lastStatusChangeTime" => info.last_status_change_time().copied(),
        }
    });
    object! {
        "configSnapshotDeliveryInfo" => status.config_snapshot_delivery_info().map(export_info),
        "configHistoryDeliveryInfo" => status.config_history_delivery_info().map(export_info),
        "configStreamDeliveryInfo" => stream,
    }
}

fn export_info(info: &ConfigExportDeliveryInfo) -> Value {
    object! {
        "lastStatus" => info.last_status().map(|word| word.as_str()),
        "lastErrorCode" => info.last_error_code(),
        "lastErrorMessage" => info.last_error_message(),
        "lastAttemptTime" => info.last_attempt_time().copied(),
        "lastSuccessfulTime" => info.last_successful_time().copied(),
    }
}
