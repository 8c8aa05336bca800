//! Volumes and the account's own snapshots.

use super::{AT_ONCE, client, maybe_uid, resource};
use crate::attributes::object;
use crate::reader::{ReadError, Scope, side_by_side};
use aws_sdk_ec2::types::{CreateVolumePermission, Snapshot, SnapshotAttributeName};
use serde_json::Value;

pub(super) async fn volumes(scope: &Scope) -> Result<(), ReadError> {
    let mut pages = client(scope).describe_volumes().max_results(super::PAGE).into_paginator().send();
    while let Some(page) = scope.call("ec2:DescribeVolumes", pages.try_next()).await? {
        for found in page.volumes() {
            let Some(id) = found.volume_id() else { continue };
            let mut build = resource(scope, "volume", id, found.tags())
                .set("VolumeId", id)
                .set("Size", found.size())
                .set("VolumeType", found.volume_type().map(|v| v.as_str()))
                .set("State", found.state().map(|v| v.as_str()))
                .set("Encrypted", found.encrypted())
                .set("KmsKeyId", found.kms_key_id())
                .set("SnapshotId", found.snapshot_id())
                .set("AvailabilityZone", found.availability_zone())
                .set("CreateTime", found.create_time())
                .set("MultiAttachEnabled", found.multi_attach_enabled())
                .set(
                    "Attachments",
                    found
                        .attachments()
                        .iter()
                        .map(|a| {
                            object! {
                                "InstanceId" => a.instance_id(),
                                "Device" => a.device(),
                                "State" => a.state().map(|v| v.as_str()),
                                "DeleteOnTermination" => a.delete_on_termination(),
                            }
                        })
                        .collect::<Vec<_>>(),
                )
                .edge("key", found.kms_key_id().filter(|key| key.starts_with("arn:")))
                .edge("snapshot", maybe_uid(scope, "snapshot", found.snapshot_id()));
            for attachment in found.attachments() {
                build = build.edge("instance", maybe_uid(scope, "instance", attachment.instance_id()));
            }
            scope.emit(build).await?;
        }
    }
    Ok(())
}

pub(super) async fn snapshots(scope: &Scope) -> Result<(), ReadError> {
    let listing = client(scope).describe_snapshots().owner_ids("self").max_results(super::PAGE);
    let mut pages = listing.into_paginator().send();
    while let Some(page) = scope.call("ec2:DescribeSnapshots", pages.try_next()).await? {
        side_by_side(AT_ONCE, page.snapshots().iter().map(|found| snapshot(scope, found))).await?;
    }
    Ok(())
}

async fn snapshot(scope: &Scope, found: &Snapshot) -> Result<(), ReadError> {
    let Some(id) = found.snapshot_id() else { return Ok(()) };
    let call = client(scope)
        .describe_snapshot_attribute()
        .snapshot_id(id)
        .attribute(SnapshotAttributeName::CreateVolumePermission)
        .send();
    let permissions = scope
        .detail("CreateVolumePermissions", "ec2:DescribeSnapshotAttribute", &[], call)
        .await
        .map(|answer| answer.create_volume_permissions().iter().map(permission).collect::<Vec<_>>());
    let build = resource(scope, "snapshot", id, found.tags())
        .set("SnapshotId", id)
        .set("VolumeId", found.volume_id())
        .set("VolumeSize", found.volume_size())
        .set("State", found.state().map(|v| v.as_str()))
        .set("Encrypted", found.encrypted())
        .set("KmsKeyId", found.kms_key_id())
        .set("StartTime", found.start_time())
        .set("Description", found.description())
        .set("OwnerId", found.owner_id())
        .set("StorageTier", found.storage_tier().map(|v| v.as_str()))
        .detail("CreateVolumePermissions", permissions)
        .edge("key", found.kms_key_id().filter(|key| key.starts_with("arn:")))
        .edge("volume", maybe_uid(scope, "volume", found.volume_id()));
    scope.emit(build).await
}

fn permission(permission: &CreateVolumePermission) -> Value {
    object! { "Group" => permission.group().map(|v| v.as_str()), "UserId" => permission.user_id() }
}
