//! Managed policies: the customer's own, and those of AWS that are in use.

use super::{DETAILS, decoded, policy_uid, whole};
use crate::attributes::object;
use crate::reader::{ReadError, Scope};
use aws_sdk_iam::Client;
use aws_sdk_iam::types::{EntityType, ManagedPolicyDetail, PolicyVersion};
use serde_json::Value;

pub(super) async fn policies(scope: &Scope) -> Result<(), ReadError> {
    let client = Client::new(&scope.config);
    let mut pages = client
        .get_account_authorization_details()
        .filter(EntityType::LocalManagedPolicy)
        .filter(EntityType::AwsManagedPolicy)
        .into_paginator()
        .send();
    while let Some(page) = scope.call(DETAILS, pages.try_next()).await? {
        for found in page.policies() {
            policy(scope, found).await?;
        }
        whole(scope, DETAILS, page.is_truncated(), page.marker())?;
    }
    Ok(())
}

async fn policy(scope: &Scope, found: &ManagedPolicyDetail) -> Result<(), ReadError> {
    let Some(arn) = found.arn() else { return Ok(()) };
    let name = found.policy_name().or_else(|| arn.rsplit('/').next()).unwrap_or(arn);
    let is_aws = arn.contains(":iam::aws:");
    let uses = found.attachment_count().unwrap_or(0) + found.permissions_boundary_usage_count().unwrap_or(0);
    if is_aws && uses == 0 {
        return Ok(());
    }
    let version = found.policy_version_list().iter().find(|version| version.is_default_version());
    let resource = scope
        .resource("aws.iam.policy", policy_uid(scope, arn), name)
        .set("PolicyName", name)
        .set("PolicyId", found.policy_id())
        .set("Arn", arn)
        .set("Path", found.path())
        .set("Scope", if is_aws { "AWS" } else { "Local" })
        .set("DefaultVersionId", found.default_version_id())
        .set("AttachmentCount", found.attachment_count())
        .set("PermissionsBoundaryUsageCount", found.permissions_boundary_usage_count())
        .set("IsAttachable", found.is_attachable())
        .set("CreateDate", found.create_date())
        .set("UpdateDate", found.update_date())
        .set("PolicyVersion", version.map(default_version));
    scope.emit(resource).await
}

fn default_version(found: &PolicyVersion) -> Value {
    object! {
        "VersionId" => found.version_id(),
        "IsDefaultVersion" => found.is_default_version(),
        "CreateDate" => found.create_date(),
        "Document" => found.document().map(decoded),
    }
}
