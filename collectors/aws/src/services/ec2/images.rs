//! The account's own machine images.

use super::{AT_ONCE, client, maybe_uid, resource};
use crate::attributes::object;
use crate::reader::{ReadError, Scope, side_by_side};
use aws_sdk_ec2::types::{BlockDeviceMapping, Image, ImageAttributeName, LaunchPermission};
use serde_json::Value;

pub(super) async fn images(scope: &Scope) -> Result<(), ReadError> {
    let listing = client(scope).describe_images().owners("self").include_deprecated(true).include_disabled(true);
    let mut pages = listing.max_results(super::PAGE).into_paginator().send();
    while let Some(page) = scope.call("ec2:DescribeImages", pages.try_next()).await? {
        side_by_side(AT_ONCE, page.images().iter().map(|found| image(scope, found))).await?;
    }
    Ok(())
}

async fn image(scope: &Scope, found: &Image) -> Result<(), ReadError> {
    let Some(id) = found.image_id() else { return Ok(()) };
    let call =
        client(scope).describe_image_attribute().image_id(id).attribute(ImageAttributeName::LaunchPermission).send();
    let permissions = scope
        .detail("LaunchPermissions", "ec2:DescribeImageAttribute", &[], call)
        .await
        .map(|answer| answer.launch_permissions().iter().map(permission).collect::<Vec<_>>());
    let mut build = resource(scope, "image", id, found.tags())
        .set("ImageId", id)
        .set("Name", found.name())
        .set("Description", found.description())
        .set("State", found.state().map(|v| v.as_str()))
        .set("Public", found.public())
        .set("OwnerId", found.owner_id())
        .set("CreationDate", found.creation_date())
        .set("DeprecationTime", found.deprecation_time())
        .set("LastLaunchedTime", found.last_launched_time())
        .set("ImdsSupport", found.imds_support().map(|v| v.as_str()))
        .set("PlatformDetails", found.platform_details())
        .set("Architecture", found.architecture().map(|v| v.as_str()))
        .set("RootDeviceType", found.root_device_type().map(|v| v.as_str()))
        .set("BlockDeviceMappings", found.block_device_mappings().iter().map(device).collect::<Vec<_>>())
        .set("SourceImageId", found.source_image_id())
        .set("SourceInstanceId", found.source_instance_id())
        .set("DeregistrationProtection", found.deregistration_protection())
        .detail("LaunchPermissions", permissions)
        .edge("image", maybe_uid(scope, "image", found.source_image_id()));
    for mapping in found.block_device_mappings() {
        let snapshot = mapping.ebs().and_then(|ebs| ebs.snapshot_id());
        build = build.edge("snapshot", maybe_uid(scope, "snapshot", snapshot));
    }
    scope.emit(build).await
}

fn permission(permission: &LaunchPermission) -> Value {
    object! {
        "Group" => permission.group().map(|v| v.as_str()),
        "UserId" => permission.user_id(),
        "OrganizationArn" => permission.organization_arn(),
        "OrganizationalUnitArn" => permission.organizational_unit_arn(),
    }
}

fn device(mapping: &BlockDeviceMapping) -> Value {
    object! {
        "DeviceName" => mapping.device_name(),
        "Ebs" => mapping.ebs().map(|ebs| object! {
            "SnapshotId" => ebs.snapshot_id(),
            "VolumeSize" => ebs.volume_size(),
            "VolumeType" => ebs.volume_type().map(|v| v.as_str()),
            "Encrypted" => ebs.encrypted(),
            "KmsKeyId" => ebs.kms_key_id(),
        }),
    }
}
