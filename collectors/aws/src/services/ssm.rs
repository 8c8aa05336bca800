//! Systems Manager: what is known of parameters but their values, documents and whom they are shared with, the region's
//! settings, and managed instances.

use crate::attributes::object;
use crate::reader::{Detail, ReadError, Reader, Scope, reader, side_by_side};
use aws_sdk_ssm::Client;
use aws_sdk_ssm::types::{
    DocumentIdentifier, DocumentKeyValuesFilter, DocumentPermissionType, InstanceInformation, ParameterMetadata,
};

pub(super) const READERS: &[Reader] = &[
    reader!("ssm.parameters", parameters),
    reader!("ssm.documents", documents),
    reader!("ssm.settings", settings),
    reader!("ssm.instances", instances),
];

const AT_ONCE: usize = 4;

async fn parameters(scope: &Scope) -> Result<(), ReadError> {
    let client = Client::new(&scope.config);
    let mut pages = client.describe_parameters().max_results(50).into_paginator().send();
    while let Some(page) = scope.call("ssm:DescribeParameters", pages.try_next()).await? {
        for found in page.parameters() {
            if let Some(name) = found.name() {
                scope.emit(parameter(scope, found, name)).await?;
            }
        }
    }
    Ok(())
}

fn parameter(scope: &Scope, found: &ParameterMetadata, name: &str) -> crate::reader::Build {
    let arn = found
        .arn()
        .map_or_else(|| scope.arn("ssm", &format!("parameter/{}", name.trim_start_matches('/'))), ToOwned::to_owned);
    scope
        .resource("aws.ssm.parameter", &arn, name)
        .set("Name", name)
        .set("ARN", &arn)
        .set("Type", found.r#type().map(|word| word.as_str()))
        .set("KeyId", found.key_id())
        .set("Tier", found.tier().map(|word| word.as_str()))
        .set("DataType", found.data_type())
        .set("Version", found.version())
        .set("LastModifiedDate", found.last_modified_date())
        .set("LastModifiedUser", found.last_modified_user())
        .set(
            "Policies",
            found
                .policies()
                .iter()
                .map(|policy| {
                    object! { "PolicyType" => policy.policy_type(), "PolicyStatus" => policy.policy_status() }
                })
                .collect::<Vec<_>>(),
        )
        .edge("key", found.key_id().and_then(|key| super::kms::key_uid(scope, key)))
}

async fn documents(scope: &Scope) -> Result<(), ReadError> {
    let client = Client::new(&scope.config);
    let own = DocumentKeyValuesFilter::builder().key("Owner").values("Self").build();
    let mut pages = client.list_documents().filters(own).max_results(50).into_paginator().send();
    while let Some(page) = scope.call("ssm:ListDocuments", pages.try_next()).await? {
        side_by_side(AT_ONCE, page.document_identifiers().iter().map(|found| document(scope, &client, found))).await?;
    }
    Ok(())
}

async fn document(scope: &Scope, client: &Client, found: &DocumentIdentifier) -> Result<(), ReadError> {
    let Some(name) = found.name() else { return Ok(()) };
    let shared = shared_with(scope, client, name).await;
    let resource = scope
        .resource("aws.ssm.document", scope.arn("ssm", &format!("document/{name}")), name)
        .set("Name", name)
        .set("Owner", found.owner())
        .set("CreatedDate", found.created_date())
        .set("DocumentType", found.document_type().map(|word| word.as_str()))
        .set("DocumentFormat", found.document_format().map(|word| word.as_str()))
        .set("DocumentVersion", found.document_version())
        .set("PlatformTypes", found.platform_types().iter().map(|word| word.as_str()).collect::<Vec<_>>())
        .set("TargetType", found.target_type())
        .detail("AccountIds", shared)
        .tags(found.tags().iter().map(|tag| (tag.key(), tag.value())));
    scope.emit(resource).await
}

/// The accounts that a document is shared with; `all` is everybody.
async fn shared_with(scope: &Scope, client: &Client, name: &str) -> Detail<Vec<String>> {
    let mut accounts = Vec::new();
    let mut next: Option<String> = None;
    loop {
        let call = client
            .describe_document_permission()
            .name(name)
            .permission_type(DocumentPermissionType::Share)
            .set_next_token(next)
            .send();
        match scope.detail("AccountIds", "ssm:DescribeDocumentPermission", &[], call).await {
            Detail::Read(page) => {
                accounts.extend_from_slice(page.account_ids());
                next = page.next_token.filter(|token| !token.is_empty());
            }
            Detail::Absent => return Detail::Absent,
            Detail::Unread(unread) => return Detail::Unread(unread),
        }
        if next.is_none() {
            return Detail::Read(accounts);
        }
    }
}

async fn settings(scope: &Scope) -> Result<(), ReadError> {
    let client = Client::new(&scope.config);
    let call = client.get_service_setting().setting_id("/ssm/documents/console/public-sharing-permission").send();
    let sharing = scope
        .detail("PublicSharingPermission", "ssm:GetServiceSetting", &[], call)
        .await
        .map(|answer| answer.service_setting().and_then(|setting| setting.setting_value().map(ToOwned::to_owned)));
    let uid = scope.arn("ssm", "servicesetting/ssm/documents/console/public-sharing-permission");
    scope.emit(scope.resource("aws.ssm.settings", uid, scope.region()).detail("PublicSharingPermission", sharing)).await
}

async fn instances(scope: &Scope) -> Result<(), ReadError> {
    let client = Client::new(&scope.config);
    let mut pages = client.describe_instance_information().max_results(50).into_paginator().send();
    while let Some(page) = scope.call("ssm:DescribeInstanceInformation", pages.try_next()).await? {
        for found in page.instance_information_list() {
            if let Some(id) = found.instance_id() {
                scope.emit(instance(scope, found, id)).await?;
            }
        }
    }
    Ok(())
}

fn instance(scope: &Scope, found: &InstanceInformation, id: &str) -> crate::reader::Build {
    let ec2 = id.starts_with("i-").then(|| scope.arn("ec2", &format!("instance/{id}")));
    let uid = scope.arn("ssm", &format!("managed-instance/{id}"));
    scope
        .resource("aws.ssm.managed_instance", uid, found.name().or(found.computer_name()).unwrap_or(id))
        .set("InstanceId", id)
        .set("PingStatus", found.ping_status().map(|word| word.as_str()))
        .set("LastPingDateTime", found.last_ping_date_time())
        .set("AgentVersion", found.agent_version())
        .set("IsLatestVersion", found.is_latest_version())
        .set("PlatformType", found.platform_type().map(|word| word.as_str()))
        .set("PlatformName", found.platform_name())
        .set("PlatformVersion", found.platform_version())
        .set("ResourceType", found.resource_type().map(|word| word.as_str()))
        .set("RegistrationDate", found.registration_date())
        .set("IamRole", found.iam_role())
        .set("Name", found.name())
        .set("ComputerName", found.computer_name())
        .set("AssociationStatus", found.association_status())
        .edge("instance", ec2)
}
