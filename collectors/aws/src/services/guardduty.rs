//! GuardDuty: whether it is on in each region, and the detector with its protections.

use crate::attributes::object;
use crate::reader::{Detail, ReadError, Reader, Scope, reader};
use aws_sdk_guardduty::Client;
use aws_sdk_guardduty::operation::get_detector::GetDetectorOutput;
use aws_sdk_guardduty::types::{DataSourceConfigurationsResult, DetectorFeatureConfigurationResult};
use plumbline_core::resource::Unread;
use serde_json::Value;

pub(super) const READERS: &[Reader] = &[reader!("guardduty.detectors", detectors)];

/// What GetDetector tells.
const TOLD: [&str; 7] =
    ["Status", "Features", "DataSources", "FindingPublishingFrequency", "ServiceRole", "CreatedAt", "UpdatedAt"];

async fn detectors(scope: &Scope) -> Result<(), ReadError> {
    let client = Client::new(&scope.config);
    let mut ids: Vec<String> = Vec::new();
    let mut pages = client.list_detectors().into_paginator().send();
    while let Some(page) = scope.call("guardduty:ListDetectors", pages.try_next()).await? {
        ids.extend(page.detector_ids().iter().cloned());
    }
    let mut enabled = false;
    let mut hidden: Option<Unread> = None;
    for id in &ids {
        let told = scope
            .detail("Status", "guardduty:GetDetector", &[], client.get_detector().detector_id(id).send())
            .await
            .map(|answer| detector(&answer));
        match &told {
            Detail::Read(told) => enabled |= told["Status"] == "ENABLED",
            Detail::Absent => {}
            Detail::Unread(unread) => hidden = Some(unread.clone()),
        }
        emit_detector(scope, &client, id, told).await?;
    }
    // One that is seen to be on suffices, whatever was not seen.
    let enabled = match hidden {
        Some(unread) if !enabled => Detail::Unread(unread),
        _ => Detail::Read(enabled),
    };
    let region = scope.resource("aws.guardduty.status", scope.arn("guardduty", "status"), scope.region());
    scope.emit(region.set("DetectorIds", ids).detail("Enabled", enabled)).await
}

async fn emit_detector(scope: &Scope, client: &Client, id: &str, told: Detail<Value>) -> Result<(), ReadError> {
    let call = client.get_administrator_account().detector_id(id).send();
    let administrator =
        scope.detail("Administrator", "guardduty:GetAdministratorAccount", &[], call).await.map(|answer| {
            answer.administrator().map(|admin| {
                object! { "AccountId" => admin.account_id(), "RelationshipStatus" => admin.relationship_status() }
            })
        });
    let call = client.list_publishing_destinations().detector_id(id).send();
    let destinations =
        scope.detail("PublishingDestinations", "guardduty:ListPublishingDestinations", &[], call).await.map(|answer| {
            let listed = answer.destinations().iter().map(|destination| {
                object! {
                    "DestinationType" => destination.destination_type().map(|word| word.as_str()),
                    "Status" => destination.status().map(|word| word.as_str()),
                }
            });
            listed.collect::<Vec<_>>()
        });
    let role = match &told {
        Detail::Read(told) => told["ServiceRole"].as_str().map(ToOwned::to_owned),
        _ => None,
    };
    let resource = scope
        .resource("aws.guardduty.detector", scope.arn("guardduty", &format!("detector/{id}")), id)
        .set("DetectorId", id)
        .details(&TOLD, told)
        .detail("Administrator", administrator)
        .detail("PublishingDestinations", destinations)
        .edge("role", role);
    scope.emit(resource).await
}

#[expect(deprecated, reason = "DataSources is what older detectors, and stand-ins, tell instead of Features")]
fn detector(answer: &GetDetectorOutput) -> Value {
    object! {
        "Status" => answer.status().map(|word| word.as_str()),
        "Features" => answer.features().iter().map(feature).collect::<Vec<_>>(),
        "DataSources" => answer.data_sources().map(data_sources),
        "FindingPublishingFrequency" => answer.finding_publishing_frequency().map(|word| word.as_str()),
        "ServiceRole" => answer.service_role(),
        "CreatedAt" => answer.created_at(),
        "UpdatedAt" => answer.updated_at(),
    }
}

fn feature(feature: &DetectorFeatureConfigurationResult) -> Value {
    let additional: Vec<Value> = feature
        .additional_configuration()
        .iter()
        .map(|more| {
            object! {
                "Name" => more.name().map(|word| word.as_str()),
                "Status" => more.status().map(|word| word.as_str()),
            }
        })
        .collect();
    object! {
        "Name" => feature.name().map(|word| word.as_str()),
        "Status" => feature.status().map(|word| word.as_str()),
        "AdditionalConfiguration" => additional,
    }
}

/// The older way of telling the protections; some detectors tell only this one.
fn data_sources(sources: &DataSourceConfigurationsResult) -> Value {
    let kubernetes = sources.kubernetes().and_then(|k| k.audit_logs()).and_then(|logs| logs.status());
    let volumes = sources
        .malware_protection()
        .and_then(|malware| malware.scan_ec2_instance_with_findings())
        .and_then(|scan| scan.ebs_volumes())
        .and_then(|volumes| volumes.status());
    object! {
        "S3Logs" => sources.s3_logs().and_then(|logs| logs.status()).map(|word| object! { "Status" => word.as_str() }),
        "Kubernetes" => kubernetes.map(|word| object! { "AuditLogs" => object! { "Status" => word.as_str() } }),
        "MalwareProtection" => volumes.map(|word| {
            object! { "ScanEc2InstanceWithFindings" => object! { "EbsVolumes" => object! { "Status" => word.as_str() } } }
        }),
    }
}
