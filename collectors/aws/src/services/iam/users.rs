//! Users, with their row of the credential report, their keys and their MFA devices.

use super::report::Report;
use super::{DETAILS, attached, attr, boundary, inline, policy_uid, tags, whole};
use crate::attributes::object;
use crate::reader::{Detail, ReadError, Scope, side_by_side};
use aws_sdk_iam::Client;
use aws_sdk_iam::types::{AccessKeyMetadata, EntityType, UserDetail};
use serde_json::{Map, Value};
use std::collections::HashMap;

/// Users whose credentials are read at once; IAM throttles early.
const AT_ONCE: usize = 8;

pub(super) async fn users(scope: &Scope) -> Result<(), ReadError> {
    let client = Client::new(&scope.config);
    let groups = group_arns(scope, &client).await?;
    let mut report = None;
    let mut pages = client.get_account_authorization_details().filter(EntityType::User).into_paginator().send();
    while let Some(page) = scope.call(DETAILS, pages.try_next()).await? {
        let users = page.user_detail_list();
        if report.is_none() && !users.is_empty() {
            report = Some(Report::fetch(scope, &client).await);
        }
        if let Some(report) = &report {
            side_by_side(AT_ONCE, users.iter().map(|found| user(scope, &client, report, &groups, found))).await?;
        }
        whole(scope, DETAILS, page.is_truncated(), page.marker())?;
    }
    Ok(())
}

/// Users name their groups without path; an edge needs the ARN.
async fn group_arns(scope: &Scope, client: &Client) -> Result<HashMap<String, String>, ReadError> {
    let mut arns = HashMap::new();
    let mut pages = client.get_account_authorization_details().filter(EntityType::Group).into_paginator().send();
    while let Some(page) = scope.call(DETAILS, pages.try_next()).await? {
        for group in page.group_detail_list() {
            if let (Some(name), Some(arn)) = (group.group_name(), group.arn()) {
                arns.insert(name.to_owned(), arn.to_owned());
            }
        }
        whole(scope, DETAILS, page.is_truncated(), page.marker())?;
    }
    Ok(arns)
}

async fn user(
    scope: &Scope,
    client: &Client,
    report: &Report,
    groups: &HashMap<String, String>,
    found: &UserDetail,
) -> Result<(), ReadError> {
    let (Some(name), Some(arn)) = (found.user_name(), found.arn()) else { return Ok(()) };
    let keys = scope
        .detail("AccessKeyMetadata", "iam:ListAccessKeys", &[], {
            client.list_access_keys().user_name(name).into_paginator().items().send().collect::<Result<Vec<_>, _>>()
        })
        .await;
    let mut resource = scope
        .resource("aws.iam.user", arn, name)
        .set("UserName", name)
        .set("UserId", found.user_id())
        .set("Path", found.path())
        .set("CreateDate", found.create_date())
        .set("GroupList", found.group_list())
        .set("UserPolicyList", inline(found.user_policy_list()))
        .set("AttachedManagedPolicies", attached(found.attached_managed_policies()))
        .set("PermissionsBoundary", boundary(found.permissions_boundary()))
        .detail("CredentialReport", report.row(name))
        .detail("AccessKeyLastUsed", last_used(scope, client, &keys).await)
        .detail("AccessKeyMetadata", keys.map(|keys| keys.iter().map(key).collect::<Vec<_>>()))
        .detail("MFADevices", mfa_devices(scope, client, name).await)
        .tags(tags(found.tags()));
    for policy in found.attached_managed_policies() {
        resource = resource.edge("policy", policy.policy_arn().map(|arn| policy_uid(scope, arn)));
    }
    for group in found.group_list() {
        resource = resource.edge("group", groups.get(group));
    }
    scope.emit(resource).await
}

fn key(found: &AccessKeyMetadata) -> Value {
    object! {
        "AccessKeyId" => found.access_key_id(),
        "Status" => found.status().map(|status| status.as_str()),
        "CreateDate" => found.create_date(),
    }
}

/// When each key was last used, by key id; all of them or none.
async fn last_used(scope: &Scope, client: &Client, keys: &Detail<Vec<AccessKeyMetadata>>) -> Detail<Value> {
    let keys = match keys {
        Detail::Read(keys) => keys,
        Detail::Absent => return Detail::Absent,
        Detail::Unread(unread) => return Detail::Unread(unread.clone()),
    };
    let mut used = Map::new();
    for id in keys.iter().filter_map(AccessKeyMetadata::access_key_id) {
        let call = client.get_access_key_last_used().access_key_id(id).send();
        match scope.detail("AccessKeyLastUsed", "iam:GetAccessKeyLastUsed", &[], call).await {
            Detail::Read(answer) => {
                let last = answer.access_key_last_used().map(|last| {
                    object! {
                        "LastUsedDate" => last.last_used_date(),
                        "ServiceName" => last.service_name(),
                        "Region" => last.region(),
                    }
                });
                used.insert(id.to_owned(), attr(last));
            }
            Detail::Absent => {}
            Detail::Unread(unread) => return Detail::Unread(unread),
        }
    }
    Detail::Read(Value::Object(used))
}

async fn mfa_devices(scope: &Scope, client: &Client, user: &str) -> Detail<Vec<Value>> {
    let call = client.list_mfa_devices().user_name(user).into_paginator().items().send();
    scope.detail("MFADevices", "iam:ListMFADevices", &[], call.collect::<Result<Vec<_>, _>>()).await.map(|devices| {
        devices
            .iter()
            .map(|found| object! { "SerialNumber" => found.serial_number(), "EnableDate" => found.enable_date() })
            .collect()
    })
}
