//! EFS: file systems with their policy, backups, mount targets and access points.

use crate::attributes::{document, object};
use crate::reader::{Detail, ReadError, Reader, Scope, reader, side_by_side};
use aws_sdk_efs::Client;
use aws_sdk_efs::types::{AccessPointDescription, FileSystemDescription, MountTargetDescription};
use plumbline_core::resource::Unread;
use serde_json::Value;

pub(super) const READERS: &[Reader] = &[reader!("efs.file_systems", file_systems)];

const AT_ONCE: usize = 6;

async fn file_systems(scope: &Scope) -> Result<(), ReadError> {
    let client = Client::new(&scope.config);
    let mut pages = client.describe_file_systems().into_paginator().send();
    while let Some(page) = scope.call("elasticfilesystem:DescribeFileSystems", pages.try_next()).await? {
        side_by_side(AT_ONCE, page.file_systems().iter().map(|found| file_system(scope, &client, found))).await?;
    }
    Ok(())
}

async fn file_system(scope: &Scope, client: &Client, found: &FileSystemDescription) -> Result<(), ReadError> {
    let id = found.file_system_id();
    let arn = found
        .file_system_arn()
        .map_or_else(|| scope.arn("elasticfilesystem", &format!("file-system/{id}")), ToOwned::to_owned);
    let (policy, backup, targets, points) = tokio::join!(
        scope.detail(
            "Policy",
            "elasticfilesystem:DescribeFileSystemPolicy",
            &["PolicyNotFound"],
            client.describe_file_system_policy().file_system_id(id).send(),
        ),
        scope.detail(
            "BackupPolicy",
            "elasticfilesystem:DescribeBackupPolicy",
            &["PolicyNotFound"],
            client.describe_backup_policy().file_system_id(id).send(),
        ),
        mount_targets(scope, client, id),
        access_points(scope, client, id),
    );
    let groups = security_groups(scope, client, &targets).await;
    let mut resource = scope
        .resource("aws.efs.file_system", arn, found.name().filter(|name| !name.is_empty()).unwrap_or(id))
        .set_all(described(found))
        .detail("Policy", policy.map(|answer| answer.policy().map(document)))
        .detail(
            "BackupPolicy",
            backup.map(|answer| answer.backup_policy().map(|policy| object! { "Status" => policy.status().as_str() })),
        )
        .tags(found.tags().iter().map(|tag| (tag.key(), tag.value())))
        .edge("key", found.kms_key_id().and_then(|key| super::kms::key_uid(scope, key)));
    if let Detail::Read(targets) = &targets {
        for target in targets {
            resource = resource
                .edge("subnet", Some(scope.arn("ec2", &format!("subnet/{}", target.subnet_id()))))
                .edge("vpc", target.vpc_id().map(|vpc| scope.arn("ec2", &format!("vpc/{vpc}"))));
        }
    }
    if let Detail::Read(groups) = &groups {
        for group in groups.iter().flat_map(|(_, groups)| groups) {
            resource = resource.edge("security_group", Some(scope.arn("ec2", &format!("security-group/{group}"))));
        }
    }
    let groups = groups.map(|groups| {
        groups
            .iter()
            .map(|(target, groups)| object! { "MountTargetId" => target, "SecurityGroups" => groups })
            .collect::<Value>()
    });
    let resource = resource
        .detail("MountTargets", targets.map(|targets| targets.iter().map(mount_target).collect::<Value>()))
        .detail("MountTargetSecurityGroups", groups)
        .detail("AccessPoints", points.map(|points| points.iter().map(access_point).collect::<Value>()));
    scope.emit(resource).await
}

fn described(found: &FileSystemDescription) -> Value {
    object! {
        "FileSystemId" => found.file_system_id(),
        "FileSystemArn" => found.file_system_arn(),
        "Name" => found.name(),
        "CreationTime" => found.creation_time(),
        "LifeCycleState" => found.life_cycle_state().as_str(),
        "NumberOfMountTargets" => found.number_of_mount_targets(),
        "SizeInBytes" => found.size_in_bytes().map(|size| object! { "Value" => size.value() }),
        "Encrypted" => found.encrypted(),
        "KmsKeyId" => found.kms_key_id(),
        "PerformanceMode" => found.performance_mode().as_str(),
        "ThroughputMode" => found.throughput_mode().map(|word| word.as_str()),
        "AvailabilityZoneName" => found.availability_zone_name(),
        "FileSystemProtection" => found.file_system_protection().map(|protection| object! {
            "ReplicationOverwriteProtection" =>
                protection.replication_overwrite_protection().map(|word| word.as_str()),
        }),
    }
}

async fn mount_targets(scope: &Scope, client: &Client, id: &str) -> Detail<Vec<MountTargetDescription>> {
    let mut found = Vec::new();
    let mut pages = client.describe_mount_targets().file_system_id(id).into_paginator().send();
    loop {
        let call = pages.try_next();
        match scope.detail("MountTargets", "elasticfilesystem:DescribeMountTargets", &[], call).await {
            Detail::Read(Some(page)) => found.extend_from_slice(page.mount_targets()),
            Detail::Read(None) | Detail::Absent => return Detail::Read(found),
            Detail::Unread(unread) => return Detail::Unread(unread),
        }
    }
}

/// The groups of every mount target; one that could not be read leaves all unread.
async fn security_groups(
    scope: &Scope,
    client: &Client,
    targets: &Detail<Vec<MountTargetDescription>>,
) -> Detail<Vec<(String, Vec<String>)>> {
    const PERMISSION: &str = "elasticfilesystem:DescribeMountTargetSecurityGroups";
    let targets = match targets {
        Detail::Read(targets) => targets,
        Detail::Absent => return Detail::Absent,
        Detail::Unread(unread) => return Detail::Unread(Unread::clone(unread)),
    };
    let mut all = Vec::new();
    for target in targets {
        // Groups can be asked for only while the target is there.
        if matches!(target.life_cycle_state().as_str(), "deleting" | "deleted") {
            continue;
        }
        let call = client.describe_mount_target_security_groups().mount_target_id(target.mount_target_id()).send();
        match scope.detail("MountTargetSecurityGroups", PERMISSION, &[], call).await {
            Detail::Read(answer) => all.push((target.mount_target_id().to_owned(), answer.security_groups)),
            Detail::Absent => {}
            Detail::Unread(unread) => return Detail::Unread(unread),
        }
    }
    Detail::Read(all)
}

async fn access_points(scope: &Scope, client: &Client, id: &str) -> Detail<Vec<AccessPointDescription>> {
    let mut found = Vec::new();
    let mut pages = client.describe_access_points().file_system_id(id).into_paginator().send();
    loop {
        let call = pages.try_next();
        match scope.detail("AccessPoints", "elasticfilesystem:DescribeAccessPoints", &[], call).await {
            Detail::Read(Some(page)) => found.extend_from_slice(page.access_points()),
            Detail::Read(None) | Detail::Absent => return Detail::Read(found),
            Detail::Unread(unread) => return Detail::Unread(unread),
        }
    }
}

fn mount_target(target: &MountTargetDescription) -> Value {
    object! {
        "MountTargetId" => target.mount_target_id(),
        "SubnetId" => target.subnet_id(),
        "VpcId" => target.vpc_id(),
        "IpAddress" => target.ip_address(),
        "AvailabilityZoneName" => target.availability_zone_name(),
        "LifeCycleState" => target.life_cycle_state().as_str(),
    }
}

fn access_point(point: &AccessPointDescription) -> Value {
    object! {
        "AccessPointId" => point.access_point_id(),
        "AccessPointArn" => point.access_point_arn(),
        "Name" => point.name(),
        "LifeCycleState" => point.life_cycle_state().map(|word| word.as_str()),
        "PosixUser" => point.posix_user().map(|user| object! { "Uid" => user.uid(), "Gid" => user.gid() }),
        "RootDirectory" => point.root_directory().map(|root| object! { "Path" => root.path() }),
    }
}
