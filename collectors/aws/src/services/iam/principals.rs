//! Groups, roles, and the instance profiles that carry roles.

use super::{DETAILS, attached, boundary, decoded, inline, policy_uid, tags, whole};
use crate::attributes::object;
use crate::reader::{ReadError, Scope};
use aws_sdk_iam::Client;
use aws_sdk_iam::types::{EntityType, GroupDetail, InstanceProfile, RoleDetail};
use serde_json::Value;

pub(super) async fn groups(scope: &Scope) -> Result<(), ReadError> {
    let client = Client::new(&scope.config);
    let mut pages = client.get_account_authorization_details().filter(EntityType::Group).into_paginator().send();
    while let Some(page) = scope.call(DETAILS, pages.try_next()).await? {
        for found in page.group_detail_list() {
            group(scope, found).await?;
        }
        whole(scope, DETAILS, page.is_truncated(), page.marker())?;
    }
    Ok(())
}

async fn group(scope: &Scope, found: &GroupDetail) -> Result<(), ReadError> {
    let (Some(name), Some(arn)) = (found.group_name(), found.arn()) else { return Ok(()) };
    let mut resource = scope
        .resource("aws.iam.group", arn, name)
        .set("GroupName", name)
        .set("GroupId", found.group_id())
        .set("Path", found.path())
        .set("CreateDate", found.create_date())
        .set("GroupPolicyList", inline(found.group_policy_list()))
        .set("AttachedManagedPolicies", attached(found.attached_managed_policies()));
    for policy in found.attached_managed_policies() {
        resource = resource.edge("policy", policy.policy_arn().map(|arn| policy_uid(scope, arn)));
    }
    scope.emit(resource).await
}

pub(super) async fn roles(scope: &Scope) -> Result<(), ReadError> {
    let client = Client::new(&scope.config);
    let mut pages = client.get_account_authorization_details().filter(EntityType::Role).into_paginator().send();
    while let Some(page) = scope.call(DETAILS, pages.try_next()).await? {
        for found in page.role_detail_list() {
            role(scope, found).await?;
        }
        whole(scope, DETAILS, page.is_truncated(), page.marker())?;
    }
    Ok(())
}

async fn role(scope: &Scope, found: &RoleDetail) -> Result<(), ReadError> {
    let (Some(name), Some(arn)) = (found.role_name(), found.arn()) else { return Ok(()) };
    let last = found.role_last_used();
    let profiles: Vec<Value> = found.instance_profile_list().iter().map(instance_profile).collect();
    let mut resource = scope
        .resource("aws.iam.role", arn, name)
        .set("RoleName", name)
        .set("RoleId", found.role_id())
        .set("Path", found.path())
        .set("CreateDate", found.create_date())
        .set("AssumeRolePolicyDocument", found.assume_role_policy_document().map(decoded))
        .set("RolePolicyList", inline(found.role_policy_list()))
        .set("AttachedManagedPolicies", attached(found.attached_managed_policies()))
        .set("PermissionsBoundary", boundary(found.permissions_boundary()))
        .set("InstanceProfileList", profiles)
        .set("RoleLastUsed", last.map(|l| object! { "LastUsedDate" => l.last_used_date(), "Region" => l.region() }))
        .tags(tags(found.tags()));
    for policy in found.attached_managed_policies() {
        resource = resource.edge("policy", policy.policy_arn().map(|arn| policy_uid(scope, arn)));
    }
    scope.emit(resource).await?;
    for profile in found.instance_profile_list() {
        let resource = scope
            .resource("aws.iam.instance_profile", profile.arn(), profile.instance_profile_name())
            .set_all(instance_profile(profile))
            .edge("role", Some(arn));
        scope.emit(resource).await?;
    }
    Ok(())
}

fn instance_profile(found: &InstanceProfile) -> Value {
    object! {
        "InstanceProfileName" => found.instance_profile_name(),
        "InstanceProfileId" => found.instance_profile_id(),
        "Arn" => found.arn(),
        "Path" => found.path(),
        "CreateDate" => *found.create_date(),
    }
}
