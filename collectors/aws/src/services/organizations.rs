//! The organization, as its management account sees it, and its policies. In any other account there is nothing to list.

use crate::attributes::{document, object};
use crate::reader::{Detail, ReadError, Reader, Scope, reader, side_by_side};
use aws_sdk_organizations::Client;
use aws_sdk_organizations::types::{Organization, PolicySummary, PolicyType};
use serde_json::Value;

pub(super) const READERS: &[Reader] =
    &[reader!("organizations.organization", organization), reader!("organizations.policies", policies)];

const AT_ONCE: usize = 4;
const DESCRIBE: &str = "organizations:DescribeOrganization";

/// The organization that this account manages.
async fn managed(scope: &Scope, client: &Client) -> Result<Option<Organization>, ReadError> {
    let off = |code: &str, _: &str| code == "AWSOrganizationsNotInUseException";
    let answer = scope.unless_off(DESCRIBE, off, client.describe_organization().send()).await?;
    let found = answer.and_then(|answer| answer.organization);
    Ok(found.filter(|found| found.master_account_id() == Some(scope.account())))
}

async fn organization(scope: &Scope) -> Result<(), ReadError> {
    let client = Client::new(&scope.config);
    let Some(found) = managed(scope, &client).await? else { return Ok(()) };
    let (Some(id), Some(arn)) = (found.id(), found.arn()) else { return Ok(()) };
    let resource = scope
        .resource("aws.organizations.organization", arn, id)
        .set("Id", id)
        .set("Arn", arn)
        .set("FeatureSet", found.feature_set().map(|set| set.as_str()))
        .set("MasterAccountId", found.master_account_id())
        .set("MasterAccountArn", found.master_account_arn())
        .detail("Roots", roots(scope, &client).await)
        .detail("EnabledFeatures", features(scope).await)
        .detail("DelegatedAdministrators", administrators(scope, &client).await)
        .detail("EnabledServicePrincipals", services(scope, &client).await)
        .detail("ResourcePolicy", resource_policy(scope, &client).await)
        .edge("account", Some(scope.arn("iam", "root")));
    scope.emit(resource).await
}

async fn roots(scope: &Scope, client: &Client) -> Detail<Vec<Value>> {
    let call = client.list_roots().into_paginator().send().collect::<Result<Vec<_>, _>>();
    scope.detail("Roots", "organizations:ListRoots", &[], call).await.map(|pages| {
        pages
            .iter()
            .flat_map(|page| page.roots())
            .map(|root| {
                let types: Vec<Value> = root
                    .policy_types()
                    .iter()
                    .map(|kind| {
                        object! {
                            "Type" => kind.r#type().map(|t| t.as_str()),
                            "Status" => kind.status().map(|s| s.as_str()),
                        }
                    })
                    .collect();
                object! { "Id" => root.id(), "Arn" => root.arn(), "Name" => root.name(), "PolicyTypes" => types }
            })
            .collect()
    })
}

/// The features of central root access that are on; null when the organization has not let IAM in at all.
async fn features(scope: &Scope) -> Detail<Vec<String>> {
    let client = aws_sdk_iam::Client::new(&scope.config);
    let absent = &["ServiceAccessNotEnabledException", "OrganizationNotInAllFeaturesModeException"];
    let call = client.list_organizations_features().send();
    scope
        .detail("EnabledFeatures", "iam:ListOrganizationsFeatures", absent, call)
        .await
        .map(|answer| answer.enabled_features().iter().map(|feature| feature.as_str().to_owned()).collect())
}

async fn administrators(scope: &Scope, client: &Client) -> Detail<Vec<Value>> {
    let call = client.list_delegated_administrators().into_paginator().items().send();
    let permission = "organizations:ListDelegatedAdministrators";
    let answer = scope.detail("DelegatedAdministrators", permission, &[], call.collect::<Result<Vec<_>, _>>()).await;
    answer.map(|found| {
        found
            .iter()
            .map(|account| {
                object! {
                    "Id" => account.id(),
                    "Name" => account.name(),
                    "Status" => account.status().map(|status| status.as_str()),
                    "DelegationEnabledDate" => account.delegation_enabled_date(),
                }
            })
            .collect()
    })
}

async fn services(scope: &Scope, client: &Client) -> Detail<Vec<Option<String>>> {
    let call = client.list_aws_service_access_for_organization().into_paginator().send();
    let permission = "organizations:ListAWSServiceAccessForOrganization";
    let answer = scope.detail("EnabledServicePrincipals", permission, &[], call.collect::<Result<Vec<_>, _>>()).await;
    answer.map(|pages| {
        let services = pages.iter().flat_map(|page| page.enabled_service_principals());
        services.map(|service| service.service_principal().map(ToOwned::to_owned)).collect()
    })
}

async fn resource_policy(scope: &Scope, client: &Client) -> Detail<Option<Value>> {
    let absent = &["ResourcePolicyNotFoundException"];
    let call = client.describe_resource_policy().send();
    let answer = scope.detail("ResourcePolicy", "organizations:DescribeResourcePolicy", absent, call).await;
    answer.map(|answer| answer.resource_policy().and_then(|policy| policy.content()).map(document))
}

async fn policies(scope: &Scope) -> Result<(), ReadError> {
    let client = Client::new(&scope.config);
    if managed(scope, &client).await?.is_none() {
        return Ok(());
    }
    for kind in [PolicyType::ServiceControlPolicy, PolicyType::ResourceControlPolicy] {
        let mut pages = client.list_policies().filter(kind).into_paginator().send();
        while let Some(page) = scope.call("organizations:ListPolicies", pages.try_next()).await? {
            side_by_side(AT_ONCE, page.policies().iter().map(|found| policy(scope, &client, found))).await?;
        }
    }
    Ok(())
}

async fn policy(scope: &Scope, client: &Client, found: &PolicySummary) -> Result<(), ReadError> {
    let (Some(id), Some(arn)) = (found.id(), found.arn()) else { return Ok(()) };
    let call = client.describe_policy().policy_id(id).send();
    let content = scope.detail("Content", "organizations:DescribePolicy", &[], call).await;
    let call = client.list_targets_for_policy().policy_id(id).into_paginator().send();
    let targets = scope
        .detail("Targets", "organizations:ListTargetsForPolicy", &[], call.collect::<Result<Vec<_>, _>>())
        .await
        .map(|pages| {
            pages
                .iter()
                .flat_map(|page| page.targets())
                .map(|target| {
                    object! {
                        "TargetId" => target.target_id(),
                        "Name" => target.name(),
                        "Type" => target.r#type().map(|t| t.as_str()),
                    }
                })
                .collect::<Vec<_>>()
        });
    let resource = scope
        .resource("aws.organizations.policy", arn, found.name().unwrap_or(id))
        .set("Id", id)
        .set("Name", found.name())
        .set("Type", found.r#type().map(|kind| kind.as_str()))
        .set("AwsManaged", found.aws_managed())
        .detail("Content", content.map(|answer| answer.policy().and_then(|policy| policy.content()).map(document)))
        .detail("Targets", targets);
    scope.emit(resource).await
}
