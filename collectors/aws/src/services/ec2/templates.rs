//! Launch templates with the data of their default and latest versions, and key pairs.

use super::{client, maybe_uid, resource, uid};
use crate::attributes::object;
use crate::reader::{Build, Detail, ReadError, Scope};
use aws_sdk_ec2::types::{
    LaunchTemplate, LaunchTemplateBlockDeviceMapping, LaunchTemplateInstanceMetadataOptions,
    LaunchTemplateInstanceNetworkInterfaceSpecification, LaunchTemplateVersion, ResponseLaunchTemplateData,
};
use plumbline_core::resource::Unread;
use serde_json::Value;
use std::collections::BTreeMap;

const VERSIONS: &str = "ec2:DescribeLaunchTemplateVersions";

/// Template id → its default and its latest version.
type Versions = BTreeMap<String, Vec<LaunchTemplateVersion>>;

pub(super) async fn launch_templates(scope: &Scope) -> Result<(), ReadError> {
    let versions = versions(scope).await;
    let mut pages = client(scope).describe_launch_templates().max_results(200).into_paginator().send();
    while let Some(page) = scope.call("ec2:DescribeLaunchTemplates", pages.try_next()).await? {
        for found in page.launch_templates() {
            launch_template(scope, &versions, found).await?;
        }
    }
    Ok(())
}

/// The default and the latest version of every template, in one listing.
async fn versions(scope: &Scope) -> Result<Versions, Unread> {
    let listing = client(scope).describe_launch_template_versions().versions("$Default").versions("$Latest");
    let mut pages = listing.max_results(200).into_paginator().send();
    let mut versions = Versions::new();
    loop {
        match scope.detail("DefaultVersionData", VERSIONS, &[], pages.try_next()).await {
            Detail::Read(Some(page)) => {
                for version in page.launch_template_versions.unwrap_or_default() {
                    let id = version.launch_template_id().unwrap_or_default().to_owned();
                    versions.entry(id).or_default().push(version);
                }
            }
            Detail::Read(None) | Detail::Absent => return Ok(versions),
            Detail::Unread(unread) => return Err(unread),
        }
    }
}

async fn launch_template(
    scope: &Scope,
    versions: &Result<Versions, Unread>,
    found: &LaunchTemplate,
) -> Result<(), ReadError> {
    let Some(id) = found.launch_template_id() else { return Ok(()) };
    let default = data(versions, id, found.default_version_number());
    let latest = data(versions, id, found.latest_version_number());
    let mut build = resource(scope, "launch-template", id, found.tags())
        .set("LaunchTemplateId", id)
        .set("LaunchTemplateName", found.launch_template_name())
        .set("CreateTime", found.create_time())
        .set("CreatedBy", found.created_by())
        .set("DefaultVersionNumber", found.default_version_number())
        .set("LatestVersionNumber", found.latest_version_number());
    for version in [&default, &latest] {
        if let Detail::Read(version) = version {
            build = with_edges(scope, build, version);
        }
    }
    let build = build
        .detail("DefaultVersionData", default.map(launch_data))
        .detail("LatestVersionData", latest.map(launch_data));
    scope.emit(build).await
}

fn data<'a>(
    versions: &'a Result<Versions, Unread>,
    id: &str,
    number: Option<i64>,
) -> Detail<&'a ResponseLaunchTemplateData> {
    let listed = match versions {
        Ok(listed) => listed,
        Err(unread) => return Detail::Unread(unread.clone()),
    };
    let of_template = listed.get(id).into_iter().flatten();
    let found = of_template.filter(|v| v.version_number() == number).find_map(|v| v.launch_template_data());
    found.map_or_else(|| Detail::Unread(not_listed()), Detail::Read)
}

/// A template, or a version of it, that came into being between the two listings.
fn not_listed() -> Unread {
    let detail = "the version was not in the listing of versions".to_owned();
    Unread { permission: VERSIONS.to_owned(), denied: false, detail }
}

/// What a template sets. User data is left out: it may hold secrets.
fn launch_data(data: &ResponseLaunchTemplateData) -> Value {
    object! {
        "ImageId" => data.image_id(),
        "InstanceType" => data.instance_type().map(|v| v.as_str()),
        "KeyName" => data.key_name(),
        "IamInstanceProfile" => data.iam_instance_profile().map(|p| object! { "Arn" => p.arn(), "Name" => p.name() }),
        "SecurityGroupIds" => data.security_group_ids(),
        "SecurityGroups" => data.security_groups(),
        "MetadataOptions" => data.metadata_options().map(metadata),
        "NetworkInterfaces" => data.network_interfaces().iter().map(interface).collect::<Vec<_>>(),
        "BlockDeviceMappings" => data.block_device_mappings().iter().map(device).collect::<Vec<_>>(),
        "Monitoring" => data.monitoring().map(|m| object! { "Enabled" => m.enabled() }),
        "EbsOptimized" => data.ebs_optimized(),
        "DisableApiTermination" => data.disable_api_termination(),
    }
}

fn metadata(options: &LaunchTemplateInstanceMetadataOptions) -> Value {
    object! {
        "HttpTokens" => options.http_tokens().map(|v| v.as_str()),
        "HttpPutResponseHopLimit" => options.http_put_response_hop_limit(),
        "HttpEndpoint" => options.http_endpoint().map(|v| v.as_str()),
        "InstanceMetadataTags" => options.instance_metadata_tags().map(|v| v.as_str()),
    }
}

fn interface(interface: &LaunchTemplateInstanceNetworkInterfaceSpecification) -> Value {
    object! {
        "DeviceIndex" => interface.device_index(),
        "AssociatePublicIpAddress" => interface.associate_public_ip_address(),
        "Groups" => interface.groups(),
        "SubnetId" => interface.subnet_id(),
        "NetworkInterfaceId" => interface.network_interface_id(),
    }
}

fn device(mapping: &LaunchTemplateBlockDeviceMapping) -> Value {
    object! {
        "DeviceName" => mapping.device_name(),
        "Ebs" => mapping.ebs().map(|ebs| object! {
            "Encrypted" => ebs.encrypted(),
            "KmsKeyId" => ebs.kms_key_id(),
            "SnapshotId" => ebs.snapshot_id(),
            "VolumeSize" => ebs.volume_size(),
            "VolumeType" => ebs.volume_type().map(|v| v.as_str()),
        }),
    }
}

fn with_edges(scope: &Scope, mut build: Build, data: &ResponseLaunchTemplateData) -> Build {
    let of_interfaces = data.network_interfaces().iter().flat_map(|interface| interface.groups());
    for group in data.security_group_ids().iter().chain(of_interfaces) {
        build = build.edge("security_group", maybe_uid(scope, "security-group", Some(group)));
    }
    for interface in data.network_interfaces() {
        build = build.edge("subnet", maybe_uid(scope, "subnet", interface.subnet_id()));
    }
    let image = data.image_id().filter(|image| image.starts_with("ami-"));
    build
        .edge("image", maybe_uid(scope, "image", image))
        .edge("key_pair", data.key_name().map(|name| uid(scope, "key-pair", name)))
        .edge("instance_profile", data.iam_instance_profile().and_then(|profile| profile.arn()))
}

pub(super) async fn key_pairs(scope: &Scope) -> Result<(), ReadError> {
    let answer = scope.call("ec2:DescribeKeyPairs", client(scope).describe_key_pairs().send()).await?;
    for found in answer.key_pairs() {
        // Everything that uses a key pair names it by its name.
        let Some(name) = found.key_name() else { continue };
        let build = resource(scope, "key-pair", name, found.tags())
            .set("KeyPairId", found.key_pair_id())
            .set("KeyName", name)
            .set("KeyType", found.key_type().map(|v| v.as_str()))
            .set("KeyFingerprint", found.key_fingerprint())
            .set("CreateTime", found.create_time());
        scope.emit(build).await?;
    }
    Ok(())
}
